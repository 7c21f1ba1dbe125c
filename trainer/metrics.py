"""A line of metrics.jsonl for every step, the same to a tracker if one is wanted, and a line on the terminal.

Figures of wall-clock time are under ``seconds``; everything else is the same when a run is done again.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from . import config
from .advantages import has_signal
from .collect import Answer
from .diversity import diversity
from .errors import ConfigError
from .evaluate import PassAt


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """Wall-clock seconds of a step, and what was done in them."""

    step: float
    generate: float
    wait: float
    """For verdicts, after the last completion."""
    train: float
    sync: float
    """Giving the new weights to the engine."""
    judge: float
    """Of the judge's workers, most of them while completions were drawn."""
    tokens_per_second: float
    """Drawn, over the whole step."""
    memory_mib: float
    """Of this process: resident now; on a GPU the peak of the step."""


class StepMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One step. Shares and means over all responses that were drawn, of all processes."""

    step: int
    temperature: float
    reward_mean: float
    reward_std: float
    pass_rate: float
    verdicts: dict[str, int]
    rules: dict[str, int]
    """Accepted responses by the most lenient rule that they needed."""
    groups: int
    groups_with_signal: int
    length_mean: float
    length_max: int
    truncated: float
    masked: float
    diversity: float | None
    entropy: float
    """Estimate in nats a token at T: mean of -log pi^T over what was drawn."""
    version: int
    """Of the weights that answered."""
    training: dict[str, float]
    """What `update` measured."""
    seconds: Seconds


class EvaluationMetrics(msgspec.Struct, frozen=True, kw_only=True):
    step: int
    evaluation: dict[str, PassAt]


def of_groups(groups: Sequence[Sequence[Answer]], masked: int, options: config.Temperature) -> dict[str, Any]:
    """What can be said of a batch before it is trained on: the fields of StepMetrics."""
    answers = [answer for group in groups for answer in group]
    rewards = [answer.reward for answer in answers if answer.reward is not None]
    lengths = [len(answer.tokens) for answer in answers]
    surprise = math.fsum(math.fsum(answer.logprobs) for answer in answers)
    measured = diversity(
        [[answer.tokens for answer in group] for group in groups],
        options.measure,
        n=options.ngram,
        window=options.window,
    )
    signal = sum(has_signal([answer.reward for answer in group]) for group in groups)
    return {
        "reward_mean": statistics.fmean(rewards) if rewards else 0.0,
        "reward_std": statistics.pstdev(rewards) if rewards else 0.0,
        "pass_rate": _share(answer.status == "accepted" for answer in answers),
        "verdicts": dict(sorted(Counter(str(answer.status) for answer in answers).items())),
        "rules": dict(sorted(Counter(answer.rule for answer in answers if answer.rule is not None).items())),
        "groups": len(groups),
        "groups_with_signal": signal,
        "length_mean": statistics.fmean(lengths) if lengths else 0.0,
        "length_max": max(lengths, default=0),
        "truncated": _share(answer.truncated for answer in answers),
        "masked": masked / max(1, len(answers)),
        "diversity": None if math.isnan(measured) else measured,
        "entropy": -surprise / max(1, sum(lengths)),
    }


def _share(flags: Iterator[bool]) -> float:
    values = list(flags)
    return sum(values) / max(1, len(values))


class Log:
    """metrics.jsonl. Lines after ``step`` are dropped when a run goes on from there."""

    def __init__(self, folder: Path, step: int, tracker: str, run: config.Config) -> None:
        self._path = folder / "metrics.jsonl"
        kept = [line for line in lines(self._path) if _step(line) <= step] if step else []
        draft = self._path.with_suffix(".draft")
        draft.write_bytes(b"".join(line + b"\n" for line in kept))
        draft.replace(self._path)
        self._tracker = _tracker(tracker, folder, run)

    def write(self, row: StepMetrics | EvaluationMetrics) -> None:
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(row) + b"\n")
        if self._tracker is not None:
            self._tracker.log(dict(flat(msgspec.to_builtins(row))), step=row.step)

    def close(self) -> None:
        if self._tracker is not None:
            self._tracker.finish()


def lines(path: Path) -> list[bytes]:
    """The whole lines of the file; what a killed run began to write is left out."""
    if not path.is_file():
        return []
    return [line for line in path.read_bytes().split(b"\n")[:-1] if line]


def read(path: Path) -> tuple[list[StepMetrics], list[EvaluationMetrics]]:
    steps: list[StepMetrics] = []
    evaluations: list[EvaluationMetrics] = []
    for line in lines(path):
        if b'"evaluation":' in line:
            evaluations.append(msgspec.json.decode(line, type=EvaluationMetrics))
        else:
            steps.append(msgspec.json.decode(line, type=StepMetrics))
    return steps, evaluations


def describe(row: StepMetrics, steps: int) -> str:
    """The line on the terminal."""
    seconds = row.seconds
    return (
        f"{row.step:>4}/{steps}  pass {row.pass_rate:6.1%}  reward {row.reward_mean:+.3f}  len {row.length_mean:6.1f}"
        f"  D {row.diversity or math.nan:.2f}  T {row.temperature:.2f}  H {row.entropy:.2f}"
        f"  cut {row.truncated:4.0%}  {seconds.step:5.1f} s"
        f" (draw {seconds.generate:.1f}, wait {seconds.wait:.2f}, train {seconds.train:.1f})"
    )


def flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}/")  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield prefix + name, value


class _Step(msgspec.Struct):
    step: int


def _step(line: bytes) -> int:
    return msgspec.json.decode(line, type=_Step).step


def _tracker(name: str, folder: Path, run: config.Config) -> Any:
    if name == "none":
        return None
    import importlib

    try:
        module = importlib.import_module(name)
    except ImportError:
        raise ConfigError(f"tracker: {name} is not installed") from None
    module.init(project="microcoder", name=folder.name, config=msgspec.to_builtins(run, enc_hook=str))
    return module
