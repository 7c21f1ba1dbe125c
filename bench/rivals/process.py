"""The bench's end of a rival's interpreter, with the clocks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, cast

import msgspec
import psutil

from . import wire
from .base import Unavailable
from .registry import Name, Sources

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
"""Fewer threads and no progress bars: both only make the rivals faster."""


class RivalFailed(Exception):
    """The rival stopped with an error, or did not answer in time. Holds what it wrote last."""


class Pass(NamedTuple):
    """One timed pass over the loaded programs."""

    judged: wire.Judged
    seconds: float
    live_cpu: float
    """Processor seconds of descendants that were there before and after."""

    @property
    def cpu(self) -> float:
        return self.judged.self_cpu + self.judged.reaped_cpu + self.live_cpu


class RivalProcess:
    """A rival in an interpreter of its own. Leaving the context ends everything it started."""

    def __init__(self, rival: Name, sources: Sources, workers: int, timeout: float) -> None:
        environment = os.environ | _ENVIRONMENT
        self._package = _package_of(sources.before) if rival == "before" else None
        if self._package is not None:
            environment["PYTHONPATH"], rival = self._package.name, "ours"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by _end
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._family = psutil.Process(self._process.pid)
        self._timeout = timeout
        self._decoder = msgspec.msgpack.Decoder(wire.Reply)
        try:
            started = self._ask(wire.Start(rival, workers, sources))
            if isinstance(started, wire.Missing):
                raise Unavailable(started.reason)
        except BaseException:
            self._end()
            raise
        started = cast(wire.Started, started)
        self.version = started.version
        self.start_seconds = started.seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._ask(wire.Close())
        finally:
            self._end()

    def load(self, programs: wire.Load) -> None:
        self._ask(programs)

    def judge(self) -> Pass:
        before = self._live_cpu()
        start = time.perf_counter()
        judged = cast(wire.Judged, self._ask(wire.Judge()))
        seconds = time.perf_counter() - start
        return Pass(judged, seconds, self._live_cpu() - before)

    def idle_memory(self) -> float | None:
        """Proportional bytes (PSS) of everything the rival keeps running, less its own first process."""
        try:
            return float(sum(child.memory_full_info().pss for child in self._family.children(recursive=True)))
        except psutil.Error:
            return None

    def _live_cpu(self) -> float:
        """Processor seconds of all running descendants and of those that they have reaped."""
        total = 0.0
        for child in self._family.children(recursive=True):
            try:
                times = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def _ask(self, request: wire.Request) -> wire.Reply:
        alarm = threading.Timer(self._timeout, self._kill)
        alarm.start()
        try:
            wire.send(self._requests, request)
            data = wire.receive(self._replies)
        except BrokenPipeError:
            data = None
        finally:
            alarm.cancel()
        if data is None:
            raise RivalFailed(f"no answer to {type(request).__name__}\n{self._last_words()}")
        reply = self._decoder.decode(data)
        if isinstance(reply, wire.Failed):
            raise RivalFailed(f"{reply.error}\n{self._last_words()}")
        return reply

    def _last_words(self) -> str:
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 4000))
        return self._errors.read().decode(errors="replace")

    def _kill(self) -> None:
        """End the rival and its descendants, those in sessions of their own included."""
        try:
            family = [*self._family.children(recursive=True), self._family]
        except psutil.NoSuchProcess:
            family = []
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what lost its parent

    def _end(self) -> None:
        try:
            self._requests.close()
            self._process.wait(5)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            pass
        finally:
            self._kill()
            self._process.wait()
            self._replies.close()
            self._errors.close()
            if self._package is not None:
                self._package.cleanup()


def _package_of(checkout: str | None) -> tempfile.TemporaryDirectory[str]:
    """A folder with the package of that checkout, under the name that it has when it is installed."""
    if checkout is None:
        raise Unavailable("name another checkout with --before")
    if not (Path(checkout) / "bench" / "rivals" / "host.py").is_file():
        raise Unavailable(f"--before: {checkout} is no checkout of this project")
    folder = tempfile.TemporaryDirectory()
    (Path(folder.name) / "microcoder").symlink_to(Path(checkout).resolve())
    return folder
