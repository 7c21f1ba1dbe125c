"""What was understood of a data set, and what looks wrong in it; what became of its reference solutions.

However many rows there are, little is kept: what is said of each is packed, and numbers are counted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from .asserts import contradiction, read_assertions
from .asserts import suspicions as suspicions_of_test
from .input_prediction import as_judged
from .pile import Pile
from .problem import Problem
from .report import Report
from .spread import Range, Spread
from .status import Status
from .submission import Submission

GIANT = 16 << 20
"""Characters of input and expected output of a test that is worth a word."""
EXAMPLES = 3
DIFFERENT = 1000
"""Words that are counted each; further ones are counted together, as `OTHERS`."""
OTHERS = "others"

_SEVERAL = re.compile(
    r"\bany (?:valid|correct|of (?:them|the)|one of|such|optimal)\b"
    r"|\bif there (?:are|exist) (?:multiple|several|many)\b"
    r"|\b(?:multiple|several) (?:correct |valid |possible )?(?:answers|solutions|outputs)\b"
    r"|\b(?:absolute|relative) (?:or (?:absolute|relative) )?error\b",
    re.IGNORECASE,
)
_COMPARED = ("default", "python_eq", "kattis")
"""Checkers that compare with the one expected output."""


def _texts() -> Pile[str]:
    return Pile(str)


def _failures() -> Pile[Failure]:
    return Pile(Failure)


class Finding(msgspec.Struct):
    """Problems that look wrong in one way."""

    problems: int = 0
    names: Pile[str] = msgspec.field(default_factory=_texts)
    """Which, and what is wrong there."""


class Failure(msgspec.Struct, kw_only=True):
    """A reference solution that was not accepted."""

    where: str
    """File and line of the problem."""
    problem_id: str
    program: str | None
    """Its name."""
    status: Status
    message: str | None


class Verification(msgspec.Struct, kw_only=True):
    """What became of the reference solutions: the programs that are labelled right."""

    programs: int = 0
    accepted: int = 0
    without: int = 0
    """Problems that have none."""
    failures: Pile[Failure] = msgspec.field(default_factory=_failures)

    def add(self, report: Report, where: str) -> None:
        self.programs += 1
        self.accepted += report.accepted
        if not report.accepted:
            failure = Failure(
                where=where,
                problem_id=report.problem_id,
                program=report.name,
                status=report.status,
                message=report.message,
            )
            self.failures.append(failure)


class Inspection(msgspec.Struct, kw_only=True):
    """The content of ``inspect --json``. Counters are by name."""

    formats: dict[str, int] = {}
    problems: int = 0
    tests: int = 0
    tests_per_problem: Range = Range()
    characters_per_test: Range = Range()
    modes: dict[str, int] = {}
    checkers: dict[str, int] = {}
    time_limits: Range = Range()
    """Seconds of the problems that have a limit of their own."""
    without_time_limit: int = 0
    groups: dict[str, int] = {}
    """Tests, by the first word of their group."""
    described: dict[str, int] = {}
    """Problems with a statement, title, difficulty, contest_date, starter_code, source; with points for groups; with
    files for programs."""
    programs: dict[str, int] = {}
    """By language."""
    labels: dict[str, int] = {}
    """right, wrong, unknown; timing_sensitive are counted in these, too."""
    found: dict[str, int] = {}
    """Programs that were extracted from completions, by how they were found."""
    left_out: dict[str, int] = {}
    """Programs in languages that are not supported."""
    bad_rows: int = 0
    first_bad_rows: list[str] = []
    misspelt: dict[str, int] = {}
    """Rows with a field that is none of ours, but is called almost like one, by what there is to say."""
    suspicious: dict[str, Finding] = {}
    verified: Verification | None = None
    """With ``--verify``."""

    @property
    def clean(self) -> bool:
        wrong = self.bad_rows or self.misspelt or self.suspicious or (self.verified and self.verified.failures)
        return self.problems > 0 and not wrong


DESCRIBED = ("statement", "title", "difficulty", "contest_date", "starter_code", "source")


class Inspector:
    """Takes problems one by one."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter[str]] = {
            name: Counter()
            for name in ("formats", "modes", "checkers", "groups", "described", "programs", "labels", "found")
        }
        self._tests, self._sizes, self._limits = Spread(), Spread(), Spread()
        self._findings: dict[str, Finding] = {}

    def add_problem(self, form: str, problem: Problem, place: str = "", right: Sequence[str] = ()) -> None:
        """``place``: file and line. ``right``: the sources of programs that are right."""
        self._count("formats", form)
        self._count("modes", problem.mode)
        checker = problem.checker
        self._count("checkers", " ".join(word for word in (checker.type, checker.name or "", checker.flags) if word))
        for name in DESCRIBED:
            if getattr(problem, name):
                self._count("described", name)
        if problem.groups:
            self._count("described", "points")
        if problem.include:
            self._count("described", "included files")
        if problem.time_limit is not None:
            self._limits.add(problem.time_limit)
        self._tests.add(len(problem.tests))
        for test in problem.tests:
            self._sizes.add(len(test.input) + len(test.output) + len(test.code or ""))
            if test.group:
                self._count("groups", test.group.partition("/")[0])
        for kind, what in suspicions(problem, right):
            finding = self._findings.setdefault(kind, Finding())
            finding.problems += 1
            finding.names.append(": ".join(part for part in (place, problem.problem_id, what) if part))

    def add_program(self, program: Submission) -> None:
        self._count("programs", program.language)
        self._count("labels", "unknown" if program.accept is None else "right" if program.accept else "wrong")
        if program.timing_sensitive:
            self._count("labels", "timing_sensitive")
        if program.found:
            self._count("found", program.found)

    def _count(self, what: str, word: str) -> None:
        counter = self._counters[what]
        counter[word if word in counter or len(counter) < DIFFERENT else OTHERS] += 1

    def result(self) -> Inspection:
        count = {name: dict(counter.most_common()) for name, counter in self._counters.items()}
        return Inspection(
            formats=count["formats"],
            modes=count["modes"],
            checkers=count["checkers"],
            groups=count["groups"],
            described=count["described"],
            programs=count["programs"],
            labels=count["labels"],
            found=count["found"],
            problems=self._tests.count,
            tests=self._sizes.count,
            tests_per_problem=self._tests.range(),
            characters_per_test=self._sizes.range(),
            time_limits=self._limits.range(),
            without_time_limit=self._tests.count - self._limits.count,
            suspicious=self._findings,
        )


def suspicions(problem: Problem, right: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """(what looks wrong, where). ``right``: the sources of programs that are right."""
    yield from _of_assertions(problem, right)
    expected: dict[str, str] = {}
    seen: set[tuple[str, str | None]] = set()
    empty: list[int] = []
    twice: list[int] = []
    contradicting: list[int] = []
    giant: list[int] = []
    nan: list[int] = []
    beyond: list[int] = []
    for number, test in enumerate(problem.tests):
        key = test.input if test.code is None else test.code
        if len(key) + len(test.output) > GIANT:
            giant.append(number)
        if test.code is None:
            if problem.checker.source is None and len(test.output.encode()) > problem.limits.output:
                beyond.append(number)
            if not test.output.strip():
                empty.append(number)
            elif _has_nan(test.output):
                nan.append(number)
        if expected.setdefault(key, test.output) != test.output:
            contradicting.append(number)
        elif (key, test.group) in seen:  # groups may repeat each other
            twice.append(number)
        seen.add((key, test.group))
    for kind, numbers in (
        ("empty expected output", empty),
        ("same input, different expected outputs", contradicting),
        ("same test again", twice),
        ("giant test", giant),
        ("nan or inf expected", nan),
        ("more output expected than limits.output allows: no program can be accepted", beyond),
    ):
        if numbers:
            shown = ", ".join(f"tests[{number}]" for number in numbers[:EXAMPLES])
            yield kind, shown + (f" and {len(numbers) - EXAMPLES} more" if len(numbers) > EXAMPLES else "")
    if all((test.group or "").partition("/")[0] == "sample" for test in problem.tests):
        yield "no tests but samples", ""
    checker = problem.checker
    statement = problem.statement if checker.type in _COMPARED and "float" not in checker.flags else None
    if hint := _SEVERAL.search(statement or ""):
        yield "several answers may be right, but there is no checker", json.dumps(hint[0])


def _of_assertions(problem: Problem, right: Sequence[str]) -> Iterator[tuple[str, str]]:
    tests = list(read_assertions(as_judged(problem)))
    if (found := contradiction([test.lifted for test in tests])) is not None:
        yield "assertions that contradict each other", found
    seen: dict[str, list[str]] = {}
    for number, test in enumerate(tests):
        for kind, what in suspicions_of_test(test, right):
            seen.setdefault(kind, []).append(f"tests[{number}]" + (f": {what}" if what else ""))
    for kind, places in seen.items():
        yield kind, "; ".join(places[:EXAMPLES]) + (f" and {len(places) - EXAMPLES} more" if places[EXAMPLES:] else "")


def _has_nan(text: str) -> bool:
    if len(text) >= 1 << 16:
        return False
    text = text.lower()
    return ("nan" in text or "inf" in text) and re.search(r"(?<!\w)-?(?:nan|inf|infinity)(?!\w)", text) is not None
