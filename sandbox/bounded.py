"""What was asked for last, as many bytes of it as are allowed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

ENTRY = 320
"""Bytes that an entry takes besides what it holds: its key, a digest, and its places in the order and in the table."""


class Bounded(Generic[K, T]):
    """``held[key] = value, size``, then ``held.get(key)``. What was not asked for longest goes first.

    most     bytes of all values together; the latest is held whatever its size
    entries  of them; None: any number
    """

    def __init__(self, most: int, entries: int | None = None) -> None:
        self.most = most
        self.entries = entries
        self.bytes = 0
        """That are held now."""
        self._held: OrderedDict[K, tuple[T, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: K) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[T]:
        """All values, those that go first first."""
        return (value for value, _ in self._held.values())

    def get(self, key: K) -> T | None:
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def __setitem__(self, key: K, value: tuple[T, int]) -> None:
        """The value, and its bytes without the entry's own."""
        if (old := self._held.pop(key, None)) is not None:
            self.bytes -= old[1]
        kept, size = value
        size += ENTRY
        self._held[key] = kept, size
        self.bytes += size
        while len(self._held) > 1 and (
            self.bytes > self.most or (self.entries is not None and len(self._held) > self.entries)
        ):
            self.bytes -= self._held.popitem(last=False)[1][1]

    def clear(self) -> None:
        self._held.clear()
        self.bytes = 0
