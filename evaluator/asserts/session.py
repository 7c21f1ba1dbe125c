"""One program against the tests that are replayed: its process and that of the test, in turn, never both in one.

A round asks the program for all that the test is known to ask for, then lets the test run on the answers. A test that
asks for something else is asked what it will want, given what is known, and the next round begins from the start: what
is believed are always the answers of one process to one list of questions, and a test that saw no others.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ...sandbox.execution import Execution, Outcome
from ...sandbox.protocol import Mode
from ...sandbox.worker import Inputs, Work, Worker
from ..status import Status
from .assertion import Assertion, Ruling, show_call

ROUNDS = 24

MakeWork = Callable[[Mode, Inputs, bytes], Work]
"""(mode, inputs, source) to work for a worker; the program's source, or the test's."""


class CompileFailed(Exception):
    """The program does not compile. Holds the compiler's words."""


class _Reply(msgspec.Struct):
    end: str
    error: str = ""
    place: int = 0
    ops: list[bytes] = []
    """What it asks for: JSON texts, which nobody reads on their way from the test to the program."""


_decode = msgspec.json.Decoder(_Reply).decode


class Session:
    def __init__(self, worker: Worker, program: bytes, make_work: MakeWork) -> None:
        self._worker = worker
        self._program = program
        self._make_work = make_work

    async def judge(self, test: Assertion, ran: Execution | None) -> tuple[Execution | None, Ruling | None]:
        """What the program did last, and the ruling; None: how the program ended decides. Raises CompileFailed.

        ``ran`` is what came of the operations of the test, where the program was asked for them before.
        """
        if test.operations is None:
            asked = await self._next(test, [], b"", await self._replay(test, [], b"", decide=True))
            if asked.end != "asks":
                reason = f"the test asks nothing of the program: it {asked.end} {asked.error}".rstrip()
                return None, Ruling(Status.CHECKER_ERROR, message=asked.error if asked.end == "unsupported" else reason)
            test.operations = asked.ops
        operations, execution = test.operations, ran
        for _ in range(ROUNDS):
            execution, ran = ran or await self._ask(test, operations), None
            reply = await self._replay(test, operations, execution.result, decide=True)
            if reply.end in ("ended", "garbled") and execution.outcome is not Outcome.FINISHED:
                return execution, None  # it ended during what the test has asked for, or was stopped while it wrote
            if reply.end == "ended":
                message = f"the process ended during {show_call(operations[reply.place])}"
                return execution, Ruling(Status.RUNTIME_ERROR, message=message)
            if reply.end != "asks":
                return execution, _ruling(reply, test)
            operations = (await self._next(test, operations, execution.result, reply)).ops
        return execution, _ruling(_Reply("unsupported", f"after {ROUNDS} rounds the test asks for still more"), test)

    async def _next(self, test: Assertion, operations: list[bytes], answers: bytes, reply: _Reply) -> _Reply:
        """What to ask for after a test asked for more: with a guess at what will follow, where there is one."""
        if reply.end != "asks" or not test.speculates:
            return reply
        guess = await self._replay(test, operations, answers, decide=False)
        if guess.end == "asks":
            return guess if guess.ops[: len(reply.ops)] == reply.ops else reply
        test.speculates = False  # it does not come to an end; go on step by step
        return reply

    async def _ask(self, test: Assertion, operations: list[bytes]) -> Execution:
        inputs = test.inputs if operations is test.operations and test.inputs else Inputs([test.ask(operations)])
        if operations is test.operations:
            test.inputs = inputs
        execution = await self._run("calls", inputs, self._program)
        if isinstance(execution, str):
            raise CompileFailed(execution)
        return execution

    async def _replay(self, test: Assertion, operations: list[bytes], answers: bytes, *, decide: bool) -> _Reply:
        key, reply = test.remembered(operations, answers, decide=decide)
        if reply is None:
            request = Inputs([test.replay(operations, answers, decide=decide)])
            source = test.reading.source if decide else test.reading.speculative
            execution = await self._run("replay", request, source.encode())
            reply = _read_reply(execution)
            test.remember(key, reply)
        return reply

    async def _run(self, mode: Mode, inputs: Inputs, source: bytes) -> Execution | str:
        """One process; or the compiler's words."""
        self._worker.begin(self._make_work(mode, inputs, source))
        try:
            received = await self._worker.receive()
        finally:
            self._worker.end()
        return received if isinstance(received, str) else received[0]


def _read_reply(execution: Execution | str) -> _Reply:
    if isinstance(execution, str):
        return _Reply("unsupported", f"the test does not compile: {execution}")
    *asked, last = execution.result.split(b"\n")
    if execution.outcome is Outcome.FINISHED:
        try:
            return msgspec.structs.replace(_decode(last), ops=asked)
        except msgspec.MsgspecError:
            return _Reply("unsupported", "the process of the test ended without a word")
    if asked:  # it was stopped while it told what it will ask for
        return _Reply("asks", ops=asked)
    if execution.limit:
        return _Reply(execution.outcome.value, f"{execution.limit} exceeded while the test looked at what was returned")
    lines = execution.stderr[-1000:].decode(errors="replace").strip().splitlines()
    return _Reply("crashed", f"the process of the test crashed: {lines[-1] if lines else execution.signal}"[:300])


_STATUS = {
    "passed": Status.ACCEPTED,
    "garbled": Status.WRONG_ANSWER,
    "failed": Status.WRONG_ANSWER,
    "raised": Status.RUNTIME_ERROR,
    "crashed": Status.CHECKER_ERROR,
    "unsupported": Status.CHECKER_ERROR,
    "time_limit": Status.TIME_LIMIT_EXCEEDED,
    "memory_limit": Status.MEMORY_LIMIT_EXCEEDED,
    "output_limit": Status.OUTPUT_LIMIT_EXCEEDED,
}


def _ruling(reply: _Reply, test: Assertion) -> Ruling:
    status, message = _STATUS[reply.end], reply.error or None
    if reply.end == "garbled":
        message = f"what came back is no record of calls: {reply.error}"
    if status is Status.CHECKER_ERROR and test.lifted is not None:
        # Of itself it asks for nothing but calls with constants. That it came to more is for what the program returned.
        status = Status.WRONG_ANSWER
    return Ruling(status, "assert replayed" if status is Status.ACCEPTED else None, message)
