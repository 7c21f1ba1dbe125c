"""Words may differ in the case of ASCII letters."""

from __future__ import annotations

from .base import STEP

RULE = "case"


class Case:
    """Likeness of a word in other letters: ``Yes`` and ``YES``. Letters beyond ASCII keep their case."""

    def one(self, expected: bytes, actual: bytes) -> str | None:
        return RULE if same_but_case(expected, actual) else None

    def many(self, expected: list[bytes], actual: list[bytes]) -> str | None:
        return RULE if b" ".join(expected).lower() == b" ".join(actual).lower() else None


def same_but_case(one: bytes, other: bytes) -> bool:
    if len(one) != len(other):
        return False
    pieces = ((one[at : at + STEP], other[at : at + STEP]) for at in range(0, len(one), STEP))
    return all(piece == got or piece.lower() == got.lower() for piece, got in pieces)  # most of a long word is equal
