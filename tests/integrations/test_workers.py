"""Reward functions in worker processes: of torch's DataLoader, forked after the parent has used them, and of TRL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..serve.conftest import Server
from .conftest import RIGHT, TRUTH, WRONG

pytestmark = pytest.mark.timeout(400)  # importing takes long
PREAMBLE = f"""
import asyncio, json, sys, warnings
from types import SimpleNamespace
warnings.simplefilter("ignore")
from microcoder.evaluator.integrations import livecodebench, openrlhf, trl, verifiers, verl
SAID, TRUTH = {[RIGHT, WRONG]!r}, {json.dumps(TRUTH)!r}
def task(): return SimpleNamespace(ground_truth=TRUTH, prompt="Add.")
FUNCTIONS = dict(
    trl=lambda said: trl.code_reward_sync(["Add."], [said], ground_truth=[TRUTH])[0],
    trl_asynchronous=lambda said: asyncio.run(trl.code_reward(["Add."], [said], ground_truth=[TRUTH]))[0],
    verl=lambda said: asyncio.run(verl.compute_score(None, said, TRUTH))["score"],
    verl_batch=lambda said: asyncio.run(verl.compute_scores([None], [said], [TRUTH], [None]))[0]["score"],
    openrlhf=lambda said: openrlhf.reward_func(["Add." + said], ["Add."], [TRUTH])["rewards"][0].item(),
    verifiers=lambda said: asyncio.run(verifiers.code_reward(task(), SimpleNamespace(last_reply=said))),
    rubric=lambda said: asyncio.run(verifiers.rubric_reward(said, answer=TRUTH)),
)
"""


def run(code: str, folder: Path, **environ: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name != "MICROCODER_SERVER"}
    command = [sys.executable, "-W", "ignore", "-c", PREAMBLE + code]
    done = subprocess.run(
        command, env=kept | environ, cwd=folder, capture_output=True, text=True, timeout=380, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("where", ["here", "server"])
def test_workers_of_a_data_loader_have_rewards(where: str, serving_all: Server, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    code = """
import torch.utils.data
class Rewards(torch.utils.data.Dataset):
    def __len__(self): return 4
    def __getitem__(self, n): return {name: reward(SAID[n % 2]) for name, reward in FUNCTIONS.items()}
def show(found): print(json.dumps({name: [each[name] for each in found] for name in FUNCTIONS}), flush=True)
rewards = Rewards()
show([rewards[n] for n in range(4)])
for _ in range(2):
    show(list(torch.utils.data.DataLoader(rewards, num_workers=2, batch_size=None, multiprocessing_context="fork")))
show([rewards[n] for n in range(4)])
"""
    environ = {"MICROCODER_SERVER": serving_all.address} if where == "server" else {}
    shown = [json.loads(line) for line in run(code, tmp_path, **environ)]
    assert len(shown) == 4
    assert all(rewards == [1.0, 0.0] * 2 for each in shown for rewards in each.values())


def test_trl_trains_with_rewards_beside_workers_of_its_data_loader(tmp_path: Path) -> None:
    for name in ("trl", "datasets", "transformers"):
        pytest.importorskip(name)
    code = """
import datasets
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from tokenizers import Tokenizer, models, pre_tokenizers
from trl import GRPOConfig, GRPOTrainer
words = {chr(n): n - 29 for n in range(32, 127)} | {"<pad>": 0, "</s>": 1, "\\n": 2}
made = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>")
model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(words), hidden_size=16, intermediate_size=16,
    num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, eos_token_id=1, pad_token_id=0))
judged = []
def reward(prompts, completions, **columns):  # what an untrained model says is no program, so it is given one
    judged.append(trl.code_reward_sync(prompts, [SAID[n % 2] for n in range(len(completions))], **columns))
    return judged[-1]
print(trl.code_reward_sync(["Add."], [SAID[0]], ground_truth=[TRUTH]))
rows = datasets.Dataset.from_list([{"prompt": "Add.", "ground_truth": TRUTH}] * 8)
def look(batch):  # in the workers of the data loader
    batch["seen"] = trl.code_reward_sync(batch["prompt"], [SAID[0]] * len(batch["prompt"]),
                                         ground_truth=batch["ground_truth"])
    return batch
rows.set_transform(look)
trainer = GRPOTrainer(
    model=model, processing_class=tokenizer, reward_funcs=[reward, trl.code_reward], train_dataset=rows,
    args=GRPOConfig(output_dir="out", max_steps=2, per_device_train_batch_size=4, num_generations=4,
        max_completion_length=8, dataloader_num_workers=2, use_cpu=True, report_to=[], logging_steps=1,
        save_strategy="no", disable_tqdm=True, remove_unused_columns=False))
trainer.train()
print(judged)
print([round(entry["rewards/reward/mean"], 2) for entry in trainer.state.log_history if "rewards/reward/mean" in entry])
"""
    lines = run(code, tmp_path)
    assert lines[0] == "[1.0]"
    assert lines[-2:] == [str([[1.0, 0.0] * 2] * 2), "[0.5, 0.5]"], lines
