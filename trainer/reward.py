"""Completions to verdicts, while other completions are still generated.

``submit`` returns at once with a future. The evaluator has an event loop in a thread of its own, and its workers are
processes: judging goes on beside generation, and the loop waits only for what is not judged when generation ends.
"""

from __future__ import annotations

import os
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from ..evaluator import Problem, Report, Status, Submission, SyncEvaluator
from ..evaluator.datasets.programs import program_in
from ..evaluator.options import TOKEN, JudgeOptions, RewardOptions

if TYPE_CHECKING:
    from .config import Judging


@dataclass(frozen=True)
class Verdict:
    status: Status
    reward: float | None
    """None: the judge failed; the response is left out of training."""
    rule: str | None = None
    """The most lenient that an accepted program needed."""
    seconds: float = 0.0
    """That a worker was busy with it."""


class Judge(Protocol):
    def submit(self, problem: Problem, response: str) -> Future[Verdict]:
        """The verdict on the program in this response, when it is there."""
        ...

    def close(self) -> None: ...


class Submits(Protocol):
    """What SyncEvaluator and Client have in common."""

    def submit(self, problem: Problem, program: Submission, judging: JudgeOptions, /) -> Future[Report]: ...

    def __exit__(self, *_: object) -> None: ...


class EvaluatorJudge:
    """An evaluator that was started, in this process or behind a URL."""

    def __init__(self, evaluator: Submits, options: RewardOptions) -> None:
        self._evaluator = evaluator
        self._options = options

    def submit(self, problem: Problem, response: str) -> Future[Verdict]:
        future: Future[Verdict] = Future()

        def finish(judged: Future[Report]) -> None:
            try:
                report = judged.result()
                reward = self._options.worth(problem, report)
                future.set_result(Verdict(report.status, reward, report.rule, report.run_time))
            except BaseException as error:
                future.set_exception(error)

        asked = self._evaluator.submit(problem, program(response, self._options, problem), self._options.for_verdict)
        asked.add_done_callback(finish)
        return future

    def close(self) -> None:
        self._evaluator.__exit__()


def program(response: str, options: RewardOptions, problem: Problem | None = None) -> Submission:
    """The program in a response; none where its block was never closed: it was not finished."""
    submission = program_in(response, problem, options)
    return msgspec.structs.replace(submission, code=None) if submission.found == "unclosed" else submission


def open_judge(options: Judging) -> Judge:
    """The server at ``url``, or an evaluator of this process. A server that cannot be reached ends the run: it can be
    gone on with, and a step whose rewards are missing would be worth nothing."""
    if options.url is None:
        evaluator = SyncEvaluator(**msgspec.structs.asdict(options.running))
        return EvaluatorJudge(evaluator.__enter__(), options)
    from ..evaluator.client import Client

    return EvaluatorJudge(Client(options.url, token=os.environ.get(TOKEN)).__enter__(), options)
