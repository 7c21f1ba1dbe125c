"""Reward manager for verl: what `verl.compute_score` does, with the judge's own way of saying that there is no verdict.

    reward.reward_manager.source=importlib
    reward.reward_manager.name=MicrocoderRewardManager
    reward.reward_manager.module.path=pkg://microcoder.evaluator.integrations.verl_manager
    +reward.reward_kwargs.server=http://judge:8080

``reward_kwargs`` are the options of ``compute_score``. A sample that the judge failed on is asked for again, TRIES
times in all, before the reward worker raises, or has NaN where ``failures`` is nan.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

from .judge import Judged, NoVerdict
from .verl import adapter_of, scores, truth_of

TRIES = 3
PAUSE = 1.0
"""Seconds before the second try; twice that before the third."""

_Base: Any = importlib.import_module("verl.experimental.reward_loop.reward_manager.base").RewardManagerBase


class MicrocoderRewardManager(_Base):
    """Selected by the options above. Takes no ``custom_reward_function``."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, **_: Any) -> None:
        super().__init__(config, tokenizer, compute_score)  # pyright: ignore[reportUnknownMemberType]
        options: dict[str, Any] = config.reward.get("reward_kwargs") or {}
        self._adapter = adapter_of(dict(options))

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Of a DataProto with one sample, or with several sequences of it, of which the last counts."""
        item = data[-1:][0]
        tokens = item.batch["responses"]
        written = int(item.batch["attention_mask"][-tokens.shape[-1] :].sum())
        fields: dict[str, Any] = item.non_tensor_batch
        text = await asyncio.to_thread(self.tokenizer.decode, tokens[:written], skip_special_tokens=True)
        extra: dict[str, Any] = fields.get("extra_info") or {}
        truth = truth_of(self._adapter, fields["reward_model"]["ground_truth"], extra)
        judged = await self._asked(text, truth, extra)
        for attempt in range(1, TRIES):
            if judged.failure is None:
                break
            await asyncio.sleep(PAUSE * attempt)
            judged = await self._asked(text, truth, extra)
        if judged.failure is not None and self._adapter.failures == "raise":
            raise NoVerdict(judged.failure)
        return {"reward_score": judged.reward, "reward_extra_info": scores(judged)}

    async def _asked(self, text: str, truth: Any, extra: dict[str, Any]) -> Judged:
        return await self._adapter.one(text, truth, statement=extra.get("question"), failures="nan")
