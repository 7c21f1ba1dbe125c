"""The rule of a problem that asks for nothing else, and what its flags change.

    bytes equal, else words equal, else expected decimals within a tolerance; case matters, integers are exact

Without flags nothing is ignored but white space between words, and only decimals have a tolerance, 1e-6. With one of
the tolerance flags a decimal may also stand for an expected integer (``5.0`` for ``5``, never ``6``), and an expected
decimal may be of any length. ``case_sensitive`` changes nothing, because case matters anyway: in this rule its absence
does not mean that case is ignored; that takes ``case_insensitive``. Kattis' own rule, where the absence of the flag
does mean that, is the type ``kattis``.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from .base import Comparison, Match, Steps
from .case import Case
from .decimals import Decimals
from .exact import ACCEPTED as EXACT
from .flags import Flags
from .spaces import Spaced
from .tokens import ACCEPTED as SAME_TOKENS
from .tokens import AnyOf, Likeness, Walk
from .unordered import Unordered

TOLERANCE = 1e-6


def comparison(flags: Flags) -> Comparison:
    """ValueError: a flag that means nothing for text."""
    if "unordered_items" in flags:
        raise ValueError("checker.flags: unordered_items is for returned values, but mode is stdio")
    decimals = decimals_of(flags)
    any_case = "case_insensitive" in flags
    likeness: Likeness = AnyOf((Case(), decimals)) if any_case else decimals
    if "space_change_sensitive" in flags:
        return Spaced(likeness)
    default = Default(decimals, likeness)
    if "unordered_lines" in flags or "unordered_tokens" in flags:
        return Unordered(default, lines="unordered_tokens" not in flags, any_case=any_case)
    return default


def decimals_of(flags: Flags) -> Decimals:
    if not flags.tolerant:
        return Decimals(TOLERANCE, TOLERANCE)
    return Decimals(flags.absolute or 0.0, flags.relative or 0.0, asked=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Default(Comparison):
    """Bytes, then words, then decimals."""

    takes_equal_bytes: ClassVar[bool] = True

    decimals: Decimals = dataclasses.field(default_factory=Decimals)
    likeness: Likeness | None = None
    """What words may stand for others, if not decimals alone."""

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return EXACT
        walk = Walk(expected, actual)
        difference = yield from walk.difference(self.likeness or self.decimals)
        if difference is None:
            return Match(True, walk.rule) if walk.rule else SAME_TOKENS
        return Match(False, message=f"{difference}{self.decimals.explain(difference.expected, difference.actual)}")
