"""HARDTESTS: rows of hardtests_tests, with a function that judges outputs where several are right.

Rows of hardtests_problems hold samples only, and rows without test_cases only the generators: both are refused. Rows of
the two that were joined by ``pid`` are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from ..problem import Checker, TestCase
from .base import Example, Fields, Format, Public, Unusable, as_list, make_problem
from .packed import read

_BEFORE = "import sys\nimport json\n"
"""What stands before the function when HARDTESTS runs it."""


class _Test(msgspec.Struct):
    input: str
    output: str


class _Kit(msgspec.Struct):
    output_judging_function: str | None = None


class _Row(msgspec.Struct):
    pid: str
    test_cases: str | list[_Test] | None = None
    test_cases_kit: str | _Kit | None = None
    mapping: str | dict[str, Any] | None = None
    """By the name of a generator, the numbers of its tests; in lists, where it has several functions."""
    question_title: str | None = None
    question_content: str | None = None
    platform: str | None = None
    starter_code: str | None = None


class HardTests(Format[_Row]):
    name: ClassVar[str] = "hardtests"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("pid", ("test_cases_kit", "test_cases", "question_content"))
    public: ClassVar[tuple[Public, ...]] = (Public("HARDTESTS", "generated", "stdio, some with a checker"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        if not row.test_cases:
            reason = "samples and oracle programs" if row.test_cases_kit is None else "generators of tests"
            raise Unusable(
                "test_cases", f"missing: the row has only {reason}; the tests are in the data set sigcp/hardtests_tests"
            )
        kit = read(row.test_cases_kit, _Kit, "test_cases_kit")
        judge = (kit.output_judging_function if kit else None) or ""
        groups = dict(_groups(read(row.mapping, dict[str, Any], "mapping") or {}))
        tests = read(row.test_cases, list[_Test], "test_cases")
        problem = make_problem(
            problem_id=row.pid,
            tests=tuple(TestCase(test.input, test.output, group=groups.get(n)) for n, test in enumerate(tests)),
            checker=Checker(type="python", source=_BEFORE + judge) if judge.strip() else Checker(),
            title=row.question_title,
            statement=row.question_content,
            starter_code=row.starter_code or None,
            source=row.platform,
        )
        return Example(problem)


def _groups(mapping: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """The number of a test, and the generator that it comes from."""
    for name, numbers in mapping.items():
        for each in as_list(numbers) or ():
            for number in as_list(each) or (each,):
                if isinstance(number, int):
                    yield number, name
