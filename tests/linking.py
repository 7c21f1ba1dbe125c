"""``linked``: a program and a test, each in a process of one jail; ``together``: both in one. Not more than the runner
does, whatever the link and the harness make of it."""

from __future__ import annotations

import json
from typing import Any

from microcoder.sandbox.execution import Execution
from microcoder.sandbox.limits import Limits
from microcoder.sandbox.pool import Pool
from microcoder.sandbox.protocol import Mode
from microcoder.sandbox.worker import Inputs, Work

from .conftest import SMALL


def request(code: str) -> bytes:
    """What the process of a test is asked."""
    return json.dumps({"code": code, "forced": [], "select": None, "free": []}).encode()


class Linking:
    """One worker."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.bare = not pool.launcher.jail.isolates

    async def linked(self, program: str, code: str, **limits: Any) -> tuple[Execution, Execution]:
        """What came of the program's process, and of that of the test."""
        of_program, of_test = await self.run("linked", [b"", request(code)], program, **limits)
        return of_program, of_test

    async def run(self, mode: Mode, blobs: list[bytes], program: str, **limits: Any) -> list[Execution]:
        inputs = Inputs(blobs)
        few = Limits(**(SMALL | limits))
        work = Work(inputs=inputs, source=program.encode(), tests=range(len(blobs)), limits=few, mode=mode)
        async with self.pool.worker(inputs) as worker:
            worker.begin(work)
            received = await worker.receive()
        assert not isinstance(received, str), received
        return received

    async def innocent(self) -> None:
        """The next program finds nothing of the last one."""
        code = "import os\nprint(input(), os.listdir(), [] if BARE else os.listdir('/tmp'))"
        (execution,) = await self.run("stdio", [b"1 2\n"], code.replace("BARE", str(self.bare)))
        assert execution.stdout == b"1 2 ['main.py'] []\n", execution
        assert self.pool.restarts == 0
