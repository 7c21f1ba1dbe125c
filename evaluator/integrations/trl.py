"""Reward functions for TRL.

    from microcoder.evaluator.integrations.trl import code_reward, reward_function

    GRPOTrainer(reward_funcs=[code_reward], ...)  # programs are judged in this process, or as MICROCODER_SERVER says
    GRPOTrainer(reward_funcs=[reward_function("http://judge:8080")], ...)

The data set has the ground truth in one of COLUMNS, as open-r1 names them, in any form that ``truth`` knows. A reward
is 1.0 or 0.0, and None, which TRL leaves out, where the judge failed. The table of completions gets the columns
``status`` and ``tests_passed``; the metrics are ``code/accepted``, ``code/no_code`` and ``code/no_verdict``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .judge import Failures, Judge, Judged, shared_judge, statement_of, text_of

COLUMNS = ("verification_info", "reward_model", "ground_truth", "test_cases", "tests", "input_output", "answer")
"""Where the ground truth is looked for, in this order."""

Rewards = list[float | None]


def reward_function(
    server: str | None = None,
    *,
    column: str | None = None,
    asynchronous: bool = True,
    failures: Failures = "none",
    starts_in_think: bool = False,
    name: str = "code_reward",
    judge: Judge | None = None,
) -> Callable[..., Any]:
    """A function as ``reward_funcs`` takes them. ``name``: what TRL logs it as. ``judge``: not the shared one."""

    asked = _Asked(server, column, failures, starts_in_think, judge)
    # A partial function is asynchronous if what it calls is, and can be pickled.
    function = functools.partial(_rewards if asynchronous else _rewards_now, asked)
    function.__name__ = name  # pyright: ignore[reportAttributeAccessIssue]
    return function


class _Asked(NamedTuple):
    """What ``reward_function`` was asked for."""

    server: str | None
    column: str | None
    failures: Failures
    starts_in_think: bool
    judge: Judge | None

    def call(
        self, prompts: Sequence[Any], completions: Sequence[Any], columns: dict[str, Any]
    ) -> tuple[Judge, list[tuple[str, Any]], dict[str, Any]]:
        """The judge, and what it gets."""
        found = column_of(columns, self.column)
        judge = self.judge or shared_judge(self.server, failures=self.failures, starts_in_think=self.starts_in_think)
        pairs = [(text_of(each), truth) for each, truth in zip(completions, columns[found], strict=True)]
        return judge, pairs, {"field": found, "statements": [statement_of(prompt) for prompt in prompts]}


async def _rewards(asked: _Asked, /, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
    judge, pairs, about = asked.call(prompts, completions, columns)
    return logged(await judge.judge_all(pairs, **about), columns)


def _rewards_now(asked: _Asked, /, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
    judge, pairs, about = asked.call(prompts, completions, columns)
    return logged(judge.judge_all_now(pairs, **about), columns)


def column_of(columns: dict[str, Any], wanted: str | None) -> str:
    """The column with the ground truth. Raises ValueError."""
    for name in (wanted,) if wanted else COLUMNS:
        if name in columns:
            return name
    there = ", ".join(name for name, value in columns.items() if isinstance(value, list)) or "none"
    raise ValueError(f"no ground truth: the data set needs a column {wanted or ' or '.join(COLUMNS)}; it has {there}")


def logged(judged: list[Judged], columns: dict[str, Any]) -> Rewards:
    """The rewards, after TRL was told the rest, if it wants to know."""
    if (log_extra := columns.get("log_extra")) is not None:
        log_extra("status", [each.status for each in judged])
        log_extra("tests_passed", [each.passed for each in judged])
    if (log_metric := columns.get("log_metric")) is not None and judged:
        for name, count in (
            ("accepted", sum(each.reward == 1.0 for each in judged)),
            ("no_code", sum(each.status == "no_code" for each in judged)),
            ("no_verdict", sum(each.reward is None for each in judged)),
        ):
            log_metric(f"code/{name}", count / len(judged))
    return [each.reward for each in judged]


code_reward = reward_function()
code_reward_sync = reward_function(asynchronous=False)
