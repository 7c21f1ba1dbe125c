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
from typing import Any

from ..datasets.prompts import asked
from .adapter import COLUMNS, Adapter, AdapterOptions, column_of
from .judge import Judge, Judged, Pair, text_of

__all__ = ["COLUMNS", "code_reward", "code_reward_sync", "reward_function"]

Rewards = list[float | None]


def reward_function(
    server: str | Sequence[str] | None = None,
    *,
    asynchronous: bool = True,
    name: str = "code_reward",
    judge: Judge | None = None,
    **options: Any,
) -> Callable[..., Any]:
    """A function as ``reward_funcs`` takes them. ``name``: what TRL logs it as. ``judge``: not the shared one.
    ``options``: as Adapter says, which also says what it raises."""
    adapter = Adapter({"server": server} | options, judge=judge)
    # A partial function is asynchronous if what it calls is, and can be pickled.
    function = functools.partial(_rewards if asynchronous else _rewards_now, adapter)
    function.__name__ = name  # pyright: ignore[reportAttributeAccessIssue]
    return function


async def _rewards(adapter: Adapter, /, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
    pairs, about = _asked(adapter, prompts, completions, columns)
    return logged(await adapter.all(pairs, **about), columns)


def _rewards_now(adapter: Adapter, /, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
    pairs, about = _asked(adapter, prompts, completions, columns)
    return logged(adapter.all_now(pairs, **about), columns)


def _asked(
    adapter: Adapter, prompts: Sequence[Any], completions: Sequence[Any], columns: dict[str, Any]
) -> tuple[list[Pair], dict[str, Any]]:
    """What the judge gets."""
    rows: dict[str, list[Any]] = {name: value for name, value in columns.items() if isinstance(value, list)}
    for name in AdapterOptions.__struct_fields__:
        if name in columns and name not in rows:
            raise TypeError(f"option {name!r} is for reward_function(...); here columns are taken")
    found = column_of(rows, adapter.column)
    pairs = [(text_of(each), truth) for each, truth in zip(completions, rows[found], strict=True)]
    return pairs, {"field": found, "statements": [asked(prompt) for prompt in prompts]}


def logged(judged: list[Judged], columns: dict[str, Any]) -> Rewards:
    """The rewards, after TRL was told the rest, if it wants to know."""
    if (log_extra := columns.get("log_extra")) is not None:
        log_extra("status", [each.status for each in judged])
        log_extra("tests_passed", [each.passed for each in judged])
    if (log_metric := columns.get("log_metric")) is not None and judged:
        for name, count in (
            ("accepted", sum(each.status == "accepted" for each in judged)),
            ("no_code", sum(each.status == "no_code" for each in judged)),
            ("no_verdict", sum(each.failure is not None for each in judged)),
        ):
            log_metric(f"code/{name}", count / len(judged))
    return [each.reward for each in judged]


code_reward = reward_function()
code_reward_sync = reward_function(asynchronous=False)
