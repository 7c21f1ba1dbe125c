"""rStar-Coder: rows of seed_testcase and synthetic_rl_testcase, whose columns are JSON text.

Tests of functions have their arguments as JSON on lines.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ..problem import TestCase
from .base import Example, Fields, Format, Public, Unusable, as_list, make_problem
from .cases import Cases, call_cases, function_name, parse, stdio_cases


class _Row(msgspec.Struct):
    question_id: str
    inputs: Any
    outputs: Any
    question: str | None = None
    starter_code: str | None = None
    is_synthesized: Any = None
    test_case_type: Any = None
    func_name: str | None = None
    class_name: str | None = None


class RStarCoder(Format[_Row]):
    name: ClassVar[str] = "rstar-coder"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("question_id", "inputs", "outputs")
    public: ClassVar[tuple[Public, ...]] = (Public("rStar-Coder", "generated", "stdio, call"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        inputs, outputs = _column(row.inputs, "inputs"), _column(row.outputs, "outputs")
        if not inputs:
            raise Unusable("inputs", "empty: the problem has no tests")
        if len(inputs) != len(outputs):
            raise Unusable("outputs", f"{len(inputs)} inputs, but {len(outputs)} outputs")
        fields = [(f"inputs[{number}]", f"outputs[{number}]") for number in range(len(inputs))]
        starter = row.starter_code or ""
        if row.func_name:
            cases = call_cases(inputs, outputs, fields, function_name(row.func_name, "func_name"), starter)
            cases = cases._replace(entry_class=row.class_name or cases.entry_class)
        else:
            cases = Cases(stdio_cases(inputs, outputs, fields))
        groups = _groups(row)
        if len(groups) == len(cases.tests):
            grouped = zip(cases.tests, groups, strict=True)
            cases = cases._replace(tests=tuple(TestCase(test.input, test.output, group=name) for test, name in grouped))
        problem = make_problem(
            problem_id=row.question_id, statement=row.question or None, starter_code=starter or None, **cases.fields()
        )
        return Example(problem)


def _column(value: Any, field: str) -> list[Any]:
    column = as_list(parse(value, field))
    if column is None:
        raise Unusable(field, "not a list", value)
    return column


def _groups(row: _Row) -> list[str]:
    """Where each test comes from: its type; or whether a model wrote it. Nothing, where that is not said."""
    if row.test_case_type:
        return [str(name) for name in _column(row.test_case_type, "test_case_type")]
    if row.is_synthesized:
        return ["synthesized" if each else "seed" for each in _column(row.is_synthesized, "is_synthesized")]
    return []
