"""Several engine processes behind one socket.

All of them accept from the same listening socket, so when one ends no connection that was not accepted yet is lost:
another takes it. The parent only watches: it ends what is silent, starts again what ended, and gives up when that helps
nothing. An engine that is ready says so twice a second; its clients hear of its end, and ask another.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ...sandbox.errors import JailUnavailable, SandboxError
from .settings import Settings

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

PAUSE = 0.5
"""Seconds before an engine that ended is started again."""
MOST, WITHIN = 5, 60.0
"""So many ends of one engine within so many seconds are too many."""
SILENCE = 3.0
"""Seconds without a word after which an engine that was ready is stopped, or in an endless loop."""
LATE = 15.0
"""Seconds beyond the drain after which an engine is killed."""
NO_JAIL = 3


class _Engine:
    def __init__(self, settings: Settings, listening: socket.socket, multiprocess: Path) -> None:
        self.settings = settings
        self._listening = listening
        self._multiprocess = multiprocess
        self.ends: deque[float] = deque(maxlen=MOST)
        self.start_at: float | None = None
        self.start()

    def start(self) -> None:
        self._beats, beats = os.pipe()
        os.set_blocking(self._beats, False)
        os.set_blocking(beats, False)
        self.heard_at: float | None = None
        """When it last said that it is there; None: it is not ready."""
        descriptors = [self._listening.fileno(), beats]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "microcoder.evaluator.server.process", *map(str, descriptors)],
            stdin=subprocess.PIPE,
            pass_fds=descriptors,
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(self._multiprocess)},
            start_new_session=True,  # Ctrl-C in a terminal is for the parent, which drains them
        )
        os.close(beats)
        self.start_at = None
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(msgspec.json.encode(self.settings) + b"\n")
            self.process.stdin.flush()  # and stays open

    def silent(self) -> bool:
        """Whether it was ready, and has said nothing for long."""
        now = time.monotonic()
        with contextlib.suppress(BlockingIOError):
            if os.read(self._beats, 1 << 16):
                self.heard_at = now
        return self.heard_at is not None and now - self.heard_at > SILENCE

    def close(self) -> None:
        os.close(self._beats)
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


def run(settings: Settings, listening: socket.socket, log: FilteringBoundLogger) -> None:
    """Until SIGTERM or SIGINT. Raises JailUnavailable or SandboxError when engines do not stay up."""
    multiprocess = Path(settings.state) / "metrics"
    multiprocess.mkdir(exist_ok=True)
    for file in multiprocess.iterdir():
        file.unlink()
    listening.listen(4096)  # connections wait while the engines start
    share, more = divmod(settings.workers, settings.engines)
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: asked.append(caught))
    engines = [
        _Engine(
            msgspec.structs.replace(settings, engine=place, workers=share + (place < more)), listening, multiprocess
        )
        for place in range(settings.engines)
    ]
    try:
        while not asked:
            for engine in engines:
                _look_after(engine, multiprocess, log)
            time.sleep(0.1)
    finally:
        listening.close()
        _end(engines, settings.drain_seconds + LATE, log)


def _look_after(engine: _Engine, multiprocess: Path, log: FilteringBoundLogger) -> None:
    now = time.monotonic()
    if engine.start_at is not None:
        if now >= engine.start_at:
            engine.start()
        return
    code = engine.process.poll()
    if code is None:
        if engine.silent():
            log.error("an engine is silent, and is ended", engine=engine.settings.engine, pid=engine.process.pid)
            engine.process.kill()
            engine.process.wait()
        return
    engine.close()
    _forget_gauges(multiprocess, engine.process.pid)
    log.error("an engine ended", engine=engine.settings.engine, pid=engine.process.pid, exit_code=code)
    if code == NO_JAIL:
        raise JailUnavailable("an engine found no jail; see above")
    engine.ends.append(now)
    if len(engine.ends) == MOST and now - engine.ends[0] < WITHIN:
        raise SandboxError(f"engine {engine.settings.engine} ended {MOST} times within {WITHIN:g} seconds")
    engine.start_at = now + PAUSE


def _forget_gauges(multiprocess: Path, pid: int) -> None:
    """Counters of the dead go on counting; what they had at the moment does not."""
    for file in multiprocess.glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)


def _end(engines: list[_Engine], seconds: float, log: FilteringBoundLogger) -> None:
    for engine in engines:
        with contextlib.suppress(ProcessLookupError):
            engine.process.terminate()
    until = time.monotonic() + seconds
    for engine in engines:
        try:
            engine.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("an engine did not end", engine=engine.settings.engine)
            engine.process.kill()
            engine.process.wait()
        engine.close()
