"""Problems by digest, the SHA-256 of the bytes that describe them: JSON or msgpack, whatever the client wrote.

A problem travels once. It is kept in memory, and as a file in a folder that all engine processes of a server share, so
that what one of them was sent all of them know. Both are bounded: what was not asked for longest goes first, and the
client is told to send it again. Where the folder cannot be written to problems are held in memory only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from ...sandbox.bounded import Bounded
from ...sandbox.shortage import in_thread, refused
from ...sandbox.turns import Turns
from ..datasets.misspelt import misspelt, together
from ..datasets.native import DataTests, Native, lacks_data
from ..datasets.row_reader import arguments_checked
from ..prepared import Prepared
from ..problem import Checker, Problem, TestCase
from .decode import JSON, MSGPACK, Decoder, bad_field
from .errors import BadRequest, Conflict, UnknownProblem
from .labels import Made
from .settings import Caps
from .values import check_texts

PART = "."
"""How the name of a file begins that is being written."""
PART_SECONDS = 60.0
"""After which nobody writes it any more: who did was killed."""
LARGE = 64 * 1024
"""Bytes from which hashing leaves the event loop, and a problem is read a test at a time."""
_problems = Decoder(Problem)
_tests = Decoder(TestCase)
_data_tests = Decoder(DataTests)
_strings = Decoder(str)
_FIELDS = together(Problem, msgspec.defstruct("Programs", [("submissions", msgspec.Raw)]))
"""A row has its programs as well; they are looked at where they are judged."""


class Held(msgspec.Struct, frozen=True):
    """A problem that can be judged."""

    digest: str
    problem: Problem
    warnings: tuple[str, ...] = ()
    """What to say of fields that are not read."""


class Problems:
    """All problems that this engine process can reach."""

    def __init__(
        self,
        folder: Path,
        caps: Caps,
        preset: Checker | None,
        *,
        memory: int,
        disk: int,
        read: Callable[[str, bytes, str], Awaitable[Made]],
        trouble: Callable[[str | None], None],
    ) -> None:
        """``read`` makes a problem of a row of any format, of a client, in a media type. ``trouble`` is told, in a
        thread, why a problem was not written; None: one was."""
        self._folder = folder
        self._caps = caps
        self._preset = preset
        self.in_memory: Bounded[str, Held] = Bounded(memory)
        self._disk = disk
        self._read = read
        self.on_disk = 0
        """Bytes in the folder when it was looked at last."""
        self._trouble = trouble

    def __len__(self) -> int:
        return len(self.in_memory)

    def held(self, digest: str) -> Held | None:
        """Only what is in memory."""
        return self.in_memory.get(digest)

    async def named(self, raw: msgspec.Raw, media: str, path: str, client: str = "") -> Held:
        """The problem that a request names: by digest, or by writing it down. ``client``: whose turn it is to have it
        read, where that takes one."""
        data = bytes(raw)
        if is_text(data, media):
            return await self.get(_strings.decode(data, media, path), client)
        digest = await _digest(data)
        return self.in_memory.get(digest) or await self._hold(digest, data, media, path, client)

    async def get(self, digest: str, client: str = "") -> Held:
        """Raises UnknownProblem."""
        held = self.in_memory.get(digest)
        if held is not None:
            return held
        data = await self.data(digest)
        return self.in_memory.get(digest) or await self._hold(digest, data, kind(data), "$", client)

    async def data(self, digest: str) -> bytes:
        """As it was registered. Raises UnknownProblem."""
        file = self._file(digest)
        data = await in_thread(_read, file)
        if data is not None and await _digest(data) != digest:  # damaged: it can be registered again
            await in_thread(_remove, file)
            data = None
        if data is None:
            raise UnknownProblem("this problem is not registered here", digests=[digest])
        return data

    async def register(self, digest: str, data: bytes, media: str, client: str = "") -> tuple[Held, bool]:
        """Keep a problem for later requests. Whether other engine processes will find it."""
        self._file(digest)
        found = await _digest(data)
        if found != digest:
            raise Conflict(f"the SHA-256 of the body is {found}, the address says {digest}")
        if kind(data) != media:
            raise BadRequest(f"the body is not {media}", path="$")
        held = self.in_memory.get(digest) or await self._hold(digest, data, media, "$", client)
        return held, await in_thread(self._write, digest, data)

    async def _hold(self, digest: str, data: bytes, media: str, path: str, client: str) -> Held:
        held = await self._look_at(digest, data, media, path, client)
        meanwhile = self.in_memory.get(digest)
        if meanwhile is None:
            self.in_memory[digest] = held, held.problem.size
        return meanwhile or held

    async def _look_at(self, digest: str, data: bytes, media: str, path: str, client: str) -> Held:
        """Raises BadRequest, TooLarge."""
        ours = True
        try:
            problem = await self._own(data, media, path)
            if lacks_data(problem):
                _data_tests.decode(data, media, path)
        except BadRequest:  # of another format; or a reader says what is wrong
            try:
                made = await self._read(client, data, media)
            except BadRequest as refusal:
                raise BadRequest(str(refusal), path=path + (refusal.path or "$").removeprefix("$")) from None
            problem = await self._own(made.problems[0].data, MSGPACK, path)
            ours = made.form == Native.name
        try:
            await check(problem, self._caps, self._preset)
        except ValueError as error:
            raise bad_field(error, path) from None
        told = partial(misspelt, _FIELDS, data, msgpack=media == MSGPACK)
        slips = () if not ours else told() if len(data) < LARGE else await in_thread(told)
        return Held(digest, problem, tuple(map(str, slips)))

    async def _own(self, data: bytes, media: str, path: str) -> Problem:
        """Raises BadRequest."""
        if len(data) < LARGE:
            return _problems.decode(data, media, path)
        opened, turns = _opened_problems.decode(data, media, path), Turns()
        tests: list[TestCase] = []
        try:
            check_number(len(opened.tests), self._caps.tests)
            for number, test in enumerate(opened.tests):
                tests.append(_tests.decode(test, media, f"{path}.tests[{number}]"))
                await turns.pass_on()
            given: dict[str, Any] = msgspec.structs.asdict(opened) | {"tests": tuple(tests)}
            return Problem(**{name: value for name, value in given.items() if value is not msgspec.UNSET})
        except ValueError as error:
            raise bad_field(error, path) from None

    # -- the folder; in threads

    def _file(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise BadRequest("a digest is 64 hexadecimal digits, lower case", path="digest")
        return self._folder / digest

    def _write(self, digest: str, data: bytes) -> bool:
        """Whether it is there now."""
        file = self._folder / digest
        try:
            if file.exists() and file.stat().st_size == len(data):
                return True
            self._folder.mkdir(parents=True, exist_ok=True)
            self._put(file, data)
            self.make_room()
        except OSError as error:
            self._trouble(f"{self._folder}: {error.strerror or error}")
            return False
        self._trouble(None)
        return True

    def _put(self, file: Path, data: bytes) -> None:
        """All of it, or nothing."""
        descriptor, part = tempfile.mkstemp(prefix=PART, dir=self._folder)
        try:
            with open(descriptor, "wb") as writing:
                writing.write(data)
            os.replace(part, file)
        except BaseException:
            _remove(Path(part))
            raise

    def make_room(self) -> None:
        """Remove what was asked for longest ago, where there is too much, and what was left half written."""
        files: list[tuple[float, int, Path]] = []
        for file in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                stat = file.stat()
                if not file.name.startswith(PART):
                    files.append((stat.st_mtime, stat.st_size, file))
                elif time.time() - stat.st_mtime > PART_SECONDS:
                    file.unlink()
        total = sum(size for _, size, _ in files)
        for _, size, file in sorted(files)[:-1]:
            if total <= self._disk:
                break
            file.unlink(missing_ok=True)
            total -= size
        self.on_disk = total


def is_text(data: bytes, media: str) -> bool:
    """Whether a value is a text, by its first byte."""
    return data[:1] == b'"' if media == JSON else data[0] >> 5 == 5 or data[0] in (0xD9, 0xDA, 0xDB)


def kind(data: bytes) -> str:
    """The media type of an object: the first byte of one in JSON is none of one in msgpack."""
    return MSGPACK if data[:1] and (data[0] >> 4 == 8 or data[0] in (0xDE, 0xDF)) else JSON


def _opened() -> type[Any]:
    """A problem whose tests have not been read; bounds are not looked at, either."""
    hints = get_type_hints(Problem) | {"tests": tuple[msgspec.Raw, ...]}
    fields: list[Any] = [
        (field.name, hints[field.name])
        if field.required
        else (field.name, hints[field.name] | msgspec.UnsetType, msgspec.UNSET)
        for field in msgspec.structs.fields(Problem)
    ]
    return msgspec.defstruct("Opened", fields)


_opened_problems = Decoder(_opened())


def check_number(tests: int, most: int) -> None:
    """Raises ValueError."""
    if tests > most:
        raise ValueError(f"tests: {tests} of them; this server allows {most}")


async def check(problem: Problem, caps: Caps, preset: Checker | None) -> None:
    """Raises ValueError, ``field: reason``, for a problem that makes no sense, or asks for more than is allowed;
    TooLarge."""
    check_number(len(problem.tests), caps.tests)
    allowed: dict[str, float] = {
        "cpu_time": caps.cpu_time,
        "compile_time": caps.cpu_time,
        "idle_time": caps.wall_time,
        "wall_time": caps.wall_time,
        "memory": caps.memory,
        "output": caps.output,
        "stderr": caps.output,
        "file_size": caps.output,
        "threads": caps.threads,
        "open_files": caps.threads,
    }
    for field, limits in (("limits", problem.effective_limits), ("checker.limits", problem.checker.limits)):
        if limits is None:
            continue
        asked = msgspec.structs.asdict(limits) | {"idle_time": limits.idle_seconds, "wall_time": limits.wall_seconds}
        for name, most in allowed.items():
            if asked[name] > most:
                raise ValueError(f"{field}.{name}: {asked[name]:g} is more than this server allows ({most:g})")
    if problem.mode == "call":
        turns = Turns()
        await check_texts((text for test in problem.tests for text in (test.input, test.output)), caps.values)
        for _ in arguments_checked(problem):
            await turns.pass_on()
    await Prepared.in_turns(problem, preset)


async def _digest(data: bytes) -> str:
    if len(data) < LARGE:
        return hashlib.sha256(data).hexdigest()
    return (await in_thread(hashlib.sha256, data)).hexdigest()


def _read(file: Path) -> bytes | None:
    """None where it is not there, or cannot be read. Raises OSError where this process lacks something for it."""
    try:
        with contextlib.suppress(OSError):
            os.utime(file)  # asked for now
        return file.read_bytes()
    except OSError as error:
        if refused(error):
            raise
        return None


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()
