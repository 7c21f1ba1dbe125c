"""Rewards for verifiers, of both of its interfaces. https://github.com/PrimeIntellect-ai/verifiers

    class MyTask(vf.Task[MyData]):  # 0.2 and later
        @vf.reward
        async def accepted(self, trace: vf.Trace) -> float:
            return await code_reward(self.data, trace)

    rubric = vf.Rubric(funcs=[rubric_reward])  # 0.1

Later releases take ``code_reward`` and ``tests_passed`` by their names, too: ``task.rewards.accepted.fn`` is
``microcoder.evaluator.integrations.verifiers:code_reward``. The ground truth is a field of the task, or a column of
the data set, named as in ``adapter.COLUMNS``. Programs are judged here, or as MICROCODER_SERVER says. All take
the same options, as Adapter says. Where verifiers calls them itself, `with_options` makes functions that have some.

A judge failure is never 0: ``code_reward`` raises, which verifiers records as an error of the trace, whose reward stays
None. Rubrics take every exception for 0.0, so there the reward is NaN, and ``state["error"]`` an InfraError, upon which
``max_retries`` asks for the rollout again.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import math
from collections.abc import Callable
from typing import Any

from ..datasets.base import as_list, as_object
from ..datasets.prompts import asked
from ..options import ClientOptions, RunOptions
from .adapter import Adapter, AdapterOptions, column_of
from .judge import Judged, text_of


async def code_reward(task: Any, trace: Any, **options: Any) -> float:
    """1.0 or 0.0, of a task's data and a trace's last reply. ``column``: the field with the truth. Raises NoVerdict."""
    judged = await _judged(task, trace, options)
    assert judged.reward is not None  # would have raised
    return judged.reward


async def tests_passed(task: Any, trace: Any, **options: Any) -> float:
    """Metric: the share of the tests that passed. The reward's verdict serves for both, where they have the same
    options. Raises NoVerdict."""
    judged = await _judged(task, trace, options)
    return judged.passed if judged.failure is None else math.nan


async def rubric_reward(
    completion: Any,
    answer: Any = None,
    info: dict[str, Any] | str | None = None,
    state: Any = None,
    prompt: Any = None,
    **options: Any,
) -> float:
    """1.0, 0.0, or NaN, with the reason in ``state["error"]``. ``info``, which may be JSON, may hold the truth instead
    of ``answer``; where ``column`` is given, it does."""
    try:
        adapter = _adapter(rubric_reward, options)
        columns = {"answer": answer} if answer and adapter.column is None else _columns(info)
        field = column_of(columns, adapter.column)
        statement = asked(_plain(prompt))
        judged = await adapter.one(text_of(_plain(completion)), columns[field], field=field, statement=statement)
        reward, failure = judged.reward, judged.failure
    except Exception as error:  # a rubric would make it 0.0
        reward, failure = math.nan, f"{type(error).__name__}: {error}"
    if failure is not None and state is not None:
        state["error"] = importlib.import_module("verifiers").InfraError(f"no verdict: {failure}")
    assert reward is not None
    return reward


def with_options(function: Callable[..., Any], name: str | None = None, **options: Any) -> Callable[..., Any]:
    """One of the above with options, under a name of its own. Raises what Adapter does, now."""
    _adapter(function, options)
    made = functools.partial(function, **options)
    made.__name__ = name or function.__name__  # pyright: ignore[reportAttributeAccessIssue]
    return made


def _adapter(function: Callable[..., Any], options: dict[str, Any]) -> Adapter:
    if function is rubric_reward:
        return Adapter(options, failures="nan", allowed=("nan",))
    return Adapter(options, failures="raise", allowed=("raise", "nan"))


def _named(function: Callable[..., Any]) -> inspect.Signature:
    """With the options by their names. Rubrics hand all they have to a function that takes any name."""
    own = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
    names = dict.fromkeys(
        name for kind in (AdapterOptions, RunOptions, ClientOptions) for name in kind.__struct_fields__
    )
    options = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in names]
    return inspect.Signature([*own, *options])


rubric_reward.__signature__ = _named(rubric_reward)  # pyright: ignore[reportFunctionMemberAccess]


async def _judged(task: Any, trace: Any, options: dict[str, Any]) -> Judged:
    adapter = _adapter(code_reward, options)
    fields: dict[str, Any] = task.__dict__  # what was set, which is all that pydantic knows of
    field = column_of(fields, adapter.column)
    return await adapter.one(trace.last_reply, fields[field], field=field, statement=asked(_plain(task.prompt)))


def _columns(info: Any) -> dict[str, Any]:
    """Raises ValueError."""
    columns = as_object(json.loads(info) if isinstance(info, str) else info or {})
    if columns is None:
        raise ValueError("info: no object")
    return columns


def _plain(messages: Any) -> Any:
    """Messages as dictionaries; newer rubrics have objects."""
    several = as_list(messages)
    if several is None:
        return messages
    return [each if isinstance(each, dict) else each.model_dump() for each in several]
