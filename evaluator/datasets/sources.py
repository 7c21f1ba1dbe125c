"""What a path stands for: a file, files in a directory, problem packages, a data set on the hub."""

from __future__ import annotations

import functools
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .base import Format, InputError
from .formats import columns_of
from .hub import Hub, is_hub
from .input_output import AppsDirectory, is_apps
from .kattis import PackageSource, is_package
from .lines import JsonLines
from .parquet import Parquet
from .source import Source
from .values import JsonValues

SUFFIXES = (*JsonLines.suffixes, *Parquet.suffixes, *JsonValues.suffixes)
DEPTH = 4
"""Directories below the given one in which packages are looked for."""
_PATTERN = re.compile(r"[*?\[]")
"""In what a shell leaves as it is where it stands for no file."""


class Sources:
    """``for source, number, content in Sources(paths)``, in the order of the paths. Each has to hold rows."""

    def __init__(self, paths: Iterable[Path], form: Format[Any] | None = None) -> None:
        """``form``: what all rows are, where somebody has said it."""
        self.found = [(path, find(path, form)) for path in paths]
        """What each path stands for."""
        self.sources = [source for _, found in self.found for source in found]
        self.size = sum(source.size for source in self.sources)
        """Bytes on disk."""
        self._before = 0
        self._current: Source | None = None

    @property
    def done(self) -> float:
        """How many of these were read."""
        return self._before + (self._current.done if self._current else 0)

    @property
    def progress(self) -> float:
        """Share of the input that was read, 0 to 1, in bytes on disk."""
        return min(1.0, self.done / self.size) if self.size else 1.0

    def __iter__(self) -> Iterator[tuple[Source, int, Any]]:
        self._before = 0
        for path, sources in self.found:
            empty = True
            for source in sources:
                self._current = source
                for number, content in source.rows():
                    empty = False
                    yield source, number, content
                self._current = None
                self._before += source.size
            if empty:
                raise InputError(f"{path}: holds no rows")


def find(path: Path, form: Format[Any] | None = None) -> list[Source]:
    """Raises InputError: there is nothing, or nothing that can be read. Directories in the order of names."""
    if is_hub(path):
        return [Hub(path)]
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return [_file(path, form)]
        if single := _problem(path):
            return [single]
        found = _files(path, form) + list(_below(path, path.resolve().name, path))
    except FileNotFoundError as error:
        pattern = ", and nothing that the pattern matches" if _PATTERN.search(str(path)) else ""
        raise InputError(f"{path}: {error.strerror}{pattern}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if not found:
        raise InputError(f"{path}: no {', '.join(SUFFIXES)} files in this directory, and no problem package in it")
    return found


def _file(path: Path, form: Format[Any] | None) -> Source:
    if path.name.endswith(JsonLines.suffixes):
        return JsonLines(path)
    if path.name.endswith(JsonValues.suffixes):
        return JsonValues(path)
    if path.name.endswith(Parquet.suffixes):
        return Parquet(path, functools.partial(columns_of, form=form))
    raise InputError(f"{path}: not a {', '.join(SUFFIXES)} file, nor a directory")


def _files(path: Path, form: Format[Any] | None) -> list[Source]:
    """JSON files only where there is nothing else: beside other rows they are settings and statistics."""
    names = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES) and file.is_file())
    rows = [file for file in names if not file.name.endswith(JsonValues.suffixes)]
    return [_file(file, form) for file in rows or names]


def _problem(path: Path, name: str | None = None, within: Path | None = None) -> Source | None:
    if is_package(path):
        return PackageSource(path, name, within)
    return AppsDirectory(path) if is_apps(path) else None


def _below(path: Path, name: str, within: Path, depth: int = DEPTH) -> Iterator[Source]:
    """Problems in directories of their own. Links to directories are not followed."""
    for folder in sorted(path.iterdir()):
        if not folder.is_dir() or folder.is_symlink() or folder.name.startswith("."):
            continue
        if problem := _problem(folder, f"{name}/{folder.name}", within):
            yield problem
        elif depth > 1:
            yield from _below(folder, f"{name}/{folder.name}", within, depth - 1)
