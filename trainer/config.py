"""A run as types. A TOML file has a table for each part; every field can be replaced on the command line.

The three presets are diffs to plain GRPO, so an ablation is a preset and one more word:
``microcoder-train run FILE --preset microcoder --algorithm.truncation-mask 0``.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ..evaluator.datasets.hub import is_hub
from ..evaluator.options import RewardOptions, RunOptions, Workers, changed, pick
from ..sandbox.validated import Validated, own_words
from .advantages import NonIncorrect
from .diversity import Measure
from .errors import ConfigError

Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
DType = Literal["float32", "bfloat16"]
Preset = Literal["grpo", "dapo", "microcoder"]


class _Table(Validated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields that are not known are mistakes."""


class Model(_Table, frozen=True, kw_only=True):
    """What is trained."""

    path: str
    """Folder with weights, configuration and tokenizer as transformers saves them."""
    dtype: DType = "float32"
    """Of the weights that are trained, and of the optimizer. With LoRA: of the frozen weights."""
    autocast: DType | None = None
    """Matrix products in this type. bfloat16 with float32 weights is the usual mixed precision."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, a third more time."""
    lora_rank: Annotated[int, Meta(ge=0)] = 0
    """Train low-rank adapters of this rank on all linear layers instead of the weights; 0: the weights."""
    lora_alpha: Count = 32


class Data(_Table, frozen=True, kw_only=True):
    """What it is asked."""

    files: tuple[Path, ...]
    """Problems as microcoder-eval run takes them, rows of ours or of a known data set, each with a statement."""
    format: str | None = None
    """What the rows of all files are; without it: seen from the fields of the first row of a file."""
    test_files: tuple[Path, ...] = ()
    """Held-out problems. Without it: those of ``files`` from ``test_from`` on."""
    test_from: str | None = None
    """First contest date (YYYY-MM-DD) of the held-out problems."""
    prompt: str = "{statement}\n{starter}\nWrite the solution in Python, as one ```python block.\n"
    """The user's message, or the whole prompt; {statement}, {starter} (what a call-based solution must define)."""
    chat: bool = True
    """Put the prompt into the model's chat template."""
    max_prompt_tokens: Count = 2048
    """Problems with a longer prompt are left out, and counted."""


class Rollout(_Table, frozen=True, kw_only=True):
    """Where responses come from."""

    engine: Literal["transformers", "vllm"] = "transformers"
    batch: Count = 64
    """Completions drawn at the same time."""
    max_tokens: Count = 4096
    """L_max."""
    gpu_memory: Share = 0.4
    """vllm: share of the GPU's memory for its weights and caches. On a CPU ``cache_mib`` decides."""
    cache_mib: Count = 512
    """vllm on a CPU: size of its key-value cache."""
    dtype: DType | None = None
    """vllm: type of its weights. Without it: ``model.autocast``, else ``model.dtype``."""


class Algorithm(_Table, frozen=True, kw_only=True):
    """Defaults are plain GRPO (Shao et al. 2024, arXiv 2402.03300)."""

    clip: Share = 0.2
    """eps: the ratio is held above 1 - eps."""
    clip_high: NotNegative = 0.2
    """eps_high: the ratio is held below 1 + eps_high."""
    kl: NotNegative = 0.04
    """beta: weight of the KL divergence from the initial model."""
    aggregation: Literal["token", "sequence"] = "sequence"
    scale_by_std: bool = True
    std_floor: Positive = 1e-4
    truncation_mask: Share = 0.0
    """rho: probability with which a truncated, non-incorrect, non-repeating response is masked."""
    truncation_repeat: Count = 128
    """m: tokens compared with the m before them."""
    non_incorrect: NonIncorrect = "not_wrong"
    dynamic_sampling: bool = False
    """Replace groups whose rewards are all the same by new problems."""
    dynamic_rounds: Count = 4
    """Rounds of generation that this may take, the first included; then the step is smaller."""
    overlong_margin: Annotated[int, Meta(ge=0)] = 0
    """DAPO's soft punishment begins this many tokens before L_max; 0: none."""
    importance_cap: NotNegative = 0.0
    """Truncated importance sampling for what another engine drew: weights min(pi_trainer / pi_engine, cap); 0: none."""


class Temperature(_Table, frozen=True, kw_only=True):
    """At which temperature responses are drawn, and when that rises."""

    stages: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (1.0,)
    """Rising temperatures; the first is where training begins. One: a fixed temperature."""
    low: Share = 0.6
    """Below this diversity the next stage is due."""
    high: Share = 0.65
    """Above it, it is not."""
    patience: Count = 5
    hold: Count = 20
    smoothing: Share = 0.8
    measure: Measure = "distinct"
    ngram: Count = 4
    window: Count = 512
    """Tokens of a response that are looked at."""

    def _check(self) -> None:
        if list(self.stages) != sorted(set(self.stages)):
            raise ValueError(f"stages: must rise (found {list(self.stages)})")
        if self.low > self.high:
            raise ValueError(f"low: must not be above high (found {self.low} and {self.high})")


class Optimizer(_Table, frozen=True, kw_only=True):
    """AdamW."""

    lr: Positive = 1e-6
    betas: tuple[Share, Share] = (0.9, 0.95)
    weight_decay: NotNegative = 0.0
    warmup: Annotated[int, Meta(ge=0)] = 0
    """Updates over which the rate rises from 0."""
    max_norm: Positive = 1.0
    """Gradients are scaled down to this norm."""


class Batch(_Table, frozen=True, kw_only=True):
    """How much goes into a step."""

    prompts: Count = 64
    """Groups a step: train_batch_size."""
    group: Annotated[int, Meta(ge=2)] = 8
    """Responses to each prompt."""
    mini_batch: Annotated[int, Meta(ge=0)] = 0
    """Groups an update; 0: all, which is on-policy. Smaller ones reuse a batch: prompts / mini_batch updates a step."""
    token_budget: Count = 16384
    """Padded tokens of a micro-batch."""


class Judging(RewardOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a response is worth, and who says so."""

    url: str | None = None
    """A microcoder-eval server, with the token in MICROCODER_TOKEN; without it the evaluator runs in this process, and
    has the options that follow."""
    workers: Workers | None = None
    jail: Literal["auto", "nsjail", "bubblewrap"] = "auto"
    python: str | None = None
    packages: tuple[str, ...] | None = None
    lanes: bool = True

    def _check(self) -> None:
        super()._check()
        for name in changed(self.running) if self.url else ():
            raise ValueError(f"{name}: is what the server at judge.url decides")

    @property
    def running(self) -> RunOptions:
        """Of the evaluator in this process."""
        return pick(RunOptions, msgspec.structs.asdict(self))


class Evaluation(_Table, frozen=True, kw_only=True):
    """Looking at problems without training on the answers."""

    every: Annotated[int, Meta(ge=0)] = 0
    """Steps; also before the first and after the last. 0: never."""
    on: Literal["test", "train"] = "test"
    """Held-out problems, or those that are trained on."""
    samples: Count = 4
    """Responses a problem: n of pass@k."""
    k: Annotated[tuple[Count, ...], Meta(min_length=1)] = (1,)
    temperature: NotNegative = 0.6
    limit: Count | None = None
    """Problems at most, the first ones."""


class Config(_Table, frozen=True, kw_only=True):
    """A run."""

    model: Model
    data: Data
    output: Path
    """Folder of the run: config.json, metrics.jsonl, checkpoints."""
    steps: Count = 300
    seed: int = 0
    preset: Preset = "microcoder"
    device: str = "auto"
    """auto: cuda where there is one, else cpu."""
    tracker: Literal["none", "trackio", "wandb"] = "none"
    checkpoint_every: Annotated[int, Meta(ge=0)] = 20
    """Steps; also after the last. 0: only then."""
    keep: Count = 3
    """Checkpoints that stay."""
    rollout: Rollout = Rollout()
    algorithm: Algorithm = Algorithm()
    temperature: Temperature = Temperature()
    optimizer: Optimizer = Optimizer()
    batch: Batch = Batch()
    judge: Judging = Judging()
    evaluation: Evaluation = Evaluation()

    def _check(self) -> None:
        batch = self.batch
        if batch.mini_batch and batch.prompts % batch.mini_batch:
            raise ValueError(f"batch.mini_batch: must divide batch.prompts ({batch.prompts}, found {batch.mini_batch})")
        if max(self.evaluation.k) > self.evaluation.samples:
            raise ValueError(f"evaluation.k: at most evaluation.samples ({self.evaluation.samples})")


PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "grpo": {},
    "dapo": {
        "algorithm": {
            "kl": 0.0,
            "clip_high": 0.28,
            "aggregation": "token",
            "dynamic_sampling": True,
            "overlong_margin": 512,
        }
    },
    "microcoder": {
        "algorithm": {"kl": 0.0, "clip_high": 0.28, "aggregation": "token", "truncation_mask": 0.1},
        "temperature": {"stages": (1.0, 1.2, 1.4)},
    },
}
"""What each preset changes. The file, then the command line, have the last word."""


def load(file: Path, preset: str | None = None) -> Config:
    """The run that a TOML file describes. Paths in it are relative to its folder."""
    try:
        table = tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from None
    config = build(table, preset, source=str(file))
    folder = file.parent
    data = msgspec.structs.replace(
        config.data,
        files=tuple(_within(folder, path) for path in config.data.files),
        test_files=tuple(_within(folder, path) for path in config.data.test_files),
    )
    model = config.model
    if (folder / model.path).exists():  # else a name that transformers knows
        model = msgspec.structs.replace(model, path=str(folder / model.path))
    return msgspec.structs.replace(config, data=data, model=model)


def _within(folder: Path, path: Path) -> Path:
    return path if is_hub(path) else folder / path


def build(table: dict[str, Any], preset: str | None = None, *, source: str = "config") -> Config:
    """A Config of nested tables, the preset under them. Raises ConfigError that names the field."""
    name = preset or table.get("preset", "microcoder")
    if name not in PRESETS:
        raise ConfigError(f"{source}: preset: one of {', '.join(PRESETS)} (found {name!r})")
    merged: dict[str, Any] = {**table, "preset": name}
    for part, changes in PRESETS[name].items():
        own = table.get(part, {})
        merged[part] = {**changes, **own} if isinstance(own, dict) else own
    try:
        return msgspec.convert(merged, Config, dec_hook=_path)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field = path.removesuffix("`").removeprefix(".")
        if own := own_words(message):
            field, message = f"{field}.{own[0]}" if field else own[0], own[1]
        found = f" (found {_value_at(merged, field)!r})" if field and "(found" not in message else ""
        where = f"{field}: " if field else ""
        raise ConfigError(f"{source}: {where}{message[0].lower()}{message[1:]}{found}") from None


def _value_at(table: dict[str, Any], field: str) -> Any:
    value: Any = table
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", field):
        try:
            value = value[int(index)] if index else value[name]
        except (LookupError, TypeError):
            return None
    return value


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise ValueError(f"expected `str`, got `{type(value).__name__}`")
