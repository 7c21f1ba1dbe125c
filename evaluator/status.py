"""The closed set of verdicts."""

from __future__ import annotations

import enum


class Status(enum.StrEnum):
    """A verdict, of one test or of a whole program."""

    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    TIME_LIMIT_EXCEEDED = "time_limit_exceeded"
    MEMORY_LIMIT_EXCEEDED = "memory_limit_exceeded"
    OUTPUT_LIMIT_EXCEEDED = "output_limit_exceeded"
    RUNTIME_ERROR = "runtime_error"
    COMPILE_ERROR = "compile_error"
    NO_CODE = "no_code"
    """The submission holds no program at all."""
    SKIPPED = "skipped"
    """The test was not run, because an earlier one decided the verdict."""
    CHECKER_ERROR = "checker_error"
    """The checker failed, not the program. Never a reward."""
    SYSTEM_ERROR = "system_error"
    """The judge failed, not the program. Never a reward."""

    @property
    def is_judge_failure(self) -> bool:
        return self in (Status.CHECKER_ERROR, Status.SYSTEM_ERROR)
