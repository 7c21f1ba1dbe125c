"""Returned values: equal as Python says, floats within a tolerance.

Both sides are JSON text: tuples are lists already, keys are strings. An expected float accepts a number within the
tolerance; everything else is exact, ``1`` and ``1.0`` are equal, and unlike in Python ``True`` is not ``1``. ``NaN``
equals ``NaN``. Strict: no tolerance, and ``1`` is not ``1.0``.

A long list is decoded and compared in parts, a step each. One item of it is decoded in one go, however long it is.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import reprlib
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, ClassVar, TypeAlias, cast

import msgspec

from ..digits import Digits, has_digits, loads
from ..problem import TestCase
from .bag import Bag
from .base import SHOWN, STEP, STEP_ITEMS, Comparison, Match, Steps
from .decimals import RULE as DECIMAL
from .decimals import all_near, close
from .exact import ACCEPTED as EXACT
from .flags import Flags

ACCEPTED = Match(True, "values")
UNORDERED = Match(True, "unordered")
TOLERANCE = 1e-6
PART = STEP
"""Characters of a long list that are decoded in one go; nothing else runs meanwhile."""
SLICE = 4096
PIECE = 1 << 19
"""Bytes of text that are compared in one go."""

Value: TypeAlias = "bool | int | float | str | Digits | list[Value] | dict[str, Value] | None"
_NUMBERS = {int, float}
_PLAIN: frozenset[type] = frozenset((type(None), int, float, str))


def comparison(
    tests: Iterable[TestCase],
    *,
    absolute: float = 0.0,
    relative: float = 0.0,
    strict: bool = False,
    unordered: bool = False,
) -> Values:
    """ValueError: an expected value is not JSON."""
    check(tests)
    return Values(absolute, relative, strict, unordered)


def check(tests: Iterable[TestCase]) -> None:
    """ValueError: an expected value is not JSON."""
    for _ in checked(tests):
        pass


def checked(tests: Iterable[TestCase]) -> Iterator[None]:
    """The same, in steps."""
    for number, test in enumerate(tests):
        try:
            text = test.output.encode("utf-8", "surrogatepass")
            if len(text) > PART and is_list(text):
                items = Items(text)
                while items.take(items.available()):
                    yield
            else:
                decode(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"tests[{number}].output: not a JSON value: {error}") from None
        yield


def for_flags(tests: Iterable[TestCase], flags: Flags) -> Values:
    """The default rule for returned values. ValueError: a flag that means nothing for them, too."""
    if meaningless := sorted(flags.words - {"case_sensitive", "unordered_items"}):
        raise ValueError(f"checker.flags: {meaningless[0]} means nothing for returned values")
    absolute, relative = (flags.absolute or 0.0, flags.relative or 0.0) if flags.tolerant else (TOLERANCE, TOLERANCE)
    return comparison(tests, absolute=absolute, relative=relative, unordered="unordered_items" in flags)


@dataclasses.dataclass(frozen=True, slots=True)
class Values(Comparison):
    """Accepts JSON text of an equal value."""

    takes_equal_bytes: ClassVar[bool] = True

    absolute: float = TOLERANCE
    relative: float = TOLERANCE
    strict: bool = False
    unordered: bool = False
    """The items of the outermost list may come in any order; then without a tolerance."""

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return EXACT
        if (yield from same_but_spaces(expected, actual)):
            return ACCEPTED
        walk = _Walk(self.absolute, self.relative, self.strict)
        try:
            if max(len(expected), len(actual)) > PART and is_list(expected) and is_list(actual):
                wanted = Items(expected)
                yield
                difference = yield from walk.in_long_lists(wanted, Items(actual))
            else:
                difference = walk.difference(decode(expected), decode(actual))
            if difference is None:
                return Match(True, DECIMAL) if walk.approximated else ACCEPTED
            if self.unordered and is_list(expected) and is_list(actual) and (yield from same_items(expected, actual)):
                return UNORDERED
        except ValueError as error:
            return Match(False, message=f"the returned value is not JSON: {error}")
        except RecursionError:
            return Match(False, message="the returned value is nested too deep")
        return Match(False, message=difference)


def same_but_spaces(expected: bytes, actual: bytes) -> Generator[None, None, bool]:
    """Quick: whether the output is the expected text, which is JSON, without its white space. False: unknown."""
    if b'"' in expected:  # there white space may count
        return False
    place = 0
    for start in range(0, len(expected), PIECE):
        piece = expected[start : start + PIECE].translate(None, b" \t\r\n")
        if not actual.startswith(piece, place):
            return False
        place += len(piece)
        if start:
            yield
    return place == len(actual)


def same_items(expected: bytes, actual: bytes) -> Generator[None, None, bool]:
    """Whether two lists hold the same items, each as often, in whatever order."""
    bag: Bag[str] = Bag()
    for text, times in ((expected, 1), (actual, -1)):
        items = Items(text)
        while left := min(items.available(), STEP_ITEMS):
            bag.add(map(canonical, items.take(left)), times)
            yield
    return (yield from bag.emptied()) == (None, None)


def canonical(value: Value) -> str:
    """The same text for values that are equal: ``1`` and ``1.0`` are, ``1`` and ``True`` are not."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Value) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Digits):
        return f"#{value.text}"
    if isinstance(value, str):
        return f"#{value}" if value[:1] == "#" else value
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return value


class _Walk:
    """One pass over two values. Differences are told with their place: ``[3]['a']: expected 5, got 6``."""

    def __init__(self, absolute: float, relative: float, strict: bool) -> None:
        self.absolute = absolute
        self.relative = relative
        self.strict = strict
        self.approximated = False

    def difference(self, expected: Value, actual: Value) -> str | None:
        if isinstance(expected, list) and isinstance(actual, list):
            return self.in_lists(expected, actual)
        if isinstance(expected, dict) and isinstance(actual, dict):
            return self.in_dicts(expected, actual)
        if self.same(expected, actual):
            return None
        return f": expected {show(expected)}, got {show(actual)}".removeprefix(": ")

    def in_long_lists(self, expected: Items, actual: Items) -> Generator[None, None, str | None]:
        """The same for texts too long to decode in one go. Frees the items as it goes on, too."""
        index = 0
        while count := min(expected.available(), actual.available()):
            if difference := self.in_lists(expected.take(count), actual.take(count), index):
                return difference
            index += count
            yield
        if expected.available():
            return f"[{index}]: expected {show(expected.take(1)[0])}, got the end of the list"
        if actual.available():
            return f"[{index}]: expected the end of the list, got {show(actual.take(1)[0])}"
        return None

    def in_lists(self, expected: list[Value], actual: list[Value], first: int = 0) -> str | None:
        for start in range(0, min(len(expected), len(actual)), SLICE):
            wanted, got = expected[start : start + SLICE], actual[start : start + SLICE]
            if self.all_same(wanted, got):
                continue
            for index, (one, other) in enumerate(zip(wanted, got, strict=False), first + start):
                if difference := self.difference(one, other):
                    return at(f"[{index}]", difference)
        if len(expected) != len(actual):
            return f"expected {len(expected)} items, got {len(actual)}"
        return None

    def all_same(self, expected: list[Value], actual: list[Value]) -> bool:
        """Quick, for items that are not lists. False: unknown."""
        types = list(map(type, expected)), list(map(type, actual))
        if not _PLAIN.issuperset(itertools.chain(*types)):  # of bools and of what is in lists == says too little
            return False
        if expected == actual and (types[0] == types[1] or not self.strict):
            return True
        if self.strict or {*types[0], *types[1]} != {float} or len(expected) != len(actual):
            return False
        wanted, got = cast("list[float]", expected), cast("list[float]", actual)
        if not all(map(math.isfinite, itertools.chain(wanted, got))):
            return False
        near = all_near(wanted, got, self.absolute, self.relative)
        self.approximated |= near
        return near

    def in_dicts(self, expected: dict[str, Value], actual: dict[str, Value]) -> str | None:
        for key, value in expected.items():
            if key not in actual:
                return f"the key {show(key)} is missing"
            if difference := self.difference(value, actual[key]):
                return at(f"[{show(key)}]", difference)
        for key in actual:
            if key not in expected:
                return f"unexpected key {show(key)}"
        return None

    def same(self, expected: Value, actual: Value) -> bool:
        kinds = {type(expected), type(actual)}
        if len(kinds) > 1 and (self.strict or kinds != _NUMBERS):
            return False
        if expected == actual:
            return True
        if not isinstance(expected, float) or not isinstance(actual, (int, float)):
            return False
        if expected != expected:
            return actual != actual
        if self.strict:
            return False
        try:
            near = close(expected, float(actual), self.absolute, self.relative)
        except OverflowError:  # an integer larger than any float
            return False
        self.approximated |= near
        return near


def at(place: str, difference: str) -> str:
    return f"{place}{difference}" if difference.startswith("[") else f"{place}: {difference}"


def show(value: Value) -> str:
    if isinstance(value, Digits):
        return f"{value.text[:SHOWN]}..."
    try:
        return _brief.repr(value)
    except ValueError:
        return "a very long integer"


_brief = reprlib.Repr()
_brief.maxlist = _brief.maxdict = 4
_brief.maxlevel = 2
_brief.maxstring = _brief.maxlong = _brief.maxother = SHOWN


def decode(text: bytes) -> Value:
    """ValueError: not JSON, or not UTF-8. RecursionError: nested too deep."""
    return _loads(text.decode("utf-8", "surrogatepass"))


def is_list(text: bytes) -> bool:
    return text[:PART].lstrip(b" \t\r\n").startswith(b"[")


class Items:
    """The items of a JSON list, some at a time. One item alone is decoded in one go, however long it is."""

    def __init__(self, text: bytes, load: Callable[[str], Any] | None = None) -> None:
        self.load = load or _loads
        self.text = text.decode("utf-8", "surrogatepass").strip(" \t\r\n")
        if not self.text.endswith("]"):
            raise ValueError("a list without an end")
        self.place, self.end = 1, len(self.text) - 1
        first = self.text[1:PART].lstrip()[:1]
        # Where a separator of this form stands between two items, the text before it decodes; elsewhere it does not.
        self.separator = {"[": "],", "{": "},", '"': '",'}.get(first, ",")
        self.items: list[Value] = []
        self.taken = 0

    def available(self) -> int:
        """How many items can be taken; decodes more when there is none. 0: the list has ended."""
        if self.taken == len(self.items) and self.place <= self.end:
            self.items, self.taken = self.decode_part(), 0
        return len(self.items) - self.taken

    def take(self, count: int) -> list[Value]:
        self.taken += count
        return self.items[self.taken - count : self.taken]

    def decode_part(self) -> list[Value]:
        size = PART
        while True:
            cut = self.text.find(self.separator, self.place + size, self.end)
            stop = self.end if cut < 0 else cut + len(self.separator) - 1
            try:
                part = cast("list[Value]", self.load(f"[{self.text[self.place : stop]}]"))
                break
            except ValueError:
                if stop == self.end:
                    raise
                size *= 2
        if not part and self.place > 1:
            raise ValueError("a value is missing after the last comma")
        self.place = stop + 1
        return part


def _loads(text: str) -> Value:
    if not has_digits(text):
        try:
            return msgspec.json.decode(text)  # several times faster, as exact, and stricter: it knows no NaN
        except (msgspec.MsgspecError, UnicodeEncodeError):
            pass
    return loads(text)
