"""AutoEval of SandboxFusion: a question, and code that tests; in many languages, of which those in Python are read."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import ClassVar

import msgspec

from ..problem import Checker
from ..submission import Submission
from .base import Example, Format, Unusable, make_problem
from .cases import function_tests


class _Test(msgspec.Struct):
    code: str
    asset: dict[str, str] = {}


class _Labels(msgspec.Struct, frozen=True):
    programming_language: str = "python"


class _Row(msgspec.Struct):
    content: str
    test: _Test
    id: str | int | None = None
    labels: _Labels = _Labels()
    canonical_solution: str | None = None


class AutoEval(Format[_Row]):
    name: ClassVar[str] = "autoeval"
    row: ClassVar[type[_Row]] = _Row

    def recognises(self, names: Set[str]) -> bool:
        return {"content", "test", "labels"} <= names

    def example(self, row: _Row, fallback_id: str) -> Example:
        if row.labels.programming_language.lower() != "python":
            raise Unusable("labels.programming_language", "its tests are no Python", row.labels.programming_language)
        if row.test.asset:
            raise Unusable("test.asset", "files beside a test are not supported", row.test.asset)
        problem = make_problem(
            problem_id=fallback_id if row.id is None else str(row.id),
            mode="assert",
            tests=function_tests(row.test.code),
            checker=Checker(type="assert"),
            statement=row.content,
        )
        return Example(problem, _reference(row))


def _reference(row: _Row) -> Iterator[Submission]:
    if row.canonical_solution:
        yield Submission(code=row.canonical_solution, name="canonical_solution", accept=True)
