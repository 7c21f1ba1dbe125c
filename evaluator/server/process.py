"""One engine process: evaluator, service and HTTP server on sockets that are open already.

The supervisor starts it as ``python -m microcoder.evaluator.server.process SOCKET PIPE``, with its settings on standard
input, which stays open: when it ends, the supervisor has ended, and so does the process. Once it is ready it writes to
the pipe, as long as its event loop turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import msgspec
import uvicorn
import uvloop

from ...sandbox.errors import JailUnavailable, MicrocoderError
from ..cluster import RayEvaluator
from ..engine import Evaluator
from .connections import Connections, room_for
from .gate import Gate
from .logs import logger
from .metrics import Metrics
from .routes import application
from .service import Service
from .settings import Settings
from .siblings import Siblings, socket_path

BACKLOG = 4096
CUT_OFF = 5.0
"""Seconds for answers to be sent after the drain."""
THREADS = "microcoder-reads"
BEAT = 0.5
"""Seconds between two words to the supervisor."""
PATIENCE = 1.0
"""Seconds for threads to end when all else has."""


class _Threads(ThreadPoolExecutor):
    """What reads long texts. No end waits for it: who sent them is gone."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix=THREADS)

    def shutdown(self, *_: Any, **__: Any) -> None:
        super().shutdown(wait=False, cancel_futures=True)


def leave(code: int) -> None:
    """End this process, as the last of all, where a thread of a server still reads: Python would wait for it."""
    until = time.monotonic() + PATIENCE
    for thread in threading.enumerate():
        if thread.name.startswith(THREADS):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                os._exit(code)


def run(settings: Settings, sockets: list[socket.socket], beats: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises JailUnavailable."""
    for each in sockets:
        each.listen(BACKLOG)  # connections wait while the workers start
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, sockets, beats))


async def _serve(settings: Settings, sockets: list[socket.socket], beats: int | None) -> None:
    asyncio.get_running_loop().set_default_executor(_Threads())
    log = logger(settings.log_format, settings.log_level, engine=settings.engine)
    metrics = Metrics(settings.engine)
    options: dict[str, Any] = {
        "jail": settings.jail,
        "python": settings.python,
        "packages": settings.packages,
        "lanes": settings.lanes,
        "run_all": settings.run_all,
        "scores": settings.scores,
        "benefit_of_doubt": settings.benefit_of_doubt,
        "preset": settings.preset,
        "cache": 0,
        "unsafe_no_jail": settings.unsafe_no_jail,
    }
    if settings.ray is None:
        evaluator = Evaluator(workers=settings.workers, memory=settings.budget.evaluator, **options)
    else:
        options |= {name: value for name in ("actor_workers", "actor_wait") if (value := getattr(settings, name))}
        evaluator = RayEvaluator(settings.ray, workers=settings.workers or None, **options)
    async with evaluator, Siblings(settings) as siblings, Service(settings, evaluator, metrics, log) as service:
        app = Gate(application(service, siblings), settings, metrics, log)
        room = room_for(evaluator.workers)
        connections = Connections(room, settings.queue.body_bytes, metrics.dropped)
        protocol: Any = connections.protocol  # a callable is all that is asked for
        config = uvicorn.Config(
            app,
            http=protocol,
            loop="none",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=round(settings.drain_seconds + CUT_OFF),
        )
        server = _Server(config, service, connections)
        work = [] if beats is None else [_watch_supervisor(server), _beat(beats)]
        beside = [asyncio.create_task(each) for each in work]
        # What is there now stays. A collection that looked at all of it would keep everybody waiting for 30 ms.
        gc.collect()
        gc.freeze()
        log.info("ready", pid=os.getpid(), workers=evaluator.workers, jail=evaluator.jail, connections=room)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await server.serve(sockets)
        finally:
            for task in beside:
                task.cancel()
        log.info("ended")


class _Server(uvicorn.Server):
    """Looks after the connections; drains the service when it is told to end."""

    def __init__(self, config: uvicorn.Config, service: Service, connections: Connections) -> None:
        super().__init__(config)
        self._service = service
        self._connections = connections
        self._loop = asyncio.get_running_loop()

    @contextlib.contextmanager
    def capture_signals(self):
        """As uvicorn does, but an end by SIGTERM is an ordinary one: the signal is not raised again."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def on_tick(self, counter: int) -> bool:
        self._connections.sweep(self._loop.time())
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.end()

    def end(self) -> None:
        if self.should_exit:
            self.force_exit = True  # asked twice
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._service.drain)


async def _beat(pipe: int) -> None:
    while True:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # it does not read, or has ended
            os.write(pipe, b".")
        await asyncio.sleep(BEAT)


async def _watch_supervisor(server: _Server) -> None:
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(0, gone.set)
    await gone.wait()
    loop.remove_reader(0)
    server.end()


def main() -> int:
    """An engine process of a supervisor."""
    descriptor, beats = map(int, sys.argv[1:])
    shared = socket.socket(fileno=descriptor)
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    path = socket_path(settings.state, settings.engine)
    own = socket.socket(socket.AF_UNIX)
    sockets = [shared, own]
    try:
        path.unlink(missing_ok=True)
        own.bind(str(path))
    except OSError as error:
        sockets.remove(own)
        print(f"microcoder-eval: engine {settings.engine}: others cannot ask it: {path}: {error}", file=sys.stderr)
    try:
        run(settings, sockets, beats)
    except MicrocoderError as error:
        print(f"microcoder-eval: engine {settings.engine}: {error}", file=sys.stderr)
        return 3 if isinstance(error, JailUnavailable) else 2
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    code = main()
    leave(code)
    sys.exit(code)
