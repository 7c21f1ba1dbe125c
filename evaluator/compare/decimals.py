"""The same words, of which decimals may differ within a tolerance.

Only an expected word that is written as a decimal asks for tolerance: ``0.5``, ``-.5``, ``2.``, ``1.5e9``, ``1e-9``,
``1e+16``. Integers are exact, and so are bit strings, ``nan``, ``12e3``, which no language prints for a number but
which may be a name, and decimals with more digits than anybody prints of a float: there the digits are the answer.
"""

from __future__ import annotations

import dataclasses
import math
import re

from .base import Match
from .tokens import ACCEPTED as SAME_TOKENS
from .tokens import Walk

ACCEPTED = Match(True, "decimal")
LONGEST = 1000
"""Bytes of a word that may be read as a number."""
LONGEST_UNASKED = 40
"""Bytes of an expected decimal that accepts others although the problem did not ask for a tolerance."""

_decimal = re.compile(rb"[+-]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-][0-9]+)").fullmatch
_integer = re.compile(rb"-?[0-9]+").fullmatch
_number = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch


def close(expected: float, actual: float, absolute: float, relative: float) -> bool:
    """Within either tolerance; the relative one is measured on the expected value. Infinity and NaN are near none."""
    gap = abs(expected - actual)
    return gap < math.inf and (gap <= absolute or gap <= relative * abs(expected))


@dataclasses.dataclass(frozen=True, slots=True)
class Decimals:
    """Accepts the same words, and numbers near enough to an expected decimal."""

    absolute: float = 1e-6
    relative: float = 1e-6
    asked: bool = False
    """The problem asked for a tolerance: a long decimal has one, too, and an expected ``5`` accepts ``5.0000001``,
    though still not ``6``."""

    def compare(self, expected: bytes, actual: bytes) -> Match:
        walk = Walk(expected, actual)
        difference = walk.first_difference(self.same)
        if difference is None:
            return ACCEPTED if walk.replaced else SAME_TOKENS
        wanted, got = difference.expected, difference.actual
        if wanted and got and self.is_approximate(wanted) and _number(got[:LONGEST]):
            return Match(False, message=f"{difference}, off by more than {self}")
        return Match(False, message=str(difference))

    def same(self, expected: bytes, actual: bytes) -> bool:
        """Whether an output word is near enough to an expected one."""
        if len(expected) > (LONGEST if self.asked else LONGEST_UNASKED) or len(actual) > LONGEST:
            return False
        if _decimal(expected):
            if not _number(actual):
                return False
        elif not (self.asked and _integer(expected) and _decimal(actual)):
            return False
        return close(float(expected), float(actual), self.absolute, self.relative)

    def is_approximate(self, expected: bytes) -> bool:
        if self.asked:
            return len(expected) <= LONGEST and bool(_decimal(expected) or _integer(expected))
        return len(expected) <= LONGEST_UNASKED and bool(_decimal(expected))

    def __str__(self) -> str:
        if self.absolute == self.relative:
            return f"{self.absolute:g}"
        return f"{self.absolute:g} (absolute) and {self.relative:g} (relative)"
