"""Values of Python as JSON and back, for tests that are assertions. A closed set: data only, no class of a program.

JSON says None, booleans, text, finite floats, integers of usual size and lists as themselves. Everything else is an
object with one key, which names its type: ``{"tuple": [1, 2]}``. An object of a subclass travels as its base type,
``{"held": {"tuple": [1, 2]}}``, taken by the methods of that: what its class says of itself is not asked. An iterator
travels as the items it gives. What is no data (a function, an instance of a class) is left to ``other``.

The host imports this file, too: both sides speak it, and neither believes the other.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from typing import Any, cast

DEPTH = 200
"""How deep lists and the like may be nested."""
DIGITS = 1000
"""Decimal digits, about, above which integers travel in hexadecimal: that is linear, decimal is not."""
ITEMS = 100_000
"""Most items of an iterator that travels."""
MANY = 1000
HELD = "held"
COLLISIONS = 64
"""Of more than MANY keys, how many may have the same hash. More are made on purpose, to keep the reader busy."""

Other = Callable[[Any], object]


def no_other(value: Any) -> object:
    raise TypeError(f"a {type(value).__name__} is not plain data")


def encode(value: Any, other: Other = no_other, depth: int = 0) -> object:
    """JSON data. Raises TypeError for what ``other`` does not take, ValueError for what is nested too deep."""
    kind = cast("Any", type(value))
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if value.bit_length() < 3 * DIGITS else {"int": hex(value)}
    if kind is float:
        return value if value - value == 0.0 else {"float": repr(value)}
    if depth > DEPTH:
        raise ValueError(f"a value is nested more than {DEPTH} deep")
    if kind is list:
        return [encode(item, other, depth + 1) for item in value]
    for base, name in _SEQUENCES:
        if isinstance(value, base):
            items = [encode(item, other, depth + 1) for item in base.__iter__(value)]
            told: object = items if name == "list" else {name: items}
            return told if kind is base else {HELD: told}
    if isinstance(value, dict):
        pairs = cast("Any", dict).items(value)
        told = {"dict": [[encode(key, other, depth + 1), encode(item, other, depth + 1)] for key, item in pairs]}
        return told if kind is dict else {HELD: told}
    return _scalar(value, other, depth)


_SEQUENCES: tuple[tuple[Any, str], ...] = ((list, "list"), (tuple, "tuple"), (set, "set"), (frozenset, "frozenset"))


def _scalar(value: Any, other: Other, depth: int) -> object:
    if isinstance(value, str):
        return {HELD: str.__str__(value)}
    if isinstance(value, int):
        return {HELD: encode(int.__int__(value), other, depth)}
    if isinstance(value, float):
        return {HELD: encode(float.__float__(value), other, depth)}
    if isinstance(value, complex):
        return {"complex": [repr(value.real), repr(value.imag)]}
    if isinstance(value, bytes):
        return {"bytes": bytes.hex(value)}
    if isinstance(value, bytearray):
        return {"bytearray": bytearray.hex(value)}
    kind = cast("Any", type(value))
    if kind is range:
        return {"range": [encode(value.start), encode(value.stop), encode(value.step)]}
    root = getattr(kind, "__module__", None)
    module: Any = sys.modules.get(root) if type(root) is str else None
    if root == "numpy" and module is not None and isinstance(value, module.generic):
        return encode(value.item(), _no_numpy(other, value), depth + 1)
    if kind is getattr(module, "deque", None) and root == "collections":
        return {"deque": [encode(value.maxlen), [encode(item, other, depth + 1) for item in value]]}
    if kind is getattr(module, "Decimal", None) and root == "decimal":
        return {"Decimal": str(value)}
    if kind is getattr(module, "Fraction", None) and root == "fractions":
        return {"Fraction": [encode(value.numerator), encode(value.denominator)]}
    if hasattr(kind, "__next__"):
        items: list[Any] = list(itertools.islice(value, ITEMS + 1))
        if len(items) <= ITEMS:
            return {"iterator": [encode(item, other, depth + 1) for item in items]}
    return other(value)


def _no_numpy(other: Other, outer: Any) -> Other:
    """``item()`` of some numpy scalars is the scalar itself."""
    return lambda value: no_other(value) if value is outer or type(value) is type(outer) else other(value)


def decode(data: Any, other: Callable[[Any], Any] = no_other, depth: int = 0) -> Any:
    """The value. Raises RecursionError for what is nested too deep, ValueError (TypeError, OverflowError) for whatever
    else ``encode`` does not write."""
    kind = cast("Any", type(data))
    if kind is not list and kind is not dict:
        return data
    if depth > 2 * DEPTH:
        raise RecursionError("nested too deep")
    if kind is list:
        return [decode(item, other, depth + 1) for item in data]
    if len(data) != 1:
        raise ValueError("a value of no known type")
    name, inner = next(iter(data.items()))
    if name == "tuple":
        return tuple([decode(item, other, depth + 1) for item in inner])
    if name == "dict":
        keys = [decode(key, other, depth + 1) for key, _ in inner]
        check_hashes(keys)
        return dict(zip(keys, [decode(item, other, depth + 1) for _, item in inner], strict=True))
    if name == "set" or name == "frozenset":
        items = [decode(item, other, depth + 1) for item in inner]
        check_hashes(items)
        return set(frozenset(items)) if name == "set" else frozenset(items)  # in the order that a literal has
    if name == HELD:
        return decode(inner, other, depth + 1)
    if name == "other":
        return other(inner)
    return _decode_scalar(name, inner, other, depth)


def _decode_scalar(name: str, inner: Any, other: Callable[[Any], Any], depth: int) -> Any:
    match name:
        case "int":
            return int(inner, 16)
        case "float":
            return float(inner)
        case "complex":
            return complex(float(inner[0]), float(inner[1]))
        case "bytes":
            return bytes.fromhex(inner)
        case "bytearray":
            return bytearray.fromhex(inner)
        case "range":
            return range(*(decode(part) for part in inner))
        case "iterator":
            return iter([decode(item, other, depth + 1) for item in inner])
        case "deque":
            from collections import deque

            return deque([decode(item, other, depth + 1) for item in inner[1]], decode(inner[0]))
        case "Decimal":
            from decimal import Decimal

            return Decimal(inner)
        case "Fraction":
            from fractions import Fraction

            return Fraction(*(decode(part) for part in inner))
        case _:
            raise ValueError("a value of no known type")


def read_record(line: bytes) -> list[Any]:
    """What came of one call, as ``calls`` writes it. Raises ValueError for anything else."""
    try:
        record: Any = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deep") from None
    kinds = [cast("Any", type(part)) for part in record] if cast("Any", type(record)) is list else []
    if len(kinds) != 2 or kinds[0] is not int or record[0] not in (0, 1):
        raise ValueError("a line of another form")
    if record[0] and kinds[1] is not str:
        raise ValueError("an exception of another form")
    return record


def check_hashes(keys: list[Any]) -> None:
    """Raises ValueError where a table of these keys would take time beyond their number."""
    if len(keys) > MANY:
        hashes = sorted(map(hash, keys))
        if any(one == other for one, other in zip(hashes, hashes[COLLISIONS:], strict=False)):
            raise ValueError("many keys with the same hash")


def seed_random() -> None:
    """What is loaded of random and numpy, or will be, gives the same numbers in every process from here on."""
    for name in _RANDOM:
        if (module := sys.modules.get(name)) is not None:
            module.seed(0)
    sys.meta_path.insert(0, cast("Any", _Seeding()))


_RANDOM = ("random", "numpy.random")


class _Seeding:
    """Finds the modules that give random numbers as others do, and has them seeded when they are there."""

    def __init__(self) -> None:
        self.finders = [*sys.meta_path]
        self.loader: Any = None

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in _RANDOM:
            return None
        spec: Any = next(filter(None, (finder.find_spec(name, path, target) for finder in self.finders)), None)
        if spec is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: Any) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        module.seed(0)


def undefined(name: str) -> str:
    """What Python says of a name that the program does not give."""
    return f"name {name!r} is not defined"
