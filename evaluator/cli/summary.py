"""What a run comes to: counts, rates, labels against verdicts."""

from __future__ import annotations

import resource
import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from ..report import Report
from ..status import Status

if TYPE_CHECKING:
    from rich.console import RenderableType


class Labels(msgspec.Struct, kw_only=True):
    """Programs whose truth is known, against what was said of them."""

    labelled: int = 0
    right_accepted: int = 0
    right_rejected: int = 0
    wrong_accepted: int = 0
    wrong_rejected: int = 0
    undecided: int = 0
    """The judge failed on them; in none of the four."""

    @property
    def false_negatives(self) -> int:
        return self.right_rejected

    @property
    def false_positives(self) -> int:
        return self.wrong_accepted

    def add(self, report: Report) -> None:
        self.labelled += 1
        if report.status.is_judge_failure:
            self.undecided += 1
        elif report.accept:
            self.right_accepted += report.accepted
            self.right_rejected += not report.accepted
        else:
            self.wrong_accepted += report.accepted
            self.wrong_rejected += not report.accepted


class SensitiveLabels(msgspec.Struct, kw_only=True):
    """The same, shorter, for programs whose label depends on the speed of the machine."""

    labelled: int
    false_negatives: int
    false_positives: int


class Summary(msgspec.Struct, kw_only=True):
    """The content of ``--json``."""

    programs: int
    """Reports in the output, those of an interrupted run before this one included."""
    resumed: int
    """Of them, taken over from that run. The rates and times are those of this run alone."""
    interrupted: bool
    tests_run: int
    seconds: float
    programs_per_second: float
    tests_per_second: float
    processors_used: float
    """Processor seconds per second, of everything: programs, sandbox, comparison. Idle workers count as 0."""
    program_cpu_seconds: float
    """Processor seconds inside the tests."""
    verdicts: dict[str, int]
    labelled: int
    """Programs with a label, without the timing-sensitive ones; likewise below."""
    confusion: Labels
    false_negatives: int
    """Right programs rejected."""
    false_positives: int
    """Wrong programs accepted."""
    timing_sensitive: SensitiveLabels
    system_errors: int
    checker_errors: int
    workers: int
    jail: str
    skipped_rows: int


class Tally:
    """Counts reports as they come."""

    def __init__(self) -> None:
        self.programs = self.resumed = 0
        self.tests_run = 0
        self.tests_now = 0
        self.program_cpu = 0.0
        self.verdicts: Counter[Status] = Counter()
        self.labels = Labels()
        self.sensitive = Labels()
        self.start()

    def add(self, report: Report, *, resumed: bool = False) -> None:
        tests = sum(test.status is not Status.SKIPPED for test in report.tests)
        self.programs += 1
        self.tests_run += tests
        if resumed:
            self.resumed += 1
        else:
            self.tests_now += tests
            self.program_cpu += report.cpu_time
        self.verdicts[report.status] += 1
        if report.accept is not None:
            (self.sensitive if report.timing_sensitive else self.labels).add(report)

    def start(self) -> None:
        """The clocks run from here."""
        self._started = time.monotonic()
        self._cpu = _processor_seconds()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def rate(self) -> float:
        """Programs a second, of this run."""
        return (self.programs - self.resumed) / max(self.seconds, 1e-9)

    @property
    def judge_failures(self) -> int:
        return sum(count for status, count in self.verdicts.items() if status.is_judge_failure)

    def summary(self, *, workers: int, jail: str, skipped_rows: int, interrupted: bool) -> Summary:
        """Ask when the workers have ended: their processor time counts only then."""
        seconds = self.seconds
        return Summary(
            programs=self.programs,
            resumed=self.resumed,
            interrupted=interrupted,
            tests_run=self.tests_run,
            seconds=round(seconds, 3),
            programs_per_second=round((self.programs - self.resumed) / seconds, 2),
            tests_per_second=round(self.tests_now / seconds, 2),
            processors_used=round((_processor_seconds() - self._cpu) / seconds, 2),
            program_cpu_seconds=round(self.program_cpu, 3),
            verdicts={status.value: self.verdicts[status] for status in Status if self.verdicts[status]},
            labelled=self.labels.labelled,
            confusion=self.labels,
            false_negatives=self.labels.false_negatives,
            false_positives=self.labels.false_positives,
            timing_sensitive=SensitiveLabels(
                labelled=self.sensitive.labelled,
                false_negatives=self.sensitive.false_negatives,
                false_positives=self.sensitive.false_positives,
            ),
            system_errors=self.verdicts[Status.SYSTEM_ERROR],
            checker_errors=self.verdicts[Status.CHECKER_ERROR],
            workers=workers,
            jail=jail,
            skipped_rows=skipped_rows,
        )


def _processor_seconds() -> float:
    """Of this process and of all its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def table(summary: Summary) -> RenderableType:
    """For people."""
    from rich.console import Group
    from rich.table import Table

    verdicts = Table(title="verdicts", title_justify="left", box=None, padding=(0, 2, 0, 0), show_header=False)
    for name, count in summary.verdicts.items():
        verdicts.add_row(name, f"{count:>9,}", f"{count / max(summary.programs, 1):>7.1%}")
    parts: list[RenderableType] = [verdicts]
    if summary.labelled:
        parts += ["", _labels_table(summary)]
    if summary.timing_sensitive.labelled:
        sensitive = summary.timing_sensitive
        parts.append(
            f"timing-sensitive, counted apart: {sensitive.labelled} labelled,"
            f" {sensitive.false_negatives} right rejected, {sensitive.false_positives} wrong accepted"
        )
    judged = summary.programs - summary.resumed
    resumed = f" ({summary.resumed:,} more were in the output file)" if summary.resumed else ""
    rates = f"{summary.programs_per_second:,.1f} programs/s, {summary.tests_per_second:,.1f} tests/s"
    parts += [
        "",
        f"{judged:,} programs{resumed} in {summary.seconds:,.1f} s: {rates}",
        f"{summary.workers} workers in {summary.jail}, {summary.processors_used:.2f} processors used",
    ]
    if summary.skipped_rows:
        parts.append(f"{summary.skipped_rows:,} bad rows left out")
    return Group(*parts)


def _labels_table(summary: Summary) -> RenderableType:
    from rich.table import Table

    labels = summary.confusion
    result = Table(title="labels", title_justify="left", box=None, padding=(0, 2, 0, 0))
    columns = ["", "accepted", "rejected"] + (["undecided"] if labels.undecided else [])
    for column in columns:
        result.add_column(column, justify="right" if column else "left")
    result.add_row("right", f"{labels.right_accepted:,}", f"{labels.right_rejected:,}")
    result.add_row("wrong", f"{labels.wrong_accepted:,}", f"{labels.wrong_rejected:,}")
    if labels.undecided:
        result.add_row("", "", "", f"{labels.undecided:,}")
    return result
