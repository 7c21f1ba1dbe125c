"""The same words, whatever white space stands between them.

Large outputs are walked in chunks, so that a thread that compares never keeps the interpreter lock for long. White
space is ASCII's: space, \\t, \\n, \\r, \\v, \\f. A NUL, a no-break space, a byte that is not UTF-8 is part of a word.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

from .base import Match, shorten
from .exact import common_prefix

ACCEPTED = Match(True, "tokens")
CHUNK = 1 << 16

Same = Callable[[bytes, bytes], bool]
"""Whether a word may stand for another, expected one. Only asked about words that differ."""

_SPACE = re.compile(rb"\s")


@dataclasses.dataclass(frozen=True, slots=True)
class Tokens:
    """Accepts the same words in the same order."""

    def compare(self, expected: bytes, actual: bytes) -> Match:
        difference = Walk(expected, actual).first_difference(never)
        return ACCEPTED if difference is None else Match(False, message=str(difference))


def never(expected: bytes, actual: bytes) -> bool:
    return False


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Where two outputs part. None stands for the end of an output."""

    line: int
    token: int
    expected: bytes | None
    actual: bytes | None

    def __str__(self) -> str:
        expected = "the end of output" if self.expected is None else shorten(self.expected)
        actual = "the end of output" if self.actual is None else shorten(self.actual)
        return f"line {self.line}, token {self.token}: expected {expected}, got {actual}"


class Walk:
    """One pass over two outputs, word by word."""

    def __init__(self, expected: bytes, actual: bytes) -> None:
        start = 0 if len(expected) <= CHUNK else word_boundary(expected, common_prefix(expected, actual))
        self.expected = Words(expected, start)
        self.actual = Words(actual, start)
        self.replaced = 0
        """Words that differ and were let pass."""

    def first_difference(self, same: Same) -> Difference | None:
        """None: no words differ but those that `same` let pass."""
        expected, actual = self.expected, self.actual
        while True:
            count = min(expected.available(), actual.available())
            if not count:
                break
            wanted, got = expected.take(count), actual.take(count)
            if wanted == got:
                continue
            for index, (one, other) in enumerate(zip(wanted, got, strict=True), -count):
                if one == other:
                    continue
                if not same(one, other):
                    return Difference(*expected.position(index), one, other)
                self.replaced += 1
        if expected.available():
            return Difference(*expected.position(0), expected.take(1)[0], None)
        if actual.available():
            return Difference(*actual.position(0), None, actual.take(1)[0])
        return None


class Words:
    """The words of an output, read a chunk at a time."""

    def __init__(self, text: bytes, start: int) -> None:
        self.text = text
        self.start = self.end = start
        """The chunk that was read last."""
        self.words: list[bytes] = []
        self.taken = 0

    def available(self) -> int:
        """How many words can be taken; reads on when there is none. 0: the output has ended."""
        while self.taken == len(self.words) and self.end < len(self.text):
            self.start, self.end = self.end, chunk_end(self.text, self.end)
            self.words = self.text[self.start : self.end].split()
            self.taken = 0
        return len(self.words) - self.taken

    def take(self, count: int) -> list[bytes]:
        self.taken += count
        return self.words[self.taken - count : self.taken] if count < len(self.words) else self.words

    def position(self, index: int) -> tuple[int, int]:
        """Line, and place in the line, of a word of this chunk, counted from the next one to take."""
        rest = self.text[self.start : self.end].split(None, self.taken + index)[-1]
        place = self.end - len(rest)
        line = 1 + sum(self.text.count(b"\n", i, j) for i, j in chunks(self.text, 0, place))
        line_start = self.text.rfind(b"\n", 0, place) + 1
        before = sum(len(self.text[i:j].split()) for i, j in chunks(self.text, line_start, place))
        return line, before + 1


def chunks(text: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Pieces of `text[start:end]` that cut no word in two."""
    while start < end:
        stop = min(chunk_end(text, start), end)
        yield start, stop
        start = stop


def chunk_end(text: bytes, start: int) -> int:
    """A place between two words, CHUNK bytes on or a little more."""
    end = start + CHUNK
    while end < len(text):
        if space := _SPACE.search(text, end, end + CHUNK):
            return space.start()
        end += CHUNK
    return len(text)


def word_boundary(text: bytes, at: int) -> int:
    """The last place at or before `at` where no word is cut in two; looks back at most a chunk, else 0."""
    if at == 0:
        return 0
    start = max(0, at - CHUNK)
    last = max(text.rfind(space, start, at) for space in (b" ", b"\n", b"\t", b"\r", b"\v", b"\f"))
    return max(last, 0)
