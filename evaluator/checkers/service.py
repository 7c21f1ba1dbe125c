"""Runs checkers: in a pool of their own, started when first needed, because they see expected outputs.

A worker of this pool never runs a program that is judged, and one of the other pools never a checker.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import signal

import msgspec

from ...sandbox.closing import close_all
from ...sandbox.errors import HostShortage, LanguageUnavailable, WorkerFailure
from ...sandbox.execution import Execution
from ...sandbox.kinds import PYTHON
from ...sandbox.languages import LANGUAGES, SCRIPTS, Builder, CompileError, Program
from ...sandbox.launcher import Launcher
from ...sandbox.limits import MIB
from ...sandbox.pool import Pool
from ...sandbox.protocol import collected
from ...sandbox.shared import Shared
from ...sandbox.worker import Inputs, Work
from ..reference import Reference
from .base import (
    ANSWER,
    INPUT,
    OUTPUT,
    UNAVAILABLE,
    CheckerCrashed,
    CheckerFailed,
    CheckerOver,
    CheckerProgram,
    Decision,
    ended,
)
from .python import PythonChecker, driver

KEPT = 256
"""Checkers that are kept, compiled, for their next output."""
FLOOR = 2.0
"""Processor seconds that a checker may take for any output."""
FACTOR = 20
"""How many times longer than for the expected output."""
_FOLDERS = 512 * MIB
_BESIDE = "checker.py"


_Ready = tuple[Program, Inputs | None]


class Checkers:
    """``decide`` for each output; ``close`` at the end."""

    def __init__(self, launcher: Launcher, places: int, most: int) -> None:
        """``most``: bytes of checkers that are kept."""
        self._pool = Pool(launcher, places)
        self._builder = Builder(self._pool)
        self._ready: Shared[CheckerProgram, _Ready | str] = Shared(KEPT, size=_size, most=most)
        self._measuring: Shared[Reference, None] = Shared()

    async def close(self) -> None:
        await close_all([self._pool, self._measuring, self._ready])

    @property
    def bytes(self) -> int:
        """Of checkers that are kept."""
        return self._ready.bytes

    def kill(self) -> None:
        self._pool.kill()

    def bury(self) -> None:
        self._pool.bury()

    def pids(self) -> list[int]:
        return self._pool.pids()

    async def decide(
        self,
        checker: CheckerProgram,
        given: bytes,
        answer: bytes,
        output: bytes,
        reference: Reference,
        *,
        benefit_of_doubt: bool = False,
    ) -> Decision:
        """What the checker says of one output. Raises CheckerFailed, HostShortage.

        A checker that has something to say of the expected output and breaks on this one has rejected it. One that
        accepts the expected output may take FACTOR times as long for this one, and FLOOR in any case, within its own
        limits; when it takes longer, it has rejected it as well. With the benefit of the doubt, one that breaks has
        decided nothing, whatever it was asked of.
        """
        own = checker.limits.cpu_time
        budget = min(own, reference.allows(FLOOR, FACTOR))
        try:
            return (await self._asked(checker, given, answer, output, budget))[0]
        except (CheckerCrashed, CheckerOver) as failed:
            failure = failed
        crashed = isinstance(failure, CheckerCrashed)
        if crashed and benefit_of_doubt:
            raise failure
        if reference.seconds is None:
            measure = functools.partial(self._measure, checker, given, answer, reference)
            await self._measuring.result(reference, measure)
        if reference.fault is not None:
            raise CheckerFailed(reference.fault)
        if crashed:
            return Decision(False, f"the checker breaks on this output: {failure}")
        if min(own, reference.allows(FLOOR, FACTOR)) > budget:
            return await self.decide(checker, given, answer, output, reference, benefit_of_doubt=benefit_of_doubt)
        words = f"for this output the checker takes more than {budget:.3g} s of processor time"
        if reference.seconds == math.inf:
            return Decision(False, f"{words}; the expected one it rejects within that")
        return Decision(False, f"{words}; for the expected one it takes {reference.seconds:.3f} s")

    async def _measure(self, checker: CheckerProgram, given: bytes, answer: bytes, reference: Reference) -> None:
        """Of the expected output. One that is not accepted says nothing about how long others may take."""
        accepted, seconds, fault = False, math.inf, None
        try:
            decision, seconds = await self._asked(checker, given, answer, answer, checker.limits.cpu_time)
            accepted = decision.accepted
        except CheckerCrashed as crash:
            fault = f"it breaks on the expected output, too: {crash}"
        except CheckerOver as over:
            fault = f"{over}, for the expected output, too"
        reference.seconds, reference.fault = seconds if accepted else math.inf, fault

    async def _asked(
        self, checker: CheckerProgram, given: bytes, answer: bytes, output: bytes, cpu_time: float
    ) -> tuple[Decision, float]:
        """What it says, and the processor seconds that it took."""
        failure = None
        moment = self._pool.shortages.now()
        for again in (False, True, True):
            try:
                return await self._decide(checker, given, answer, output, cpu_time, new=again)
            except WorkerFailure as error:
                failure = error
            except LanguageUnavailable as lack:
                raise CheckerFailed(str(lack)) from None
        if isinstance(failure, HostShortage):
            raise failure
        short = self._pool.shortages.since(moment)
        raise (CheckerFailed if short else CheckerCrashed)(f"every worker failed on it, the last with: {failure}")

    async def _decide(
        self, checker: CheckerProgram, given: bytes, answer: bytes, output: bytes, cpu_time: float, *, new: bool
    ) -> tuple[Decision, float]:
        program, executable = await self._program(checker, new=new)
        moment = self._pool.shortages.now()
        texts = {INPUT: given, ANSWER: answer, OUTPUT: output}
        limits = msgspec.structs.replace(
            checker.limits,
            cpu_time=cpu_time,
            idle_time=checker.limits.idle_seconds,
            wall_time=checker.limits.wall_seconds,
        )
        inputs = Inputs([output])  # validators read the output from standard input
        work = Work(
            inputs=inputs,
            source=b"" if executable else program.source,
            executable=executable,
            tests=[0],
            limits=limits,
            command=program.command,
            files={**program.files, **checker.placed(), **texts},
            collect=checker.collect,
            lanes=False,
        )
        async with self._pool.worker(inputs, kind=program.kind, new=new) as worker:
            worker.begin(work)
            received = await worker.receive()
        if isinstance(received, str):
            raise CheckerFailed(received)
        execution = received[0]
        self._ended_by_itself(execution, moment)
        if checker.language == "python" and execution.exit_code == UNAVAILABLE:
            raise CheckerFailed(ended(execution))
        left = collected(execution.result, list(checker.collect)) if checker.collect else {}
        return checker.decision(execution, left), execution.cpu_time

    async def _program(self, checker: CheckerProgram, *, new: bool) -> _Ready:
        """Compiled once; one that does not compile is not compiled again."""
        ready = await self._ready.result(checker, lambda: self._made_ready(checker, new=new))
        if isinstance(ready, str):
            raise CheckerFailed(ready)
        return ready

    async def _made_ready(self, checker: CheckerProgram, *, new: bool) -> _Ready | str:
        program = await self._compiled(checker, new=new)
        return program if isinstance(program, str) else (program, _executable(program))

    async def _compiled(self, checker: CheckerProgram, *, new: bool) -> Program | str:
        if checker.language == "python":
            return self._python(checker)
        program = await self._builder.program(
            (LANGUAGES | SCRIPTS)[checker.language], checker.source, checker.limits, files=checker.files, new=new
        )
        if isinstance(program, CompileError):
            return f"the checker does not compile: {program.words}"
        assert program.command is not None
        return dataclasses.replace(
            program,
            kind=dataclasses.replace(program.kind, name=f"checker {program.kind.name}", tmpfs=_FOLDERS),
            command=msgspec.structs.replace(
                program.command, argv=[*program.command.argv, *checker.arguments()], named_streams=True
            ),
        )

    def _python(self, checker: CheckerProgram) -> Program:
        """The source is a file beside a few lines that run it, so that it finds its arguments and its other files."""
        own = checker.driver() if isinstance(checker, PythonChecker) else None
        source = own or driver(checker.arguments())
        kind = dataclasses.replace(PYTHON, tmpfs=_FOLDERS)
        return Program(kind, source, files={**checker.files, _BESIDE: checker.source})

    def _ended_by_itself(self, execution: Execution, started: float) -> None:
        """Raises CheckerFailed."""
        if execution.limit is not None:
            failure = CheckerOver if execution.limit == "cpu_time" else CheckerCrashed
            raise failure(f"{execution.limit} of the checker exceeded")
        if execution.signal == signal.SIGKILL and self._pool.shortages.since(started):  # the kernel's
            raise CheckerFailed("the checker was killed by signal 9")
        if execution.signal is not None:
            raise CheckerCrashed(ended(execution))


def _size(ready: _Ready | str) -> int:
    return len(ready) if isinstance(ready, str) else len(ready[0].source)


def _executable(program: Program) -> Inputs | None:
    """An executable goes to each worker once, not with every output."""
    return Inputs([program.source]) if program.command is not None and program.source else None
