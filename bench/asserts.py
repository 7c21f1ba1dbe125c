"""How are tests of assertions judged, and what does it cost? ``python -m microcoder.bench.asserts NAME=FILE …``.

A FILE is anything that ``microcoder-eval run`` reads, with programs that are labelled, or ``ROWS,PROGRAMS``, two such
files; a script of ../shared/cases/asserts, which has one right program and a dict of its tests; or the folder
tests/suites. The right program of each problem says which form its tests fall to, a wrong one whether any is
accepted. The idioms of bench/idioms come first. Then tests of each form are judged beside plain Python, with program
and test in one process: ``python3 test_it.py``, or ``python3 -m pytest`` where the test is a suite. Writes
``results/asserts.json``.
"""

from __future__ import annotations

import ast
import asyncio
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import psutil
import tyro
import uvloop

from ..evaluator import Evaluator
from ..evaluator.asserts import read_assertions
from ..evaluator.datasets import Rows
from ..evaluator.problem import Checker, Problem, TestCase
from ..evaluator.report import TestResult
from ..evaluator.status import Status
from . import idioms
from .idioms import plain
from .machine import Machine, command_line, machine, without_folders
from .measure import Change

FORMS = {"assert": "lifted", "assert replayed": "replayed", "assert together": "together"}
"""What the rules of accepted tests are called here."""
NONE, REJECTED = "no verdict", "rejected"
REASONS = 12
SHOWN = 160


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How are tests of assertions judged, and what does it cost?"""

    files: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """NAME=FILE: what to call it, and where it is."""
    idioms: bool = True
    """Whether those of bench/idioms are judged, too."""
    workers: int | None = None
    """Processes that judge. Default: one a processor."""
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Share of the problems of each file."""
    timed: int = 20
    """Tests of each form that are timed."""
    rounds: int = 10
    """How often they are, beside plain Python."""
    seed: int = 1
    """Of the share, and of what is timed."""
    out: Path = Path(__file__).with_name("results")
    """Folder for asserts.json."""


class Case(NamedTuple):
    problem: Problem
    program: str
    name: str
    right: bool


class DataSet(msgspec.Struct, kw_only=True):
    name: str
    problems: int = 0
    tests: int = 0
    """Of the problems that have a right program, which is what is counted here."""
    lifted: int = 0
    replayed: int = 0
    together: int = 0
    no_verdict: int = 0
    rejected: int = 0
    wrong: int = 0
    """Wrong programs."""
    wrong_accepted: int = 0
    wrong_no_verdict: int = 0
    why: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    """Of right programs that were not accepted, and wrong ones that were not rejected."""


class Took(NamedTuple):
    """Milliseconds."""

    wall: float
    cpu: float
    """Of all processes."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Of one form, milliseconds a test: medians over the rounds, in each of which all tests are judged and then run."""

    form: str
    suite: bool
    """Whether plain Python runs pytest."""
    tests: int
    ours: Took
    plain: Took
    wall_over_plain: Change
    cpu_over_plain: Change


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What asserts.json holds."""

    command: str
    machine: Machine
    data_sets: list[DataSet]
    costs: list[Cost]


class Count:
    """Of data sets, one after the other."""

    def __init__(self) -> None:
        self.forms: dict[str, list[Case]] = defaultdict(list)
        """Right programs of problems with one test, by the form of that."""

    async def count(self, evaluator: Evaluator, name: str, cases: Iterable[Case]) -> DataSet:
        found = DataSet(name=name)
        reasons: Counter[str] = Counter()
        usable: list[Case] = []
        for case in cases:
            try:
                list(read_assertions(case.problem))
            except ValueError as error:
                reasons[f"left out: {error}"[:SHOWN]] += 1
            else:
                usable.append(case)
        async for case, results in _judged(evaluator, usable):
            if case.right:
                found.problems += 1
                self._right(found, case, results, reasons)
            else:
                _wrong(found, case, results, reasons)
        found.why = dict(reasons.most_common(REASONS))
        return found

    def _right(self, found: DataSet, case: Case, results: tuple[TestResult, ...], reasons: Counter[str]) -> None:
        for result in results:
            form = form_of(result)
            found.tests += 1
            field = form.replace(" ", "_")
            setattr(found, field, getattr(found, field) + 1)
            if form in (NONE, REJECTED):
                reasons[f"{form}: {_why(result)}"] += 1
                _say(case, form, result)
            elif len(results) == 1:
                self.forms[form].append(case)


def _wrong(found: DataSet, case: Case, results: tuple[TestResult, ...], reasons: Counter[str]) -> None:
    found.wrong += 1
    forms = [form_of(result) for result in results]
    if all(form in FORMS.values() for form in forms):
        found.wrong_accepted += 1
        reasons["wrong accepted"] += 1
        _say(case, "wrong accepted", results[0])
    elif REJECTED not in forms:
        found.wrong_no_verdict += 1
        result = results[forms.index(NONE)]
        reasons[f"wrong, {NONE}: {_why(result)}"] += 1
        _say(case, f"wrong, {NONE}", result)


def form_of(result: TestResult) -> str:
    """lifted, replayed, together, no verdict, rejected."""
    if result.status is Status.ACCEPTED:
        return FORMS[result.rule or ""]
    return NONE if result.status.is_judge_failure else REJECTED


def _why(result: TestResult) -> str:
    return without_folders(f"{result.status}: {result.message or ''}")[:SHOWN]


def _say(case: Case, form: str, result: TestResult) -> None:
    print(f"  {form}  {case.name}  {result.rule or ''}  {_why(result)}", flush=True)


async def _judged(evaluator: Evaluator, cases: Iterable[Case]) -> AsyncIterator[tuple[Case, tuple[TestResult, ...]]]:
    waiting: list[Case] = []

    def remembered() -> Iterator[tuple[Problem, str]]:
        for case in cases:
            waiting.append(case)
            yield case.problem, case.program

    async for report in evaluator.evaluate_many(remembered()):
        yield waiting.pop(0), report.tests


def of_idioms(kind: str) -> Iterator[Case]:
    for idiom in idioms.idioms():
        if idiom.name.startswith(f"{kind}:"):
            for which, source, right in idiom.programs:
                yield Case(idiom.problem, source, f"{idiom.name}, {which}", right)


def of_rows(paths: list[Path], draw: random.Random, share: float) -> Iterator[Case]:
    """The first right and the first wrong program of each problem."""
    drawn: dict[str, bool] = {}
    had: set[tuple[str, bool]] = set()
    for problem, submission in Rows(paths[:1], paths[1:], skip_bad=True):
        key = problem.problem_id, bool(submission.accept)
        if problem.mode != "assert" or submission.accept is None or key in had:
            continue
        if submission.timing_sensitive or submission.language != "python" or not submission.code:
            continue
        if drawn.setdefault(problem.problem_id, draw.random() < share):
            had.add(key)
            yield Case(problem, submission.code, f"{problem.problem_id} {submission.name or ''}", submission.accept)


def of_script(path: Path) -> Iterator[Case]:
    """``PROG``, a right program, and ``T``, its tests by their names."""
    given = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for name, test in given["T"].items():
        yield Case(_problem(name, test), given["PROG"], name, True)


def of_suites(folder: Path) -> Iterator[Case]:
    """Where all of a text passes the program is right, where a part of it fails the program is wrong."""
    program = (folder / "solution.py").read_text()
    for path in sorted(folder.glob("*.txt")):
        for block in re.split(r"^=== ", path.read_text(), flags=re.MULTILINE)[1:]:
            name, head, text = block.split("\n", 2)
            ends = {each.split()[-1] for each in head.removeprefix("# ").split(",")}
            right = bool(ends & {"passed", "xfailed"}) and ends <= {"passed", "skipped", "xfailed"}
            if right or "failed" in ends:
                yield Case(_problem(name, text), program, f"{path.stem}: {name}", right)


def _problem(name: str, test: str) -> Problem:
    tests = (TestCase(code=test),)
    return Problem(problem_id=name, mode="assert", tests=tests, checker=Checker(type="assert"))


async def costs(forms: dict[str, list[Case]], options: Options) -> list[Cost]:
    found: list[Cost] = []
    for form in FORMS.values():
        for suite in (False, True):
            cases = [case for case in forms[form] if plain.is_suite(case.problem.tests[0].code or "") is suite]
            if cases:
                drawn = random.Random(options.seed).sample(cases, min(len(cases), options.timed))
                found.append(await _cost(form, drawn, suite=suite, rounds=options.rounds))
                print(msgspec.json.encode(found[-1]).decode(), flush=True)
    return found


async def _cost(form: str, cases: list[Case], *, suite: bool, rounds: int) -> Cost:
    ours: list[Took] = []
    others: list[Took] = []
    async with Evaluator(workers=1, cache=0) as evaluator:
        for number in range(rounds + 1):  # the first is not counted
            mine, other = await _ours(evaluator, cases), await asyncio.to_thread(_plain, cases)
            if number:
                ours.append(mine)
                others.append(other)
    pairs = list(zip(ours, others, strict=True))
    return Cost(
        form=form,
        suite=suite,
        tests=len(cases),
        ours=_median(ours),
        plain=_median(others),
        wall_over_plain=Change.of([mine.wall / other.wall for mine, other in pairs]),
        cpu_over_plain=Change.of([mine.cpu / other.cpu for mine, other in pairs]),
    )


def _median(found: list[Took]) -> Took:
    return Took(*(round(statistics.median(values), 2) for values in zip(*found, strict=True)))


async def _ours(evaluator: Evaluator, cases: list[Case]) -> Took:
    begun, before = time.perf_counter(), _processor_time()
    for case in cases:
        await evaluator.evaluate(case.problem, case.program)
    seconds, used = time.perf_counter() - begun, _processor_time() - before
    return Took(1000 * seconds / len(cases), 1000 * used / len(cases))


def _processor_time() -> float:
    """Seconds, of this process and of what it has started that runs, with what those have reaped."""
    own = psutil.Process()
    times = own.cpu_times()
    total = times.user + times.system
    for child in own.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total


def _plain(cases: list[Case]) -> Took:
    wall = cpu = 0.0
    for case in cases:
        one = plain.Case(case.problem.tests[0].code or "", case.program, case.problem.prelude)
        with tempfile.TemporaryDirectory(prefix="asserts-") as folder:
            for name, text in plain.files(one).items():
                Path(folder, name).write_text(text, errors="surrogatepass")
            begun = time.perf_counter()
            nothing = subprocess.DEVNULL
            process = subprocess.Popen(plain.command(one), cwd=folder, stdin=nothing, stdout=nothing, stderr=nothing)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall += time.perf_counter() - begun
            cpu += usage.ru_utime + usage.ru_stime
    return Took(1000 * wall / len(cases), 1000 * cpu / len(cases))


def sources(options: Options) -> list[tuple[str, Iterator[Case]]]:
    """Raises SystemExit."""
    found = [(f"idioms: {kind}", of_idioms(kind)) for kind in idioms.FILES if options.idioms]
    for word in options.files:
        name, _, names = word.partition("=")
        paths = [Path(each) for each in names.split(",")]
        if not names or not all(path.exists() for path in paths):
            raise SystemExit(f"{word}: is no NAME=FILE of a file that is there")
        if paths[0].is_dir():
            cases = of_suites(paths[0])
        elif paths[0].suffix == ".py":
            cases = of_script(paths[0])
        else:
            cases = of_rows(paths, random.Random(options.seed), options.share)
        found.append((name, cases))
    return found


async def asserts(options: Options) -> None:
    counted = Count()
    result = Result(command=command_line("microcoder.bench.asserts"), machine=machine(), data_sets=[], costs=[])
    async with Evaluator(workers=options.workers, cache=0, run_all=True) as evaluator:
        for name, cases in sources(options):
            result.data_sets.append(await counted.count(evaluator, name, cases))
            print(msgspec.json.encode(result.data_sets[-1]).decode(), flush=True)
            _write(result, options.out)
    if options.timed:
        result.costs.extend(await costs(counted.forms, options))
    _write(result, options.out)


def _write(result: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "asserts.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asserts(options))


if __name__ == "__main__":
    main()
