"""Who is next. Clients take turns, so that one with ten thousand programs waiting does not hold up one with a single
program. Within a client the order is that of arrival.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class FairQueue:
    """``async with queue.turn(client)``: at most ``places`` inside at the same time."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.inside = 0
        self.waiting = 0
        self._clients: OrderedDict[str, OrderedDict[asyncio.Future[None], None]] = OrderedDict()
        """Only those that wait. The first is next; who had a turn goes to the end."""

    def resize(self, places: int) -> None:
        """Others go in as soon as there are more places; nobody is sent out when there are fewer."""
        self.places = places
        while self.inside < places and self._next():
            self.inside += 1

    @property
    def clients(self) -> int:
        return len(self._clients)

    def waiting_of(self, client: str) -> int:
        return len(self._clients.get(client, ()))

    @asynccontextmanager
    async def turn(self, client: str, seconds: float) -> AsyncGenerator[None, None]:
        """Raises TimeoutError when no turn comes within so many seconds."""
        if self.inside < self.places and not self.waiting:
            self.inside += 1
        else:
            await self._wait(client, seconds)
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, client: str, seconds: float) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._clients.setdefault(client, OrderedDict())[place] = None
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await place
        except BaseException:
            if place.done() and not place.cancelled():  # the turn came while we were giving up
                self._leave()
            else:
                self._forget(client, place)
            raise

    def _forget(self, client: str, place: asyncio.Future[None]) -> None:
        theirs = self._clients.get(client)
        if theirs is None or place not in theirs:
            return  # was passed over, below
        del theirs[place]
        self.waiting -= 1
        if not theirs:
            del self._clients[client]

    def _leave(self) -> None:
        """The place of whoever leaves goes to the next client."""
        if self.inside > self.places or not self._next():
            self.inside -= 1

    def _next(self) -> bool:
        """Give a place to the next client; False when nobody waits."""
        while self._clients:
            client, theirs = self._clients.popitem(last=False)
            place, _ = theirs.popitem(last=False)
            if theirs:
                self._clients[client] = theirs
            self.waiting -= 1
            if not place.done():  # done: cancelled, and its task has not run since
                place.set_result(None)
                return True
        return False
