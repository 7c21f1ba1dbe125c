"""Counts of very many different things, where no single operation takes long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
PARTS = 256


class Bag(Generic[T]):
    """A Counter in many parts: one large dictionary grows, and is freed, in one go that takes tens of milliseconds."""

    def __init__(self) -> None:
        self._parts: defaultdict[int, dict[T, int]] = defaultdict(dict)

    def add(self, things: Iterable[T], times: int = 1) -> None:
        """A step's worth of them."""
        parts = self._parts
        for thing in things:
            part = parts[hash(thing) % PARTS]
            part[thing] = part.get(thing, 0) + times

    def __contains__(self, thing: T) -> bool:
        return thing in self._parts.get(hash(thing) % PARTS, ())

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def emptied(self) -> Generator[None, None, tuple[T | None, T | None]]:
        """One that counts more than 0, one that counts less; takes everything out."""
        more = less = None
        while self._parts:
            _, part = self._parts.popitem()
            for thing, count in part.items():
                if count > 0 and more is None:
                    more = thing
                elif count < 0 and less is None:
                    less = thing
            yield
        return more, less
