"""Messages over a socket between two processes that do not believe each other: four bytes of length, and JSON."""

from __future__ import annotations

# Whatever the program, or the test, makes of the modules.
from builtins import OSError, ValueError, bool, dict, len, min, type  # noqa: UP029
from json import JSONDecoder, JSONEncoder
from os import close, dup, read, write
from struct import Struct
from typing import Any, cast

MOST = 128 << 20
"""Bytes of a message."""
_PIECE = 1 << 20
_LENGTH = Struct("=I")
_pack, _unpack = _LENGTH.pack, _LENGTH.unpack
_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = JSONDecoder().decode


class Closed(Exception):
    """The other process is gone."""


class Garbled(Exception):
    """What came is no message."""


class Wire:
    """One end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, message: dict[str, Any]) -> None:
        """Raises Closed; ValueError for what is too large."""
        data = _encode(message).encode()
        if len(data) > MOST:
            raise ValueError(f"it takes more than {MOST >> 20} MiB")
        data = _pack(len(data)) + data
        try:
            sent = write(self._fd, data)
            while sent < len(data):
                sent += write(self._fd, data[sent : sent + _PIECE])
        except OSError:
            raise Closed from None

    def receive(self) -> dict[str, Any]:
        """Raises Closed, Garbled; RecursionError."""
        (size,) = _unpack(self._read(_LENGTH.size))
        if size > MOST:
            raise Garbled("a message that is too large")
        try:
            message: Any = _decode(self._read(size).decode())
        except ValueError:
            raise Garbled("a message that is no JSON") from None
        if cast("Any", type(message)) is not dict:
            raise Garbled("a message that is no object")
        return message

    def has_message(self) -> bool:
        """Whether the other process has said what nobody has read."""
        from socket import MSG_DONTWAIT, MSG_PEEK, socket

        with socket(fileno=dup(self._fd)) as end:
            try:
                return bool(end.recv(1, MSG_PEEK | MSG_DONTWAIT))
            except OSError:
                return False

    def end(self) -> None:
        """For both sides, whoever reads at the moment."""
        from socket import SHUT_RDWR, socket

        with socket(fileno=dup(self._fd)) as end:
            end.shutdown(SHUT_RDWR)

    def close(self) -> None:
        close(self._fd)

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            try:
                part = read(self._fd, min(size, _PIECE))
            except OSError:
                part = b""
            if not part:
                raise Closed
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
