"""Parquet files, as the hub stores data sets. Needs pyarrow (the extra ``datasets``)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import Any

from .base import InputError
from .source import Source

ROWS = 64
BYTES = 4 << 20
"""Taken from the file at a time, at most: some data sets have a hundred megabytes of tests in one row."""
BUFFER = 1 << 16
"""Bytes read from the disk at a time. Without a buffer a column of a row group is read whole: it may be gigabytes."""

Columns = Callable[[Collection[str]], Collection[str]]


class Parquet(Source):
    """Numbers count the rows, from 1. Reads a few rows at a time, and only the columns that somebody looks at.

    What is compressed together is unpacked together: a page, which is about a megabyte, or what its writer took."""

    suffixes = (".parquet",)

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, path.stat().st_size)
        self._columns = columns
        self._share = 0.0
        self._arrow: Any = load("pyarrow", path, "parquet files need pyarrow")
        self._parquet: Any = load("pyarrow.parquet", path, "parquet files need pyarrow")

    @property
    def done(self) -> float:
        return self._share * self.size

    def rows(self) -> Generator[tuple[int, Any]]:
        number = 0
        try:
            with self._parquet.ParquetFile(self.path, buffer_size=BUFFER, pre_buffer=False) as file:
                total = file.metadata.num_rows
                names: list[str] = file.schema_arrow.names
                wanted = self._columns(names)
                columns = [name for name in names if name in wanted]
                for group in range(file.num_row_groups):
                    size = _rows_at_once(file.metadata.row_group(group), columns)
                    for batch in file.iter_batches(size, [group], columns, use_threads=False):
                        for row in batch.to_pylist():
                            number += 1
                            self._share = number / max(total, 1)
                            yield number, row
        except (OSError, ValueError, self._arrow.lib.ArrowException) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{self.path}: cannot be read after row {number}: {reason}") from None
        finally:
            self._share = 0.0


def _rows_at_once(group: Any, columns: Collection[str]) -> int:
    """So many have about `BYTES`."""
    size = 0
    for place in range(group.num_columns):
        column = group.column(place)
        if any(f"{column.path_in_schema}.".startswith(f"{name}.") for name in columns):
            size += column.total_uncompressed_size
    return max(1, min(ROWS, BYTES * group.num_rows // max(size, 1)))


def load(module: str, path: object, need: str) -> Any:
    """An optional library. Raises InputError."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f"{path}: {need}: pip install 'microcoder[datasets]'") from None
