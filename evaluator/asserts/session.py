"""One program against the tests that nobody can read off: each is judged by the first way that can judge it.

replayed   in two processes of one jail that talk: one has the program, the other the test (sandbox/inside/linked.py)
together   in the process of the program, where its own code decides what the test asks, or stand-ins cannot do it, or
           not within the limits, or may have had a part in a failure

A predicted input is judged by the first of them alone, for it knows what is expected.

An acceptance is tried on copies of the test that ask for something else.

Whose doing is it where nothing comes of that? What a test does whatever a program returns, no program can do anything
about, and what a stand-in cannot do is ours: there is no verdict. The rest follows from what the program gave, and is a
verdict on the program: it could have no verdict at will otherwise.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from ...sandbox.execution import Execution, Outcome
from ...sandbox.protocol import Mode
from ...sandbox.shortage import in_thread
from ...sandbox.worker import Inputs, Work, Worker
from ..options import AssertTrust
from ..status import Status
from .assertion import Assertion, Ruling
from .checks import is_near
from .dependence import Caught
from .perturb import INVERTED, passes_rightly, trials, values

MakeWork = Callable[[Mode, Inputs, bytes, Sequence[int]], Work]
"""(mode, inputs, source, tests) to work for a worker; the program's source, or the test's."""
TALKED = "more questions to the program than two processes answer within the limits"
TALKING = 0.2
"""Of the time of the one that is busier, how much the other has taken at least if they have talked all the time."""
NO_DIFFERENCE = "the program passes whatever the test expects"
UNCLEAR = (
    "the program passes the test, also where other values are expected: either those assertions do not run, or it "
    "passes anything"
)
WORDS = 1000
"""Characters of what a process tells of a test that are passed on."""
APART = "arguments count for what they do where no code of the answer is, and there is no telling, because of"
SEALED = "the test can only be judged in the process of the program, which assert_trust sealed leaves out, because of"


End = Literal[
    "passed", "failed", "raised", "faulty", "empty", "ended", "garbled", "undecided", "unclear",
    "crashed", "time_limit", "memory_limit", "output_limit",
]  # fmt: skip
"""The last four are of the test's own process."""


class CompileFailed(Exception):
    """The program does not compile. Holds the compiler's words."""


class _Alone(msgspec.Struct):
    """What the test does by itself, as sandbox/inside/unknown.py tells it."""

    asks: bool
    runs: bool
    error: str | None
    caught: Caught | None


class _Told(msgspec.Struct):
    """What became of a test, as sandbox/inside/trial.py tells it."""

    end: End
    words: str = ""
    missing: str | None = None
    """A name that the test asked the program for, which does not give it."""
    given: list[str] = []
    """Of the names that the test reads and nobody else gives, those that the program does."""
    certain: bool = False
    """Whether that is not for how we judge: no stand-in had a part in it, or an object was compared with plain data."""
    ours: bool = False
    """Whether the judge failed."""


_read_alone = msgspec.json.Decoder(_Alone).decode
_read_told = msgspec.json.Decoder(_Told).decode

_STATUS: dict[End, Status] = {
    "passed": Status.ACCEPTED,
    "failed": Status.WRONG_ANSWER,
    "raised": Status.RUNTIME_ERROR,
    "ended": Status.RUNTIME_ERROR,
    "garbled": Status.WRONG_ANSWER,
    "crashed": Status.WRONG_ANSWER,
    "time_limit": Status.TIME_LIMIT_EXCEEDED,
    "memory_limit": Status.MEMORY_LIMIT_EXCEEDED,
    "output_limit": Status.OUTPUT_LIMIT_EXCEEDED,
}
"""By how a test ended: all assertions held; one did not; an exception of the program went through it; the program's
process ended while it was asked; what came from there was no answer; the test's own process ended of what it was given,
or at a limit."""
_EARLY: dict[Outcome, End] = {
    Outcome.CRASHED: "crashed",
    Outcome.TIME_LIMIT: "time_limit",
    Outcome.MEMORY_LIMIT: "memory_limit",
    Outcome.OUTPUT_LIMIT: "output_limit",
}
"""How the test's own process ends early."""


_FOR_BOTH = ("cpu_time", "memory")
"""Limits that a test comes to earlier with stand-ins than with what they stand for."""


class Session:
    def __init__(
        self, worker: Worker, program: bytes, make_work: MakeWork, trust: AssertTrust, *, gives: bool = False
    ) -> None:
        """``gives``: the program gives no answers, but arguments that the test uses as it likes."""
        self._worker = worker
        self._program = program
        self._make_work = make_work
        self._trust = trust
        self._gives = gives

    async def judge(self, test: Assertion) -> tuple[Execution | None, Ruling | None]:
        """What the program did, and the ruling; None: how the program ended decides. Raises CompileFailed."""
        if (fault := await self._fault(test)) is not None:
            return None, Ruling(Status.CHECKER_ERROR, message=fault)
        execution, told = await self._apart(test)
        if told.end == "undecided" and self._gives and not told.ours:
            return execution, Ruling(Status.WRONG_ANSWER, message=f"{APART} {told.words}"[:WORDS])
        if told.end == "undecided" and self._trust == "sealed":
            return execution, Ruling(Status.CHECKER_ERROR, message=f"{SEALED} {told.words}")
        rule = "assert replayed"
        certain = told.certain or _accepts(execution, told) or _crashes(test, told)
        if self._trust == "any" and not certain:
            beside = await self._together(test)
            if told.end not in ("failed", "raised", "ended") or beside[1].end == "unclear" or _accepts(*beside):
                execution, told = beside
                rule = "assert together"
        if (fault := self._fault_after(test, told)) is not None:
            return execution, Ruling(Status.CHECKER_ERROR, message=fault)
        if execution.outcome is not Outcome.FINISHED and told.end not in ("failed", "raised", "crashed"):
            return execution, None  # that it had answered everything is not all that counts
        status = Status.RUNTIME_ERROR if told.missing is not None else _STATUS.get(told.end, Status.WRONG_ANSWER)
        return execution, Ruling(status, rule if status is Status.ACCEPTED else None, told.words[:WORDS] or None)

    async def _fault(self, test: Assertion) -> str | None:
        """Why no program can be judged by this test, as far as it is known without one."""
        if test.fault is None and test.lifted is None and not test.known_alone:
            test.fault = await self._fault_alone(test)
            test.known_alone = True
        return test.fault

    async def _fault_alone(self, test: Assertion) -> str | None:
        assuming = await in_thread(test.reading.assuming)
        received = await self._run("unknown", Inputs([test.request_of(assuming or test.reading.source)]), b"", [0])
        if isinstance(received, str):
            return f"the test does not compile: {received}"
        (execution,) = received
        test.crashes = execution.outcome is not Outcome.FINISHED or not execution.result
        if test.crashes:
            return None
        alone = _read_alone(execution.result)
        test.runs = alone.runs
        if not alone.asks:
            what = f"it fails by itself: {alone.error}" if alone.error else "it passes without one"
            return f"the test asks nothing of the program: {what}"
        own = await in_thread(test.reading.own_doing, assuming, alone.caught) if assuming and alone.caught else None
        return f"whatever a program returns, the test raises {own}" if own is not None else None

    def _fault_after(self, test: Assertion, told: _Told) -> str | None:
        """Why it is no fault of the program that the test ended so. None: it is."""
        if told.end == "unclear":
            return told.words
        if _crashes(test, told):
            return told.words
        if told.end in ("faulty", "empty") and not test.runs:
            return told.words or "no part of the test ran"
        if told.missing is None or told.missing in told.given:
            return None
        return test.fault_of_lacking(told.missing, {*told.given})

    async def _apart(self, test: Assertion) -> tuple[Execution, _Told]:
        """In two processes. Methods of an object may fit whatever they are asked, and a library may find no difference
        to nothing at all: so an acceptance does not hold if the program passes as well where another value is
        expected."""
        reading = test.reading
        execution, told = await self._linked(test, reading.source)
        decided_elsewhere = not told.certain or reading.uses_libraries
        if decided_elsewhere and _accepts(execution, told):
            certain = reading.lifted is not None and all(is_near(check) for _, check in reading.lifted.checks)
            seed = secrets.token_bytes(16)
            for copy in await in_thread(values, reading.source, seed, reading.of_program, test.function, certain):
                if _passed((await self._linked(test, copy.code))[1]):
                    return execution, _Told("failed", NO_DIFFERENCE, certain=True)
        return execution, told

    async def _linked(self, test: Assertion, source: str) -> tuple[Execution, _Told]:
        received = await self._run("linked", Inputs([b"", test.request_of(source)]), self._program, [0, 1])
        if isinstance(received, str):
            raise CompileFailed(received)
        program, tested = sorted(received, key=_number)
        told = _of_process(tested)
        # Stand-ins and messages take time and memory, too. Where nothing else may judge, a program that computed while
        # the test did nothing has done that by itself.
        limited = any(each.limit in _FOR_BOTH for each in (program, tested))
        if limited and (_talked(program, tested) or (self._trust == "any" and not told.certain)):
            told = _Told("undecided", TALKED)
        return program, told

    async def _together(self, test: Assertion) -> tuple[Execution, _Told]:
        """An acceptance has to hold on copies that no right program passes."""
        reading = test.reading
        ((execution, told),) = await self._beside(test, [reading.source])
        if not _accepts(execution, told):
            return execution, told
        copies = await in_thread(trials, reading.source, secrets.token_bytes(16), reading.of_program, test.function)
        tried = await self._beside(test, [copy.code for copy in copies]) if copies else []
        passed = [_passed(each) for _, each in tried]
        for place, copy in enumerate(copies):
            if copy.kind == INVERTED and passed[place] is False:  # a test that depends on times may fail once
                ((_, again),) = await self._beside(test, [copy.code])
                passed[place] = _passed(again)
        rightly = passes_rightly(copies, passed)
        if rightly is not None:
            return execution, told if rightly else _Told("failed", NO_DIFFERENCE)
        return execution, _Told("unclear", UNCLEAR)

    async def _beside(self, test: Assertion, sources: Sequence[str]) -> list[tuple[Execution, _Told]]:
        """The test, in each of these forms, in a process of the program."""
        words = [secrets.token_hex(16) for _ in sources]
        inputs = [test.request_of(source, word=word) for source, word in zip(sources, words, strict=True)]
        received = await self._run("together", Inputs(inputs), self._program, range(len(inputs)))
        if isinstance(received, str):
            raise CompileFailed(received)
        return [(execution, _shown(execution, words[execution.test])) for execution in sorted(received, key=_number)]

    async def _run(self, mode: Mode, inputs: Inputs, source: bytes, tests: Sequence[int]) -> list[Execution] | str:
        """One job; or the compiler's words."""
        self._worker.begin(self._make_work(mode, inputs, source, tests))
        try:
            executions: list[Execution] = []
            while len(executions) < len(tests):
                received = await self._worker.receive()
                if isinstance(received, str):
                    return received
                executions += received
        finally:
            self._worker.end()
        return executions


def _crashes(test: Assertion, told: _Told) -> bool:
    """Its own process, as it does without any program."""
    return test.crashes and told.end in _EARLY.values()


def _accepts(execution: Execution, told: _Told) -> bool:
    return told.end == "passed" and execution.outcome is Outcome.FINISHED


def _talked(program: Execution, tested: Execution) -> bool:
    """Whether they have talked for much of their time: that takes the time of both."""
    less, more = sorted((program.cpu_time, tested.cpu_time))
    return less > TALKING * more


def _number(execution: Execution) -> int:
    return execution.test


def _shown(execution: Execution, word: str) -> _Told:
    """What a process told that shows this word."""
    shown, _, report = execution.result.partition(b"\n")
    if execution.outcome is not Outcome.FINISHED or shown != word.encode():
        return _Told("ended", "the process of the program ended before the test did")
    return _of_process(msgspec.structs.replace(execution, result=report))


def _passed(told: _Told) -> bool | None:
    """None: that is not known."""
    return {"passed": True, "failed": False, "raised": False}.get(told.end)


def _of_process(execution: Execution) -> _Told:
    """What the process of the test told, or what its end tells."""
    if execution.outcome is Outcome.FINISHED:
        try:
            return _read_told(execution.result)
        except (msgspec.MsgspecError, RecursionError):
            return _Told("crashed", "the process of the test ended without a result")
    if execution.limit:
        return _Told(
            _EARLY[execution.outcome], f"{execution.limit} exceeded by the test, while it used what the program gave"
        )
    lines = execution.stderr[-1000:].decode(errors="replace").strip().splitlines()
    return _Told("crashed", f"the process of the test crashed: {lines[-1] if lines else execution.signal}"[:300])
