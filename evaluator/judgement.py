"""One program against one problem: turns executions into test results, and says what is still open.

A result is believed when the test had a process of its own, or when a lane accepted it. What a lane rejects is run
again in a process of its own first. When that contradicts the lane, the lane was not faithful for this program, which
is then judged again without.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from ..sandbox.execution import Execution, Outcome
from .asserts import Ruling
from .checkers import CheckerFailed, CheckerProgram, Checkers
from .compare import Match
from .comparing import Comparing
from .kept import keep
from .options import JudgeOptions
from .prepared import Prepared
from .report import NOT_RUN, Report, TestResult, explanation, not_run, nothing
from .status import Status

SHOWN = 2048
"""Characters of output and error text that a result keeps."""
CONFIRMED_SHARE = 64
"""One in so many accepted programs has a test of its lanes run again by itself."""

_STATUS = {
    Outcome.CRASHED: Status.RUNTIME_ERROR,
    Outcome.TIME_LIMIT: Status.TIME_LIMIT_EXCEEDED,
    Outcome.MEMORY_LIMIT: Status.MEMORY_LIMIT_EXCEEDED,
    Outcome.OUTPUT_LIMIT: Status.OUTPUT_LIMIT_EXCEEDED,
}


class Judgement:
    """State of one program. ``take`` executions as they come, while tests are ``wanted``."""

    def __init__(
        self,
        prepared: Prepared,
        source: bytes,
        judging: JudgeOptions,
        *,
        keep_outputs: int = 0,
        comparing: Comparing,
        checkers: Callable[[], Checkers] | None = None,
    ) -> None:
        self.prepared = prepared
        self.judging = judging
        self.scoring = prepared.scoring if judging.scores else None
        self.keep_outputs = keep_outputs
        self._comparing = comparing
        self._checkers = checkers
        self.results: dict[int, TestResult] = {}
        self.open = set(range(len(prepared)))
        self.not_plain: set[int] = set()
        """Open tests of assertions that were read, and ran. What came of them is no plain data."""
        self.message: str | None = None
        self._source = source
        self._compile_error = False
        self.unfaithful = False
        """A lane gave a test another verdict than a process of its own: nothing here counts."""
        self._failed: set[int] = set()
        self._by_lane: set[int] = set()  # accepted, without a process of its own
        self._in_doubt: dict[int, bool] = {}  # to be confirmed, and whether the lane accepted it
        self._sampled = zlib.crc32(source) % CONFIRMED_SHARE == 0

    @property
    def decided(self) -> bool:
        """Nothing that is still open could change the verdict."""
        return self.open <= self.moot()

    def moot(self) -> set[int]:
        """Open tests that are not worth running any more."""
        if self.unfaithful or self._compile_error:
            return self.open
        if self.judging.run_all or not self._failed:
            return set()
        return self.open if self.scoring is None else self.open & self.scoring.moot(self.results)

    def wanted(self, tests: Sequence[int]) -> list[int]:
        """Those of them that are to be run."""
        left = self.open - self.moot()
        return [test for test in tests if test in left and test not in self.not_plain]

    def compile_error(self, message: str) -> None:
        self._compile_error = True
        self.message = message

    async def take(self, executions: list[Execution]) -> list[int]:
        """Compare; return the tests that have to run again, each in a process of its own."""
        again: list[int] = []
        for execution in executions:
            test = execution.test
            ruling = None
            if self.prepared.assertions and execution.outcome is Outcome.FINISHED:
                ruling = await self.prepared.assertions[test].rule(execution.result)
                if ruling is None:
                    self.not_plain.add(test)
                    continue
            result = await self._result(execution, ruling)
            accepted = result.status is Status.ACCEPTED
            if execution.fresh or accepted:
                self.open.discard(test)
                self._keep(test, result)
                self.unfaithful = self.unfaithful or self._in_doubt.pop(test, accepted) is not accepted
                if not execution.fresh:
                    self._by_lane.add(test)
            else:
                self._in_doubt[test] = False
                again.append(test)
        if self._sampled and not self.open and executions[-1].test in self._by_lane and not again:
            self._sampled = False
            test = executions[-1].test
            self._in_doubt[test] = True
            self.open.add(test)
            again.append(test)
        return again

    async def settle(self, test: int, execution: Execution | None, ruling: Ruling | None) -> None:
        """A test of assertions that was not read: what the program did, and the ruling, unless how it ended decides."""
        self.open.discard(test)
        self.not_plain.discard(test)
        if execution is not None:
            self._keep(test, await self._result(execution, ruling))
        elif ruling is not None:
            self._keep(test, TestResult(status=ruling.status, rule=ruling.rule, message=ruling.message))

    async def compare_answer(self) -> None:
        """Output prediction: what was submitted is compared with the one value; nothing runs. Raises WorkerFailure."""
        expected, answer = self.prepared.expected[0], self._source.strip()
        match = await self._comparing.compare(
            self.prepared.comparisons[0], expected, answer, self.prepared.references[0]
        )
        self.open.discard(0)
        result = TestResult(
            status=status_of(match),
            rule=match.rule,
            message=match.message,
            stdout=None if match.accepted else _text(self._source[:SHOWN])[:SHOWN],
            output=keep(expected, answer, self.keep_outputs) if self.keep_outputs else None,
        )
        self._keep(0, result)

    def _keep(self, test: int, result: TestResult) -> None:
        self.results[test] = result
        if result.status is Status.ACCEPTED:
            self._failed.discard(test)
        else:
            self._failed.add(test)

    async def _result(self, execution: Execution, ruling: Ruling | None) -> TestResult:
        score = None
        checker = self.prepared.checkers[execution.test]
        if ruling is None and checker is not None and execution.outcome is Outcome.FINISHED:
            status, rule, message, score = await self._checked(checker, execution)
        elif ruling is None:
            status, rule, message = await self._verdict(execution)
        else:
            status, rule, message = ruling.status, ruling.rule, ruling.message
            if status is Status.WRONG_ANSWER and (contradiction := self.prepared.contradiction) is not None:
                status, message = Status.CHECKER_ERROR, f"the tests contradict each other: {contradiction}"
        accepted = status is Status.ACCEPTED
        mode = self.prepared.problem.mode
        output = execution.stdout if mode == "stdio" else execution.result
        kept = None
        if self.keep_outputs and mode != "assert" and execution.outcome is Outcome.FINISHED:
            kept = keep(self.prepared.expected[execution.test], output, self.keep_outputs)
        return TestResult(
            status=status,
            rule=rule,
            message=message,
            score=score,
            limit=execution.limit,
            exit_code=execution.exit_code,
            signal=execution.signal,
            cpu_time=execution.cpu_time,
            wall_time=execution.wall_time,
            memory=execution.memory,
            stdout=None if accepted else _text(output[:SHOWN])[:SHOWN],
            stderr=None if accepted or not execution.stderr else _text(execution.stderr[-SHOWN:])[-SHOWN:],
            output=kept,
        )

    async def _checked(
        self, checker: CheckerProgram, execution: Execution
    ) -> tuple[Status, str | None, str | None, float | None]:
        assert self._checkers is not None
        prepared, test = self.prepared, execution.test
        try:
            decision = await self._checkers().decide(
                checker,
                prepared.inputs.blobs[test],
                prepared.expected[test],
                execution.stdout,
                prepared.references[test],
                benefit_of_doubt=self.judging.benefit_of_doubt,
            )
        except CheckerFailed as failed:
            return Status.CHECKER_ERROR, None, f"{checker.rule}: {failed}", None
        status = Status.ACCEPTED if decision.accepted else Status.WRONG_ANSWER
        return status, checker.rule if decision.accepted else None, decision.message, decision.score

    async def _verdict(self, execution: Execution) -> tuple[Status, str | None, str | None]:
        if execution.outcome is not Outcome.FINISHED:
            return _STATUS[execution.outcome], None, _why(execution)
        prepared = self.prepared
        expected = prepared.expected[execution.test]
        actual = execution.result if prepared.problem.mode == "call" else execution.stdout
        comparison, reference = prepared.comparisons[execution.test], prepared.references[execution.test]
        match = await self._comparing.compare(comparison, expected, actual, reference)
        return status_of(match), match.rule, match.message

    def report(self) -> Report:
        """The verdict as it stands. Tells the problem how its tests went.

        Accepted is what passed all tests, of which there is one at least. Where nothing failed and a result is missing
        nothing is known of the program: system_error.
        """
        total = len(self.prepared)
        tests = tuple(self.results.get(test, NOT_RUN) for test in range(total))
        passed = sum(result.status is Status.ACCEPTED for result in tests)
        failed = min(self._failed, default=None)
        if failed is None and not self._compile_error and not 0 < passed == total:
            return not_run(self.prepared.problem, Status.SYSTEM_ERROR, f"{passed} of {total} tests have a result")
        self.prepared.judged(tests, failed)
        score = score_of(self.prepared, tests)
        if self._compile_error:
            status, score = Status.COMPILE_ERROR, nothing(self.prepared.problem)
        elif failed is not None:
            status = tests[failed].status
        else:
            status = Status.ACCEPTED
        return Report(
            problem_id=self.prepared.problem.problem_id,
            status=status,
            score=score,
            passed=passed,
            total=total,
            tests=tests,
            message=self.message or explanation(tests, failed, self.prepared.problem),
            cpu_time=sum(result.cpu_time or 0.0 for result in tests),
        )


def score_of(prepared: Prepared, tests: Sequence[TestResult]) -> float | None:
    """Of the problem's points."""
    return prepared.scoring.score(dict(enumerate(tests))) if prepared.scoring else None


def status_of(match: Match) -> Status:
    if match.fault:
        return Status.CHECKER_ERROR
    return Status.ACCEPTED if match.accepted else Status.WRONG_ANSWER


def _why(execution: Execution) -> str:
    if execution.limit is not None:
        return f"{execution.limit} exceeded"
    if execution.signal is not None:
        return f"killed by signal {execution.signal}"
    lines = execution.stderr.rstrip().splitlines()
    last = f": {_text(lines[-1])[:200]}" if lines else ""
    return f"exit code {execution.exit_code}{last}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
