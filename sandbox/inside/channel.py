"""Frames over the one socket. Header: ``!II``, length of the JSON text, length of the bytes after it.

The descriptor is used as it is: the module socket would be one more for every fork to copy.
"""

from __future__ import annotations

import json
import os
import select
import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

from .cleaning import leave

_PIECE = 1 << 20
_PIPE = 1 << 16
_SMALL = 1 << 14
_MFD_CLOEXEC, _MFD_EXEC = 1, 16


class Part(NamedTuple):
    """A stretch of a file, or of bytes."""

    source: int | bytes
    place: int
    size: int


class Channel:
    """The runner's end. The process ends when the host is gone."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def send(self, header: dict[str, object], parts: Iterable[Part] = ()) -> None:
        """Large parts go from file to socket in the kernel, and never stand in the runner's memory."""
        parts = list(parts)
        size = sum(part.size for part in parts)
        text = json.dumps(header, separators=(",", ":")).encode()
        data = struct.pack("!II", len(text), size) + text
        if size <= _SMALL:  # one message wakes the host once
            data += b"".join(_content(part) for part in parts if part.size)
            parts.clear()
        write_all(self.fd, data)
        for part in parts:
            source, place, size = part
            if isinstance(source, bytes):
                write_all(self.fd, _content(part))
                continue
            end = place + size
            while place < end:
                place += os.sendfile(self.fd, source, place, end - place)

    def receive(self) -> tuple[dict[str, Any], int]:
        """The next header, and how many bytes follow it."""
        text, blob = struct.unpack("!II", self.read(8))
        return json.loads(self.read(text)), blob

    def wait_for(self, fd: int) -> None:
        """Until there is something to read from the descriptor. The process ends when the host is gone meanwhile."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self.fd, select.POLLHUP | select.POLLRDHUP)
        if any(ready == self.fd for ready, _ in poll.poll()):
            leave()

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            parts.append(self._piece(size))
            size -= len(parts[-1])
        return b"".join(parts)

    def read_into_file(self, size: int, *, executable: bool = False) -> int:
        """The same, as a descriptor of a file in memory: inputs never stand in what every fork copies."""
        file = _executable_file() if executable else os.memfd_create("inputs")
        source, sink = os.pipe()
        while size:
            moved = os.splice(self.fd, sink, min(size, _PIPE))
            if not moved:
                leave()
            size -= moved
            while moved:
                moved -= os.splice(source, file, moved)
        os.close(source)
        os.close(sink)
        return file

    def _piece(self, size: int) -> bytes:
        part = os.read(self.fd, min(size, _PIECE))
        if not part:
            leave()
        return part


def _content(part: Part) -> bytes:
    source, place, size = part
    return source[place : place + size] if isinstance(source, bytes) else os.pread(source, size, place)


def _executable_file() -> int:
    """A file in memory that may be executed, also where the kernel wants that to be said."""
    try:
        return os.memfd_create("program", _MFD_CLOEXEC | _MFD_EXEC)
    except OSError:  # a kernel before 6.3, which allows it of every file
        return os.memfd_create("program")


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
