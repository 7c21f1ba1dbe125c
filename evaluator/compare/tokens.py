"""The same words, whatever white space stands between them, and words that may stand for others.

White space is ASCII's: space, \\t, \\n, \\r, \\v, \\f. A NUL, a no-break space, a byte that is not UTF-8 is part of a
word. Outputs are walked in chunks, a step each.
"""

from __future__ import annotations

import dataclasses
import itertools
import operator
import re
from collections.abc import Generator, Iterator
from typing import Protocol

from .base import STEP, STEP_ITEMS, Comparison, Match, Steps, shorten, weakest
from .exact import common_prefix, line_number

ACCEPTED = Match(True, "tokens")


class White:
    """A notion of white space."""

    def __init__(self, characters: bytes) -> None:
        self.characters = [bytes([character]) for character in characters]
        self.space = re.compile(b"[" + re.escape(characters) + b"]")
        self.other = re.compile(b"[^" + re.escape(characters) + b"]")
        self.word = re.compile(b"[^" + re.escape(characters) + b"]+")
        self._not_here = [each for each in (b"\v", b"\f") if each not in self.characters]

    def split(self, text: bytes) -> list[bytes]:
        if self._not_here and any(each in text for each in self._not_here):
            return self.word.findall(text)
        return text.split()


ASCII = White(b" \t\n\r\v\f")


class Likeness(Protocol):
    """When a word may stand for another, expected one. Asked about words that differ."""

    def one(self, expected: bytes, actual: bytes) -> str | None:
        """The rule that lets it pass. None: it is a difference."""
        ...

    def many(self, expected: list[bytes], actual: list[bytes]) -> str | None:
        """Quick: the weakest rule needed when all may pass, some of them the same. None: ask one by one."""
        ...


class Different:
    """No word may stand for another."""

    def one(self, expected: bytes, actual: bytes) -> str | None:
        return None

    def many(self, expected: list[bytes], actual: list[bytes]) -> str | None:
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class AnyOf:
    """A word may pass by any of several."""

    likenesses: tuple[Likeness, ...]

    def one(self, expected: bytes, actual: bytes) -> str | None:
        for likeness in self.likenesses:
            if rule := likeness.one(expected, actual):
                return rule
        return None

    def many(self, expected: list[bytes], actual: list[bytes]) -> str | None:
        for likeness in self.likenesses:
            if rule := likeness.many(expected, actual):
                return rule
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Tokens(Comparison):
    """Accepts the same words in the same order, and words that may stand for them."""

    likeness: Likeness = dataclasses.field(default_factory=Different)
    white: White = ASCII

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        walk = Walk(expected, actual, self.white)
        difference = yield from walk.difference(self.likeness)
        if difference is not None:
            return Match(False, message=str(difference))
        return Match(True, walk.rule) if walk.rule else ACCEPTED


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

    def __init__(self, expected: bytes, actual: bytes, white: White = ASCII) -> None:
        start = 0
        if len(expected) > STEP:
            start = word_boundary(expected, common_prefix(expected, actual), white)
        self.expected = Words(expected, start, white)
        self.actual = Words(actual, start, white)
        self.rule: str | None = None
        """The weakest rule by which a word stood for another."""

    def difference(self, likeness: Likeness) -> Generator[None, None, Difference | None]:
        """None: no words differ but those that may stand for each other."""
        expected, actual = self.expected, self.actual
        if expected.start > 8 * STEP:  # looking for it took its time
            yield
        while (yield from expected.fill()) and (yield from actual.fill()):
            count = min(expected.left, actual.left)
            wanted, got = expected.take(count), actual.take(count)
            if wanted == got:
                continue
            if count > 1 and (rule := likeness.many(wanted, got)):
                self.rule = weakest(filter(None, (self.rule, rule)))
                continue
            differ = list(map(operator.ne, wanted, got))
            ones, others = list(itertools.compress(wanted, differ)), list(itertools.compress(got, differ))
            if 1 < len(ones) < count and (rule := likeness.many(ones, others)):
                self.rule = weakest(filter(None, (self.rule, rule)))
                continue
            places = itertools.compress(range(count), differ)
            for number, (place, one, other) in enumerate(zip(places, ones, others, strict=True), 1):
                rule = likeness.one(one, other)
                if rule is None:
                    line, token = yield from expected.position(place - count)
                    return Difference(line, token, one, other)
                if rule != self.rule:
                    self.rule = weakest(filter(None, (self.rule, rule)))
                if not number % STEP_ITEMS:
                    yield
        if expected.left:
            line, token = yield from expected.position(0)
            return Difference(line, token, expected.take(1)[0], None)
        if (yield from actual.fill()):
            line, token = yield from actual.position(0)
            return Difference(line, token, None, actual.take(1)[0])
        return None


class Words:
    """The words of an output, read a chunk at a time."""

    def __init__(self, text: bytes, start: int = 0, white: White = ASCII) -> None:
        self.text = text
        self.white = white
        self.start = self.end = start
        """The chunk that was read last."""
        self.words: list[bytes] = []
        self.taken = 0

    @property
    def left(self) -> int:
        """How many words can be taken without reading on."""
        return len(self.words) - self.taken

    def fill(self) -> Generator[None, None, bool]:
        """Reads on when no word is left. False: the output has ended."""
        while not self.left:
            if self.end > STEP:
                yield
            if not self._seek():
                return False
            if self.end - self.start > 8 * STEP:  # a long word
                yield
            self._split()
            if self.end - self.start > 8 * STEP:
                yield
        return True

    def read(self) -> bool:
        """Reads the next chunk, which may hold no word. False: the output has ended."""
        if self._seek():
            self._split()
            return True
        return False

    def _seek(self) -> bool:
        if self.end >= len(self.text):
            return False
        self.start, self.end = self.end, chunk_end(self.text, self.end, self.white)
        return True

    def _split(self) -> None:
        self.words = self.white.split(self.text[self.start : self.end])
        self.taken = 0

    def take(self, count: int) -> list[bytes]:
        self.taken += count
        return self.words[self.taken - count : self.taken] if count < len(self.words) else self.words

    def position(self, index: int) -> Generator[None, None, tuple[int, int]]:
        """Line, and place in the line, of a word of this chunk, counted from the next one to take."""
        words = self.white.word.finditer(self.text, self.start, self.end)
        before = next(itertools.islice(words, self.taken + index - 1, None)).end() if self.taken + index else self.start
        place = next(self.white.other.finditer(self.text, before)).start()  # the word itself may be long
        line = yield from line_number(self.text, place)
        line_start = self.text.rfind(b"\n", 0, place) + 1
        token = 1
        for start, end in chunks(self.text, line_start, place, self.white):
            token += len(self.white.split(self.text[start:end]))
            yield
        return line, token


def chunks(text: bytes, start: int, end: int, white: White) -> Iterator[tuple[int, int]]:
    """Pieces of `text[start:end]` that cut no word in two."""
    while start < end:
        stop = min(chunk_end(text, start, white), end)
        yield start, stop
        start = stop


def chunk_end(text: bytes, start: int, white: White = ASCII) -> int:
    """A place between two words, STEP bytes on or a little more."""
    end = start + STEP
    if end < len(text) and (space := white.space.search(text, end, end + STEP)):
        return space.start()
    end += STEP
    while end < len(text):  # a long word: this is ten times faster
        places = [text.find(character, end, end + 8 * STEP) for character in white.characters]
        if max(places) >= 0:
            return min(place for place in places if place >= 0)
        end += 8 * STEP
    return len(text)


def word_boundary(text: bytes, at: int, white: White) -> int:
    """The last place at or before `at` where no word is cut in two; looks back at most a chunk, else 0."""
    if at == 0:
        return 0
    start = max(0, at - STEP)
    return max(0, *(text.rfind(space, start, at) for space in white.characters))
