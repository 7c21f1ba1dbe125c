"""What every checker program is, what it says, and how it fails."""

from __future__ import annotations

import abc
from collections.abc import Mapping

import msgspec

from ...sandbox.execution import Execution
from ...sandbox.limits import MIB, Limits
from ...sandbox.names import check_names, unplaceable
from ..problem import Checker, Problem

LIMITS = Limits(cpu_time=30, memory=1024 * MIB, output=4 * MIB, compile_time=60)
"""Of a checker whose problem says nothing."""
SOURCE = 4 << 20
"""Characters that a checker may have."""
SHOWN = 2000
"""Bytes of a checker's words that are kept."""
INPUT, ANSWER, OUTPUT = "input.txt", "answer.txt", "output.txt"
"""What every checker finds in its working folder: the test's input, the expected output, the program's output."""


UNAVAILABLE = 69
"""Exit code of a Python checker that has an import statement for what is not there: that says nothing of the output."""


class CheckerFailed(Exception):
    """The checker decided nothing, and no output is to blame: it does not compile, or says that the test is broken."""


class CheckerCrashed(CheckerFailed):
    """It broke on the way, went beyond a limit, or said nothing that means something. Where it does not do that of the
    expected output, it is a rejection."""


class CheckerOver(CheckerFailed):
    """It took more processor time than it may, which depends on what it takes for the expected output. Where that is
    within its limits, it is a rejection, too."""


class Decision(msgspec.Struct, frozen=True):
    """What a checker says of one output."""

    accepted: bool
    message: str | None = None
    score: float | None = None
    """0 to 1, where the checker gives one."""


class CheckerProgram(abc.ABC):
    """The program of one problem. Raises ValueError, naming the field, when it cannot be one."""

    rule: str
    """What an accepted test is accepted by."""
    language: str
    collect: tuple[str, ...] = ()
    """Files that it leaves to be read."""

    def __init__(self, problem: Problem) -> None:
        self.checker: Checker = problem.checker
        kind = self.checker.type
        if problem.mode != "stdio":
            raise ValueError(f"checker.type: {kind} reads what programs print, but mode is {problem.mode}")
        if not (self.checker.source or "").strip():
            raise ValueError(f"checker.source: required when checker.type is {kind}")
        check_names(self.checker.files, "checker.files")
        if (lack := unplaceable({name: text.encode() for name, text in self.checker.files.items()})) is not None:
            raise ValueError(f"checker.files: {lack}")
        if (size := len(self.checker.source or "")) > SOURCE:
            raise ValueError(f"checker.source: {size} characters, more than {SOURCE}")
        if self.checker.float_tol is not None:
            raise ValueError(f"checker.float_tol: means nothing to {kind}")
        self.limits = self.checker.limits or LIMITS

    @property
    def source(self) -> bytes:
        return (self.checker.source or "").encode()

    @property
    def files(self) -> Mapping[str, bytes]:
        """Beside the source. Raises CheckerFailed when something is missing on this host."""
        return {name: text.encode() for name, text in self.checker.files.items()}

    @abc.abstractmethod
    def arguments(self) -> list[str]:
        """Its command line."""

    def placed(self) -> Mapping[str, bytes]:
        """Further files that it finds."""
        return {}

    @abc.abstractmethod
    def decision(self, execution: Execution, left: Mapping[str, bytes]) -> Decision:
        """What the end of one call means. It ended by itself, within its limits. Raises CheckerFailed."""


def words(*texts: bytes) -> str | None:
    """The first text that says something, shortened."""
    said = next((text.strip() for text in texts if text.strip()), b"")
    return said[:SHOWN].decode("utf-8", "backslashreplace") or None


def ended(execution: Execution) -> str:
    """How it ended and what it said last, for a message."""
    how = f"signal {execution.signal}" if execution.signal else f"exit code {execution.exit_code}"
    said = words(execution.stderr[-SHOWN:], execution.stdout)
    return f"{how}: {said}" if said else how


def one_of(value: str | None, allowed: tuple[str, ...], kind: str, default: str) -> str:
    """The language of a checker. Raises ValueError."""
    language = value or default
    if language not in allowed:
        raise ValueError(f"checker.language: {kind} is written in {' or '.join(allowed)}, not {language!r}")
    return language


def scale(value: float) -> float | None:
    """A score that can be told as one."""
    return value if 0 <= value <= 1 else None
