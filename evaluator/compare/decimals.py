"""Words that are decimals may differ within a tolerance.

Only an expected word that is written as a decimal asks for tolerance: ``0.5``, ``-.5``, ``2.``, ``1.5e9``, ``1e-9``,
``1e+16``. Integers are exact, and so are bit strings, ``nan``, ``12e3``, which no language prints for a number but
which may be a name, and decimals with more digits than anybody prints of a float: there the digits are the answer.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import re

import msgspec

RULE = "decimal"
LONGEST = 1000
"""Bytes of a word that may be read as a number."""
LONGEST_UNASKED = 40
"""Bytes of an expected decimal that accepts others although the problem did not ask for a tolerance."""

is_decimal = re.compile(rb"[+-]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-][0-9]+)").fullmatch
is_integer = re.compile(rb"-?[0-9]+").fullmatch
is_number = re.compile(rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch

_decode = msgspec.json.Decoder(list[float]).decode


def close(expected: float, actual: float, absolute: float, relative: float) -> bool:
    """Within either tolerance; the relative one is measured on the expected value. Infinity and NaN are near none."""
    gap = abs(expected - actual)
    return gap < math.inf and (gap <= absolute or gap <= relative * abs(expected))


def all_close(expected: list[bytes], actual: list[bytes], absolute: float, relative: float) -> bool:
    """The same for many, quickly. False also where a word is a number but not as JSON writes it, or is no number."""
    wanted, got = floats(expected), floats(actual)
    return wanted is not None and got is not None and all_near(wanted, got, absolute, relative)


def all_near(wanted: list[float], got: list[float], absolute: float, relative: float) -> bool:
    """The same for finite numbers that were read already."""
    if wanted == got:
        return True
    gaps = list(map(operator.sub, wanted, got))
    if max(gaps) <= absolute and min(gaps) >= -absolute:
        return True
    return all(
        abs(gap) <= absolute or abs(gap) <= relative * abs(value) for gap, value in zip(gaps, wanted, strict=True)
    )


def floats(words: list[bytes]) -> list[float] | None:
    """None: one of the words is not a number as JSON writes it, or is too large for a float."""
    return read(b",".join(words), len(words))


def read(words: bytes, count: int) -> list[float] | None:
    """The same for words with commas in between."""
    try:
        found = _decode(b"[%b]" % words)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found if len(found) == count else None  # a word may hold a comma


_lengths = bytes(ord(",") if character == ord(",") else ord("x") for character in range(256))


def _longer(words: bytes, longest: int) -> bool:
    """Whether one of the words, with commas in between, has more bytes."""
    return b"x" * (longest + 1) in words.translate(_lengths)  # several times faster than asking each


@dataclasses.dataclass(frozen=True, slots=True)
class Decimals:
    """Likeness of a number near enough to an expected decimal."""

    absolute: float = 1e-6
    relative: float = 1e-6
    asked: bool = False
    """The problem asked for a tolerance: a long decimal has one, too, and an expected ``5`` accepts ``5.0000001``,
    though still not ``6``."""

    @property
    def longest(self) -> int:
        return LONGEST if self.asked else LONGEST_UNASKED

    def one(self, expected: bytes, actual: bytes) -> str | None:
        if len(expected) > self.longest or len(actual) > LONGEST:
            return None
        if is_decimal(expected):
            if not is_number(actual):
                return None
        elif not (self.asked and is_integer(expected) and is_decimal(actual)):
            return None
        return RULE if close(float(expected), float(actual), self.absolute, self.relative) else None

    def many(self, expected: list[bytes], actual: list[bytes]) -> str | None:
        # The first and the last word tell most often that this is in vain. A JSON number with a point is a decimal.
        if not (is_decimal(expected[0]) and is_decimal(expected[-1])):
            return None
        words = b",".join(expected)
        if words.count(b".") != len(expected) or _longer(words, self.longest):
            return None
        wanted = read(words, len(expected))
        words = b",".join(actual)
        if wanted is None or _longer(words, LONGEST):
            return None
        got = read(words, len(actual))
        return RULE if got is not None and all_near(wanted, got, self.absolute, self.relative) else None

    def explain(self, expected: bytes | None, actual: bytes | None) -> str:
        """What to add to the message about two words that differ."""
        if expected is None or actual is None or len(expected) > self.longest or not is_number(actual[:LONGEST]):
            return ""
        if not (is_decimal(expected) or (self.asked and is_integer(expected))):
            return ""
        return f", off by more than {self}"

    def __str__(self) -> str:
        if self.absolute == self.relative:
            return f"{self.absolute:g}"
        return f"{self.absolute:g} (absolute) and {self.relative:g} (relative)"
