"""Many programs at once: what every evaluator can do that can judge one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable

from .options import JudgeOptions
from .problem import Problem
from .report import Report
from .submission import Submission

LOOK_AHEAD = 64
"""Programs begun before their turn, for each worker, so that a slow one holds nobody up."""

Program = Submission | str
Pairs = Iterable[tuple[Problem, Program]] | AsyncIterable[tuple[Problem, Program]]
Finished = Callable[[int, Report], None]
"""Told of a place in the input, and of the report on the program there. What it raises, the generator raises."""


class Streams(ABC):
    """``evaluate_many`` and ``stream``, made of ``evaluate``."""

    workers: int
    """Programs judged at the same time."""

    @abstractmethod
    async def evaluate(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> Report:
        """``judging``: how; None: as all that say nothing of it."""

    async def evaluate_many(
        self, pairs: Pairs, judging: JudgeOptions | None = None, *, finished: Finished | None = None
    ) -> AsyncGenerator[Report, None]:
        """Reports in the order of the pairs, which are read as they are needed. ``finished`` is told of each one as
        soon as there is one, which may be long before its turn."""
        waiting: deque[asyncio.Task[Report]] = deque()
        place = 0
        try:
            async for problem, program in _each(pairs):
                if finished is None:
                    judged = self.evaluate(problem, program, judging)
                else:
                    judged = self._tell(finished, place, problem, program, judging)
                place += 1
                waiting.append(asyncio.create_task(judged))
                while waiting and (waiting[0].done() or len(waiting) >= LOOK_AHEAD * self.workers):
                    yield await waiting.popleft()
                if len(waiting) % self.workers == 0:
                    await asyncio.sleep(0)
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _tell(
        self, finished: Finished, place: int, problem: Problem, program: Program, judging: JudgeOptions | None
    ) -> Report:
        report = await self.evaluate(problem, program, judging)
        finished(place, report)
        return report

    async def stream(
        self, pairs: Pairs, judging: JudgeOptions | None = None
    ) -> AsyncGenerator[tuple[int, Report], None]:
        """(place in the input, report) as programs finish."""
        running: dict[asyncio.Task[Report], int] = {}
        finished: asyncio.Queue[asyncio.Task[Report]] = asyncio.Queue()
        try:
            place = 0
            async for problem, program in _each(pairs):
                task = asyncio.create_task(self.evaluate(problem, program, judging))
                task.add_done_callback(finished.put_nowait)
                running[task] = place
                place += 1
                while len(running) >= LOOK_AHEAD * self.workers or not finished.empty():
                    task = await finished.get()
                    yield running.pop(task), task.result()
            while running:
                task = await finished.get()
                yield running.pop(task), task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _each(pairs: Pairs) -> AsyncGenerator[tuple[Problem, Program], None]:
    if isinstance(pairs, AsyncIterable):
        async for pair in pairs:
            yield pair
    else:
        for pair in pairs:
            yield pair
