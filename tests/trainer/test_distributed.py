"""Two processes under torchrun, sharded by FSDP2 over gloo, train what one process trains."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from microcoder.trainer import loop
from microcoder.trainer.metrics import read

from ..warned import Warned

CHILD = """
import sys, msgspec
from pathlib import Path
from microcoder.trainer.config import build
from microcoder.trainer.loop import run
run(build(msgspec.json.decode(Path(sys.argv[1]).read_bytes())), resume=len(sys.argv) > 2, say=lambda line: None)
"""


def train(config: Any, folder: Path, warned: Warned, *words: str) -> None:
    """In two processes, in which no library finds fault with how it is called."""
    (folder / "run.json").write_bytes(msgspec.json.encode(config, enc_hook=str))
    (folder / "child.py").write_text(CHILD)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [str(folder / "child.py"), str(folder / "run.json"), *words]
    environment = os.environ | warned.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    warned.check()


@pytest.mark.timeout(600)
def test_two_processes_train_what_one_does(described: Callable[..., Any], tmp_path: Path, warned: Warned) -> None:
    """With the KL term, off-policy updates, and a checkpoint in between that the two go on from."""
    change: dict[str, Any] = {"preset": "grpo", "batch": {"mini_batch": 2}, "seed": 3}
    one = described(steps=3, output=str(tmp_path / "one"), **change)
    loop.run(one, say=lambda _: None)
    two = described(steps=2, output=str(tmp_path / "two"), **change)
    train(two, tmp_path, warned)
    train(msgspec.structs.replace(two, steps=3), tmp_path, warned, "resume")
    for a, b in zip(*(read(config.output / "metrics.jsonl")[0] for config in (one, two)), strict=True):
        assert (a.verdicts, a.groups, a.length_mean, a.version) == (b.verdicts, b.groups, b.length_mean, b.version)
        assert a.diversity == pytest.approx(b.diversity)
        for name, value in a.training.items():
            assert b.training[name] == pytest.approx(value, rel=1e-2, abs=1e-4), name
        assert a.training["grad_norm"] > 0
    weights = [load_file(c.output / "checkpoints/step-000003/model/model.safetensors") for c in (one, two)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=0, atol=2e-4)
