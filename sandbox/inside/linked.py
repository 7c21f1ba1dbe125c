"""Programs that are judged by a test that uses their objects.

    Linked      the program and its test in a process each, which talk over a socket: neither is in the other's reach
    Together    the test in the program's own process, which gets the text when the program has come to its last line
    Alone       the test without any program

Linked processes have the limits of one test each, and one clock: who waits for the other is not idle while that one
computes. When one has ended, or was stopped at a limit of its own, the other finds the link closed, and goes on for as
long as it may.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING

from .ahead import OWNER
from .files import copy
from .idle import LATE, SAMPLE, Idle
from .kernel import SOCK_STREAM, socket_pair
from .lane import Lane
from .program import PREEMPTED, Program, Refused
from .zygote import REFUSED

if TYPE_CHECKING:
    from .channel import Part
    from .testing import Task
    from .zygote import Ended, Zygote


class Linked(Program):
    """Its tests are two: the program's process, with the first input, and that of the test, with the other."""

    def prepare(self) -> None:
        self.zygote = self.runner.zygote_for(self.job, OWNER)
        for zygote in (self.zygote, self.runner.tester):
            self._wake(zygote)

    def _run_next(self) -> bool:
        confirms = bool(self._fresh)
        self._queue.clear()
        self._fresh.clear()
        sides = self._sides(confirms=confirms)
        self._started = time.monotonic()
        try:
            for side in sides:
                side.start()
            return self._watch_sides(sides)
        finally:
            self.runner.empty_folders()
            for side in sides:
                side.lane.close()

    def _sides(self, *, confirms: bool) -> list[Side]:
        """With their files."""
        program, test = self.job.tests
        ours, theirs = socket_pair(SOCK_STREAM)
        first = Lane([program], confirms=confirms, named=self._named_files, more=[ours])
        second = Lane([test], confirms=confirms, bare=self.runner.tester.bare, more=[theirs])
        self._equip(first, *self._input(program), result=False)
        self._equip(second, *self._input(test), result=True)
        self.runner.fill_folders(self.job)
        # Neither's threads are the other's concern. Of the test there is one at least.
        its_own = self._task(first, others=1)
        of_test = self._task(second, others=1 + self.job.limits["threads"])
        of_test = of_test._replace(mode="test", text=False, ends=False, noted=())
        return [Side(first, self.zygote, its_own), Side(second, self.runner.tester, of_test)]

    def _watch_sides(self, sides: list[Side]) -> bool:
        """Wait for both, and send what came of them: whether anything did."""
        self._wait_for(sides)
        if any(side.stopped_by is PREEMPTED for side in sides):
            self._queue += self.job.tests
            return False
        rows: list[tuple[object, ...]] = []
        parts: list[Part] = []
        for side in sides:
            assert side.ended is not None
            row, part = self._results(side.lane, side.stopped_by, side.ended, side.wall)
            rows += row
            parts += part
        if self._fresh:  # one of them is run again, so both are
            return False
        self._channel.send({"type": "results", "job": self.job.number, "worn": self.runner.worn, "rows": rows}, parts)
        return True

    def _wait_for(self, sides: list[Side]) -> None:
        """Until both have ended, by themselves or at a limit."""
        limits = self.job.limits
        running = [*sides]
        idle = Idle(self._started)
        for side in sides:
            self._poll.register(side.zygote.fd, select.POLLIN)
        while running:
            left = min(limits["cpu_time"] - side.cpu for side in running)
            wait = max(1, int(min(left, SAMPLE) * 1000) + 1)
            awake = time.monotonic() + wait / 1000 + LATE
            ready = {fd for fd, _ in self._poll.poll(wait)}
            for side in [side for side in running if side.zygote.fd in ready]:
                self._poll.unregister(side.zygote.fd)
                side.end(time.monotonic() - self._started)
                running.remove(side)
                idle.interrupt()
            if any(side.refused for side in sides):
                for side in running:
                    side.stop(PREEMPTED)
            elif self._channel.fd in ready and not self._ended:
                self._obey()
                if self._ended or not sides[0].lane.confirms:
                    for side in running:
                        side.stop(PREEMPTED)
            if ready:
                continue
            forked = all(side.begun for side in running)
            looks = [side.look() for side in running]
            if not all(looks):  # one has ended, which is about to be told
                continue
            now = time.monotonic()
            idle.look(now, sum(side.cpu for side in running), in_time=forked and now < awake)
            common = None
            if idle.seconds >= limits["idle_time"]:
                common = "idle_time"
            elif now - self._started >= limits["wall_time"]:
                common = "wall_time"
            elif self.runner.full():
                common = "memory"
            for side in running:
                if (limit := "cpu_time" if side.cpu >= limits["cpu_time"] else common) is not None:
                    side.stop(limit)
        for side in sides:
            if side.refused and side.ended is not None:
                raise Refused(side.ended.status)


class Side:
    """One of two processes."""

    def __init__(self, lane: Lane, zygote: Zygote, task: Task) -> None:
        self.lane = lane
        self.zygote = zygote
        self._task = task
        self._pid: int | None = None
        self.cpu = 0.0
        self.wall = 0.0
        self.stopped_by: str | None = None
        self.ended: Ended | None = None

    def start(self) -> None:
        self.zygote.test(self._task, self.lane.files)
        self.lane.sent()

    @property
    def begun(self) -> bool:
        return self._pid is not None

    @property
    def refused(self) -> bool:
        """The host had no process for it."""
        return self.ended is not None and self.ended.request == REFUSED

    def look(self) -> bool:
        """At the clock of the processor time that it has used. False: it has ended, or never begun."""
        if self._pid is None:
            self._pid = self.zygote.pid()
        if self._pid is None:
            return False
        try:
            self.cpu = time.clock_gettime((~self._pid << 3) | 2)
        except OSError:
            return False
        return True

    def stop(self, limit: str) -> None:
        """At this limit, if it has neither ended nor been stopped. That it has ended is told later."""
        if self.stopped_by is None and self.look() and self._pid is not None:
            self.stopped_by = limit
            try:
                os.kill(self._pid, signal.SIGKILL)
            except OSError:  # it ended this moment, by itself
                self.stopped_by = None

    def end(self, wall: float) -> None:
        """As it has."""
        self.ended = self.zygote.reply()
        self.wall = wall


class Alone(Program):
    """A test without any program."""

    def prepare(self) -> None:
        self.zygote = self.runner.tester
        self._wake(self.zygote)


class Together(Alone):
    """The input of its test is the text that the process is given when it asks for it."""

    def _next_lane(self) -> Lane:
        confirms = bool(self._fresh)
        tests = [(self._fresh or self._queue).pop(0)]
        lane = Asking(tests, confirms=confirms, named=self._named_files, bare=self.zygote.bare)
        self._equip(lane, 0, 0, result=True)
        self.runner.fill_folders(self.job)
        return lane

    def _hear(self, lane: Lane) -> None:
        """It asks for the text, or has closed what it might ask with."""
        self._poll.unregister(lane.watched)
        if os.read(lane.watched, 1):
            lane.go_on(self.job.inputs, *self._input(lane.tests[0]))
        lane.dismiss()


class Asking(Lane):
    """A test whose process asks for its text."""

    def __init__(self, tests: list[int], *, confirms: bool, named: bool, bare: int) -> None:
        self._text = os.memfd_create("text")
        ours, theirs = socket_pair()
        super().__init__(tests, confirms=confirms, named=named, bare=bare, more=[os.dup(self._text), theirs])
        self.watched = ours

    @property
    def listens(self) -> bool:
        return True

    def hear(self) -> bool:
        return False

    def go_on(self, inputs: int, place: int, size: int) -> bool:
        """Give it the text. False: it has ended, or made the file such that it takes none."""
        try:
            copy(inputs, place, size, self._text)
            os.write(self.watched, b"+")
        except OSError:
            return False
        return True

    def dismiss(self) -> None:
        os.close(self.watched)
        self.watched = -1

    def close(self) -> None:
        super().close()
        os.close(self._text)
