"""``microcoder-eval calibrate``: limits of processor time from what right programs take on this machine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from pathlib import Path

import msgspec
import uvloop

from ...sandbox.limits import Limits, Seconds
from ...sandbox.validated import Validated
from ..datasets import InputError, Rows
from ..engine import Evaluator
from ..problem import Problem
from ..status import Status
from .engine import ONE_AFTER_THE_OTHER, engine_options, for_rows, warn_of_shortage
from .errors import DONE, JUDGE_FAILED, UsageError
from .notices import no_programs, tell_of_files, tell_of_rows
from .options import Calibrate
from .terminal import say

MOST = 3600.0
"""Seconds that a limit may have."""


class ProblemLimit(Validated, frozen=True, kw_only=True):
    """A row of the file of limits."""

    problem_id: str
    time_limit: Seconds | None
    """Processor seconds per test; null: no right program ended well, the problem keeps its own limit."""
    slowest: float
    """Processor seconds of the slowest test of any right program."""
    programs: int
    """Programs that it is taken from: accepted, and not labelled wrong."""


class _Times:
    """What was seen of one problem."""

    def __init__(self) -> None:
        self.slowest = 0.0
        self.programs = 0


def main(options: Calibrate) -> int:
    """The whole command; returns the exit code. A mistake of the user is raised."""
    if not options.files:
        raise UsageError("which FILE? See microcoder-eval calibrate --help")
    if options.output is None:
        raise UsageError("where to? Name the file of limits with --output")
    if options.output.resolve() in {path.resolve() for path in (*options.files, *options.submissions)}:
        raise UsageError(f"--output: {options.output} is an input file, too")
    if options.output.exists() and not options.overwrite:
        raise UsageError(f"--output: {options.output} exists; --overwrite replaces it")
    if options.factor < 1:
        raise UsageError(f"--factor: must be at least 1, not {options.factor}")

    def patient(problem: Problem) -> Problem:
        limits = msgspec.structs.replace(problem.limits, cpu_time=options.patience, wall_time=None)
        return msgspec.structs.replace(problem, limits=limits, time_limit=None)

    rows = Rows(
        options.files,
        options.submissions,
        format=options.format,
        skip_bad=options.skip_bad,
        change=patient,
        options=for_rows(options),
    )
    # Each test in a process of its own, each program really run: so is the time taken that a limit will be held to.
    evaluator = Evaluator(**engine_options(options), run_all=True, lanes=False, cache=0, memory=ONE_AFTER_THE_OTHER)
    warn_of_shortage(options.workers, Limits())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        times, failures = runner.run(_measure(rows, evaluator, options.repeats))
    if not times:
        tell_of_rows(rows)
        why = no_programs(rows) if rows.without_programs else "every program is labelled wrong"
        raise UsageError(f"there is nothing to calibrate by: {why}")
    limits = [_limit(name, seen, options) for name, seen in times.items()]
    text = b"".join(msgspec.json.encode(limit) + b"\n" for limit in limits)
    try:
        options.output.write_bytes(text)
    except OSError as error:
        raise UsageError(f"--output: {options.output}: {error.strerror}") from None
    tell_of_rows(rows)
    tell_of_files(rows)
    without = [limit.problem_id for limit in limits if limit.time_limit is None]
    print(f"{len(limits) - len(without)} limits in {options.output}")
    if without:
        say(f"no right program passes within {options.patience:g} s: {', '.join(without[:10])}")
    return JUDGE_FAILED if failures else DONE


async def _measure(rows: Rows, evaluator: Evaluator, repeats: int) -> tuple[dict[str, _Times], int]:
    """By problem; and how often the judge failed. A program is right when it is accepted and not labelled wrong."""
    times: dict[str, _Times] = {}
    failures = 0
    right = (pair for pair in rows if pair[1].accept is not False)
    async with evaluator:
        async for report in evaluator.evaluate_many(pair for pair in right for _ in range(repeats)):
            seen = times.setdefault(report.problem_id, _Times())
            failures += report.status.is_judge_failure
            if report.status is Status.ACCEPTED:
                seen.programs += 1
                seen.slowest = max(seen.slowest, *(test.cpu_time or 0.0 for test in report.tests))
    for seen in times.values():
        seen.programs = math.ceil(seen.programs / repeats)
    return times, failures


def _limit(problem_id: str, seen: _Times, options: Calibrate) -> ProblemLimit:
    limit = min(max(options.floor, options.factor * seen.slowest), MOST)
    return ProblemLimit(
        problem_id=problem_id,
        time_limit=round(limit, 3) if seen.programs else None,
        slowest=round(seen.slowest, 6),
        programs=seen.programs,
    )


def read_limits(path: Path) -> dict[str, float]:
    """Limits by problem. Raises InputError, naming file and line."""
    try:
        lines: Iterable[bytes] = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"--limits-from: {path}: {error.strerror}") from None
    found: dict[str, float] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=ProblemLimit)
        except msgspec.DecodeError as error:
            raise InputError(f"{path}:{number}: {error}") from None
        if row.problem_id in found:
            raise InputError(f"{path}:{number}: problem_id: a second limit for {row.problem_id}")
        if row.time_limit is not None:
            found[row.problem_id] = row.time_limit
    return found
