"""Tests of one program that one process runs in turn, and how it gets their inputs.

The process has the files of one test: those of the next take their place. When a test has ended, the process says so
(``Note``), makes itself ready for another and waits. What the test has put out is kept where no program reaches it, and
only then the next input is written: a test can read its own, and what comes after cannot change its answer.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from .channel import Part
from .files import copy
from .kernel import size_of

LANE_TESTS = 32
STAYING_TESTS = 8
"""From so many on, process and runner stay on one processor while they take turns: waking the other elsewhere takes
longer than a quick test."""
LANE_SLICE = 0.010
"""Processor seconds after which a lane takes no further test."""
LANE_BYTES = 4 << 20
"""Bytes that the tests of a lane have put out together after which it takes no further test, and the largest file it
may write."""
SPARE_MEMORY = 512 << 20
"""Of RLIMIT_DATA above the limit: thread stacks are reserved and mostly never touched."""

_AT_ONCE = 16 << 10

CLEAN, FAILED, OUT_OF_MEMORY = range(1, 4)
LACKED_MEMORY = 1 << 40
"""Where the standard input stands when the one test of a process has ended for want of memory."""


class Note(NamedTuple):
    """What a test process tells its watcher of a test, in these words of eight bytes."""

    state: int = 0
    """0: nothing is told of a test. The process has not begun the one whose input it got, and begins no other."""
    more: int = 0
    """Whether it takes another test."""
    cpu: int = 0
    """Nanoseconds."""
    wall: int = 0
    """Nanoseconds."""
    peak: int = 0
    """KiB of memory."""
    stderr: int = 0
    """Bytes of standard error, those of the tests before included."""


NOTE = struct.Struct("=QQQQQQ")


class Lane:
    """Tests that one test process runs in turn, with its files."""

    def __init__(
        self, tests: list[int], *, confirms: bool = False, named: bool = False, bare: int = 0, more: Sequence[int] = ()
    ) -> None:
        self.tests = tests
        self.confirms = confirms
        """The host, or doubt about a lane, asked for it: nothing else comes first."""
        self.named = named
        """Its streams are opened by name: they are regular files with these names."""
        self.bare = bare
        """KiB of memory that the process has before it does anything, and that count for nobody."""
        self.stdin = self.stdout = self.stderr = -1
        self.result: int | None = None
        self.begun = 1
        """How many tests the process has had the input of."""
        self.notes: list[Note] = []
        self.kept: list[tuple[bytes, bytes]] = []
        """What the tests before the present one wrote to stdout, and their results."""
        self._bytes = 0
        self.watched = self._go = -1
        self._theirs = [*more]
        if len(tests) > 1:
            self.watched, told = os.pipe()
            go, self._go = os.pipe()
            self._theirs = [told, go]

    @property
    def several(self) -> bool:
        return len(self.tests) > 1

    @property
    def stays(self) -> bool:
        """On one processor."""
        return len(self.tests) >= STAYING_TESTS

    @property
    def more(self) -> int:
        """How many files the process has besides its streams and the result."""
        return len(self._theirs)

    @property
    def listens(self) -> bool:
        """Whether somebody is to look at ``watched``."""
        return self.begun < len(self.tests)

    @property
    def files(self) -> list[int]:
        """In the order that a test process expects."""
        return [self.stderr, self.stdin, self.stdout, *([] if self.result is None else [self.result]), *self._theirs]

    def sent(self) -> None:
        """The test process has its files: from now on its end shows on ``watched``."""
        self._close_theirs()

    def fill(self, inputs: int, place: int, size: int) -> None:
        """Make a part of a file the standard input."""
        copy(inputs, place, size, self.stdin)
        os.lseek(self.stdin, 0, os.SEEK_SET)

    def hear(self) -> bool:
        """What the process tells next. False: nothing that makes sense, or that it needs no further input."""
        message = os.read(self.watched, NOTE.size)
        if len(message) != NOTE.size or len(self.notes) == self.begun:
            return False
        note = Note._make(NOTE.unpack(message))
        if not note.state:
            self.begun = len(self.notes) or self.begun
            return False
        self.notes.append(note)
        return bool(note.more) and len(self.notes) < len(self.tests)

    def go_on(self, inputs: int, place: int, size: int) -> bool:
        """Keep what the present test has put out; then let the next begin, with a part of a file as its input. False:
        there is enough, or the process has made its files such that they take none, or as much as they held."""
        try:
            result = b"" if self.result is None else _taken(self.result)
            stdout = _taken(self.stdout)
            self.kept.append((stdout, result))
            self._bytes += len(stdout) + len(result)
            if self._bytes > LANE_BYTES:
                return False
            self._next_input(inputs, place, size)
        except OSError:
            return False
        try:
            os.write(self._go, b"+")
        except OSError:  # it has ended, or closed its end
            pass
        self.begun += 1
        return True

    def _next_input(self, inputs: int, place: int, size: int) -> None:
        if size <= _AT_ONCE:
            os.pwrite(self.stdin, os.pread(inputs, size, place), 0)
        else:
            os.lseek(self.stdin, 0, os.SEEK_SET)
            copy(inputs, place, size, self.stdin)
            os.lseek(self.stdin, 0, os.SEEK_SET)
        os.ftruncate(self.stdin, size)

    def dismiss(self) -> None:
        """The process gets no further input, and ends where it waits for one."""
        os.close(self.watched)
        os.close(self._go)
        self.watched = self._go = -1

    def noted(self, place: int) -> Note:
        """What the process told of one test."""
        if self.several:
            return self.notes[place] if place < len(self.notes) else Note()
        return Note(OUT_OF_MEMORY if os.lseek(self.stdin, 0, os.SEEK_CUR) == LACKED_MEMORY else 0)

    def put_out(self, place: int) -> tuple[Part, Part]:
        """What one test wrote to stdout, and its result. The process has ended."""
        if place < len(self.kept):
            stdout, result = self.kept[place]
            return Part(stdout, 0, len(stdout)), Part(result, 0, len(result))
        nothing = Part(b"", 0, 0)
        return _whole(self.stdout), nothing if self.result is None else _whole(self.result)

    def take_result(self, file: int) -> None:
        """A file of the runner's own in the place of what the process may have written its result to."""
        if self.result is not None:
            os.close(self.result)
        self.result = file

    def close(self) -> None:
        for fd in (self.stderr, self.stdin, self.stdout, self.result):
            if fd is not None:
                os.close(fd)
        if self.watched >= 0:
            self.dismiss()
        self._close_theirs()

    def _close_theirs(self) -> None:
        while self._theirs:
            os.close(self._theirs.pop())


def _whole(file: int) -> Part:
    return Part(file, 0, size_of(file))


def _taken(file: int) -> bytes:
    """What is in the file, which is empty then."""
    content = os.pread(file, _AT_ONCE, 0)
    if len(content) == _AT_ONCE:
        content += os.pread(file, 2 * LANE_BYTES, _AT_ONCE)
    if content:
        os.ftruncate(file, 0)
    return content
