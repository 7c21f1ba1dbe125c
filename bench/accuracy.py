"""How often is right called wrong, and wrong right? ``python -m microcoder.bench.accuracy --data FILE...``.

Programs whose true verdict is known are judged once, and their outputs compared again under every preset and by plain
equality of the stripped text; the rivals judge a sample of the same rows. A program that its problem's rule rejects
is run once more on all tests where the outputs seen so far do not decide another rule.

Labels come from other machines, so time limits are multiplied (``--time-factor``). Programs whose label depends on
speed are counted apart, time limits are a cause of their own, and nothing is left out silently.

Prints tables; writes ``results/accuracy.json`` and ``results/accuracy.svg``. What was found by reading disagreements
(``--export``) stands in ``results/accuracy_read.json``.

All rivals but ours run the programs without a jail: use a machine that you can afford to lose.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import time
import zlib
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import tyro

from .rivals.registry import LABELS, Name

if TYPE_CHECKING:
    from ..evaluator.problem import Problem
    from ..evaluator.report import Report
    from ..evaluator.submission import Submission
    from .confusion import Case, Line, Remaining
    from .machine import Machine

OURS = LABELS["ours"]
RIVALS: tuple[Name, ...] = ("lcb", "prime-code")
KEPT = 16 << 20
"""Bytes of each output that are kept for other rules: all that the limit on outputs lets a program write."""
SHOWN = 2000
"""Characters of inputs and outputs in the export."""
BATCH = 64 << 20
"""Bytes of tests, and..."""
BATCH_PROGRAMS = 50
"""...programs that a rival gets at a time: what one breakdown of it can cost."""
WIDTH = 160


_NOT_WANTED = {"with": None, "without": True, "only": False}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How often is right called wrong, and wrong right?"""

    data: tuple[Path, ...]
    """Labelled programs: JSONL files, or directories of Kattis packages; each is a source of its own."""
    lcb: Path | None = None
    """Checkout or git directory of LiveCodeBench. Without it, that rival is left out."""
    verl: Path | None = None
    """Wheel of verl, or a folder it is unpacked in. Without it, an installed verl is looked for."""
    sample: Annotated[int, msgspec.Meta(ge=0)] = 300
    """Python programs of each stdio or call source that the rivals judge."""
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Share of the programs in packages that are judged at all."""
    languages: tuple[str, ...] = ("python", "cpp")
    """Of the programs that are judged."""
    timing: Literal["with", "without", "only"] = "with"
    """Whether to judge programs whose label depends on speed. They take most of the time."""
    time_factor: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """Multiplies the time limit of every problem, for ours; the rivals have their own limits."""
    seed: int = 1
    """Of the sample."""
    timeout: float = 900.0
    """Seconds after which a batch of a rival is given up."""
    export: Path | None = None
    """JSONL file for every disagreement of any judge, with program, input and outputs."""
    read: Path = Path(__file__).with_name("results") / "accuracy_read.json"
    """What was found by reading: cause and note by "problem_id program", or by problem_id."""
    out: Path = Path(__file__).with_name("results")
    """Folder for the results."""
    name: str = "accuracy"
    """Of the files in it: accuracy.json, accuracy.svg."""


class SourceResult(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    programs: int
    """Judged."""
    not_drawn: int
    unlabelled: int
    other_languages: dict[str, int]
    left_out: dict[str, int]
    """Rows and programs that cannot be judged, by reason."""
    seconds: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What accuracy.json holds."""

    command: str
    machine: Machine
    time_factor: float
    seed: int
    versions: dict[str, str]
    sources: list[SourceResult]
    lines: list[Line]
    causes: dict[str, int]
    """Of our disagreements, as read; those of timing-sensitive programs included."""
    remaining: list[Remaining]


class Judged(msgspec.Struct, kw_only=True):
    """A case with what is needed to read it and to give it to rivals."""

    case: Case
    problem: Problem | None
    """Only of those in the sample."""
    code: str
    evidence: dict[str, Any]


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    from rich.console import Console

    from ..evaluator.datasets import InputError
    from .confusion import TOTAL, Read, by_cause, remaining, tally
    from .machine import command_line, machine
    from .plot import draw_accuracy
    from .table import show_accuracy

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)

    def say(line: str) -> None:
        console.print(line, highlight=False)

    if not options.data:
        raise SystemExit("--data: name at least one file or directory")
    names = [_name(path) for path in options.data]
    if len(set(names)) < len(names):
        raise SystemExit("--data: two sources of the same name")
    notes: dict[str, Read] = {}
    if options.read.is_file():
        try:
            notes = msgspec.json.decode(options.read.read_bytes(), type=dict[str, Read])
        except msgspec.MsgspecError as error:
            raise SystemExit(f"--read: {options.read}: {error}") from None
    here = machine()
    judged: list[Judged] = []
    sources: list[SourceResult] = []
    versions: dict[str, str] = {}
    lines: list[Line] = []
    left: list[Remaining] = []
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        for path in options.data:
            found, result = asyncio.run(_judge_source(path, options, say))
            _judge_sample(found, options, versions, say)
            judged += found
            sources.append(result)
            # After every source: hours of judging are not lost with the last of them.
            cases = [each.case for each in judged]
            lines = tally(cases, [LABELS[name] for name in RIVALS])
            left = remaining(cases, OURS, notes)
            whole = Result(
                command=command_line("microcoder.bench.accuracy"),
                machine=here,
                time_factor=options.time_factor,
                seed=options.seed,
                versions=versions,
                sources=sources,
                lines=lines,
                causes=by_cause(left),
                remaining=left,
            )
            file = options.out / f"{options.name}.json"
            file.write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
            draw_accuracy(lines, whole.command, file.with_suffix(".svg"))
            if options.export:
                _export(judged, options.export)
            show_accuracy(console, [line for line in lines if line.source == result.source], left)
    except InputError as error:
        raise SystemExit(f"--data: {error}") from None
    show_accuracy(console, [line for line in lines if line.source == TOTAL], left)


# ----------------------------------------------------------------------------------------------------- ours, presets


async def _judge_source(path: Path, options: Options, say: Callable[[str], None]) -> tuple[list[Judged], SourceResult]:
    from ..evaluator import Evaluator
    from ..evaluator.datasets import Rows
    from .confusion import UNDECIDED
    from .presets import Presets

    source, begun = _name(path), time.monotonic()
    packages = await asyncio.to_thread(path.is_dir)

    def slower(problem: Problem) -> Problem:
        seconds = problem.effective_limits.cpu_time * options.time_factor
        return msgspec.structs.replace(problem, time_limit=min(seconds, 3600.0))

    rows = Rows([path], skip_bad=True, change=slower)
    pairs = _Drawn(rows, options, share=options.share if packages else 1.0)
    judged: list[Judged] = []
    drawn: list[tuple[int, int]] = []  # the sample: (minus the rank by chance, place)
    presets = Presets()
    undecided: list[tuple[int, Problem, Submission]] = []
    async with Evaluator(keep_outputs=KEPT) as evaluator:
        async for problem, program, report in _reports(evaluator, pairs):
            each = _judged(source, problem, program, report)
            each.case.verdicts |= await presets.verdicts(problem, report)
            if any(verdict.cause == UNDECIDED for verdict in each.case.verdicts.values()):
                undecided.append((len(judged), problem, program))
            judged.append(each)
            if len(judged) % 200 == 0:
                say(f"{source}: {len(judged)} programs, {time.monotonic() - begun:.0f} s")
            if _for_rivals(each.case, problem):
                each.problem = problem
                rank = zlib.crc32(f"{options.seed} {each.case.problem_id} {each.case.program}".encode())
                heapq.heappush(drawn, (-rank, len(judged) - 1))
                if len(drawn) > options.sample:
                    judged[heapq.heappop(drawn)[1]].problem = None
    say(f"{source}: {len(undecided)} programs on all tests, {time.monotonic() - begun:.0f} s")
    async with Evaluator(keep_outputs=KEPT, run_all=True) as thorough:
        again = iter(undecided)
        async for report in thorough.evaluate_many((problem, program) for _, problem, program in undecided):
            place, problem, _ = next(again)
            judged[place].case.verdicts |= await presets.verdicts(problem, report)
    await presets.comparing.close()
    seconds = time.monotonic() - begun
    say(f"{source}: {len(judged)} programs judged by ours in {seconds:.0f} s")
    return judged, SourceResult(
        source=source,
        programs=len(judged),
        not_drawn=pairs.not_drawn,
        unlabelled=pairs.unlabelled,
        other_languages=dict(pairs.other_languages + rows.left_out),
        left_out=dict(Counter(f"{error.field}: {error.reason}" for error in rows.bad)),
        seconds=round(seconds, 1),
    )


class _Drawn:
    """The labelled programs of the rows, in order."""

    def __init__(self, rows: Any, options: Options, share: float) -> None:
        self._rows, self._options, self._share = rows, options, share
        self.not_drawn = 0
        self.unlabelled = 0
        self.other_languages: Counter[str] = Counter()

    def __iter__(self) -> Generator[tuple[Problem, Submission]]:
        options = self._options
        for problem, program in self._rows:
            if program.accept is None or not program.code:
                self.unlabelled += 1
            elif program.language not in options.languages:
                self.other_languages[program.language] += 1
            elif program.timing_sensitive is _NOT_WANTED[options.timing] or (
                zlib.crc32(f"{options.seed} {problem.problem_id} {program.name}".encode()) >= self._share * 2**32
            ):
                self.not_drawn += 1
            else:
                yield problem, program


async def _reports(evaluator: Any, pairs: _Drawn) -> AsyncGenerator[tuple[Problem, Submission, Report], None]:
    waiting: deque[tuple[Problem, Submission]] = deque()

    def remembered() -> Generator[tuple[Problem, Submission]]:
        for pair in pairs:
            waiting.append(pair)
            yield pair

    async for report in evaluator.evaluate_many(remembered()):
        yield (*waiting.popleft(), report)


def _judged(source: str, problem: Problem, program: Submission, report: Report) -> Judged:
    from .confusion import Case, verdict_of

    code = program.code or ""
    case = Case(
        source=source,
        problem_id=problem.problem_id,
        name=program.name,
        language=program.language,
        program=f"{zlib.crc32(code.encode(errors='replace')):08x}",
        label=bool(program.accept),
        published=program.verdict,
        timing_sensitive=program.timing_sensitive,
        verdicts={OURS: verdict_of(report)},
    )
    return Judged(case=case, problem=None, code=code, evidence=_evidence(problem, report))


def _evidence(problem: Problem, report: Report) -> dict[str, Any]:
    """The test that tells most: the first that failed, else one that was accepted by something else than equality."""
    from ..evaluator.kept import restore

    ran = [number for number, test in enumerate(report.tests) if test.status != "skipped"]
    failed = [number for number in ran if report.tests[number].status != "accepted"]
    unequal = [number for number in ran if report.tests[number].rule not in ("exact", None)]
    number = next(iter((*failed, *unequal, *ran)), None)
    if number is None:
        return {"message": report.message}
    test, result = problem.tests[number], report.tests[number]
    output = result.stdout
    if result.output is not None:
        output = restore(result.output, test.output.encode()).decode(errors="backslashreplace")
    shown = {"input": test.input, "expected": test.output, "test_code": test.code, "output": output}
    return {
        "message": report.message or result.message,
        "test": number,
        "tests": len(problem.tests),
        "rule": result.rule,
        "cpu_time": result.cpu_time,
        "stderr": result.stderr,
        "checker": problem.checker.type,
        "flags": problem.checker.flags,
        "time_limit": problem.time_limit,
        **{name: text[:SHOWN] for name, text in shown.items() if text},
    }


# ------------------------------------------------------------------------------------------------------------ rivals


def _for_rivals(case: Case, problem: Problem) -> bool:
    return problem.mode != "assert" and case.language == "python" and not case.timing_sensitive


def _judge_sample(
    judged: Sequence[Judged], options: Options, versions: dict[str, str], say: Callable[[str], None]
) -> None:
    """Gives the sample to the rivals, batch by batch, and forgets its problems."""
    from .confusion import Verdict
    from .rivals.base import Unavailable
    from .rivals.process import RivalFailed, RivalProcess
    from .rivals.registry import Sources
    from .rivals.wire import Load

    sources = Sources(lcb=_text(options.lcb), verl=_text(options.verl))
    for name in RIVALS:
        for batch in _batches([each for each in judged if each.problem]):
            problems = {each.problem.problem_id: each.problem for each in batch if each.problem}
            places = {problem_id: place for place, problem_id in enumerate(problems)}
            load = Load(
                list(problems.values()),
                [(places[each.case.problem_id], _with_prelude(each)) for each in batch],
            )
            try:
                with RivalProcess(name, sources, 2, options.timeout) as rival:
                    rival.load(load)
                    done = rival.judge().judged
                versions[LABELS[name]] = rival.version
                causes = done.causes or ["rejected"] * len(batch)
                found = [Verdict(accepted, cause) for accepted, cause in zip(done.accepted, causes, strict=True)]
            except Unavailable as error:
                say(f"{LABELS[name]} left out: {error}")
                break
            except RivalFailed as error:
                say(f"{LABELS[name]} failed on {len(batch)} programs: {error}")
                found = [Verdict(None, "judge failed")] * len(batch)
            for each, verdict in zip(batch, found, strict=True):
                each.case.verdicts[LABELS[name]] = verdict
            say(f"{LABELS[name]}: {len(batch)} programs of {batch[0].case.source}")
    for each in judged:
        each.problem = None


def _with_prelude(each: Judged) -> str:
    """The rivals know no prelude, but a program may need what the data set assumes."""
    prelude = each.problem.prelude if each.problem else ""
    return f"{prelude}\n{each.code}" if prelude else each.code


def _batches(sample: list[Judged]) -> Generator[list[Judged]]:
    batch: list[Judged] = []
    size = 0
    for each in sample:
        tests = each.problem.tests if each.problem else ()
        size += sum(len(test.input) + len(test.output) for test in tests)
        batch.append(each)
        if len(batch) == BATCH_PROGRAMS or size > BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


# ----------------------------------------------------------------------------------------------------------- writing


def _export(judged: Sequence[Judged], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for each in judged:
            judges = [name for name in each.case.verdicts if each.case.disagrees(name)]
            if judges:
                row = {"disagree": judges, **msgspec.to_builtins(each.case), **each.evidence, "code": each.code}
                file.write(json.dumps(row) + "\n")


def _name(path: Path) -> str:
    return path.resolve().name.partition(".")[0]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


if __name__ == "__main__":
    main()
