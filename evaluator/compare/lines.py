"""Lines of an output as Python's ``split``, ``splitlines`` and ``strip`` make them, read a chunk at a time.

Bytes that are not UTF-8 are kept, as lone surrogates.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from .base import SHOWN, STEP, shorten

Change = Callable[[str], list[str]]
"""The lines of a chunk of text, which ends after a newline or where the output ends."""


def split(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def split_and_strip(text: str) -> list[str]:
    return list(map(str.strip, split(text)))


class Lines:
    """What is left to read of the lines of an output. A line is in memory as a whole, however long it is."""

    def __init__(self, text: bytes, change: Change, place: int = 0, end: int | None = None) -> None:
        self.text = text
        self.change = change
        self.place = place
        self.end = len(text) if end is None else end
        self.lines: list[str] = []
        self.taken = 0

    @property
    def left(self) -> int:
        """How many lines can be taken without reading on."""
        return len(self.lines) - self.taken

    def fill(self) -> Generator[None, None, bool]:
        """Reads on when no line is left. False: the output has ended."""
        while not self.left:
            if self.place > self.end:
                return False
            cut = self.text.find(b"\n", self.place + STEP, self.end) + 1 or self.end
            long = cut - self.place > 8 * STEP  # one line: then each of these is a step
            if cut > STEP:
                yield
            chunk = self.text[self.place : cut]
            if long:
                yield
            text = chunk.decode("utf-8", "surrogateescape")
            if long:
                yield
            self.lines, self.taken = self.change(text), 0
            self.place = cut if chunk.endswith(b"\n") else self.end + 1
            if long:
                yield
        return True

    def take(self, count: int) -> list[str]:
        self.taken += count
        return self.lines[self.taken - count : self.taken]


def stripped(text: bytes, change: Change) -> Generator[None, None, Lines]:
    """The lines of ``text.strip()``. Of an output of white space alone that is an empty text."""
    start, end = 0, len(text)
    while start < end:
        chunk = text[start : start + STEP].decode("utf-8", "surrogateescape")
        space = len(chunk) - len(chunk.lstrip())
        if not space:
            break
        start += len(chunk[:space].encode("utf-8", "surrogateescape"))
        yield
    while start < end:
        chunk = text[max(start, end - STEP) : end].decode("utf-8", "surrogateescape")
        content = len(chunk.rstrip())
        if content == len(chunk):
            break
        end -= len(chunk[content:].encode("utf-8", "surrogateescape"))
        yield
    return Lines(text, change, start, end)


def same(expected: Lines, actual: Lines) -> Generator[None, None, bool]:
    """Whether the same lines are left to read."""
    while (yield from expected.fill()) and (yield from actual.fill()):
        count = min(expected.left, actual.left)
        if expected.take(count) != actual.take(count):
            return False
    return not ((yield from expected.fill()) or (yield from actual.fill()))


def shown(line: str) -> str:
    """For a message."""
    return shorten(line[: 8 * SHOWN].encode("utf-8", "surrogateescape"))
