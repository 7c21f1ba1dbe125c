"""CodeContests+ of ByteDance: tests generated for problems of CodeContests, and checkers written with testlib.

The configurations 1x to 5x hold tests; the default one holds the generators that they were made with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ...sandbox.limits import MIB
from ..problem import Checker, TestCase
from ..submission import Submission
from .base import Example, Fields, Format, Public, Unusable, make_problem

_LANGUAGES = {"py3": "python", "py2": "python2", 2: "python"}
"""Other names are ours, too. As a number only Python's is known."""


class _Submission(msgspec.Struct):
    code: str
    language: str | int


class _Test(msgspec.Struct):
    input: str
    output: str


class _Row(msgspec.Struct):
    id: str
    test_cases: list[_Test] | None = None
    checker: str | None = None
    source: str | None = None
    title: str | None = None
    description: str | None = None
    time_limit: float | None = None
    """Milliseconds."""
    memory_limit: float | None = None
    """MB."""
    correct_submissions: list[_Submission] | None = None
    incorrect_submissions: list[_Submission] | None = None


class CodeContestsPlus(Format[_Row]):
    name: ClassVar[str] = "code_contests_plus"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("id", "checker", "correct_submissions")
    public: ClassVar[tuple[Public, ...]] = (
        Public("CodeContests+", "generated", "stdio, most with a checker", "right and wrong ones"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        if row.test_cases is None:
            raise Unusable(
                "test_cases", "missing: the configurations 1x to 5x have tests, this one only their generators"
            )
        if not row.test_cases:
            raise Unusable("test_cases", "empty: the problem has no tests")
        problem = make_problem(
            problem_id=row.id,
            tests=tuple(TestCase(input=test.input, output=test.output) for test in row.test_cases),
            checker=testlib_checker(row.checker),
            time_limit=row.time_limit / 1000 if row.time_limit else None,
            limits={"memory": int(row.memory_limit * MIB)} if row.memory_limit else {},
            title=row.title,
            statement=row.description,
            source=row.source,
        )
        return Example(problem, _programs(row))


def testlib_checker(source: str | None) -> Checker:
    """A checker that a model wrote. None, or nothing in it: outputs are compared."""
    return Checker(type="testlib", source=source) if (source or "").strip() else Checker()


def _programs(row: _Row) -> Iterator[Submission]:
    for field, programs, accept in (
        ("correct_submissions", row.correct_submissions, True),
        ("incorrect_submissions", row.incorrect_submissions, False),
    ):
        for number, program in enumerate(programs or ()):
            language = _LANGUAGES.get(program.language, str(program.language))
            yield Submission(code=program.code, name=f"{field}[{number}]", language=language, accept=accept)
