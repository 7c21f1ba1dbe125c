"""White space counts: every space and every newline, at the end, too."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import ClassVar

from .base import STEP_ITEMS, Comparison, Match, Steps, weakest
from .exact import ACCEPTED as EXACT
from .exact import Exact
from .tokens import Likeness

_PIECE = re.compile(rb"\s+|\S+")


@dataclasses.dataclass(frozen=True, slots=True)
class Spaced(Comparison):
    """Accepts the same white space between words that are the same or may stand for each other."""

    takes_equal_bytes: ClassVar[bool] = True

    likeness: Likeness

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return EXACT
        rules: set[str] = set()
        pieces = itertools.zip_longest(_PIECE.finditer(expected), _PIECE.finditer(actual))
        for number, (wanted, got) in enumerate(pieces, 1):
            if wanted is None or got is None:
                break
            if wanted[0] != got[0]:
                rule = self.likeness.one(wanted[0], got[0])
                if rule is None:
                    break
                rules.add(rule)
            if not number % STEP_ITEMS:
                yield
        else:
            return Match(True, weakest(rules))
        match = yield from Exact().steps(expected, actual)
        return Match(False, message=f"{match.message} (white space counts)")
