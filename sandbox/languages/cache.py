"""What compilers made, kept on disk: by content, bounded, shared by all evaluators of a user.

The folder is ``$MICROCODER_CACHE``, else ``$XDG_CACHE_HOME/microcoder``, else ``~/.cache/microcoder``; one that
disappears with the process where none of them can be written.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
import time
from functools import cache
from pathlib import Path

from ..limits import MIB
from ..temporary import TemporaryFolder, sweep

PROGRAMS, HEADERS = "programs", "headers"
BYTES = 1024 * MIB
"""Of programs, give or take what is written between two looks. The least recently used go first."""
_LOOK_EVERY = 32 * MIB
"""Bytes written between two looks at the size of the whole."""


@cache
def folder() -> Path:
    """Where things are kept."""
    place = _wanted()
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=place):
            return place
    except OSError:
        made = TemporaryFolder("cache")
        atexit.register(made.remove)
        return made.path


def sweep_all() -> None:
    """Remove what killed processes of this user left here and where temporary files are."""
    sweep(Path(tempfile.gettempdir()), _wanted() / PROGRAMS, _wanted() / HEADERS)


def _wanted() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("MICROCODER_CACHE") or home / "microcoder")


class Cache:
    """Programs by key, a hexadecimal digest of all that they are made from. Safe between processes and threads."""

    def __init__(self, place: Path | None = None, size: int = BYTES) -> None:
        self._place = place or folder() / PROGRAMS
        self._size = size
        self._written = _LOOK_EVERY

    def get(self, key: str) -> bytes | None:
        path = self._path(key)
        try:
            data = path.read_bytes()
            _used(path)
        except OSError:
            return None
        return data

    def put(self, key: str, data: bytes) -> None:
        """Kept where there is room; a disk that is full costs time, not verdicts."""
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryFolder("program", self._place) as made:
                (made / key).write_bytes(data)
                _used(made / key)
                os.replace(made / key, path)
            self._written += len(data)
            if self._written >= _LOOK_EVERY:
                self._written = 0
                self._drop_old()

    def _path(self, key: str) -> Path:
        return self._place / key[:2] / key

    def _drop_old(self) -> None:
        kept = 0
        found = [(path.stat(), path) for path in self._place.rglob("*") if path.is_file()]
        for status, path in sorted(found, key=lambda one: -one[0].st_mtime_ns):
            kept += status.st_size
            if kept > self._size:
                path.unlink(missing_ok=True)


def _used(path: Path) -> None:
    """Now, by a clock that is finer than the file system's own: that one moves in steps of milliseconds."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))
