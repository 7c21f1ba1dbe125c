"""Enums: both sides have them, with the same members; what else their classes have stays where it is."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, Flag
from typing import Any, cast

Code = Callable[[Any], Any]


def describe_members(kind: Any, encode: Code) -> dict[str, Any]:
    """Members with their values, and the names of what else the class has."""
    members: dict[str, Any] = kind.__members__
    others = [name for name in cast("dict[str, Any]", vars(kind)) if not name.startswith("_") or name == "_missing_"]
    return {
        "members": [[name, encode(each._value_)] for name, each in members.items()],
        "others": [name for name in others if name not in members],
    }


def make_enum(described: dict[str, Any], parents: list[Any], namespace: dict[str, Any], decode: Code) -> Any:
    """Raises anything that is an Exception. ``namespace``: the special methods that the class has."""
    bases = tuple(parents)
    meta: Any = type(next(base for base in parents if issubclass(base, Enum)))
    body = meta.__prepare__(described["name"], bases)
    for name, value in namespace.items():
        body[name] = value
    for name, value in described["members"]:
        if name.startswith("_") and name.endswith("_"):
            raise ValueError("a member of no name")
        body[name] = decode(value)
    return meta(described["name"], bases, body)


def member(value: Any, encode: Code) -> list[Any]:
    name = None if isinstance(value, Flag) else value._name_
    return ["member", encode(cast("Any", type(value))), name, encode(value._value_) if name is None else None]


def member_of(kind: Any, name: Any, value: Any) -> Any:
    """Raises anything that is an Exception."""
    if not (isinstance(kind, type) and issubclass(kind, Enum)):
        raise ValueError("a member of what is no enum")
    return kind(value) if name is None else kind._member_map_[name]
