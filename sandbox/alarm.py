"""An alarm that is set far more often than it rings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls so many seconds after it was ``set`` last, unless it is turned ``off`` before.

    To set it again costs no timer of the event loop: the one that there is rings then or before, and begins again."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.seconds = 0.0
        """What it was set to last."""
        self._call = call
        self._at: float | None = None
        """Of the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.seconds, self._at = seconds, loop.time() + seconds
        if self._timer is None or self._timer.when() > self._at:
            self._start(loop, self._at)

    def off(self) -> None:
        self._at = None

    def close(self) -> None:
        """Off, and nothing of it is left in the loop."""
        self.off()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        loop, at = asyncio.get_running_loop(), self._at
        if at is None:
            return
        if loop.time() < at:
            self._start(loop, at)
        else:
            self.off()
            self._call()
