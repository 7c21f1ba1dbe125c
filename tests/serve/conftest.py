"""Fixtures for tests of the server.

start    starts ``microcoder-eval serve`` with these arguments, on a free port; ended with the test
server   one with the caps and the token-less loopback of most tests, shared by the tests of a process; in the end no
         library has found fault with it (tests/warned.py)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from microcoder.evaluator import Problem, TestCase

from ..events import SECONDS, wait_until
from ..warned import Warned

SUMS = Problem(problem_id="sums", tests=tuple(TestCase(f"{n} 1\n", f"{n + 1}\n") for n in range(3)))
ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
WRONG = "a, b = map(int, input().split())\nprint(a - b)\n"


class Server:
    """A running ``microcoder-eval serve``."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.log_file = folder / f"serve-{time.monotonic_ns()}.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "microcoder.evaluator.cli",
                    "serve",
                    "--port",
                    "0",
                    "--workers",
                    "2",
                    *arguments,
                ],
                env=os.environ | environ,
                stderr=log,
            )
        self.address = self._wait(lambda line: line.get("event") == "listening")["address"]
        self._wait(lambda line: line.get("event") == "ready")

    def log(self) -> list[dict[str, Any]]:
        lines = self.log_file.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            ended = self.process.poll() is not None  # asked before the log, which may grow until then
            line = next((line for line in self.log() if wanted(line)), None)
            assert line or not ended, "the server has ended"
            return line

        try:
            line = wait_until(found)
        except AssertionError as failure:
            self.close()
            raise AssertionError(self.log_file.read_text()) from failure
        assert line is not None
        return line

    def wait_for(self, event: str) -> dict[str, Any]:
        return self._wait(lambda line: line.get("event") == event)

    def http(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.address, trust_env=False, timeout=SECONDS, **options)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def started(*arguments: str, **environ: str) -> Server:
        servers.append(Server(tmp_path, *arguments, **environ))
        return servers[-1]

    yield started
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    warned = Warned(tmp_path_factory.mktemp("warned"))
    running = Server(
        tmp_path_factory.mktemp("serve"),
        *("--max-body", "200000", "--max-tests", "50", "--max-submissions", "8", "--max-cpu-time", "20"),
        *("--history", "50"),
        **warned.environ,
    )
    yield running
    running.close()
    warned.check()
