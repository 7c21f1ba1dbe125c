"""The actor on a node: an Evaluator that is given programs and asked for reports, both in batches."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ...sandbox.execution import Execution
from ...sandbox.languages import CompileError
from ...sandbox.limits import Limits
from ..engine import Evaluator
from ..options import RunOptions
from ..problem import Problem
from ..submission import Submission
from ..version import identity
from .messages import Answer, Answers, Asked, Batch, Started

LINGER = 0.01
"""Seconds that a report waits for others to come along, while there are others: calls cost more than reports."""
_batches = msgspec.msgpack.Decoder(Batch)


class Host:
    """All its methods run on one event loop, that of the actor."""

    def __init__(self, running: RunOptions) -> None:
        self._evaluator = Evaluator(**msgspec.structs.asdict(running))
        self._most = running.memory.prepared
        self._problems: OrderedDict[str, tuple[Problem, int]] = OrderedDict()
        self._bytes = 0
        self._running: dict[int, asyncio.Task[None]] = {}
        self._finished: list[Answer] = []
        self._something = asyncio.Event()
        self.received = 0
        """Problems that were fetched from the object store."""

    async def start(self) -> bytes:
        """Raises JailUnavailable."""
        await self._evaluator.__aenter__()
        return msgspec.msgpack.encode(Started(self._evaluator.jail, identity()))

    async def give(self, batch: bytes, parcels: dict[str, tuple[Any, int]]) -> None:
        """Take programs in, and the problems that they need: references to the object store, with their sizes."""
        for digest, (reference, size) in parcels.items():
            if digest not in self._problems:
                self._keep(digest, await reference, size)
        told = _batches.decode(batch)
        for number in told.cancelled:
            if task := self._running.get(number):
                task.cancel()
        for asked in told.programs:
            self._running[asked.number] = asyncio.create_task(self._judge(asked))

    async def fetch(self) -> bytes:
        """What has been finished since; waits until something is."""
        await self._something.wait()
        if self._running:
            await asyncio.sleep(LINGER)
        self._something.clear()
        finished, self._finished = self._finished, []
        return msgspec.msgpack.encode(Answers(finished, self._evaluator.restarts))

    async def execute(
        self,
        submission: Submission,
        stdin: bytes,
        limits: Limits | None,
        files: Mapping[str, bytes] | None,
        collect: Sequence[str],
    ) -> Execution | CompileError:
        return await self._evaluator.execute(submission, stdin, limits=limits, files=files, collect=collect)

    async def counted(self) -> tuple[int, int]:
        """Its process id, and the problems that were fetched."""
        return os.getpid(), self.received

    async def stop(self) -> None:
        for task in self._running.values():
            task.cancel()
        await self._evaluator.__aexit__()

    def _keep(self, digest: str, problem: Problem, size: int) -> None:
        self.received += 1
        self._problems[digest] = problem, size
        self._bytes += size
        while self._bytes > self._most and len(self._problems) > 1:
            self._bytes -= self._problems.popitem(last=False)[1][1]

    async def _judge(self, asked: Asked) -> None:
        try:
            answer = await self._answer(asked)
        except asyncio.CancelledError:
            return
        finally:
            del self._running[asked.number]
        self._finished.append(answer)
        self._something.set()

    async def _answer(self, asked: Asked) -> Answer:
        held = self._problems.get(asked.digest)
        if held is None:
            return Answer(asked.number, None, "unknown_problem")
        self._problems.move_to_end(asked.digest)
        try:
            report = await self._evaluator.evaluate(held[0], asked.submission, asked.judging)
        except ValueError as error:
            return Answer(asked.number, None, "bad_problem", str(error))
        except Exception as error:  # whatever it is, it is not the program's fault, and must not be lost
            return Answer(asked.number, None, "failed", f"{type(error).__name__}: {error}")
        return Answer(asked.number, report)
