"""How long test processes have waited without using a processor."""

from __future__ import annotations

import os

SAMPLE = 0.2
"""Seconds, at least, over which we see whether a test was blocked; and at most between two looks at its clock."""
LATE = 0.05
"""Seconds after which a look comes too late to say whether a test was blocked."""


def _weight() -> float:
    """What this process, and what it starts, gets of a processor beside one of ordinary priority, as sched(7) says."""
    if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_IDLE:
        return 3 / 1024
    return 1.25 ** -max(0, os.getpriority(os.PRIO_PROCESS, 0))


_SHARE = 0.005 * _weight()
"""Of a sample. A test that used less was blocked; one that waits for a processor gets more even under high load."""


class Idle:
    def __init__(self, started: float) -> None:
        self.seconds = 0.0
        self._before: float | None = None
        """The sample before, where it counts once another one follows."""
        self._seen_at = started
        self._seen_cpu = 0.0
        self._in_time = False

    def look(self, now: float, cpu: float, *, in_time: bool) -> None:
        """``cpu``: the processor time that they have used; ``in_time``: they had begun, and this look is none too late.

        Before a process forked it may not have begun. Where we had to wait for a processor ourselves, so may it; and
        where many do, one sample may find it without: two in a row count, however often we look.
        """
        self._in_time = self._in_time and in_time
        if (sample := now - self._seen_at) < SAMPLE:
            return
        if not (self._in_time and cpu - self._seen_cpu < _SHARE * sample):
            self._before = None
        elif self._before is None:
            self._before = sample
        else:
            self.seconds += self._before + sample
            self._before = 0.0
        self._seen_cpu, self._seen_at, self._in_time = cpu, now, True

    def interrupt(self) -> None:
        """What was seen since the last sample says nothing: one of them has ended."""
        self._before, self._in_time = None, False
