"""In front of every route: is the caller let in, and what is said of the request afterwards.

A plain ASGI application around another one. It gives each request an id, refuses callers without a token or with a
host name that is not the server's, counts, and logs one line.
"""

from __future__ import annotations

import base64
import contextlib
import re
import time
import uuid
from typing import TYPE_CHECKING, Any

from .decode import JSON, encode
from .errors import BadRequest, Refused, Unauthorized, WrongHost
from .host import host_of
from .messages import ErrorResponse
from .service import Client

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send
    from structlog.typing import FilteringBoundLogger

    from .metrics import Metrics
    from .settings import Settings
    from .tokens import Tokens

OPEN = frozenset({"/health", "/ready", "/version", "/v1/ping"})
"""Paths that need no token: they tell nothing of what is judged."""
_ENDPOINTS = {
    "/v1/evaluate": "evaluate",
    "/v1/evaluate/stream": "stream",
    "/v1/status": "status",
    "/run_code": "run_code",
    "/get_reward": "get_reward",
    "/remote_rm": "remote_rm",
}
_PLAIN = re.compile(r"[\w.:@/-]{1,100}", re.ASCII)
_SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class Gate:
    """``app``, behind the gate."""

    def __init__(
        self, app: ASGIApp, settings: Settings, tokens: Tokens, metrics: Metrics, log: FilteringBoundLogger
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log
        self._tokens = tokens
        self._hosts = None if settings.hosts is None else frozenset(filter(None, map(host_of, settings.hosts)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        headers = {name.lower(): value for name, value in scope["headers"]}
        request_id = _plain(headers.get(b"x-request-id")) or uuid.uuid4().hex
        context: dict[str, Any] = scope.setdefault("state", {})
        context["request_id"] = request_id
        held = context["until_answered"] = contextlib.ExitStack()
        status = 499  # as nginx says: the client was gone before the answer

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *_SAFE]
            await send(message)

        path = scope["path"]
        try:
            self._check_host([value for name, value in scope["headers"] if name == b"host"])
            token = -1 if path in OPEN else self._token(headers)
            peer = scope.get("client")
            name = _plain(headers.get(b"x-client-id")) or (peer[0] if peer else "local")
            context["client"] = Client(token, name)
            await self._app(scope, receive, sending)
        except Refused as refusal:
            await _refuse(sending, refusal, request_id)
        finally:
            held.close()
            endpoint = _ENDPOINTS.get(path) or ("problems" if path.startswith("/v1/problems/") else "other")
            self._metrics.requests.labels(endpoint, str(status) if 100 <= status < 600 else "other").inc()
            self._log.info(
                "request",
                id=request_id,
                method=scope["method"],
                path=scope["raw_path"][:200].decode("ascii", "replace"),
                status=status,
                seconds=round(time.monotonic() - began, 4),
                **context.get("logged", {}),
            )

    def _token(self, headers: dict[bytes, bytes]) -> int:
        """Which token it is; -1 where none is needed."""
        if not self._tokens:
            return -1
        found = self._tokens.number(_credentials(headers.get(b"authorization", b"")))
        if found < 0:
            raise Unauthorized("this server needs a token: Authorization: Bearer TOKEN, or the token as a password")
        return found

    def _check_host(self, hosts: list[bytes]) -> None:
        if len(hosts) > 1:
            raise BadRequest("more than one Host")
        if self._hosts is not None and (not hosts or host_of(hosts[0].decode("latin-1")) not in self._hosts):
            raise WrongHost("without a token this server answers only under the names of this machine's loopback")


def _credentials(header: bytes) -> bytes:
    scheme, _, value = header.strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() == b"basic":  # what a browser sends
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return b""


def _plain(header: bytes | None) -> str | None:
    text = (header or b"").decode("latin-1")
    return text if _PLAIN.fullmatch(text) else None


async def _refuse(send: Send, refusal: Refused, request_id: str) -> None:
    body = encode(ErrorResponse(error=refusal.fault, request_id=request_id), JSON)
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="microcoder", Bearer'))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
