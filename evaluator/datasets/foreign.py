"""Formats that installed packages bring, by their entry points. docs/datasets/your_own.md shows one.

    [project.entry-points."microcoder.datasets"]
    my-set = "my_set:MySet"  # its name, as in --format; and a Format, as a class or as an object

What is wrong with one is told by its name, and leaves all others as they are: it is not there, or, where it fails on a
row, that row cannot be used.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Set
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import msgspec

from ..problem import Problem
from ..submission import Submission
from .base import BadRow, Example, Format, Place, Row

GROUP = "microcoder.datasets"
log = logging.getLogger(__name__)


def load(taken: Collection[str]) -> dict[str, Format[Any]]:
    """Those that can be used, by name. ``taken``: names that are not theirs. Runs the code of these packages."""
    found: dict[str, Format[Any]] = {}
    for entry in entry_points(group=GROUP):
        package = "?" if entry.dist is None else entry.dist.name
        try:
            if entry.name in taken or entry.name in found:
                raise TypeError("there is a format of this name already")
            form = _format(entry)
        except (Exception, SystemExit) as error:
            log.warning("format %r of the package %s is left out: %s", entry.name, package, _told(error))
        else:
            named = {"name": form.name, "row": form.row, "known_by": form.known_by}
            found[entry.name] = type(type(form).__name__, (_Guarded,), named)(form, package)
    return found


def _format(entry: EntryPoint) -> Format[Any]:
    """Raises TypeError, and whatever its code raises."""
    loaded: Any = entry.load()
    form: Any = loaded() if isinstance(loaded, type) else loaded
    if not isinstance(form, Format):
        raise TypeError(f"{entry.value} is no Format, but a {type(form).__name__}")
    form = cast("Format[Any]", form)
    name, row = getattr(form, "name", None), getattr(form, "row", None)
    if name != entry.name:
        raise TypeError(f"name: {entry.value} says {name!r}")
    if not (isinstance(row, type) and issubclass(row, msgspec.Struct)):
        raise TypeError(f"row: must be a msgspec.Struct, not {row!r}")
    return form


class _Guarded(Format[Any]):
    """A format whose failures are those of a row."""

    def __init__(self, form: Format[Any], package: str) -> None:
        self._form = form
        self._package = package
        self._works = True

    def recognises(self, names: Set[str]) -> bool:
        try:
            return self._works and bool(self._form.recognises(names))
        except Exception as error:
            self._works = False
            log.warning("format %r of the package %s recognises nothing: %s", self.name, self._package, _told(error))
            return False

    def example(self, row: Any, fallback_id: str) -> Example:
        return self._form.example(row, fallback_id)

    def read(self, row: Row) -> Example:
        try:
            example: Any = self._form.read(row)
        except BadRow:
            raise
        except Exception as error:
            raise self._failed(row.place, _told(error)) from error
        problem: Any = getattr(example, "problem", None)
        if not isinstance(example, Example) or not isinstance(problem, Problem):
            raise self._failed(row.place, f"gave no Example with a Problem, but {type(example).__name__}")
        return example._replace(programs=self._programs(example.programs, row.place))

    def _programs(self, programs: Iterable[Any], place: Place) -> Iterator[Submission | BadRow]:
        try:
            for program in programs:
                if not isinstance(program, Submission | BadRow):
                    program = self._failed(place, f"gave no Submission, but {type(program).__name__}")
                yield program
        except Exception as error:
            yield self._failed(place, _told(error))

    def _failed(self, place: Place, why: str) -> BadRow:
        return BadRow(place, None, f"format {self.name!r} of the package {self._package} failed: {why}")


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")
