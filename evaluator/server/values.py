"""How many values a text holds, found out before it is decoded: each takes a hundred times the memory of a small one's
bytes, and all of them are made in one go, during which nobody else has a turn.

Bodies are texts of this kind, and so is JSON that stands in their texts: arguments, expected values, labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...sandbox.turns import Turns
from .decode import MSGPACK
from .errors import TooLarge

LARGE = 256 * 1024
"""Bytes of a body from which it is looked at."""
PIECE, STEP = 1 << 15, 1 << 12
"""Bytes of JSON, and values in msgpack, that are looked at in one go."""
_JSON = (b",", b":", b"[", b"{")
"""Each stands before a value; there is one more at most."""


async def check(data: bytes, media: str, most: int) -> None:
    """Raises TooLarge where there are more, names of fields included."""
    if len(data) >= LARGE:
        await _check(of_msgpack(data) if media == MSGPACK else of_json(data), most, "a request")


async def check_texts(texts: Iterable[str], most: int) -> None:
    """Raises TooLarge where texts of a problem that are JSON hold more values together."""
    texts = list(texts)
    if sum(map(len, texts)) >= most:  # as long as that they may
        each = (count for text in texts for count in of_json(text.encode("utf-8", "surrogatepass")))
        await _check(each, most, "the arguments and expected values of a problem")


async def _check(counts: Iterator[int], most: int, where: str) -> None:
    turns, found = Turns(), 0
    for count in counts:
        found += count
        if found > most:
            raise TooLarge(f"more than {most} values; this server allows no more in {where}")
        await turns.pass_on()


def of_json(data: bytes) -> Iterator[int]:
    """As many as there are, or a few more, piece by piece. What stands in strings does not count."""
    yield 1
    quoted, rest = False, b""
    for begin in range(0, len(data), PIECE):
        # Without what is escaped; a backslash at the end waits for what comes after it.
        piece = (rest + data[begin : begin + PIECE]).replace(b"\\\\", b"").replace(b'\\"', b"")
        rest = b"\\" if piece.endswith(b"\\") else b""
        parts = piece.split(b'"')
        outside = b"".join(parts[quoted::2])
        yield sum(map(outside.count, _JSON))
        quoted ^= len(parts) % 2 == 0


def of_msgpack(data: bytes) -> Iterator[int]:
    """By the first byte of each, which says where the next one is."""
    place = found = 0
    while place < len(data):
        size, lengths = _MSGPACK[data[place]]
        place += size + int.from_bytes(data[place + 1 : place + 1 + lengths], "big")
        found += 1
        if found == STEP:
            yield found
            found = 0
    yield found


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
