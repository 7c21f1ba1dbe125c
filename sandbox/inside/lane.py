"""Tests of one program that one process runs in turn, and how it tells its watcher of each."""

from __future__ import annotations

import os
import struct

LANE_TESTS = 32
LANE_SLICE = 0.010
"""Processor seconds after which a lane takes no further test."""
LANE_BYTES = 4 << 20
"""Bytes of output after which a lane takes no further test, and the largest file it may write."""
SPARE_MEMORY = 512 << 20
"""Of RLIMIT_DATA above the limit: thread stacks are reserved and mostly never touched."""

SLOT = struct.Struct("=QQQQQ")
"""What a lane tells its watcher of each test, in a file: state, processor ns, wall ns, peak KiB, end of its stderr."""
PENDING, RUNNING, CLEAN, FAILED, OUT_OF_MEMORY = range(5)


class Lane:
    """Tests that one test process runs in turn, with their files."""

    def __init__(self, tests: list[int]) -> None:
        self.tests = tests
        self.stdin: list[int] = []
        self.stdout: list[int] = []
        self.result: list[int] = []
        self.stderr = -1

    @property
    def several(self) -> bool:
        return len(self.tests) > 1

    def close(self) -> None:
        for fd in (*self.stdin, *self.stdout, *self.result, self.stderr):
            os.close(fd)
