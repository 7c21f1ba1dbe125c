"""The runner's watch over a test process, in the moments that are hard to meet from outside."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from types import SimpleNamespace
from typing import Any

from microcoder.sandbox.inside.channel import Channel
from microcoder.sandbox.inside.lane import Lane
from microcoder.sandbox.inside.program import Program
from microcoder.sandbox.inside.zygote import TEST, Ended


class Running:
    """A test process that was reaped, and of which nobody has told yet."""

    def __init__(self) -> None:
        self.fd, self._told = os.pipe()
        self._gone = os.posix_spawn("/bin/true", ["true"], {})
        os.waitpid(self._gone, 0)
        self._telling = threading.Timer(0.2, os.write, (self._told, b"\0"))
        self._telling.start()

    def pid(self) -> int:
        return self._gone

    def reply(self) -> Ended:
        os.read(self.fd, 1)
        return Ended(TEST, 0, 0.001, 1024)

    def close(self) -> None:
        self._telling.join()
        os.close(self.fd)
        os.close(self._told)


def test_what_follows_the_end_of_a_program_is_left_for_the_next() -> None:
    """A job, with its source, that comes while a test process has ended but has not been told of."""
    ours, theirs = socket.socketpair()
    header, source = json.dumps({"type": "job", "number": 2}).encode(), b"print(input())"
    theirs.sendall(struct.pack("!II", len(header), len(source)) + header + source)
    runner: Any = SimpleNamespace(channel=Channel(ours.fileno()), next_frame=None)
    limits = {"cpu_time": 10.0, "idle_time": 10.0, "wall_time": 210.0}
    compiled = SimpleNamespace(lanes=False, names=[])
    job: Any = SimpleNamespace(tests=[0], lanes=False, compiled=compiled, first_lane=1, collect=[], limits=limits)
    program = Program(runner, job)
    program._started = time.monotonic()  # pyright: ignore[reportPrivateUsage]
    running = Running()
    with ours, theirs:
        stopped_by, ended = program._wait(Lane([0]), running)  # pyright: ignore[reportPrivateUsage]
        assert stopped_by is None and ended.request == TEST
        assert runner.next_frame == (json.loads(header), len(source))
        assert runner.channel.read(len(source)) == source
    running.close()
