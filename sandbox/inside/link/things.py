"""What both sides hold, each its own copy: lists, dicts, sets, arrays, and objects of classes that the prelude defines.

A thing that has gone from one side to the other has a number there and here. Before a side says anything it looks at
all that it shares: what has changed since goes with the message, so that the other finds its copy changed when it goes
on. A thing that one side holds no longer is shared no longer. The first copies go with the message that mentions them:

    [[number, kind, content], ...]        a thing inside of another is {"other": ["#", number]}

where ``kind`` is a type below, or the name of a class that both sides have.
"""

from __future__ import annotations

# Whatever the program, or the test, makes of the builtins.
from builtins import (  # noqa: UP029
    bytearray,
    dict,
    frozenset,
    id,
    int,
    list,
    object,
    repr,
    set,
    sorted,
    str,
    type,
)  # fmt: skip
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from math import isfinite
from sys import getrefcount
from typing import Any, NamedTuple, cast

from .. import objects, values
from . import arrays

Code = Callable[[Any], Any]
"""Of a value within a thing: from or to JSON data."""
_AS_THEY_ARE = frozenset({bool, str, type(None)})
_LARGE = 1 << 2 * values.DIGITS
"""Integers below this are JSON data, and may be looked at together."""
_ARRAY = "ndarray"
HELD = 3
"""References to a thing that nobody but ``Things.send`` holds."""


class Kind(NamedTuple):
    type: Any
    """None: of a module that may never be imported."""
    new: Callable[[Any], Any]
    """An empty one, for this content."""
    content: Callable[[Any, Code], Any]
    fill: Callable[[Any, Any, Code], object]


def _empty(kind: Any) -> Callable[[Any], Any]:
    return lambda _: kind()


_list, _dict, _set, _bytearray = cast("Any", list), cast("Any", dict), cast("Any", set), cast("Any", bytearray)
_deque, _ordered, _counter = cast("Any", deque), cast("Any", OrderedDict), cast("Any", Counter)
_default = cast("Any", defaultdict)
_factory, _most = _default.default_factory, _deque.maxlen


def _pairs(thing: Any, encode: Code) -> list[list[Any]]:
    return [[encode(key), encode(item)] for key, item in _dict.items(thing)]


def _fill_dict(thing: Any, content: Any, decode: Code) -> None:
    keys = [decode(key) for key, _ in content]
    values.check_hashes(keys)
    items = [decode(item) for _, item in content]
    _dict.clear(thing)
    for key, item in zip(keys, items, strict=True):
        _dict.__setitem__(thing, key, item)


def _fill_set(thing: Any, content: Any, decode: Code) -> None:
    items = [decode(item) for item in content]
    values.check_hashes(items)
    _set.clear(thing)
    _set.update(thing, items)


def _items(thing: Any, encode: Code) -> list[Any]:
    items = [*_list.__iter__(thing)]
    kinds = {*map(type, items)}
    if kinds <= _AS_THEY_ARE or (kinds == {int} and -_LARGE < min(items) <= max(items) < _LARGE):
        return items
    if kinds == {float} and isfinite(sum(items)):
        return items
    return [encode(item) for item in items]


def _fill_list(thing: Any, content: Any, decode: Code) -> None:
    kinds = {*map(type, content)}
    items = [decode(item) for item in content] if list in kinds or dict in kinds else content
    _list.__setitem__(thing, slice(None), items)


def _hex(thing: Any, _: Code) -> str:
    return _bytearray.hex(thing)


def _fill_bytes(thing: Any, content: Any, decode: Code) -> None:
    _bytearray.__setitem__(thing, slice(None), bytes.fromhex(content))


def _empty_deque(content: Any) -> Any:
    return _deque(maxlen=content[0])


def _deque_items(thing: Any, encode: Code) -> list[Any]:
    return [_most.__get__(thing), [encode(item) for item in _deque.__iter__(thing)]]


def _fill_deque(thing: Any, content: Any, decode: Code) -> None:
    _deque.__init__(thing, [decode(item) for item in content[1]], content[0])


def _ordered_pairs(thing: Any, encode: Code) -> list[list[Any]]:
    return [[encode(key), encode(item)] for key, item in _ordered.items(thing)]


def _fill_ordered(thing: Any, content: Any, decode: Code) -> None:
    pairs = [(decode(key), decode(item)) for key, item in content]
    values.check_hashes([key for key, _ in pairs])
    _ordered.clear(thing)
    for key, item in pairs:
        _ordered.__setitem__(thing, key, item)


def _default_pairs(thing: Any, encode: Code) -> list[Any]:
    return [encode(_factory.__get__(thing)), _pairs(thing, encode)]


def _fill_default(thing: Any, content: Any, decode: Code) -> None:
    factory = decode(content[0])
    _fill_dict(thing, content[1], decode)
    _factory.__set__(thing, factory)


def is_method(thing: Any, name: str) -> bool:
    """Whether its class has a function by this name."""
    return callable(getattr(cast("Any", type(thing)), name, None))


def in_order(items: Any, encode: Code) -> list[Any]:
    """Of a set: two sets that are equal come out alike, in whatever process."""
    return sorted([encode(item) for item in items], key=repr)


def _set_items(thing: Any, encode: Code) -> list[Any]:
    return in_order(_set.__iter__(thing), encode)


KINDS: dict[str, Kind] = {
    "list": Kind(_list, _empty(_list), _items, _fill_list),
    "dict": Kind(_dict, _empty(_dict), _pairs, _fill_dict),
    "set": Kind(_set, _empty(_set), _set_items, _fill_set),
    "bytearray": Kind(_bytearray, _empty(_bytearray), _hex, _fill_bytes),
    "deque": Kind(_deque, _empty_deque, _deque_items, _fill_deque),
    "OrderedDict": Kind(_ordered, _empty(_ordered), _ordered_pairs, _fill_ordered),
    "Counter": Kind(_counter, _empty(_counter), _pairs, _fill_dict),
    "defaultdict": Kind(_default, _empty(_default), _default_pairs, _fill_default),
    _ARRAY: Kind(None, arrays.new, arrays.content, arrays.fill),
}
_NAMES: dict[type, str] = {kind.type: name for name, kind in KINDS.items() if kind.type is not None}


def base_of(kind: type) -> str | None:
    """Of which type here a class is a subclass."""
    return next((_NAMES[base] for base in kind.__mro__ if base in _NAMES), None)


class Things:
    """Those that one side shares with the other."""

    def __init__(
        self,
        first: int,
        scope: dict[str, Any],
        classes: frozenset[str],
        encode: Code,
        decode: Code,
        replaced: Callable[[str], object],
    ) -> None:
        """``first``: of the numbers that this side gives, 0 or 1. ``classes``: names of those that both sides have,
        each its own, by this name in its scope. ``replaced``: what to do where an attribute takes the place of a
        method of such a class."""
        self._next = first
        self._scope = scope
        self._classes = classes
        self._encode = encode
        self._decode = decode
        self._replaced = replaced
        self._held: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._known: dict[int, Any] = {}
        """The content that both sides have."""
        self._kinds: dict[int, str] = {}
        self._fresh: list[int] = []
        """What the other side has not yet."""

    def kind(self, value: Any) -> str | None:
        """None: it is no thing."""
        kind = cast("Any", type(value))
        if (name := _NAMES.get(kind)) is not None:
            return name
        if arrays.is_array(value, kind):
            return _ARRAY
        if self._classes and self._class(name := kind.__name__) is kind:
            return name
        return None

    def number(self, value: Any, kind: str) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number, self._next = self._next, self._next + 2
            self._hold(number, kind, value)
            self._fresh.append(number)
        return number

    def thing(self, number: Any) -> Any:
        """Raises KeyError, TypeError."""
        return self._held[number]

    def adopt(self, number: Any, kind: Any, value: Any) -> None:
        """An object of the other side that is a thing, too, and of a class that this side has made for it."""
        if number not in self._held:
            if type(number) is not int or number % 2 == self._next % 2 or kind not in KINDS:
                raise ValueError("a thing of no number, or no kind")
            self._hold(number, kind, value)

    def write(self, message: dict[str, Any]) -> None:
        """What the other side has to know of them before it reads the message."""
        for number in [*self._held]:
            if number not in self._known:
                continue
            thing = self._held[number]
            content = self._content(number)
            if content != self._known[number]:
                self._known[number] = content
                message.setdefault("things", []).append([number, self._kinds[number], content])
            if getrefcount(thing) <= HELD:
                self._drop(number)
                message.setdefault("forget", []).append(number)
        while self._fresh:
            number = self._fresh.pop()
            self._known[number] = self._content(number)
            message.setdefault("things", []).append([number, self._kinds[number], self._known[number]])

    def read(self, message: dict[str, Any]) -> None:
        """Raises anything that is an Exception."""
        records: list[Any] = message.get("things", [])
        for number, kind, content in records:
            if type(number) is not int or type(kind) is not str:
                raise ValueError("a thing of no number, or no kind")
            if number not in self._held:
                if number % 2 == self._next % 2:
                    raise ValueError("a thing with a number that is not the other side's to give")
                self._hold(number, kind, self._new(kind, content))
        for last in (False, True):
            for number, kind, content in records:
                if (kind in KINDS) is last:
                    self._fill(number, kind, content)
                    self._known[number] = content
        for number in message.get("forget", []):
            if number in self._held:
                self._drop(number)

    # -- one of them

    def _hold(self, number: int, kind: str, value: Any) -> None:
        self._held[number] = value
        self._numbers[id(value)] = number
        self._kinds[number] = kind

    def _drop(self, number: int) -> None:
        del self._numbers[id(self._held.pop(number))], self._kinds[number], self._known[number]

    def _content(self, number: int) -> Any:
        thing, kind = self._held[number], self._kinds[number]
        if kind in KINDS:
            return KINDS[kind].content(thing, self._encode)
        return [[name, self._encode(part)] for name, part in objects.state(thing).items()]

    def _new(self, kind: str, content: Any) -> Any:
        if kind in KINDS:
            return KINDS[kind].new(content)
        if (own := self._class(kind)) is None:
            raise ValueError(f"no class {kind!r} on this side")
        return object.__new__(own)

    def _fill(self, number: int, kind: str, content: Any) -> None:
        thing = self._held[number]
        if self._kinds[number] != kind:
            raise ValueError("a thing of another kind")
        if kind in KINDS:
            KINDS[kind].fill(thing, content, self._decode)
            return
        for name in objects.state(thing).keys() - {name for name, _ in content}:
            object.__delattr__(thing, name)
        for name, part in content:
            if type(name) is not str or name.startswith("__"):
                raise ValueError("an attribute of no name")
            if is_method(thing, name):
                self._replaced(f"{name} of a {kind}")
            object.__setattr__(thing, name, self._decode(part))

    def _class(self, name: Any) -> Any:
        """None: both sides have no such class, or it makes its objects in a way of its own."""
        kind = self._scope.get(name) if type(name) is str and name in self._classes else None
        return kind if type(kind) is type and cast("Any", kind).__new__ is object.__new__ else None
