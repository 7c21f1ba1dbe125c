"""AutoCodeBench: a question, and a test function; in many languages, of which those in Python are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ..problem import Checker
from ..submission import Submission
from .base import Example, Fields, Format, Public, make_problem
from .cases import function_tests
from .languages import named, not_python


class _Row(msgspec.Struct):
    question: str
    full_test_func: str
    language: str = "python"
    canonical_solution: str | None = None
    difficulty: str | None = None


class AutoCodeBench(Format[_Row]):
    name: ClassVar[str] = "autocodebench"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("question", "full_test_func")
    public: ClassVar[tuple[Public, ...]] = (Public("AutoCodeBench", "functions", "assert, Python only", "one right"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        if named(row.language) != "python":
            raise not_python("language", row.language, row.language)
        problem = make_problem(
            problem_id=fallback_id,
            mode="assert",
            tests=function_tests(row.full_test_func),
            checker=Checker(type="assert"),
            statement=row.question,
            difficulty=row.difficulty,
        )
        return Example(problem, _reference(row))


def _reference(row: _Row) -> Iterator[Submission]:
    if row.canonical_solution:
        yield Submission(code=row.canonical_solution, name="canonical_solution", accept=True)
