"""What routes know of a request: who asks, the body, how to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.datastructures import State

from ..options import RewardOptions, check_names
from . import decode, values
from .decode import bad_field
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


def query_of(request: Asking) -> dict[str, str]:
    """What the address says behind the question mark. Raises BadRequest."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in query:
            raise BadRequest("given twice", path=name)
        query[name] = value
    return query


def options_of(request: Asking, query: Mapping[str, str]) -> RewardOptions:
    """How programs are to be judged: as the query says; where it says nothing, as the server was started to. Raises
    BadRequest."""
    try:
        check_names(query, RewardOptions)
    except TypeError as error:
        raise BadRequest(str(error), path="query") from None
    ours = msgspec.structs.asdict(service_of(request).settings.judging)
    try:
        return msgspec.convert(ours | dict(query), RewardOptions, strict=False)
    except msgspec.ValidationError as error:
        found = bad_field(error, "")
        raise BadRequest(str(found), path=(found.path or "").removeprefix(".")) from None


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

    async def read(self, media: str, *, most: int | None = None) -> bytes:
        """Something that can be decoded in a moment. ``most`` values, where more have no use."""
        body = await self._read()
        await values.check(body, media, self._values if most is None else min(most, self._values))
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
