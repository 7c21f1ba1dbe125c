"""LiveCodeBench's code execution (execution, execution-v2): a function, and a call of it whose value is asked for."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ..problem import TestCase
from ..submission import Submission
from .base import Example, Fields, Format, Public, make_problem
from .cruxeval import output_asked
from .livecodebench import iso_date


class _Row(msgspec.Struct):
    id: str
    code: str
    input: str
    output: str
    function_name: str
    problem_id: str | int | None = None
    difficulty: str | None = None
    contest_date: Any = None
    contest_id: str | None = None


class LiveCodeBenchExecution(Format[_Row]):
    name: ClassVar[str] = "livecodebench-execution"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("id", "code", "input", "output", "function_name")
    public: ClassVar[tuple[Public, ...]] = (
        Public("LiveCodeBench, code execution", "predictions", "output prediction", "one right answer"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        problem = make_problem(
            problem_id=row.id,
            mode="output_prediction",
            tests=(TestCase(input=row.input, output=row.output),),
            statement=output_asked(row.code, row.input),
            difficulty=row.difficulty,
            contest_date=iso_date(row.contest_date),
            source=row.contest_id,
        )
        programs = [Submission(code=row.output, name="output", accept=True)]
        return Example(problem, programs, also=None if row.problem_id is None else str(row.problem_id))
