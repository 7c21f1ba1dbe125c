"""The rule of a problem that asks for nothing else, with the flags of the Kattis default validator.

    bytes equal, else words equal, else expected decimals within a tolerance; case matters, integers are exact

Flags: ``float_tolerance E``, ``float_absolute_tolerance E`` and ``float_relative_tolerance E`` set the tolerance, and
with one of them a decimal may also stand for an expected integer, and an expected decimal may be of any length.
``space_change_sensitive``: white space counts. ``case_sensitive`` changes nothing, because case matters here anyway.
Kattis' own rule ignores case without the flag, and with a tolerance takes integers for floats, too.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re

from .base import Comparison, Match
from .decimals import ACCEPTED as DECIMAL
from .decimals import Decimals
from .exact import ACCEPTED as EXACT
from .exact import Exact

TOLERANCE = 1e-6

_PIECE = re.compile(rb"\s+|\S+")


@dataclasses.dataclass(frozen=True, slots=True)
class Flags:
    """The words of `Checker.flags`, understood."""

    absolute: float = TOLERANCE
    relative: float = TOLERANCE
    tolerant: bool = False
    """The problem asked for a tolerance itself."""
    spaces: bool = False

    @classmethod
    def parse(cls, text: str) -> Flags:
        """ValueError, in the words of the field: a flag that does not exist, or a tolerance that is no number."""
        tolerances: dict[str, float] = {}
        spaces = False
        words = iter(text.split())
        for word in words:
            match word:
                case "case_sensitive":
                    pass
                case "space_change_sensitive":
                    spaces = True
                case "float_tolerance":
                    tolerances["absolute"] = tolerances["relative"] = _tolerance(word, next(words, None))
                case "float_absolute_tolerance":
                    tolerances["absolute"] = _tolerance(word, next(words, None))
                case "float_relative_tolerance":
                    tolerances["relative"] = _tolerance(word, next(words, None))
                case _:
                    raise ValueError(f"checker.flags: unknown flag {word!r}")
        if not tolerances:
            return cls(spaces=spaces)
        return cls(tolerances.get("absolute", 0.0), tolerances.get("relative", 0.0), tolerant=True, spaces=spaces)


def _tolerance(flag: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"checker.flags: {flag} needs a number, not {text!r}")
    return value


def comparison(flags: Flags) -> Comparison:
    decimals = Decimals(flags.absolute, flags.relative, flags.tolerant)
    return Spaced(decimals) if flags.spaces else Default(decimals)


@dataclasses.dataclass(frozen=True, slots=True)
class Default:
    """Bytes, then words, then decimals."""

    decimals: Decimals = dataclasses.field(default_factory=Decimals)

    def compare(self, expected: bytes, actual: bytes) -> Match:
        return EXACT if expected == actual else self.decimals.compare(expected, actual)


@dataclasses.dataclass(frozen=True, slots=True)
class Spaced:
    """The same, but every white space character counts."""

    decimals: Decimals = dataclasses.field(default_factory=Decimals)

    def compare(self, expected: bytes, actual: bytes) -> Match:
        if expected == actual:
            return EXACT
        pieces = itertools.zip_longest(_PIECE.finditer(expected), _PIECE.finditer(actual))
        for wanted, got in pieces:
            if wanted is None or got is None:
                break
            if wanted[0] != got[0] and not self.decimals.same(wanted[0], got[0]):
                break
        else:
            return DECIMAL
        return Match(False, message=f"{Exact().compare(expected, actual).message} (white space counts)")
