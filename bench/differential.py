"""Does a program do here what a plain process does? ``python -m microcoder.bench.differential --data FILE …``.

Every program of the data, and every one of `odd`, is run by ``python3 main.py < input > output 2> errors`` and by us,
in lanes and without them. Standard output must have the same bytes, and the process must end with the same exit code or
signal. The environment is that of our programs, and so are the limit on the stack and the packages. What differs
otherwise is declared: paths (which are replaced in what is compared), arguments of the interpreter, user and terminal.

Where we differ, the plain process is run twice more, once by the interpreter as it is installed, with whatever starts
along with it. A program that then differs from itself (times, addresses, random numbers, the order in which what is in
cycles is destroyed) is left out and counted, as is one that a limit has ended on either side. Call-based tests become
a line that calls the function and prints what it returns; assertions follow the program.

Writes ``results/differential.json``, with the share of programs after which the interpreter really had to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import random
import resource
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import tyro
import uvloop
import zstandard

from ..evaluator import Evaluator
from ..sandbox.errors import WorkerFailure
from ..sandbox.execution import Outcome
from ..sandbox.interpreter import PACKAGES, probe
from ..sandbox.launcher import ENVIRONMENT
from ..sandbox.limits import Limits
from ..sandbox.worker import Inputs, Work
from . import odd
from .machine import Machine, command_line, machine

STACK = 1 << 30
LINES = b"first\nsecond\n", b"1 2\n3\n"
"""Inputs of the odd programs."""
SHOWN = 400

KNOWN = "odd, known to differ"
"""A source whose differences are declared."""

_CALL = """

import json as _json, sys as _sys
print(repr({function}(*_json.load(_sys.stdin))))
"""
_LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
from inside.ahead import USUAL, sets
from inside.ending import Ending, own_methods
for name in (*USUAL, *sets(["numpy", "sortedcontainers"])[-1]):
    __import__(name)
from inside.compiler import ENDED_NAMES
import gc, os, types
way = sys.argv[2]
source = open("main.py", encoding="utf-8", errors="surrogatepass").read()
sys.modules["__main__"] = main = types.ModuleType("__main__")
main.__file__ = sys.argv[0] = "main.py"
sys.argv[1:] = []
sys.path[0] = "."
code = compile(source, "main.py", "exec", dont_inherit=True)
gc.collect()
gc.freeze()
ending, error = Ending(), None
try:
    exec(code, vars(main))
except SystemExit as stop:
    error = stop
except BaseException as stop:
    error = stop
    sys.last_value = stop
wants = type(error) is KeyboardInterrupt or (type(error) is SystemExit and type(error.code) not in (int, type(None)))
wants = wants or any(name in source.encode(errors="replace") for name in ENDED_NAMES)
unseen = not wants and own_methods() and ending.unseen(traced=sys.gettrace() is not None)
os.write(os.open(way, os.O_CREAT | os.O_WRONLY), b"left" if unseen else b"ended")
os._exit(0)
"""
"""Runs a program up to its last line, and writes to a file which way it would take here."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Does a program do here what a plain process does?"""

    data: tuple[Path, ...] = ()
    """JSONL files, plain or zstandard, of labelled problems; each is a source of its own."""
    tests: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Most tests of a program of the data."""
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Of the programs of the data, drawn at random."""
    looked_at: Annotated[int, msgspec.Meta(ge=0)] = 2000
    """Programs of the data, drawn at random, of which it is seen which way they end."""
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Programs at the same time."""
    jail: Literal["auto", "nsjail", "bubblewrap", "none"] = "auto"
    """What isolates the programs. The plain processes are isolated by nothing."""
    cpu_time: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """Processor seconds of each test."""
    seed: int = 1
    out: Path = Path(__file__).with_name("results")
    """Folder for differential.json."""


class Program(NamedTuple):
    source: str
    """Where it comes from."""
    name: str
    code: str
    inputs: tuple[bytes, ...]


class End(NamedTuple):
    """What one run came to."""

    stdout: bytes
    code: int | None
    """The exit code, or minus the number of the signal; None: a limit ended it."""
    stderr: bytes = b""

    @property
    def seen(self) -> tuple[bytes, int | None]:
        return self.stdout, self.code


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One test on which we and a plain process disagree."""

    source: str
    name: str
    test: int
    lanes: bool
    plain: str
    """Exit code and end of the output."""
    ours: str


class Source(msgspec.Struct, kw_only=True):
    """Counts of programs."""

    name: str
    programs: int = 0
    tests: int = 0
    same: int = 0
    differ: int = 0
    unsteady: int = 0
    """Plain processes of it differ from one another."""
    limited: int = 0
    """A limit ended it, here or there."""
    looked_at: int = 0
    ended: int = 0
    """Of those looked at: the interpreter really had to end."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What differential.json holds."""

    command: str
    machine: Machine
    jail: str
    declared: list[str]
    sources: list[Source]
    unsteady: list[str]
    differences: list[Difference]


DECLARED = ["paths", "arguments of the interpreter (sys.flags, sys.orig_argv)", "user", "environment", "terminal"]


class Plain:
    """Runs programs in plain processes, with the packages that ours have."""

    def __init__(self, folder: Path, *, cpu_time: float) -> None:
        self._interpreter = probe(None, PACKAGES)
        self._folder = folder
        self._serial = itertools.count()
        self._cpu_time = cpu_time
        home = Path(self._interpreter.executable)
        self._python = folder / "bin" / home.name  # with no other packages than ours, and nothing that these start
        packages = folder / "lib" / home.name / "site-packages"
        for place in (self._python.parent, packages):
            place.mkdir(parents=True)
        self._python.symlink_to(home)
        (folder / "pyvenv.cfg").write_text(f"home = {home.parent}\ninclude-system-site-packages = false\n")
        for part in (Path(part) for parts in self._interpreter.packages.values() for part in parts):
            (packages / part.name).symlink_to(part)
        self._packages = packages

    def run(self, code: str, given: bytes, *, installed: bool = False) -> End:
        """``python3 main.py < input > output 2> errors`` in an empty folder. ``installed``: with what else there is."""
        with self._place(code) as place:
            if not installed:
                return self._run([str(self._python), "-B", "main.py"], place, given)
            environment = ENVIRONMENT | {"PYTHONPATH": str(self._packages)}
            return self._run([self._interpreter.executable, "-B", "main.py"], place, given, environment)

    def way(self, code: str, given: bytes) -> str:
        """``left`` or ``ended``; empty where that cannot be seen from here."""
        inside = str(Path(__file__).parent.parent / "sandbox")
        with self._place(code) as place:
            way = place.parent / "way"
            self._run([str(self._python), "-B", "-c", _LOOK, inside, str(way)], place, given)
            return way.read_text() if way.exists() else ""

    @contextlib.contextmanager
    def _place(self, code: str) -> Generator[Path]:
        place = self._folder / str(next(self._serial)) / "work"
        place.mkdir(parents=True)
        (place / "main.py").write_bytes(code.encode("utf-8", "surrogatepass"))
        yield place

    def _run(self, command: list[str], place: Path, given: bytes, environment: dict[str, str] = ENVIRONMENT) -> End:
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            stdin.write(given)
            stdin.seek(0)
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=place,
                env=environment,
                preexec_fn=functools.partial(_limit, self._cpu_time),
            )
            try:
                code = process.wait(4 * self._cpu_time + 10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                code = None
            stdout.seek(0)
            stderr.seek(0)
            text = stdout.read().replace(str(place).encode(), b"/work")
            text = text.replace(self._interpreter.stdlib.encode(), f"/python/lib/{self._interpreter.tag}".encode())
            return End(text, None if code == -signal.SIGXCPU else code, stderr.read())


def _limit(cpu_time: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (STACK if hard < 0 else min(STACK, hard), hard))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_time) + 2, int(cpu_time) + 7))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what a shell starts behind itself ignores it


async def ours(evaluator: Evaluator, code: str, inputs: Sequence[bytes], *, lanes: bool, cpu_time: float) -> list[End]:
    """What came of each test here."""
    given = Inputs(inputs)
    tests = range(len(inputs))
    limits = Limits(cpu_time=cpu_time)
    source = code.encode("utf-8", "surrogatepass")
    work = Work(inputs=given, source=source, tests=tests, limits=limits, lanes=lanes)
    found: dict[int, End] = {}
    async with evaluator.pool.worker(given) as worker:
        worker.begin(work)
        try:
            while len(found) < len(inputs):
                received = await worker.receive()
                if isinstance(received, str):  # a compiler error; a plain process ends with 1
                    return [End(b"", 1, received.encode())] * len(inputs)
                for execution in received:
                    ended = -execution.signal if execution.signal else execution.exit_code
                    ended = None if execution.outcome in (Outcome.TIME_LIMIT, Outcome.OUTPUT_LIMIT) else ended
                    found[execution.test] = End(execution.stdout, ended, execution.stderr)
        except WorkerFailure as failure:
            return [End(b"", None, str(failure).encode())] * len(inputs)
        worker.end()
    return [found[test] for test in tests]


class Comparison:
    """Of one program, after another."""

    def __init__(self, options: Options, plain: Plain, evaluators: dict[bool, Evaluator]) -> None:
        self.options = options
        self.plain = plain
        self.evaluators = evaluators
        self.sources: dict[str, Source] = {}
        self.unsteady: list[str] = []
        self.differences: list[Difference] = []

    async def compare(self, program: Program, *, look: bool) -> None:
        count = self.sources.setdefault(program.source, Source(name=program.source))
        count.programs += 1
        count.tests += len(program.inputs)
        if look:
            way = await asyncio.to_thread(self.plain.way, program.code, program.inputs[0])
            count.looked_at += bool(way)
            count.ended += way == "ended"
        real = [await asyncio.to_thread(self.plain.run, program.code, given) for given in program.inputs]
        unlike: list[Difference] = []
        limited = any(end.code is None for end in real)
        for lanes, evaluator in self.evaluators.items():
            here = await ours(evaluator, program.code, program.inputs, lanes=lanes, cpu_time=self.options.cpu_time)
            limited = limited or any(end.code is None for end in here)
            unlike += [
                Difference(
                    source=program.source,
                    name=program.name,
                    test=test,
                    lanes=lanes,
                    plain=_said(there),
                    ours=_said(end),
                )
                for test, (there, end) in enumerate(zip(real, here, strict=True))
                if there.seen != end.seen
            ]
        if limited:
            count.limited += 1
        elif not unlike:
            count.same += 1
        elif await self._unsteady(program, {each.test: real[each.test] for each in unlike}):
            count.unsteady += 1
            self.unsteady.append(f"{program.source} {program.name}")
        else:
            count.differ += 1
            if program.source == KNOWN:
                return
            self.differences += unlike
            for each in unlike:
                print(each.source, each.name, f"test {each.test}", "in a lane" if each.lanes else "alone", flush=True)
                print(f"  plain {each.plain}\n  ours  {each.ours}", flush=True)

    async def _unsteady(self, program: Program, real: dict[int, End]) -> bool:
        """Whether plain processes differ on any of these tests."""
        for test, end in real.items():
            for installed in (False, True):
                again = await asyncio.to_thread(self.plain.run, program.code, program.inputs[test], installed=installed)
                if again.seen != end.seen:
                    return True
        return False


def _said(end: End) -> str:
    return f"{end.code} {end.stdout[-SHOWN:]!r} {end.stderr[-SHOWN:]!r}"


def programs_of(path: Path, tests: int) -> Iterator[Program]:
    """Of a file of the data, as programs that read standard input."""
    for line in _lines(path):
        row: dict[str, Any] = json.loads(line)
        before = row.get("prelude") or ""
        inputs: list[bytes] = [b""]
        after = ""
        if row["mode"] == "assert":
            after = "\n\n" + "\n".join(test["code"] for test in row["tests"])
        else:
            inputs = [test["input"].encode() for test in row["tests"][:tests]]
        if row["mode"] == "call":
            function = f"{row['entry_class']}()." if row.get("entry_class") else ""
            function += row["entry_point"]
            after = _CALL.format(function=function)
        for number, each in enumerate(row["submissions"]):
            if each.get("language", "python") == "python":
                name = f"{row['problem_id']} {number} {each.get('name', '')}"
                yield Program(path.name, name, f"{before}\n{each['code']}{after}", tuple(inputs))


def _lines(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    if path.suffix == ".zst":
        with zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(data) as stream:
            data = stream.read()
    yield from filter(None, data.split(b"\n"))


async def each(options: Options, programs: Sequence[tuple[Program, bool]]) -> AsyncGenerator[Comparison, None]:
    """Compares all; gives the comparison again and again."""
    with tempfile.TemporaryDirectory(prefix="differential-") as folder:
        plain = Plain(Path(folder), cpu_time=options.cpu_time)
        async with (
            Evaluator(jail=options.jail, workers=options.workers, cache=0) as one,
            Evaluator(jail=options.jail, workers=options.workers, cache=0, lanes=False) as other,
        ):
            comparison = Comparison(options, plain, {True: one, False: other})
            waiting = iter(programs)

            async def work() -> None:
                for program, look in waiting:
                    await comparison.compare(program, look=look)

            jobs = [asyncio.create_task(work()) for _ in range(options.workers)]
            while jobs and not all(job.done() for job in jobs):
                await asyncio.wait(jobs, timeout=10)
                yield comparison
            for job in jobs:
                job.result()
            yield comparison


async def differential(options: Options) -> Result:
    here = machine()
    draw = random.Random(options.seed)
    data = [program for path in options.data for program in programs_of(path, options.tests)]
    data = [program for program in data if draw.random() < options.share]
    shown = set(draw.sample(range(len(data)), min(len(data), options.looked_at)))
    programs = [(Program("odd", name, code, LINES), True) for name, code in odd.programs().items()]
    programs += [(Program(KNOWN, name, code, LINES), True) for name, code in odd.known().items()]
    programs += [(program, place in shown) for place, program in enumerate(data)]
    comparison = None
    async for comparison in each(options, programs):
        done = sum(source.programs for source in comparison.sources.values())
        totals = Counter[str]()
        for source in comparison.sources.values():
            totals.update(same=source.same, differ=source.differ, unsteady=source.unsteady, limited=source.limited)
        print(f"{done} of {len(programs)}: {dict(totals)}", flush=True)
    assert comparison is not None
    return Result(
        command=command_line("microcoder.bench.differential"),
        machine=here,
        jail=options.jail,
        declared=DECLARED,
        sources=list(comparison.sources.values()),
        unsteady=sorted(comparison.unsteady),
        differences=comparison.differences,
    )


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(differential(options))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "differential.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    raise SystemExit(1 if result.differences else 0)


if __name__ == "__main__":
    main()
