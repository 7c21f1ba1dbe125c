"""``reward_func`` for OpenRLHF, as a file or from a file of one's own.

    --reward.remote_url reward.py      # from microcoder.evaluator.integrations.openrlhf import reward_func

Labels hold the ground truth, as text. Programs are judged in this process, or as MICROCODER_SERVER says. A judge
failure raises; OpenRLHF then has no reward for that sample. In a file of one's own it can be told more:

    reward_func = functools.partial(reward_func, server="http://judge:8080", starts_in_think=True)

With a server there is a way without Python, too: ``--reward.remote_url http://judge:8080/get_reward``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from ..extract import without_end
from .adapter import Adapter

TAIL = 200
"""Characters of a prompt that are looked for where the tokenizer changed the prompt."""


_WITHOUT = {"column": "labels are the truth itself"}


def reward_func(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **options: Any
) -> dict[str, Any]:
    """Rewards and scores, 1.0 or 0.0, as tensors with one element a query. Raises NoVerdict; where ``failures`` is nan
    they are NaN instead. ``options``: as Adapter says, which also says what it raises."""
    adapter = Adapter(options, failures="raise", allowed=("raise", "nan"), without=_WITHOUT)
    torch: Any = importlib.import_module("torch")
    pairs = [(response_of(query, prompt), label) for query, prompt, label in zip(queries, prompts, labels, strict=True)]
    judged = adapter.all_now(pairs, field="labels", statements=prompts)
    rewards = torch.tensor([each.reward for each in judged], dtype=torch.float32)
    extra = {
        "tests_passed": [each.passed for each in judged],
        "no_code": [float(each.status == "no_code") for each in judged],
    }
    return {
        "rewards": rewards,
        "scores": rewards,
        "extra_logs": {name: torch.tensor(values, dtype=torch.float32) for name, values in extra.items()},
    }


def response_of(query: str, prompt: str | None) -> str:
    """What the model said: the query without its prompt, and without the special tokens at the end."""
    tail = (prompt or "")[-TAIL:]
    place = query.find(tail)  # the prompt comes first, perhaps behind a token that begins the text
    response = query[place + len(tail) :] if tail and place >= 0 else query
    if prompt and (place := query.find(prompt)) >= 0:
        response = query[place + len(prompt) :]
    return without_end(response)
