"""A run is described by file, preset and command line; mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from microcoder.trainer import cli
from microcoder.trainer.config import PRESETS, Algorithm, build, load
from microcoder.trainer.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent.parent
LEAST = {"output": "out", "model": {"path": "m"}, "data": {"files": ["a.jsonl"]}}


def test_presets_are_the_papers_diffs() -> None:
    grpo, dapo, ours = (build(LEAST, name).algorithm for name in ("grpo", "dapo", "microcoder"))
    assert grpo == Algorithm()
    assert (grpo.kl, grpo.clip, grpo.clip_high, grpo.truncation_mask) == (0.04, 0.2, 0.2, 0)
    assert (dapo.kl, dapo.clip_high, dapo.aggregation, dapo.dynamic_sampling) == (0, 0.28, "token", True)
    assert (ours.kl, ours.clip_high, ours.truncation_mask, ours.non_incorrect) == (0, 0.28, 0.1, "not_wrong")
    assert len(build(LEAST, "grpo").temperature.stages) == 1 < len(build(LEAST, "microcoder").temperature.stages)


@pytest.mark.parametrize("name", PRESETS)
def test_the_file_wins_over_its_preset(name: str) -> None:
    config = build({**LEAST, "algorithm": {"clip_high": 0.5}, "temperature": {"stages": [0.7]}}, name)
    assert config.algorithm.clip_high == 0.5
    assert config.temperature.stages == (0.7,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": {}}, "model: object missing required field `path`"),
        ({"batch": {"group": 1}}, "batch.group: expected `int` >= 2 (found 1)"),
        ({"batch": {"prompts": 8, "mini_batch": 3}}, "batch.mini_batch: must divide batch.prompts (8, found 3)"),
        ({"algorithm": {"clip": 2.0}}, "algorithm.clip: expected `float` <= 1.0 (found 2.0)"),
        ({"algorithm": {"clipp": 0.2}}, "algorithm: object contains unknown field `clipp`"),
        ({"temperature": {"stages": [1.2, 1.0]}}, "stages: must rise (found [1.2, 1.0])"),
        ({"temperature": {"low": 0.9}}, "low: must not be above high"),
        ({"evaluation": {"k": [8]}}, "evaluation.k: at most evaluation.samples (4)"),
        ({"data": {"files": [1]}}, "data.files[0]: expected `str`, got `int` (found 1)"),
        ({"preset": "ppo"}, "preset: one of grpo, dapo, microcoder (found 'ppo')"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        build({**LEAST, **change})
    assert words in str(error.value)


@pytest.mark.parametrize("file", sorted((ROOT / "examples" / "train").glob("*.toml")), ids=lambda file: file.name)
def test_examples_can_be_read(file: Path) -> None:
    config = load(file)
    assert all(path.is_relative_to(file.parent) for path in config.data.files)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nowhere.toml"], "nowhere.toml: No such file"),
        (["plot", "nowhere"], "nowhere: no metrics.jsonl"),
        (["ppo"], "no command 'ppo'"),
        ([], "usage: microcoder-train"),
    ],
)
def test_mistakes_on_the_command_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err


def test_command_line_replaces_fields(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.toml"
    file.write_text('output = "out"\n[model]\npath = "m"\n[data]\nfiles = ["a.jsonl"]\n')
    words = [str(file), "--preset", "dapo", "--optimizer.lr", "1e-5", "--algorithm.kl", "0.1", "--steps", "7"]
    options, config = cli._described(cli.Run, "test", words)
    assert not options.resume
    assert (config.preset, config.optimizer.lr, config.algorithm.kl, config.steps) == ("dapo", 1e-5, 0.1, 7)
    assert config.algorithm.clip_high == 0.28
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", str(file), "--batch.group", "1"])
    assert "Batch.group: expected int >= 2 (found 1)" in capsys.readouterr().err
