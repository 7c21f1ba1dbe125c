"""A fixed number of places, and who gets the next one."""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """Whoever waits gets one in turn; those that go ``ahead``, before all others."""

    def __init__(self, count: int) -> None:
        self._free = count
        """While nobody waits."""
        self._ahead: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, ahead: bool = False) -> None:
        if self._free:
            self._free -= 1
            return
        handed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._ahead if ahead else self._others).append(handed)
        try:
            await handed
        except BaseException:
            if handed.done() and not handed.cancelled():  # it came too late
                self.release()
            raise

    def release(self) -> None:
        for waiting in (self._ahead, self._others):
            while waiting:
                handed = waiting.popleft()
                if not handed.done():
                    handed.set_result(None)
                    return
        self._free += 1
