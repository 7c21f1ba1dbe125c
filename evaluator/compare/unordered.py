"""The same lines or the same words, in any order. Each counts as often as it occurs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

from .bag import Bag
from .base import STEP, Comparison, Match, Steps, shorten
from .tokens import ASCII, Words

ACCEPTED = Match(True, "unordered")


@dataclasses.dataclass(frozen=True, slots=True)
class Unordered(Comparison):
    """Accepts what another comparison accepts, and the same lines or words in another order.

    White space within lines and empty lines do not matter. In another order, words are compared as they are: there is
    no tolerance.
    """

    takes_equal_bytes: ClassVar[bool] = True

    ordered: Comparison
    lines: bool
    """Words keep their order within lines, and lines alone may change places; else words may."""
    any_case: bool = False

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        match = yield from self.ordered.steps(expected, actual)
        if match.accepted:
            return match
        bag: Bag[bytes] = Bag()
        for text, times in ((expected, 1), (actual, -1)):
            for parts in self.parts(text):
                bag.add(map(bytes.lower, parts) if self.any_case else parts, times)
                yield
        missing, extra = yield from bag.emptied()
        if missing is None and extra is None:
            return ACCEPTED
        told = [f"{shorten(missing)} is missing"] if missing is not None else []
        told += [f"{shorten(extra)} was not expected"] if extra is not None else []
        return Match(False, message=f"in any order: {', '.join(told)}")

    def parts(self, text: bytes) -> Iterator[list[bytes]]:
        """Lines or words, a chunk at a time."""
        words = Words(text)
        while not self.lines and words.read():
            yield words.take(words.left)
        start = 0 if self.lines else len(text)
        while start < len(text):
            end = text.find(b"\n", start + STEP) + 1 or len(text)
            lines = (b" ".join(ASCII.split(line)) for line in text[start:end].split(b"\n"))
            yield [line for line in lines if line]
            start = end
