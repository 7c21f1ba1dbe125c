"""The client for callers without an event loop: it gets a loop in a thread of its own."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from ..background import Background
from ..options import JudgeOptions
from ..problem import Problem
from ..report import Report
from .asynchronous import AsyncClient, Program


class Client:
    """``with Client("http://127.0.0.1:8080") as judge``. Takes the options of AsyncClient. Any number of threads."""

    def __init__(self, endpoints: str | list[str], **options: Any) -> None:
        self._background = Background("microcoder-client", functools.partial(AsyncClient, endpoints, **options))

    def __enter__(self) -> Client:
        self._background.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._background.close()

    def evaluate(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> Report:
        """The verdict on one program. Raises JudgeUnavailable or RequestRefused. An interrupt cancels it."""
        return self._background.do(lambda client: client.evaluate(problem, program, judging))

    def submit(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> Future[Report]:
        """The verdict, when it is there; returns at once. Cancelling the future cancels the request."""
        return self._background.submit(lambda client: client.evaluate(problem, program, judging))

    def reward(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> float | None:
        """1.0 or 0.0; None, NaN or an exception, as ``failures`` says, when the judge failed or no server answered."""
        return self._background.do(lambda client: client.reward(problem, program, judging))

    def evaluate_many(
        self, pairs: Iterable[tuple[Problem, Program]], judging: JudgeOptions | None = None
    ) -> Iterator[Report]:
        """Reports in the order of the pairs. The pairs are read in the client's thread."""
        return self._background.stream(lambda client: client.evaluate_many(pairs, judging))
