"""What a lifted assertion asks of the values that calls returned. Plain data on both sides."""

from __future__ import annotations

import ast
import math
import reprlib
from collections.abc import Sequence
from typing import Any, Protocol, cast

import msgspec

from .expressions import Names, evaluate
from .syntax import unparse

RELATIVE = 1e-7
"""Of EvalPlus, who ask ``numpy.allclose(out, exp, rtol=1e-07, atol=atol)``."""
ABSOLUTE = 1e-6
NEAR = 1e-3
"""Less than any change of a number that is expected (`perturb`)."""


class Check(Protocol):
    """One question to the values of the operations before it."""

    def difference(self, results: Sequence[Any]) -> str | None:
        """None: it holds. Whatever Python raises for these values says as well that it does not."""
        ...


class Holds(msgspec.Struct, frozen=True):
    """``assert expression``."""

    expression: ast.expr
    names: Names

    def difference(self, results: Sequence[Any]) -> str | None:
        node, names = self.expression, self.names
        if evaluate(node, names, results):
            return None
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.Is):
            left, right = (evaluate(side, names, results) for side in (node.left, node.comparators[0]))
            return f"expected {show(right)}, got {show(left)}"
        return f"not so: {_brief.repr_str(unparse(_without_slots(node)), 1)}"


class EvalPlus(msgspec.Struct, frozen=True):
    """``assertion(out, exp, atol)`` of EvalPlus: equal, or close where floats are expected; perhaps as sets."""

    slot: int
    expected: Any
    atol: float
    as_sets: bool

    def difference(self, results: Sequence[Any]) -> str | None:
        out, expected, atol = results[self.slot], self.expected, self.atol
        if atol == 0 and _is_floats(expected):
            atol = ABSOLUTE
        if self.as_sets:
            out, expected = set(out), set(expected)
        if out == expected or (atol != 0 and close(out, expected, atol)):
            return None
        return f"expected {show(expected)}, got {show(out)}"


def is_near(check: Check) -> bool:
    """Whether it is EvalPlus's, and holds for no other number than about the one that is expected."""
    return isinstance(check, EvalPlus) and not check.as_sets and check.atol <= NEAR


def close(out: Any, expected: Any, atol: float) -> bool:
    """As ``numpy.allclose`` for values of the same form: numbers, and lists and tuples of them."""
    if isinstance(expected, list | tuple):
        if not isinstance(out, list | tuple):
            return False
        theirs, ours = cast("list[Any]", out), cast("list[Any]", expected)
        if len(theirs) != len(ours):
            return False
        return all(close(one, other, atol) for one, other in zip(theirs, ours, strict=True))
    if not isinstance(out, int | float | complex) or not isinstance(expected, int | float | complex):
        return False
    try:
        if isinstance(out, complex) or isinstance(expected, complex):
            return bool(abs(out - expected) <= atol + RELATIVE * abs(expected))
        one, other = float(out), float(expected)
    except OverflowError:
        return False
    if math.isinf(one) or math.isinf(other):
        return one == other
    return abs(one - other) <= atol + RELATIVE * abs(other)


def _is_floats(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(item, float) for item in cast("list[Any]", value))
    return isinstance(value, float)


def show(value: object) -> str:
    try:
        return _brief.repr(value)
    except ValueError:
        return "a very long integer"


def _without_slots(node: ast.expr) -> ast.expr:
    from .lift import as_calls

    return as_calls(node)


_brief = reprlib.Repr()
_brief.maxlist = _brief.maxdict = _brief.maxtuple = _brief.maxset = 8
_brief.maxlevel = 3
_brief.maxstring = _brief.maxlong = _brief.maxother = 80
