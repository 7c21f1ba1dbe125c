"""A run: generate and judge, weigh, update, give the weights back; now and then evaluate and keep a checkpoint."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
import torch

from . import checkpoint, distributed, metrics
from .advantages import has_signal
from .checkpoint import State
from .collect import Group, Times, collect
from .config import Config, Temperature
from .data import Prompt, Split, place, split
from .errors import CheckpointError, ConfigError
from .evaluate import PassAt, evaluate
from .model import Policy, frozen_copy, load, weights
from .reward import Judge, open_judge
from .rollout import open_rollout
from .rollout.base import Rollout, Sampling
from .temperature import Stages, observe, temperature
from .update import update, weigh

Say = Callable[[str], None]


@dataclass
class Run:
    """What a run holds while it lasts."""

    config: Config
    policy: Policy
    reference: Policy | None
    optimizer: torch.optim.Optimizer
    rollout: Rollout
    judge: Judge
    data: Split
    state: State

    def sampling(self, at: float) -> Sampling:
        return Sampling(at, self.config.rollout.max_tokens, self.policy.stop)


def run(config: Config, *, resume: bool = False, say: Say = print) -> list[metrics.StepMetrics]:
    """Do the run, or the rest of it. Returns the metrics of the steps that were done now."""
    distributed.start(config.device)
    main = distributed.rank() == 0
    rows: list[metrics.StepMetrics] = []
    try:
        with opened(config, resume=resume) as this:
            log = metrics.Log(config.output, this.state.step, config.tracker, config) if main else None
            for told in this.data.told if log else ():
                say(f"warning: {told}")
            if log and this.data.too_long:
                most = config.data.max_prompt_tokens
                say(f"{this.data.too_long} problems are left out: their prompts have more than {most} tokens")
            if this.state.step == 0 and config.evaluation.every:
                _evaluate(this, log, say)
            while this.state.step < config.steps:
                row = step(this)
                rows.append(row)
                if log:
                    log.write(row)
                    say(metrics.describe(row, config.steps))
                done, last = this.state.step, this.state.step == config.steps
                if config.evaluation.every and (last or done % config.evaluation.every == 0):
                    _evaluate(this, log, say)
                if last or (config.checkpoint_every and done % config.checkpoint_every == 0):
                    checkpoint.save(
                        config.output / "checkpoints", this.state, this.policy, this.optimizer, config.keep, main=main
                    )
            if log:
                log.close()
    finally:
        distributed.stop()
    return rows


@contextlib.contextmanager
def opened(config: Config, *, resume: bool = False) -> Generator[Run]:
    """Everything loaded, started and, with ``resume``, put back to the last checkpoint."""
    with _opened(config, _last_checkpoint(config, resume=resume)) as this:
        yield this


@contextlib.contextmanager
def _opened(config: Config, last: Path | None) -> Generator[Run]:
    state = checkpoint.read_state(last) if last else State()
    torch.manual_seed(config.seed)
    saved = last / "model" if last and not config.model.lora_rank else None
    policy = load(config.model, config.device, saved)
    data = split(config.data, policy.tokenizer)
    reference = frozen_copy(config.model, policy) if config.algorithm.kl else None
    if distributed.world() > 1:
        if config.batch.prompts % distributed.world():
            raise ConfigError(f"batch.prompts: must be a multiple of {distributed.world()} processes")
        distributed.shard(policy.module, policy.autocast)
    options = config.optimizer
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=options.lr, betas=options.betas, weight_decay=options.weight_decay
    )
    if last:
        checkpoint.restore(last, policy, optimizer)
    with contextlib.ExitStack() as stack:
        rollout = open_rollout(config, policy)
        stack.callback(rollout.close)
        rollout.sync(weights(policy), state.step)
        judge = open_judge(config.judge)
        stack.callback(judge.close)
        yield Run(config, policy, reference, optimizer, rollout, judge, data, state)


def step(this: Run) -> metrics.StepMetrics:
    """One step of the algorithm. ``this.state`` is then that after it."""
    config, state = this.config, this.state
    stages = stages_of(config.temperature)
    at = temperature(stages, state.controller)
    begun = time.perf_counter()
    times = Times()
    groups, cursor = ask(this, at, times)
    weighed = weigh(groups, config.algorithm, config.rollout.max_tokens, config.seed)
    everywhere = distributed.gathered([group.answers for group in groups])
    masked = int(distributed.total({"masked": weighed.masked})["masked"])
    seen = metrics.of_groups(everywhere, masked, config.temperature)
    collected = time.perf_counter()
    per_step = config.batch.prompts // config.batch.mini_batch if config.batch.mini_batch else 1
    training = update(this.policy, this.optimizer, this.reference, weighed.samples, at, config, state.step * per_step)
    trained = time.perf_counter()
    version = this.rollout.version
    this.rollout.sync(weights(this.policy), state.step + 1)
    ended = time.perf_counter()
    measured = math.nan if seen["diversity"] is None else seen["diversity"]
    this.state = State(state.step + 1, cursor, observe(stages, state.controller, measured))
    answers = [answer for group in everywhere for answer in group]
    seconds = metrics.Seconds(
        step=ended - begun,
        generate=times.generate,
        wait=times.wait,
        train=trained - collected,
        sync=ended - trained,
        judge=math.fsum(answer.judge_seconds for answer in answers),
        tokens_per_second=sum(len(answer.tokens) for answer in answers) / (ended - begun),
        memory_mib=_memory(this.policy.device),
    )
    return metrics.StepMetrics(
        step=this.state.step, temperature=at, version=version, training=training, seconds=seconds, **seen
    )


def ask(this: Run, at: float, times: Times) -> tuple[list[Group], int]:
    """The judged groups of a step, and the place in the data order after them.

    With dynamic sampling, groups in which all rewards are the same are replaced by new questions, for some rounds.
    """
    config, cursor = this.config, this.state.cursor
    wanted = config.batch.prompts // distributed.world()
    kept: list[Group] = []
    for _ in range(config.algorithm.dynamic_rounds if config.algorithm.dynamic_sampling else 1):
        missing = int(distributed.largest(wanted - len(kept)))
        if missing == 0:
            break
        own = range(cursor + distributed.rank(), cursor + missing * distributed.world(), distributed.world())
        cursor += missing * distributed.world()
        groups = collect(
            [(number, _prompt(this, number)) for number in own],
            config.batch.group,
            this.sampling(at),
            seed=config.seed,
            rollout=this.rollout,
            judge=this.judge,
            tokenizer=this.policy.tokenizer,
            times=times,
        )
        if config.algorithm.dynamic_sampling:
            groups = [group for group in groups if has_signal([answer.reward for answer in group.answers])]
        kept += groups
    return kept[:wanted], cursor


def stages_of(options: Temperature) -> Stages:
    return Stages(
        temperatures=options.stages,
        low=options.low,
        high=options.high,
        patience=options.patience,
        hold=options.hold,
        smoothing=options.smoothing,
    )


def _prompt(this: Run, number: int) -> Prompt:
    return this.data.train[place(this.config.seed, number, len(this.data.train))]


def _evaluate(this: Run, log: metrics.Log | None, say: Say) -> None:
    result = held_out(this)
    if log:
        log.write(metrics.EvaluationMetrics(step=this.state.step, evaluation=result))
        say(f"{this.state.step:>4}  held out: " + describe(result))


def evaluate_model(config: Config, at: Path | None) -> dict[str, PassAt]:
    """pass@k of the model in a checkpoint, or of the one that the run begins with."""
    if at is not None:
        if not (at / "model").is_dir():
            raise CheckpointError(f"checkpoint: no model in {at}")
        model = msgspec.structs.replace(config.model, path=str(at / "model"), lora_rank=0)
        config = msgspec.structs.replace(config, model=model)
    with _opened(config, None) as this:
        return held_out(this)


def held_out(this: Run) -> dict[str, PassAt]:
    """pass@k on the held-out problems, or on those that are trained on."""
    prompts = this.data.test if this.config.evaluation.on == "test" else this.data.train
    if not prompts:
        raise ConfigError("evaluation: no held-out problems; give data.test_files or data.test_from")
    return evaluate(
        prompts,
        this.config.evaluation,
        rollout=this.rollout,
        judge=this.judge,
        tokenizer=this.policy.tokenizer,
        max_tokens=this.config.rollout.max_tokens,
        stop=this.policy.stop,
        seed=this.config.seed,
    )


def describe(result: dict[str, PassAt]) -> str:
    return ", ".join(
        f"{difficulty} " + " ".join(f"pass@{k} {value:.1%}" for k, value in one.pass_at.items()) + f" of {one.problems}"
        for difficulty, one in result.items()
    )


def _last_checkpoint(config: Config, *, resume: bool) -> Path | None:
    """The checkpoint to go on from. A folder that holds a run is not written over."""
    last = next(iter(reversed(checkpoint.found(config.output / "checkpoints"))), None)
    used = (config.output / "config.json").exists()
    if used and not resume:
        raise ConfigError(f"output: {config.output} holds a run already; --resume goes on with it")
    if resume and not used:
        raise CheckpointError(f"output: no run to go on with in {config.output}")
    distributed.barrier()  # all have looked
    if distributed.rank() == 0 and not used:
        config.output.mkdir(parents=True, exist_ok=True)
        text = msgspec.json.format(msgspec.json.encode(config, enc_hook=str))
        (config.output / "config.json").write_bytes(text + b"\n")
    return last


def _memory(device: torch.device) -> float:
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        return peak / 2**20
    return psutil.Process().memory_info().rss / 2**20
