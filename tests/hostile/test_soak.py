"""bench/soak, briefly: ordinary and hostile programs in any order, jails that die, and nothing left at the end."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.usefixtures("mounts_alike")
@pytest.mark.parametrize("seed", [1])
def test_a_short_soak(jail, tmp_path, seed):
    done = subprocess.run(
        [sys.executable, "-m", "microcoder.bench.soak", "--programs", "300", "--hostile", "0.12", "--kills", "2",
         "--seed", str(seed), "--jail", jail, "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "soak.json").read_text())
    assert result["reports"] == 300
    assert result["jail"] == jail
    assert result["kills"] >= 1
    assert all(check["passed"] for check in result["checks"])
