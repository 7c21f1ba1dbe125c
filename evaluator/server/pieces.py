"""Texts of an answer that programs choose, made ready piece by piece: the event loop gives others a turn in between."""

from __future__ import annotations

import asyncio
import base64
import codecs
from collections.abc import Iterator
from typing import cast

import msgspec

from .decode import JSON, encode

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
