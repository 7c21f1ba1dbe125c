"""Several servers as one. A problem stays with one of them, which then holds it, with workers that hold its inputs."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp
import yarl

REST = 2.0
"""Seconds for which a server that did not answer is asked only when the others do not answer, either."""
KEEP = 60.0
"""Seconds for which a connection stays open with nothing to send."""

LARGE = 1 << 20
"""Bytes of a body from where on it is sent in pieces, so that the event loop has turns meanwhile."""


class Answer(NamedTuple):
    status: int
    retry_after: float | None
    """Seconds, where the server named some."""
    body: bytes


class Endpoint:
    """One server: http://host:port, https://..., or unix:/path/of/socket."""

    def __init__(self, address: str, *, headers: dict[str, str], connections: int, connect_seconds: float) -> None:
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
        # A program may wait in the queue for long; the deadline of the call bounds that.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._rests_until = 0.0

    async def request(self, method: str, path: str, body: bytes) -> Answer:
        """Raises aiohttp.ClientError when no answer comes."""
        session = self._session = self._session or self._open()
        data = body if len(body) < LARGE else io.BytesIO(body)
        async with session.request(method, self._base + path, data=data, allow_redirects=False) as response:
            after = response.headers.get("retry-after", "")
            return Answer(response.status, float(after) if after.isdecimal() else None, await response.read())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        """In the event loop of the first request."""
        connector: aiohttp.BaseConnector
        if self._socket is not None:
            connector = aiohttp.UnixConnector(self._socket, limit=self._connections, keepalive_timeout=KEEP)
        else:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP)
        return aiohttp.ClientSession(
            connector=connector, headers=self._headers, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
        )

    @property
    def resting(self) -> bool:
        return time.monotonic() < self._rests_until

    def rest(self) -> None:
        self._rests_until = time.monotonic() + REST

    def weight(self, digest: str) -> bytes:
        return hashlib.blake2b(f"{self.address}\n{digest}".encode(), digest_size=8).digest()


class Endpoints:
    """All servers of a client."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        if not endpoints:
            raise ValueError("a client needs the address of one server at least")
        self.all = tuple(endpoints)

    def choose(self, digest: str) -> Endpoint:
        """By rendezvous hashing: when a server goes, only its problems move."""
        return max(self.all, key=lambda endpoint: (not endpoint.resting, endpoint.weight(digest)))


def _names_a_host(address: str) -> bool:
    try:
        return bool(yarl.URL(address).host)
    except ValueError:
        return False
