"""KodCode: a question, a reference, and a module of pytest that imports ``solution``; in V1.1 also ``stdin`` and
``stdout``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from ..problem import Checker
from ..submission import Submission
from .base import Example, Fields, Format, Public, as_list, as_object, make_problem
from .cases import function_tests, read_cases


class _Row(msgspec.Struct):
    question_id: str
    question: str
    test: str | dict[str, Any]
    solution: str | None = None
    test_info: Any = None
    gpt_difficulty: str | None = None
    subset: str | None = None


class KodCode(Format[_Row]):
    name: ClassVar[str] = "kodcode"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("question_id", "question", "solution", "test")
    public: ClassVar[tuple[Public, ...]] = (Public("KodCode", "functions", "stdio, assert", "one right"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        problem = make_problem(
            problem_id=row.question_id,
            statement=row.question,
            starter_code=_declarations(row.test_info),
            difficulty=row.gpt_difficulty,
            source=row.subset,
            **_tests(row.test),
        )
        return Example(problem, _reference(row))


def _tests(test: str | dict[str, Any]) -> dict[str, Any]:
    """For `make_problem`: those of a module, or what is read and written."""
    if isinstance(test, dict) or test.lstrip().startswith("{"):
        return read_cases(test, "test").fields()
    return {"mode": "assert", "tests": function_tests(test), "checker": Checker(type="assert")}


def _declarations(test_info: Any) -> str | None:
    """What the test asks for. Rows of the style "complete" have it in their question."""
    infos = [info for each in as_list(test_info) or () if (info := as_object(each))]
    lines = [info["function_declaration"] for info in infos if isinstance(info.get("function_declaration"), str)]
    return "".join(f"{line}\n" for line in lines) or None


def _reference(row: _Row) -> Iterator[Submission]:
    if row.solution:
        yield Submission(code=row.solution, name="solution", accept=True)
