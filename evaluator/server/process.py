"""One engine process: evaluator, service and HTTP server on sockets that are open already.

The supervisor starts it as ``python -m microcoder.evaluator.server.process SOCKET PIPE PID``, with its settings on
standard input, which stays open: further lines have other tokens, and when it ends, so does the process, for the
supervisor wants it to, or has ended. Once it is ready it writes to the pipe, as long as its event loop turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio.lowlevel
import msgspec
import uvicorn
import uvloop

from ...sandbox.errors import JailUnavailable, MicrocoderError
from ..cluster import RayEvaluator
from ..engine import Evaluator
from .connections import Connections, room_for
from .gate import Gate
from .logs import logger, outlet
from .metrics import Metrics
from .outlet import LAST_AT_ONCE, Outlet
from .routes import application
from .service import Service
from .settings import Settings
from .siblings import Siblings, socket_path
from .signals import Signals
from .tokens import Tokens, read_again

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

BACKLOG = 4096
CUT_OFF = 5.0
"""Seconds for answers to be sent after the drain."""
THREADS = "microcoder-reads"
BEAT = 0.5
"""Seconds between two words to the supervisor."""
ORPHAN = 0.05
"""Seconds between two looks at whether the supervisor, which has nothing more to say, is still there."""
SAID = 1 << 24
"""Most bytes of a line from the supervisor."""
DONE, UNUSABLE, NO_JAIL = 0, 2, 3
PATIENCE = 1.0
"""Seconds for threads to end when all else has."""
_PR_SET_PDEATHSIG = 1


class Supervisor(NamedTuple):
    """Of an engine process."""

    pid: int
    beats: int
    """The pipe."""


class _Threads(ThreadPoolExecutor):
    """What reads long texts. No end waits for it: who sent them is gone."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix=THREADS)

    def shutdown(self, *_: Any, **__: Any) -> None:
        super().shutdown(wait=False, cancel_futures=True)


def leave(code: int, errors: Outlet, *, at_once: bool = False) -> None:
    """End this process, as the last of all, where a thread of a server still reads: Python would wait for it."""
    if at_once:
        errors.last = LAST_AT_ONCE
    until = time.monotonic() + PATIENCE
    for thread in threading.enumerate():
        if thread.name.startswith(THREADS):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                errors.drain()
                os._exit(code)


def run(
    settings: Settings,
    sockets: list[socket.socket],
    signals: Signals,
    errors: Outlet,
    *,
    tokens: Callable[[], tuple[str, ...]] | None = None,
    supervisor: Supervisor | None = None,
) -> None:
    """Serve until a signal or the supervisor wants an end. Raises JailUnavailable.

    ``tokens`` reads them again, for SIGHUP.
    """
    for each in sockets:
        each.listen(BACKLOG)  # connections wait while the workers start
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, sockets, signals, errors, tokens, supervisor))


async def _serve(
    settings: Settings,
    sockets: list[socket.socket],
    signals: Signals,
    errors: Outlet,
    read: Callable[[], tuple[str, ...]] | None,
    supervisor: Supervisor | None,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(_Threads())
    log = logger(settings.log_format, settings.log_level, engine=settings.engine)
    metrics = Metrics(settings.engine)
    errors.dropped = metrics.log_dropped
    tokens = Tokens(settings.tokens)
    end = _End(signals)
    again = asyncio.Event()

    def look() -> None:
        if signals.reload():
            again.set()
        end.look()

    try:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(signals.watched(lambda: loop.call_soon_threadsafe(look)))
            if read is not None:
                await stack.enter_async_context(_beside(_read_tokens(again, read, tokens, log)))
            if supervisor is not None:
                await stack.enter_async_context(_beside(_hear(supervisor, tokens, end)))
            evaluator = await stack.enter_async_context(_evaluator(settings))
            siblings = await stack.enter_async_context(Siblings(settings, tokens))
            service = await stack.enter_async_context(Service(settings, evaluator, metrics, log))
            room = room_for(evaluator.workers)
            connections = Connections(room, settings.queue.body_bytes, metrics.dropped)
            protocol: Any = connections.protocol  # a callable is all that is asked for
            config = uvicorn.Config(
                Gate(application(service, siblings), settings, tokens, metrics, log),
                http=protocol,
                loop="none",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
            )
            server = end.server = _Server(config, service, connections)
            await anyio.lowlevel.checkpoint()  # imports what streams need, now that there are descriptors for it
            # What is there now stays. A collection that looked at all of it would keep everybody waiting for 30 ms.
            gc.collect()
            gc.freeze()
            if supervisor is not None:
                await stack.enter_async_context(_beside(_beat(supervisor.beats)))
            log.info("ready", pid=os.getpid(), workers=evaluator.workers, jail=evaluator.jail, connections=room)
            await server.serve(sockets)
    except asyncio.CancelledError:
        if not end.cancelled:
            raise
    log.info("ended")


def _evaluator(settings: Settings) -> Evaluator | RayEvaluator:
    options: dict[str, Any] = {
        **msgspec.structs.asdict(settings.running),
        **msgspec.structs.asdict(settings.judging),
        "workers": settings.workers or None,
        "cache": 0,
        "memory": settings.budget.evaluator,
    }
    if settings.ray is None:
        return Evaluator(**options)
    options.update((name, value) for name in ("actor_workers", "actor_wait") if (value := getattr(settings, name)))
    return RayEvaluator(settings.ray, **options)


class _End:
    """How the task that serves ends: in order once it has taken something in, else at once."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._task = asyncio.current_task()
        self.server: _Server | None = None
        self.cancelled = False

    def in_order(self) -> None:
        """The supervisor wants it."""
        self._signals.end = True
        self.look()

    def make_way(self) -> None:
        """For another server at this address: the supervisor was killed."""
        if self.server is not None:
            self.server.stop_listening()

    def look(self) -> None:
        """At what the signals ask for."""
        if self._signals.end and self.server is not None:
            self.server.end()
        if self._signals.at_once is not None or (self._signals.end and self.server is None):
            self._at_once()

    def _at_once(self) -> None:
        if self.cancelled:
            return
        self.cancelled = True
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what is cut off is not worth a traceback
        if self.server is not None:
            self.server.give_up()
        assert self._task is not None
        self._task.cancel()


class _Server(uvicorn.Server):
    """Looks after the connections. Told to end, it goes on answering until what was taken in is done: whoever waits for
    it asks meanwhile whether the server is still there."""

    def __init__(self, config: uvicorn.Config, service: Service, connections: Connections) -> None:
        super().__init__(config)
        self._service = service
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._until: float | None = None
        """When the time for that is over."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """They are taken already."""
        yield

    async def on_tick(self, counter: int) -> bool:
        now = self._loop.time()
        self._connections.sweep(now)
        if self._until is not None and (self._service.finished or now >= self._until):
            self.config.timeout_graceful_shutdown = round(max(0.0, self._until - now) + CUT_OFF)
            self.should_exit = True
        return await super().on_tick(counter)

    def end(self) -> None:
        if self._until is None:
            self._until = self._loop.time() + self._service.settings.drain_seconds
            self._service.drain()

    def stop_listening(self) -> None:
        for each in self.servers:
            each.close()

    def give_up(self) -> None:
        self._service.give_up()


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _beat(pipe: int) -> None:
    while True:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # it does not read, or has ended
            os.write(pipe, b".")
        await asyncio.sleep(BEAT)


async def _read_tokens(
    wanted: asyncio.Event, read: Callable[[], tuple[str, ...]], tokens: Tokens, log: FilteringBoundLogger
) -> None:
    while True:
        await wanted.wait()
        wanted.clear()
        if (found := await asyncio.to_thread(read_again, read, log)) is not None:
            tokens.replace(found)


async def _hear(supervisor: Supervisor, tokens: Tokens, end: _End) -> None:
    reader = asyncio.StreamReader(limit=SAID)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    with contextlib.closing(transport):
        while (line := await reader.readline()).endswith(b"\n"):  # half a line is the last, too
            tokens.replace(msgspec.json.decode(line, type=tuple[str, ...]))
        end.in_order()
    while os.getppid() == supervisor.pid:  # noqa: ASYNC110  it waits for our end, or for its own
        await asyncio.sleep(ORPHAN)
    end.make_way()


def main() -> int:
    """An engine process of a supervisor."""
    descriptor, beats, pid = map(int, sys.argv[1:])
    signals = Signals()
    signals.of_engine()
    # Should it be stopped when the supervisor is killed, it goes on: others need the address.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
    shared = socket.socket(fileno=descriptor)
    with open(0, "rb", buffering=0, closefd=False) as told:  # no byte more than the line: there may be another
        line = told.readline()
    if not line.endswith(b"\n"):  # it ended before it had said all
        return DONE
    settings = msgspec.json.decode(line, type=Settings)
    errors = outlet(settings.log_format)
    code = DONE
    try:
        with _own_socket(settings) as own:
            run(settings, [shared, *own], signals, errors, supervisor=Supervisor(pid, beats))
    except MicrocoderError as error:
        print(f"microcoder-eval: engine {settings.engine}: {error}", file=sys.stderr)
        code = NO_JAIL if isinstance(error, JailUnavailable) else UNUSABLE
    leave(code, errors, at_once=signals.at_once is not None)
    return code


@contextlib.contextmanager
def _own_socket(settings: Settings) -> Generator[list[socket.socket]]:
    """By which the others ask it; none where there is no room for one. At the end the path is left to whoever has it by
    then."""
    path = socket_path(os.open(settings.state, os.O_PATH), settings.engine)
    with socket.socket(socket.AF_UNIX) as own:
        try:
            path.unlink(missing_ok=True)
            own.bind(str(path))
            bound = path.stat().st_ino
        except OSError as error:
            print(f"microcoder-eval: engine {settings.engine}: others cannot ask it: {error}", file=sys.stderr)
            yield []
            return
        try:
            yield [own]
        finally:
            with contextlib.suppress(OSError):
                if path.stat().st_ino == bound:
                    path.unlink()


if __name__ == "__main__":
    sys.exit(main())
