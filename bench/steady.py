"""Does load change verdicts? ``python -m microcoder.bench.steady``.

The same programs are judged on an idle machine and beside processes that do nothing but compute. A verdict that differs
is a flip; programs that came within a fifth of their processor time are counted apart, because there a little more
contention for caches may decide. Writes ``results/steady.json``.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import tyro

from ..evaluator import Evaluator, Report
from ..evaluator.datasets import Rows
from .machine import Machine, command_line, machine

NEAR = 0.2
"""Of its limit: a program that used more than the rest is near it."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Does load change verdicts?"""

    corpus: Path = Path("../shared/data/dev_lcb_stdio.jsonl.zst")
    """Labelled programs."""
    programs: Annotated[int, msgspec.Meta(ge=1)] = 600
    """How many of them, from the start of the file."""
    burners: Annotated[int, msgspec.Meta(ge=1)] = 8
    """Processes that compute beside the evaluator."""
    out: Path = Path(__file__).with_name("results")
    """Folder for steady.json."""


class Flip(msgspec.Struct, frozen=True):
    problem_id: str
    name: str | None
    idle: str
    loaded: str
    near_limit: bool


class Result(msgspec.Struct, frozen=True, kw_only=True):
    command: str
    machine: Machine
    programs: int
    tests: int
    burners: int
    seconds_idle: float
    seconds_loaded: float
    near_limit: int
    """Programs with a test that used more than 80 % of its processor time on the idle machine."""
    flips: list[Flip]


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    if not options.corpus.is_file():
        raise SystemExit(f"--corpus: {options.corpus} is not there; name a file of labelled programs")
    rows = Rows([options.corpus])
    pairs = [pair for _, pair in zip(range(options.programs), rows, strict=False)]

    async def judge() -> list[Report]:
        async with Evaluator(cache=0) as evaluator:
            return [report async for report in evaluator.evaluate_many(pairs)]

    begun = time.monotonic()
    idle = asyncio.run(judge())
    between = time.monotonic()
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(options.burners)]
    for burner in burners:
        burner.start()
    try:
        loaded = asyncio.run(judge())
    finally:
        for burner in burners:
            burner.kill()
            burner.join()
    ended = time.monotonic()
    near = [_near(report, pair[0].effective_limits.cpu_time) for report, pair in zip(idle, pairs, strict=True)]
    flips = [
        Flip(one.problem_id, one.name, str(one.status), str(other.status), close)
        for one, other, close in zip(idle, loaded, near, strict=True)
        if one.status is not other.status
    ]
    result = Result(
        command=command_line("microcoder.bench.steady"),
        machine=machine(),
        programs=len(pairs),
        tests=sum(result.cpu_time is not None for report in idle for result in report.tests),
        burners=options.burners,
        seconds_idle=round(between - begun, 1),
        seconds_loaded=round(ended - between, 1),
        near_limit=sum(near),
        flips=flips,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "steady.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    far = sum(not flip.near_limit for flip in flips)
    seconds = f"idle {result.seconds_idle} s, loaded {result.seconds_loaded} s"
    print(f"{result.programs} programs, {result.tests} tests, {seconds}")
    print(f"flips: {far}, and {len(flips) - far} among the {result.near_limit} within a fifth of their limit")
    sys.exit(1 if far else 0)


def _near(report: Report, limit: float) -> bool:
    return any((result.cpu_time or 0) > (1 - NEAR) * limit for result in report.tests)


def _burn() -> None:
    while True:
        sum(range(10_000))


if __name__ == "__main__":
    main()
