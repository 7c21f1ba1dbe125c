"""Checkers that are programs: they read input, expected output and output of a test, and decide.

    base        CheckerProgram, what it is; Decision, what it says; CheckerFailed, when it says nothing
    validator   Kattis output validators
    testlib     checkers written with testlib
    python      a function ``check``, or a script in the form of open-r1
    service     runs them, in jails of their own

A checker is asked for every output of a program that ended well, also for one that equals the expected output. What it
breaks on is a wrong answer where it does not break on the expected output; every other failure is ``checker_error``.
"""

from __future__ import annotations

from ..problem import Problem
from .base import CheckerFailed, CheckerProgram, Decision
from .python import PythonChecker
from .service import Checkers
from .testlib import Testlib
from .validator import Validator

__all__ = ["CHECKERS", "CheckerFailed", "CheckerProgram", "Checkers", "Decision", "checker_program"]

CHECKERS: dict[str, type[CheckerProgram]] = {"validator": Validator, "testlib": Testlib, "python": PythonChecker}
"""By the type that a problem names."""


def checker_program(problem: Problem) -> CheckerProgram | None:
    """The program that decides the tests of the problem, None: there is none. ValueError: it cannot be one."""
    kind = CHECKERS.get(problem.checker.type)
    return kind(problem) if kind else None
