"""Ask and judge: completions go to the judge one by one, as they finish, and the next ones are drawn meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from .advantages import Response
from .data import Prompt
from .reward import Judge, Verdict
from .rollout.base import Completion, Request, Rollout, Sampling, seeds


@dataclass(frozen=True)
class Answer(Response):
    """A judged response."""

    logprobs: Sequence[float] = ()
    version: int = 0
    judge_seconds: float = 0.0
    rule: str | None = None
    """By which it was accepted."""


@dataclass(frozen=True)
class Group:
    number: int
    """Place of the question in the run: no two have the same."""
    prompt: Prompt
    answers: list[Answer]


@dataclass
class Times:
    """Wall-clock seconds of a step, by what was waited for."""

    generate: float = 0.0
    wait: float = 0.0
    """For verdicts, after the last completion."""


def collect(
    asked: Sequence[tuple[int, Prompt]],
    count: int,
    sampling: Sampling,
    *,
    seed: int,
    rollout: Rollout,
    judge: Judge,
    tokenizer: Any,
    times: Times,
) -> list[Group]:
    """``count`` judged answers to each numbered prompt. Raises what broke the judge; no reward is a verdict as well."""
    requests = [Request(prompt.tokens, seeds(seed, number, count)) for number, prompt in asked]
    pending: dict[tuple[int, int], tuple[Completion, Future[Verdict]]] = {}
    begun = time.perf_counter()
    for completion in rollout.generate(requests, sampling):
        text = tokenizer.decode(completion.tokens, skip_special_tokens=True)
        verdict = judge.submit(asked[completion.request][1].task.problem, text)
        pending[completion.request, completion.index] = completion, verdict
    generated = time.perf_counter()
    groups = [
        Group(number, prompt, [_answer(*pending[place, index]) for index in range(count)])
        for place, (number, prompt) in enumerate(asked)
    ]
    times.generate += generated - begun
    times.wait += time.perf_counter() - generated
    return groups


def _answer(completion: Completion, verdict: Future[Verdict]) -> Answer:
    judged = verdict.result()
    return Answer(
        tokens=completion.tokens,
        truncated=completion.truncated,
        status=judged.status,
        reward=judged.reward,
        rule=judged.rule,
        logprobs=completion.logprobs,
        version=completion.version,
        judge_seconds=judged.seconds,
    )
