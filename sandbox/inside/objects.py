"""Objects of classes that the prelude of a test defines: both sides of an assertion have these, so they travel as data.

Between the two sides, within one operation, they have numbers, so that what is the same object on one side is the same
on the other. The first mention brings an object and all that it leads to, in the order of the numbers, for a list may
be longer than data may be nested:

    {"objects": [[number, class, [[attribute, value], ...]], ...]}      stands for the first of them
    {"object": number}                                                  one that was brought before
"""

from __future__ import annotations

from collections.abc import Callable, Container
from types import CodeType
from typing import Any, cast

from .values import Other, decode, encode


def classes_in(prelude: CodeType) -> frozenset[str]:
    """Names of the classes, and functions, that a prelude defines."""
    return frozenset(part.co_name for part in prelude.co_consts if isinstance(part, CodeType))


class Objects:
    """Those of one operation."""

    def __init__(self, scope: dict[str, Any], names: Container[str], depth: int = 0) -> None:
        """``names``: the classes that both sides have; each its own, by this name in its scope. ``depth``: how much
        deeper than the other side this one may nest what it sends."""
        self._depth = depth
        self._scope = scope
        self._names = names
        self.held: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._came: dict[int, object] = {}
        """The attributes of those that came from the other side, as they came."""

    # -- to the other side

    def encode(self, value: Any, other: Other) -> object:
        """JSON data of an object of such a class; ``other`` has to say what any other is."""
        known = len(self.held)
        number = self._number(value)
        if number is None:
            return other(value)
        if number < known:
            return {"other": {"object": number}}
        return {"other": {"objects": self._brought(known, other)}}

    def changes(self, other: Other) -> object:
        """What came from the other side and has changed since. None: nothing."""
        known = len(self.held)
        changed = [
            [number, self._name(self.held[number]), now]
            for number, came in self._came.items()
            if (now := self._attributes(self.held[number], other)) != came
        ]
        return {"other": {"objects": changed + self._brought(known, other)}} if changed else None

    def _brought(self, start: int, other: Other) -> list[list[Any]]:
        found: list[list[Any]] = []
        while start + len(found) < len(self.held):  # grows
            number = start + len(found)
            value = self.held[number]
            found.append([number, self._name(value), self._attributes(value, other)])
        return found

    def _attributes(self, value: Any, other: Other) -> list[list[Any]]:
        def inner(part: Any) -> object:
            number = self._number(part)
            return other(part) if number is None else {"other": {"object": number}}

        return [[name, encode(part, inner, -self._depth)] for name, part in state(value).items()]

    def _number(self, value: Any) -> int | None:
        """None: it is of another class."""
        if id(value) not in self._numbers:
            if self._name(value) is None:
                return None
            self._numbers[id(value)] = len(self.held)
            self.held.append(value)
        return self._numbers[id(value)]

    def _name(self, value: Any) -> str | None:
        kind = cast("Any", type(value))
        return kind.__name__ if self._class(kind.__name__) is kind else None

    def _class(self, name: Any) -> Any:
        """None: both sides have no such class, or it makes its objects in a way of its own."""
        kind = self._scope.get(name) if type(name) is str and name in self._names else None
        return kind if type(kind) is type and cast("Any", kind).__new__ is object.__new__ else None

    # -- from the other side

    def decode(self, inner: Any, other: Callable[[Any], Any]) -> Any:
        """``inner``: what stands in {"other": ...}; ``other`` knows the rest. Raises anything that is an Exception."""
        if "object" in inner:
            return self.held[_index(inner["object"])]
        if "objects" not in inner:
            return other(inner)
        records = inner["objects"]
        for number, name, _ in records:
            if _index(number) == len(self.held):
                self.held.append(self._new(name))
                self._numbers[id(self.held[-1])] = number
        for number, _, attributes in records:
            value = self.held[_index(number)]
            for name in state(value).keys() - {name for name, _ in attributes}:
                object.__delattr__(value, name)
            for name, part in attributes:
                if type(name) is not str or name.startswith("__"):
                    raise ValueError("an attribute of no name")
                object.__setattr__(value, name, decode(part, lambda inner: self.decode(inner, other), self._depth))
            self._came[number] = attributes
        return self.held[records[0][0]]

    def _new(self, name: Any) -> Any:
        if (kind := self._class(name)) is None:
            raise ValueError(f"no class {name!r} on this side")
        return object.__new__(kind)


def _index(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError("an object of no number")
    return number


def state(value: Any) -> dict[str, Any]:
    """Its attributes, those in slots too."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                found[name] = getattr(value, name)
    return found
