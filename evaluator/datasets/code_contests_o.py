"""CodeContests-O: tests for problems of CodeContests that were refined until they told their programs apart."""

from __future__ import annotations

from collections.abc import Set
from typing import ClassVar

import msgspec

from ..problem import TestCase
from .base import Example, Format, Unusable, make_problem
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

    def recognises(self, names: Set[str]) -> bool:
        return {"name", "corner_cases"} <= names

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
