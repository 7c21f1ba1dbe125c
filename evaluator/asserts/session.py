"""One program against the tests that are replayed: its process and that of the test, in turn, never both in one.

A round asks the program for all that the test is known to ask for, then lets the test run on the answers. A test that
asks for something else is asked what it will want, given what is known, and the next round begins from the start: what
is believed are always the answers of one process to one list of questions, and a test that saw no others.

Whose doing is it where nothing comes of that? What a test does without having seen an answer, and what it makes by
itself, no program can do anything about: there is no verdict. The rest follows from the answers, and is a verdict on
the program: it could have no verdict at will otherwise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import msgspec

from ...sandbox.bounded import Bounded
from ...sandbox.execution import Execution, Outcome
from ...sandbox.inside.values import read_record, undefined
from ...sandbox.limits import Limits
from ...sandbox.protocol import Mode
from ...sandbox.shortage import in_thread
from ...sandbox.worker import Inputs, Work, Worker
from ..status import Status
from .assertion import LARGE, Assertion, Ruling, show_call
from .dependence import Caught

ROUNDS = 256
TIMES = 3
"""How many times the limits of one process all rounds of a test may take together. Each does again what those before it
did, so a right program within its limits takes several times as long as it would beside the test."""

MakeWork = Callable[[Mode, Inputs, bytes], Work]
"""(mode, inputs, source) to work for a worker; the program's source, or the test's."""


class CompileFailed(Exception):
    """The program does not compile. Holds the compiler's words."""


class _Reply(msgspec.Struct):
    end: str
    error: str = ""
    place: int = 0
    missing: str = ""
    """A name that it asked for and the program does not define."""
    caught: Caught | None = None
    """What it raised while nothing was known."""
    ops: bytes = b""
    """What it asks for: JSON texts, one a line, which nobody reads on their way from the test to the program."""
    cpu_time: float = 0.0
    wall_time: float = 0.0


_decode = msgspec.json.Decoder(_Reply).decode


REPLY = 256
"""Bytes of a reply without its texts."""


class _Spent:
    """What all processes took that had to do with one program and one test, other than those that no answer was in."""

    def __init__(self) -> None:
        self.rounds = 0
        self.cpu_time = self.wall_time = 0.0

    def add(self, process: Execution | _Reply) -> None:
        self.cpu_time += process.cpu_time
        self.wall_time += process.wall_time

    def over(self, limits: Limits) -> str | None:
        """The limit that they exceeded together."""
        if self.cpu_time > TIMES * limits.cpu_time:
            return "cpu_time"
        return "wall_time" if self.wall_time > TIMES * limits.wall_seconds else None


Rulings = Bounded[tuple[int, bytes], _Reply]
"""By number of the test and digest of what it was told: the one thing that is kept of answers is what a test says of
exactly these. Rollouts often return the same."""


class Session:
    def __init__(self, worker: Worker, program: bytes, limits: Limits, make_work: MakeWork, rulings: Rulings) -> None:
        self._worker = worker
        self._program = program
        self._limits = limits
        self._make_work = make_work
        self._rulings = rulings

    async def judge(self, test: Assertion, ran: Execution | None) -> tuple[Execution | None, Ruling | None]:
        """What the program did last, and the ruling; None: how the program ended decides. Raises CompileFailed.

        ``ran`` is what came of the operations of the test, where the program was asked for them before.
        """
        if test.operations is None and (fault := test.fault or await self._first(test)) is not None:
            return None, Ruling(Status.CHECKER_ERROR, message=fault)
        assert test.operations is not None
        operations, speculates, stop, seed = test.operations, test.speculates, test.reading.stops, False
        spent, reached = _Spent(), 0
        while True:
            execution, ran = ran or await self._ask(test, operations, stop=stop, seed=seed), None
            reply = await self._replay(test, operations, execution.result, stop=stop)
            sound = execution.outcome is Outcome.FINISHED
            if reply.end in ("ended", "garbled") and not sound:
                return execution, None  # it ended during what the test has asked for, or was stopped while it wrote
            if reply.end == "ended":
                message = f"the process ended during {show_call(operations, reply.place)}"
                return execution, Ruling(Status.RUNTIME_ERROR, message=message)
            if reply.end == "passed" and not sound:
                if reply.place == operations.count(b"\n"):
                    return execution, None  # that it had answered everything is not all that counts
            elif reply.end not in ("asks", "stopped"):
                lacks = reply.missing if reply.end in ("failed", "raised") else ""
                fault = await self._fault_of_lacking(test, lacks) if lacks else None
                return execution, Ruling(Status.CHECKER_ERROR, message=fault) if fault else _ruling(reply, test)
            spent.rounds += 1
            spent.add(execution)
            spent.add(reply)
            if (limit := spent.over(self._limits)) is not None or spent.rounds == ROUNDS:
                return _exceeded(execution, spent, limit)
            if reply.end == "passed":  # it may have failed in what the test never asks for: without that
                operations, speculates = b"".join(operations.splitlines(keepends=True)[: reply.place]), False
                continue
            if reply.end == "stopped":  # the test goes on after an exception, and so does the program
                stop = False
                continue
            found = reply.ops.count(b"\n")
            if found <= reached:  # the program answers otherwise each time, or the test asks otherwise
                again = await self._replay(test, operations, execution.result, stop=stop, anew=True)
                spent.add(again)
                if (again.end, again.ops) != (reply.end, reply.ops):
                    message = "the test asks for something else each time it runs"
                    return execution, Ruling(Status.CHECKER_ERROR, message=message)
                seed = True
            reached = found
            operations = reply.ops
            if speculates:
                bearing = test.reading.speculative
                guess = await self._replay(test, operations, execution.result, stop=stop, guess=bearing)
                spent.add(guess)
                speculates = _bears(guess, operations)
                operations = guess.ops if speculates else operations

    async def _first(self, test: Assertion) -> str | None:
        """Find out what the test asks for while nothing is known of any program. Why it cannot be judged, or None."""
        asked = await self._replay(test, b"", b"", stop=True)
        if asked.end != "asks":
            reason = f"the test asks nothing of the program: it {asked.end} {asked.error}".rstrip()
            return asked.error if asked.end == "unsupported" else reason
        if (assuming := await in_thread(test.reading.assuming)) is not None:
            tried = await self._replay(test, b"", b"", stop=True, guess=assuming)
            own = await in_thread(test.reading.own_doing, assuming, tried.caught) if tried.caught else None
            if own is not None:
                test.fault = f"whatever a program returns, the test raises {own}"
                return test.fault
        guess = await self._replay(test, b"", b"", stop=True, guess=test.reading.speculative)
        test.crashes = guess.end == "crashed"
        test.speculates = _bears(guess, asked.ops)
        test.operations = guess.ops if test.speculates else asked.ops
        return None

    async def _fault_of_lacking(self, test: Assertion, name: str) -> str | None:
        """Why it is no fault of the program that it does not give this name. None: it is."""
        reading = test.reading
        names = reading.free if reading.named is None else [*reading.free, reading.named]
        operations = b"".join(json.dumps(["name", each]).encode() + b"\n" for each in names)
        execution = await self._ask(test, operations, stop=False, seed=False)
        given: set[str] = set()
        for each, line in zip(names, execution.result.split(b"\n"), strict=False):
            try:
                failed, _, words = read_record(line)
            except ValueError:
                continue
            if not failed or words != f"NameError: {undefined(each)}":
                given.add(each)
        return None if name in given else test.fault_of_lacking(name, given)

    async def _ask(self, test: Assertion, operations: bytes, *, stop: bool, seed: bool) -> Execution:
        usual = operations is test.operations and stop is test.reading.stops and not seed
        inputs = test.inputs if usual and test.inputs else Inputs([test.ask(operations, stop=stop, seed=seed)])
        if usual:
            test.inputs = inputs
        execution = await self._run("calls", inputs, self._program)
        if isinstance(execution, str):
            raise CompileFailed(execution)
        return execution

    async def _replay(
        self,
        test: Assertion,
        operations: bytes,
        answers: bytes,
        *,
        stop: bool,
        guess: str | None = None,
        anew: bool = False,
    ) -> _Reply:
        """The test as it stands, which decides; or a form of it that goes on where nothing is known."""
        request = test.replay(operations, answers, decide=guess is None, stop=stop)
        small = len(request) <= LARGE
        key = test.number, hashlib.sha256(request + (guess or "").encode()).digest() if small else b""
        reply = self._rulings.get(key)
        if reply is None or anew:
            source = test.reading.source if guess is None else guess
            execution = await self._run("replay", Inputs([request]), source.encode())
            reply = _read_reply(execution, decide=guess is None)
            if isinstance(execution, Execution):
                reply = msgspec.structs.replace(reply, cpu_time=execution.cpu_time, wall_time=execution.wall_time)
                if small and execution.outcome is Outcome.FINISHED and len(reply.ops) <= LARGE:
                    self._rulings[key] = reply, len(reply.ops) + len(reply.error) + REPLY
        return reply

    async def _run(self, mode: Mode, inputs: Inputs, source: bytes) -> Execution | str:
        """One process; or the compiler's words."""
        self._worker.begin(self._make_work(mode, inputs, source))
        try:
            received = await self._worker.receive()
        finally:
            self._worker.end()
        return received if isinstance(received, str) else received[0]


def _bears(guess: _Reply, operations: bytes) -> bool:
    """Whether it tells more of what the test will ask for."""
    return guess.ops.startswith(operations)


def _read_reply(execution: Execution | str, *, decide: bool) -> _Reply:
    if isinstance(execution, str):
        return _Reply("unsupported", f"the test does not compile: {execution}")
    asked, newline, last = execution.result.rpartition(b"\n")
    asked += newline
    if execution.outcome is Outcome.FINISHED:
        try:
            return msgspec.structs.replace(_decode(last), ops=asked)
        except msgspec.MsgspecError:
            return _Reply("crashed", "the process of the test ended without a word", ops=asked)
    ops = b"" if decide else asked  # what it told before it was stopped
    if execution.limit:
        why = f"{execution.limit} exceeded while the test looked at what was returned"
        return _Reply(execution.outcome.value, why, ops=ops)
    lines = execution.stderr[-1000:].decode(errors="replace").strip().splitlines()
    why = f"the process of the test crashed: {lines[-1] if lines else execution.signal}"[:300]
    return _Reply("crashed", why, ops=ops)


_STATUS = {
    "passed": Status.ACCEPTED,
    "garbled": Status.WRONG_ANSWER,
    "failed": Status.WRONG_ANSWER,
    "crashed": Status.WRONG_ANSWER,
    "raised": Status.RUNTIME_ERROR,
    "unsupported": Status.CHECKER_ERROR,
    "time_limit": Status.TIME_LIMIT_EXCEEDED,
    "memory_limit": Status.MEMORY_LIMIT_EXCEEDED,
    "output_limit": Status.OUTPUT_LIMIT_EXCEEDED,
}


def _ruling(reply: _Reply, test: Assertion) -> Ruling:
    status = _STATUS[reply.end]
    if reply.end == "crashed" and test.crashes:
        status = Status.CHECKER_ERROR  # as it does whatever the program answers
    if reply.end == "unsupported" and test.lifted is not None:
        # Of itself it asks for nothing but calls with constants. That it came to more is for what the program returned.
        status = Status.WRONG_ANSWER
    return Ruling(status, "assert replayed" if status is Status.ACCEPTED else None, reply.error or None)


def _exceeded(execution: Execution, spent: _Spent, limit: str | None) -> tuple[Execution, Ruling]:
    told = msgspec.structs.replace(execution, limit=limit, cpu_time=spent.cpu_time, wall_time=spent.wall_time)
    words = f"{spent.cpu_time:.3g} s of processor time, {spent.wall_time:.3g} s in all"
    message = f"after {spent.rounds} rounds ({words}) the test asks for still more"
    return told, Ruling(Status.TIME_LIMIT_EXCEEDED, message=message)
