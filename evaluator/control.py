"""The control: a program of ours in the place of one that every worker broke on.

It uses what the limits of the problem allow, all of it at the same time, and finds the same inputs. Where it runs well
on a new worker of the same kind, neither host nor problem breaks workers.
"""

from __future__ import annotations

import json

import msgspec

from ..sandbox.errors import JailUnavailable, WorkerFailure
from ..sandbox.execution import Execution, Outcome
from ..sandbox.kinds import Kind
from ..sandbox.limits import Limits
from ..sandbox.pool import Pool
from ..sandbox.protocol import Command
from ..sandbox.worker import Work, Worker

SECONDS = 60.0
"""Of processor time that the control may take, where the problem does not allow more."""
FILE = "control.py"
USED = ("memory", "output", "stderr", "file_size", "open_files", "threads")
SOURCE = """
import os, resource, sys, threading
own = json.loads(LIMITS)
leave = threading.Event()
sys.excepthook = lambda *told: (leave.set(), sys.__excepthook__(*told))  # or the threads would never end
kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(max(0, own["open_files"] - 16))]
for folder in ("/tmp", os.getcwd()) if os.getcwd() == "/work" else ():
    try:
        for number in range(64):
            with open(f"{folder}/control{number}", "wb") as file:
                file.write(bytes(min(own["file_size"], 8 << 20)))
    except OSError:  # the folder is full
        pass
threading.stack_size(1 << 18)
for _ in range(min(own["threads"] - 1, 1024)):
    threading.Thread(target=leave.wait).start()
for descriptor, size in (1, own["output"]), (2, own["stderr"]):
    while size:
        size -= os.write(descriptor, b"x" * min(size, 1 << 16))
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
kept.append(b"x" * max(0, own["memory"] - used - own["memory"] // 16 - (4 << 20)))
leave.set()
"""
"""It begins with a line that says LIMITS."""


async def failure_of_control(pool: Pool, kind: Kind, work: Work, *, alone: bool) -> str | None:
    """Why it did not run well in the place of this work; None: it did. ``alone``: as for Pool.worker."""
    used = {name: getattr(work.limits, name) for name in USED}
    source = f"import json\nLIMITS = {json.dumps(used)!r}\n{SOURCE}"
    longer = msgspec.structs.replace(
        work.limits, cpu_time=max(SECONDS, work.limits.cpu_time), idle_time=SECONDS, wall_time=10 * SECONDS
    )
    command = None if kind.starts == "nothing" else _command(pool)
    try:
        async with pool.worker(work.inputs, kind=kind, new=True, alone=alone) as worker:
            (execution,) = await _run(worker, _control(work, source, longer, command, work.job.tests[:1]))
            if execution.outcome is not Outcome.FINISHED:
                how = execution.limit or f"exit code {execution.exit_code}, signal {execution.signal}"
                words = execution.stderr[-200:].strip(b"x").decode("utf-8", "backslashreplace").strip()
                return f"a program that uses all that it may: {how} {words}".rstrip()
            nothing = _nothing(work) if command is None else _control(work, "", longer, command, work.job.tests)
            await _run(worker, nothing)
    except (WorkerFailure, JailUnavailable) as failure:
        return str(failure)
    return None


def _control(work: Work, source: str, limits: Limits, command: Command | None, tests: list[int]) -> Work:
    return Work(
        inputs=work.inputs,
        source=source.encode() if command is None else b"",
        tests=tests,
        limits=limits,
        guarded=True,
        lanes=False,
        command=command,
        files={} if command is None else {FILE: source.encode()},
    )


def _nothing(work: Work) -> Work:
    """All that the work is, but for its program."""
    job = work.job
    return Work(
        inputs=work.inputs,
        source=b"",
        prelude=work.blobs[0],
        tests=job.tests,
        limits=work.limits,
        mode=job.mode,
        entry_class=job.entry_class,
        entry_point=job.entry_point,
        signature=job.signature,
        guarded=True,
        lanes=False,
    )


def _command(pool: Pool) -> Command:
    python = pool.launcher.python
    return Command(argv=[python, "-I", "-S", "-B", FILE], executable=python)


async def _run(worker: Worker, work: Work) -> list[Execution]:
    worker.begin(work)
    left, found = set(work.job.tests), list[Execution]()
    while left:
        received = await worker.receive()
        if isinstance(received, str):  # it does not compile: with this prelude nothing does
            break
        found += received
        left.difference_update(execution.test for execution in received)
    worker.end()
    return found
