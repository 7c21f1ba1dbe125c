"""Parquet files, as the hub stores data sets. Needs pyarrow (the extra ``datasets``)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import Any

from .base import InputError
from .source import Source

ROWS = 8
"""Rows taken from the file at a time: some data sets have a hundred megabytes of tests in one."""

Columns = Callable[[Collection[str]], Collection[str]]


class Parquet(Source):
    """Numbers count the rows, from 1. Reads a few rows at a time, and only the columns that somebody looks at."""

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
            with self._parquet.ParquetFile(self.path) as file:
                total = file.metadata.num_rows
                names: list[str] = file.schema_arrow.names
                wanted = self._columns(names)
                columns = [name for name in names if name in wanted]
                for batch in file.iter_batches(batch_size=ROWS, columns=columns):
                    for row in batch.to_pylist(maps_as_pydicts="strict"):
                        number += 1
                        self._share = number / max(total, 1)
                        yield number, row
        except (OSError, ValueError, KeyError, self._arrow.lib.ArrowException) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{self.path}: cannot be read after row {number}: {reason}") from None
        finally:
            self._share = 0.0


def load(module: str, path: object, need: str) -> Any:
    """An optional library. Raises InputError."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(f"{path}: {need}: pip install 'microcoder[datasets]'") from None
