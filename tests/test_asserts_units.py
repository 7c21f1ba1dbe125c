"""Reading tests that are assertions, and the data that travels for them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcoder.evaluator import Problem, TestCase
from microcoder.evaluator.asserts import read_assertions
from microcoder.sandbox.inside import values


@pytest.mark.parametrize("code", ["assert f(1", "", "x = 1", "assert f(1) == 0010", "def f(:"])
def test_a_test_that_cannot_be_is_named(code: str) -> None:
    with pytest.raises(ValueError, match=r"tests\[0\].code: "):
        list(read_assertions(Problem(problem_id="asserts", mode="assert", tests=(TestCase(code=code),))))


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
