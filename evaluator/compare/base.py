"""What every comparison is, and what it says."""

from __future__ import annotations

import abc
from collections.abc import Generator, Iterable
from typing import ClassVar, Final

from ..encodable import Encodable

SHOWN = 40
"""Characters of a value that a message shows."""
STEP = 1 << 15
"""Bytes of a large output that one step of a comparison looks at."""
STEP_ITEMS = 512
"""The same for words that need a closer look."""
SMALL = 32 * 1024
"""Bytes of both outputs that are compared at once, where they are: every rule takes less than 20 ms for the worst of
them (bench/hostile.py)."""

RULES: Final[dict[str, str]] = {
    "exact": "the same bytes",
    "newline": "the same bytes, but for one newline at the end",
    "tokens": "the same words; white space differs",
    "lines": "the same lines; white space around them or empty lines differ",
    "values": "equal values, written differently",
    "case": "letters differ in case",
    "decimal": "a decimal within the tolerance that the rule has for decimals",
    "number": "numbers that are equal as a preset reads them, written differently",
    "allclose": "numbers near each other, integers included, as numpy's allclose",
    "rounded": "numbers equal after rounding to three places",
    "types": "brackets, commas or quotes differ",
    "unordered": "the same lines, words or items in another order",
    "set": "the same set of lines or words; order and repetition do not matter",
    "first": "the first item of the expected list instead of the list",
    "assert": "assertions that were read, never run",
    "assert replayed": "assertions that ran in a process without any code of the program",
    "assert together": "assertions that ran in the process of the program, which may forge them",
}
"""Every rule that may accept a test, from strict to lenient, and what it lets pass."""

_rank = {rule: rank for rank, rule in enumerate(RULES)}


def weakest(rules: Iterable[str]) -> str | None:
    """The most lenient of them; one that is not ours (of a checker program) is beyond all. None: there are none."""
    return max(rules, key=lambda rule: _rank.get(rule, len(_rank)), default=None)


class Match(Encodable, frozen=True):
    """The outcome of one comparison: the rule that accepted, or the first difference."""

    accepted: bool
    rule: str | None = None
    message: str | None = None
    fault: bool = False
    """The expected output makes no sense to this comparison, so no answer could be right: the problem is at fault."""


Steps = Generator[None, None, Match]
"""A comparison that pauses now and then, so that somebody can look at the clock. Mostly it takes a millisecond each
time, but a word, a line or an item of a list is looked at in one go, however long it is."""


class Comparison(abc.ABC):
    """Decides whether an output is the expected one. Immutable and without state."""

    __slots__ = ()
    takes_equal_bytes: ClassVar[bool] = False
    """The rule ``exact`` comes first: an output with the same bytes is accepted, whatever they are."""

    def is_small(self, expected: bytes, actual: bytes) -> bool:
        """Whether comparing them takes a few milliseconds at most, whatever they are."""
        return len(expected) + len(actual) <= SMALL

    @abc.abstractmethod
    def steps(self, expected: bytes, actual: bytes) -> Steps:
        """Compares in steps. Never raises, whatever the program wrote."""

    def compare(self, expected: bytes, actual: bytes) -> Match:
        """The same in one go."""
        steps = self.steps(expected, actual)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value


def shorten(value: bytes) -> str:
    """A few characters of an output in quotes: printable, valid Unicode, on one line."""
    text = value[: 4 * SHOWN].decode("utf-8", "backslashreplace")
    return repr(text) if len(value) <= 4 * SHOWN and len(text) <= SHOWN else f"{text[:SHOWN]!r}..."
