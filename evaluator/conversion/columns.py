"""Rows as the columns of a parquet file, by the types of their fields. Needs pyarrow (the extra ``datasets``)."""

from __future__ import annotations

import importlib
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

_PLAIN = {str: "string", int: "int64", float: "float64", bool: "bool_"}


def schema(row: type[msgspec.Struct]) -> Any:
    """A pyarrow.Schema. Raises ImportError."""
    arrow = importlib.import_module("pyarrow")
    return arrow.schema(_fields(row, arrow))


def _fields(row: type[msgspec.Struct], arrow: Any) -> list[tuple[str, Any]]:
    return [(name, _column(hint, arrow)) for name, hint in get_type_hints(row).items()]


def _column(hint: Any, arrow: Any) -> Any:
    if (name := _PLAIN.get(hint)) is not None:
        return getattr(arrow, name)()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return arrow.struct(_fields(hint, arrow))
    around, within = get_origin(hint), get_args(hint)
    if around is Literal:
        return arrow.string()
    if around in (Union, types.UnionType):  # something, or nothing
        return _column(next(each for each in within if each is not type(None)), arrow)
    if around is dict:
        return arrow.map_(arrow.string(), _column(within[1], arrow))
    assert around in (list, tuple), hint
    return arrow.list_(_column(within[0], arrow))
