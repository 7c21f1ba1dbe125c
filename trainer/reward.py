"""Completions to verdicts, while other completions are still generated.

``submit`` returns at once with a future. The evaluator has an event loop in a thread of its own, and its workers are
processes: judging goes on beside generation, and the loop waits only for what is not judged when generation ends.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

from ..evaluator import Problem, Report, Status, SyncEvaluator
from ..evaluator.extract import extract
from .errors import ConfigError

Form = Literal["fence", "raw"]
"""Where the program stands in a response: in a fenced block (evaluator/extract.py), or it is the response."""

Scale = Literal["binary", "fraction", "score"]
"""1 or 0; the share of tests passed; or the share of the points, of a problem whose groups of tests are worth some."""


@dataclass(frozen=True)
class Verdict:
    status: Status
    reward: float | None
    """None: the judge failed; the response is left out of training."""
    seconds: float = 0.0
    """That a worker was busy with it."""


class Judge(Protocol):
    def submit(self, problem: Problem, response: str) -> Future[Verdict]:
        """The verdict on the program in this response, when it is there."""
        ...

    def close(self) -> None: ...


class Submits(Protocol):
    """What SyncEvaluator and Client have in common."""

    def submit(self, problem: Problem, program: str, /) -> Future[Report]: ...

    def __exit__(self, *_: object) -> None: ...


class EvaluatorJudge:
    """An evaluator that was started, in this process or behind a URL."""

    def __init__(self, evaluator: Submits, *, form: Form, scale: Scale) -> None:
        self._evaluator = evaluator
        self._form: Form = form
        self._scale: Scale = scale

    def submit(self, problem: Problem, response: str) -> Future[Verdict]:
        future: Future[Verdict] = Future()

        def finish(judged: Future[Report]) -> None:
            try:
                future.set_result(verdict(problem, judged.result(), self._scale))
            except BaseException as error:
                future.set_exception(error)

        self._evaluator.submit(problem, program(response, self._form, problem.entry_point)).add_done_callback(finish)
        return future

    def close(self) -> None:
        self._evaluator.__exit__()


def verdict(problem: Problem, report: Report, scale: Scale) -> Verdict:
    reward = report.reward
    if reward is not None and scale == "fraction":
        reward = report.passed / report.total
    elif reward is not None and scale == "score" and problem.groups:
        reward = report.score
        if reward is None and not any(test.status.is_judge_failure for test in report.tests):
            raise ConfigError(
                "judge.reward: the server left out tests that the score depends on; start it with --scores"
            )
    return Verdict(report.status, reward, report.run_time)


def program(response: str, form: Form, entry_point: str | None = None) -> str:
    """The program in a response; empty when there is none, or when its block was never closed: it was not finished."""
    if form == "raw":
        return response
    found = extract(response, entry_point=entry_point)
    return "" if found.code is None or found.found == "unclosed" else found.code


def open_judge(url: str | None, *, form: Form, scale: Scale, workers: int | None, jail: str) -> Judge:
    """The server at ``url``, or an evaluator of this process. A server that cannot be reached ends the run: it can be
    gone on with, and a step whose rewards are missing would be worth nothing."""
    if url is None:
        evaluator = SyncEvaluator(workers=workers, jail=jail, run_all=scale == "fraction", scores=scale == "score")
        return EvaluatorJudge(evaluator.__enter__(), form=form, scale=scale)
    if scale == "fraction":
        raise ConfigError("judge.reward: a server stops at the first failure, fraction needs the evaluator in-process")
    from ..evaluator.client import Client

    return EvaluatorJudge(Client(url).__enter__(), form=form, scale=scale)
