"""How many programs a second, against what others use? ``python -m microcoder.bench.speed``.

Same programs, same tests, same cores, in interleaved rounds: measure.py says how, workloads.py what, rivals/ whom.
Prints tables and writes ``results/speed.json`` and ``results/speed.svg``. What has changed since another checkout:
``--before CHECKOUT --rivals ours before --rounds 30 --out FOLDER``.

All rivals but ours run the programs of the corpus without a jail: use a machine that you can afford to lose.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import tyro

from .rivals.registry import NAMES, Name

if TYPE_CHECKING:
    from .machine import Machine
    from .measure import WorkloadResult
    from .workloads import Workload

WorkloadName = Literal[
    "asserts", "corpus", "corpus-small", "trivial-1", "trivial-5", "trivial-20", "trivial-60", "work-20ms", "wrong"
]
WORKLOADS: dict[WorkloadName, int] = {
    "asserts": 200,
    "corpus": 200,
    "corpus-small": 200,
    "trivial-1": 120,
    "trivial-5": 96,
    "trivial-20": 48,
    "trivial-60": 24,
    "work-20ms": 16,
    "wrong": 32,
}
"""Programs of each: so many that the slowest rival takes some seconds."""
OURS: tuple[Name, ...] = ("ours", "before")
"""Rivals that judge assertions."""


WIDTH = 200
"""Columns of the tables where there is no terminal to ask."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How many programs a second, against what others use?"""

    before: Path | None = None
    """Another checkout of microcoder, to say how the speed has changed since. Without it, that rival is left out."""
    lcb: Path | None = None
    """Checkout or git directory of LiveCodeBench. Without it, that rival is left out."""
    verl: Path | None = None
    """Wheel of verl, or a folder it is unpacked in. Without it, an installed verl is looked for."""
    corpus: Path = Path("../shared/data/dev_lcb_stdio.jsonl.zst")
    """Labelled stdio programs, .jsonl or .jsonl.zst."""
    asserts: Path = Path("../shared/data/dev_mbpp_base.jsonl.zst")
    """The same for the workload asserts."""
    workloads: tuple[WorkloadName, ...] = tuple(name for name in WORKLOADS if name != "asserts")
    """What to judge. Only ours and before judge asserts."""
    rivals: tuple[Name, ...] = NAMES
    """Who judges."""
    rounds: Annotated[int, msgspec.Meta(ge=1)] = 5
    """Rounds that count; one more comes before them."""
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """Shortest pass; a fast rival judges that many copies of the workload."""
    limit: int | None = None
    """Programs drawn from the corpus. Default: 200."""
    scale: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """Multiplies the number of programs of every other workload."""
    cores: tuple[int, ...] | None = None
    """Processors to stay on, one worker each. Default: all that this process may use."""
    seed: int = 1
    """Seed of samples and inputs."""
    timeout: float = 900.0
    """Seconds after which a pass of a rival is given up."""
    out: Path = Path(__file__).with_name("results")
    """Folder for speed.json and speed.svg."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What speed.json holds."""

    command: str
    machine: Machine
    workers: int
    rounds: int
    seed: int
    workloads: list[WorkloadResult]


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    from rich.console import Console

    from .machine import command_line, machine
    from .measure import Plan, measure
    from .plot import draw
    from .rivals.registry import Sources
    from .table import show

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)

    def say(line: str) -> None:
        console.print(line, highlight=False)

    if not options.corpus.is_file() and {"corpus", "corpus-small"} & set(options.workloads):
        raise SystemExit(f"--corpus: {options.corpus} is not there; name the file, or leave corpus out of --workloads")
    if "asserts" in options.workloads:
        if not options.asserts.is_file():
            raise SystemExit(f"--asserts: {options.asserts} is not there; name a file of labelled programs")
        if others := set(options.rivals).difference(OURS):
            raise SystemExit(f"--rivals: {', '.join(sorted(others))}: asserts are judged by ours and before only")
    if options.cores:
        os.sched_setaffinity(0, options.cores)
    here = machine()
    plan = Plan(
        rivals=[name for name in NAMES if name in options.rivals],
        sources=Sources(before=_text(options.before), lcb=_text(options.lcb), verl=_text(options.verl)),
        workers=len(os.sched_getaffinity(0)),
        rounds=options.rounds,
        seconds=options.seconds,
        timeout=options.timeout,
    )
    # No live display: it would run on the same cores as what is measured.
    results = [measure(_workload(name, options), plan, say) for name in options.workloads]
    whole = Result(
        command=command_line("microcoder.bench.speed"),
        machine=here,
        workers=plan.workers,
        rounds=plan.rounds,
        seed=options.seed,
        workloads=results,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "speed.json").write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
    show(console, results)
    caption = f"{here.cpu}, {plan.workers} cores, {here.kernel}, {here.python}; median of {plan.rounds} rounds"
    say(f"{whole.command}\n{caption}")
    measured = [result for result in results if result.rivals]
    if not measured:
        raise SystemExit("nothing could be measured")
    draw(measured, caption, options.out / "speed.svg")


def _workload(name: WorkloadName, options: Options) -> Workload:
    from .workloads import corpus, trivial, work, wrong

    if name in ("corpus", "corpus-small"):
        limit = options.limit or WORKLOADS[name]
        return corpus(options.corpus, limit, options.seed, small=name == "corpus-small")
    if name == "asserts":
        return corpus(options.asserts, options.limit or WORKLOADS[name], options.seed, mode="assert")
    programs = max(1, round(WORKLOADS[name] * options.scale))
    if name == "work-20ms":
        return work(20, programs, options.seed)
    if name == "wrong":
        return wrong(programs, options.seed)
    return trivial(int(name.removeprefix("trivial-")), programs, options.seed)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


if __name__ == "__main__":
    main()
