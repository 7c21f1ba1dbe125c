"""bench/speed, briefly: what it measures is judged, and what it leaves out it names."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from microcoder.bench.measure import Change

ROOT = Path(__file__).resolve().parents[1]


def measured(out: Path, before: Path, *rivals: str) -> dict[str, Any]:
    """The only workload of speed.json."""
    options = ["--workloads", "trivial-1", "--rounds", "2", "--seconds", "0", "--scale", "0.05", "--out", str(out)]
    command = [sys.executable, "-m", "microcoder.bench.speed", "--before", str(before), "--rivals", *rivals, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    (workload,) = json.loads((out / "speed.json").read_text())["workloads"]
    return workload


def test_another_checkout_is_a_rival_like_others(tmp_path: Path) -> None:
    workload = measured(tmp_path, ROOT, "ours", "before", "floor", "subprocess")
    assert workload["not_measured"] == {}
    assert [rival["rival"] for rival in workload["rivals"]] == ["ours", "before", "floor", "subprocess"]
    for rival in workload["rivals"]:
        labels = rival["agreement"][0]
        assert (labels["reference"], labels["both_accept"], rival["flips"]) == ("labels", workload["programs"], 0)
        assert len(rival["measurements"]) == 2
    for change in workload["change"].values():
        assert 0 < change["low"] < change["mean"] < change["high"]


def test_what_is_no_checkout_is_left_out_and_named(tmp_path: Path) -> None:
    workload = measured(tmp_path, tmp_path, "ours", "before")
    assert [rival["rival"] for rival in workload["rivals"]] == ["ours"]
    assert "is no checkout of this project" in workload["not_measured"]["before"]
    assert workload["change"] == {}


def test_the_change_is_a_geometric_mean_and_its_interval() -> None:
    change = Change.of([2.0, 0.5])
    assert change.mean == pytest.approx(1)
    assert change.high == pytest.approx(math.exp(1.96 * math.log(2)))  # s = ln 2 * sqrt 2, of two
    assert change.low == pytest.approx(1 / change.high)
    assert Change.of([1.5]).high == math.inf
