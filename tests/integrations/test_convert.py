"""Rows that ``microcoder-eval convert`` writes, as trainers load them and hand them to our reward functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microcoder.evaluator.cli.convert import main
from microcoder.evaluator.cli.options import Convert
from microcoder.evaluator.datasets import Rows
from microcoder.evaluator.integrations.trl import code_reward_sync
from microcoder.evaluator.integrations.verifiers import rubric_reward
from microcoder.evaluator.integrations.verl import compute_score

from ..serve.conftest import Server

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(400)]  # importing takes long
DEMO = Path(__file__).resolve().parents[2] / "examples/demo.jsonl"


async def by_trl(row: dict[str, Any], said: str) -> Any:
    messages = [{"role": "assistant", "content": said}]
    columns = {name: [value] for name, value in row.items() if name != "prompt"}
    return code_reward_sync(prompts=[row["prompt"]], completions=[messages], **columns)[0]


async def by_verl(row: dict[str, Any], said: str) -> Any:
    scores = await compute_score(row["data_source"], said, row["reward_model"]["ground_truth"], row["extra_info"])
    return scores["score"]


async def by_verifiers(row: dict[str, Any], said: str) -> Any:
    messages = [{"role": "assistant", "content": said}]
    return await rubric_reward(messages, answer=row["answer"], info=row["info"], state={}, prompt=row.get("prompt"))


async def by_us(row: dict[str, Any], said: str) -> Any:
    return (await compute_score(None, said, row))["score"]


REWARDS: dict[str, Callable[..., Any]] = {
    "microcoder": by_us,
    "trl": by_trl,
    "verl": by_verl,
    "verifiers": by_verifiers,
    "intellect-3": by_verifiers,
}


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("to", REWARDS)
async def test_rewards_of_what_a_trainer_loads(
    framework: Callable[[str], Any], serving: Server, tmp_path: Path, to: Any, suffix: str
) -> None:
    file = tmp_path / f"train.{suffix}"
    assert main(Convert(files=(DEMO,), to=to, output=file, quiet=True)) == 0
    kind = "json" if suffix == "jsonl" else suffix
    load = framework("datasets").load_dataset
    loaded = load(kind, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    rows = Rows([DEMO])
    labelled = [{program.accept: program.code for program in rows.usable(each)} for _, each in rows.examples()]
    assert len(loaded) == len(labelled)
    for row, programs in zip(loaded, labelled, strict=True):
        for label, code in programs.items():
            assert await REWARDS[to](row, f"So:\n```python\n{code}\n```\n") == float(label is True)
