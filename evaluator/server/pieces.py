"""What may be long in an answer, made ready piece by piece: the event loop gives others a turn in between."""

from __future__ import annotations

import asyncio
import base64
import codecs
from collections.abc import Iterator, Sequence
from typing import TypeVar, cast

import msgspec

from ...sandbox.turns import Turns
from .decode import JSON, encode

T = TypeVar("T")

PIECE = 3 << 14
"""Bytes at a time. Divisible by three, so that the base64 of pieces is that of the whole."""


async def text(data: bytes, media: str) -> str:
    """UTF-8, with what is none replaced."""
    if len(data) <= PIECE:
        return data.decode("utf-8", "replace")
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return await _joined((decoder.decode(piece, not piece) for piece in (*_cut(data), b"")), media)


async def in_base64(data: bytes, media: str) -> str:
    if len(data) <= PIECE:
        return base64.b64encode(data).decode()
    return await _joined((base64.b64encode(piece).decode() for piece in _cut(data)), media)


async def encoded(items: Sequence[T], media: str, *, most: int) -> list[T] | None:
    """The same, as the encoder of this media type would write them; it takes them as they are. None: more bytes."""
    written: list[T] = []
    size, turns = 0, Turns()
    for item in items:
        piece = encode(item, media)
        size += len(piece)
        if size > most:
            return None
        written.append(cast("T", msgspec.Raw(piece)))
        await turns.pass_on()
    return written


def _cut(data: bytes) -> Iterator[memoryview]:
    for begin in range(0, len(data), PIECE):
        yield memoryview(data)[begin : begin + PIECE]


async def _joined(texts: Iterator[str], media: str) -> str:
    """Encoded already, as the encoder writes a text of this media type; it takes that for one."""
    parts: list[bytes] = []
    for each in texts:
        parts.append(encode(each, JSON)[1:-1] if media == JSON else each.encode())
        await asyncio.sleep(0)
    if media == JSON:
        parts = [b'"', *parts, b'"']
    else:
        parts.insert(0, b"\xdb" + sum(map(len, parts)).to_bytes(4, "big"))
    return cast("str", msgspec.Raw(b"".join(parts)))
