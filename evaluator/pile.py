"""A list of what there may be as much of as there are rows in a data set."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

UNPACKED = 1 << 16
"""Bytes that are unpacked at a time."""


class Pile(Generic[T]):
    """Things in the order they came, packed."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._packer = zlib.compressobj(1)
        self._packed = bytearray()
        self._length = 0

    def append(self, each: T) -> None:
        self._packed += self._packer.compress(msgspec.json.encode(each) + b"\n")
        self._length += 1

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        unpacker = zlib.decompressobj()
        packed, rest = bytes(self._packed) + self._packer.copy().flush(), b""
        while packed:
            *lines, rest = (rest + unpacker.decompress(packed, UNPACKED)).split(b"\n")
            packed = unpacker.unconsumed_tail
            yield from map(self._decoder.decode, lines)
