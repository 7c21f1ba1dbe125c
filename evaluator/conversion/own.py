"""Rows of our own, from Problem and Submission. What a field is by itself is left out."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from ..datasets.misspelt import together
from ..problem import Problem
from ..submission import Submission

Row = dict[str, Any]
PROBLEM_ROW = together(Problem, msgspec.defstruct("Programs", [("submissions", list[Submission])]))
PROGRAM_ROW = together(msgspec.defstruct("Reference", [("problem_id", str)]), Submission)
"""The fields of the rows that are made here."""


def problem_row(problem: Problem, programs: Iterable[Submission] = ()) -> Row:
    """As docs/run.md has it: a Problem, with its programs in ``submissions``."""
    row = _row(problem)
    if problem.mode != "assert":  # elsewhere an input, or output, that is not there is a mistake
        for test, written in zip(problem.tests, row["tests"], strict=True):
            written |= {"input": test.input, "output": test.output}
    if submissions := [_row(program) for program in programs]:
        row["submissions"] = submissions
    return row


def program_row(problem_id: str, program: Submission) -> Row:
    """Of a file of programs."""
    return {"problem_id": problem_id, **_row(program)}


def truth_of(problem: Problem) -> str:
    """A ground truth that says all there is to say of the problem, as JSON."""
    return msgspec.json.encode(problem_row(problem)).decode()


def _row(struct: msgspec.Struct) -> Row:
    return {
        name: _plain(value)
        for name, usual in _usual(type(struct))
        if (value := getattr(struct, name)) is not usual and value != usual
    }


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _row(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in cast("tuple[Any, ...]", value)]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in cast("dict[str, Any]", value).items()}
    return value


@functools.cache
def _usual(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Name of each field, and what it is by itself."""
    return tuple(
        (field.name, field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory())
        for field in msgspec.structs.fields(kind)
    )
