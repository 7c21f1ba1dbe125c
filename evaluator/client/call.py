"""One call: whom it has asked, and whom it asks next.

It asks the server that holds its problem. When that fails, it asks another one at once, and the same one again later.
Where a judge itself failed on the program, another one may not.
When it has waited for long, and another server tells that it has nothing to do, it asks that one as well, and takes the
answer that comes first: a server may be well, and its queue long, or what is behind it stuck. A server that is not ours
does not tell what it has to do; one with less than half as many of our calls is taken for idle.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from .endpoints import Endpoint, Endpoints
from .errors import JudgeUnavailable, RequestRefused

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds before a call asks a server again that failed it; they double. Random, by half of it more or less. A server
that asks for a longer pause gets the longest: what it was short of may be there again long before."""
LOOK = 0.25
"""Seconds between two looks at servers that are silent, and at calls that wait."""
PATIENCE = 2.0
"""Seconds that a call waits before a server that is idle gets it, too."""

T = TypeVar("T")
_logger = logging.getLogger("microcoder.client")


class Later(Exception):
    """The same server may well have an answer later; after so many seconds, where it names some."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class Unusable(Exception):
    """The server gives this call an answer that is none."""


class Undecided(Exception):
    """The answer of a judge that failed. Others may do better."""

    def __init__(self, message: str, answer: Any) -> None:
        super().__init__(message)
        self.answer = answer


Ask = Callable[[Endpoint], Coroutine[Any, Any, T]]
"""Raises Later, Unusable, Undecided, RequestRefused."""
_Trouble = Later | Unusable | Undecided | RequestRefused


class Calls(Generic[T]):
    """Those that wait for an answer of the same servers."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._waiting: dict[_Call[T], None] = {}
        """Those that have waited longest come first."""
        self._looking: asyncio.TimerHandle | None = None

    async def answer(self, digest: str, ask: Ask[T], seconds: float | None) -> T:
        """Of the first server that has one, and where all that are well are undecided, of one of these. Raises
        RequestRefused where they refuse it, JudgeUnavailable where there is none in so many seconds, or never will be.
        Cancelling cancels what was asked."""
        call = _Call(self._endpoints, digest, ask)
        self._waiting[call] = None
        if self._looking is None:
            self._look_later()
            for endpoint in self._endpoints.all:
                if not endpoint.well:  # nobody may have asked it for long
                    endpoint.look()
        try:
            async with asyncio.timeout(seconds):
                return await call.answer()
        except TimeoutError:
            why = call.why or self._endpoints.trouble()
            raise JudgeUnavailable(f"no verdict within {seconds:g} seconds" + (f": {why}" if why else "")) from None
        finally:
            del self._waiting[call]

    def close(self) -> None:
        """May be used again, also on another event loop."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK, self._look)

    def _look(self) -> None:
        self._looking = None
        if not self._waiting:
            return
        self._look_later()
        for endpoint in self._endpoints.all:
            endpoint.look()
        if len(self._endpoints.all) > 1:
            for endpoint in self._endpoints.all:
                if endpoint.idle:
                    self._share(endpoint)

    def _share(self, idle: Endpoint) -> None:
        """With this one what others hold, until it has half as much."""
        more = max(endpoint.waiting for endpoint in self._endpoints.all) - 2 * idle.waiting
        latest = time.monotonic() - PATIENCE
        for call in self._waiting:
            if more <= 0 or call.begun > latest:
                break
            more -= 2 * call.asks_too(idle)


class _Call(Generic[T]):
    def __init__(self, endpoints: Endpoints, digest: str, ask: Ask[T]) -> None:
        self.begun = time.monotonic()
        self._endpoints = endpoints
        self._digest = digest
        self._ask = ask
        self._asked: dict[asyncio.Task[T], Endpoint] = {}
        self._ended: asyncio.Queue[asyncio.Task[T]] = asyncio.Queue()
        self._not_before: dict[Endpoint, float] = {}
        self._failures: dict[Endpoint, int] = {}
        self._refusal: RequestRefused | None = None
        self._undecided: Undecided | None = None
        self.why: str | None = None
        """What was wrong the last time."""

    async def answer(self) -> T:
        try:
            while True:
                if not self._asked:
                    endpoint = await self._next()
                    if endpoint is None:
                        assert self._undecided is not None
                        return self._undecided.answer
                    self._begin(endpoint)
                task = await self._ended.get()
                endpoint = self._asked.pop(task)
                try:
                    return task.result()
                except (Later, Unusable, Undecided, RequestRefused) as trouble:
                    self._failed(endpoint, trouble)
        finally:
            for task in self._asked:
                task.cancel()
            await asyncio.gather(*self._asked, return_exceptions=True)

    def asks_too(self, endpoint: Endpoint) -> bool:
        """Where it waits for others, and may ask this one."""
        if not self._asked or endpoint in self._asked.values():
            return False
        if endpoint not in self._endpoints.free(self._not_before):
            return False
        self._begin(endpoint)
        return True

    def _begin(self, endpoint: Endpoint) -> None:
        task = asyncio.create_task(self._ask(endpoint))
        self._asked[task] = endpoint
        task.add_done_callback(self._ended.put_nowait)

    async def _next(self) -> Endpoint | None:
        """Waits where nobody may be asked at present. None: what is undecided remains so. Raises RequestRefused,
        JudgeUnavailable where nobody will be."""
        while (chosen := self._endpoints.choose(self._digest, self._not_before)) is None:
            if self._undecided is not None:
                return None
            if self._refusal is not None:
                raise self._refusal
            if all(self._not_before.get(endpoint) == math.inf for endpoint in self._endpoints.all):
                raise JudgeUnavailable(f"no server gives an answer: {self.why}")
            await self._endpoints.change(self._not_before)
        return chosen

    def _failed(self, endpoint: Endpoint, trouble: _Trouble) -> None:
        self.why = str(trouble)
        if isinstance(trouble, Later):
            failures = self._failures[endpoint] = self._failures.get(endpoint, 0) + 1
            pause = min(trouble.pause or FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
            self._not_before[endpoint] = asyncio.get_running_loop().time() + pause * random.uniform(0.5, 1.5)
        else:
            self._not_before[endpoint] = math.inf
        if isinstance(trouble, RequestRefused):
            self._refusal = self._refusal or trouble
        elif isinstance(trouble, Undecided):
            self._undecided = self._undecided or trouble
        _logger.info("%s", self.why)
