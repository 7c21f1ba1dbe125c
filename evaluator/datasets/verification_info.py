"""open-r1 and PrimeIntellect (verifiable-coding-problems, SYNTHETIC, INTELLECT-2): ``verification_info`` with
``test_cases``. Programs are judged in whatever language they have; ``language`` is that of the gold standard."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public, Unusable, as_object, make_problem
from .cases import parse, read_cases
from .input_output import solutions
from .languages import check_language
from .prompts import asked


class _Row(msgspec.Struct):
    verification_info: Any
    problem_id: str | None = None
    task_type: str | None = None
    problem_statement: str | None = None
    problem: str | None = None
    prompt: Any = None
    source: str | None = None
    gold_standard_solution: str | None = None


class VerificationInfo(Format[_Row]):
    name: ClassVar[str] = "verifiable-coding-problems"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("verification_info",)
    public: ClassVar[tuple[Public, ...]] = (
        Public(
            "INTELLECT-2, PrimeIntellect, SYNTHETIC, verifiable-coding-problems",
            "verifiable",
            "stdio, call, assert",
            "one right",
        ),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        value = parse(row.verification_info, "verification_info")
        info = as_object(value)
        if info is None:
            raise Unusable("verification_info", "not an object", value)
        language = info.get("language") or "python"
        if not isinstance(language, str):
            raise Unusable("verification_info.language", "not text", language)
        if "test_cases" not in info:
            if row.task_type:
                raise Unusable("task_type", "a task without tests of programs: leave such rows out", row.task_type)
            raise Unusable("verification_info.test_cases", "missing")
        statement = row.problem_statement or row.problem or asked(row.prompt)
        cases = read_cases(info["test_cases"], "verification_info.test_cases", starter=statement)
        check_language(cases, language, "verification_info.language")
        problem = make_problem(
            problem_id=row.problem_id or fallback_id, statement=statement, source=row.source, **cases.fields()
        )
        programs = solutions(row.gold_standard_solution, name="gold_standard_solution", language=language)
        return Example(problem, programs, row.prompt)
