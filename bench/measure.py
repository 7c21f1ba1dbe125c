"""Interleaved rounds of rivals over workloads, and what they come to.

A round measures every rival once (A B C D, then A B C D again), so that what else the machine does falls on all of
them; ratios are taken within a round. For each measurement a rival starts in a fresh interpreter, judges a few programs
of another problem to be warm, then a workload that it has not seen, once. A fast rival gets so many copies of the
workload that its pass lasts long enough to be measured; the first round finds that number, serves the verdicts, and is
not counted.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from .machine import without_folders
from .rivals.base import Unavailable
from .rivals.process import RivalFailed, RivalProcess
from .rivals.registry import Name, Sources
from .workloads import Workload, trivial

MIB = 2**20
OURS: tuple[Name, ...] = ("ours", "ours-forks")


class Plan(NamedTuple):
    rivals: Sequence[Name]
    sources: Sources
    workers: int
    rounds: int
    seconds: float
    """How long a pass should last at least."""
    timeout: float


class Spread(msgspec.Struct, frozen=True):
    """Median and extremes over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One pass of one rival."""

    copies: int
    seconds: float
    programs: int
    cpu: float
    """Processor seconds of the rival and all its descendants."""
    parent_cpu: float
    """... of its own first process alone."""
    program_cpu: float | None
    """... inside the tests, where the rival reports it."""
    tests_run: int | None
    start_seconds: float
    """Start of the pool, the interpreter and imports of the first process not included."""
    idle_bytes: float | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of a program now over that before, round by round: the geometric mean, and its 95 % interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Change:
        logarithms = [math.log(ratio) for ratio in ratios]
        mean = statistics.fmean(logarithms)
        half = 1.96 * statistics.stdev(logarithms) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.inf
        return cls(mean=math.exp(mean), low=math.exp(mean - half), high=math.exp(mean + half))


class CpuPerTest(msgspec.Struct, frozen=True, kw_only=True):
    """Processor milliseconds, median over the rounds. ``total = program + runner + parent`` where all are known."""

    total: float
    parent: float
    runner: float | None
    program: float | None


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Verdicts of a rival against those of a reference, or of the labels. Counts of programs."""

    reference: str
    both_accept: int
    both_reject: int
    only_reference_accepts: int
    only_rival_accepts: int
    no_verdict: int


class RivalResult(msgspec.Struct, frozen=True, kw_only=True):
    rival: Name
    version: str
    programs_per_second: Spread
    tests_per_second: Spread
    ours_over_rival: dict[str, Spread]
    """For ``ours`` and ``ours-forks``: how many times as many programs a second, round by round."""
    cpu_over_ours: dict[str, Spread]
    """How many times the processor time of ours; other programs on the machine disturb it less than the clock."""
    cpu_ms_per_test: CpuPerTest
    pool_start_seconds: Spread
    idle_mib_per_worker: float | None
    agreement: list[Agreement]
    """Of the verdicts of the first round."""
    flips: int
    """Verdicts of later rounds and further copies that differ from those."""
    measurements: list[Measurement]


class WorkloadResult(msgspec.Struct, frozen=True, kw_only=True):
    workload: str
    about: str
    programs: int
    tests: int
    tests_needed: int
    """Tests up to the first failure of each program: the number that all tests/s and CPU per test refer to."""
    time_over_floor: dict[str, Spread]
    """For ``ours`` and ``ours-forks``: seconds per program over those of the floor, less 1, round by round."""
    cpu_over_floor: dict[str, Spread]
    """The same with processor seconds, which other programs on the machine disturb less."""
    change: dict[str, Change]
    """``time`` and ``cpu`` of ours, where another checkout was measured."""
    rivals: list[RivalResult]
    not_measured: dict[str, str]


class _Series:
    """What one rival did on one workload."""

    def __init__(self) -> None:
        self.version = ""
        self.copies = 1
        self.accepted: list[bool | None] = []
        self.flips = 0
        self.tests_run: int | None = None
        self.measurements: list[Measurement] = []


def measure(workload: Workload, plan: Plan, say: Callable[[str], None]) -> WorkloadResult:
    """Run all rounds. A rival that cannot run, or fails, is left out with the reason."""
    series: dict[Name, _Series] = {name: _Series() for name in plan.rivals}
    left_out: dict[str, str] = {}
    for number in range(plan.rounds + 1):
        for name in list(series):
            try:
                measurement = _measure_once(name, series[name], workload, plan)
            except (Unavailable, RivalFailed) as error:
                left_out[name] = without_folders(str(error).strip().splitlines()[-1])
                del series[name]
                say(f"{workload.name}: {name} left out: {error}")
                continue
            if number == 0:
                series[name].copies = max(1, math.ceil(plan.seconds / measurement.seconds))
            else:
                series[name].measurements.append(measurement)
        rates = ", ".join(f"{n} {m.programs / m.seconds:.1f}" for n, s in series.items() for m in s.measurements[-1:])
        say(f"{workload.name}: round {number} of {plan.rounds}: " + (f"{rates} programs/s" if rates else "not counted"))
    return _summary(workload, series, left_out, plan.workers)


def _measure_once(name: Name, series: _Series, workload: Workload, plan: Plan) -> Measurement:
    with RivalProcess(name, plan.sources, plan.workers, plan.timeout) as rival:
        rival.load(trivial(2, 4 * plan.workers, seed=0).load())
        rival.judge()
        idle = rival.idle_memory()
        rival.load(workload.load(series.copies))
        done = rival.judge()
    judged = done.judged
    if not series.accepted:
        series.version, series.accepted, series.tests_run = rival.version, judged.accepted, judged.tests_run
    series.flips += sum(a != b for a, b in zip(judged.accepted, series.accepted * series.copies, strict=True))
    return Measurement(
        copies=series.copies,
        seconds=done.seconds,
        programs=len(judged.accepted),
        cpu=done.cpu,
        parent_cpu=judged.self_cpu,
        program_cpu=judged.program_cpu,
        tests_run=judged.tests_run,
        start_seconds=rival.start_seconds,
        idle_bytes=idle,
    )


def _summary(workload: Workload, series: dict[Name, _Series], left_out: dict[str, str], workers: int) -> WorkloadResult:
    # The floor counts what was needed; ours may look one test ahead.
    counted = [
        series[n].tests_run for n in ("floor", "subprocess", "lcb", "ours", "ours-forks", "before") if n in series
    ]
    needed = next((count for count in counted if count is not None), workload.tests)
    overhead: list[Name] = [us for us in OURS if {us, "floor"} <= series.keys()]
    return WorkloadResult(
        workload=workload.name,
        about=workload.about,
        programs=len(workload.programs),
        tests=workload.tests,
        tests_needed=needed,
        time_over_floor={us: _overhead(series[us], series["floor"], lambda m: m.seconds) for us in overhead},
        cpu_over_floor={us: _overhead(series[us], series["floor"], lambda m: m.cpu) for us in overhead},
        change=_change(series["ours"], series["before"]) if {"ours", "before"} <= series.keys() else {},
        rivals=[_rival(name, series, workload, needed, workers) for name in series],
        not_measured=left_out,
    )


def _rival(name: Name, series: dict[Name, _Series], workload: Workload, needed: int, workers: int) -> RivalResult:
    own = series[name]
    rates = [m.programs / m.seconds for m in own.measurements]
    others: list[Name] = [us for us in OURS if us in series and us != name]
    idle = [m.idle_bytes for m in own.measurements if m.idle_bytes is not None]
    return RivalResult(
        rival=name,
        version=own.version,
        programs_per_second=Spread.of(rates),
        tests_per_second=Spread.of([rate * needed / len(workload.programs) for rate in rates]),
        ours_over_rival={us: Spread.of(_ratios(own, series[us], lambda m: m.seconds)) for us in others},
        cpu_over_ours={us: Spread.of(_ratios(own, series[us], lambda m: m.cpu)) for us in others},
        cpu_ms_per_test=_cpu_per_test(own, needed),
        pool_start_seconds=Spread.of([m.start_seconds for m in own.measurements]),
        idle_mib_per_worker=statistics.median(idle) / MIB / workers if idle else None,
        agreement=[
            _agreement("labels", workload.labels, own.accepted),
            *(_agreement(us, series[us].accepted, own.accepted) for us in others),
        ],
        flips=own.flips,
        measurements=own.measurements,
    )


def _overhead(ours: _Series, floor: _Series, cost: Callable[[Measurement], float]) -> Spread:
    return Spread.of([ratio - 1 for ratio in _ratios(ours, floor, cost)])


def _change(now: _Series, before: _Series) -> dict[str, Change]:
    return {
        "time": Change.of(_ratios(now, before, lambda m: m.seconds)),
        "cpu": Change.of(_ratios(now, before, lambda m: m.cpu)),
    }


def _ratios(one: _Series, other: _Series, cost: Callable[[Measurement], float]) -> list[float]:
    """Cost of a program, one over the other, round by round."""
    pairs = zip(one.measurements, other.measurements, strict=True)
    return [(cost(a) / a.programs) / (cost(b) / b.programs) for a, b in pairs]


def _cpu_per_test(own: _Series, needed: int) -> CpuPerTest:
    def median(seconds: Callable[[Measurement], float]) -> float:
        return statistics.median(1000 * seconds(m) / (needed * m.copies) for m in own.measurements)

    known = all(m.program_cpu is not None for m in own.measurements)
    return CpuPerTest(
        total=median(lambda m: m.cpu),
        parent=median(lambda m: m.parent_cpu),
        program=median(lambda m: m.program_cpu or 0.0) if known else None,
        runner=median(lambda m: m.cpu - m.parent_cpu - (m.program_cpu or 0.0)) if known else None,
    )


def _agreement(reference: str, expected: Sequence[bool | None], seen: Sequence[bool | None]) -> Agreement:
    pairs = list(zip(expected, seen, strict=True))
    return Agreement(
        reference=reference,
        both_accept=pairs.count((True, True)),
        both_reject=pairs.count((False, False)),
        only_reference_accepts=pairs.count((True, False)),
        only_rival_accepts=pairs.count((False, True)),
        no_verdict=sum(None in pair for pair in pairs),
    )
