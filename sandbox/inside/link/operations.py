"""What one side may have done with an object of the other."""

from __future__ import annotations

import copy
import operator
import sys
from builtins import delattr, dir, getattr, isinstance, issubclass, iter, len, list, setattr, type  # noqa: UP029
from collections.abc import Callable
from typing import Any, cast

from .names import ALWAYS, SPECIAL, own_of

Operation = Callable[..., Any]
FLAGS = ("init", "repr", "hash", "compare", "kw_only")
"""Of a field of a data class."""


def call(function: Any, /, *args: Any, **keywords: Any) -> Any:
    return function(*args, **keywords)


def special(name: str, thing: Any, /, *args: Any, **keywords: Any) -> Any:
    """As Python looks it up: in the class."""
    if name not in SPECIAL and name not in ALWAYS:
        raise ValueError(f"no special method {name!r}")
    kind = cast("Any", type(thing))
    found: Any = next((held[name] for held in map(own_of, kind.__mro__) if name in held), None)
    if (bind := getattr(cast("Any", type(found)), "__get__", None)) is not None:
        found = bind(found, thing, kind)
    return found(*args, **keywords)


def parameters(function: Any) -> list[list[Any]] | None:
    """[name, kind, [default] or [], [annotation] or []]; None: Python cannot say."""
    import inspect

    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    empty = inspect.Parameter.empty
    told = [
        [each.name, int(each.kind), [] if each.default is empty else [each.default],
         [] if each.annotation is empty else [each.annotation]]
        for each in found.parameters.values()
    ]  # fmt: skip
    returned = found.return_annotation
    return [*told, [None, None, [], [] if returned is empty else [returned]]]


def fields(thing: Any) -> list[list[Any]] | None:
    """Of a data class: [name, type, [default] or [], [factory] or [], [value, ...] of FLAGS]; None: it is none."""
    found = getattr(thing, "__dataclass_fields__", None)
    if found is None:
        return None
    missing = sys.modules["dataclasses"].MISSING
    return [
        [each.name, each.type, *([] if part is missing else [part] for part in (each.default, each.default_factory)),
         [getattr(each, flag) for flag in FLAGS], each._field_type.name]
        for each in found.values()
    ]  # fmt: skip


def raw(kind: Any, name: str) -> Any:
    """What a class has itself, as it stands there."""
    return kind.__dict__[name]


def raws(kind: Any) -> list[str]:
    """Names of what it has itself."""
    return [*vars(kind)]


def instance(kind: Any, thing: Any) -> bool:
    return isinstance(thing, kind)


def subclass(kind: Any, other: Any) -> bool:
    return issubclass(other, kind)


OPERATIONS: dict[str, Operation] = {
    "call": call,
    "get": getattr,
    "set": setattr,
    "del": delattr,
    "special": special,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "names": dir,
    "parameters": parameters,
    "fields": fields,
    "raw": raw,
    "raws": raws,
    "iterate": iter,
    "size": len,
    "instance": instance,
    "subclass": subclass,
    "item": operator.getitem,
}
