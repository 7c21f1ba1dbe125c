"""The rule of verl's prime_code, which is that of APPS (verl 0.9.1, utils/reward_score/prime_code/testing_util.py).

stdio: equal without white space at both ends, likewise with each line stripped, likewise without empty lines; else
numpy's ``allclose`` (1e-5 relative, 1e-8 absolute) on the lines read as floats, unless all of them are digits alone: so
``-1000000001`` passes for ``-1000000000``. Its later stages, which compare sets, cannot accept anything. call: Python's
``==``, or equal to the first item of an expected list: ``1`` passes for ``[1, 2, 3]``.

Two things differ because this side sees JSON and bytes: a nested tuple is a list here, and a dictionary's integer keys
are text. Bytes that are not UTF-8, which prime_code cannot capture, are part of a word.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Generator
from typing import cast

from .base import STEP, STEP_ITEMS, Comparison, Match, Steps, shorten
from .decimals import read
from .exact import ACCEPTED as EXACT
from .lcb import load, same_values
from .lines import Change, Lines, same, shown, split, stripped
from .values import Items, is_list

_plain_list = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*[^{ \t\r\n]").match
_number = re.compile(r"[-+\d._eE]*").fullmatch
_odd = re.compile(rb"[\r\v\f\x1c-\x1e\x80-\xff]").search

PIECE = 8 * STEP
"""Bytes that are looked through in one go."""
_ENDS = (b"\r", b"\v", b"\f", b"\x1c", b"\x1d", b"\x1e")
"""What ends a line of ASCII besides the newline."""

LINES, ALLCLOSE, VALUES, FIRST = (Match(True, rule) for rule in ("lines", "allclose", "values", "first"))


class Stdio(Comparison):
    __slots__ = ()

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        # other line ends than \n become \n in the output alone: the very same text may be rejected
        if expected == actual and not _odd(expected):
            return EXACT
        lines = yield from splitting(actual)
        if (yield from same_text(expected, actual, lines)):
            return LINES
        if (yield from same(Lines(expected, _answers), Lines(actual, lines))):
            return LINES
        wanted, got = Lines(expected, _answers), Lines(actual, lambda text: list(filter(None, lines(text))))
        digits, number = True, 0
        different = far = None
        while (yield from wanted.fill()) and (yield from got.fill()):
            count = min(wanted.left, got.left, STEP_ITEMS)
            some, others = wanted.take(count), got.take(count)
            digits = digits and all(map(str.isdigit, others)) and all(map(str.isdigit, some))
            if different is None:
                different = _first(operator.ne, number, some, others)
            if far is None and not all_close(some, others):
                far = _first(_far, number, some, others)
            if different is not None and far is not None:
                return far
            number += count
            yield
        for side, whose in ((wanted, "the expected output"), (got, "the output")):
            if (yield from side.fill()):
                return Match(False, message=f"{whose} holds more than {number} lines")
        if different is None:
            return LINES
        return different if digits else ALLCLOSE


def same_text(expected: bytes, actual: bytes, lines: Change) -> Generator[None, None, bool]:
    """Whether the output is the text, or would be with each of its lines stripped; white space at both ends is gone."""
    wanted = yield from stripped(expected, split)
    got = yield from stripped(actual, lines)
    as_it_is = with_stripped_lines = True
    while (yield from wanted.fill()) and (yield from got.fill()):
        count = min(wanted.left, got.left)
        some, others = wanted.take(count), got.take(count)
        as_it_is = as_it_is and some == others
        with_stripped_lines = with_stripped_lines and some == list(map(str.strip, others))
        if not (as_it_is or with_stripped_lines):
            return False
    return not ((yield from wanted.fill()) or (yield from got.fill()))


def splitting(text: bytes) -> Generator[None, None, Change]:
    """What splits the text as ``splitlines`` does, which takes long for a long line."""
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        if not piece.isascii() or any(end in piece for end in _ENDS):
            return str.splitlines
        yield
    return split


def _answers(text: str) -> list[str]:
    return [line.strip() for line in split(text) if line]


def _first(differ: Callable[[str, str], bool], number: int, wanted: list[str], got: list[str]) -> Match | None:
    """The first pair of lines that differ."""
    places = itertools.compress(range(len(wanted)), map(differ, wanted, got))
    for place in places:
        told = f"expected {shown(wanted[place])}, got {shown(got[place])}"
        return Match(False, message=f"line {number + place + 1}: {told}")
    return None


def _far(expected: str, actual: str) -> bool:
    return not close(actual, expected)


def all_close(expected: list[str], actual: list[str]) -> bool:
    """Quick: whether all lines are near each other. False: unknown."""
    texts = [",".join(lines) for lines in (expected, actual)]
    if max(map(len, texts)) > PIECE:  # a long line
        return False
    wanted, got = (read(text.encode("utf-8", "surrogateescape"), len(expected)) for text in texts)
    return near_each_other(wanted, got)


def near_each_other(wanted: list[float] | None, got: list[float] | None) -> bool:
    """As ``numpy.allclose`` on finite numbers. False also where they could not be read."""
    return wanted is not None and got is not None and (wanted == got or all(map(_near, got, wanted)))


def _may_be_float(line: str) -> bool:
    return len(line) <= STEP or _number(line.strip()) is not None  # the error of float() would hold the whole line


def _near(got: float, wanted: float) -> bool:
    return abs(got - wanted) <= 1e-8 + 1e-5 * abs(wanted)


def close(actual: str, expected: str) -> bool:
    """As ``numpy.allclose`` on two lines read as floats. False: one of them is no float."""
    if not (_may_be_float(actual) and _may_be_float(expected)):
        return False
    try:
        got, wanted = float(actual), float(expected)
    except ValueError:
        return False
    return got == wanted or (abs(wanted) < float("inf") and _near(got, wanted))


class Call(Comparison):
    __slots__ = ()

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        try:
            if len(expected) > STEP and _plain_list(expected):
                rule = yield from _in_long_list(expected, actual)
            else:
                rule = _in_value(load(expected), load(actual))
        except (ValueError, RecursionError) as error:
            return Match(False, message=f"not a value that prime_code can read: {error}")
        if rule is None:
            return Match(False, message=f"expected {shorten(expected)}, got {shorten(actual)}")
        return EXACT if rule is VALUES and expected == actual else rule


def _in_value(expected: object, actual: object) -> Match | None:
    wanted = with_integer_keys(expected)
    if actual == wanted:
        return VALUES
    if isinstance(wanted, list) and any(actual == first for first in cast("list[object]", wanted)[:1]):
        return FIRST if isinstance(expected, list) else VALUES
    return None


def _in_long_list(expected: bytes, actual: bytes) -> Generator[None, None, Match | None]:
    """The same in steps, where no keys become integers."""
    if (yield from same_values(expected, actual)):
        return VALUES
    items = Items(expected, load)
    if not items.available():
        return None
    first: object = items.take(1)[0]
    yield
    if not is_list(actual):
        return FIRST if load(actual) == first else None
    if not isinstance(first, list):
        return None
    place, got = 0, Items(actual, load)
    while count := got.available():
        if got.take(count) != first[place : place + count]:
            return None
        place += count
        yield
    return FIRST if place == len(cast("list[object]", first)) else None


def with_integer_keys(value: object) -> object:
    """What prime_code makes of an expected dictionary, or of a list that begins with one: a list of that alone.

    It turns the keys into integers; as JSON those are text again, so "01" becomes "1".
    """
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    first = items[0] if items else None
    if isinstance(first, dict):
        try:
            return [{str(int(key)): item for key, item in cast("dict[str, object]", first).items()}]
        except ValueError:  # stays as it is
            pass
    return cast(object, value)
