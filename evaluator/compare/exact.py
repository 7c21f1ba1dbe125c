"""The same bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from typing import ClassVar

from .base import Comparison, Match, Steps, shorten

ACCEPTED = Match(True, "exact")
NEWLINE = Match(True, "newline")
CHUNK = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Exact(Comparison):
    """Accepts what is equal byte for byte, white space included."""

    takes_equal_bytes: ClassVar[bool] = True

    newline: bool = False
    """One newline at the end may be missing, or be there in addition."""

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return ACCEPTED
        if self.newline and expected.removesuffix(b"\n") == actual.removesuffix(b"\n"):
            return NEWLINE
        line, wanted, got = yield from first_different_line(expected, actual)
        if wanted is None:
            return Match(False, message=f"line {line}: expected the end of output, got {shorten(got or b'')}")
        if got is None:
            return Match(False, message=f"line {line}: expected {shorten(wanted)}, got the end of output")
        return Match(False, message=f"line {line}: expected {shorten(wanted)}, got {shorten(got)}")


def first_different_line(
    expected: bytes, actual: bytes
) -> Generator[None, None, tuple[int, bytes | None, bytes | None]]:
    """Number and content, with its end, of the first line that differs; None where an output has ended before."""
    at = common_prefix(expected, actual)
    line = yield from line_number(expected, at)
    start = expected.rfind(b"\n", 0, at) + 1
    return line, line_at(expected, start, at), line_at(actual, start, at)


def line_number(text: bytes, at: int) -> Generator[None, None, int]:
    """The line, counted from 1, of a place."""
    line = 1
    for start in range(0, at, 8 * CHUNK):
        line += text.count(b"\n", start, min(start + 8 * CHUNK, at))
        if start:
            yield
    return line


def line_at(text: bytes, start: int, at: int) -> bytes | None:
    """The line from `start`, or the part of it around `at` when the line is long."""
    if at >= len(text) and start >= len(text):
        return None
    end = text.find(b"\n", at) + 1 or len(text)
    return text[start if at - start < 20 else at - 20 : min(end, at + 200)]


def common_prefix(one: bytes, other: bytes) -> int:
    """How many bytes agree."""
    size = min(len(one), len(other))
    at = 0
    while at < size and other.startswith(one[at : min(at + CHUNK, size)], at):
        at += CHUNK
    if at >= size:
        return size
    low, high = at, min(at + CHUNK, size)  # one[:low] agrees
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
