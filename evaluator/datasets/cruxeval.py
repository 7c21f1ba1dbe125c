"""CRUXEval: a function, and a call of it. Asked is what the call returns (CRUXEval-O), or for one that returns the same
(CRUXEval-I)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ..problem import TestCase
from ..submission import Submission
from .base import Example, Fields, Format, Public, make_problem

FUNCTION = "f"
_OUTPUT = """\
What does this call return? Answer with the whole assertion, in [ANSWER] and [/ANSWER] tags, with a literal in place
of ??: no expression, no call. The function may be wrong or make no sense; what counts is what it does.
"""
_INPUT = """\
For which arguments does this assertion hold? Answer with the whole assertion, in [ANSWER] and [/ANSWER] tags, with
the arguments in place of ??. Any that make it hold will do.
"""
_ASKED = """
[PYTHON]
{code}
assert {left} == {right}
[/PYTHON]
"""


class _Row(msgspec.Struct):
    code: str
    input: str
    output: str
    id: str | int


class CruxEvalO(Format[_Row]):
    name: ClassVar[str] = "cruxeval-o"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("code", "input", "output", "id")
    public: ClassVar[tuple[Public, ...]] = (
        Public("CRUXEval-O", "predictions", "output prediction", "one right answer"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        call = f"{FUNCTION}({row.input})"
        problem = make_problem(
            problem_id=str(row.id),
            mode="output_prediction",
            tests=(TestCase(input=call, output=row.output),),
            statement=output_asked(row.code, call),
        )
        return Example(problem, [Submission(code=row.output, name="output", accept=True)])


class CruxEvalI(Format[_Row]):
    """Of the same rows, and so to be asked for by name."""

    name: ClassVar[str] = "cruxeval-i"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = CruxEvalO.known_by
    public: ClassVar[tuple[Public, ...]] = (
        Public("CRUXEval-I, with `--format cruxeval-i`", "predictions", "input prediction", "one right answer"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        problem = make_problem(
            problem_id=str(row.id),
            mode="input_prediction",
            entry_point=FUNCTION,
            prelude=row.code,
            tests=(TestCase(input=row.input, output=row.output),),
            statement=_INPUT + _ASKED.format(code=row.code, left=f"{FUNCTION}(??)", right=row.output),
        )
        return Example(problem, [Submission(code=f"{FUNCTION}({row.input})", name="input", accept=True)])


def output_asked(code: str, call: str) -> str:
    """What a model is asked; the file has no words for it."""
    return _OUTPUT + _ASKED.format(code=code, left=call, right="??")
