"""How many workers the host has room for, by all that each of them may use.

A limit is what a program may use, not what it takes: more workers than that run well, until several programs want all
of theirs at the same time. That costs no verdict (evaluator/attempt.py), but time.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from .errors import JailUnavailable
from .kinds import PYTHON
from .limits import MIB, Limits
from .shortage import Shortages, left_to_user

BARE_MEMORY = 48 * MIB
"""That a worker takes, and what belongs to it, without a program."""
TESTING_MEMORY = 48 * MIB
"""That it takes besides once there was a test that uses a program's objects: pytest, and what programs may import."""
PROCESSES = 2
"""That a program is judged in: its own, and that of a test that is linked to it."""
MEMORY_FILES = 4
"""That each may fill besides the folders: its streams and the result. Each may be as large as the largest of its
files."""
BARE_PROCESSES = 9
"""The jail, its runner, zygotes and both of these."""
DESCRIPTORS = 12
"""Of the evaluator for each worker, with what compares its outputs and what is open while another starts."""
OWN_PROCESSES = 8
"""Threads of the evaluator itself that may still come."""
OWN_DESCRIPTORS = 64


class Room(NamedTuple):
    """What there is of one thing."""

    name: str
    where: str
    """What limits it."""
    unit: int
    """Bytes, or 1, that are told as one."""
    left: int
    """What workers may take."""
    bare: int
    """That a worker takes without a program."""
    full: int
    """That it may take with one."""
    own: int = 0
    """That the evaluator may still take itself."""

    @property
    def workers(self) -> int:
        """That fit, each with a program that uses all it may."""
        return max(0, (self.left - self.own) // self.full)

    @property
    def hopeless(self) -> bool:
        """Not even one can start."""
        return self.left < self.bare

    def told(self, workers: int) -> str:
        """For the operator."""
        each = self.bare if self.hopeless else workers * self.full + self.own
        need = f"{-(-each // self.unit)} {'MiB of ' * (self.unit == MIB)}{self.name}"
        left = f"{max(0, self.left // self.unit)} are left ({self.where})"
        if self.hopeless:
            return f"one worker needs {need}, and {left}"
        who = "1 worker" if workers == 1 else f"{workers} workers"
        fit = f"{self.workers} fit" if self.workers > 1 else f"{self.workers or 'not even one'} fits"
        return f"{who} may need {need}, and {left}: {fit}"


def rooms(limits: Limits) -> Iterator[Room]:
    """What bounds the number of workers whose programs have these limits. Measured now: ask before they start."""
    shortages = Shortages()
    try:
        memory, processes = shortages.memory(), shortages.processes()
    finally:
        shortages.close()
    files = MEMORY_FILES * max(limits.output, limits.file_size)
    full = BARE_MEMORY + TESTING_MEMORY + PROCESSES * (limits.memory + files) + 2 * PYTHON.tmpfs
    available = psutil.virtual_memory().available
    if memory is None or memory > available:
        yield Room("memory", "of this machine", MIB, available, BARE_MEMORY, full)
    else:
        yield Room("memory", "of this cgroup", MIB, memory, BARE_MEMORY, full)
    name, full = "processes and threads", BARE_PROCESSES + PROCESSES * limits.threads
    if processes is not None:
        yield Room(name, "pids.max of this cgroup", 1, processes, BARE_PROCESSES, full, OWN_PROCESSES)
    if (left := left_to_user()) is not None:
        yield Room(name, "ulimit -u", 1, left, BARE_PROCESSES, full, OWN_PROCESSES)
    if (left := open_files_left(resource.getrlimit(resource.RLIMIT_NOFILE)[1])) is not None:
        yield Room("open files", "ulimit -Hn", 1, left, DESCRIPTORS, DESCRIPTORS, OWN_DESCRIPTORS)


def open_files_left(most: int | None = None) -> int | None:
    """Files that this process may still open, None: any number. ``most``: of this limit instead of its own."""
    if most is None:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if most == resource.RLIM_INFINITY else max(0, most - len(os.listdir("/proc/self/fd")))


def raise_open_files() -> None:
    """Raise the limit on open files of this process to its hard limit: that one is the administrator's, the other is
    there for programs that wait with select(2). Runners lower theirs again."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):  # it is above fs.nr_open
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def make_room(workers: int) -> None:
    """Raise that limit where so many workers need it, and leave it alone where they do not."""
    left = open_files_left()
    if left is not None and left < workers * DESCRIPTORS + OWN_DESCRIPTORS:
        raise_open_files()


def check(workers: int, limits: Limits) -> list[str]:
    """What there is too little of for so many workers, in words. Raises JailUnavailable where none can start."""
    most, wanted = resource.getrlimit(resource.RLIMIT_FSIZE)[1], max(limits.output, limits.file_size)
    if most != resource.RLIM_INFINITY and most <= wanted:
        raise JailUnavailable(f"programs may write {wanted} bytes, and no process more than {most} here (ulimit -Hf)")
    short = [room for room in rooms(limits) if room.workers < workers]
    if any(room.hopeless for room in short):
        raise JailUnavailable("; ".join(room.told(workers) for room in short if room.hopeless))
    return [room.told(workers) for room in short]
