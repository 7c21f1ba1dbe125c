"""Whole runs, in processes of their own with all warnings shown: no library finds fault with how we call it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ..warned import Warned
from .test_run import toml

CHILD = """
import importlib, json, sys
for words in json.loads(sys.argv[1]):
    sys.argv = words
    if code := importlib.import_module(words[0]).main():
        sys.exit(code)
"""


def run(commands: list[list[str]], warned: Warned) -> None:
    """One after the other in one process: importing torch takes longer than what they do."""
    command = [sys.executable, "-c", CHILD, json.dumps(commands)]
    environ = os.environ | warned.environ
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=1150, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "change",
    [
        {"preset": "grpo", "batch": {"mini_batch": 2}, "model": {"autocast": "bfloat16"}},
        {"preset": "microcoder", "model": {"lora_rank": 4, "gradient_checkpointing": True}},
    ],
    ids=["grpo", "lora"],
)
def test_trainer(described: Callable[..., Any], tmp_path: Path, warned: Warned, change: dict[str, Any]) -> None:
    config = described(steps=2, checkpoint_every=1, evaluation={"every": 1, "samples": 2}, **change)
    file = tmp_path / "run.toml"
    file.write_text(toml(msgspec.to_builtins(config, enc_hook=str)))
    train = "microcoder.trainer.cli"
    picture = tmp_path / "run.svg"
    commands = [
        [train, "run", str(file)],
        [train, "run", str(file), "--steps", "3", "--resume"],
        [train, "eval", str(file), "--checkpoint", str(config.output / "checkpoints" / "step-000003")],
        [train, "calibrate", str(file), "--prompts", "2", "--temperatures", "0.5"],
        [train, "plot", str(config.output), "-o", str(picture)],
    ]
    run(commands, warned)
    assert picture.exists()
    warned.check()


@pytest.mark.timeout(1200)
def test_benches_that_train(tiny: Path, tmp_path: Path, warned: Warned) -> None:
    shutil.copytree(tiny, tmp_path / "seed-0")
    learn = ["--seeds", "1", "--steps", "1", "--variants", "with-kl", "--work", str(tmp_path), "--out", str(tmp_path)]
    commands = [
        ["microcoder.bench.tiny", str(tmp_path / "made"), "--train", "2", "--test", "2", "--steps", "2"],
        ["microcoder.bench.learn", *learn],
    ]
    run(commands, warned)
    assert (tmp_path / "learn.svg").exists()
    warned.check()
