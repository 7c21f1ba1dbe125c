"""Returned values as the JSON data that Python's ``==`` finds equal to them; tuples become lists.

An object of a subclass of a plain type (Counter, IntEnum, a named tuple) is what its base type holds, taken by the
methods of the base type. Any other object is asked: what can be compared with a plain type, and equals what it becomes
by being converted to it (``Fraction(3)``, ``UserList([1])``), is that. An iterator equals nothing, nor does a range.

All of this happens in the program's process and decides nothing: the program could write what it likes itself.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any, cast

DEPTH = 200
WHOLE = 2.0**52
"""From here on every float is an integer."""


def plain(value: Any, depth: int = 0) -> object:
    """Raises TypeError for what is not JSON data, ValueError for what is nested too deep."""
    kind = cast("type[object]", type(value))
    if value is None or kind is bool or kind is int or kind is str or kind is float:
        return value
    if depth > DEPTH:
        raise ValueError(f"returned value is nested more than {DEPTH} deep")
    if kind is list or kind is tuple:
        return [plain(item, depth + 1) for item in cast("list[object]", value)]
    if kind is dict:
        return {_key(key): plain(item, depth + 1) for key, item in cast("dict[object, object]", value).items()}
    return plain(_equal(value), depth + 1)


def _key(key: Any) -> str:
    kind = cast("type[object]", type(key))
    if kind is str:
        return key
    if key is None or kind is bool or kind is int or kind is float:
        return json.dumps(key)
    if kind is not tuple and type(equal := _equal(key)) is not tuple:
        return _key(equal)
    raise TypeError(f"returned value has a {kind.__name__} as a key, which is not JSON data")


_dict, _list, _tuple = cast("Any", dict), cast("Any", list), cast("Any", tuple)
_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (dict, lambda value: dict(_dict.items(value))),
    (list, lambda value: [*_list.__iter__(value)]),
    (tuple, lambda value: (*_tuple.__iter__(value),)),
)
"""How what they hold is taken."""
_CONVERSIONS: tuple[tuple[object, Callable[[Any], Any]], ...] = (
    ({}, dict),
    ([], list),
    ("", str),
    (0, int),
    (0.0, float),
    (0.0, lambda value: float(value.real)),
)
"""By something of the type that they convert to."""


def _equal(value: Any) -> Any:
    """What the value equals, of a type that JSON has, or a numpy array as the list that it is written as."""
    kind = cast("Any", type(value))
    for base, held in _BASES:
        if issubclass(kind, base):
            return held(value)
    if hasattr(kind, "__next__"):
        raise TypeError(f"returned value holds a {kind.__name__}, an iterator, which equals no list: list() makes one")
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic | numpy.ndarray) and type(value.tolist()) is not kind:
        return value.tolist()
    for example, convert in _CONVERSIONS:
        try:
            if kind.__eq__(value, example) is not NotImplemented and value == (equal := convert(value)):
                return equal
        except MemoryError:
            raise
        except Exception:
            continue
    if (near := _beside(value)) is not None:
        return near
    hint = ": list() makes a list of it" if any("__iter__" in vars(base) for base in kind.__mro__) else ""
    raise TypeError(f"returned value holds a {kind.__name__}, which is not JSON data{hint}")


def _beside(value: Any) -> float | None:
    """A float that is as good as this number where there is a tolerance, and equals nothing that it does not equal."""
    numbers: Any = sys.modules.get("numbers")
    if numbers is None or not isinstance(value, numbers.Number):
        return None
    try:
        nearest = float(value)
        if abs(nearest) < WHOLE:
            return math.nextafter(nearest, math.inf if value > nearest else -math.inf)
    except (ArithmeticError, TypeError, ValueError):
        pass
    return None
