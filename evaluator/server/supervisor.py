"""Several engine processes behind one socket.

All of them accept from the same listening socket, so when one ends no connection that was not accepted yet is lost:
another takes it. The parent only watches: it ends what is silent, starts again what ended, and gives up where one never
gets ready. An engine that is ready says so twice a second; its clients hear of its end, and ask another. The tokens are
read by the parent alone, so that all engines have the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil

from ...sandbox.errors import JailUnavailable, SandboxError
from .figures import Figures
from .settings import Settings
from .signals import Signals
from .tokens import read_again

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

PAUSE = 0.5
"""Seconds before an engine that ended is started again."""
MOST = 5
"""Starts of one engine, one after the other, that it was not ready after."""
LOOK = 0.1
"""Seconds between two looks at the engines."""
SILENCE = 10.0
"""Seconds without a word after which an engine that was ready is in an endless loop. The largest body that it may get
keeps it from speaking for some seconds."""
STOPPED = 1.5
"""The same where its process is stopped."""
LATE = 15.0
"""Seconds beyond the drain after which an engine is killed."""
AT_ONCE = 2.0
"""Seconds after which it is killed where all should end at once."""
NO_JAIL = 3


class Pulse:
    """Of an engine process, by a pipe that it writes to."""

    def __init__(self) -> None:
        self._reads, self.beats = os.pipe()
        os.set_blocking(self._reads, False)
        os.set_blocking(self.beats, False)
        self._ready = False
        self._silence = 0.0
        """Seconds since it was heard, in which somebody listened; while it is not ready, since it began to start."""

    def is_of(self, pid: int) -> None:
        """The process has the pipe now."""
        os.close(self.beats)
        self._pid = pid

    def heard(self, listened: float) -> bool:
        """Whether it has said something since the last time. ``listened``: seconds since then, without those in which
        nobody did."""
        with contextlib.suppress(BlockingIOError):
            if os.read(self._reads, 1 << 16):
                self._ready, self._silence = True, 0.0
                return True
        self._silence += listened
        return False

    @property
    def missing(self) -> bool:
        """Whether it should have said something, long ago, or will say nothing any more."""
        return (self._ready and self._silence > SILENCE) or self.stopped

    @property
    def stopped(self) -> bool:
        if self._silence > STOPPED:
            with contextlib.suppress(psutil.NoSuchProcess, OSError):  # it has ended; or there is no descriptor to look
                return psutil.Process(self._pid).status() == psutil.STATUS_STOPPED
        return False

    def close(self) -> None:
        os.close(self._reads)


class _Engine:
    def __init__(
        self, settings: Settings, listening: socket.socket, figures: Figures | None, held: Sequence[int]
    ) -> None:
        self.settings = settings
        self._listening = listening
        self._figures = figures
        self._held = held
        self.failures = 0
        """Ends since it was ready."""
        self.start_at: float | None = None
        self.start()

    def start(self) -> None:
        """Raises OSError where the host has no process or descriptor for it."""
        pulse = Pulse()
        descriptors = [self._listening.fileno(), pulse.beats]
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "microcoder.evaluator.server.process", *map(str, (*descriptors, os.getpid()))],
                stdin=subprocess.PIPE,
                bufsize=0,
                stderr=sys.stderr.fileno(),
                pass_fds=[*descriptors, *self._held],
                env=os.environ | (self._figures.environment if self._figures else {}),
                start_new_session=True,  # Ctrl-C in a terminal is for the parent, which drains them
            )
        except BaseException:
            os.close(pulse.beats)
            pulse.close()
            raise
        assert self.process.stdin is not None
        os.set_blocking(self.process.stdin.fileno(), False)
        pulse.is_of(self.process.pid)
        self._pulse = pulse
        self.killed = False
        self.start_at = None
        self._line = _line(self.settings)
        """What it is being told."""
        self._next_line = b""
        self.tell()  # and the pipe stays open

    def use(self, tokens: tuple[str, ...]) -> None:
        """Now, and whenever it is started again."""
        self.settings = msgspec.structs.replace(self.settings, tokens=tokens)
        if self.start_at is None:
            self._next_line = _line(tokens)  # instead of others that it has not been told yet

    def tell(self) -> None:
        """As much as the pipe takes: a process that does not read holds nobody up."""
        assert self.process.stdin is not None
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            while self._line or self._next_line:
                if not self._line:
                    self._line, self._next_line = self._next_line, b""
                self._line = self._line[os.write(self.process.stdin.fileno(), self._line) :]

    def end(self) -> None:
        """In order, once it is far enough for that."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()

    def listen(self, listened: float) -> None:
        """``listened``: seconds, since the last time, in which that was possible."""
        if self._pulse.heard(listened):
            self.failures = 0

    @property
    def silent(self) -> bool:
        """Whether it is to be replaced."""
        return self._pulse.missing

    @property
    def stopped(self) -> bool:
        """Whether it will never end in order."""
        return self._pulse.stopped

    def kill(self) -> None:
        """It ends when the kernel can end it, which nobody waits for."""
        self.killed = True
        self.process.kill()

    def ended(self) -> None:
        """Its process has."""
        self._pulse.close()
        if self._figures is not None:
            self._figures.forget(self.settings.engine)
        assert self.process.stdin is not None
        self.process.stdin.close()


def _line(what: object) -> bytes:
    return msgspec.json.encode(what) + b"\n"


def run(
    settings: Settings,
    listening: socket.socket,
    log: FilteringBoundLogger,
    signals: Signals,
    *,
    tokens: Callable[[], tuple[str, ...]] | None = None,
    held: Sequence[int] = (),
) -> None:
    """Until a signal wants an end. Raises JailUnavailable or SandboxError when engines do not stay up.

    ``tokens`` reads them again, for SIGHUP. ``held``: descriptors that are to stay open as long as an engine lives.
    """
    try:
        figures = Figures(Path(settings.state) / "metrics", settings.engines)
    except OSError as error:
        log.warning("each engine counts for itself in /metrics", why=str(error))
        figures = None
    listening.listen(4096)  # connections wait while the engines start
    share, more = divmod(settings.workers, settings.engines)
    engines: list[_Engine] = []
    try:
        for place in range(0 if signals.end else settings.engines):
            of_one = msgspec.structs.replace(settings, engine=place, workers=share + (place < more))
            try:
                engines.append(_Engine(of_one, listening, figures, held))
            except OSError as error:
                raise SandboxError(f"engine {place} cannot be started: {error}") from None
        listening_time = Listened()
        while not signals.end:
            listened = listening_time.since()
            if signals.reload() and tokens is not None and (found := read_again(tokens, log)) is not None:
                for engine in engines:
                    engine.use(found)
            for engine in engines:
                _look_after(engine, listened, log)
            time.sleep(LOOK)
    finally:
        listening.close()
        _end(engines, settings.drain_seconds + LATE, signals, log)


class Listened:
    """How long this process has listened to the engines. It may have been stopped, too, at any moment; engines are not
    taken for silent for that."""

    def __init__(self) -> None:
        self._looked = time.monotonic()

    def since(self) -> float:
        """Seconds since the last time."""
        now = time.monotonic()
        gone, self._looked = now - self._looked, now
        return min(gone, 2 * LOOK)


def _look_after(engine: _Engine, listened: float, log: FilteringBoundLogger) -> None:
    now = time.monotonic()
    if engine.start_at is not None:
        if now >= engine.start_at:
            _start_again(engine, log)
        return
    code = engine.process.poll()
    engine.listen(listened)  # also to what it said before it ended
    if code is None:
        engine.tell()
        if engine.silent and not engine.killed:
            log.error("an engine is silent, and is ended", engine=engine.settings.engine, pid=engine.process.pid)
            engine.kill()
        return
    engine.start_at = now + PAUSE
    engine.ended()
    log.error("an engine ended", engine=engine.settings.engine, pid=engine.process.pid, exit_code=code)
    if code == NO_JAIL:
        raise JailUnavailable("an engine found no jail; see above")
    engine.failures += 1
    if engine.failures == MOST:
        raise SandboxError(f"engine {engine.settings.engine} ended {MOST} times without being ready; see above")


def _start_again(engine: _Engine, log: FilteringBoundLogger) -> None:
    """Later, where the host is short of something: the other engines serve meanwhile."""
    try:
        engine.start()
    except OSError as error:
        engine.start_at = time.monotonic() + PAUSE
        log.warning("an engine cannot be started", engine=engine.settings.engine, why=str(error))


def _end(engines: list[_Engine], seconds: float, signals: Signals, log: FilteringBoundLogger) -> None:
    started = [engine for engine in engines if engine.start_at is None]
    for engine in started:
        engine.end()
    left, hurried, listening_time = seconds, False, Listened()
    while running := [engine for engine in started if engine.process.poll() is None]:
        listened = listening_time.since()
        left -= listened
        if signals.at_once is not None and not hurried:
            hurried, left = True, AT_ONCE
            for engine in running:
                engine.process.send_signal(signal.SIGINT)
        for engine in running:
            engine.listen(listened)
            if (engine.stopped or left <= 0) and not engine.killed:
                log.error("an engine did not end", engine=engine.settings.engine)
                engine.kill()
        time.sleep(LOOK / 4)
    for engine in started:
        engine.ended()
