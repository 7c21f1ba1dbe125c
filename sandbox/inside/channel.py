"""Frames over the one socket. Header: ``!II``, length of the JSON text, length of the bytes after it."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

_PIECE = 1 << 20


class Channel:
    """The runner's end. The process ends when the host is gone."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._socket = socket.socket(fileno=fd)

    def send(self, header: dict[str, object], blob: bytes = b"") -> None:
        text = json.dumps(header, separators=(",", ":")).encode()
        self._socket.sendall(b"".join((struct.pack("!II", len(text), len(blob)), text, blob)))

    def receive(self) -> tuple[dict[str, Any], int]:
        """The next header, and how many bytes follow it."""
        text, blob = struct.unpack("!II", self.read(8))
        return json.loads(self.read(text)), blob

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            parts.append(self._piece(size))
            size -= len(parts[-1])
        return b"".join(parts)

    def read_into_file(self, size: int) -> int:
        """The same, as a descriptor of a file in memory: large inputs stay out of what every fork has to map."""
        fd = os.memfd_create("inputs")
        while size:
            part = self._piece(size)
            size -= len(part)
            while part:
                part = part[os.write(fd, part) :]
        return fd

    def _piece(self, size: int) -> bytes:
        part = self._socket.recv(min(size, _PIECE))
        if not part:
            os._exit(0)
        return part
