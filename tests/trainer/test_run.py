"""Whole runs on a CPU with real verdicts: they go on exactly where they were stopped, and their parts fit together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from microcoder.evaluator import Status
from microcoder.trainer import cli, loop
from microcoder.trainer.checkpoint import found
from microcoder.trainer.errors import CheckpointError, ConfigError
from microcoder.trainer.metrics import StepMetrics, read
from microcoder.trainer.reward import Verdict

pytestmark = pytest.mark.timeout(300)  # on a busy machine starting torch alone may take half a minute
Described = Callable[..., Any]
CHILD = """
import sys, msgspec
from pathlib import Path
from microcoder.trainer.config import Config, build
from microcoder.trainer.loop import run
run(build(msgspec.json.decode(Path(sys.argv[1]).read_bytes())), resume=sys.argv[2] == "resume", say=lambda line: print(line, flush=True))
"""


def silent(_: str) -> None:
    pass


def lasting(rows: list[StepMetrics]) -> list[dict[str, Any]]:
    """All but the figures of wall-clock time."""
    return [{name: value for name, value in msgspec.to_builtins(row).items() if name != "seconds"} for row in rows]


def steps_of(config: Any) -> list[StepMetrics]:
    return read(config.output / "metrics.jsonl")[0]


def same_weights(one: Path, other: Path) -> bool:
    from safetensors.torch import load_file

    a, b = (load_file(path / "model" / "model.safetensors") for path in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "change",
    [
        {"preset": "microcoder", "temperature": {"low": 1.0, "high": 1.0, "patience": 1, "hold": 1}},
        {"preset": "grpo", "batch": {"mini_batch": 2}},
        {"preset": "microcoder", "model": {"lora_rank": 4}},
    ],
    ids=["microcoder", "grpo off-policy", "lora"],
)
def test_resumed_run_is_the_uninterrupted_one(described: Described, tmp_path: Path, change: dict[str, Any]) -> None:
    whole = described(steps=4, output=str(tmp_path / "whole"), **change)
    loop.run(whole, say=silent)
    first = described(steps=2, output=str(tmp_path / "parts"), **change)
    loop.run(first, say=silent)
    torch.manual_seed(999)
    rest = msgspec.structs.replace(first, steps=4)
    assert [row.step for row in loop.run(rest, resume=True, say=silent)] == [3, 4]
    assert lasting(steps_of(rest)) == lasting(steps_of(whole))
    assert same_weights(found(rest.output / "checkpoints")[-1], found(whole.output / "checkpoints")[-1])
    assert any(row.training["tokens_trained"] for row in steps_of(whole))


def test_run_killed_within_a_step_goes_on_as_if_it_had_not_been(described: Described, tmp_path: Path) -> None:
    change: dict[str, Any] = {"steps": 5, "checkpoint_every": 2}
    whole, killed = (described(output=str(tmp_path / name), **change) for name in ("whole", "killed"))
    loop.run(whole, say=silent)
    described_in = tmp_path / "run.json"
    described_in.write_bytes(msgspec.json.encode(killed, enc_hook=str))
    command = [sys.executable, "-c", CHILD, str(described_in)]
    with subprocess.Popen([*command, "new"], stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip().startswith("3/"):  # after the checkpoint of step 2, within step 4
                time.sleep(0.05)
                os.killpg(child.pid, signal.SIGKILL)
                break
    assert [row.step for row in steps_of(killed)][:3] == [1, 2, 3]
    assert found(killed.output / "checkpoints")[0].name == "step-000002"
    subprocess.run([*command, "resume"], check=True, timeout=200, stdout=subprocess.DEVNULL)
    assert lasting(steps_of(killed)) == lasting(steps_of(whole))
    last = [found(one.output / "checkpoints")[-1] for one in (killed, whole)]
    assert same_weights(*last)


def test_last_checkpoints_are_kept_and_drafts_are_not(described: Described) -> None:
    config = described(steps=4, checkpoint_every=1, keep=2)
    draft = config.output / "checkpoints" / ".step-000001.77"
    draft.mkdir(parents=True)
    loop.run(config, say=silent)
    assert [path.name for path in found(config.output / "checkpoints")] == ["step-000003", "step-000004"]
    assert not draft.exists()


def test_runs_are_not_written_over(described: Described, tmp_path: Path) -> None:
    config = described(steps=1)
    loop.run(config, say=silent)
    with pytest.raises(ConfigError, match="holds a run already"):
        loop.run(config, say=silent)
    with pytest.raises(CheckpointError, match="no run to go on with"):
        loop.run(described(output=str(tmp_path / "other")), resume=True, say=silent)


def test_problems_left_out_for_their_prompts_are_told(described: Described, tiny: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (tiny / "train.jsonl").read_text().splitlines()]
    for row in rows[:2]:
        row["statement"] *= 50
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said: list[str] = []
    data = {"files": [str(tmp_path / "train.jsonl")], "max_prompt_tokens": 200}
    loop.run(described(steps=1, data=data), say=said.append)
    assert said[0] == "2 problems are left out: their prompts have more than 200 tokens"
    assert "left out" not in said[1]


def test_judge_failures_leave_the_batch(described: Described, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real run in which the judge fails on every other response."""
    real, count = loop.open_judge, 0

    def failing(*args: Any, **options: Any) -> Any:
        judge = real(*args, **options)
        submit = judge.submit

        def every_other(problem: Any, response: str) -> Any:
            nonlocal count
            count += 1
            future = submit(problem, response)
            if count % 2:
                future.result()
                future = type(future)()
                future.set_result(Verdict(Status.SYSTEM_ERROR, None))
            return future

        judge.submit = every_other
        return judge

    monkeypatch.setattr(loop, "open_judge", failing)
    (row,) = loop.run(described(steps=1), say=silent)
    assert row.verdicts["system_error"] == 8
    assert row.reward_mean == row.verdicts.get("accepted", 0) / 8  # of what was judged


def test_dynamic_sampling_asks_until_every_group_has_signal(described: Described) -> None:
    config = described(steps=2, preset="dapo", algorithm={"overlong_margin": 8, "dynamic_rounds": 20})
    with loop.opened(config) as this:
        for _ in range(2):
            row = loop.step(this)
            assert row.groups == row.groups_with_signal == config.batch.prompts
        assert this.state.cursor > 2 * config.batch.prompts


def test_completions_carry_the_version_that_drew_them(described: Described) -> None:
    assert [row.version for row in loop.run(described(steps=3), say=silent)] == [0, 1, 2]


def test_first_update_is_on_policy_and_later_ones_are_not(described: Described) -> None:
    (on,) = loop.run(described(steps=1), say=silent)
    assert on.training["ratio_max"] == pytest.approx(1)
    assert on.training["engine_gap_max"] < 1e-4
    off = described(steps=1, output=str(described().output) + "-off", batch={"mini_batch": 1}, preset="grpo")
    (row,) = loop.run(off, say=silent)
    assert row.training["updates"] == 4
    assert row.training["ratio_max"] > 1.001
    assert row.training["engine_gap_max"] < 1e-4  # old log-probabilities are those before the first update


@pytest.mark.parametrize(
    "model", [{"autocast": "bfloat16"}, {"gradient_checkpointing": True}, {"dtype": "bfloat16"}], ids=str
)
def test_precision_and_checkpointing_options_train(described: Described, model: dict[str, Any]) -> None:
    plain = loop.run(described(steps=1), say=silent)[0]
    (row,) = loop.run(described(steps=1, output=str(described().output) + "-other", model=model), say=silent)
    if "gradient_checkpointing" in model:
        assert row.training["grad_norm"] == pytest.approx(plain.training["grad_norm"], rel=1e-4)
    else:
        assert 0 < row.training["engine_gap_max"] < 1


def toml(table: dict[str, Any]) -> str:
    """JSON's way of writing strings, numbers and lists is TOML's, too."""
    parts = {name: value for name, value in table.items() if isinstance(value, dict)}
    text = "".join(f"{n} = {json.dumps(v)}\n" for n, v in table.items() if n not in parts and v is not None)
    return text + "".join(f"[{name}]\n{toml(part)}" for name, part in parts.items())


def test_commands(described: Described, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = described(steps=2, evaluation={"every": 2, "samples": 2, "k": [1, 2]})
    loop.run(config, say=silent)
    file = tmp_path / "run.toml"
    file.write_text(toml(msgspec.to_builtins(config, enc_hook=str)))
    at = found(config.output / "checkpoints")[-1]
    result = tmp_path / "eval.json"
    words = ["--checkpoint", str(at), "--json", str(result)]
    assert cli.main(["eval", str(file), *words]) == 0
    logged = read(config.output / "metrics.jsonl")[1][-1].evaluation
    assert json.loads(result.read_bytes()) == msgspec.to_builtins(logged)
    words = ["--prompts", "2", "--temperatures", "0.5", "1.5", "--target", "0.99"]
    assert cli.main(["calibrate", str(file), *words]) == 0
    assert "T = 1.50" in capsys.readouterr().out
    for name in ("run.svg", "run.png"):
        assert cli.main(["plot", str(config.output), "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 10_000
