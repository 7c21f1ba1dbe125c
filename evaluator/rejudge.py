"""A report judged again from the outputs that it keeps: another rule, nothing is run."""

from __future__ import annotations

import msgspec

from .comparing import Comparing
from .judgement import score_of, status_of
from .kept import restore
from .prepared import Prepared
from .report import Report, TestResult, explanation
from .status import Status

_COMPARED = (Status.ACCEPTED, Status.WRONG_ANSWER, Status.CHECKER_ERROR)
_NOT_RUN = (Status.COMPILE_ERROR, Status.NO_CODE, Status.SYSTEM_ERROR)


async def rejudge(prepared: Prepared, report: Report, comparing: Comparing) -> Report:
    """The report under the comparison of ``prepared``. Its status is ``skipped`` where what was kept does not decide.

    ValueError: the report is of other tests. WorkerFailure: comparing processes do not work here.
    """
    if len(report.tests) != len(prepared):
        raise ValueError(f"a report of {len(report.tests)} tests, but the problem has {len(prepared)}")
    if prepared.assertions or prepared.checkers[0] or report.status in _NOT_RUN:  # these decide whatever the rule
        return report
    tests = tuple([await _again(prepared, n, test, comparing) for n, test in enumerate(report.tests)])
    passed = sum(test.status is Status.ACCEPTED for test in tests)
    failed = next((n for n, test in enumerate(tests) if test.status not in (Status.ACCEPTED, Status.SKIPPED)), None)
    status = Status.ACCEPTED if failed is None else tests[failed].status
    message = explanation(tests, failed, prepared.problem)
    if failed is None and passed < len(tests):
        number = next(number for number, test in enumerate(tests) if test.status is Status.SKIPPED)
        why = tests[number].message or "it was not run (--run-all runs all tests)"
        status, message = Status.SKIPPED, f"cannot be judged again: test {number + 1}: {why}"
    score = score_of(prepared, tests)
    return msgspec.structs.replace(report, status=status, score=score, passed=passed, tests=tests, message=message)


async def _again(prepared: Prepared, number: int, result: TestResult, comparing: Comparing) -> TestResult:
    expected = prepared.expected[number]
    if result.status not in _COMPARED:
        return result
    try:
        if result.output is None:
            raise ValueError("its output was not kept (--keep-outputs keeps them)")
        actual = restore(result.output, expected)
    except ValueError as error:
        return msgspec.structs.replace(result, status=Status.SKIPPED, rule=None, message=str(error))
    match = await comparing.compare(prepared.comparisons[number], expected, actual, prepared.references[number])
    return msgspec.structs.replace(result, status=status_of(match), rule=match.rule, message=match.message)
