"""What a program gets of the points of a problem, as the problem package format has it."""

from __future__ import annotations

from collections.abc import Mapping

from .problem import Group, Problem
from .report import TestResult
from .status import Status


class Scoring:
    """Of one problem. Results are by the number of their test; a test that was not run has none, or is skipped."""

    def __init__(self, problem: Problem) -> None:
        self._groups = problem.groups
        self._tests: dict[str | None, list[int]] = {}
        for number, test in enumerate(problem.tests):
            self._tests.setdefault(test.group, []).append(number)

    def score(self, results: Mapping[int, TestResult]) -> float | None:
        """0 to 1; None when tests that were not run, or where the judge failed, would decide."""
        earned = 0.0
        for name, group in self._groups.items():
            share = self._share(name, group, results)
            if share is None:
                return None
            earned += share * group.max_score
        return earned / sum(group.max_score for group in self._groups.values())

    def moot(self, results: Mapping[int, TestResult]) -> set[int]:
        """Tests that the score does not depend on, whatever else comes."""
        decide: set[str | None] = set()
        for name, group in self._groups.items():
            if not self._lost(name, group, results):
                decide.update((name, *group.require_pass))
        return {test for name, tests in self._tests.items() if name not in decide for test in tests}

    def _lost(self, name: str, group: Group, results: Mapping[int, TestResult]) -> bool:
        """Whether it gets nothing."""
        if group.score_aggregation != "sum" and 0.0 in self._scores(name, group, results):
            return True
        return any(
            0.0 in self._scores(required, None, results)
            or (required in self._groups and self._lost(required, self._groups[required], results))
            for required in group.require_pass
        )

    def _share(self, name: str, group: Group, results: Mapping[int, TestResult]) -> float | None:
        if self._lost(name, group, results):
            return 0.0
        scores = self._scores(name, group, results)
        required = [score for each in group.require_pass for score in self._scores(each, None, results)]
        known = [score for score in scores if score is not None]
        if len(known) < len(scores) or None in required:
            return None
        return sum(known) / len(known) if group.score_aggregation == "sum" else min(known)

    def _scores(self, name: str, group: Group | None, results: Mapping[int, TestResult]) -> list[float | None]:
        """0 to 1, of the tests of a group; only 0 or 1 when it counts that they are accepted."""
        passed = group is None or group.score_aggregation == "pass-fail"
        return [_score(results.get(test), passed=passed) for test in self._tests[name]]


def _score(result: TestResult | None, *, passed: bool) -> float | None:
    if result is None or result.status is Status.SKIPPED or result.status.is_judge_failure:
        return None
    if result.score is None or passed:
        return float(result.status is Status.ACCEPTED)
    return result.score
