"""One actor as RayEvaluator sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from ..options import JudgeOptions
from ..report import Report
from ..submission import Submission
from .connection import Connection
from .messages import Answer, Answers, Asked, Batch
from .parcels import Parcel
from .placement import Place

ON_THE_WAY = 0.05
"""Seconds of work that an actor holds beyond its workers, to bridge the way there and back."""
QUICK = 0.001
"""Seconds; no program counts as quicker."""
WEIGHT = 0.1
"""Of the latest program in the mean of the time that they take."""
_answers = msgspec.msgpack.Decoder(Answers)
_encode = msgspec.msgpack.Encoder().encode


class Waiting:
    """A program on its way."""

    def __init__(
        self,
        number: int,
        parcel: Parcel,
        submission: Submission,
        judging: JudgeOptions,
        asked_at: float,
        nobody: float,
    ) -> None:
        self.parcel = parcel
        self.asked = Asked.of(number, parcel.digest, submission, judging)
        self.asked_at = asked_at
        self.nobody = nobody
        """Seconds that it waits while no actor is there."""
        self.future: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self.member: Member | None = None
        """Who holds it."""
        self.losses: list[str] = []
        """Why those who held it before gave nothing."""


class Member:
    """An actor that has started. ``run`` carries programs there and answers back, until the actor is lost."""

    def __init__(self, place: Place, actor: Any, jail: str, connection: Connection) -> None:
        self._connection = connection
        self.place = place
        self.actor = actor
        self.jail = jail
        self.restarts = 0
        self.executing = 0
        """Programs outside of batches."""
        self.sent = self.received = 0
        """Bytes of programs and of reports; problems and what Ray adds not included."""
        self.held: dict[int, Waiting] = {}
        self.digests: set[str] = set()
        """Problems that were sent there."""
        self.used_at = time.monotonic()
        """When it last got a program, or finished one."""
        self._seconds = ON_THE_WAY  # mean of a program
        self._batch: list[Waiting] = []
        self._cancelled: list[int] = []
        self._something = asyncio.Event()

    @property
    def idle(self) -> bool:
        return not self.held and not self.executing

    @property
    def load(self) -> float:
        """Programs for each worker."""
        return (len(self.held) + self.executing) / self.place.workers

    @property
    def capacity(self) -> int:
        """Few programs wait there when they take long, so that another node may have them; many when they are quick."""
        return self.place.workers + max(1, int(self.place.workers * ON_THE_WAY / max(self._seconds, QUICK)))

    @property
    def room(self) -> bool:
        return len(self.held) < self.capacity

    def give(self, waiting: Waiting) -> None:
        waiting.member = self
        self.used_at = time.monotonic()
        self.held[waiting.asked.number] = waiting
        self._batch.append(waiting)
        self._something.set()

    def cancel(self, waiting: Waiting) -> None:
        del self.held[waiting.asked.number]
        self._cancelled.append(waiting.asked.number)
        self._something.set()

    def took(self, seconds: float) -> None:
        self.used_at = time.monotonic()
        self._seconds += (seconds - self._seconds) * WEIGHT

    async def run(self, answered: Callable[[Member, list[Answer]], None]) -> None:
        """Ends with an exception of Ray, or Disconnected."""
        sending, fetching = asyncio.create_task(self._send()), asyncio.create_task(self._fetch(answered))
        try:
            await asyncio.gather(sending, fetching)
        finally:
            for task in (sending, fetching):
                task.cancel()
            await asyncio.gather(sending, fetching, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            batch, self._batch = self._batch, []
            cancelled, self._cancelled = self._cancelled, []
            parcels: dict[str, tuple[Any, int]] = {}
            for each in batch:
                if each.parcel.digest not in self.digests:
                    self.digests.add(each.parcel.digest)
                    parcels[each.parcel.digest] = each.parcel.reference, each.parcel.size
            data = _encode(Batch([each.asked for each in batch], cancelled))
            self.sent += len(data)
            await self._connection.submit(self.actor.give, data, parcels)

    async def _fetch(self, answered: Callable[[Member, list[Answer]], None]) -> None:
        while True:
            data: bytes = await self._connection.submit(self.actor.fetch)
            self.received += len(data)
            answers = _answers.decode(data)
            self.restarts = answers.restarts
            answered(self, answers.answers)
