"""AceCode: a question, and a list of assertions, each of which is a test."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public, make_problem
from .cases import read_cases


class _Row(msgspec.Struct):
    question: str
    test_cases: Any
    id: str | None = None
    source: str | None = None


class AceCode(Format[_Row]):
    name: ClassVar[str] = "acecode"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("question", "test_cases")
    public: ClassVar[tuple[Public, ...]] = (Public("AceCode", "functions", "assert"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        cases = read_cases(row.test_cases, "test_cases", starter=row.question)
        problem = make_problem(
            problem_id=row.id or fallback_id, statement=row.question, source=row.source, **cases.fields()
        )
        return Example(problem)
