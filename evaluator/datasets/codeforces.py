"""open-r1/codeforces: official tests, limits, and checkers that a model wrote where several answers are right.

The further tests of that data set stand in files of their own (generated_tests/) and are not read.
"""

from __future__ import annotations

import datetime
from typing import Any, ClassVar

import msgspec

from ...sandbox.limits import MIB
from ..problem import Checker, TestCase
from .base import Example, Fields, Format, Public, Unusable, make_problem


class _Test(msgspec.Struct):
    input: str
    output: str


class _Row(msgspec.Struct):
    id: str
    official_tests: list[_Test] | None
    title: str | None = None
    description: str | None = None
    input_format: str | None = None
    output_format: str | None = None
    interaction_format: str | None = None
    note: str | None = None
    time_limit: float | None = None
    memory_limit: float | None = None
    rating: float | None = None
    contest_start: int | None = None
    contest_name: str | None = None
    input_mode: str | None = None
    generated_checker: str | None = None


class Codeforces(Format[_Row]):
    name: ClassVar[str] = "codeforces"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("official_tests",)
    public: ClassVar[tuple[Public, ...]] = (Public("open-r1/codeforces", "codeforces", "stdio, some with a checker"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        if row.interaction_format:
            raise Unusable("interaction_format", "interactive problems are not supported", row.interaction_format)
        if row.input_mode not in (None, "", "stdio"):
            raise Unusable("input_mode", "not supported; supported: stdio", row.input_mode)
        if not row.official_tests:
            raise Unusable("official_tests", "empty: the problem has no tests")
        checker = Checker()
        if row.generated_checker:
            checker = Checker(type="python", source=row.generated_checker, language="python", name="open-r1")
        problem = make_problem(
            problem_id=row.id,
            tests=tuple(TestCase(input=test.input, output=test.output) for test in row.official_tests),
            checker=checker,
            time_limit=row.time_limit or None,
            limits={"memory": int(row.memory_limit * MIB)} if row.memory_limit else {},
            title=row.title,
            statement=_statement(row),
            difficulty=f"{row.rating:g}" if row.rating else None,
            contest_date=_date(row.contest_start),
            source=row.contest_name,
        )
        return Example(problem)


def _statement(row: _Row) -> str | None:
    parts: list[tuple[str, Any]] = [
        ("", row.description),
        ("Input\n", row.input_format),
        ("Output\n", row.output_format),
        ("Note\n", row.note),
    ]
    return "\n\n".join(title + text for title, text in parts if text) or None


def _date(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError, OSError):
        raise Unusable("contest_start", "no time in seconds since 1970", seconds) from None
