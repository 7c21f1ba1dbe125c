"""Clients that keep the server waiting, or give it more than it asked for.

The protocol of the server on a real socket, with a small application behind it. Time is what `sweep` is told, so no
test waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from microcoder.evaluator.server.connections import FIELDS, HEAD_BYTES, SECONDS, Connection, Connections, Wait

from ..events import until

LARGE = 32 << 20
"""More than the kernel takes off the server's hands."""
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = b"POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


class Door:
    """Connections to an application; ``work`` holds back its answers to /work."""

    def __init__(self, most: int = 100, answer_bytes: int = 1 << 30) -> None:
        self.dropped: list[str] = []
        self.connections = Connections(most, answer_bytes, self.dropped.append)
        self.work = asyncio.Event()
        self.gone = asyncio.Event()
        self.made: list[Connection] = []
        self.clients: list[asyncio.StreamWriter] = []
        self.paths: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Door]:
        protocol: Any = self.connections.protocol
        config = uvicorn.Config(
            self.app, http=protocol, interface="asgi3", ws="none", proxy_headers=False, log_config=None
        )
        config.load()
        loop, state = asyncio.get_running_loop(), ServerState()

        def connection() -> Connection:
            self.made.append(self.connections.protocol(config, state, {}, loop))
            return self.made[-1]

        server = await loop.create_server(connection, "127.0.0.1", 0)
        self.address = server.sockets[0].getsockname()
        try:
            yield self
        finally:
            self.work.set()
            server.close()
            for writer in self.clients:
                writer.transport.abort()
            for made in self.made:
                made.transport.abort()
            await until(lambda: len(asyncio.all_tasks()) == 1 and all(made.parser is None for made in self.made))

    async def app(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        path = scope["path"]
        self.paths[path] += 1
        if path == "/read":
            message = await receive()
            while message.get("more_body"):
                message = await receive()
        elif path == "/work":
            waiting = asyncio.create_task(self.work.wait())
            receiving = asyncio.create_task(self._hang_up(receive))
            await asyncio.wait((waiting, receiving), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            receiving.cancel()
        body = bytes(LARGE) if path == "/large" else b"ok"
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _hang_up(self, receive: Callable[[], Awaitable[Any]]) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    async def connect(self, sends: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, self.address)
        reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
        self.clients.append(writer)
        writer.write(sends)
        return reader, writer

    async def waits(self, wait: Wait | None, which: int = -1) -> None:
        """Until that is what the connection is waited for."""
        await until(lambda: len(self.made) > which and bool(self.made) and self.made[which].wait is wait)

    def sweep(self, later: float) -> None:
        self.connections.sweep(asyncio.get_running_loop().time() + later)


def door(test: Callable[[Door], Awaitable[None]], **options: int) -> None:
    async def run() -> None:
        async with Door(**options).open() as open_door:
            await test(open_door)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def answer(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection ends, however it ends."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            got += part
    return got


@pytest.mark.parametrize(
    ("sends", "drip", "wait"),
    [
        (b"", b"", Wait.HEAD),
        (b"\r\n", b"\r\n", Wait.HEAD),
        (b"G", b"", Wait.HEAD),
        (b"GET /", b"x", Wait.HEAD),
        (b"GET / HTTP/1.1\r\nx: ", b"y", Wait.HEAD),
        (b"GET / HTTP/1.1\r\n", b"a: b\r\n", Wait.HEAD),
        (GET + b"GET / HTTP/1.1\r\nx: ", b"y", None),  # pipelined: the connection ends
        (b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n", b"x", Wait.BODY),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n", b"", Wait.BODY),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nx", b"x", Wait.BODY),  # answered, not read
        (b"POST /read HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n", b"", Wait.BODY),
        (CHUNKED, b"", Wait.BODY),
        (CHUNKED, b"1\r\nx\r\n", Wait.BODY),
        (CHUNKED + b"1;", b"x", Wait.BODY),
        (CHUNKED + b"0\r\nt: ", b"x", Wait.BODY),
        (CHUNKED + b"0\r\n", b"t: x\r\n", Wait.BODY),
        (GET, b"", Wait.IDLE),
        (GET, b"\r\n", Wait.IDLE),
        (b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n", b"", Wait.TAKING),
        (b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"", Wait.TAKING),
        (b"GET /large HTTP/1.0\r\n\r\n", b"", Wait.TAKING),
    ],
    ids=repr,
)  # fmt: skip
def test_what_keeps_it_waiting_is_given_up(sends: bytes, drip: bytes, wait: Wait | None) -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect(sends)
        if wait is None:
            assert (await answer(reader)).count(b"HTTP/1.1 200") == 1
            return
        await door.waits(wait)
        door.sweep(SECONDS[wait] - 5)
        writer.write(drip)
        await asyncio.sleep(0.01)
        await door.waits(wait)
        door.sweep(SECONDS[wait] + 1)
        if door.made[-1].wait is Wait.LEAVING:  # it was told
            door.sweep(SECONDS[Wait.LEAVING] + 1)
        got = await answer(reader)
        assert len(got) < LARGE
        await until(lambda: door.made[-1].wait is None)
        assert door.dropped[:1] == ([] if wait is Wait.IDLE else [wait.value])

    door(test)


@pytest.mark.parametrize(
    "flood",
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: ", b"y" * 1000),
        (b"GET /", b"y" * 1000),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n" * 100),
        (CHUNKED + b"1;", b"x" * 1000),
        (CHUNKED, (b"1;" + b"x" * 1000 + b"\r\ny\r\n")),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"a: b\r\n" * 100),
        (CHUNKED + b"1\r\nx\r\n0\r\na: ", b"y" * 1000),
    ],
    ids=lambda flood: repr(flood[0] + flood[1][:8]),
)
def test_what_surrounds_a_body_is_bounded(flood: tuple[bytes, bytes]) -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect(flood[0])
        got = asyncio.create_task(answer(reader))
        sent = 0
        while not got.done():
            writer.write(flood[1])
            sent += len(flood[1])
            assert sent < 4 * HEAD_BYTES + (1 << 20)
            await asyncio.sleep(0.001)
        assert b"HTTP/1.1 431" in await got

    door(test)


def test_many_small_chunks_are_a_body() -> None:
    async def test(door: Door) -> None:
        reader, _ = await door.connect(CHUNKED + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"

    door(test)


@pytest.mark.parametrize("fields", [FIELDS - 1, FIELDS])
def test_the_number_of_fields_is_bounded(fields: int) -> None:
    async def test(door: Door) -> None:
        reader, _ = await door.connect(b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * fields + b"\r\n")
        status = (await reader.readline()).split()[1]
        assert status == (b"200" if fields < FIELDS else b"431")

    door(test)


@pytest.mark.parametrize(
    "sends",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\nhost: x\n\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nabc",
        b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\nabc",
        b"POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nhost : x\r\n\r\n",
        bytes(100),
    ],
    ids=lambda sends: repr(sends[:40]),
)  # fmt: skip
def test_what_is_no_request_is_told_and_ended(sends: bytes) -> None:
    async def test(door: Door) -> None:
        reader, _ = await door.connect(sends)
        got = await answer(reader)
        assert got.startswith(b"HTTP/1.1 400") and got.count(b"HTTP/1.1 4") == 1
        assert b'"bad_request"' in got
        door.sweep(SECONDS[Wait.LEAVING] + 1)
        await until(lambda: door.made[-1].wait is None)

    door(test)


def test_nonsense_within_a_body_hurts_no_answer() -> None:
    """The answer to the header fields was given before the rest came; nothing comes behind it."""

    async def test(door: Door) -> None:
        reader, writer = await door.connect(
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"
        )
        assert await reader.readuntil(b"ok")
        writer.write(b"nonsense\r\n")
        assert await answer(reader) == b""

    door(test)


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_another_protocol_is_not_spoken(protocol: bytes) -> None:
    async def test(door: Door) -> None:
        upgrade = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: " + protocol + b"\r\n\r\n"
        reader, _ = await door.connect(upgrade + b"\x00\x01" * 1000)
        got = await answer(reader)
        assert got.startswith(b"HTTP/1.1 200") and b"connection: close" in got

    door(test)


def test_pipelined_requests_are_not_read() -> None:
    """Each would take memory, before the server knows whether anybody waits for it."""

    async def test(door: Door) -> None:
        reader, _ = await door.connect(b"GET /work HTTP/1.1\r\nhost: x\r\n\r\n" + GET * 10_000)
        await until(lambda: bool(door.paths))
        door.work.set()
        assert (await answer(reader)).count(b"HTTP/1.1 200") == 1
        assert door.paths == {"/work": 1}

    door(test)


def test_a_client_that_pipelines_and_goes_is_missed() -> None:
    async def test(door: Door) -> None:
        _, writer = await door.connect(b"GET /work HTTP/1.1\r\nhost: x\r\n\r\n" + GET)
        await until(lambda: bool(door.paths))
        writer.transport.abort()
        await door.gone.wait()

    door(test)


@pytest.mark.parametrize("announces", [b"content-length: 2", b"transfer-encoding: chunked"])
def test_a_body_that_is_only_announced_is_no_work(announces: bytes) -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect(b"POST /read HTTP/1.1\r\nhost: x\r\n" + announces + b"\r\n\r\n")
        await door.waits(Wait.BODY)
        other, _ = await door.connect(GET)
        assert await other.readline() == b"HTTP/1.1 200 OK\r\n"
        assert door.paths == {"/": 1}
        writer.write(b"ab" if b"length" in announces else b"2\r\nab\r\n0\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"

    door(test)


def test_who_asks_whether_to_send_is_told() -> None:
    async def test(door: Door) -> None:
        head = b"POST /read HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n"
        reader, writer = await door.connect(head)
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        writer.write(b"x")
        assert await reader.readuntil(b"HTTP/1.1 200")

    door(test)


def test_work_may_take_any_time() -> None:
    async def test(door: Door) -> None:
        reader, _ = await door.connect(b"GET /work HTTP/1.1\r\nhost: x\r\n\r\n")
        await door.waits(None)
        await until(lambda: bool(door.paths))
        door.sweep(1e6)
        door.work.set()
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert door.dropped == []

    door(test)


@pytest.mark.parametrize("sends", [b"", b"GET / HT", CHUNKED, GET], ids=repr)
def test_one_more_finds_room(sends: bytes) -> None:
    async def test(door: Door) -> None:
        others = [await door.connect(sends) for _ in range(30)]
        await until(lambda: len(door.made) == 30)
        for _ in range(5):
            reader, _ = await door.connect(GET)
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        for reader, _ in others[:10]:  # those that waited longest went
            assert b"408" not in await answer(reader)

    door(test, most=20)


def test_who_is_being_served_makes_no_room() -> None:
    async def test(door: Door) -> None:
        served = [await door.connect(b"GET /work HTTP/1.1\r\nhost: x\r\n\r\n") for _ in range(10)]
        await until(lambda: door.paths["/work"] == 10)
        reader, _ = await door.connect(GET)
        refused = await answer(reader)
        assert refused.startswith(b"HTTP/1.1 503") and b"retry-after: 1" in refused
        door.work.set()
        for reader, _ in served:
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"

    door(test, most=10)


def test_answers_that_nobody_takes_are_bounded() -> None:
    async def test(door: Door) -> None:
        for _ in range(4):
            await door.connect(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        for which in range(4):
            await door.waits(Wait.TAKING, which)
        door.sweep(0)
        await until(lambda: sum(made.wait is not None for made in door.made) == 2)
        assert door.dropped == ["taking"] * (4 - 2)

    door(test, answer_bytes=2 * LARGE)
