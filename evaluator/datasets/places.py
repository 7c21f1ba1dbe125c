"""Where problems stand, by their names. A large file has as many as rows, so little is kept of each."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .base import Place

_LINES = 40
"""Bits of the number of a line; those above say which file."""
_DIGEST = 16
"""Bytes that stand for a longer name."""


class Places:
    """The first place of each name."""

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._found: dict[str | bytes, int] = {}

    def add(self, name: str, place: Place) -> Place:
        """The place where the name stands first. Files come one after the other."""
        file, line = place
        if not self._files or self._files[-1] is not file:
            self._files.append(file)
        known = len(self._found)
        first = self._found.setdefault(_key(name), len(self._files) - 1 << _LINES | line)
        return place if len(self._found) > known else self._place(first)

    def __getitem__(self, name: str) -> Place:
        return self._place(self._found[_key(name)])

    def _place(self, number: int) -> Place:
        return self._files[number >> _LINES], number & (1 << _LINES) - 1


def _key(name: str) -> str | bytes:
    if len(name) <= _DIGEST:
        return name
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
