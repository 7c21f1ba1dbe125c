"""Predicted values: an answer, as `evaluator/answer` reads it, and what a call returns, both as Python source.

Equal is what Python's ``==`` says of the two: ``1``, ``1.0`` and ``True`` are, ``[1]`` and ``(1,)`` are not, and no
``nan`` is, unless it is the same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from ..answer import NoAnswer, value_of
from ..asserts.checks import show
from ..asserts.expressions import CONSTANT_FUNCTIONS, FUNCTIONS
from ..problem import TestCase
from .base import Comparison, Match, Steps
from .exact import ACCEPTED as EXACT
from .values import ACCEPTED

SMALL = 4 * 1024
"""Bytes of both that are read at once. All that such literals can cost, values that collide among them, is less than 20
ms (tests/hostile/test_predictions.py)."""
CALLS = 8
"""Functions that are called at once, at most: each looks at all that it is given."""
_MEANS_MUCH = re.compile(rb"\*|range|round|sum|\bstr\b|[^\x00-\x7f]")
"""In a short text that may be a large value, or take long: what a text writes out, another one may write out twice as
long. Names may be written in other letters than ASCII's."""
_CALLED = re.compile(rb"\b(?:%s)\b" % b"|".join(name.encode() for name in {**FUNCTIONS, **CONSTANT_FUNCTIONS}))


class Predicted(Comparison):
    """Accepts source of an equal value."""

    __slots__ = ()
    takes_equal_bytes: ClassVar[bool] = True

    def is_small(self, expected: bytes, actual: bytes) -> bool:
        both = expected, actual
        if len(expected) + len(actual) > SMALL or any(map(_MEANS_MUCH.search, both)):
            return False
        return sum(len(_CALLED.findall(each)) for each in both) <= CALLS

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return EXACT
        try:
            wanted = _value(expected)
        except NoAnswer as why:
            return Match(False, message=f"what is expected is no value: {why}", fault=True)
        yield
        try:
            value = _value(actual)
        except NoAnswer as why:
            return Match(False, message=f"the answer is no value: {why}"[:400])
        yield
        try:
            if wanted == value:
                return ACCEPTED
        except (RecursionError, MemoryError):
            return Match(False, message="the answer is nested too deep, or too large")
        return Match(False, message=f"expected {show(wanted)}, got {show(value)}")


def check(tests: Iterable[TestCase]) -> None:
    """ValueError: an expected value is none. Of what is not small the comparison will say so."""
    comparison = Predicted()
    for number, test in enumerate(tests):
        expected = test.output.encode("utf-8", "surrogatepass")
        if comparison.is_small(expected, b""):
            try:
                _value(expected)
            except NoAnswer as why:
                raise ValueError(f"tests[{number}].output: no value of Python: {why}") from None


def _value(text: bytes) -> Any:
    return value_of(text.decode("utf-8", "surrogatepass"))
