"""CodeContests-O: tests for problems of CodeContests that were refined until they told their programs apart."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ..problem import TestCase
from .base import Example, Fields, Format, Public, Unusable, make_problem
from .code_contests_plus import testlib_checker


class _Input(msgspec.Struct):
    stdin: str


class _Output(msgspec.Struct):
    stdout: str


class _Test(msgspec.Struct):
    input: _Input
    output: _Output


class _Row(msgspec.Struct):
    name: str
    corner_cases: list[_Test] | None
    description: str | None = None
    checker: str | None = None


class CodeContestsO(Format[_Row]):
    name: ClassVar[str] = "code_contests_o"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("name", "corner_cases")
    public: ClassVar[tuple[Public, ...]] = (Public("CodeContests-O", "generated", "stdio, most with a checker"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        if not row.corner_cases:
            raise Unusable("corner_cases", "empty: the problem has no tests")
        problem = make_problem(
            problem_id=row.name,
            tests=tuple(TestCase(input=test.input.stdin, output=test.output.stdout) for test in row.corner_cases),
            checker=testlib_checker(row.checker),
            title=row.name,
            statement=row.description,
        )
        return Example(problem)
