"""The engine for callers without an event loop, or with one they must not block: it gets a loop in its own thread."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from .background import Background
from .engine import Evaluator
from .options import JudgeOptions
from .problem import Problem
from .report import Report
from .streams import Program


class SyncEvaluator:
    """``with SyncEvaluator() as evaluator``. Takes the options of Evaluator. Any number of threads may use it.

    On exit those who still wait get concurrent.futures.CancelledError.
    """

    def __init__(self, **options: Any) -> None:
        self._background = Background("microcoder-evaluator", functools.partial(Evaluator, **options))

    def __enter__(self) -> SyncEvaluator:
        self._background.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._background.close()

    def evaluate(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> Report:
        """The verdict on one program. An interrupt while waiting cancels it."""
        return self._background.do(lambda evaluator: evaluator.evaluate(problem, program, judging))

    def submit(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> Future[Report]:
        """The verdict, when it is there; returns at once. Cancelling the future frees the worker."""
        return self._background.submit(lambda evaluator: evaluator.evaluate(problem, program, judging))

    def evaluate_many(
        self, pairs: Iterable[tuple[Problem, Program]], judging: JudgeOptions | None = None
    ) -> Iterator[Report]:
        """Reports in the order of the pairs. The pairs are read in the evaluator's thread."""
        return self._background.stream(lambda evaluator: evaluator.evaluate_many(pairs, judging))
