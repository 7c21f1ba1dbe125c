"""BigCodeBench: a prompt to go on with, or an instruction, and a class of unittest that uses the program's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ..problem import Checker
from ..submission import Submission
from .base import Example, Fields, Format, Public, make_problem
from .cases import function_tests
from .prompts import before


class Task(msgspec.Struct):
    task_id: str
    complete_prompt: str
    entry_point: str
    test: str
    instruct_prompt: str | None = None
    code_prompt: str | None = None
    canonical_solution: str | None = None


class BigCodeBench(Format[Task]):
    name: ClassVar[str] = "bigcodebench"
    row: ClassVar[type[Task]] = Task
    known_by: ClassVar[Fields] = ("task_id", "complete_prompt", "entry_point", "test")
    public: ClassVar[tuple[Public, ...]] = (Public("BigCodeBench", "functions", "assert", "one right"),)

    def example(self, row: Task, fallback_id: str) -> Example:
        """Its own judge puts the prompt before the program, too, so that a program may leave out the imports."""
        name = row.entry_point if row.entry_point.isidentifier() else None
        prelude = before(row.code_prompt or row.complete_prompt, name)
        problem = make_problem(
            problem_id=row.task_id,
            mode="assert",
            tests=function_tests(row.test, prelude),
            checker=Checker(type="assert"),
            entry_point=name,
            prelude=prelude,
            statement=row.instruct_prompt or row.complete_prompt,
            starter_code=row.complete_prompt,
        )
        return Example(problem, _reference(row))


def _reference(row: Task) -> Iterator[Submission]:
    if row.canonical_solution is not None:
        code = row.complete_prompt + row.canonical_solution
        yield Submission(code=code, name="canonical_solution", accept=True)
