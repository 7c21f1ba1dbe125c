"""Labels, and rows that are not ours, read in processes of their own, *readers*: what they hold may take long to read,
whatever its size, and much memory. A reader is started when it is first needed and stays for the next request.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import msgspec

from ..datasets.programs import PLAIN
from ..helper import LENGTH, HelperEnded, HelperProcess, Helpers
from ..options import RewardOptions
from .errors import BadRequest, TooLarge, Unavailable, WaitedTooLong
from .fair import FairQueue
from .labels import Made, Most
from .reader import Answer, NotRead, Read, Request, Task
from .values import LARGE

if TYPE_CHECKING:
    from .settings import Settings

READERS = 2
"""For large bodies, and as many for others: these have somewhere to go while those are read."""
SECONDS, SECONDS_OF_LARGE = 5.0, 30.0
"""Of processor time that a request may take to be read."""
MEMORY, FACTOR = 2 << 30, 16
"""Bytes that it may take, and for each byte of the body besides."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


class _Reader(HelperProcess):
    def __init__(self) -> None:
        super().__init__(f"{__package__}.reader")
        self.held = 0
        """Bytes of problems that it remembers."""

    async def ask(self, request: Request, body: bytes) -> Answer:
        """Raises HelperEnded."""
        head = _encode(request)
        answer = _decode(await self.exchange((LENGTH.pack(len(head)) + head, body), request.seconds))
        self.held, self.healthy = answer.held, not answer.last
        return answer


class Reading:
    """``await reading.read(...)``; ``close`` at the end. Starts no process before it is needed."""

    def __init__(self, settings: Settings) -> None:
        caps = settings.caps
        self._most = Most(programs=caps.submissions, values=caps.values, tests=caps.tests, size=caps.body)
        self._wait = settings.queue.seconds
        self._truths = settings.budget.truths // (2 * READERS)
        self._readers = Helpers(_Reader, "a reader of rows and labels")
        self._small, self._large = FairQueue(READERS), FairQueue(READERS)

    @property
    def held(self) -> int:
        """Bytes of problems that readers remember."""
        return sum(reader.held for reader in self._readers)

    async def close(self) -> None:
        await self._readers.close()

    async def problem(self, client: str, body: bytes, media: str) -> Made:
        """Of a row of any format, without its programs. Raises as `read` does."""
        return await self.read(client, "problem", media, body)

    async def read(self, client: str, task: Task, media: str, body: bytes, options: RewardOptions = PLAIN) -> Made:
        """Its problems and programs. Raises BadRequest, TooLarge, Unavailable, WaitedTooLong, HostShortage. Cancelling
        ends the reader."""
        turns, seconds = (self._small, SECONDS) if len(body) < LARGE else (self._large, SECONDS_OF_LARGE)
        request = Request(
            task=task,
            options=options,
            media=media,
            body=len(body),
            most=self._most,
            seconds=seconds,
            memory=MEMORY + FACTOR * len(body),
            truths=self._truths,
        )
        try:
            async with turns.turn(client, self._wait):
                answer = await self._ask(request, body)
        except TimeoutError:
            raise WaitedTooLong(f"no turn came within {self._wait:g} seconds", retry_after=1.0) from None
        if isinstance(answer, Read):
            return answer.made
        if answer.status == BadRequest.status:
            raise BadRequest(answer.why, path=answer.path)
        if answer.status == TooLarge.status:
            raise TooLarge(answer.why, path=answer.path)
        raise RuntimeError(answer.why)

    async def _ask(self, request: Request, body: bytes) -> Answer:
        failure = None
        for _ in range(2):
            try:
                async with self._readers.one() as reader:
                    return await reader.ask(request, body)
            except HelperEnded as end:
                if end.over:
                    words = f"to read what it holds takes more than {request.seconds:g} s of processor time"
                    return NotRead(TooLarge.status, words)
                if end.fault is not None:
                    return NotRead(TooLarge.status, f"what it holds cannot be read: {signal.strsignal(end.fault)}")
                failure = end
        raise Unavailable(f"what it holds could not be read: {failure}", retry_after=1.0)
