"""What stands between a client and a server, and does to both what networks do."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct

PIECE = 1 << 16
DRIP = 0.2
"""Seconds between two bytes of an answer that drips."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a connection that ends with a reset."""
_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Mood(enum.Enum):
    """What becomes of connections."""

    OPEN = "open"
    REFUSING = "503 with Retry-After"
    DRIPPING = "answers drip"
    RESETTING = "connections are reset"
    SILENT = "answers stay away"


class Proxy:
    """``async with Proxy(port) as proxy``: in front of the server on that port of this machine; ``become`` a mood."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._mood = Mood.OPEN
        self._changed = asyncio.Event()
        self._connections: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.become(Mood.RESETTING)
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        return "http://{}:{}".format(*self._server.sockets[0].getsockname())

    def become(self, mood: Mood) -> None:
        """From now on. Moods that need new connections end those that there are."""
        self._mood = mood
        self._changed.set()
        self._changed = asyncio.Event()
        if mood in (Mood.REFUSING, Mood.RESETTING):
            for writer in [*self._connections]:
                _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with contextlib.suppress(OSError):
                await self._talk(reader, writer)
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mood is Mood.RESETTING:
            return _reset(writer)
        if self._mood is Mood.REFUSING:
            await reader.read(PIECE)
            writer.write(_REFUSAL)
            return await writer.drain()
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        self._connections.add(to_server)
        ways = [asyncio.create_task(each) for each in (_pass(reader, to_server), self._answer(from_server, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._connections.discard(to_server)
            to_server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(PIECE):
            while data:
                while self._mood is Mood.SILENT:
                    await self._changed.wait()
                size = 1 if self._mood is Mood.DRIPPING else len(data)
                writer.write(data[:size])
                await writer.drain()
                data = data[size:]
                if self._mood is Mood.DRIPPING:
                    await asyncio.sleep(DRIP)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(PIECE):
        writer.write(data)
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    held: socket.socket | None = writer.get_extra_info("socket")
    if held is None:  # it is closed
        return
    with contextlib.suppress(OSError):
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
