"""A problem made ready for judging: inputs as bytes, the comparison built, what failed before remembered."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ..sandbox.capacity import PROCESSES
from ..sandbox.errors import HostShortage
from ..sandbox.protocol import Mode
from ..sandbox.shortage import in_thread
from ..sandbox.turns import Turns
from ..sandbox.worker import LANE_SLICE, LANE_TESTS, Inputs
from .asserts import Assertion, contradiction, read_assertions
from .checkers import CheckerProgram, checker_program
from .compare import Comparison, comparison_for, values, with_preset
from .input_prediction import as_judged, for_literals
from .problem import Checker, Problem, TestCase
from .reference import Reference
from .report import TestResult
from .scoring import Scoring
from .starter import read_starter

FEW = 8
"""Tests that a lane may as well run at once, while nobody knows how programs of the problem fare."""
FIRST = 3
"""Of more tests, those of the first lane then."""
OVERHEAD = 0.002
"""Seconds that a test takes besides its own."""
FLAGS = 2048
"""Different ones that the tests of a problem may have."""
TEST, ASSERTION, CHARACTER = 192, 1280, 100
"""Bytes of memory that a test takes when it is ready; an assertion; for each character of one that is lifted."""
COMPARED = 64 << 10
"""Characters of all tests of a problem that are searched for contradictions while others wait: a few milliseconds."""
UNSEEN = 0.1
"""Failures that every test is given to begin with: a cheap one that never failed comes before a dear one that did."""


LONG = 4 * 1024
"""Characters of a test that is code from which it is read in a thread: 64 KiB take most of a second."""
_JOB_MODES: dict[str, Mode] = {"stdio": "stdio", "call": "call", "assert": "calls", "output_prediction": "stdio"}
"""Of an output prediction nothing is run."""


class Prepared:
    """Shared by all programs of a problem. Raises ValueError, naming the field, when the problem makes no sense."""

    def __init__(
        self,
        problem: Problem,
        preset: Checker | None = None,
        assertions: Sequence[Assertion] | None = None,
        *,
        checked: bool = False,
    ) -> None:
        """With a preset, that decides instead of the comparison of the problem. ``assertions``: those of the problem,
        where they have been read. ``checked``: its expected values are values."""
        self.given = problem
        self.sealed = self.gives = problem.mode == "input_prediction"
        """Whether tests may not run in the process of the program, which knows what is expected; and whether that gives
        no answers, but arguments, which a test uses as it likes."""
        self._for_literals: Prepared | None = None
        problem = as_judged(problem)
        self.problem = problem = with_preset(problem, preset) if preset else problem
        by_flags = _deciding(problem, {test.flags: test for test in problem.tests}, checked)
        self.comparisons: Sequence[Comparison] = [by_flags[test.flags][0] for test in problem.tests]
        """One a test."""
        self.checkers: Sequence[CheckerProgram | None] = [by_flags[test.flags][1] for test in problem.tests]
        """The programs that decide instead."""
        self.references = [Reference() for _ in problem.tests]
        self.assertions = list(read_assertions(problem) if assertions is None else assertions)
        """assert mode: what decides each test, instead of the comparison."""
        self.job_mode: Mode = _JOB_MODES[problem.mode]
        self.unread = [number for number, test in enumerate(self.assertions) if test.lifted is None]
        """Of them, those that have to run."""
        self.processes = PROCESSES if problem.mode == "assert" else 1
        """At the same time, each with all that the limits allow."""
        if problem.mode == "assert":
            self.inputs = Inputs([test.request for test in self.assertions])
        else:
            self.inputs = Inputs([test.input.encode() for test in problem.tests])
        self.starter = read_starter(problem)
        self.expected = [output.encode() for output in self.starter.outputs or [test.output for test in problem.tests]]
        texts = self.inputs.size + sum(map(len, self.expected))
        lifted = sum(len(test.reading.source) for test in self.assertions if test.lifted is not None)
        objects = TEST * len(self.expected) + ASSERTION * len(self.assertions) + CHARACTER * lifted
        self.size = problem.size + texts + objects
        """Bytes of memory, roughly, with those of the problem."""
        self.limits = problem.effective_limits
        self.scoring = Scoring(problem) if problem.groups else None
        self.prelude = problem.prelude.encode()
        self.prelude_fault: str | None = None
        """How it fails without a program; empty: it does not. None: not found out."""
        self._failures: Counter[int] = Counter()
        self._runs = [0] * len(self.expected)
        self._seconds = [0.0] * len(self.expected)  # mean of each test
        self._judged = 0

    @classmethod
    async def in_turns(cls, problem: Problem, preset: Checker | None = None) -> Prepared:
        """The same, with turns for others: there may be thousands of tests that are code, or whose values are long."""
        turns, assertions = Turns(), list[Assertion]()
        if problem.mode == "call" and checker_program(problem) is None:
            for _ in values.checked(problem.tests):
                await turns.pass_on()
        judged = as_judged(problem)
        readings = read_assertions(judged)
        large = any(len(test.code or "") > LONG for test in judged.tests)
        while (assertion := await _next(readings, in_a_thread=large)) is not None:
            assertions.append(assertion)
            await turns.pass_on()
        return cls(problem, preset, assertions, checked=True)

    @functools.cached_property
    def contradiction(self) -> str | None:
        """Why no program that gives the same answer each time can pass, where assertions contradict each other."""
        if sum(len(test.reading.source) for test in self.assertions) > COMPARED:
            return None
        return contradiction([test.lifted for test in self.assertions])

    async def for_literals(self) -> Prepared:
        """Input prediction: what judges answers with literal arguments."""
        if self._for_literals is None:
            prepared = await Prepared.in_turns(for_literals(self.given))
            prepared.sealed = True
            self._for_literals = self._for_literals or prepared
        return self._for_literals

    def __len__(self) -> int:
        return len(self.expected)

    def order(self) -> list[int]:
        """All tests, but for assertions that have to run. Once one has failed a program: first what finds the most
        failures for the time that it takes, so that a wrong program ends soon."""
        tests = [test for test in range(len(self)) if test not in self.unread]
        if not self._failures:
            return tests
        return sorted(tests, key=lambda test: -(UNSEEN + self._failures[test]) / (OVERHEAD + self._seconds[test]))

    @property
    def first_lane(self) -> int:
        """Tests worth running before the verdict on the first is known. Where most programs fail, one: what fails alone
        needs no second run."""
        failed = self._failures.total()
        if not self._judged:
            return FEW if len(self) <= FEW else FIRST
        return 1 if 2 * failed > self._judged else LANE_TESTS

    def alone(self) -> list[int]:
        """Tests that took so long that they gain nothing by sharing a process, and would keep others waiting."""
        return [test for test, seconds in enumerate(self._seconds) if seconds > LANE_SLICE]

    def judged(self, tests: Sequence[TestResult], failed: int | None) -> None:
        """Remember what the tests took, and the one that the verdict comes from; None: accepted."""
        self._judged += 1
        for number, test in enumerate(tests):
            if test.cpu_time is not None:
                self._runs[number] += 1
                self._seconds[number] += (test.cpu_time - self._seconds[number]) / self._runs[number]
        if failed is not None:
            self._failures[failed] += 1


async def _next(readings: Iterator[Assertion], *, in_a_thread: bool) -> Assertion | None:
    if in_a_thread:
        with contextlib.suppress(HostShortage):
            return await in_thread(next, readings, None)
    return next(readings, None)


def _deciding(
    problem: Problem, flagged: Mapping[str | None, TestCase], checked: bool
) -> dict[str | None, tuple[Comparison, CheckerProgram | None]]:
    """What decides the tests with these flags, of which one is given. Only text is compared by flags of a test, and how
    says nothing but the checker. ``checked``: nothing else needs to be looked at, either."""
    if len(flagged) > FLAGS:
        raise ValueError(f"tests: {len(flagged)} different flags; {FLAGS} at most")
    deciding: dict[str | None, tuple[Comparison, CheckerProgram | None]] = {}
    for flags, test in flagged.items():
        own = problem
        if flags is not None or checked:
            checker = problem.checker if flags is None else msgspec.structs.replace(problem.checker, flags=flags)
            own = msgspec.structs.replace(problem, checker=checker, tests=(test,), groups={}, statement=None)
        deciding[flags] = comparison_for(own), checker_program(own)
    return deciding
