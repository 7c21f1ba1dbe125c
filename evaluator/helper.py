"""Trusted processes beside this one, for what may take long: each is asked one thing at a time, killed when that has no
end, and has an interpreter lock of its own, so that whatever it reads holds up nobody here.

    HelperProcess   one of them, as this process sees it
    Helpers         those that there are: started when they are needed, kept for whoever comes next
    connected       how one begins

Over one stream socket: here says parts of bytes, as the two agree; there says an empty message when it is ready, then a
message for each thing that it was asked. A message is a length and so many bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Generic, TypeVar

from ..sandbox.shortage import refusals

LENGTH = struct.Struct("!I")
START_SECONDS = 60.0
SLACK = 0.25
"""Processor seconds beyond the limit after which it is killed. Between two steps it may look at the clock itself."""
WALL = 30.0
"""Longest time for each processor second, and for one more. It waits for nothing but a processor."""
SHORTEST_LOOK = 0.02
_START = "import sys; sys.path[:] = sys.argv[3:]; from {} import main; main()"
_PR_SET_PDEATHSIG = 1


class HelperEnded(Exception):
    """It ended before it answered, or never began."""

    def __init__(self, code: int, *, started: bool, over: bool, error: OSError) -> None:
        super().__init__(f"it ended ({code}): {error}")
        self.over = over
        """Its processor time was over."""
        self.fault = -code if started and code < 0 and code != -signal.SIGKILL and not over else None
        """The signal that says that what it was asked was too much for it; None: it was ended from outside."""


class HelperProcess:
    """``ask``, any number of times, then ``close``."""

    def __init__(self, inside: str) -> None:
        """Starts ``main`` of that module, which begins with ``connected``. Blocks for a few milliseconds. Raises
        OSError."""
        path = map(os.path.abspath, sys.path)
        with contextlib.ExitStack() as where_it_fails:
            ours, theirs = map(where_it_fails.enter_context, socket.socketpair())
            ours.setblocking(False)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START.format(inside), str(theirs.fileno()), str(os.getpid()), *path],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C in the terminal is for us, who end it
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

    async def exchange(self, parts: Iterable[bytes], seconds: float) -> bytes:
        """What it says to these, for so many seconds of processor time. Raises HelperEnded. Then, and when it is
        cancelled, it has to be closed."""
        self.healthy = False
        try:
            await self._start()
            self._begun = time.clock_gettime(self._clock), time.monotonic()
            self._look_after(seconds, seconds)
            for data in parts:
                await asyncio.get_running_loop().sock_sendall(self._socket, data)  # piece by piece, without a copy
            answer = await self._receive()
        except OSError as error:
            await self.close()
            over = self._over or self._process.returncode == -signal.SIGPROF
            raise HelperEnded(self._process.returncode, started=self._started, over=over, error=error) from None
        finally:
            self._look_away()
        self.healthy = True
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

    async def _receive(self) -> bytes:
        (size,) = LENGTH.unpack(await self._read(LENGTH.size))
        return await self._read(size)

    async def _read(self, size: int) -> bytes:
        """Raises OSError."""
        data = memoryview(bytearray(size))
        place = 0
        while place < size:
            got = await asyncio.get_running_loop().sock_recv_into(self._socket, data[place:])
            if not got:
                raise ConnectionResetError("the end of what it says")
            place += got
        return bytes(data)


P = TypeVar("P", bound=HelperProcess)


class Helpers(Generic[P]):
    """``async with helpers.one() as helper``; ``close`` at the end. Starts none before it is needed."""

    def __init__(self, start: Callable[[], P], name: str) -> None:
        """``name``: what one of them is called."""
        self._start = start
        self._name = name
        self._idle: list[P] = []
        self._all: set[P] = set()
        self.closed = False

    def __iter__(self) -> Iterator[P]:
        return iter(self._all)

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[P]:
        """The one that was used last, or a new one. Raises HostShortage where there can be none."""
        with refusals(self._name):
            helper = self._idle.pop() if self._idle else self._start()
        self._all.add(helper)
        try:
            yield helper
        finally:
            if helper.healthy and not self.closed:
                self._idle.append(helper)
            else:
                await self._end(helper)

    async def close(self) -> None:
        """Ends all, also those that are at something."""
        self.closed = True
        async with AsyncExitStack() as ends:
            for helper in tuple(self._all):
                helper.kill()
                ends.push_async_callback(self._end, helper)

    def kill(self) -> None:
        for helper in tuple(self._all):
            helper.kill()

    def bury(self) -> None:
        for helper in tuple(self._all):
            helper.bury()

    async def _end(self, helper: P) -> None:
        try:
            await helper.close()
        finally:
            self._all.discard(helper)


# ------------------------------------------------------------------------------------------------- in the process


def connected() -> socket.socket:
    """How ``main`` of a helper begins: the socket, on which it has said that it is ready. It ends with who started it,
    and where that is gone already, now."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[2]):  # it was gone before
        sys.exit()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection.sendall(LENGTH.pack(0))
    return connection


@contextlib.contextmanager
def within(seconds: float, memory: int) -> Generator[None]:
    """Limits for one thing that it was asked: processor time, and bytes of address space besides what there is. Who
    asked looks at the exact clock; this one ends what takes long should nobody else do so. Raises MemoryError."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + memory, hard))
    signal.setitimer(signal.ITIMER_PROF, 2 * seconds + 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def address_space() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
