"""What routes know of a request: who asks, the body, how to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from litestar import Request, Response
from litestar.datastructures import State

from . import decode, values
from .errors import BadRequest, TooSlow
from .service import Client, Service

if TYPE_CHECKING:
    from .siblings import Siblings

BODY_SECONDS = 120.0
"""For a body to arrive."""

Asking = Request[Any, Any, State]


def service_of(request: Asking) -> Service:
    service: Service = request.app.state["service"]
    return service


def siblings_of(request: Asking) -> Siblings:
    siblings: Siblings = request.app.state["siblings"]
    return siblings


def client_of(request: Asking) -> Client:
    client: Client = request.scope["state"]["client"]
    return client


def note(request: Asking, **more: object) -> None:
    request.scope["state"]["logged"] = {name: value for name, value in more.items() if value is not None}


def answer_media(request: Asking, sent: str = decode.JSON) -> str:
    return decode.answer_type(request.headers.get("accept"), sent)


def answer(request: Asking, value: object, sent: str = decode.JSON) -> Response[bytes]:
    media = answer_media(request, sent)
    return Response(decode.encode(value, media), media_type=media)


class _Body:
    """Reads a body, and has each part of it accounted for."""

    def __init__(self, request: Asking, account: Callable[[int], None], values: int) -> None:
        self._request = request
        self._account = account
        self._values = values

    async def read(self, media: str) -> bytes:
        """Something that can be decoded in a moment."""
        body = await self._read()
        await values.check(body, media, self._values)
        return body

    async def _read(self) -> bytes:
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await self._request.receive()
                    if message["type"] != "http.request":
                        raise BadRequest("the body ended early")
                    part = message["body"]
                    self._account(len(part))
                    parts.append(part)
                    if not message["more_body"]:
                        return parts[0] if len(parts) == 1 else b"".join(parts)
        except TimeoutError:
            raise TooSlow(f"the body did not arrive within {BODY_SECONDS:g} seconds") from None


def body_of(request: Asking) -> _Body:
    """It counts as memory in use until the request is answered, to the last line where that is a stream."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest("Content-Encoding: only plain bodies are read")
    length = request.headers.get("content-length")
    size = int(length) if length and length.isdecimal() else 0  # of any other length it is said by the parts
    service = service_of(request)
    account = service.body(client_of(request), size)
    held = request.scope["state"]["until_answered"].enter_context(account)
    return _Body(request, held, service.settings.caps.values)


async def gone(request: Asking) -> None:
    """Returns when the client has closed the connection."""
    while True:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            return
