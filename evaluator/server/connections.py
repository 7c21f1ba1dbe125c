"""Connections: how long each may keep the server waiting, and how many there may be.

uvicorn waits for whatever a client leaves out. Here a connection on which the server waits for its client is given up:

    HEAD      the header fields of a request, from its first byte on; the first request, from the connection on
    BODY      the rest of a request, also where no route reads it
    IDLE      the next request
    TAKING    that the client takes its answer
    LEAVING   that the client closes a connection that is over

Single bytes prolong none of them. There is no limit while a request is worked on: judging takes what it takes. When
there is no room for one more connection, the one that has been waited for longest makes room. Where it may have begun a
request it is told so, with 503, and has the time to read that, as long as not too many have.

A request that comes before the last one is answered (pipelining) is not read: the connection ends with the answer, as
RFC 9112, 9.3.2, leaves a server free to do. So does one that asks for another protocol.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ...sandbox import capacity
from .asking import BODY_SECONDS
from .decode import JSON, encode
from .errors import BadRequest, HeadTooLarge, Refused, TooSlow, Unavailable
from .messages import ErrorResponse

MOST = 16_384
"""Connections of an engine process, where there are descriptors for so many."""
OWN, PER_WORKER = 256, 16
"""Descriptors that connections leave to everything that is opened later; half of them where there are fewer."""
PARTING = 64
"""Connections besides those that may be told at the same time that they are over; an eighth of the others at most."""
HEAD_BYTES = 32 * 1024
"""Of a request besides its body: header fields, trailers, what frames the chunks."""
FIELDS = 128
FRAMING = 16
"""Bytes that may frame one byte of a body. A chunk of one byte has five."""
_ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE)


class Wait(enum.Enum):
    HEAD = "head"
    BODY = "body"
    IDLE = "idle"
    TAKING = "taking"
    LEAVING = "leaving"


SECONDS = {
    Wait.HEAD: 10.0,
    Wait.BODY: BODY_SECONDS + 10.0,  # routes that read it are sooner, and know what to say
    Wait.IDLE: 75.0,
    Wait.TAKING: 120.0,
    Wait.LEAVING: 5.0,
}
_FIRST_TO_GO = (Wait.HEAD, Wait.IDLE, Wait.BODY, Wait.TAKING)


def room_for(workers: int) -> int:
    """Connections that there are descriptors for, besides what is open already. Raises the soft limit first."""
    capacity.raise_open_files()
    left = capacity.open_files_left()
    return MOST if left is None else max(1, min(MOST, max(left // 2, left - OWN - PER_WORKER * workers)))


class Connections:
    """Those of one engine process.

    most           connections at the same time, besides some that are over
    answer_bytes   of all answers together that were written and not taken
    dropped        told what was waited for when a connection is given up
    """

    def __init__(self, most: int, answer_bytes: int, dropped: Callable[[str], None]) -> None:
        self._most, self._parting = most, min(PARTING, most // 8)
        self._answer_bytes = answer_bytes
        self._dropped = dropped
        self._open: set[Connection] = set()
        # Each in the order of time, for all in one of them have the same limit.
        self._waiting: dict[Wait, dict[Connection, float]] = {wait: {} for wait in Wait}

    def protocol(self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any) -> Connection:
        """For a new connection, as uvicorn asks."""
        return Connection(self, config, server_state, app_state, _loop)

    def opened(self, connection: Connection) -> bool:
        """False: there is no room for it."""
        self._open.add(connection)
        leaving = self._waiting[Wait.LEAVING]
        if len(leaving) > self._parting:
            self._drop(next(iter(leaving)))
        return len(self._open) - len(leaving) <= self._most or self._make_room()

    def closed(self, connection: Connection) -> None:
        self._open.discard(connection)
        self.moved(connection, None, 0.0)

    def moved(self, connection: Connection, wait: Wait | None, now: float) -> None:
        """What the connection is waited for has changed."""
        if connection.wait is not None:
            del self._waiting[connection.wait][connection]
        connection.wait = wait
        if wait is not None:
            self._waiting[wait][connection] = now

    def sweep(self, now: float) -> None:
        """Give up those that have been waited for too long. Called several times a second."""
        for wait, connections in self._waiting.items():
            while connections:
                connection, since = next(iter(connections.items()))
                if now - since < SECONDS[wait]:
                    break
                self._drop(connection)
        takers = self._waiting[Wait.TAKING]
        held = sum(connection.unsent for connection in takers)
        while held > self._answer_bytes:
            connection = next(iter(takers))
            held -= connection.unsent
            self._drop(connection)

    def _make_room(self) -> bool:
        for wait in _FIRST_TO_GO:
            for connection in self._waiting[wait]:
                self._drop(connection, no_room=True)
                return True
        return False

    def _drop(self, connection: Connection, *, no_room: bool = False) -> None:
        wait = connection.wait
        assert wait is not None
        self.moved(connection, None, 0.0)
        if wait not in (Wait.IDLE, Wait.LEAVING):
            self._dropped(wait.value)
        if wait not in (Wait.HEAD, Wait.BODY):
            self._open.discard(connection)
            connection.transport.abort()
        elif no_room:
            connection.no_room()
        else:
            connection.too_slow(SECONDS[wait])


class _NotRead(Exception):
    """A request before the last one was answered."""


class Connection(HttpToolsProtocol):
    """One of them."""

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: Any,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._all = connections
        self.wait: Wait | None = None
        """What it is waited for; kept by Connections."""
        self._part: Wait | None = None
        """HEAD or BODY: what of a request is arriving."""
        self._over = False
        """Nothing more is read."""
        self._spare = HEAD_BYTES
        self._unstarted: tuple[RequestResponseCycle, ASGI3Application] | None = None

    @property
    def unsent(self) -> int:
        """Bytes of answers that were written and not taken."""
        return self.transport.get_write_buffer_size()

    # -- from the transport

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self._all.opened(self):
            self._look()
        else:
            self.no_room()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._all.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        assert self.parser is not None
        self._spare -= len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end_after_this()
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _NotRead):
                self._end_after_this()
            elif isinstance(error.__context__, Refused):
                self._refuse(error.__context__)
            else:
                self._refuse(BadRequest("this is no HTTP/1.1 request"))
        else:
            if self._spare < 0:
                self._refuse(HeadTooLarge(f"more than {HEAD_BYTES} bytes besides the body"))
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look()

    # -- from the parser; what they raise ends feed_data

    def on_message_begin(self) -> None:
        if self._answering:
            raise _NotRead
        super().on_message_begin()
        self._part = Wait.HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) == FIELDS:
            raise HeadTooLarge(f"more than {FIELDS} header fields")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if absolute := _ABSOLUTE.match(self.url):
            # Its authority counts, and no Host does: RFC 9112, 3.2.2.
            self.headers[:] = [field for field in self.headers if field[0] != b"host"]
            self.headers.append((b"host", absolute[1]))
            path = self.url[absolute.end() :]
            self.url = path if path.startswith(b"/") else b"/" + path
        super().on_headers_complete()
        self._part = Wait.BODY

    def on_body(self, body: bytes) -> None:
        self._spare = min(HEAD_BYTES, self._spare + (1 + FRAMING) * len(body))
        super().on_body(body)
        self._start()

    def on_message_complete(self) -> None:
        self._part = None
        self._spare = HEAD_BYTES
        super().on_message_complete()
        self._start()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Not before something of the body is there: what is only announced is no work, and takes no memory."""
        self._unstarted = cycle, app
        if cycle.waiting_for_100_continue:
            self._start()

    def _start(self) -> None:
        if self._unstarted is not None:
            super()._start_asgi_task(*self._unstarted)
            self._unstarted = None

    # -- from the answer

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
        self._look()

    # -- the end

    def no_room(self) -> None:
        self._refuse(Unavailable("there are too many connections", retry_after=1.0))

    def too_slow(self, seconds: float) -> None:
        if self._part is None:
            self.transport.abort()
        else:
            self._refuse(TooSlow(f"the request did not arrive within {seconds:g} seconds"))

    def _end_after_this(self) -> None:
        self._over = True
        self._part = None
        self.cycle.keep_alive = False

    def _refuse(self, refusal: Refused) -> None:
        """Answer what never becomes a request, and close as soon as the client has done so."""
        self._over = True
        if self._part is Wait.BODY and self.cycle.response_started:
            self.transport.close()  # there is an answer already
        else:
            if self._answering:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self.cycle = None  # type: ignore[assignment]
            body = encode(ErrorResponse(error=refusal.fault), JSON)
            later = "" if refusal.retry_after is None else f"retry-after: {max(1, round(refusal.retry_after))}\r\n"
            head = (
                f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n{later}"
                f"content-type: {JSON}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            self.transport.write_eof()
        self._part = None
        self._look()

    # -- what it waits for

    @property
    def _latest(self) -> RequestResponseCycle | None:
        """The latest request, once its header fields were there. None: there was none."""
        return self.cycle

    @property
    def _answering(self) -> bool:
        return self._latest is not None and not self._latest.response_complete

    def _look(self) -> None:
        wait: Wait | None
        if self.transport.is_closing() or self.flow.write_paused:
            wait = Wait.TAKING
        elif self._answering and self._part is None:
            wait = None
        elif self._over:
            wait = Wait.LEAVING
        elif self._part is None and self._latest is not None:
            wait = Wait.IDLE
        else:
            wait = self._part or Wait.HEAD
        if wait is not self.wait:
            self._all.moved(self, wait, self.loop.time())
