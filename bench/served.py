"""A server as a process of its own, for the benches that measure it."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

START_SECONDS = 60.0


class Served:
    """``with Served(folder, "--workers", "2") as server``: ``microcoder-eval serve`` with these arguments."""

    def __init__(self, folder: Path, *arguments: str, port: int = 0) -> None:
        self._log = folder / f"serve-{time.monotonic_ns()}.log"
        self._command = [sys.executable, "-m", "microcoder.evaluator.cli", "serve", "--port", str(port), *arguments]
        self.address = ""

    def __enter__(self) -> Served:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(self._command, stderr=log)
        self.address = str(self._wait("listening")["address"])
        self._wait("ready")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    @property
    def engines(self) -> list[psutil.Process]:
        """The engine processes: the server itself, or its children."""
        ready = [line["pid"] for line in self._lines() if line.get("event") == "ready"]
        found: list[psutil.Process] = []
        for pid in ready:
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
        return found

    def _lines(self) -> Sequence[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def _wait(self, event: str) -> dict[str, Any]:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            for line in self._lines():
                if line.get("event") == event:
                    return line
            time.sleep(0.02)
        self.process.kill()
        raise SystemExit(f"the server does not start:\n{self._log.read_text()}")


def free_port() -> int:
    """For a server that is to be found again where it was: none of those that the kernel gives to whoever wants any."""
    lowest, highest = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    others = [*range(1 << 10, lowest), *range(highest + 1, 1 << 16)] or [0]
    while True:
        with socket.socket() as taken, contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", random.SystemRandom().choice(others)))
            port: int = taken.getsockname()[1]
            return port


def cpu(processes: Sequence[psutil.Process]) -> float:
    """Processor seconds of these processes themselves."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)
