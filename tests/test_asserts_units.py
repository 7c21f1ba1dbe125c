"""Reading tests that are assertions, and the data that travels for them."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import math
from collections import deque
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcoder.evaluator import Problem, TestCase
from microcoder.evaluator.asserts import assertions
from microcoder.sandbox.inside import calls, replay, values


@pytest.mark.parametrize("code", ["assert f(1", "", "x = 1", "assert f(1) == 0010", "def f(:"])
def test_a_test_that_cannot_be_is_named(code: str) -> None:
    with pytest.raises(ValueError, match=r"tests\[0\].code: "):
        assertions(Problem(problem_id="asserts", mode="assert", tests=(TestCase(code=code),)))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers() | st.fractions(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner)
    | st.sets(st.integers() | st.text()) | st.frozensets(st.floats(allow_nan=False)),
    max_leaves=20,
)  # fmt: skip


def form(value: object) -> object:
    """Types and values as text, whatever the order in sets; so that nan is itself, and True is not 1."""
    kind = type(value).__name__
    if isinstance(value, set | frozenset):
        return kind, sorted(map(repr, value))
    if isinstance(value, list | tuple):
        return kind, [form(item) for item in value]
    if isinstance(value, dict):
        return kind, [(form(key), form(item)) for key, item in value.items()]
    return kind, repr(value)


@given(PLAIN)
def test_values_travel_as_they_are(value: object) -> None:
    back = values.decode(json.loads(json.dumps(values.encode(value))))
    assert form(back) == form(value)


def test_values_that_collide_on_purpose_are_refused() -> None:
    keys = [n * (2**61 - 1) for n in range(1, 100_000)]
    with pytest.raises(ValueError, match="same hash"):
        values.decode({"set": keys})
    assert math.inf in values.decode({"set": [{"float": "inf"}]})


# Of every form that an answer may have (`test_every_form_is_among_them`), one value.
PLAIN_VALUES: dict[str, Any] = {
    "none": None,
    "bool": True,
    "text": "abc",
    "list": [1, 2],
    "int": 7,
    "float": 1.5,
    "complex": 2j,
    "bytes": b"abc",
    "bytearray": bytearray(b"abc"),
    "range": range(3),
    "array": numpy.array([1, 2]),
    "iterator": iter([1, 2]),
    "deque": deque([1, 2]),
    "Decimal": Decimal(3),
    "Fraction": Fraction(1, 2),
    "tuple": (1, 2),
    "dict": {1: 2},
    "set": {1, 2},
    "frozenset": frozenset([1, 2]),
}
STAYS = {
    ("array", name): "memory by its address" for name in ("__array_struct__", "__dlpack__", "ctypes", "data", "flags")
} | {
    ("array", "__array_namespace__"): "a module",
    ("Fraction", "_abc_impl"): "of no use outside of the interpreter",
    ("iterator", "__class__"): "a class that no module has by a name",
    ("iterator", "__init_subclass__"): "of that class",
    ("iterator", "__subclasshook__"): "of that class",
}
"""Attributes that do not travel, or what they return, and why."""


def test_every_form_is_among_them() -> None:
    forms = {
        side.value
        for node in ast.walk(ast.parse(inspect.getsource(values.decode) + inspect.getsource(values._decode_scalar)))
        for side in (node.comparators if isinstance(node, ast.Compare) else [getattr(node, "value", None)])
        if isinstance(node, ast.Compare | ast.MatchValue)
        if isinstance(side, ast.Constant) and isinstance(side.value, str)
    }
    assert forms - {"other"} == PLAIN_VALUES.keys() - {"none", "bool", "text", "list"}


def handed_on(value: Any) -> Any:
    """What a program gets that a test hands this. Raises LookupError when it cannot travel."""
    test = replay.Test(True, [], [], lambda text: None)
    try:
        sent = test.sent(value)
    except replay.Stop:
        raise LookupError(test.unsupported) from None
    got: list[Any] = []
    lines = ({"stop": True, "seed": False, "mutations": True}, ["call", "f", [sent], {}])
    told: list[bytes] = []
    calls.serve({"f": got.append}, [json.dumps(line).encode() for line in lines], told.append)
    assert got, told
    return got[0]


def derived(value: Any) -> Iterator[tuple[str, Any]]:
    """All attributes, and what they return, or raise, when they are called with nothing."""
    for name in dir(value):
        try:
            attribute = getattr(copy.copy(value), name)
        except Exception as error:
            attribute = error
        yield name, attribute
        if callable(attribute):
            try:
                yield name, getattr(copy.copy(value), name)()
            except Exception as error:
                yield name, error


@pytest.mark.filterwarnings("ignore")  # of numpy: attributes that are to go
@pytest.mark.parametrize("kind", PLAIN_VALUES)
def test_what_python_makes_of_an_answer_can_be_handed_on(kind: str) -> None:
    stayed: set[str] = set()
    for (name, value), (_, again) in zip(derived(PLAIN_VALUES[kind]), derived(PLAIN_VALUES[kind]), strict=True):
        try:
            back = handed_on(value)
        except LookupError:
            stayed.add(name)
            continue
        if hasattr(type(value), "__next__"):
            assert list(back) == list(again)
        elif isinstance(value, BaseException):
            assert (type(back), back.args, vars(back)) == (type(value), value.args, vars(value))
        elif callable(value):
            assert (type(back), back.__name__) == (type(value), value.__name__)
        else:  # a subclass comes as what it is one of
            assert isinstance(value, type(back) | numpy.generic)
            assert repr(back) == repr(value) or back == value or " object at 0x" in repr(value)
    assert stayed == {name for of, name in STAYS if of == kind and hasattr(PLAIN_VALUES[kind], name)}


def test_what_travels_to_the_program_alone_is_no_answer() -> None:
    test = replay.Test(True, [], [], lambda text: None)
    for value in (len, int, [].pop, {}.keys(), ValueError("x"), date(2026, 1, 1)):
        sent = test.sent(value)
        handed_on(value)
        with pytest.raises((TypeError, KeyError)):
            values.decode(sent, test.object)
        with pytest.raises(TypeError):
            values.encode(value)
