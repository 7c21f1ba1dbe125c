"""Files of rows, JSONL or parquet, that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from ..conversion import Columns, Row
from ..datasets.parquet import load
from .errors import UsageError
from .reports import OutputError

SUFFIXES = (".jsonl", ".parquet")
GROUP = 16 << 20
"""Bytes of rows, as JSON, that go into a parquet file at a time."""


class RowFile:
    """A context manager. Rows are written beside the file, and become it in the end. Where that is an exception, or
    there were no rows, there is no new file, and an old one stays.

    ``row``: the fields that rows may have. Raises UsageError, OutputError; InputError where pyarrow is missing.
    """

    def __init__(self, path: Path, row: type[msgspec.Struct], *, overwrite: bool) -> None:
        if path.suffix not in SUFFIXES:
            raise UsageError(f"{path}: rows are written as {' or '.join(SUFFIXES)}, says the name of the file")
        if path.exists() and not overwrite:
            raise OutputError(f"{path}: exists already; --overwrite replaces it")
        is_parquet = path.suffix == ".parquet"
        parquet = load("pyarrow.parquet", path, "parquet files need pyarrow") if is_parquet else None
        self.path = path
        self.rows = 0
        self._overwrite = overwrite
        self._place = path.resolve()
        self._beside = self._place.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._file = os.fdopen(os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror}") from None
        self._writer: _Writer = _Lines(self._file) if parquet is None else _Parquet(self._file, row, parquet)

    def __enter__(self) -> RowFile:
        return self

    def write(self, row: Row) -> None:
        """Raises UnicodeEncodeError for a text that has no encoding, OutputError."""
        try:
            self._writer.write(row)
        except OSError as error:
            raise OutputError(f"{self.path}: {error.strerror}") from None
        self.rows += 1

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            with self._file:
                self._writer.close()
                self._file.flush()
                if kind is None and self.rows:
                    self._keep()
        except OSError as error:
            if kind is None:
                raise OutputError(f"{self.path}: {error.strerror}") from None
        finally:
            with contextlib.suppress(OSError):
                self._beside.unlink()

    def _keep(self) -> None:
        if self._overwrite:
            self._beside.replace(self._place)
            return
        try:
            self._place.hardlink_to(self._beside)  # never onto a file that has come meanwhile
        except FileExistsError:
            raise OutputError(f"{self.path}: has come meanwhile; --overwrite replaces it") from None
        except OSError:  # a file system without links
            self._beside.rename(self._place)


class _Writer(Protocol):
    def write(self, row: Row) -> None: ...

    def close(self) -> None: ...


class _Lines:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, row: Row) -> None:
        self._file.write(msgspec.json.encode(row) + b"\n")

    def close(self) -> None:
        pass


class _Parquet:
    """Rows go into the file some megabytes at a time."""

    def __init__(self, file: BinaryIO, row: type[msgspec.Struct], parquet: Any) -> None:
        self._columns = Columns(row)
        self._writer: Any = parquet.ParquetWriter(file, self._columns.schema)
        self._waiting: list[Row] = []
        self._size = 0

    def write(self, row: Row) -> None:
        self._size += len(msgspec.json.encode(row))
        self._waiting.append(row)
        if self._size >= GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(self._columns.table(self._waiting))
        self._waiting, self._size = [], 0
