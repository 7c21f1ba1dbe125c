"""The rule of the Kattis default validator, to the letter (problemtools a185fe9, default_validator.cc).

Words are compared; white space does not matter unless ``space_change_sensitive``; ASCII letters match in any case
unless ``case_sensitive``. With a tolerance, an expected word that C's ``scanf("%lf")`` reads as a finite number, an
integer or hexadecimal one as well, asks for such a word within it; both are read as doubles, so that large integers
are no longer exact. A word ends at its first NUL byte, as C strings do.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from .base import Comparison, Steps
from .case import RULE as CASE
from .case import same_but_case
from .decimals import RULE as DECIMAL
from .decimals import all_close
from .exact import ACCEPTED as EXACT
from .flags import KATTIS, OWN, Flags
from .scanf import scan
from .spaces import Spaced
from .tokens import Tokens


def comparison(flags: str) -> Comparison:
    """ValueError: a flag that Kattis does not know."""
    found = Flags.parse(flags, KATTIS)
    likeness = Alike("case_sensitive" not in found, found.tolerant, *map(_or_none, (found.absolute, found.relative)))
    return Kattis(Spaced(likeness) if "space_change_sensitive" in found else Tokens(likeness))


def _or_none(tolerance: float | None) -> float:
    return -1.0 if tolerance is None else tolerance


@dataclasses.dataclass(frozen=True, slots=True)
class Kattis(Comparison):
    """Bytes, then what the flags say."""

    takes_equal_bytes: ClassVar[bool] = True

    words: Comparison

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return EXACT
        return (yield from self.words.steps(expected, actual))


@dataclasses.dataclass(frozen=True, slots=True)
class Alike:
    """Likeness of words as the validator sees it."""

    any_case: bool
    tolerant: bool
    absolute: float
    relative: float
    """-1: not given."""

    def one(self, expected: bytes, actual: bytes) -> str | None:
        if b"\0" in expected or b"\0" in actual:
            expected, _, _ = expected.partition(b"\0")
            actual, _, _ = actual.partition(b"\0")
        if self.tolerant and (wanted := finite(expected)) is not None:
            got = finite(actual)
            if got is None:
                return None
            gap = abs(wanted - got)
            return DECIMAL if gap <= self.absolute or gap <= self.relative * abs(wanted) else None
        if expected == actual:
            return "tokens"
        return CASE if self.any_case and same_but_case(expected, actual) else None

    def many(self, expected: list[bytes], actual: list[bytes]) -> str | None:
        if self.tolerant:
            if finite(expected[0]) is None or finite(expected[-1]) is None:
                return None
            return DECIMAL if all_close(expected, actual, self.absolute, self.relative) else None
        same = self.any_case and b" ".join(expected).lower() == b" ".join(actual).lower()
        return CASE if same else None


def finite(word: bytes) -> float | None:
    """The number that C reads from the whole word. None: none, or none that is finite."""
    value = scan(word)
    return None if value is None or math.isinf(value) else value


def known(flags: str) -> str:
    """The flags without those that Kattis does not know."""
    words = flags.split()
    return " ".join(word for word in words if word not in OWN)
