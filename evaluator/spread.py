"""How numbers are spread, of which there may be more than memory holds."""

from __future__ import annotations

import math
from collections import Counter

import msgspec

BITS = 12
"""Of a number, from its first one on. Numbers that agree in them differ by less than one in two thousand."""


class Range(msgspec.Struct, frozen=True):
    """Smallest, middle and largest."""

    least: float = 0
    median: float = 0
    most: float = 0


class Spread:
    """Those that agree in their first `BITS` bits are counted together, as the first of them that came: what is said to
    be in the middle may be off by as much."""

    def __init__(self) -> None:
        self.count = 0
        self._least = math.inf
        self._most = 0.0
        self._counts: Counter[float] = Counter()
        self._first: dict[float, float] = {}

    def add(self, number: float) -> None:
        """``number``: not below 0."""
        self.count += 1
        self._least = min(self._least, number)
        self._most = max(self._most, number)
        part, exponent = math.frexp(number)
        alike = math.ldexp(int(part * (1 << BITS)), exponent)
        self._counts[alike] += 1
        self._first.setdefault(alike, number)

    def range(self) -> Range:
        before = 0
        for alike in sorted(self._counts):
            before += self._counts[alike]
            if before > self.count // 2:
                return Range(self._least, self._first[alike], self._most)
        return Range()
