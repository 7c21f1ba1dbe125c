"""Reports that are there before their turn, in a file beside that of all: whatever ends the run, none is lost."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..report import Report
from .terminal import say

STALE = 1 << 20
"""Bytes of rows that nobody needs any more, from where on they are removed before the end of the run."""

_decoder = msgspec.json.Decoder(tuple[int, Report])


class Ahead:
    """Rows ``[place in the input, report]``. The file is there only while it holds what the other one does not."""

    def __init__(self, beside: Path) -> None:
        self.path = beside.with_name(f"{beside.name}.ahead")
        self._file: BinaryIO | None = None
        self._works = True
        self._size = 0

    def held(self) -> dict[int, Report]:
        """Reports that an interrupted run has left, by place. A torn last row is none."""
        found: dict[int, Report] = {}
        with contextlib.suppress(OSError):
            for line in self.path.read_bytes().splitlines(keepends=True):
                with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    if line.endswith(b"\n"):
                        place, report = _decoder.decode(line)
                        found[place] = report
        return found

    def add(self, place: int, row: bytes) -> None:
        """``row``: the report as JSON. Where there can be no such file, that is said, once."""
        if not self._works:
            return
        try:
            if self._file is None:
                self._file = self.path.open("ab")
                self._file.write(b"\n" if self._file.tell() else b"")  # after a torn row
            self._size += self._file.write(b"[%d,%s]\n" % (place, row))
            self._file.flush()
        except OSError as error:
            self._works = False
            lost = "reports that are finished before their turn are lost if this run is interrupted"
            say(f"microcoder-eval: {self.path}: {error.strerror}; {lost}")

    def forget(self) -> None:
        """Nothing that was added is needed any more."""
        if self._size > STALE and self._file is not None:
            self._file.truncate(0)
            self._size = 0

    def close(self, *, needed: bool) -> None:
        """The file stays where it is ``needed``."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        if not needed:
            with contextlib.suppress(OSError):
                self.path.unlink()
