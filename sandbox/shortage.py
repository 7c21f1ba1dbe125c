"""What the host had too little of while a program ran.

A program can end itself by SIGKILL and say of itself what it likes, so nothing that it does is evidence. What is: the
counters of the kernel that move when it ends a process for want of memory, or refuses one for want of numbers. They are
looked at when a program has failed, and never for one that was accepted.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from .cgroups import Cgroup, cgroups
from .errors import HostShortage

_REFUSALS = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOBUFS})
"""What the kernel says when there is no process, memory, room in files or descriptor left."""
T = TypeVar("T")
_VMSTAT = Path("/proc/vmstat")


class Kind(StrEnum):
    """What was short."""

    MEMORY = "memory"
    PROCESSES = "processes"


class Shortages:
    """Of the cgroups of this process, or of the whole host where it is in none."""

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._memory = cgroups("memory", proc)
        self._processes = cgroups("pids", proc)
        self._counters = [*_kills(self._memory), *_refusals(self._processes)]
        self._noticed = dict.fromkeys(Kind, 0.0)

    def close(self) -> None:
        while self._counters:
            self._counters.pop().close()

    def now(self) -> float:
        """A moment to ask ``since`` for: what happened before does not count."""
        self._look()
        return time.monotonic()

    def since(self, moment: float) -> set[Kind]:
        """What may have been short since that moment of the monotonic clock: at least what was."""
        self._look()
        return {kind for kind, noticed in self._noticed.items() if noticed > moment}

    def memory(self) -> int | None:
        """Bytes that programs may still take, None: as much as there is."""
        return min((left for group in self._memory if (left := _memory_left(group)) is not None), default=None)

    def processes(self) -> int | None:
        """Processes and threads that may still be made, None: no cgroup limits them."""
        return min((left for group in self._processes if (left := _processes_left(group)) is not None), default=None)

    def told(self, kinds: set[Kind]) -> str:
        """In words, with the files that say so."""
        return "; ".join(
            f"{_TOLD[kind]} ({', '.join(counter.name for counter in self._counters if counter.kind is kind)} moved)"
            for kind in sorted(kinds)
        )

    def _look(self) -> None:
        for counter in self._counters:
            if counter.moved():
                self._noticed[counter.kind] = time.monotonic()


_TOLD = {
    Kind.MEMORY: "the kernel ended processes for want of memory",
    Kind.PROCESSES: "the kernel refused processes or threads",
}


class _Counter:
    """One line ``word N`` of a file of the kernel, which is kept open: to look costs microseconds."""

    def __init__(self, kind: Kind, path: Path, word: str) -> None:
        self.kind = kind
        self.name = f"{word} in {path}"
        self._word = word.encode() + b" "
        self._file = os.open(path, os.O_RDONLY)
        self._last = self._read()

    def moved(self) -> bool:
        """Since the last look."""
        last, self._last = self._last, self._read()
        return self._last != last

    def close(self) -> None:
        os.close(self._file)

    def _read(self) -> int:
        text = b"\n" + os.pread(self._file, 1 << 16, 0)
        _, found, rest = text.partition(b"\n" + self._word)
        return int(rest.split(b"\n", 1)[0]) if found else 0


def _kills(memory: list[Cgroup]) -> list[_Counter]:
    """The kernel counts a kill in the cgroup of the process, whichever limit it was for; in version 2 also above it."""
    for group in memory:
        name = "memory.events" if group.version == 2 else "memory.oom_control"
        if "oom_kill" in group.table(name):
            return [_Counter(Kind.MEMORY, group.folder / name, "oom_kill")]
    return [_Counter(Kind.MEMORY, _VMSTAT, "oom_kill")] if _VMSTAT.exists() else []


def _refusals(processes: list[Cgroup]) -> list[_Counter]:
    """Older kernels count a refusal where the process is, newer ones where the limit is."""
    files = [group.folder / "pids.events" for group in processes]
    return [_Counter(Kind.PROCESSES, file, "max") for file in files if file.exists()]


def _memory_left(group: Cgroup) -> int | None:
    """What files hold in memory is given back when it is needed."""
    if group.version == 2:
        limit, used, prefix = group.number("memory.max"), group.number("memory.current"), ""
    else:
        limit, used, prefix = group.number("memory.limit_in_bytes"), group.number("memory.usage_in_bytes"), "total_"
    if limit is None or used is None:
        return None
    stat = group.table("memory.stat")
    return limit - used + sum(stat.get(f"{prefix}{name}", 0) for name in ("active_file", "inactive_file"))


def _processes_left(group: Cgroup) -> int | None:
    limit, used = group.number("pids.max"), group.number("pids.current")
    return None if limit is None or used is None else limit - used


def left_to_user() -> int | None:
    """Processes and threads that ``ulimit -u`` leaves, None: it does not limit this user. The kernel does not count
    what it refuses by it. Takes a millisecond for some hundred processes."""
    most, user = resource.getrlimit(resource.RLIMIT_NPROC)[0], os.getuid()
    if os.geteuid() == 0 or most == resource.RLIM_INFINITY:
        return None
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended
                if entry.stat().st_uid == user:
                    most -= os.stat(f"{entry.path}/task").st_nlink - 2
    return max(0, most)


def refused(error: OSError) -> bool:
    """Whether the kernel refused what this process needs, for want of it."""
    return error.errno in _REFUSALS


@contextmanager
def refusals(of: str) -> Generator[None]:
    """Where the kernel refuses what this process needs, that is HostShortage."""
    try:
        yield
    except OSError as error:
        if not refused(error):
            raise
        raise HostShortage(f"{of}: {error.strerror}") from error


async def in_thread(function: Callable[..., T], *arguments: object) -> T:
    """What the function returns. Raises HostShortage where there is no thread for it."""
    try:
        future = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    except RuntimeError as error:  # the pool of threads could not start another
        raise HostShortage(f"no thread: {error}") from error
    return await future
