"""Tests in a text, as LiveCodeBench and HARDTESTS publish them: JSON, or base64 of zlib of a pickle of JSON text.

The pickle is never loaded: its instructions are read, and must be those that make one text.
"""

from __future__ import annotations

import base64
import binascii
import pickletools
import zlib
from typing import Any

import msgspec

from .base import Unusable

UNPACKED = 1 << 29
"""Bytes that the tests of a problem may unpack to; the largest in code_generation of LiveCodeBench have 190 MB."""

_TEXT = frozenset({"UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE"})
_AROUND = frozenset({"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"})


def read(value: Any, kind: Any, field: str) -> Any:
    """What stands in a text that is JSON, or packed; objects as they are. Raises Unusable."""
    if isinstance(value, str) and value[:1] not in ("[", "{"):
        value = _unpacked(value, field)
    try:
        return msgspec.json.decode(value, type=kind) if isinstance(value, str | bytes) else value
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message, _, path = str(error).partition(" - at `$")
        raise Unusable(field + path.removesuffix("`"), message.replace("`", "")) from None


def _unpacked(text: str, field: str) -> bytes:
    try:
        packed = base64.b64decode(text, validate=True)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, UNPACKED)
        if unpacker.unconsumed_tail:
            raise Unusable(field, f"unpacks to more than {UNPACKED >> 20} MiB")
    except (binascii.Error, zlib.error, ValueError) as error:
        raise Unusable(field, f"neither JSON nor base64 of zlib: {error}", text) from None
    try:
        return _pickled_text(content).encode()
    except (ValueError, AttributeError) as error:
        raise Unusable(field, f"not a pickle of text: {error}") from None


def _pickled_text(content: bytes) -> str:
    """The text that was pickled. Reads the instructions of the pickle and executes none."""
    text = None
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in _TEXT and text is None:
            text = argument
        elif opcode.name not in _AROUND:
            raise ValueError(f"it has the instruction {opcode.name}")
    if not isinstance(text, str):
        raise ValueError("it has none")
    return text
