"""Rewards for verifiers, of both of its interfaces. https://github.com/PrimeIntellect-ai/verifiers

    class MyTask(vf.Task[MyData]):  # 0.2 and later
        @vf.reward
        async def accepted(self, trace: vf.Trace) -> float:
            return await code_reward(self.data, trace)

    rubric = vf.Rubric(funcs=[rubric_reward])  # 0.1

Later releases take ``code_reward`` and ``tests_passed`` by their names, too: ``task.rewards.accepted.fn`` is
``microcoder.evaluator.integrations.verifiers:code_reward``. The ground truth is a field of the task, or a column of the
data set, named as in ``trl.COLUMNS``. Programs are judged in this process, or as MICROCODER_SERVER says.

A judge failure is never 0: ``code_reward`` raises, which verifiers records as an error of the trace, whose reward stays
None. Rubrics take every exception for 0.0, so there the reward is NaN, and ``state["error"]`` an InfraError, upon which
``max_retries`` asks for the rollout again.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from ..datasets.base import as_list
from .judge import Judged, shared_judge, statement_of, text_of
from .trl import column_of


async def code_reward(
    task: Any, trace: Any, *, column: str | None = None, server: str | None = None, starts_in_think: bool = False
) -> float:
    """1.0 or 0.0, of a task's data and a trace's last reply. ``column``: the field with the truth. Raises NoVerdict."""
    judged = await _judged(task, trace, column, server, starts_in_think)
    assert judged.reward is not None  # would have raised
    return judged.reward


async def tests_passed(task: Any, trace: Any) -> float:
    """Metric: the share of the tests that passed. The reward's verdict serves for both. Raises NoVerdict."""
    return (await _judged(task, trace)).passed


async def rubric_reward(
    completion: Any, answer: Any = None, info: dict[str, Any] | None = None, state: Any = None, **about: Any
) -> float:
    """1.0, 0.0, or NaN, with the reason in ``state["error"]``. ``info`` may hold the truth instead of ``answer``."""
    columns = {"answer": answer} if answer else dict(info or {})
    field = column_of(columns, None)
    using = shared_judge(failures="none")
    judged = await using.judge(
        text_of(_plain(completion)), columns[field], field=field, statement=statement_of(_plain(about.get("prompt")))
    )
    if judged.reward is not None:
        return judged.reward
    if state is not None:
        state["error"] = importlib.import_module("verifiers").InfraError(f"no verdict: {judged.failure}")
    return math.nan


async def _judged(
    task: Any, trace: Any, column: str | None = None, server: str | None = None, starts_in_think: bool = False
) -> Judged:
    fields: dict[str, Any] = task.__dict__  # what was set, which is all that pydantic knows of
    field = column_of(fields, column)
    judge = shared_judge(server, failures="raise", starts_in_think=starts_in_think)
    return await judge.judge(trace.last_reply, fields[field], field=field, statement=statement_of(_plain(task.prompt)))


def _plain(messages: Any) -> Any:
    """Messages as dictionaries; newer rubrics have objects."""
    several = as_list(messages)
    if several is None:
        return messages
    return [each if isinstance(each, dict) else each.model_dump() for each in several]
