"""The host's end of one jail: sends programs, receives executions, notices when something is wrong.

A worker is good until it broke a rule. Whatever is odd (it ended, sent a frame that does not decode, fell silent)
becomes WorkerFailure; the worker is then killed, never repaired, and the program runs again elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence

from .alarm import Alarm
from .errors import HostShortage, JailUnavailable, WorkerFailure
from .execution import Execution
from .kinds import PYTHON, Kind
from .launcher import Launcher
from .limits import MIB, Limits
from .protocol import (
    Command,
    CompileError,
    Drop,
    End,
    FrameReader,
    FromRunner,
    Job,
    JobLimits,
    Load,
    Mode,
    Ready,
    Results,
    Run,
    Shortage,
    Signature,
    executions,
    frame,
)
from .protocol import parts as frame_parts
from .shortage import refusals

START_SECONDS = 30.0
GRACE_SECONDS = 15.0
CLOSE_SECONDS = 2.0
END_SECONDS = 0.02
"""An end that nothing waits for is put off so long: mostly the next program comes first, and is an end as well."""
INPUT_BYTES = 64 * MIB
INPUT_PROBLEMS = 256
HELD_BYTES = 4 * MIB
"""Of results that nobody has looked at. With more, nothing is read, and the runner waits before its next test."""
JOINED_BYTES = MIB // 4
"""What is written in one piece. More than that is not copied for it."""
LANE_BYTES = 4 * MIB
"""What a lane may send beyond the output of one test; the runner has the same constant."""
LANE_TESTS = 32
"""Most tests in a lane; the runner has the same constant."""
LANE_SLICE = 0.010
"""Processor seconds after which a lane takes no further test; the runner has the same constant."""

_keys = itertools.count(1)


class Inputs:
    """The inputs of a problem's tests, as they travel to workers: once each."""

    def __init__(self, blobs: Sequence[bytes]) -> None:
        self.key = next(_keys)
        self.blobs = tuple(blobs)
        self.size = sum(map(len, self.blobs))


class Work:
    """One program for a worker: which tests, in which order, under which limits.

    ``command`` says how a program that is not Python is started; ``files`` are found by each test in its folder,
    and those in ``collect`` come back as its result. An ``executable`` that many works share takes the place of
    ``source`` and travels once, as inputs do.
    """

    def __init__(
        self,
        *,
        inputs: Inputs,
        source: bytes,
        tests: Sequence[int],
        limits: Limits,
        prelude: bytes = b"",
        mode: Mode = "stdio",
        entry_class: str | None = None,
        entry_point: str | None = None,
        signature: Signature | None = None,
        guarded: bool = False,
        lanes: bool = True,
        first_lane: int = LANE_TESTS,
        alone: Sequence[int] = (),
        command: Command | None = None,
        files: Mapping[str, bytes] | None = None,
        collect: Sequence[str] = (),
        executable: Inputs | None = None,
    ) -> None:
        files = files or {}
        self.inputs = inputs
        self.executable = executable
        self.blobs = (prelude, source, *files.values())
        self.limits = limits
        self.job = Job(
            number=0,
            key=inputs.key,
            mode=mode,
            entry_class=entry_class,
            entry_point=entry_point,
            signature=signature,
            tests=list(tests),
            guarded=guarded,
            lanes=lanes and mode in ("stdio", "call"),
            first_lane=first_lane,
            alone=list(alone),
            limits=JobLimits(
                cpu_time=limits.cpu_time,
                idle_time=limits.idle_seconds,
                wall_time=limits.wall_seconds,
                compile_time=limits.compile_time,
                memory=limits.memory,
                output=limits.output,
                stderr=limits.stderr,
                file_size=limits.file_size,
                open_files=limits.open_files,
                threads=limits.threads,
                int_digits=limits.int_digits,
            ),
            prelude=len(prelude),
            files=[(name, len(data)) for name, data in files.items()],
            collect=list(collect),
            command=command,
            executable=executable.key if executable is not None else None,
        )

    @property
    def silence(self) -> float:
        """Longest time between two frames of a worker in good health, even on a loaded machine."""
        return self.limits.wall_seconds + 10 * self.limits.compile_time + GRACE_SECONDS

    @property
    def most_bytes(self) -> int:
        return LANE_BYTES + 2 * (2 * self.limits.output + self.limits.stderr) + MIB


class Worker(asyncio.Protocol):
    """One jail. ``start``, then any number of ``begin`` … ``end``, then ``close``."""

    def __init__(self, launcher: Launcher, kind: Kind = PYTHON) -> None:
        self.kind = kind
        self._launcher = launcher
        self._frames: deque[tuple[FromRunner, bytes]] = deque()
        self._held = 0
        """Bytes in these frames."""
        self._waiter: asyncio.Future[None] | None = None
        self._silence = Alarm(self._silent)
        """While somebody waits."""
        self._failure: WorkerFailure | None = None
        self._reader = FrameReader(MIB)
        self._loaded: OrderedDict[int, int] = OrderedDict()
        self._closing = False
        self._gone = asyncio.Event()
        """The outermost process has ended."""
        self.jobs = 0
        self.worn = False
        """The runner asked to be replaced."""
        self.work: Work | None = None
        self._tests: frozenset[int] = frozenset()
        self._awaited: set[int] = set()
        """Tests of the work that there is no result of yet."""
        self._waits = False
        """The runner goes on only when it is told to."""
        self._ending = Alarm(self._send_end)
        """Of a program, when nothing waits for it and no other comes before."""

    # -- life

    async def start(self) -> None:
        """Raises JailUnavailable, HostShortage. Whatever it raises, ``close`` has to be awaited."""
        loop = asyncio.get_running_loop()
        name = self._launcher.jail.name
        self._jailed = self._launcher.start(self.kind)
        # The socket is held inside: it does not tell when only the outermost process ends.
        loop.add_reader(self._jailed.ended, self._ended)
        try:
            self._transport, _ = await loop.create_connection(lambda: self, sock=self._jailed.socket)
            self._write(self._jailed.greeting)
            message, _ = await self._receive(START_SECONDS)
            if isinstance(message, Shortage):
                raise HostShortage(f"{name}: the jail does not start: {message.why}")
            if not isinstance(message, Ready):
                raise WorkerFailure("the first frame is not ready")
            with refusals(name):
                self._jailed.know_inside()
        except HostShortage:
            raise
        except WorkerFailure as failure:
            said = self._jailed.said()
            raise JailUnavailable(f"{name}: the jail does not start: {failure}\n{said}".rstrip()) from failure

    @property
    def pid(self) -> int:
        """The outermost process of the jail, on the host."""
        return self._jailed.process.pid

    @property
    def healthy(self) -> bool:
        return self._failure is None

    def has(self, inputs: Inputs) -> bool:
        return inputs.key in self._loaded

    def kill(self) -> None:
        """End the jail now; ``close`` still has to be awaited."""
        self._fail(WorkerFailure("killed"))
        self.kill_jail()

    def kill_jail(self) -> None:
        """From any thread: who waits for the worker is told by its event loop."""
        if hasattr(self, "_jailed"):
            self._jailed.kill()

    def bury(self) -> None:
        """``close``, where the event loop has ended."""
        if hasattr(self, "_jailed"):
            self._jailed.bury()

    async def close(self) -> None:
        """Let the runner end; kill it when it does not. Nothing is left of it afterwards."""
        self._closing = True
        self._ending.close()
        self._silence.close()
        if not hasattr(self, "_jailed"):
            return
        if hasattr(self, "_transport"):
            self._transport.abort()
        else:
            self._jailed.socket.close()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._gone.wait()
        finally:
            asyncio.get_running_loop().remove_reader(self._jailed.ended)
            self._jailed.bury()

    # -- programs

    def begin(self, work: Work) -> None:
        """Send a program. The previous one must have been ended."""
        if self.work is not None:
            raise RuntimeError("a program is already running on this worker")
        self.work = work
        self._tests = frozenset(work.job.tests)
        self._awaited = set(self._tests)
        self._waits = work.job.first_lane < LANE_TESTS
        self.jobs += 1
        work.job.number = self.jobs
        self._reader.max_blob = max(self._reader.max_blob, work.most_bytes)
        parts = self._load([work.inputs] if work.executable is None else [work.inputs, work.executable])
        parts += frame_parts(work.job, *work.blobs)
        self._ending.off()
        self._write(*parts)

    def _load(self, wanted: list[Inputs]) -> list[bytes]:
        """Frames that bring what the worker lacks, and drop what has not been used for the longest time."""
        lacking = [inputs for inputs in wanted if inputs.key not in self._loaded]
        for inputs in wanted:
            self._loaded[inputs.key] = inputs.size
            self._loaded.move_to_end(inputs.key)
        dropped: list[int] = []
        held = sum(self._loaded.values())
        while len(self._loaded) > len(wanted) and (held > INPUT_BYTES or len(self._loaded) > INPUT_PROBLEMS):
            key, size = self._loaded.popitem(last=False)
            dropped.append(key)
            held -= size
        parts = [frame(Drop(dropped))] if dropped else []
        for inputs in lacking:
            parts += frame_parts(Load(inputs.key, [len(blob) for blob in inputs.blobs]), *inputs.blobs)
        return parts

    async def receive(self) -> str | list[Execution]:
        """What came of the program next: executions, or the compiler's words. Raises WorkerFailure; HostShortage where
        nothing is wrong with the worker, but nothing more will come either."""
        assert self.work is not None
        while True:
            message, blob = await self._receive(self.work.silence)
            match message:
                case Results(job=int(job)) | CompileError(job=int(job)) | Shortage(job=int(job)) if job < self.jobs:
                    pass  # of an earlier program, sent before it heard that it was ended
                case Results(job=job) if job == self.jobs:
                    self.worn = self.worn or message.worn
                    try:
                        found = executions(message, blob)
                    except WorkerFailure as failure:
                        raise self.reject(failure) from None
                    if any(execution.test not in self._tests for execution in found):
                        raise self.reject(WorkerFailure("a result for a test that was not asked for"))
                    self._awaited.difference_update(execution.test for execution in found)
                    return found
                case CompileError(job=job) if job == self.jobs:
                    self._awaited.clear()
                    return message.why
                case Shortage(job=None):
                    raise self.reject(HostShortage(message.why))
                case Shortage(job=job) if job == self.jobs:
                    raise HostShortage(message.why)
                case _:
                    raise self.reject(WorkerFailure(f"unexpected frame {type(message).__name__}"))

    def reject(self, failure: WorkerFailure) -> WorkerFailure:
        """The worker lied: end it. Returns the failure, to be raised."""
        self._fail(failure)
        self._jailed.kill()
        return failure

    def go_on(self, again: Sequence[int]) -> None:
        """More is wanted; first these tests again, each in a process of its own."""
        if again or self._waits:
            self._waits = False
            self._awaited.update(again)
            self._write(frame(Run(list(again))))

    def end(self) -> None:
        """Nothing more is wanted of the program; whatever still runs of it is killed."""
        if self.work is None:
            return
        self.work = None
        if self._awaited:
            self._send_end()
        else:
            self._ending.set(END_SECONDS)

    def _send_end(self) -> None:
        if self.healthy:
            with contextlib.suppress(WorkerFailure):
                self._write(frame(End()))

    # -- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._reader.feed(data)
        except WorkerFailure as failure:
            self.reject(failure)
            return
        self._frames.extend(frames)
        self._held += sum(len(blob) for _, blob in frames)
        if self._held > HELD_BYTES:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._fail(WorkerFailure(f"the jail ended {self._jailed.last_words()}".rstrip()))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._closing:
            return
        self._fail(WorkerFailure(f"the jail ended {exc or ''} {self._jailed.last_words()}".rstrip()))

    # -- within

    async def _receive(self, timeout: float) -> tuple[FromRunner, bytes]:
        while not self._frames:
            if self._failure is not None:
                raise self._failure
            self._waiter = asyncio.get_running_loop().create_future()
            self._silence.set(timeout)
            try:
                await self._waiter
            finally:
                self._silence.off()
                self._waiter = None
        message, blob = self._frames.popleft()
        held, self._held = self._held, self._held - len(blob)
        if held > HELD_BYTES >= self._held and not self._transport.is_closing():
            self._transport.resume_reading()
        return message, blob

    def _write(self, *parts: bytes) -> None:
        if self._failure is not None or self._transport.is_closing():
            raise self._failure or self._fail(WorkerFailure("the jail ended"))
        if sum(map(len, parts)) <= JOINED_BYTES:
            self._transport.write(b"".join(parts))
        else:
            self._transport.writelines(parts)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._jailed.ended)
        self._gone.set()
        if not self._closing:
            self.reject(WorkerFailure(f"the jail ended {self._jailed.last_words()}".rstrip()))

    def _silent(self) -> None:
        self.reject(WorkerFailure(f"silent for {self._silence.seconds:.0f} seconds"))

    def _fail(self, failure: WorkerFailure) -> WorkerFailure:
        if self._failure is None:
            self._failure = failure
        self._wake()
        return failure

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
