"""Rows as the columns of a parquet file, by the types of their fields. Needs pyarrow (the extra ``datasets``).

An object whose names are no fields, such as files by their names, is a list of its entries, ``{"key", "value"}``: so
it lies in a parquet file anyway, and ``datasets`` knows no column of maps.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from .own import Row

_PLAIN = {str: "string", int: "int64", float: "float64", bool: "bool_"}


class Columns:
    """Of rows with the fields of ``row``. Raises ImportError."""

    def __init__(self, row: type[msgspec.Struct]) -> None:
        self._arrow: Any = importlib.import_module("pyarrow")
        self._maps = self._arrow.schema(self._fields(row, entries=False))
        self.schema: Any = self._arrow.schema(self._fields(row, entries=True))

    def table(self, rows: Sequence[Row]) -> Any:
        """A pyarrow.Table."""
        return self._arrow.Table.from_pylist(rows, schema=self._maps).cast(self.schema)

    def _fields(self, row: type[msgspec.Struct], *, entries: bool) -> list[tuple[str, Any]]:
        return [(name, self._column(hint, entries=entries)) for name, hint in get_type_hints(row).items()]

    def _column(self, hint: Any, *, entries: bool) -> Any:
        arrow = self._arrow
        if (name := _PLAIN.get(hint)) is not None:
            return getattr(arrow, name)()
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return arrow.struct(self._fields(hint, entries=entries))
        around, within = get_origin(hint), get_args(hint)
        if around is Literal:
            return arrow.string()
        if around in (Union, types.UnionType):  # something, or nothing
            return self._column(next(each for each in within if each is not type(None)), entries=entries)
        item = self._column(within[1 if around is dict else 0], entries=entries)
        if around is dict:
            key = arrow.string()
            return arrow.list_(arrow.struct([("key", key), ("value", item)])) if entries else arrow.map_(key, item)
        assert around in (list, tuple), hint
        return arrow.list_(item)
