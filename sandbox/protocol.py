"""Frames between the host and the runner in the jail, over one stream socket.

A frame is ``!II`` (length of the JSON text, length of the blob), the JSON text, the blob. The JSON text is one of the
structs below, told apart by ``type``. The host treats every frame as untrusted: lengths are capped before anything is
read, the text is decoded by type, and whatever does not fit ends the worker.

    host ──▶ runner                                   runner ──▶ host
    configure   once; blob: seccomp filters           ready         once, the pool may use the worker
    load        inputs of a problem; blob: inputs
    drop        forget the inputs of problems
    job         one program; blob: prelude, source,   compile_error no results will come
                files
    run         run these tests again, each in a      results       of one or more tests; blob: stdout, stderr and
                process of its own                                  result of each, in the order of the rows
    end         of the job, at any time; any other frame  shortage      of the host: no more results will come
                but run ends it as well

What comes from the jail carries the number of its job: what was on its way when the host ended the job is ignored.
Test inputs travel once per problem and worker; the host decides which the runner keeps, so both always agree.
Expected outputs never travel.
"""

from __future__ import annotations

import struct
from typing import Annotated, Literal

import msgspec

from .errors import WorkerFailure
from .execution import Execution, Outcome
from .kinds import Starts

HEADER = struct.Struct("!II")
MAX_TEXT = 4 << 20
"""Most bytes of JSON in a frame from the jail."""

# ---------------------------------------------------------------------------------------------- host to runner


class Configure(msgspec.Struct, tag="configure"):
    become: int | None
    """User and group to become once the jail stands; None: already that user."""
    runner_filter: int
    """Bytes of the blob that are the runner's filter; the rest is the one that tests add."""
    pid_slots: list[int]
    """Offsets in the tests' filter where a test process writes its own pid."""
    packages: list[str]
    """Modules of the operator that are imported ahead, for programs that import them."""
    testing: list[str]
    """Folders that the processes of tests import from besides."""
    path: list[str]
    work: str
    temporary: str
    starts: Starts


class Load(msgspec.Struct, tag="load"):
    key: int
    sizes: list[int]


class Drop(msgspec.Struct, tag="drop"):
    keys: list[int]


class JobLimits(msgspec.Struct):
    """Limits with every default filled in; seconds and bytes."""

    cpu_time: float
    idle_time: float
    wall_time: float
    compile_time: float
    memory: int
    output: int
    stderr: int
    file_size: int
    open_files: int
    threads: int
    int_digits: int


Mode = Literal["stdio", "call", "calls", "linked", "together", "unknown"]
"""A program; a function of it; and of tests that are assertions: calls for one that was read, a process of its own
beside the program's, one with it, and one without any program. inside/ has a file for each.

A linked job has two tests: the program's process, and that of the test, whose standard input is what it is asked. That
of a job together is given its input when the program has come to its last line."""


class Signature(msgspec.Struct, array_like=True):
    """What is known of a function, or of the methods of a class, beyond its name; see inside/leetcode.py."""

    methods: dict[str, list[tuple[str, int] | None]] = {}
    """What the parameters are, then the result: the class of nodes, and how many lists are around it."""
    void: list[str] = []
    """Those that return nothing."""
    fields: list[str] = []
    """Of the class Node."""
    values: bool = False
    """Of a node that is returned its value is expected."""
    in_place: bool = False
    """Where the function returns None, its first argument is expected."""
    copies: bool = False
    """Other nodes are expected than those that were given."""


class Command(msgspec.Struct):
    """How an executable is started. Paths that are not absolute are in the working folder."""

    argv: list[str]
    executable: str | None = None
    """The file to execute; None: the source of the job is the executable, and is never a file."""
    environment: dict[str, str] = {}
    address_space: bool = True
    """Whether address space is limited. Runtimes that reserve it by the gigabyte need it without."""
    stack: int | None = None
    """Most bytes of the main thread's stack; None: the memory limit. Runtimes give every thread as much."""
    memory_words: list[str] = []
    """What a program that crashed for want of memory has said last, on standard error."""
    named_streams: bool = False
    """Whether the program opens its streams by name."""


class Job(msgspec.Struct, tag="job"):
    number: int
    """Counted by the worker."""
    key: int
    mode: Mode
    entry_class: str | None
    entry_point: str | None
    signature: Signature | None
    """None: the annotations of the program say which arguments are nodes."""
    tests: list[int]
    guarded: bool
    """Compile in a process of its own: the program may have ended the runner of another worker."""
    lanes: bool
    first_lane: int
    """Most tests in the first lane. Fewer than a lane may have: a failure is likely, and after the first results the
    runner waits for a word from the host, so that nothing is run in vain."""
    alone: list[int]
    """Tests that share no lane: those known to take long."""
    limits: JobLimits
    prelude: int
    """Bytes of the blob that are the prelude; the source follows."""
    files: list[tuple[str, int]]
    """Name and size of files that each test finds in its working folder; their bytes end the blob."""
    collect: list[str]
    """Files that come back as the result of a test, see ``collected``."""
    command: Command | None
    """None: the source is Python, run by the runner's own interpreter."""
    executable: int | None
    """Key of loaded inputs that are the executable, instead of the source."""


class Run(msgspec.Struct, tag="run"):
    """Go on, and first run these again, each in a process of its own."""

    tests: list[int]


class End(msgspec.Struct, tag="end"):
    pass


# ---------------------------------------------------------------------------------------------- runner to host


class Ready(msgspec.Struct, tag="ready", forbid_unknown_fields=True):
    python: tuple[int, int, int]


Natural = Annotated[int, msgspec.Meta(ge=0, le=1 << 48)]
Elapsed = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
LimitName = Literal["cpu_time", "idle_time", "wall_time", "memory", "output"]


class Row(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """One test. The last three are sizes of its shares of the blob."""

    test: Natural
    outcome: Outcome
    limit: LimitName | None
    exit_code: Byte | None
    signal: Byte | None
    cpu_time: Elapsed
    wall_time: Elapsed
    memory: Natural
    fresh: bool
    stdout: Natural
    stderr: Natural
    result: Natural


class CompileError(msgspec.Struct, tag="compile_error", forbid_unknown_fields=True):
    job: Natural
    why: str
    """What the compiler said."""


class Results(msgspec.Struct, tag="results", forbid_unknown_fields=True):
    job: Natural
    worn: bool
    """The runner would rather be replaced."""
    rows: list[Row]


class Shortage(msgspec.Struct, tag="shortage", forbid_unknown_fields=True):
    job: Natural | None
    """None: the runner ends of it."""
    why: str
    """What the kernel refused."""


FromRunner = Ready | CompileError | Results | Shortage
ToRunner = Configure | Load | Drop | Job | Run | End

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FromRunner).decode


def frame(message: ToRunner, *blobs: bytes) -> bytes:
    return b"".join(parts(message, *blobs))


def parts(message: ToRunner, *blobs: bytes) -> list[bytes]:
    """The same, for blobs that are too large to be copied."""
    text = _encode(message)
    return [HEADER.pack(len(text), sum(map(len, blobs))) + text, *filter(None, blobs)]


class FrameReader:
    """Bytes in, frames out. ``feed`` raises WorkerFailure at the first byte that breaks the protocol."""

    def __init__(self, max_blob: int) -> None:
        self.max_blob = max_blob
        self._head = b""
        """Of the next frame, as far as it came: lengths and text."""
        self._message: FromRunner | None = None
        """Of the frame whose blob is on its way, which is kept in the pieces that it comes in and copied once."""
        self._blob: list[bytes] = []
        self._missing = 0

    def feed(self, data: bytes) -> list[tuple[FromRunner, bytes]]:
        frames: list[tuple[FromRunner, bytes]] = []
        while True:
            if self._message is None:
                self._head += data
                if (size := self._head_size()) > len(self._head):
                    return frames
                self._message = self._decoded(self._head[HEADER.size : size])
                data, self._head = self._head[size:], b""
            piece = data[: self._missing]
            self._blob.append(piece)
            self._missing -= len(piece)
            if self._missing:
                return frames
            frames.append((self._message, b"".join(self._blob)))
            self._message, self._blob, data = None, [], data[len(piece) :]

    def _head_size(self) -> int:
        """Bytes of lengths and text."""
        if len(self._head) < HEADER.size:
            return HEADER.size
        text_size, self._missing = HEADER.unpack_from(self._head)
        if text_size > MAX_TEXT or self._missing > self.max_blob:
            raise WorkerFailure(f"frame of {text_size} + {self._missing} bytes exceeds the caps of the protocol")
        return HEADER.size + text_size

    def _decoded(self, text: bytes) -> FromRunner:
        try:
            return _decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise WorkerFailure(f"frame from the jail does not decode: {error}") from error


def executions(results: Results, blob: bytes) -> list[Execution]:
    """The rows with their share of the blob. Raises WorkerFailure when the sizes do not add up."""
    if not results.rows:
        raise WorkerFailure("results of no test")
    found: list[Execution] = []
    at = 0
    for row in results.rows:
        cuts = (at, at + row.stdout, at + row.stdout + row.stderr, at + row.stdout + row.stderr + row.result)
        at = cuts[3]
        found.append(
            Execution(
                test=row.test,
                outcome=row.outcome,
                limit=row.limit,
                exit_code=row.exit_code,
                signal=row.signal,
                cpu_time=row.cpu_time,
                wall_time=row.wall_time,
                memory=row.memory,
                fresh=row.fresh,
                stdout=blob[cuts[0] : cuts[1]],
                stderr=blob[cuts[1] : cuts[2]],
                result=blob[cuts[2] : cuts[3]],
            )
        )
    if at != len(blob):
        raise WorkerFailure(f"results of {at} bytes in a frame of {len(blob)}")
    return found


_SIZE = struct.Struct("!q")


def collected(result: bytes, names: list[str]) -> dict[str, bytes]:
    """The files that a test left, without those that it did not. In the result: a size for each name, -1 for none,
    then the bytes. Raises WorkerFailure when the sizes do not add up."""
    head = _SIZE.size * len(names)
    if len(result) < head:
        raise WorkerFailure("collected files without their sizes")
    found: dict[str, bytes] = {}
    for name, (size,) in zip(names, _SIZE.iter_unpack(result[:head]), strict=True):
        if size >= 0:
            found[name] = result[head : head + size]
            head += size
    if head != len(result):
        raise WorkerFailure(f"collected files of {head} bytes in {len(result)}")
    return found
