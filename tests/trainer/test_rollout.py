"""What the transformers engine draws: right log-probabilities, the right distribution, each completion on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from microcoder.bench.tiny import model, tokenizer
from microcoder.trainer.batch import Sample, collate
from microcoder.trainer.config import Model
from microcoder.trainer.errors import ConfigError
from microcoder.trainer.model import Policy, load, logprobs, weights
from microcoder.trainer.rollout.base import Completion, Request, Sampling, seeds
from microcoder.trainer.rollout.transformers import TransformersRollout, draw


@pytest.fixture(params=[False, True], ids=["untied", "tied"])
def policy(request: pytest.FixtureRequest) -> Policy:
    words = tokenizer()
    net = model(words, hidden=64, seed=4, tied=request.param)
    return Policy(net, words, torch.device("cpu"), None, frozenset([words.eos_token_id]))


def prompts(*lengths: int) -> list[tuple[int, ...]]:
    source = torch.Generator().manual_seed(1)
    return [tuple(torch.randint(4, 30, (length,), generator=source).tolist()) for length in lengths]


def drawn(policy: Policy, requests: list[Request], temperature: float = 1.0, tokens: int = 24, batch: int = 64) -> Any:
    rollout = TransformersRollout(policy.module, policy.pad_id, batch=batch)
    return list(rollout.generate(requests, Sampling(temperature, tokens, policy.stop)))


def by_place(completions: list[Completion]) -> dict[tuple[int, int], Completion]:
    places = {(one.request, one.index): one for one in completions}
    assert len(places) == len(completions)
    return places


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.6])
def test_logprobs_are_the_trainers(policy: Policy, temperature: float) -> None:
    asked = [Request(prompt, seeds(0, n, 4)) for n, prompt in enumerate(prompts(3, 11, 160))]
    for one in drawn(policy, asked, temperature):
        sample = Sample(asked[one.request].prompt, one.tokens, one.logprobs, 0.0)
        with torch.no_grad():
            ours = logprobs(policy, collate([sample], policy.pad_id), temperature)[0]
        torch.testing.assert_close(ours, torch.tensor(one.logprobs), rtol=0, atol=1e-4)


SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "eos_token_id": 1,
}
HEADS: dict[str, Any] = {"intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
LINEAR = {"layer_types": ["linear_attention", "full_attention"], "linear_num_key_heads": 2, "linear_num_value_heads": 4}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}


@pytest.mark.parametrize(
    ("family", "sizes"),
    [("Gemma2", HEADS | {"sliding_window": 8}), ("Qwen3Next", HEADS | LINEAR | EXPERTS), ("Mamba", {"state_size": 8})],
)
def test_every_kind_of_cache_gives_the_trainers_logprobs(family: str, sizes: dict[str, Any]) -> None:
    """Windows of keys, keys beside states, states alone."""
    torch.manual_seed(2)
    net = getattr(transformers, f"{family}ForCausalLM")(getattr(transformers, f"{family}Config")(**SIZES | sizes))
    policy = Policy(net.eval(), None, torch.device("cpu"), None, frozenset([1]))
    asked = [Request(prompt, seeds(0, n, 4)) for n, prompt in enumerate(prompts(3, 11))]
    rollout = TransformersRollout(net, 0)
    completions = list(rollout.generate(asked, Sampling(1.0, 24, policy.stop)))
    assert len({len(one.tokens) for one in completions}) > 1  # some left the batch before others
    for one in completions:
        sample = Sample(asked[one.request].prompt, one.tokens, one.logprobs, 0.0)
        with torch.no_grad():
            ours = logprobs(policy, collate([sample], 0), 1.0)[0]
        torch.testing.assert_close(ours, torch.tensor(one.logprobs), rtol=0, atol=1e-4)


def test_a_model_without_a_cache_is_refused() -> None:
    net = transformers.OpenAIGPTLMHeadModel(transformers.OpenAIGPTConfig(vocab_size=40, n_embd=8, n_layer=1, n_head=1))
    with pytest.raises(ConfigError, match=r"model\.path: .* take a cache \(found OpenAIGPTLMHeadModel\)"):
        TransformersRollout(net, 0)


def test_a_completion_does_not_depend_on_its_neighbours(policy: Policy) -> None:
    asked = [Request(prompt, seeds(0, n, 3)) for n, prompt in enumerate(prompts(5, 9, 2))]
    together, apart = (by_place(drawn(policy, asked, batch=batch)) for batch in (64, 3))
    assert {place: one.tokens for place, one in together.items()} == {place: one.tokens for place, one in apart.items()}
    (alone,) = drawn(policy, [Request(asked[1].prompt, asked[1].seeds[2:])])
    assert alone.tokens == together[1, 2].tokens


def test_completions_come_when_they_are_finished(policy: Policy) -> None:
    asked = [Request(prompt, seeds(0, n, 16)) for n, prompt in enumerate(prompts(4, 4))]
    completions = drawn(policy, asked, temperature=3.0)
    assert by_place(completions).keys() == {(n, index) for n in range(2) for index in range(16)}
    lengths = [len(one.tokens) for one in completions]
    assert lengths == sorted(lengths) and len(set(lengths)) > 1
    for one in completions:
        ended = one.tokens[-1] in policy.stop
        assert one.truncated is not ended
        assert not policy.stop & set(one.tokens[:-1])
        assert len(one.tokens) == 24 if one.truncated else len(one.tokens) <= 24


def test_tokens_follow_their_probabilities() -> None:
    logits = torch.tensor([2.0, 0.0, -1.0, float("-inf")])
    noise = torch.rand(20000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tokens, found = draw(logits.expand(len(noise), -1), noise, 0.8)
    expected = torch.softmax(logits / 0.8, 0)
    shares = torch.bincount(tokens, minlength=4) / len(noise)
    assert (shares - expected).abs().max() < 0.02
    assert shares[3] == 0
    torch.testing.assert_close(found.exp(), expected[tokens])


def test_the_last_uniform_number_draws_a_token_that_can_be_drawn() -> None:
    logits = torch.full((2, 1000), float("-inf"))
    logits[:, :300] = torch.randn(300, generator=torch.Generator().manual_seed(0))
    tokens, found = draw(logits, torch.tensor([1 - 2**-53, 0.0], dtype=torch.float64), 1.0)
    assert tokens.max() < 300 and torch.isfinite(found).all()


def test_greedy_takes_the_likeliest() -> None:
    tokens, _ = draw(torch.tensor([[0.0, 3.0, 1.0]]), torch.tensor([0.99]), 0.0)
    assert tokens.tolist() == [1]


def test_drawing_leaves_the_models_mode_alone(policy: Policy) -> None:
    policy.module.train()
    drawn(policy, [Request((5, 6), (1,))])
    assert policy.module.training


def test_sync_copies_weights_and_version(tiny: Path) -> None:
    one, other = (load(Model(path=str(tiny / "model")), "cpu") for _ in range(2))
    with torch.no_grad():
        for parameter in one.module.parameters():
            parameter.add_(0.01)
    rollout = TransformersRollout(other.module, other.pad_id, shared=False)
    rollout.sync(weights(one), version=7)
    (completion,) = rollout.generate([Request((5, 6), (1,))], Sampling(1.0, 3, one.stop))
    assert completion.version == 7
    for a, b in zip(one.module.parameters(), other.module.parameters(), strict=True):
        assert torch.equal(a, b)


def test_adapters_are_merged_under_the_plain_names(tiny: Path) -> None:
    plain = load(Model(path=str(tiny / "model")), "cpu")
    adapted = load(Model(path=str(tiny / "model"), lora_rank=4), "cpu")
    with torch.no_grad():
        for name, parameter in adapted.module.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05, generator=torch.Generator().manual_seed(0))
    merged = dict(weights(adapted))
    assert merged.keys() == {name for name, _ in plain.module.named_parameters()}
    with torch.no_grad():
        for name, parameter in plain.module.named_parameters():
            parameter.copy_(merged[name])
    micro = collate([Sample((5, 6, 7), (8, 9, 10), (), 0.0)], 0)
    with torch.no_grad():
        torch.testing.assert_close(logprobs(plain, micro, 1.0), logprobs(adapted, micro, 1.0), rtol=0, atol=1e-5)
    assert len(adapted.parameters()) < len(plain.parameters()) * 2
    assert all("lora_" in name for name, one in adapted.module.named_parameters() if one.requires_grad)
