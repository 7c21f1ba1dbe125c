"""Runs checkers: in a pool of their own, started when first needed, because they see expected outputs.

A worker of this pool never runs a program that is judged, and one of the other pools never a checker.
"""

from __future__ import annotations

import dataclasses
import hashlib
import signal
from collections import OrderedDict

import msgspec

from ...sandbox.errors import LanguageUnavailable, WorkerFailure
from ...sandbox.execution import Execution
from ...sandbox.kinds import PYTHON
from ...sandbox.languages import LANGUAGES, Builder, CompileError, Program
from ...sandbox.launcher import Launcher
from ...sandbox.limits import MIB
from ...sandbox.pool import Pool
from ...sandbox.protocol import collected
from ...sandbox.worker import Inputs, Work
from .base import (
    ANSWER,
    INPUT,
    OUTPUT,
    UNAVAILABLE,
    CheckerCrashed,
    CheckerFailed,
    CheckerProgram,
    Decision,
    ended,
)
from .python import PythonChecker, driver

KEPT = 256
"""Checkers that are kept, compiled, for their next output."""
REFERENCES = 4096
"""Tests of which it is remembered whether their checker crashes on the expected output."""
_FOLDERS = 512 * MIB
_BESIDE = "checker.py"


_Ready = tuple[Program, Inputs | None]


class Checkers:
    """``decide`` for each output; ``close`` at the end."""

    def __init__(self, launcher: Launcher, places: int, *, benefit_of_doubt: bool = False) -> None:
        """With the benefit of the doubt, a checker that crashes has decided nothing, whatever it was asked of."""
        self._benefit_of_doubt = benefit_of_doubt
        self._pool = Pool(launcher, places)
        self._builder = Builder(self._pool)
        self._ready: OrderedDict[CheckerProgram, _Ready | str] = OrderedDict()
        self._faults: OrderedDict[tuple[CheckerProgram, bytes], str | None] = OrderedDict()

    async def close(self) -> None:
        await self._pool.close()

    def pids(self) -> list[int]:
        return self._pool.pids()

    async def decide(self, checker: CheckerProgram, given: bytes, answer: bytes, output: bytes) -> Decision:
        """What the checker says of one output. Raises CheckerFailed.

        A checker that has something to say of the expected output and crashes on this one has rejected it.
        """
        try:
            return await self._asked(checker, given, answer, output)
        except CheckerCrashed as crash:
            if self._benefit_of_doubt:
                raise
            fault = await self._fault(checker, given, answer)
            if fault is not None:
                raise CheckerFailed(f"it crashes on the expected output, too: {fault}") from None
            return Decision(False, f"the checker crashes on this output: {crash}")

    async def _fault(self, checker: CheckerProgram, given: bytes, answer: bytes) -> str | None:
        """How the checker crashes on the expected output; None: it does not."""
        sizes = b"%d %d " % (len(given), len(answer))
        key = checker, hashlib.blake2b(sizes + given + answer, digest_size=16).digest()
        if key not in self._faults:
            try:
                await self._asked(checker, given, answer, answer)
                self._faults[key] = None
            except CheckerCrashed as crash:
                self._faults[key] = str(crash)
            while len(self._faults) > REFERENCES:
                self._faults.popitem(last=False)
        return self._faults[key]

    async def _asked(self, checker: CheckerProgram, given: bytes, answer: bytes, output: bytes) -> Decision:
        failure = None
        for again in (False, True):
            try:
                return await self._decide(checker, given, answer, output, new=again)
            except WorkerFailure as error:
                failure = error
            except LanguageUnavailable as lack:
                raise CheckerFailed(str(lack)) from None
        raise CheckerFailed(f"two workers failed on it: {failure}")

    async def _decide(
        self, checker: CheckerProgram, given: bytes, answer: bytes, output: bytes, *, new: bool
    ) -> Decision:
        program, executable = await self._program(checker, new=new)
        texts = {INPUT: given, ANSWER: answer, OUTPUT: output}
        inputs = Inputs([output])  # validators read the output from standard input
        work = Work(
            inputs=inputs,
            source=b"" if executable else program.source,
            executable=executable,
            tests=[0],
            limits=checker.limits,
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
        _ended_by_itself(execution)
        if checker.language == "python" and execution.exit_code == UNAVAILABLE:
            raise CheckerFailed(ended(execution))
        left = collected(execution.result, list(checker.collect)) if checker.collect else {}
        return checker.decision(execution, left)

    async def _program(self, checker: CheckerProgram, *, new: bool) -> _Ready:
        """Compiled once; one that does not compile is not compiled again."""
        ready = self._ready.get(checker)
        if ready is None:
            program = await self._compiled(checker, new=new)
            ready = program if isinstance(program, str) else (program, _executable(program))
            self._ready[checker] = ready
            while len(self._ready) > KEPT:
                self._ready.popitem(last=False)
        else:
            self._ready.move_to_end(checker)
        if isinstance(ready, str):
            raise CheckerFailed(ready)
        return ready

    async def _compiled(self, checker: CheckerProgram, *, new: bool) -> Program | str:
        if checker.language == "python":
            return self._python(checker)
        program = await self._builder.program(
            LANGUAGES[checker.language], checker.source, checker.limits, files=checker.files, new=new
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


def _executable(program: Program) -> Inputs | None:
    """An executable goes to each worker once, not with every output."""
    return Inputs([program.source]) if program.command is not None and program.source else None


def _ended_by_itself(execution: Execution) -> None:
    if execution.limit is not None:
        raise CheckerFailed(f"{execution.limit} of the checker exceeded")
    if execution.signal == signal.SIGKILL:  # somebody else's
        raise CheckerFailed("the checker was killed by signal 9")
    if execution.signal is not None:
        raise CheckerCrashed(ended(execution))
