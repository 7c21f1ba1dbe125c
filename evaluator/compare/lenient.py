"""Every fall-back that the MicroCoder paper describes for its evaluator, one after the other.

The paper's evaluator is not published; this is its description made to work: six or seven comparisons, each tried when
those before fail; lists, tuples, strings and sets converted into each other; numpy's allclose, and rounding; lines
split, white space normalised. It accepts much that is wrong: it is here to measure how much.

    tokens     the same words
    types      the same words once brackets, quotes, commas and colons are gone
    allclose   as many words; each the same, or numbers within 1e-8 + 1e-5 of the expected one; integers, too
    rounded    as many words; each the same, or numbers equal after rounding to three places
    set        the same set of lines, each as the set of its words, numbers rounded; call: of the inner lists
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Generator, Iterator
from typing import ClassVar

from .bag import Bag
from .base import STEP, STEP_ITEMS, Comparison, Match, Steps
from .decimals import floats
from .exact import ACCEPTED as EXACT
from .prime import close, near_each_other
from .tokens import ACCEPTED as SAME_TOKENS
from .tokens import Tokens, chunk_end

PLACES = 3
LONGEST = 1000
"""Bytes of a word that may be read as a number."""
PIECE = 8 * STEP
"""Bytes that are translated in one go."""
LONGEST_LINE = 1 << 12
"""Words of a line that make one set; a longer line counts as several."""

_TYPES = bytes.maketrans(b"[](){},:'\"", b" " * 10)
_RETURNED = bytes.maketrans(b"](){},:'\"[", b"\n" + b" " * 9)
_BOOLS = {b"true": b"1", b"True": b"1", b"false": b"0", b"False": b"0"}


@dataclasses.dataclass(frozen=True, slots=True)
class Lenient(Comparison):
    takes_equal_bytes: ClassVar[bool] = True
    returned: bool = False
    """Values are compared, not text: each inner list is a line, and ``true`` is 1."""

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return EXACT
        difference = yield from Tokens().steps(expected, actual)
        if difference.accepted:
            return SAME_TOKENS
        wanted = yield from self.without_types(expected)
        got = yield from self.without_types(actual)
        for likeness in (Same(self.returned), Near(self.returned), Rounded(self.returned)):
            if (yield from Tokens(likeness).steps(wanted, got)).accepted:
                return Match(True, likeness.rule)
            yield
        return Match(True, "set") if (yield from self.same_set(wanted, got)) else difference

    def without_types(self, text: bytes) -> Generator[None, None, bytes]:
        table = _RETURNED if self.returned else _TYPES
        pieces: list[bytes] = []
        for start in range(0, len(text), PIECE):
            pieces.append(text[start : start + PIECE].translate(table))
            yield
        whole = b"".join(pieces)
        yield
        return whole

    def same_set(self, expected: bytes, actual: bytes) -> Generator[None, None, bool]:
        """Whether the lines are the same, each as the set of its words, rounded; order and repetition do not matter."""
        wanted: Bag[bytes] = Bag()
        for lines in self.lines(expected):
            wanted.add(lines)
            yield
        got: Bag[bytes] = Bag()
        same = True
        for lines in self.lines(actual):
            same = same and all(line in wanted for line in lines)
            if not same:
                break
            got.add(lines)
            yield
        same = same and len(wanted) == len(got)
        for bag in (wanted, got):
            yield from bag.emptied()
        return same

    def lines(self, text: bytes) -> Iterator[list[bytes]]:
        """Each line as its words, rounded, sorted, each once; no empty ones. What is found in a step's time."""
        line: list[bytes] = []
        start = 0
        while start < len(text):
            end = chunk_end(text, start)
            words = words_and_ends(text[start:end])
            while some := list(itertools.islice(words, STEP_ITEMS)):
                found: list[bytes] = []
                for word in some:
                    if word != b"\n":
                        line.append(self.rounded(word))
                    if line and (word == b"\n" or len(line) == LONGEST_LINE):
                        found.append(b" ".join(sorted(set(line))) if len(line) > 1 else line[0])
                        line.clear()
                yield found
            start = end
        if line:
            yield [b" ".join(sorted(set(line)))]

    def rounded(self, word: bytes) -> bytes:
        if word.isdigit() and len(word) < 16 and not word.startswith(b"0"):
            return word + b".000"  # as _rounded says, quicker
        return _rounded(_BOOLS.get(word, word) if self.returned else word)


@dataclasses.dataclass(frozen=True, slots=True)
class Same:
    """Likeness of a word as Python reads it."""

    returned: bool
    rule: ClassVar[str] = "types"

    def one(self, expected: bytes, actual: bytes) -> str | None:
        if self.returned:
            expected, actual = _BOOLS.get(expected, expected), _BOOLS.get(actual, actual)
        return self.rule if expected == actual or self.like(expected, actual) else None

    def many(self, expected: list[bytes], actual: list[bytes]) -> str | None:
        return None

    def like(self, expected: bytes, actual: bytes) -> bool:
        return False


class Near(Same):
    """... and of a number as allclose compares it."""

    __slots__ = ()
    rule = "allclose"

    def many(self, expected: list[bytes], actual: list[bytes]) -> str | None:
        return self.rule if near_each_other(floats(expected), floats(actual)) else None

    def like(self, expected: bytes, actual: bytes) -> bool:
        return len(actual) <= LONGEST and close(_text(actual), _text(expected))


class Rounded(Same):
    """... and of a number that rounds to the same."""

    __slots__ = ()
    rule = "rounded"

    def like(self, expected: bytes, actual: bytes) -> bool:
        return _rounded(expected) == _rounded(actual)


def words_and_ends(text: bytes) -> Iterator[bytes]:
    for number, line in enumerate(text.split(b"\n")):
        if number:
            yield b"\n"
        yield from line.split()


def _rounded(word: bytes) -> bytes:
    """Text of the number, rounded; the word itself when it is none."""
    if len(word) > LONGEST:
        return word
    try:
        return b"%.*f" % (PLACES, round(float(word), PLACES) + 0.0)  # no -0.000
    except ValueError:
        return word


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")
