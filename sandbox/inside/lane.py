"""Tests of one program that one process runs in turn, and how it tells its watcher of each."""

from __future__ import annotations

import os
import struct

LANE_TESTS = 32
LANE_SLICE = 0.010
"""Processor seconds after which a lane takes no further test."""
LANE_BYTES = 4 << 20
"""Bytes that the tests of a lane have put out together after which it takes no further test, and the largest file it
may write."""
SPARE_MEMORY = 512 << 20
"""Of RLIMIT_DATA above the limit: thread stacks are reserved and mostly never touched."""

SLOT = struct.Struct("=QQQQQ")
"""What a lane tells its watcher of each test, in a file: state, processor ns, wall ns, peak KiB, end of its stderr."""
PENDING, RUNNING, CLEAN, FAILED, OUT_OF_MEMORY = range(5)


class Lane:
    """Tests that one test process runs in turn, with their files."""

    def __init__(self, tests: list[int], *, confirms: bool = False) -> None:
        self.tests = tests
        self.confirms = confirms
        """The host, or doubt about a lane, asked for it: nothing else comes first."""
        self.stdin: list[int] = []
        self.stdout: list[int] = []
        self.result: list[int] = []
        self.stderr = -1
        self.told = -1
        """Where the lane tells how its tests went, in SLOTs. Made anew for each: a program may spoil it."""

    @property
    def several(self) -> bool:
        return len(self.tests) > 1

    @property
    def files(self) -> list[int]:
        """In the order that a test process expects."""
        return [self.stderr, *self.stdin, *self.stdout, *self.result, self.told]

    def told_of(self, place: int) -> tuple[int, ...]:
        """State and figures of one test."""
        slot = os.pread(self.told, SLOT.size, SLOT.size * place)
        return SLOT.unpack(slot.ljust(SLOT.size, b"\0"))  # the file may end before

    def close(self) -> None:
        for fd in self.files:
            os.close(fd)
