"""Coding questions of LiveBench: a question of LiveCodeBench in ``original_json`` with its tests beside it, or a task
in the form of BigCodeBench. Answers go on from a ``partial_solution``, where there is one."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public
from .bigcodebench import BigCodeBench, Task
from .input_output import solutions
from .livecodebench import LiveCodeBench, Question


class _Original(msgspec.Struct, frozen=True):
    question_content: str | None = None
    platform: str | None = None
    contest_date: Any = None
    starter_code: str | None = None
    difficulty: str | None = None
    metadata: str = "{}"


class _Row(msgspec.Struct):
    question_id: str
    turns: list[str]
    question_title: str | None = None
    public_test_cases: str = "[]"
    private_test_cases: str = ""
    original_json: _Original = _Original()
    tests: str | None = None
    entry_point: str | None = None
    code_prompt: str | None = None
    partial_solution: str | None = None
    solution: str | None = None
    task: str | None = None


class LiveBench(Format[_Row]):
    name: ClassVar[str] = "livebench"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("question_id", "turns", ("public_test_cases", "code_prompt"))
    public: ClassVar[tuple[Public, ...]] = (
        Public("LiveBench", "livecodebench", "stdio, call, assert", "one right, in some"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        if row.tests and row.entry_point:
            prompt = row.code_prompt or ""
            task = Task(row.question_id, prompt, row.entry_point, row.tests, instruct_prompt=row.turns[0])
            example = BigCodeBench().example(task, fallback_id)
        else:
            example = self._question(row, fallback_id)
        problem = msgspec.structs.replace(example.problem, partial_solution=row.partial_solution or None)
        return example._replace(problem=problem, prompt=row.turns[0])

    def _question(self, row: _Row, fallback_id: str) -> Example:
        own = row.original_json
        question = Question(
            question_id=row.question_id,
            question_content=own.question_content or "\n".join(row.turns),
            public_test_cases=row.public_test_cases,
            private_test_cases=row.private_test_cases,
            question_title=row.question_title,
            platform=own.platform,
            contest_date=own.contest_date,
            starter_code=own.starter_code,
            difficulty=own.difficulty,
            metadata=own.metadata,
        )
        example = LiveCodeBench().example(question, fallback_id)
        return example._replace(programs=solutions(row.solution, name="solution"))
