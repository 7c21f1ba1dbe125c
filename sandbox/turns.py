"""Turns of the event loop for others, in what would be long in one go."""

from __future__ import annotations

import asyncio
import time

TURN = 0.005
"""Seconds."""


class Turns:
    """``await turns.pass_on()`` at every step: every few milliseconds it lets others have theirs."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def pass_on(self) -> None:
        if time.perf_counter() - self._since > TURN:
            await asyncio.sleep(0)
            self._since = time.perf_counter()
