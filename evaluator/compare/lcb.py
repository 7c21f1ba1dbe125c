"""LiveCodeBench's rule, bit for bit (lcb_runner/evaluation/testing_util.py at 28fef95).

stdio: as many lines, after white space at both ends is gone; each line equal without white space around it, else each
of its words read by ``decimal.Decimal`` and the numbers equal. No tolerance; ``1_000``, ``1e3`` and ``1000`` are equal,
``0011`` and ``11`` as well. call: Python's ``==`` on the values, so that ``True`` is ``1``.

Two things differ because this side sees JSON and bytes: a nested tuple is a list here, and a dictionary's integer keys
are text. Bytes that are not UTF-8, which LiveCodeBench cannot capture, are part of a word.
"""

from __future__ import annotations

import itertools
import json
import operator
from collections.abc import Generator, Iterator
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from ..digits import Digits, has_digits, integer
from .base import STEP, STEP_ITEMS, Comparison, Match, Steps, shorten
from .decimals import read
from .exact import ACCEPTED as EXACT
from .lines import shown, split_and_strip, stripped
from .values import Items, is_list, same_but_spaces

DIGITS = 50_000
"""Of an integer that LiveCodeBench reads."""
LINES, NUMBER, VALUES = Match(True, "lines"), Match(True, "number"), Match(True, "values")


class Stdio(Comparison):
    __slots__ = ()
    takes_equal_bytes: ClassVar[bool] = True

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return EXACT
        wanted = yield from stripped(expected, split_and_strip)
        got = yield from stripped(actual, split_and_strip)
        number, rule = 0, LINES
        while (yield from wanted.fill()) and (yield from got.fill()):
            count = min(wanted.left, got.left)
            some, others = wanted.take(count), got.take(count)
            if some == others:
                number += count
                continue
            if len(some) > 1 and all_same_numbers(some, others):
                number, rule = number + count, NUMBER
                continue
            for one, other in zip(some, others, strict=True):
                number += 1
                if one == other:
                    continue
                long = max(len(one), len(other)) > STEP
                if not ((yield from long_same_numbers(one, other)) if long else same_numbers(one, other)):
                    return Match(False, message=f"line {number}: expected {shown(one)}, got {shown(other)}")
                rule = NUMBER
                if not number % (STEP_ITEMS // 8):
                    yield
        for lines, whose in ((wanted, "the expected output"), (got, "the output")):
            if (yield from lines.fill()):
                return Match(False, message=f"{whose} holds more than {number} lines")
        return rule


class Call(Comparison):
    __slots__ = ()

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        try:
            same = yield from same_values(expected, actual)
        except (ValueError, RecursionError) as error:
            return Match(False, message=f"not a value that LiveCodeBench can read: {error}")
        if not same:
            return Match(False, message=f"expected {shorten(expected)}, got {shorten(actual)}")
        return EXACT if expected == actual else VALUES


def same_values(expected: bytes, actual: bytes) -> Generator[None, None, bool]:
    """Whether the values are equal in Python. ValueError, RecursionError: one of them cannot be read."""
    if max(len(expected), len(actual)) <= STEP:
        return load(expected) == load(actual)
    if not (is_list(expected) and is_list(actual)):
        return is_list(expected) == is_list(actual) and load(expected) == load(actual)
    if not _may_be_unequal_to_itself(actual) and (yield from same_but_spaces(expected, actual)):
        return True
    wanted = Items(expected, load)
    yield
    got = Items(actual, load)
    while count := min(wanted.available(), got.available()):
        if wanted.take(count) != got.take(count):
            return False
        yield
    return not wanted.available() and not got.available()


def _may_be_unequal_to_itself(text: bytes) -> bool:
    """NaN is, and an integer of more than DIGITS cannot be read at all."""
    half = DIGITS // 2
    return b"N" in text or any(text[at : at + half].isdigit() for at in range(0, len(text), half))


def load(text: str | bytes) -> Any:
    """The value, with a NaN of its own, which is equal to no other."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogatepass")
    if not has_digits(text):
        try:
            return msgspec.json.decode(text)  # several times faster
        except (msgspec.MsgspecError, UnicodeEncodeError):
            pass
    return json.loads(text, parse_constant=float, parse_int=_integer)


def _integer(text: str) -> int | Digits:
    if len(text) - text.startswith("-") > DIGITS:
        raise ValueError(f"an integer of more than {DIGITS} digits")
    return integer(text)


def same_numbers(expected: str, actual: str) -> bool:
    try:
        return [Decimal(word) for word in actual.split()] == [Decimal(word) for word in expected.split()]
    except ArithmeticError:  # not a number, or a signalling NaN
        return False


def all_same_numbers(expected: list[str], actual: list[str]) -> bool:
    """Quick: whether the lines that differ are the same numbers, one each. False: unknown."""
    differ = list(map(operator.ne, expected, actual))
    sides = [list(itertools.compress(lines, differ)) for lines in (expected, actual)]
    count = len(sides[0])
    words = [" ".join(side).split() for side in sides if all(side) and len(max(side, key=len)) <= STEP]
    if [len(each) for each in words] != [count, count]:
        return False
    try:
        return all(map(operator.eq, *(map(Decimal, each) for each in words)))
    except ArithmeticError:
        return False


def long_same_numbers(expected: str, actual: str) -> Generator[None, None, bool]:
    """Whether two long lines hold the same numbers, in steps."""
    sides = words(expected), words(actual)
    try:
        while True:
            wanted, got = (list(itertools.islice(side, 4 * STEP_ITEMS)) for side in sides)
            if not wanted and not got:
                return True
            if len(wanted) != len(got):
                return False
            text = ",".join(wanted).encode("utf-8", "surrogateescape")
            same = wanted == got and read(text, len(wanted)) is not None
            if not same and not all(map(operator.eq, map(Decimal, got), map(Decimal, wanted))):
                return False
            yield
    except ArithmeticError:
        return False


def words(text: str) -> Iterator[str]:
    """As ``text.split()``, a part at a time. OverflowError: a word is too long to be read as a number here."""
    start = 0
    while start < len(text):
        end = start + STEP
        part = text[start:end]
        if end < len(text) and not part[-1].isspace() and not text[end].isspace():
            part = part[: -len(part.rsplit(None, 1)[-1])]
            if not part:
                raise OverflowError
        yield from part.split()
        start += len(part)
