"""INTELLECT-3-RL, and rows of prime-rl and verifiers: a question or prompt, and ``info`` with the tests of it.

{"tests": tests, "source": ...}                          as published; both JSON
{"tests": tests, "fn_name": ...}                         as an environment passes them on
{"verification_info": {"test_case_inputs": [...], ...}}  the same, of code_env
{"tests": a row of our own, ...}                         as microcoder-eval convert writes them
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public, Unusable, as_object, make_problem
from .cases import parse, read_cases
from .input_output import seconds, solutions
from .native import own_problem
from .prompts import asked


class _Row(msgspec.Struct):
    info: Any
    question: str | None = None
    prompt: Any = None
    answer: str | None = None


class Intellect(Format[_Row]):
    name: ClassVar[str] = "intellect-3"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("info", ("question", "prompt"))
    public: ClassVar[tuple[Public, ...]] = (
        Public("INTELLECT-3, prime-rl", "trainers", "stdio, call, assert", "one right, in some"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        info = as_object(parse(row.info, "info"))
        if info is None:
            raise Unusable("info", "not an object", row.info)
        field = next((name for name in ("tests", "verification_info") if info.get(name)), None)
        if field is None:
            raise Unusable("info.tests", "missing: the row is of a task without tests of programs")
        tests = parse(info[field], f"info.{field}")
        answer = row.answer or ""
        programs = solutions(answer if answer.startswith("```") else None, name="answer")
        if (own := own_problem(tests, f"info.{field}")) is not None:
            return Example(own, programs, row.prompt)
        statement = row.question or asked(row.prompt)
        cases = read_cases(tests, f"info.{field}", starter=statement, fn_name=info.get("fn_name"))
        source = info.get("source") or info.get("dataset") or info.get("subset")
        problem = make_problem(
            problem_id=fallback_id,
            statement=statement,
            source=source if isinstance(source, str) else None,
            time_limit=seconds((as_object(tests) or {}).get("timeout")),
            **cases.fields(),
        )
        return Example(problem, programs, row.prompt)
