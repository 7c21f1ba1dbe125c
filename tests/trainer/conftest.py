"""A small model and its problems, made once for all processes. Skips what needs torch where it is not installed.

tiny        folder with model/, train.jsonl, test.jsonl of bench/tiny, hardly trained; untied weights
tiny_tied   the same with tied weights
described   builds a Config for it: ``described(steps=3, batch={"prompts": 2})``
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("torch") is None:
    collect_ignore = [
        "test_loss.py",
        "test_rollout.py",
        "test_run.py",
        "test_distributed.py",
        "test_trl.py",
        "test_warnings.py",
        "test_vllm.py",
    ]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small matrices are faster on one thread, and there is a test process on every core."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        os.environ["OMP_NUM_THREADS"] = "1"
        torch.set_num_threads(1)


def _tiny(tmp_path_factory: pytest.TempPathFactory, *, tied: bool) -> Path:
    from microcoder.bench.tiny import Options, make

    common = tmp_path_factory.getbasetemp().parent  # of all test processes
    folder = common / f"tiny-{tied}"
    with (common / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "model" / "tokenizer.json").exists():
            make(Options(folder=folder, train=8, test=4, steps=60, batch=32, right=0.7, hidden=64, tied=tied))
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _tiny(tmp_path_factory, tied=False)


@pytest.fixture(scope="session")
def tiny_tied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _tiny(tmp_path_factory, tied=True)


@pytest.fixture
def described(tiny: Path, tmp_path: Path) -> Callable[..., Any]:
    from microcoder.bench.tiny import PROMPT
    from microcoder.trainer.config import build

    def describe(**changes: Any) -> Any:
        table: dict[str, Any] = {
            "output": str(tmp_path / "run"),
            "steps": 3,
            "device": "cpu",
            "model": {"path": str(tiny / "model")},
            "data": {
                "files": [str(tiny / "train.jsonl")],
                "test_files": [str(tiny / "test.jsonl")],
                "prompt": PROMPT,
                "chat": False,
            },
            "rollout": {"max_tokens": 40},
            "batch": {"prompts": 4, "group": 4, "token_budget": 2048},
            "optimizer": {"lr": 1e-3},
            "judge": {"form": "raw", "workers": 1},
        }
        for name, value in changes.items():
            table[name] = {**table.get(name, {}), **value} if isinstance(value, dict) else value
        return build(table)

    return describe
