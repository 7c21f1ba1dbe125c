"""bench/chaos, briefly: two servers that fail in turns, and a client that loses nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("seed", [1, 2])
def test_a_short_chaos(tmp_path: Path, seed: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "microcoder.bench.chaos", "--programs", "400", "--calm", "0.5", "--spell", "1",
         "--stopped", "4", "--seed", str(seed), "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads((tmp_path / "chaos.json").read_text())
    assert sum(result["verdicts"].values()) + result["without_verdict"] == 400
    assert result["faults"]
