"""What every comparison is, and what it says."""

from __future__ import annotations

from typing import Protocol

import msgspec

SHOWN = 40
"""Characters of a value that a message shows."""


class Match(msgspec.Struct, frozen=True):
    """The outcome of one comparison: the rule that accepted, or the first difference."""

    accepted: bool
    rule: str | None = None
    message: str | None = None


class Comparison(Protocol):
    """Decides whether an output is the expected one. Immutable and without state: threads may share it."""

    def compare(self, expected: bytes, actual: bytes) -> Match:
        """Never raises, whatever the program wrote."""
        ...


def shorten(value: bytes) -> str:
    """A few characters of an output in quotes: printable, valid Unicode, on one line."""
    text = value[: 4 * SHOWN].decode("utf-8", "backslashreplace")
    return repr(text) if len(value) <= 4 * SHOWN and len(text) <= SHOWN else f"{text[:SHOWN]!r}..."
