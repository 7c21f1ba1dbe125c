"""What goes by value besides what both sides share: numbers, text, dates and the like."""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any, cast

from .names import mro_of, of_python

_SCALARS = frozenset({int, float, complex, bytes, range})
_LATE = frozenset({("decimal", "Decimal"), ("fractions", "Fraction")})
"""Of modules that may never be imported."""
_REDUCED: dict[str, frozenset[str]] = {
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "uuid": frozenset({"UUID"}),
    "pathlib": frozenset({"PosixPath", "PurePosixPath", "PureWindowsPath"}),
    "ipaddress": frozenset({"IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network"}),
    "zoneinfo": frozenset({"ZoneInfo"}),
    "builtins": frozenset({"slice"}),
}
"""Classes whose objects are what ``_PARTS``, or else a pickle, says they are made of, and never change."""
_PARTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "slice": lambda value: (value.start, value.stop, value.step),
    "UUID": lambda value: (value.hex,),
    "timezone": lambda value: value.__getinitargs__(),
    "PosixPath": lambda value: (str(value),),
    "PurePosixPath": lambda value: (str(value),),
    "PureWindowsPath": lambda value: (str(value),),
    "ZoneInfo": lambda value: (value.key,),
}
_VIEWS: dict[Any, str] = {type(getattr({}, name)()): name for name in ("keys", "values", "items")}
_CONSTANTS = {"NotImplemented": NotImplemented, "Ellipsis": ...}

_tuple, _frozenset = cast("Any", tuple), cast("Any", frozenset)
_BASES: dict[Any, Callable[[Any], Any]] = {
    bool: bool,
    int: int.__int__,
    float: float.__float__,
    complex: lambda value: complex(value.real, value.imag),
    str: str.__str__,
    bytes: lambda value: b"".join([value]),
    tuple: lambda value: _tuple(_tuple.__iter__(value)),
    frozenset: lambda value: _frozenset(_frozenset.__iter__(value)),
}
"""Types whose objects never change, and how what an object of a subclass holds is taken."""
BASES = (*_BASES, bytearray, dict, list, set)
"""Types whose subclasses hold data themselves."""


def native_of(kind: Any) -> Any:
    """The class of Python whose data objects of this class hold, which never change; None: there is none."""
    return next((base for base in mro_of(kind) if base in _BASES or _is_reduced(base)), None)


def data_of(value: Any, native: Any) -> Any:
    """What an object of a class with this ``native_of`` holds."""
    return _BASES[native](value) if native in _BASES else native(*_reduced(value, native))


def new_native(kind: Any, data: Any) -> Any:
    """An object of this class that holds these data. Raises anything that is an Exception."""
    native = native_of(kind)
    if type(data) is not native:
        raise ValueError("data of another type")
    return native.__new__(kind, *((data,) if native in _BASES else _reduced(data, native)))


def _is_reduced(kind: Any) -> bool:
    """Whether what its objects hold is out of reach for all but the class, and a pickle says what that is."""
    place = kind.__module__, kind.__name__
    if place not in _LATE and place[1] not in _REDUCED.get(place[0], ()):
        return False
    make = kind.__new__
    return of_python(*place) is kind and type(make) is BuiltinFunctionType and make is not object.__new__


def _reduced(value: Any, native: Any) -> tuple[Any, ...]:
    return native.__reduce_ex__(value, 2)[1]


def is_scalar(kind: Any) -> bool:
    """What ``values`` has, and holds nothing that changes."""
    if kind in _SCALARS:
        return True
    place = kind.__module__, kind.__name__
    return place in _LATE and of_python(*place) is kind


def constant(value: Any) -> str | None:
    return next((name for name, each in _CONSTANTS.items() if each is value), None)


def made(value: Any, kind: Any) -> tuple[str, str, Any] | None:
    """Module and name of its class, and what it is made of; None: it is no such thing."""
    module, name = kind.__module__, kind.__name__
    if name not in _REDUCED.get(module, ()) or of_python(module, name) is not kind:
        return None
    args = _PARTS[name](value) if name in _PARTS else value.__reduce_ex__(2)[1]
    return module, name, args


def make(module: Any, name: Any, args: Any) -> Any:
    """Raises anything that is an Exception."""
    if name not in _REDUCED.get(module, ()):
        raise ValueError("data of no known class")
    return of_python(module, name)(*args)


def view(value: Any, kind: Any) -> tuple[str, Any] | None:
    """The name of a view of a dict, and a dict that has it."""
    if (name := _VIEWS.get(kind)) is None:
        return None
    mapping = value.mapping
    return name, mapping if cast("Any", type(mapping)) is dict else dict(mapping)
