"""Standard error, written by a thread: who logs never waits for whoever reads it, or for a disk that is full.

All that Python writes there goes this way: logs, warnings, tracebacks. What there is no room for is dropped, and told
once something can be written again. The queue listener of the standard library takes records of `logging` alone, and
its end waits for the reader.
"""

from __future__ import annotations

import atexit
import io
import os
import select
import sys
import threading
from collections.abc import Callable

from ...sandbox.limits import MIB

ROOM = 4 * MIB
"""Bytes that may wait."""
LAST, LAST_AT_ONCE = 3.0, 0.2
"""Seconds that the end of the process waits for what is still to be written."""


class Outlet(io.RawIOBase):
    """A binary stream for one descriptor, for any number of threads.

    ``tell`` renders the line that says how many were dropped; ``dropped`` is told of each loss.
    """

    def __init__(self, descriptor: int, tell: Callable[[int], bytes], room: int = ROOM) -> None:
        super().__init__()
        self.dropped: Callable[[int], object] = lambda lines: None
        self.last = LAST
        self._descriptor = descriptor
        self._tell = tell
        self._room = room
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._bytes = 0
        """Of what waits, and of what is being written."""
        self._lost = 0
        """Lines that nobody was told of yet."""
        threading.Thread(target=self._work, name="microcoder-log", daemon=True).start()

    @classmethod
    def instead_of_stderr(cls, tell: Callable[[int], bytes]) -> Outlet:
        """From now to the end of the process, which waits a little for what is still to be written."""
        outlet = cls(sys.stderr.fileno(), tell)
        sys.stderr = io.TextIOWrapper(outlet, "utf-8", "backslashreplace", line_buffering=True)  # type: ignore[arg-type]
        atexit.register(outlet.drain)
        return outlet

    def drain(self) -> None:
        """Wait a little for what is still to be written."""
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes, self.last)

    # -- a stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        text = bytes(data)
        with self._changed:
            fits = self._bytes + len(text) <= self._room
            if fits:
                self._waiting.append(text)
                self._bytes += len(text)
                self._changed.notify_all()
        if not fits:
            self._lose(text.count(b"\n"))
        return len(text)

    # -- in the thread

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                text, self._waiting = b"".join(self._waiting), []
            if unwritten := self._put(text):
                self._lose(unwritten.count(b"\n"))
            else:
                self._tell_of_losses()
            with self._changed:
                self._bytes -= len(text)
                self._changed.notify_all()

    def _tell_of_losses(self) -> None:
        with self._changed:
            lost, self._lost = self._lost, 0
        if lost and self._put(self._tell(lost)):
            with self._changed:
                self._lost += lost

    def _put(self, text: bytes) -> bytes:
        """What could not be written: the disk is full, or nobody will ever read it."""
        while text:
            try:
                text = text[os.write(self._descriptor, text) :]
            except BlockingIOError:  # whoever shares the descriptor wants it so
                select.select([], [self._descriptor], [])
            except OSError:
                break
        return text

    def _lose(self, lines: int) -> None:
        with self._changed:
            self._lost += lines
        self.dropped(lines)
