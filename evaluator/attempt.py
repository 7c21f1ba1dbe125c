"""One attempt to judge a program, and whose fault it is that it failed where the host was short of something.

What a counter of the kernel speaks against is tried once more, alone. When the counter moves again, the host is to
blame, unless there was room for all that the program may use.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..sandbox.errors import HostShortage, JailUnavailable, ToolchainFailed, WorkerFailure
from ..sandbox.execution import Execution, Outcome
from ..sandbox.kinds import Kind as SandboxKind
from ..sandbox.languages import CompileError
from ..sandbox.limits import MIB
from ..sandbox.pool import Pool
from ..sandbox.shortage import Kind, in_thread, left_to_user
from ..sandbox.worker import Work
from .comparing import NothingToCompareWith
from .control import failure_of_control
from .problem import Problem
from .report import Report, explanation, not_run, told
from .status import Status

FAILED = "every worker that ran this program failed, the last with"
MOST = 2
"""New workers that may fail on a program. One that ran others before says nothing of it."""
CLEANING_SECONDS = 1.0
NO_MEMORY = "ended by the kernel for want of memory, with room for all that its limit allows"


class Broken(WorkerFailure):
    """New workers failed on a program, and the host was short of nothing: a control says which of them it was."""


@dataclass(eq=False)
class Attempt:
    """How a program is run this time."""

    pool: Pool
    memory: int
    """Bytes that the program may use."""
    threads: int
    """That it may have."""
    lanes: bool = False
    new: bool = False
    """On a worker of its own: it may have ended the one before."""
    alone: bool = False
    """While no other program runs."""
    failures: int = 0
    asked: float = field(default_factory=time.monotonic)
    started: float | None = None
    """When it first got a worker; of the monotonic clock."""
    _room: int | None = None
    """Bytes that there were for it when it was alone. None: as many as it may use."""
    _short: set[Kind] = field(default_factory=set[Kind])
    _left: int | None = None
    """Threads that ``ulimit -u`` left when it was alone. None: any number."""
    _work: tuple[SandboxKind, Work] | None = None
    """What ran last, and on which workers."""

    def ground(self) -> AbstractAsyncContextManager[None]:
        """Within this it is run."""
        return self._nobody_else() if self.alone else nullcontext()

    @asynccontextmanager
    async def _nobody_else(self) -> AsyncGenerator[None]:
        async with self.pool.alone():
            moment = self.pool.shortages.now()
            try:
                yield
            finally:
                self._short = self.pool.shortages.since(moment)
                self._left = await _left_to_user()
                if Kind.MEMORY in self._short:
                    await self._measure_room()

    async def _measure_room(self) -> None:
        """What it has left is removed while we look."""
        until = time.monotonic() + CLEANING_SECONDS
        while (room := self.pool.shortages.memory()) is not None and room < self.memory:
            self._room = room
            if time.monotonic() > until:
                return
            await asyncio.sleep(0.02)
        self._room = None

    def start(self, kind: SandboxKind, work: Work) -> None:
        """A worker of that kind begins with it."""
        self._work = kind, work
        if self.started is None:
            self.started = time.monotonic()

    def short(self) -> set[Kind]:
        """What the host may have been short of meanwhile."""
        return self._short if self.alone else self.pool.shortages.since(self.started or self.asked)

    def again_alone(self) -> bool:
        """Whether what failed may have been refused what it gets when it is alone."""
        return not self.alone and bool(self.short())

    async def crowded(self, report: Report) -> bool:
        """Whether the program failed while the host may have refused it threads that no counter speaks of. For what it
        wrote to the end it has to answer."""
        if report.status in (Status.WRONG_ANSWER, Status.COMPILE_ERROR):
            return False
        if self.alone:
            return self._left is not None and self._left < self.threads
        left = await _left_to_user()  # others may have given back as many since
        return left is not None and left < 2 * self.threads

    # -- what follows

    def without_lanes(self) -> Attempt:
        return self._again(lanes=False)

    def by_itself(self) -> Attempt:
        return self._again(alone=True)

    def after(self, failure: WorkerFailure | JailUnavailable) -> Attempt:
        """The attempt that follows this failure. Where none follows, raises the last failure, in words: Broken where it
        may have been the program."""
        short = self.short()
        refused = bool(short) or isinstance(failure, HostShortage)
        if refused and not self.alone:
            return self.by_itself()
        if isinstance(failure, JailUnavailable) and not refused:
            raise failure
        failures = self.failures + self.new
        if refused:
            words = f"{FAILED}: {failure}" + (f"; {self._told()}" if short else "")
            raise WorkerFailure(told(failure, words))
        if failures < MOST:
            return self._again(new=True, failures=failures)
        raise (WorkerFailure if isinstance(failure, NothingToCompareWith | ToolchainFailed) else Broken)(
            f"{FAILED}: {failure}"
        )

    async def control(self) -> str | None:
        """Why another program is no better than this one, which was Broken. None: it is."""
        assert self._work is not None
        async with self.ground():
            failure = await failure_of_control(self.pool, *self._work, alone=self.alone)
        short = self.short()
        return f"{self.pool.shortages.told(short)}; {failure or 'the control ran well'}" if short else failure

    async def verdict(self, report: Report, problem: Problem) -> Report:
        """What becomes of a failure while the host was short of something, although the program was alone."""
        if report.status.is_judge_failure:
            return report
        if self._host_failed():
            return not_run(problem, Status.SYSTEM_ERROR, self._told())
        if await self.crowded(report):
            words = f"ulimit -u left {self._left} threads to this program when it ran alone; it may have {self.threads}"
            return not_run(problem, Status.SYSTEM_ERROR, f"a shortage of the host: {words}")
        failed = next((at for at, test in enumerate(report.tests) if test.status is report.status), None)
        if failed is None or report.tests[failed].signal != signal.SIGKILL:
            return report
        status = Status.MEMORY_LIMIT_EXCEEDED
        test = msgspec.structs.replace(report.tests[failed], status=status, limit="memory", message=NO_MEMORY)
        tests = (*report.tests[:failed], test, *report.tests[failed + 1 :])
        return msgspec.structs.replace(report, status=status, tests=tests, message=explanation(tests, failed, problem))

    def outcome(self, ran: Execution | CompileError) -> Execution | CompileError:
        """The same, where there is no verdict. Raises HostShortage."""
        if self._host_failed():
            raise HostShortage(self._told())
        if isinstance(ran, CompileError) or ran.signal != signal.SIGKILL:
            return ran
        return msgspec.structs.replace(ran, outcome=Outcome.MEMORY_LIMIT, limit="memory")

    # -- within

    def _again(self, **changes: Any) -> Attempt:
        known: dict[str, Any] = {"lanes": self.lanes, "alone": self.alone, "failures": self.failures}
        return Attempt(self.pool, self.memory, self.threads, **(known | changes))

    def _host_failed(self) -> bool:
        """A program cannot make the kernel refuse it more processes than its limit; but it can hold more memory, in
        files, than it is charged for."""
        return Kind.PROCESSES in self._short or (Kind.MEMORY in self._short and self._room is not None)

    def _told(self) -> str:
        """Why there is no verdict."""
        words = f"a shortage of the host: {self.pool.shortages.told(self._short)}, also when this program ran alone"
        if Kind.MEMORY in self._short and self._room is not None:
            words += f"; there were {max(0, self._room) // MIB} MiB for it, and it may use {self.memory // MIB}"
        return words


async def _left_to_user() -> int | None:
    try:
        return await in_thread(left_to_user)
    except HostShortage:  # not even the thread that would look
        return 0
