"""Where an output is compared, and what may be spent on it."""

from __future__ import annotations

import asyncio
import pickle
import time

from ...sandbox.closing import close_all
from ...sandbox.errors import WorkerFailure
from ...sandbox.shared import Shared
from ..compare import Comparison, Match
from ..compare.exact import ACCEPTED as EXACT
from ..helper import Helpers
from ..reference import Reference
from .messages import Answer, Compared, Exceeded, Request
from .process import ComparingProcess, ProcessLost

TURN = 0.002
"""Seconds of comparing, small outputs of all programs together, after which everything else gets its turn."""
FLOOR = 1.0
"""Processor seconds that any output may take to be compared."""
FACTOR = 100
"""How many times longer than for the expected output it may take. Rules differ by that much in what they ask of an
output that is right but written otherwise, or in another order."""
REFERENCE_SECONDS = 60.0
"""Processor seconds for the expected output itself."""
MEMORY = 1 << 30
MEMORY_FACTOR = 64
"""Bytes for each byte of the expected output, besides."""


class NothingToCompareWith(WorkerFailure):
    """No comparing process does its work here. That is not the doing of the worker, nor of its program."""


class Comparing:
    """``compare`` for each output; ``close`` at the end. Starts no process before it is needed."""

    def __init__(self) -> None:
        self._processes = Helpers(ComparingProcess, "a comparing process")
        self._measuring: Shared[Reference, None] = Shared()
        self._here = asyncio.Lock()
        """Small outputs are compared one after the other, so that there is one turn for all of them."""
        self._spent = 0.0
        """Seconds, since the last turn."""

    async def close(self) -> None:
        """Ends the processes, also those that compare."""
        await close_all([self._measuring, self._processes])

    def kill(self) -> None:
        self._processes.kill()

    def bury(self) -> None:
        self._processes.bury()

    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    async def compare(self, comparison: Comparison, expected: bytes, actual: bytes, reference: Reference) -> Match:
        """What the comparison says. An output for which that takes too much is no match; where it is the expected one
        that does, the problem is at fault. Raises NothingToCompareWith, HostShortage. Cancelling ends the process.
        """
        if comparison.takes_equal_bytes and expected == actual:
            return EXACT
        if comparison.is_small(expected, actual):
            return await self._compare_here(comparison, expected, actual)
        budget = reference.allows(FLOOR, FACTOR)
        answer = await self._ask(comparison, expected, actual, budget)
        if isinstance(answer, Exceeded):
            if reference.seconds is None:
                await self._measuring.result(reference, lambda: self._measure(comparison, expected, reference))
            if reference.fault is not None:
                words = f"the expected output cannot be compared with itself: that takes more than {reference.fault}"
                return Match(False, message=words, fault=True)
            if (larger := reference.allows(FLOOR, FACTOR)) > budget:
                answer = await self._ask(comparison, expected, actual, larger)
        if isinstance(answer, Compared):
            return answer.match
        words = f"to compare this output takes more than {answer.what}"
        return Match(False, message=f"{words}; for the expected one it is {reference.seconds:.3f} s")

    async def _compare_here(self, comparison: Comparison, expected: bytes, actual: bytes) -> Match:
        async with self._here:
            begun = time.perf_counter()
            match = comparison.compare(expected, actual)
            self._spent += time.perf_counter() - begun
            if self._spent > TURN:
                await asyncio.sleep(0)
                self._spent = 0.0
            return match

    async def _measure(self, comparison: Comparison, expected: bytes, reference: Reference) -> None:
        answer = await self._ask(comparison, expected, None, REFERENCE_SECONDS)
        reference.fault = answer.what if isinstance(answer, Exceeded) else None
        reference.seconds = answer.seconds if isinstance(answer, Compared) else REFERENCE_SECONDS

    async def _ask(self, comparison: Comparison, expected: bytes, actual: bytes | None, seconds: float) -> Answer:
        request = Request(
            comparison=pickle.dumps(comparison),
            expected=len(expected),
            actual=None if actual is None else len(actual),
            seconds=seconds,
            memory=MEMORY + MEMORY_FACTOR * len(expected),
        )
        failure = None
        for _ in range(2):
            if self._processes.closed:
                break
            try:
                async with self._processes.one() as process:
                    return await process.ask(request, expected, actual or b"")
            except ProcessLost as lost:
                failure = lost
        raise NothingToCompareWith(f"nothing to compare with: {failure or 'the evaluator was closed'}")
