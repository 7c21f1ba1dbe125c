"""Sampling with a transformers model: one prefill a prompt, one cache for the batch, rows leave as they finish.

Each completion has its own stream of uniform numbers, one a token, so that its tokens do not depend on its neighbours.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .. import distributed
from ..config import Config
from ..errors import ConfigError
from ..model import Policy, load
from .base import Completion, Request, Sampling


class TransformersRollout:
    """Draws from ``model``. When that is the module being trained, ``sync`` has nothing to copy.

    batch     completions drawn together; that many caches of max_tokens must fit into memory
    autocast  type that matrix products are taken in; None: that of the weights

    Raises ConfigError when the model takes no cache.
    """

    def __init__(
        self, model: Any, pad_id: int, *, batch: int = 64, shared: bool = True, autocast: torch.dtype | None = None
    ) -> None:
        self.version = 0
        self._model = model
        self._cache_name = _cache_name(model)
        self._pad_id = pad_id
        self._batch = batch
        self._shared = shared
        self._autocast = autocast

    def sync(self, weights: Iterable[tuple[str, Tensor]], version: int) -> None:
        if not self._shared:
            own = dict(self._model.named_parameters())
            with torch.no_grad():
                for name, value in weights:
                    own[name].copy_(value)
        self.version = version

    def close(self) -> None:
        pass

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Completion]:
        was_training = self._model.training
        self._model.eval()
        try:
            for first, last in _batches(requests, self._batch):
                yield from self._batch_of(requests, first, last, sampling)
        finally:
            self._model.train(was_training)

    def _batch_of(self, requests: Sequence[Request], first: int, last: int, sampling: Sampling) -> Iterator[Completion]:
        prompts = [request.prompt for request in requests[first:last]]
        counts = torch.tensor([len(request.seeds) for request in requests[first:last]])
        places = [(place, index) for place in range(first, last) for index in range(len(requests[place].seeds))]
        device = self._model.device
        width = max(map(len, prompts))
        ids = torch.tensor([[self._pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        seen = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        noise = torch.stack([_uniform(requests[place].seeds[index], sampling.max_tokens) for place, index in places])

        logits, cache = self._forward(ids.to(device), seen.to(device), None)
        # From one row a prompt to one row a completion.
        expand = torch.repeat_interleave(torch.arange(len(prompts)), counts).to(device)
        cache.reorder_cache(expand)
        logits, seen, noise = logits[expand], seen.to(device)[expand], noise.to(device)

        rows = torch.arange(len(places))
        tokens = torch.zeros(len(places), sampling.max_tokens, dtype=torch.long)
        logprobs = torch.zeros(len(places), sampling.max_tokens)
        stop = torch.tensor(sorted(sampling.stop), device=device)
        for position in range(sampling.max_tokens):
            drawn, drawn_logprobs = draw(logits, noise[:, position], sampling.temperature)
            tokens[rows, position], logprobs[rows, position] = drawn.cpu(), drawn_logprobs.cpu()
            stopped = torch.isin(drawn, stop).cpu()
            ends = stopped if position + 1 < sampling.max_tokens else torch.ones_like(stopped)
            for row, complete in zip(rows[ends].tolist(), stopped[ends].tolist(), strict=True):
                yield Completion(
                    *places[row],
                    tokens=tuple(tokens[row, : position + 1].tolist()),
                    logprobs=tuple(logprobs[row, : position + 1].tolist()),
                    truncated=not complete,
                    version=self.version,
                )
            if ends.all():
                return
            if ends.any():
                stay = (~ends).nonzero()[:, 0].to(device)
                cache.reorder_cache(stay)
                rows, drawn, seen, noise = rows[stay.cpu()], drawn[stay], seen[stay], noise[stay]
            seen = torch.cat([seen, seen.new_ones(len(seen), 1)], dim=1)
            logits, cache = self._forward(drawn[:, None], seen, cache)

    @torch.no_grad()
    def _forward(
        self, ids: Int[Tensor, "b t"], seen: Int[Tensor, "b past+t"], cache: Any
    ) -> tuple[Float[Tensor, "b vocab"], Any]:
        """Logits after the last token, and the cache that holds it."""
        positions = (seen.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        # A cache of states alone holds no token that a mask could hide, and Mamba goes wrong with one.
        masked = cache is None or any(hasattr(layer, "keys") for layer in cache.layers)
        cast = contextlib.nullcontext()
        if self._autocast is not None:
            cast = torch.autocast(ids.device.type, dtype=self._autocast)
        with cast:
            out = self._model(
                input_ids=ids,
                attention_mask=seen if masked else None,
                position_ids=positions,
                use_cache=True,
                logits_to_keep=1,
                **{self._cache_name: cache},
            )
        return out.logits[:, -1], out[self._cache_name]


def open_transformers(config: Config, policy: Policy) -> TransformersRollout:
    """On the trained module itself, or on a whole copy of it where that is sharded."""
    if distributed.world() == 1:
        return TransformersRollout(policy.module, policy.pad_id, batch=config.rollout.batch, autocast=policy.autocast)
    copy = load(msgspec.structs.replace(config.model, lora_rank=0), config.device)
    copy.module.requires_grad_(False)
    return TransformersRollout(
        copy.module, policy.pad_id, batch=config.rollout.batch, shared=False, autocast=policy.autocast
    )


def draw(
    logits: Float[Tensor, "b vocab"], noise: Float[Tensor, " b"], temperature: float
) -> tuple[Int[Tensor, " b"], Float[Tensor, " b"]]:
    """Tokens of softmax(logits / T) by inversion, ``noise`` uniform on [0, 1), and their log-probabilities.

    T = 0 takes the most likely token; its log-probability is then that at T = 1.
    """
    logprobs = torch.log_softmax(logits.float() / (temperature or 1.0), dim=-1)
    if temperature == 0:
        tokens = logprobs.argmax(-1)
    else:
        cumulated = logprobs.double().exp().cumsum(-1)
        # The sum is not quite 1, and the last tokens may have no probability at all: stay below where the sum ends.
        level = (noise.double() * cumulated[:, -1]).clamp(max=cumulated[:, -1].nextafter(cumulated.new_zeros(())))
        tokens = torch.searchsorted(cumulated, level[:, None], right=True)[:, 0]
    return tokens, logprobs.gather(-1, tokens[:, None])[:, 0]


def _cache_name(model: Any) -> str:
    """What ``forward`` and its result call the cache: until transformers 5.24 that depended on the model."""
    plain = (
        model.get_base_model() if hasattr(model, "get_base_model") else model
    )  # LoRA's takes anything, and hands it on
    taken = inspect.signature(plain.forward).parameters
    for name in ("past_key_values", "cache_params", "cache"):
        if name in taken:
            return name
    raise ConfigError(
        f"model.path: the engine transformers draws only from models that take a cache (found {type(plain).__name__})"
    )


def _uniform(seed: int, count: int) -> Float[Tensor, " count"]:
    return torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _batches(requests: Sequence[Request], size: int) -> Iterator[tuple[int, int]]:
    """Ranges of requests with at most ``size`` completions; a request is not cut."""
    first = count = 0
    for place, request in enumerate(requests):
        if place > first and count + len(request.seeds) > size:
            yield first, place
            first, count = place, 0
        count += len(request.seeds)
    if requests:
        yield first, len(requests)
