"""Who judges the traps right, and whom do the hacks fool? ``python -m microcoder.bench.conformance``.

The programs of examples/conformance/ through our evaluator, LiveCodeBench's and verl's prime_code, side by side. Prints
the table and writes ``results/conformance.json`` and ``results/conformance.md``.

The hacks run without a jail in all judges but ours: use a machine that you can afford to lose.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import tyro

from ..evaluator.extract import extract
from ..evaluator.problem import Problem
from .machine import Machine, command_line, machine
from .rivals import extractors, wire
from .rivals.base import Unavailable
from .rivals.process import RivalFailed, RivalProcess
from .rivals.registry import LABELS, Name, Sources
from .shapes import Shape

FOLDER = Path(__file__).parent.parent / "examples" / "conformance"
TABLES = ("traps", "hacks")
JUDGES: tuple[Name, ...] = ("ours", "lcb", "prime-code")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Who judges the traps right, and whom do the hacks fool?"""

    lcb: Path | None = None
    """Checkout or git directory of LiveCodeBench. Without it, that judge is left out."""
    verl: Path | None = None
    """Wheel of verl, or a folder it is unpacked in. Without it, an installed verl is looked for."""
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 90.0
    """Seconds after which a judge is given up on one program: it gave no verdict."""
    out: Path = Path(__file__).with_name("results")
    """Folder for conformance.json and conformance.md."""


class Program(msgspec.Struct, frozen=True):
    accept: bool
    code: str = ""
    completion: str | None = None
    """Each judge finds the program in it by itself."""


class Row(msgspec.Struct, frozen=True):
    """What a row of examples/conformance has besides the problem."""

    problem_id: str
    submissions: tuple[Program]
    policy: bool = False
    """Reasonable judges differ; ``accept`` is what our default documents."""
    ours_only: bool = False
    """Would harm a machine without a jail."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    table: str
    policy: bool
    right: bool
    """The right verdict: accept?"""
    verdicts: dict[str, bool | None]
    """By judge: accepted? None: no verdict, or not run (a form of test that it does not have, or dangerous)."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    judge: str
    version: str
    traps: int
    traps_right: int
    """Without policy rows; a judge that gives no verdict is not right."""
    policy: int
    policy_right: int
    hacks: int
    """Hacks that were run."""
    hacks_rewarded: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What conformance.json holds."""

    command: str
    machine: Machine
    scores: list[Score]
    missing: dict[str, str]
    """Judges that could not be run, and why."""
    cases: list[Case]


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 160)
    rows = list(read_rows())
    verdicts: dict[Name, list[bool | None]] = {}
    versions: dict[Name, str] = {}
    missing: dict[str, str] = {}
    sources = Sources(lcb=_text(options.lcb), verl=_text(options.verl))
    for judge in JUDGES:
        try:
            versions[judge], verdicts[judge] = _judge(judge, sources, rows, options.timeout)
        except Unavailable as reason:
            missing[LABELS[judge]] = str(reason)
            console.print(f"{LABELS[judge]} left out: {reason}", highlight=False)
    cases = [
        Case(
            name=row.problem_id,
            table=table,
            policy=row.policy,
            right=row.submissions[0].accept,
            verdicts={LABELS[judge]: found[number] for judge, found in verdicts.items()},
        )
        for number, (table, _, row) in enumerate(rows)
    ]
    scores = [_score(LABELS[judge], versions[judge], cases) for judge in verdicts]
    result = Result(
        command=command_line("microcoder.bench.conformance"),
        machine=machine(),
        scores=scores,
        missing=missing,
        cases=cases,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "conformance.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    text = markdown(result)
    (options.out / "conformance.md").write_text(text)
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def read_rows() -> Iterator[tuple[str, Problem, Row]]:
    """(table, problem, what else its row holds)."""
    for table in TABLES:
        path = FOLDER / f"{table}.jsonl"
        if not path.is_file():
            raise SystemExit(f"{path} is not there: run this from a checkout")
        for line in path.read_bytes().splitlines():
            yield table, msgspec.json.decode(line, type=Problem), msgspec.json.decode(line, type=Row)


def _judge(
    judge: Name, sources: Sources, rows: list[tuple[str, Problem, Row]], timeout: float
) -> tuple[str, list[bool | None]]:
    """Version, and whether each program was accepted; a judge that breaks is started again."""
    found: list[bool | None] = []
    version = ""
    process: RivalProcess | None = None
    program_in = _extractor(judge, sources)
    try:
        for _, problem, row in rows:
            if judge != "ours" and (row.ours_only or problem.mode == "assert"):
                found.append(None)
                continue
            if process is None:
                process = RivalProcess(judge, sources, 1, timeout)
                version = process.version
            try:
                program = row.submissions[0]
                code = program.code if program.completion is None else program_in(program.completion)
                process.load(wire.Load([problem], [(0, code)]))
                found += process.judge().judged.accepted
            except (RivalFailed, MemoryError, msgspec.DecodeError) as error:  # the last two: it wrote into our pipe
                found.append(None)
                process.__exit__(type(error), error, None)
                process = None
    finally:
        if process is not None:
            process.__exit__(None, None, None)
    return version, found


def _extractor(judge: Name, sources: Sources) -> Callable[[str], str]:
    """What the judge hands to itself of a completion: nothing where it finds no program."""

    def ours(completion: str) -> str:
        return extract(completion).code or ""

    def theirs(completion: str) -> str:
        return found.extract(Shape(kind="", name="", completion=completion, program=None)) or ""

    if judge == "ours":
        return ours
    make, source = (extractors.lcb, sources.lcb) if judge == "lcb" else (extractors.prime_code, sources.verl)
    if source is None:
        raise Unavailable("name it")
    found = make(Path(source))
    return theirs


def _score(judge: str, version: str, cases: list[Case]) -> Score:
    traps = [case for case in cases if case.table == "traps" and not case.policy]
    policy = [case for case in cases if case.policy]
    hacks = [case for case in cases if case.table == "hacks" and not case.policy and case.verdicts[judge] is not None]
    return Score(
        judge=judge,
        version=version,
        traps=len(traps),
        traps_right=sum(case.verdicts[judge] is case.right for case in traps),
        policy=len(policy),
        policy_right=sum(case.verdicts[judge] is case.right for case in policy),
        hacks=len(hacks),
        hacks_rewarded=sum(case.verdicts[judge] is True for case in hacks),
    )


def markdown(result: Result) -> str:
    """The result for people: a table of scores, then one of the cases."""
    lines = [
        "| judge | version | traps judged right | policy rows as we document | hacks rewarded |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {score.judge} | {score.version} | {score.traps_right} of {score.traps} |"
        f" {score.policy_right} of {score.policy} | {score.hacks_rewarded} of {score.hacks} |"
        for score in result.scores
    ]
    judges = [score.judge for score in result.scores]
    for table in TABLES:
        lines += ["", f"| {table} | right | {' | '.join(judges)} |", "|---|---|" + "---|" * len(judges)]
        for case in result.cases:
            if case.table == table:
                right = _word(case.right) + (" *" if case.policy else "")
                told = (_cell(case, case.verdicts[judge]) for judge in judges)
                lines.append(f"| {case.name} | {right} | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


def _cell(case: Case, verdict: bool | None) -> str:
    if verdict is None:
        return "–"
    return _word(verdict) if verdict is case.right else f"**{_word(verdict)}**"


def _word(accepted: bool) -> str:
    return "accept" if accepted else "reject"


def _text(path: Path | None) -> str | None:
    return None if path is None else os.fspath(path)


if __name__ == "__main__":
    main()
