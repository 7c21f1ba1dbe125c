"""Exceptions on their way: true arguments, causes and notes, in a class that is theirs."""

from __future__ import annotations

from collections.abc import Callable
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, cast

from .names import mro_of

Code = Callable[[Any], Any]

LINKS = ("__cause__", "__context__", "__suppress_context__")
FIELDS = frozenset({
    "characters_written", "code", "encoding", "end", "errno", "filename", "filename2", "lineno", "msg", "name",
    "name_from", "obj", "object", "offset", "path", "reason", "start", "strerror", "text", "value",
})  # fmt: skip
"""Of exceptions that Python has, written in C."""


def facts(error: BaseException, encode: Code) -> list[Any]:
    """[arguments, attributes, links, what it cannot be made without]"""
    attributes = _fields(error) | getattr(error, "__dict__", {})
    needed = ("message", "exceptions") if issubclass(cast("Any", type(error)), BaseExceptionGroup) else ()
    return [
        [encode(part) for part in error.args],
        [[name, encode(part)] for name, part in attributes.items()],
        [encode(getattr(error, name)) for name in LINKS],
        [encode(getattr(error, name)) for name in needed],
    ]


def new(kind: Any, told: Any, decode: Code) -> BaseException:
    """One that ``fill`` has yet to make what it is. Raises anything that is an Exception."""
    return _base(kind).__new__(kind, *map(decode, told[3]))


def fill(error: BaseException, told: Any, decode: Code) -> None:
    args = [decode(part) for part in told[0]]
    try:
        _base(type(error)).__init__(error, *args)
    except (TypeError, ValueError):  # it takes others
        pass
    object.__setattr__(error, "args", tuple(args))  # where a stand-in would ask
    for name, part in told[1]:
        if type(name) is not str or (name.startswith("__") and name != "__notes__"):
            raise ValueError("an attribute of no name")
        try:
            object.__setattr__(error, name, decode(part))
        except (AttributeError, TypeError):
            continue
    for name, part in zip(LINKS, told[2], strict=True):
        object.__setattr__(error, name, decode(part))


def _base(kind: Any) -> Any:
    """The class of Python that says how it is made."""
    return next(each for each in mro_of(kind) if each.__module__ == "builtins")


def _fields(error: BaseException) -> dict[str, Any]:
    """What it holds in C."""
    found: dict[str, Any] = {}
    for base in type(error).__mro__:
        if base.__module__ == "builtins":
            for name in FIELDS & vars(base).keys():
                if isinstance(vars(base)[name], MemberDescriptorType | GetSetDescriptorType):
                    found[name] = getattr(error, name, None)
    return {name: value for name, value in found.items() if value is not None}
