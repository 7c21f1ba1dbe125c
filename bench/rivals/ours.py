"""microcoder's own evaluator, jail and comparison included."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .base import Item, Unavailable, Verdicts

if TYPE_CHECKING:
    from ...evaluator import Evaluator
    from ...evaluator.report import Report


class Ours:
    """The engine in an event loop of its own. ``lanes=False`` gives every test a fork: the reference path.

    No verdict is remembered (``cache=0``), so that every program of a workload is run.
    """

    def __init__(self, *, lanes: bool) -> None:
        self._lanes = lanes
        self._items: Sequence[Item] = ()
        self._runner: asyncio.Runner | None = None
        self._evaluator: Evaluator | None = None

    def setup(self) -> str:
        try:
            from ...evaluator import Evaluator as _  # noqa: F401  imported here so that start() times the pool alone
        except ImportError as error:
            raise Unavailable(f"microcoder.evaluator: {error}") from error
        try:
            return importlib.metadata.version("microcoder")
        except importlib.metadata.PackageNotFoundError:
            return "checkout"

    def start(self, workers: int) -> None:
        from ...evaluator import Evaluator

        self._runner = asyncio.Runner(loop_factory=_loop_factory())
        self._evaluator = self._runner.run(_enter(lambda: Evaluator(workers=workers, lanes=self._lanes, cache=0)))

    def load(self, items: Sequence[Item]) -> None:
        self._items = items

    def judge(self) -> Verdicts:
        assert self._runner is not None
        reports = self._runner.run(self._judge())
        return Verdicts(
            accepted=[None if report.status.is_judge_failure else report.accepted for report in reports],
            tests_run=sum(test.status != "skipped" for report in reports for test in report.tests),
            program_cpu=sum(report.cpu_time for report in reports),
        )

    def close(self) -> None:
        if self._runner is None:
            return
        if self._evaluator is not None:
            self._runner.run(_leave(self._evaluator))
        self._runner.close()

    async def _judge(self) -> list[Report]:
        assert self._evaluator is not None
        return [report async for report in self._evaluator.evaluate_many(self._items)]


async def _enter(make: Callable[[], Evaluator]) -> Evaluator:
    return await make().__aenter__()


async def _leave(evaluator: Evaluator) -> None:
    await evaluator.__aexit__(None, None, None)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
