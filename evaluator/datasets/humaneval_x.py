"""HumanEval-X and HumanEvalPack: HumanEval in several languages, of which the rows in Python are read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ..submission import Submission
from .base import Example, Fields, Format, Public, Unusable
from .humaneval import HumanEval, Task
from .languages import not_python


class _Row(msgspec.Struct):
    task_id: str
    prompt: str
    declaration: str
    test: str
    entry_point: str | None = None
    canonical_solution: str | None = None
    buggy_solution: str | None = None


class HumanEvalX(Format[_Row]):
    name: ClassVar[str] = "humaneval-x"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("task_id", "prompt", "declaration", "test")
    public: ClassVar[tuple[Public, ...]] = (
        Public("HumanEval-X, HumanEvalPack", "humaneval", "assert, Python only", "one right, one wrong"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        """A task is called after its language: ``CPP/0``."""
        language = row.task_id.partition("/")[0]
        if language.lower() != "python":
            raise not_python("task_id", language, row.task_id)
        functions = re.findall(r"^def (\w+)\(", row.declaration, re.MULTILINE)
        if not (name := row.entry_point or next(reversed(functions), None)):
            raise Unusable("declaration", "declares no function", row.declaration)
        task = Task(row.task_id, row.prompt, name, row.test, canonical_solution=row.canonical_solution)
        example = HumanEval().example(task, fallback_id)
        return example._replace(programs=itertools.chain(example.programs, _buggy(row)))


def _buggy(row: _Row) -> Iterator[Submission]:
    if row.buggy_solution:
        yield Submission(code=row.prompt + row.buggy_solution, name="buggy_solution", accept=False)
