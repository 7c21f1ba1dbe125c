"""How many values a body holds, found out before it is decoded: each takes a hundred times the memory of a small one's
bytes, and all of them are made in one go, during which nobody else has a turn.
"""

from __future__ import annotations

import re

from ...sandbox.turns import Turns
from .decode import MSGPACK
from .errors import TooLarge

LARGE = 256 * 1024
"""Bytes of a body from which it is looked at."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_JSON = (b",", b"[", b"{")
"""Each stands before a value; there is one more at most."""


async def check(data: bytes, media: str, most: int) -> None:
    """Raises TooLarge where there are more, names of fields included."""
    if len(data) < LARGE:
        return
    if media == MSGPACK:
        fits = await _few_msgpack(data, most)
    else:
        fits = sum(map(data.count, _JSON)) < most or await _few_json(data, most)
    if not fits:
        raise TooLarge(f"more than {most} values; this server allows no more in a request")


async def _few_json(data: bytes, most: int) -> bool:
    """What stands in strings does not count."""
    turns, found, after = Turns(), 1, 0
    for string in _STRING.finditer(data):
        found += sum(data.count(mark, after, string.start()) for mark in _JSON)
        after = string.end()
        if found > most:
            return False
        await turns.pass_on()
    return found + sum(data.count(mark, after) for mark in _JSON) <= most


async def _few_msgpack(data: bytes, most: int) -> bool:
    """By the first byte of each value, which says where the next one is."""
    turns, place = Turns(), 0
    for number in range(most):
        if place >= len(data):
            return True
        size, lengths = _MSGPACK[data[place]]
        place += size + int.from_bytes(data[place + 1 : place + 1 + lengths], "big")
        if not number % 1000:
            await turns.pass_on()
    return place >= len(data)


def _sizes(first: int) -> tuple[int, int]:
    """Of a value that begins with this byte: the bytes of its head, and how many of them after the first say how many
    more there are. What an array or a map holds are values of their own."""
    if 0xA0 <= first <= 0xBF:
        return 1 + (first & 0x1F), 0
    return _HEADS.get(first, (1, 0))


_HEADS = {
    0xC4: (2, 1), 0xC5: (3, 2), 0xC6: (5, 4),  # binary data
    0xC7: (3, 1), 0xC8: (4, 2), 0xC9: (6, 4),  # extensions
    0xCA: (5, 0), 0xCB: (9, 0),  # floats
    0xCC: (2, 0), 0xCD: (3, 0), 0xCE: (5, 0), 0xCF: (9, 0), 0xD0: (2, 0), 0xD1: (3, 0), 0xD2: (5, 0), 0xD3: (9, 0),
    0xD4: (3, 0), 0xD5: (4, 0), 0xD6: (6, 0), 0xD7: (10, 0), 0xD8: (18, 0),  # extensions of a fixed size
    0xD9: (2, 1), 0xDA: (3, 2), 0xDB: (5, 4),  # texts
    0xDC: (3, 0), 0xDD: (5, 0), 0xDE: (3, 0), 0xDF: (5, 0),  # arrays, maps
}  # fmt: skip
_MSGPACK = [_sizes(first) for first in range(256)]
