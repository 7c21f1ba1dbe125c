"""The other engine processes of this server, each behind a socket in the state folder. Any of them speaks for all."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import msgspec
from litestar import Response

from ..version import VERSION
from .decode import JSON
from .errors import NotFound, Unavailable
from .history import LISTED, SLOWEST
from .messages import EngineStatus, StatusResponse
from .settings import Settings
from .tokens import Tokens

SECONDS = 2.0
"""For a sibling to answer; one that does not is left out."""


def socket_path(folder: int, engine: int) -> Path:
    """By the descriptor of the state folder, whose own path may be longer than that of a socket can be."""
    return Path(f"/proc/self/fd/{folder}/engine-{engine}.sock")


class Siblings:
    """``async with Siblings(settings, tokens) as siblings``."""

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self._history = bool(settings.history)
        self._tokens = tokens
        self._state = settings.state
        self._engines = [engine for engine in range(settings.engines) if engine != settings.engine]
        self._others: dict[str, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Siblings:
        self._folder = os.open(self._state, os.O_PATH)
        for engine in self._engines:
            self._others[str(engine)] = aiohttp.ClientSession(
                "http://localhost",
                connector=aiohttp.UnixConnector(str(socket_path(self._folder, engine))),
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        for other in self._others.values():
            await other.close()
        os.close(self._folder)

    async def status(self, own: EngineStatus) -> StatusResponse:
        found = await asyncio.gather(*(self._ask(engine) for engine in self._others))
        return together([own, *(each for each in found if each is not None)], history=self._history)

    async def forward(self, engine: str, path: str) -> Response[bytes]:
        """What that engine answers. Raises NotFound, Unavailable."""
        if engine not in self._others:
            raise NotFound("there is no such engine")
        try:
            async with self._others[engine].get(path, headers=self._tokens.header) as answer:
                return Response(await answer.read(), status_code=answer.status, media_type=JSON)
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise Unavailable(f"engine {engine} does not answer", retry_after=1.0) from None

    async def register(self, digest: str, data: bytes, media: str) -> None:
        """A problem that could not be written to the folder where they would find it. Those that do not answer will
        ask their clients for it."""

        async def send(other: aiohttp.ClientSession) -> None:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                path = f"/v1/problems/{digest}?own"
                async with other.put(path, data=data, headers={**self._tokens.header, "content-type": media}) as answer:
                    await answer.read()

        await asyncio.gather(*map(send, self._others.values()))

    async def _ask(self, engine: str) -> EngineStatus | None:
        try:
            async with self._others[engine].get("/v1/status?own", headers=self._tokens.header) as answer:
                return msgspec.json.decode(await answer.read(), type=EngineStatus)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError):
            return None


def together(engines: Sequence[EngineStatus], *, history: bool) -> StatusResponse:
    verdicts: Counter[str] = Counter()
    for engine in engines:
        verdicts.update(engine.verdicts)
    slowest = sorted((slow for e in engines for slow in e.slowest), key=lambda slow: -slow.cpu_time / slow.programs)
    latest = sorted((each for e in engines for each in e.latest), key=lambda each: -each.time)
    return StatusResponse(
        version=VERSION,
        history=history,
        workers=sum(engine.workers for engine in engines),
        busy=sum(engine.busy for engine in engines),
        restarts=sum(engine.restarts for engine in engines),
        waiting=sum(engine.waiting for engine in engines),
        judged=sum(engine.judged for engine in engines),
        per_second=sum(engine.per_second for engine in engines),
        verdicts=dict(verdicts),
        cached=sum(engine.cached for engine in engines),
        ran=sum(engine.ran for engine in engines),
        slowest=slowest[:SLOWEST],
        latest=latest[:LISTED],
        engines=[
            msgspec.structs.replace(engine, slowest=[], latest=[]) for engine in sorted(engines, key=lambda e: e.engine)
        ],
    )
