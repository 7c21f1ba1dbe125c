"""DeepCoder, rLLM and RLVR_Coding_Problems: ``problem``, ``tests``, and what else a row may have; tests in several
forms."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public, as_object, make_problem
from .cases import parse, read_cases
from .input_output import memory, seconds, solutions


class _Row(msgspec.Struct):
    problem: str
    tests: Any
    solutions: Any = None
    starter_code: str | None = None
    metadata: Any = None
    fn_name: str | None = None
    time_limit: Any = None
    memory_limit: Any = None
    difficulty: str | int | None = None
    source: str | None = None


class DeepCoder(Format[_Row]):
    name: ClassVar[str] = "deepcoder"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("problem", "tests")
    public: ClassVar[tuple[Public, ...]] = (
        Public("DeepCoder, RLVR_Coding_Problems, rLLM", "deepcoder", "stdio, call, assert", "right ones"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        metadata = as_object(parse(row.metadata or {}, "metadata")) or {}
        fn_name = row.fn_name or metadata.get("func_name")
        cases = read_cases(row.tests, "tests", starter=row.starter_code or row.problem, fn_name=fn_name)
        problem = make_problem(
            problem_id=fallback_id,
            statement=row.problem,
            starter_code=row.starter_code or None,
            difficulty=None if row.difficulty is None else str(row.difficulty),
            source=row.source,
            time_limit=seconds(row.time_limit),
            limits=memory(row.memory_limit),
            **cases.fields(),
        )
        return Example(problem, solutions(row.solutions))
