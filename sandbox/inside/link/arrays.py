"""Arrays of numpy, which change like lists, and numbers of numpy: both as the bytes that they consist of.

Their type is data of its own, so that what comes from a program makes nothing but numbers, times and text. An array of
objects consists of its items.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import prod
from typing import Any

Code = Callable[[Any], Any]

_KINDS = "biufcmMSU"
_OBJECTS = "O"


def is_array(value: Any, kind: Any) -> bool:
    numpy = _loaded(kind)
    return numpy is not None and kind is numpy.ndarray and _is_known(value.dtype)


def is_number(value: Any, kind: Any) -> bool:
    """Or a time, or text: anything that an array may hold, of a class of numpy."""
    numpy = _loaded(kind)
    return numpy is not None and isinstance(value, numpy.generic) and value.dtype.kind in _KINDS


def is_dtype(value: Any, kind: Any) -> bool:
    numpy = _loaded(kind)
    return numpy is not None and isinstance(value, numpy.dtype) and _is_known(value)


def is_other(value: Any, kind: Any) -> bool:
    """Whether functions of numpy take it, but no stand-in for it: of a type that consists of others."""
    numpy = _loaded(kind)
    return numpy is not None and (kind is numpy.ndarray or isinstance(value, numpy.generic | numpy.dtype))


def is_type(kind: Any) -> bool:
    """Whether it is the class of arrays, of their types, or of what they may hold."""
    numpy = _loaded(kind)
    return numpy is not None and (kind is numpy.ndarray or issubclass(kind, numpy.generic | numpy.dtype))


def _is_known(dtype: Any) -> bool:
    return dtype.kind in _KINDS + _OBJECTS and dtype.itemsize > 0


def number(value: Any) -> list[str]:
    match value.dtype.kind:
        case "U":
            return ["U", value.encode("utf-8", "surrogatepass").hex()]
        case "S":
            return ["S", value.hex()]
        case _:
            return [value.dtype.str, value.tobytes().hex()]


def make_number(dtype: Any, data: Any) -> Any:
    """Raises anything that is an Exception."""
    kind = dtype_of(dtype)
    match kind.kind:
        case "U":
            return kind.type(bytes.fromhex(data).decode("utf-8", "surrogatepass"))
        case "S":
            return kind.type(bytes.fromhex(data))
        case _:
            return _of_bytes(kind, [1], data)[0]


def content(thing: Any, encode: Code) -> list[Any]:
    data = [encode(item) for item in thing.flat] if thing.dtype.kind == _OBJECTS else thing.tobytes().hex()
    return [thing.dtype.str, [*thing.shape], thing.flags.writeable, data]


def new(told: Any) -> Any:
    """Raises anything that is an Exception."""
    import numpy

    kind, shape, data = dtype_of(told[0]), _shape(told[1]), told[3]
    if not kind.itemsize or prod(shape) * (1 if kind.kind == _OBJECTS else 2 * kind.itemsize) != len(data):
        raise ValueError("an array of another size")
    return numpy.empty(shape, kind)


def fill(thing: Any, told: Any, decode: Code) -> None:
    """Raises anything that is an Exception."""
    kind, shape, data = dtype_of(told[0]), _shape(told[1]), told[3]
    made = _of_items([decode(item) for item in data]) if kind.kind == _OBJECTS else _of_bytes(kind, shape, data)
    if not thing.flags.writeable:
        thing.flags.writeable = True
    if [*thing.shape] != shape:
        thing.resize(shape, refcheck=False)
    thing[...] = made.reshape(shape)
    thing.flags.writeable = told[2]


def _loaded(kind: Any) -> Any:
    """numpy, where the class is one of its own."""
    return sys.modules.get("numpy") if kind.__module__ in ("numpy", "numpy.dtypes") else None


def dtype_of(name: Any) -> Any:
    """Raises anything that is an Exception."""
    import numpy

    found = numpy.dtype(name) if type(name) is str else None
    if found is None or found.kind not in _KINDS + _OBJECTS:
        raise ValueError("an array of no known type")
    return found


def _shape(told: Any) -> list[int]:
    if not all(type(size) is int and size >= 0 for size in told):
        raise ValueError("an array of no size")
    return told


def _of_items(items: list[Any]) -> Any:
    import numpy

    made = numpy.empty(len(items), object)
    for place, item in enumerate(items):
        made[place] = item
    return made


def _of_bytes(kind: Any, shape: list[int], data: str) -> Any:
    import numpy

    held = bytes.fromhex(data)
    if kind.kind == _OBJECTS or len(held) != prod(shape) * kind.itemsize:
        raise ValueError("an array of other data")
    if kind.kind == "b" and held.translate(None, b"\0\1"):
        raise ValueError("a truth value that is none")
    return numpy.frombuffer(held, kind).reshape(shape)
