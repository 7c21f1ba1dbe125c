"""Several servers as one. A problem stays with one of them, which then holds it, with workers that hold its inputs.

Who waits for an answer hears nothing for as long as its program is in the queue. So while anybody waits, a server that
has been silent for a while is asked for its health, also one that nobody waits for: it may be needed next. One that
does not tell is given up, by all who wait for it, and asked again and again until it is well, as long as anybody waits.
Meanwhile its problems are with the others.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import aiohttp
import msgspec
import yarl

from ..server.messages import Health

SILENCE = 1.0
"""Seconds without a word from a server after which it is asked for its health."""
HEALTH_SECONDS = 2.0
"""That it may take to tell."""
PROBE = 0.5
"""Seconds between two questions to a server that was not well."""
UNASKED = 10.0
"""Seconds in which nobody waits for anything, after which it is not asked any more, until somebody does."""
LATE = 0.25
"""Seconds. An event loop that is late by so much was held up by others: a server may have spoken meanwhile."""
GRACE = 1.5
SLOWEST = 64 << 10
"""Bytes a second. An answer that has begun and takes longer, by more than GRACE seconds, is none."""
KEEP = 60.0
"""Seconds for which a connection stays open with nothing to send."""
LARGE = 1 << 20
"""Bytes of a body from where on it is sent in pieces, so that the event loop has turns meanwhile."""


class Answer(NamedTuple):
    status: int
    retry_after: float | None
    """Seconds, where the server named some."""
    body: bytes


class NoAnswer(Exception):
    """The server could not be reached, hung up, or fell silent. Says which server, and why."""


class TooLarge(Exception):
    """The answer is larger than the client takes."""


class Endpoint:
    """One server: http://host:port, https://..., or unix:/path/of/socket.

    ``most`` bytes of an answer are read.
    """

    def __init__(
        self, address: str, *, headers: Mapping[str, str], connections: int, connect_seconds: float, most: int
    ) -> None:
        self.address = address
        scheme, _, path = address.partition(":")
        if scheme == "unix" and path:
            self._socket, self._base = path, "http://localhost"
        elif scheme in ("http", "https") and _names_a_host(address):
            self._socket, self._base = None, address.rstrip("/")
        else:
            raise ValueError(f"{address!r} is no address of a server: http://host:port or unix:/path")
        self._headers = headers
        self._connections = connections
        self._connect_seconds = connect_seconds
        self._most = most
        self._session: aiohttp.ClientSession | None = None
        self._asking: aiohttp.ClientSession | None = None
        """For its health: no call that waits for a verdict is in the way."""
        self._probing: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Timeout] = set()
        """What ends those who wait for an answer."""
        self._heard = -math.inf
        """When it last said anything, or the first of those who wait began to."""
        self._idle_at = -math.inf
        """When it last told that it has nothing to do."""
        self._looked_at = -math.inf
        """When somebody last waited, here or elsewhere."""
        self.trouble: str | None = None
        """Why it is not well."""
        self.recovered = asyncio.Event()

    async def request(self, method: str, path: str, body: bytes) -> Answer:
        """Raises NoAnswer, after which others are asked first until it is well again; TooLarge."""
        if not self._waiting:
            self._heard = time.monotonic()
        end = asyncio.timeout(None)
        self._waiting.add(end)
        try:
            async with end:
                return await self._send(method, path, body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = "it says nothing, not even how it is" if end.expired() else str(error) or type(error).__name__
            raise self._failed(why) from None
        finally:
            self._waiting.discard(end)

    async def close(self) -> None:
        """Nothing is left of it. May be used again."""
        if self._probing is not None and not self._probing.done():
            self._probing.cancel()
            await asyncio.wait((self._probing,))
        self._probing = None
        sessions, self._session, self._asking = (self._session, self._asking), None, None
        for session in sessions:
            if session is not None:
                await session.close()

    @property
    def well(self) -> bool:
        return self.trouble is None

    @property
    def waiting(self) -> int:
        """Requests that it has not answered yet."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether it told so just now, or tells that it is well and no more than that."""
        return self.well and time.monotonic() - self._idle_at < 2 * SILENCE

    def look(self) -> None:
        """Somebody waits, here or elsewhere. Where it is silent, it is asked how it is."""
        self._looked_at = time.monotonic()
        if time.monotonic() - self._heard >= SILENCE:
            self._doubt()

    def weight(self, digest: str) -> bytes:
        return hashlib.blake2b(f"{self.address}\n{digest}".encode(), digest_size=8).digest()

    # -- within

    async def _send(self, method: str, path: str, body: bytes) -> Answer:
        self._session = session = self._session or self._open(self._connections)
        data = body if len(body) < LARGE else io.BytesIO(body)
        async with session.request(method, self._base + path, data=data, allow_redirects=False) as response:
            self._hear()
            after = response.headers.get("retry-after", "")
            body = await self._read(response, self._hear)
            return Answer(response.status, float(after) if after.isdecimal() else None, body)

    def _hear(self) -> None:
        self._heard = time.monotonic()

    async def _read(self, response: aiohttp.ClientResponse, hear: Callable[[], None] | None = None) -> bytes:
        if (response.content_length or 0) > self._most:
            raise TooLarge(f"{self.address}: an answer of {response.content_length} bytes; {self._most} are read")
        body = bytearray()
        begun = asyncio.get_running_loop().time()
        async with asyncio.timeout_at(begun + GRACE) as end:
            async for piece in response.content.iter_any():
                body += piece
                if hear is not None:
                    hear()
                if len(body) > self._most:
                    raise TooLarge(f"{self.address}: an answer of more than {self._most} bytes")
                end.reschedule(begun + GRACE + len(body) / SLOWEST)
        return bytes(body)

    async def _tells(self) -> bool:
        """Whether it tells how it is, or says anything else meanwhile."""
        self._asking = session = self._asking or self._open(1)
        begun = time.monotonic()
        try:
            async with (
                asyncio.timeout(HEALTH_SECONDS),
                session.get(f"{self._base}/health", allow_redirects=False) as response,
            ):
                body = await self._read(response)
                if response.status >= 500:
                    return False
        except TimeoutError:
            return self._heard > begun or time.monotonic() - begun > HEALTH_SECONDS + LATE
        except (aiohttp.ClientError, OSError, ValueError, TooLarge):
            return False
        self._hear()
        if _is_idle(body):
            self._idle_at = self._heard
        return True

    def _failed(self, why: str) -> NoAnswer:
        self.trouble = f"{self.address}: {why}"
        self._looked_at = time.monotonic()
        self._doubt()
        return NoAnswer(self.trouble)

    def _doubt(self) -> None:
        if self._probing is None:
            self._probing = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        while not await self._tells():
            self.trouble = self.trouble or f"{self.address}: it says nothing, not even how it is"
            for end in self._waiting:
                end.reschedule(0.0)
            if time.monotonic() - self._looked_at > UNASKED:
                self._probing = None
                return
            await asyncio.sleep(PROBE)
        self._probing = self.trouble = None
        self.recovered.set()
        self.recovered = asyncio.Event()

    def _open(self, connections: int) -> aiohttp.ClientSession:
        """In the event loop of the first request."""
        connector: aiohttp.BaseConnector
        if self._socket is not None:
            connector = aiohttp.UnixConnector(self._socket, limit=connections, keepalive_timeout=KEEP)
        else:
            connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP)
        # A program may wait in the queue for long; the deadline of the call bounds that.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_seconds)
        return aiohttp.ClientSession(
            connector=connector, headers=self._headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        )


class Endpoints:
    """All servers of a client."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        if not endpoints:
            raise ValueError("a client needs the address of one server at least")
        self.all = tuple(endpoints)

    def choose(self, digest: str, besides: Mapping[Endpoint, float]) -> Endpoint | None:
        """By rendezvous hashing: when a server goes, only its problems move. Of those that are well, ``besides`` those
        that are not to be asked before a time of the loop's clock."""
        free = self.free(besides)
        return max(free, key=lambda endpoint: endpoint.weight(digest), default=None)

    def free(self, besides: Mapping[Endpoint, float]) -> list[Endpoint]:
        """That are well and may be asked."""
        now = asyncio.get_running_loop().time()
        return [endpoint for endpoint in self.all if endpoint.well and besides.get(endpoint, 0.0) <= now]

    async def change(self, besides: Mapping[Endpoint, float]) -> None:
        """Until one may be asked that could not be."""
        loop = asyncio.get_running_loop()
        times = [besides[endpoint] for endpoint in self.all if endpoint.well and endpoint in besides]
        recoveries = [asyncio.create_task(each.recovered.wait()) for each in self.all if not each.well]
        try:
            timeout = max(0.0, min(times) - loop.time()) if times else None
            if recoveries:
                await asyncio.wait(recoveries, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(timeout or 0.0)
        finally:
            for each in recoveries:
                each.cancel()

    def trouble(self) -> str:
        """Why those are not well that are not."""
        return "; ".join(each.trouble for each in self.all if each.trouble is not None)


def _is_idle(health: bytes) -> bool:
    """Of a server that is not ours it is not known, so it is asked rather than not."""
    try:
        return msgspec.json.decode(health, type=Health).idle is not False
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return True


def _names_a_host(address: str) -> bool:
    try:
        return bool(yarl.URL(address).host)
    except ValueError:
        return False
