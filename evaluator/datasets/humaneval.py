"""HumanEval and what has its form (HumanEval+, LeetCodeDataset): a prompt to go on with, and a ``check`` function.
Where there is a module of tests instead, it is a task of BigCodeBench, whose prompt was renamed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ..asserts import functions
from ..problem import Checker, TestCase
from ..submission import Submission
from . import bigcodebench
from .base import Example, Fields, Format, Public, make_problem
from .bigcodebench import BigCodeBench
from .demanding import check_demand, limits_of
from .prompts import before


class Task(msgspec.Struct):
    task_id: str
    prompt: str
    entry_point: str
    test: str
    canonical_solution: str | None = None
    completion: str | None = None
    """LeetCodeDataset: a solution, which has the prompt before it; and what else that has."""
    problem_description: str | None = None
    starter_code: str | None = None
    query: str | None = None
    difficulty: str | None = None


class HumanEval(Format[Task]):
    name: ClassVar[str] = "humaneval"
    row: ClassVar[type[Task]] = Task
    known_by: ClassVar[Fields] = ("task_id", "prompt", "entry_point", "test")
    public: ClassVar[tuple[Public, ...]] = (
        Public("HumanEval, HumanEval+", "humaneval", "assert", "one right"),
        Public("LeetCodeDataset", "leetcode", "assert", "one right"),
    )

    def example(self, row: Task, fallback_id: str) -> Example:
        if functions(row.test) and not re.search(r"^def check\b", row.test, re.MULTILINE):
            task = bigcodebench.Task(row.task_id, row.prompt, row.entry_point, row.test)
            task.canonical_solution = row.canonical_solution
            return BigCodeBench().example(task, fallback_id)._replace(form=BigCodeBench.name)
        # `Solution().f` in LeetCodeDataset; there the prompt holds only imports.
        name = row.entry_point if row.entry_point.isidentifier() else None
        check_demand(row.task_id, "test", row.test)
        problem = make_problem(
            problem_id=row.task_id,
            mode="assert",
            tests=_tests(row),
            checker=Checker(type="assert"),
            limits=limits_of(row.task_id),
            entry_point=name,
            prelude=before(row.prompt, name),
            statement=row.problem_description or row.prompt,
            starter_code=row.prompt if name else row.starter_code or None,
            difficulty=row.difficulty,
        )
        return Example(problem, _reference(row), row.query)


def _tests(row: Task) -> tuple[TestCase, ...]:
    defined = re.search(r"\bcheck\b", f"{row.prompt}\n{row.test}") is not None
    if not defined or re.search(r"^check\(", row.test, re.MULTILINE):
        return (TestCase(code=row.test),)
    return (TestCase(code=f"{row.test}\n\ncheck({row.entry_point})\n"),)


def _reference(row: Task) -> Iterator[Submission]:
    if row.canonical_solution is not None:
        yield Submission(code=row.prompt + row.canonical_solution, name="canonical_solution", accept=True)
    elif row.completion and not row.entry_point.isidentifier():
        yield Submission(code=row.completion, name="completion", accept=True)
