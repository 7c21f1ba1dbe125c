"""What other rules say of the outputs of a run: every preset, and plain equality of the stripped text."""

from __future__ import annotations

import msgspec

from ..evaluator.checkers import CHECKERS
from ..evaluator.compare import PRESETS, Comparison, Match, Steps, preset
from ..evaluator.comparing import Comparing
from ..evaluator.prepared import Prepared
from ..evaluator.problem import Checker, Problem
from ..evaluator.rejudge import rejudge
from ..evaluator.report import Report
from .confusion import Verdict, verdict_of

STRIPPED = "stripped text equal"


class Stripped(Comparison):
    """What many a home-made grader does: ``expected.strip() == actual.strip()``."""

    __slots__ = ()

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        yield from ()
        return Match(True, "stripped") if expected.strip() == actual.strip() else Match(False)


class Presets:
    """Verdicts on kept outputs. Ready for the problem of the last call: ask for all programs of a problem in a row."""

    def __init__(self) -> None:
        self.comparing = Comparing()
        """To be closed at the end."""
        self._problem: Problem | None = None
        self._prepared: dict[str, Prepared] = {}

    async def verdicts(self, problem: Problem, report: Report) -> dict[str, Verdict]:
        """By name of the rule; none where assertions decide. Needs the outputs in the report."""
        if problem.mode == "assert":
            return {}
        if problem is not self._problem:
            self._problem, self._prepared = problem, _prepare(problem)
        lacks = problem.checker.type in CHECKERS
        reports = {name: await rejudge(each, report, self.comparing) for name, each in self._prepared.items()}
        return {name: verdict_of(each, lacks_checker=lacks) for name, each in reports.items()}


def _prepare(problem: Problem) -> dict[str, Prepared]:
    if problem.checker.type in CHECKERS:  # a preset would leave the decision to it, other graders have none
        problem = msgspec.structs.replace(problem, checker=Checker())
    prepared = {f"preset {name}": Prepared(problem, preset(name)) for name in PRESETS}
    if problem.mode == "stdio":
        prepared[STRIPPED] = Prepared(problem, preset("strict"))
        prepared[STRIPPED].comparisons = [Stripped()] * len(problem.tests)
    return prepared
