"""One comparing process, as the evaluator sees it: asked one thing at a time, killed when that has no end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import msgspec

from .messages import LENGTH, Answer, Exceeded, Request, over

START_SECONDS = 60.0
SLACK = 0.25
"""Processor seconds beyond the limit after which it is killed. Between two steps it looks at the clock itself."""
WALL = 30.0
"""Longest time for each processor second, and for one more. It waits for nothing but a processor."""
SHORTEST_LOOK = 0.02
_START = "import sys; sys.path[:] = sys.argv[3:]; from {} import main; main()"
_decode = msgspec.msgpack.Decoder(Answer).decode
_encode = msgspec.msgpack.Encoder().encode


class ProcessLost(Exception):
    """It was ended from outside, or never began."""


class ComparingProcess:
    """``ask``, any number of times, then ``close``."""

    def __init__(self) -> None:
        """Starts it. Blocks for a few milliseconds. Raises OSError."""
        start = _START.format(__name__.replace("process", "inside"))
        path = map(os.path.abspath, sys.path)
        with contextlib.ExitStack() as where_it_fails:
            ours, theirs = map(where_it_fails.enter_context, socket.socketpair())
            ours.setblocking(False)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", start, str(theirs.fileno()), str(os.getpid()), *path],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C in the terminal is for the evaluator, which ends it
                cwd="/",
            )
            where_it_fails.pop_all()
        theirs.close()
        self._socket = ours
        self._clock = (~self.pid << 3) | 2  # its processor clock, as in clock_getcpuclockid(3)
        self._started = False
        self._begun = 0.0, 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._over = False
        """It was killed for its processor time."""
        self.healthy = True
        """It may be asked."""

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, request: Request, expected: bytes, actual: bytes) -> Answer:
        """Raises ProcessLost. Then, and when it is cancelled, the process has to be closed."""
        self.healthy = False
        try:
            await self._start()
            self._begun = time.clock_gettime(self._clock), time.monotonic()
            self._look_after(request.seconds, request.seconds)
            head = _encode(request)
            for data in (LENGTH.pack(len(head)) + head, expected, actual):
                await asyncio.get_running_loop().sock_sendall(self._socket, data)  # piece by piece, without a copy
            answer = _decode(await self._receive())
        except OSError as error:
            await self.close()
            return self._end(request, error)
        finally:
            self._look_away()
        self.healthy = not answer.last
        return answer

    def kill(self) -> None:
        self.healthy = False
        self._look_away()
        if self._process.returncode is None:
            self._process.kill()

    def bury(self) -> None:
        """``close``, where the event loop has ended."""
        self.kill()
        self._process.wait()
        self._socket.close()

    async def close(self) -> None:
        """Nothing is left of it afterwards."""
        self.kill()
        try:
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._process.wait))
        finally:
            self._socket.close()

    # -- within

    async def _start(self) -> None:
        if not self._started:
            async with asyncio.timeout(START_SECONDS):
                await self._receive()
            self._started = True

    def _look_after(self, wait: float, seconds: float) -> None:
        self._watch = asyncio.get_running_loop().call_later(max(wait, SHORTEST_LOOK), self._look, seconds)

    def _look_away(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _look(self, seconds: float) -> None:
        """The limit is processor time, read from its own clock."""
        cpu, wall = self._begun
        left = seconds + SLACK - (time.clock_gettime(self._clock) - cpu)
        self._over = left <= 0
        if self._over or time.monotonic() - wall > WALL * (seconds + 1):
            self.kill()
        else:
            self._look_after(left, seconds)

    def _end(self, request: Request, error: OSError) -> Exceeded:
        """How it ended, where that is for what it compared. Raises ProcessLost."""
        code = self._process.wait()
        if self._over or code == -signal.SIGPROF:
            return over(request.seconds)
        if self._started and code < 0 and code != -signal.SIGKILL:
            return Exceeded(f"the process can take: {signal.strsignal(-code)}")
        raise ProcessLost(f"a comparing process ended ({code}): {error}") from None

    async def _receive(self) -> bytes:
        (size,) = LENGTH.unpack(await self._read(LENGTH.size))
        return await self._read(size)

    async def _read(self, size: int) -> bytes:
        """Raises OSError."""
        data = b""
        while len(data) < size:
            piece = await asyncio.get_running_loop().sock_recv(self._socket, size - len(data))
            if not piece:
                raise ConnectionResetError("the end of what it says")
            data += piece
        return data
