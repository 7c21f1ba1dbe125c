"""``compute_score`` for verl, judged in the reward worker's process or by a server.

    reward.custom_reward_function.path=pkg://microcoder.evaluator.integrations.verl
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.server=http://judge:8080

verl makes reward workers in many processes that send one sample each, so a server is the better judge of the two. Every
answer has the same keys. verl has no reward that means "none": a judge failure raises, which ends the training run;
``failures: nan`` gives NaN instead, for managers that leave such samples out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .adapter import Adapter
from .judge import Judged

Scores = dict[str, float | str]


async def compute_score(
    data_source: str | None,
    solution_str: str,
    ground_truth: Any,
    extra_info: dict[str, Any] | None = None,
    *,
    reward_router_address: str | None = None,
    reward_model_tokenizer: Any = None,
    **options: Any,
) -> Scores:
    """``score`` is 1.0 or 0.0. Raises NoVerdict. ``options``: as Adapter says, which also says what it raises;
    ``column`` names a key of ``extra_info`` that has the truth. ``reward_router_address`` and
    ``reward_model_tokenizer``, which verl has for reward models, are left alone."""
    del reward_router_address, reward_model_tokenizer
    return (await compute_scores([data_source], [solution_str], [ground_truth], [extra_info], **options))[0]


async def compute_scores(
    data_sources: Sequence[str | None],
    solution_strs: Sequence[str],
    ground_truths: Sequence[Any],
    extra_infos: Sequence[dict[str, Any] | None],
    **options: Any,
) -> list[Scores]:
    """A whole batch, with the options of ``compute_score``."""
    del data_sources
    adapter = adapter_of(options)
    extras = [extra or {} for extra in extra_infos]
    truths = [truth_of(adapter, truth, extra) for truth, extra in zip(ground_truths, extras, strict=True)]
    pairs = zip(solution_strs, truths, strict=True)
    statements = [extra.get("question") for extra in extras]
    return [scores(each) for each in await adapter.all(pairs, statements=statements)]


def adapter_of(options: dict[str, Any]) -> Adapter:
    return Adapter(options, failures="raise", allowed=("raise", "nan"))


def truth_of(adapter: Adapter, ground_truth: Any, extra: dict[str, Any]) -> Any:
    """Raises ValueError where ``extra_info`` has no such column."""
    if adapter.column is None:
        return ground_truth
    if adapter.column not in extra:
        there = ", ".join(map(str, extra)) or "nothing"
        raise ValueError(f"column: extra_info has no {adapter.column!r}, but {there}")
    return extra[adapter.column]


def scores(judged: Judged) -> Scores:
    """As verl wants them: the same keys each time, values that fit into arrays."""
    score = math.nan if judged.reward is None else judged.reward
    return {
        "score": score,
        "acc": score,
        "tests_passed": judged.passed,
        "no_code": float(judged.status == "no_code"),
        "status": judged.status,
    }
