"""An alarm rings once, when it was set to last, and leaves nothing in the loop."""

from __future__ import annotations

import asyncio
import time

import pytest

from microcoder.sandbox.alarm import Alarm

pytestmark = pytest.mark.asyncio(loop_scope="session")
FAR = 3600.0


class Rung(asyncio.Event):
    times = 0

    def set(self) -> None:
        self.times += 1
        super().set()


async def test_it_rings_once_and_after_the_last_time_that_it_was_set() -> None:
    rung = Rung()
    alarm = Alarm(rung.set)
    begun = time.monotonic()
    for seconds in (FAR, 0.01, 0.05):
        alarm.set(seconds)
    assert alarm.seconds == 0.05
    await rung.wait()
    assert time.monotonic() - begun >= 0.05
    later = asyncio.Event()
    Alarm(later.set).set(0.05)
    await later.wait()
    assert rung.times == 1


@pytest.mark.parametrize("stop", [Alarm.off, Alarm.close])
async def test_what_was_stopped_does_not_ring_and_can_be_set_again(stop) -> None:
    rung, later = Rung(), asyncio.Event()
    alarm = Alarm(rung.set)
    alarm.set(0.01)
    stop(alarm)
    Alarm(later.set).set(0.05)
    await later.wait()
    assert rung.times == 0
    alarm.set(0.01)
    await rung.wait()
    assert rung.times == 1
