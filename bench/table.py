"""Results of bench/speed and bench/accuracy as tables for a terminal."""

from __future__ import annotations

from collections import Counter

from rich.console import Console, RenderableType
from rich.table import Table

from .confusion import TOTAL, Confusion, Line, Remaining
from .measure import RivalResult, Spread, WorkloadResult
from .rivals.registry import LABELS, NAMES


def show(console: Console, results: list[WorkloadResult]) -> None:
    for result in results:
        console.print(_speed(result))
        for us, time in result.time_over_floor.items():
            cpu = result.cpu_over_floor[us]
            console.print(
                f"{LABELS[us]} over the floor: time {_percent(time)}, processor time {_percent(cpu)}", highlight=False
            )
        for what, change in result.change.items():
            interval = f"{change.mean - 1:+.1%}, 95 % interval {change.low - 1:+.1%} to {change.high - 1:+.1%}"
            console.print(f"{what} of microcoder over before: {interval}", highlight=False)
        console.print(_verdicts(result))
        for name, reason in result.not_measured.items():
            console.print(f"[yellow]{LABELS[name]} not measured:[/] {reason}", highlight=False)
        console.print()


def _speed(result: WorkloadResult) -> RenderableType:
    counts = f"{result.programs} programs, {result.tests_needed} tests needed of {result.tests}; median (low to high)"
    table = Table(title=f"{result.workload}: {result.about}", caption=counts, title_justify="left")
    table.add_column("judge")
    for head in ("programs/s", "tests/s", "ours is", "forks: ours is", "CPU of ours"):
        table.add_column(head, justify="right")
    for head in ("CPU ms/test", "program", "runner", "parent", "pool start", "idle MiB/worker"):
        table.add_column(head, justify="right")
    for rival in _ordered(result.rivals):
        cpu = rival.cpu_ms_per_test
        table.add_row(
            LABELS[rival.rival],
            _spread(rival.programs_per_second),
            f"{rival.tests_per_second.median:.0f}",
            _times(rival.ours_over_rival.get("ours")),
            _times(rival.ours_over_rival.get("ours-forks"), brief=True),
            _times(rival.cpu_over_ours.get("ours"), brief=True),
            *(_number(value) for value in (cpu.total, cpu.program, cpu.runner, cpu.parent)),
            f"{rival.pool_start_seconds.median:.2f} s",
            _number(rival.idle_mib_per_worker),
        )
    return table


def _verdicts(result: WorkloadResult) -> RenderableType:
    table = Table(title="verdicts", title_justify="left")
    table.add_column("judge")
    heads = (
        "right rejected",
        "wrong accepted",
        "ours accepts, it rejects",
        "ours rejects, it accepts",
        "no verdict",
        "flips",
    )
    for head in heads:
        table.add_column(head, justify="right")
    for rival in _ordered(result.rivals):
        against = {row.reference: row for row in rival.agreement}
        labels, ours = against["labels"], against.get("ours")
        table.add_row(
            LABELS[rival.rival],
            f"{labels.only_reference_accepts} of {labels.only_reference_accepts + labels.both_accept}",
            f"{labels.only_rival_accepts} of {labels.only_rival_accepts + labels.both_reject}",
            str(ours.only_reference_accepts) if ours else "",
            str(ours.only_rival_accepts) if ours else "",
            str(labels.no_verdict),
            str(rival.flips),
        )
    return table


def _ordered(rivals: list[RivalResult]) -> list[RivalResult]:
    return sorted(rivals, key=lambda rival: NAMES.index(rival.rival))


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} ({_number(spread.low)} to {_number(spread.high)})"


def _times(spread: Spread | None, *, brief: bool = False) -> str:
    if spread is None:
        return ""
    return f"{spread.median:.2f}×" + ("" if brief else f" ({spread.low:.2f} to {spread.high:.2f})")


def _percent(over: Spread) -> str:
    return f"{over.median:+.0%} ({over.low:+.0%} to {over.high:+.0%})"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def show_accuracy(console: Console, lines: list[Line], left: list[Remaining]) -> None:
    """One table for each kind of rows, and our disagreements by what reading them found."""
    for rows in ("all", "sample", "timing-sensitive"):
        table = Table(title=f"{rows}: right rejected, wrong accepted", title_justify="left")
        for head in ("source", "judge"):
            table.add_column(head)
        for head in ("right rejected", "", "wrong accepted", "", "no verdict"):
            table.add_column(head, justify="right")
        table.add_column("causes", overflow="fold")
        for line in sorted((line for line in lines if line.rows == rows), key=lambda line: line.source == TOTAL):
            counts = line.counts
            rejected, accepted = sum(counts.false_negatives.values()), sum(counts.false_positives.values())
            table.add_row(
                line.source,
                line.judge,
                f"{rejected} of {counts.right}",
                _share(rejected, counts.right),
                f"{accepted} of {counts.wrong}",
                _share(accepted, counts.wrong),
                str(sum(counts.failures.values())),
                _causes(counts),
            )
        if table.row_count:
            console.print(table)
    for cause, count in Counter(each.read.cause for each in left).most_common():
        console.print(f"{count:4} {cause}", highlight=False)


def _causes(counts: Confusion) -> str:
    parts = (("-", counts.false_negatives), ("+", counts.false_positives), ("?", counts.failures))
    return ", ".join(f"{sign}{count} {cause}" for sign, causes in parts for cause, count in causes.items())


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else ""
