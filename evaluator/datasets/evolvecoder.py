"""EvolveCoder-22K: a question, and assertions that programs were made to fail on, each of which is a test."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public, make_problem
from .cases import read_cases


class _Row(msgspec.Struct):
    id: str
    question: str
    tests: Any


class EvolveCoder(Format[_Row]):
    name: ClassVar[str] = "evolvecoder"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("id", "question", "tests")
    public: ClassVar[tuple[Public, ...]] = (Public("EvolveCoder", "generated", "assert"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        cases = read_cases(row.tests, "tests", starter=row.question)
        return Example(make_problem(problem_id=row.id, statement=row.question, **cases.fields()))
