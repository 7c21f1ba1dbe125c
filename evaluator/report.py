"""What the evaluator says of a program."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import msgspec

from ..sandbox.errors import HostShortage
from .compare import weakest
from .encodable import Encodable
from .extract import Found
from .kept import KeptOutput
from .problem import Problem
from .status import Status
from .submission import Submission

REFUSED = "the host refused the judge what it needs"
"""Begins the message of a report."""
VIOLATION = "sandbox violation"
"""How the message begins of a program that broke the sandbox."""
_PRESSED = range(4 << 10, 1 << 20)
"""Bytes of a report that is compressed: less gains nothing, more takes longer than the event loop may stand still."""
_MISSING = re.compile(r"^ModuleNotFoundError: No module named '(\w{1,64})(?:\.[\w.]*)?'\s*\Z", re.MULTILINE | re.ASCII)


class TestResult(Encodable, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict on one test and how it was reached."""

    __test__ = False  # not a pytest class

    status: Status
    rule: str | None = None
    """What accepted: one of ``compare.RULES`` (exact, tokens, decimal, ...), or the type of the checker program."""
    message: str | None = None
    """Why not: the first difference, the limit that was hit, the last line of the error. Of a checker: its words."""
    score: float | None = None
    """0 to 1, where a checker gives one."""
    limit: str | None = None
    """The field of Limits that stopped the program."""
    exit_code: int | None = None
    signal: int | None = None
    cpu_time: float | None = None
    wall_time: float | None = None
    memory: int | None = None
    """Peak resident bytes."""
    stdout: str | None = None
    """Start of the output, for reading; kept when the test was not accepted."""
    stderr: str | None = None
    output: KeptOutput | None = None
    """The whole output, when the evaluator was asked to keep it."""


_SAYS_NOTHING = None, None, None, False
NOT_RUN = TestResult(status=Status.SKIPPED)


class Report(Encodable, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict on a program: accepted, or the status of the first test (in test order) that was run and failed.

    ``skipped``, after judging again: tests that were not run would decide.
    """

    problem_id: str
    name: str | None = None
    status: Status
    score: float | None = None
    """0 to 1, what the program gets of the points of the problem's groups. None: they are worth none, or the score is
    not known: tests were left out after a failure (``scores`` runs them), or the judge failed."""
    passed: int
    total: int
    tests: tuple[TestResult, ...]
    """One a test, in the order of the problem; ``skipped`` where an earlier failure decided."""
    message: str | None = None
    """Why not: the compiler's words, what failed in the judge, or what the test says that the verdict comes from, after
    its number, counted from 1, and its group. None: accepted."""
    cpu_time: float = 0.0
    """Processor seconds of all tests that ran."""
    queue_time: float = 0.0
    """Seconds that the program waited for a worker."""
    run_time: float = 0.0
    """Seconds from the worker's start on it to the verdict."""
    found: Found | None = None
    """How the program was found in the completion, when it was extracted from one."""
    accept: bool | None = None
    """The label, when the submission carried one."""
    timing_sensitive: bool = False

    def labelled(self, submission: Submission) -> Report:
        """With what the submission says of the program: of one that is only a text, nothing."""
        if (submission.name, submission.found, submission.accept, submission.timing_sensitive) == _SAYS_NOTHING:
            return self
        return msgspec.structs.replace(
            self,
            name=submission.name,
            found=submission.found,
            accept=submission.accept,
            timing_sensitive=submission.timing_sensitive,
        )

    @property
    def accepted(self) -> bool:
        return self.status is Status.ACCEPTED

    @property
    def reward(self) -> float | None:
        """1.0 or 0.0; None when the judge itself failed, so that a trainer can leave the sample out."""
        if self.status.is_judge_failure or self.status is Status.SKIPPED:
            return None
        return 1.0 if self.accepted else 0.0

    @property
    def consistent(self) -> bool:
        """Whether its numbers are those of its tests; and where it is accepted, all of them are."""
        passed = sum(test.status is Status.ACCEPTED for test in self.tests)
        if (passed, len(self.tests)) != (self.passed, self.total):
            return False
        return 0 < passed == self.total if self.accepted else True

    @property
    def missing_module(self) -> str | None:
        """The top-level module that it asked for in vain, going by the end of what it wrote to standard error."""
        for test in self.tests:
            if test.status is Status.RUNTIME_ERROR and (found := _MISSING.search(test.stderr or "")):
                return found[1]
        return None

    @property
    def sandbox_violation(self) -> bool:
        """Whether the program broke one worker after the other: `runtime_error`, or with the benefit of the doubt
        `system_error`. No program can make this up: what tests say comes after their number."""
        return (
            self.status in (Status.RUNTIME_ERROR, Status.SYSTEM_ERROR)
            and self.message is not None
            and self.message.startswith(f"{VIOLATION}: ")
        )

    @property
    def judge_refused(self) -> bool:
        """Whether the host had no descriptor, process or room left for the judge, which says nothing of the program."""
        return self.status is Status.SYSTEM_ERROR and (self.message or "").startswith(f"{REFUSED}: ")

    @property
    def rule(self) -> str | None:
        """The most lenient rule that an accepted program needed on any of its tests."""
        return weakest(filter(None, (test.rule for test in self.tests))) if self.accepted else None


_reports = msgspec.msgpack.Decoder(Report)


def packed(report: Report) -> bytes:
    """The report in as few bytes as are worth the time, to be kept: a twentieth of its memory, where it has many
    tests."""
    data = msgspec.msgpack.encode(report)
    return zlib.compress(data, 1) if len(data) in _PRESSED else data


def unpacked(data: bytes) -> Report:
    """That report. Raises zlib.error or msgspec.MsgspecError for what ``packed`` did not make."""
    return _reports.decode(zlib.decompress(data) if data[:1] == b"\x78" else data)


def explanation(tests: Sequence[TestResult], failed: int | None, problem: Problem) -> str | None:
    """What a report says of the test that its verdict comes from."""
    if failed is None:
        return None
    group = problem.tests[failed].group
    where = f"test {failed + 1} ({group})" if group else f"test {failed + 1}"
    return f"{where}: {tests[failed].message or tests[failed].status.value}"


def told(failure: Exception, words: str) -> str:
    """The message of a report on this failure; `Report.judge_refused` knows those of the host."""
    return f"{REFUSED}: {words}" if isinstance(failure, HostShortage) else words


def not_run(problem: Problem, status: Status, message: str) -> Report:
    """The verdict on a program none of whose tests was run."""
    total = len(problem.tests)
    return Report(
        problem_id=problem.problem_id,
        status=status,
        score=None if status.is_judge_failure else nothing(problem),
        passed=0,
        total=total,
        tests=(NOT_RUN,) * total,
        message=message,
    )


def nothing(problem: Problem) -> float | None:
    """The score of a program that gets no points."""
    return 0.0 if problem.groups else None
