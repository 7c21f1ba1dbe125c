"""Does any program get no verdict, or another one the next time? ``python -m microcoder.bench.generated``.

Judges each program of `grammar` twice: in the order of their numbers and with lanes, and in another order and without
them. Both verdicts must be the same, none may be a failure of the judge, what computes no answer must not be accepted
and what is ordinary must be; at the end no process, descriptor, file or mount may be left, and memory must not have
grown. Prints what is wrong and writes ``results/hostile.json``, under ``generated``.

What was judged is kept in ``--state``: interrupted, the same command goes on there. ``--show 123`` prints program 123
and what is said of it.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import psutil
import tyro
import uvloop

from ..evaluator import Evaluator, Report
from . import grammar, hacks
from .grammar import CPU_SECONDS, Generated, Generator
from .machine import Machine, command_line, machine
from .record import record
from .soak import MIB, STALL, Check, alive, flat, mounts, none_left, until

SHOWN = 50
PR_SET_CHILD_SUBREAPER = 36


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Does any program get no verdict, or another one the next time?"""

    programs: Annotated[int, msgspec.Meta(ge=1)] = 50_000
    """Programs to judge, twice each."""
    seed: int = 1
    """Of the programs."""
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Programs judged at the same time."""
    jail: Literal["auto", "nsjail", "bubblewrap"] = "auto"
    """What isolates the programs."""
    chunk: Annotated[int, msgspec.Meta(ge=1)] = 500
    """Programs judged once before they are judged again."""
    within: Annotated[float, msgspec.Meta(gt=0)] = 3600.0
    """Most seconds for all of them."""
    state: Path = Path("build/generated.jsonl")
    """What is done already; removed when all is done."""
    show: int | None = None
    """Number of a program to be printed and judged, instead."""
    out: Path = Path(__file__).with_name("results")
    """Folder for hostile.json."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of the state: what a run that goes on has to have in common."""

    seed: int
    chunk: int
    jail: str
    grammar: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the verdicts on one program."""

    what: Literal["judge failure", "another verdict", "undeserved", "rejected", "stall"]
    number: int
    kind: str
    verdicts: list[str]
    """Status and message: with lanes, without."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the state: programs that were judged twice."""

    number: int
    programs: int
    seconds: float
    verdicts: dict[str, dict[str, int]]
    """By kind, how many programs got which status."""
    findings: list[Finding]
    first: bool
    """Of a process."""
    parent_mib: float
    """Resident in the evaluators' process."""
    descriptors: int
    restarts: int
    """Workers that broke."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What hostile.json holds under ``generated``."""

    command: str
    machine: Machine
    jail: str
    workers: int
    seed: int
    cpu_seconds: float
    """Limit of each test."""
    programs: int
    starts: int
    """Processes that it took: more than one where it was interrupted."""
    seconds: float
    verdicts: dict[str, dict[str, int]]
    restarts: int
    findings: list[Finding]
    checks: list[Check]


def judged(one: Generated, reports: Sequence[Report]) -> list[Finding]:
    """What is wrong with two reports on it."""
    statuses = [report.status for report in reports]
    accepted = [report.accepted for report in reports]
    wrong = {
        "judge failure": any(status.is_judge_failure for status in statuses),
        "another verdict": len(set(statuses)) > 1,
        "undeserved": one.accept is False and any(accepted),
        "rejected": one.accept is True and not all(accepted),
        "stall": max(report.run_time for report in reports) > STALL,
    }
    told = [f"{report.status.value}: {report.message} ({report.run_time:.1f} s)" for report in reports]
    return [
        msgspec.convert({"what": what, "number": one.number, "kind": one.kind, "verdicts": told}, Finding)
        for what, is_so in wrong.items()
        if is_so
    ]


class Run:
    """Judges chunk after chunk, with two evaluators."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.generator = Generator(options.seed)
        self.seen: set[psutil.Process] = set()
        """Every process of a jail that was looked at."""

    async def chunk(self, number: int, evaluators: Sequence[Evaluator], *, first: bool) -> Chunk:
        options = self.options
        begin = number * options.chunk
        programs = [self.generator.program(n) for n in range(begin, min(begin + options.chunk, options.programs))]
        shuffled = random.Random(begin).sample(programs, len(programs))
        restarts = sum(evaluator.restarts for evaluator in evaluators)
        started = time.monotonic()
        reports = [await _reports(evaluators[0], programs), await _reports(evaluators[1], shuffled)]
        verdicts: dict[str, Counter[str]] = {}
        findings: list[Finding] = []
        for one in programs:
            both = [found[one.number] for found in reports]
            kind = "known hacks" if one.kind.startswith("hack/") else one.kind
            verdicts.setdefault(kind, Counter())[both[0].status.value] += 1
            findings += judged(one, both)
        for evaluator in evaluators:
            for pid in evaluator.pool.pids():
                self.seen.update(_with_children(pid))
        own = psutil.Process()
        return Chunk(
            number=number,
            programs=len(programs),
            seconds=round(time.monotonic() - started, 3),
            verdicts={kind: dict(sorted(counts.items())) for kind, counts in sorted(verdicts.items())},
            findings=findings,
            first=first,
            parent_mib=round(own.memory_info().rss / MIB, 1),
            descriptors=own.num_fds(),
            restarts=sum(evaluator.restarts for evaluator in evaluators) - restarts,
        )


async def _reports(evaluator: Evaluator, programs: Sequence[Generated]) -> dict[int, Report]:
    stream = evaluator.stream((one.problem, one.program) for one in programs)
    return {programs[place].number: report async for place, report in stream}


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        outermost = psutil.Process(pid)
        return [outermost, *outermost.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class State:
    """The file of what is done. Raises SystemExit where it is another run's."""

    def __init__(self, options: Options, jail: str) -> None:
        self.path = options.state
        begun = Begun(seed=options.seed, chunk=options.chunk, jail=jail, grammar=_identity())
        self.chunks: list[Chunk] = []
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.exists() else []
        if lines:
            if msgspec.json.decode(lines[0], type=Begun) != begun:
                raise SystemExit(f"{self.path}: holds another run: other options, or another grammar; remove it")
            self.chunks = [msgspec.json.decode(line, type=Chunk) for line in lines[1:]]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = b"".join(line + b"\n" for line in lines) or msgspec.json.encode(begun) + b"\n"
        self.path.write_bytes(whole)  # without half a line at the end

    def add(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(chunk) + b"\n")


def _identity() -> str:
    """Of all that the programs come from."""
    files = (Path(grammar.__file__), Path(hacks.__file__), grammar.EXAMPLES)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


async def generated(options: Options, folder: str) -> Result:
    """The whole run. ``folder`` is where temporary files go."""
    here = machine()
    run = Run(options)
    own = psutil.Process()
    mounted = mounts()

    def evaluator(*, lanes: bool) -> Evaluator:
        return Evaluator(jail=options.jail, workers=options.workers, lanes=lanes, cache=0)

    async with evaluator(lanes=True) as opened:  # what is opened once and kept
        jail = opened.jail
        await _reports(opened, [run.generator.program(number) for number in range(min(options.programs, 20))])
    descriptors = own.num_fds()
    state = State(options, jail)
    number = len(state.chunks)
    async with evaluator(lanes=True) as one, evaluator(lanes=False) as other:
        for at in range(number, -(-options.programs // options.chunk)):
            chunk = await run.chunk(at, (one, other), first=at == number)
            state.add(chunk)
            _tell(chunk, sum(each.programs for each in state.chunks), options.programs)
    everything = run.seen | set(own.children(recursive=True))
    await until(lambda: not alive(everything), 2)
    more = own.num_fds() - descriptors
    left = [
        none_left("processes", alive(everything | set(own.children(recursive=True)))),
        Check(name="descriptors", passed=more <= 0, detail=f"{max(more, 0)} more than before"),
        none_left("temporary files", sorted(os.listdir(folder))),
        Check(name="mounts", passed=mounts() == mounted, detail="as before" if mounts() == mounted else "changed"),
    ]
    return _result(options, here, jail, state.chunks, left)


def _result(options: Options, here: Machine, jail: str, chunks: Sequence[Chunk], left: list[Check]) -> Result:
    findings = [finding for chunk in chunks for finding in chunk.findings]
    verdicts: dict[str, Counter[str]] = {}
    for chunk in chunks:
        for kind, counts in chunk.verdicts.items():
            verdicts.setdefault(kind, Counter()).update(counts)
    programs, seconds = sum(chunk.programs for chunk in chunks), sum(chunk.seconds for chunk in chunks)
    latest = max((at for at, chunk in enumerate(chunks) if chunk.first), default=0)
    memory = [chunk.parent_mib for chunk in chunks[latest:]]
    checks = [Check(name="programs", passed=programs == options.programs, detail=f"{programs} of {options.programs}")]
    for what in ("judge failure", "another verdict", "undeserved", "rejected", "stall"):
        count = sum(finding.what == what for finding in findings)
        checks.append(Check(name=what, passed=not count, detail=str(count)))
    detail = f"{seconds:.0f} s, {1000 * seconds / (2 * programs):.1f} ms for each judgement"
    checks.append(Check(name="time", passed=seconds <= options.within, detail=detail))
    return Result(
        command=command_line("microcoder.bench.generated"),
        machine=here,
        jail=jail,
        workers=options.workers,
        seed=options.seed,
        cpu_seconds=CPU_SECONDS,
        programs=programs,
        starts=sum(chunk.first for chunk in chunks),
        seconds=round(seconds, 1),
        verdicts={kind: dict(sorted(counts.items())) for kind, counts in sorted(verdicts.items())},
        restarts=sum(chunk.restarts for chunk in chunks),
        findings=findings[:SHOWN],
        checks=[*checks, *left, flat("memory of the evaluators", memory)],
    )


def _tell(chunk: Chunk, done: int, programs: int) -> None:
    print(f"{done} of {programs}, {chunk.seconds:.0f} s, {chunk.parent_mib} MiB, {chunk.restarts} restarts", flush=True)
    for finding in chunk.findings:
        print(f"  {finding.what}: {finding.number} ({finding.kind})", *finding.verdicts, sep="\n    ", flush=True)


async def show(options: Options, number: int) -> None:
    one = Generator(options.seed).program(number)
    print(msgspec.json.format(msgspec.json.encode(one.problem)).decode())
    for name, text in one.program.files.items():
        print(f"--- {name}\n{text}")
    print(f"--- {one.kind}, {one.accept}\n{(one.program.code or '').encode('utf-8', 'backslashreplace').decode()}---")
    for lanes in (True, False):
        async with Evaluator(jail=options.jail, workers=1, lanes=lanes, cache=0) as evaluator:
            report = await evaluator.evaluate(one.problem, one.program)
        print(msgspec.json.format(msgspec.json.encode(report)).decode())


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    # Processes that lost their parent come to this one instead of to init, so that they are found.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.show is not None:
            runner.run(show(options, options.show))
            return
        with tempfile.TemporaryDirectory(prefix="generated-") as folder:
            tempfile.tempdir = folder
            result = runner.run(generated(options, folder))
            tempfile.tempdir = None
    options.out.mkdir(parents=True, exist_ok=True)
    record(options.out / "hostile.json", "generated", result)
    options.state.unlink()
    for check in result.checks:
        print(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.detail}")
    raise SystemExit(0 if all(check.passed for check in result.checks) else 1)


if __name__ == "__main__":
    main()
