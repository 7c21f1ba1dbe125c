"""Temporary folders that do not outlive their process for long, however it ends.

Each is locked while it is in use, so whoever starts next can tell those that a killed process left, and removes them.
The kernel drops the lock with the last process that holds it, in whichever container that is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

LOCK = "in-use"
"""The file that is locked: removed last, so that a folder without it is empty, or none of ours."""
_NAME = re.compile(r"microcoder-[a-z]+-[a-z0-9_]{8}")


class TemporaryFolder:
    """A new folder, its owner's alone; a context manager that gives its path. Raises OSError.

    ``place``: where it is made, otherwise than where temporary files are.
    """

    def __init__(self, purpose: str, place: Path | None = None) -> None:
        self._process = os.getpid()
        self.lock: int | None = None
        """Descriptor of the lock. A process that inherits it keeps the folder in use."""
        while self.lock is None:
            self.path = Path(tempfile.mkdtemp(prefix=f"microcoder-{purpose}-", dir=place))
            self.lock = _locked(self.path)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """With all that is in it. Does nothing the second time, and in a forked child."""
        if self.lock is not None and self._process == os.getpid():
            _remove(self.path)
            os.close(self.lock)
            self.lock = None


def sweep(*places: Path) -> None:
    """Remove what killed processes of this user left in these folders."""
    for place in places:
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for name in [entry.name for entry in entries if _NAME.fullmatch(entry.name)]:
                with contextlib.suppress(OSError):
                    _sweep(place / name)


def _locked(folder: Path) -> int | None:
    """None: somebody swept it before the lock was there."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        return lock  # this file system has no locks: nobody will sweep here
    if os.fstat(lock).st_nlink:
        return lock
    os.close(lock)
    return None


def _sweep(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        folder.rmdir()  # which fails unless it is empty
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while it is in use
        if os.fstat(lock).st_nlink:
            _remove(folder)
    finally:
        os.close(lock)


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name != LOCK:
                os.unlink(entry.path)
    shutil.rmtree(folder, ignore_errors=True)
