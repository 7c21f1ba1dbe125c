"""Leaves nothing of one program for the next."""

from __future__ import annotations

import os
import signal
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

MOST_FILES = 1 << 14
"""In one folder: a kibibyte each of the kernel's memory, and half a second to remove. nsjail allows fewer."""


def sweep_processes() -> None:
    """Kill and reap everything in the jail but process 1."""
    if os.getpid() == 1:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def leave() -> NoReturn:
    """End the runner, the host being gone, and with it whatever it started."""
    # What is waited for here counts with the children of whoever waits for this process, in getrusage(2).
    if os.getpid() == 1:
        sweep_processes()
    elif os.getsid(0) == os.getpid():  # in no jail: what it started is in its session, which no program can leave
        end_session()
    os._exit(0)


def end_session() -> None:
    """Kill everything in this process's session but itself."""
    own = os.getpid()
    while others := [
        pid for name in os.listdir("/proc") if name.isdigit() and (pid := int(name)) != own and _ours(pid)
    ]:
        for pid in others:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def _ours(pid: int) -> bool:
    """Whether a process is of this session, and has not ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
    except OSError:
        return False
    return int(session) == os.getsid(0) and state not in (b"Z", b"X")


class Folder:
    """One that programs may write to."""

    def __init__(self, path: str, kept: str | None = None) -> None:
        """``kept``: name of a file that is always in it."""
        self.path = path
        self._kept = None if kept is None else KeptFile(os.path.join(path, kept))
        self._own = os.stat(path).st_uid == os.geteuid()
        self._files = self._held() if os.path.ismount(path) else None
        """What its file system holds without those of programs. None: others use that, too."""
        self._clean = self._state() if self._counts() else None
        """How it looks when nobody has touched it since it was emptied. None: looks do not tell."""

    def empty(self) -> None:
        """Remove everything inside, and put its times back to the present, where anything was done in it."""
        same = self._kept is None or self._kept.same()
        if self._clean is not None and same and self._state() == self._clean:
            return
        if self._own:
            os.chmod(self.path, 0o1777)
        empty_folder(os.fsencode(self.path))
        if self._kept is not None:
            self._kept.make()
        os.utime(self.path)
        if self._clean is not None:
            self._clean = self._state()

    def fill(self, content: bytes) -> None:
        """The file that is always in it, which a program may have written to."""
        if self._kept is not None:
            self._kept.fill(content)

    def full(self) -> bool:
        """Whether a program made more than MOST_FILES in it."""
        return self._files is not None and self._held() - self._files > MOST_FILES

    def _held(self) -> int:
        """Files on its file system, where that counts them."""
        found = os.statvfs(self.path)
        return found.f_files - found.f_ffree

    def _state(self) -> tuple[int, ...]:
        """Times alone would not do: many clocks move in steps of milliseconds."""
        found = os.stat(self.path)
        return found.st_size, found.st_nlink, found.st_mode, found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns

    def _counts(self) -> bool:
        """Whether every file in it adds to its size, as in tmpfs."""
        before, name = os.stat(self.path).st_size, os.path.join(self.path, ".file")
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL, 0o600))
            within = os.stat(self.path).st_size
            os.unlink(name)
        except OSError:
            return False
        return within > before == os.stat(self.path).st_size


class KeptFile:
    """In which each program finds its own text."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = -1
        self.make()

    def make(self) -> None:
        """Where there is none."""
        if self._file >= 0:
            os.close(self._file)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._made = self._state()

    def same(self) -> bool:
        """Whether it is the same file, whatever has been written to it."""
        return self._state() == self._made

    def fill(self, content: bytes) -> None:
        written = 0
        while written < len(content):
            written += os.pwrite(self._file, content[written:], written)
        os.ftruncate(self._file, written)

    def _state(self) -> tuple[int, ...]:
        """All that filling it leaves."""
        try:
            found = os.lstat(self.path)
        except OSError:
            return ()
        return found.st_ino, found.st_mode, found.st_nlink, found.st_atime_ns


def empty_folder(folder: bytes) -> None:
    """Remove everything inside. Subfolders are moved up instead of descended into: no depth can hurt."""
    serial = 0
    while names := os.listdir(folder):
        for name in names:
            path = os.path.join(folder, name)
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for child in os.listdir(path):
                source = os.path.join(path, child)
                if stat.S_ISDIR(os.lstat(source).st_mode):
                    os.chmod(source, 0o700)
                while os.path.lexists(target := os.path.join(folder, b".%d" % serial)):
                    serial += 1
                os.rename(source, target)
                serial += 1
            os.rmdir(path)
