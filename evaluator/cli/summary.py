"""What a run comes to: counts, rates, labels against verdicts."""

from __future__ import annotations

import itertools
import resource
import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from .. import violations
from ..compare import RULES
from ..report import Report
from ..status import Status
from .terminal import grid

SHOWN_CHANGES = 20
SHOWN_MODULES = 10
SHOWN = 80
"""Characters of a cell."""
WIDTH = 400
"""Characters of a line that a terminal cuts to its own width."""

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
    """The judge failed on them, or they could not be judged again; in none of the four."""

    @property
    def false_negatives(self) -> int:
        return self.right_rejected

    @property
    def false_positives(self) -> int:
        return self.wrong_accepted

    def add(self, report: Report) -> None:
        self.labelled += 1
        if report.reward is None:
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
    scored: int
    """Programs whose score is known."""
    mean_score: float | None
    """Theirs, 0 to 1."""
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
    sandbox_violations: int
    """Programs that broke one worker after the other, where a control broke none."""
    broken_problems: dict[str, str]
    """Problems whose checker or expected output decided nothing about a program, with what was said the first time."""
    missing_modules: dict[str, int]
    """Programs that failed for want of a module, by its name."""
    workers: int
    jail: str
    skipped_rows: int
    preset: str | None
    """The rule that replaced that of the problems, when one did."""
    rules: dict[str, int]
    """Accepted tests by the rule that accepted them."""
    accepted_by: dict[str, int]
    """Accepted programs by the most lenient rule that they needed: ``decimal`` are those accepted only by tolerance."""


class Change(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A program whose verdict is another one than before."""

    problem_id: str
    name: str | None
    before: Status
    after: Status
    test: int | None = None
    """The test that decides, counted from 1."""
    rule: str | None = None
    """The rule that accepted it then or now."""
    message: str | None = None
    accept: bool | None = None
    """The label, when the program has one."""

    @classmethod
    def between(cls, before: Report, after: Report) -> Change | None:
        """None: the verdict is the same."""
        if before.status is after.status:
            return None
        change = cls(
            problem_id=after.problem_id,
            name=after.name,
            before=before.status,
            after=after.status,
            message=after.message,
            accept=after.accept,
        )
        for number, (old, new) in enumerate(zip(before.tests, after.tests, strict=True), 1):
            if old.status is not new.status:
                change.test = number
                change.rule = new.rule or old.rule
                change.message = after.message or new.message or old.message
                break
        return change


class Rejudged(Summary, kw_only=True):
    """The content of ``--json`` of rejudge."""

    changed: int
    """Programs with another verdict now."""
    not_rejudgeable: int
    """Programs whose new verdict depends on what was not kept, or not run; they are in ``changes``, too."""
    changes: list[Change]


class Tally:
    """Counts reports as they come."""

    def __init__(self) -> None:
        self.programs = self.resumed = 0
        self.tests_run = 0
        self.tests_now = 0
        self.program_cpu = 0.0
        self.verdicts: Counter[Status] = Counter()
        self.scored = 0
        self.score = 0.0
        self.rules: Counter[str] = Counter()
        self.accepted_by: Counter[str] = Counter()
        self.broken: dict[str, str] = {}
        self.missing_modules: Counter[str] = Counter()
        self.violations = 0
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
        if report.status is Status.CHECKER_ERROR:
            self.broken.setdefault(report.problem_id, report.message or "")
        self.violations += report.sandbox_violation
        if (module := report.missing_module) is not None:
            self.missing_modules[module] += 1
        if report.score is not None:
            self.scored += 1
            self.score += report.score
        self.rules.update(test.rule for test in report.tests if test.rule)
        if rule := report.rule:
            self.accepted_by[rule] += 1
        if report.accept is not None:
            (self.sensitive if report.timing_sensitive else self.labels).add(report)

    def describe(self) -> str:
        """While it lasts, in a line."""
        counts = ", ".join(f"{count:,} {status}" for status, count in self.verdicts.most_common(3))
        return f"{self.programs:,} programs  {self.rate:,.1f}/s  {counts}"

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

    def summary(
        self, *, workers: int, jail: str, skipped_rows: int, interrupted: bool, preset: str | None = None
    ) -> Summary:
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
            scored=self.scored,
            mean_score=round(self.score / self.scored, 4) if self.scored else None,
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
            sandbox_violations=self.violations,
            broken_problems=self.broken,
            missing_modules=dict(self.missing_modules.most_common()),
            workers=workers,
            jail=jail,
            skipped_rows=skipped_rows,
            preset=preset,
            rules=_by_rank(self.rules),
            accepted_by=_by_rank(self.accepted_by),
        )


def _by_rank(counts: Counter[str]) -> dict[str, int]:
    """From strict to lenient; rules of checkers, which are not ours, come last."""
    return {rule: counts[rule] for rule in (*RULES, *sorted(counts.keys() - RULES.keys())) if counts[rule]}


def _processor_seconds() -> float:
    """Of this process and of all its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def table(summary: Summary) -> RenderableType:
    """For people."""
    from rich.console import Group

    verdicts = grid("verdicts")
    for name, count in summary.verdicts.items():
        verdicts.add_row(name, f"{count:>9,}", f"{count / max(summary.programs, 1):>7.1%}")
    parts: list[RenderableType] = [verdicts]
    if summary.mean_score is not None:
        parts += ["", f"mean score of {summary.scored:,} programs: {summary.mean_score:.1%}"]
    if summary.accepted_by:
        needed = ", ".join(f"{rule} {count:,}" for rule, count in summary.accepted_by.items())
        preset = f" (preset {summary.preset})" if summary.preset else ""
        parts += ["", f"accepted programs by the most lenient rule they needed{preset}: {needed}"]
    if summary.labelled:
        parts += ["", _labels_table(summary)]
    if summary.timing_sensitive.labelled:
        sensitive = summary.timing_sensitive
        parts.append(
            f"timing-sensitive, counted apart: {sensitive.labelled} labelled,"
            f" {sensitive.false_negatives} right rejected, {sensitive.false_positives} wrong accepted"
        )
    if summary.broken_problems:
        parts += ["", _broken_table(summary.broken_problems)]
    if summary.sandbox_violations:
        parts += ["", f"sandbox violations: {summary.sandbox_violations:,}, kept in {violations.path()}"]
    if summary.missing_modules:
        first = list(summary.missing_modules.items())[:SHOWN_MODULES]
        more = len(summary.missing_modules) - len(first)
        names = ", ".join(f"{name} {count:,}" for name, count in first) + (f" and {more:,} more" if more > 0 else "")
        parts += ["", f"programs that failed for want of a module: {names}; --allow-package lets them have it"]
    if summary.skipped_rows:
        parts.append(f"{summary.skipped_rows:,} bad rows left out")
    if not summary.workers:
        return Group(*parts)
    judged = summary.programs - summary.resumed
    resumed = f" ({summary.resumed:,} more were in the output file)" if summary.resumed else ""
    rates = f"{summary.programs_per_second:,.1f} programs/s, {summary.tests_per_second:,.1f} tests/s"
    parts += [
        "",
        f"{judged:,} programs{resumed} in {summary.seconds:,.1f} s: {rates}",
        f"{summary.workers} workers in {summary.jail}, {summary.processors_used:.2f} processors used",
    ]
    return Group(*parts)


def changes_table(rejudged: Rejudged) -> RenderableType:
    """What changed, the first few; then how many."""
    from rich.console import Group
    from rich.text import Text

    counts = f"{rejudged.changed:,} of {rejudged.programs:,} programs have another verdict"
    if rejudged.not_rejudgeable:
        counts += f"; {rejudged.not_rejudgeable:,} cannot be judged again"
    if not rejudged.changes:
        return Group("", counts)
    lines: list[str] = []
    for change in rejudged.changes[:SHOWN_CHANGES]:
        program = change.problem_id if change.name is None else f"{change.problem_id}, {change.name}"
        lines.append(f"  {change.before} → {change.after}: {' '.join(program.split())}")
        where = [f"test {change.test}"] if change.test else []
        where += [f"rule {change.rule}"] if change.rule else []
        why = " ".join((change.message or "").split()).removeprefix(f"test {change.test}: ")
        if told := ": ".join(filter(None, (", ".join(where), why))):
            lines.append(f"      {told}")
    found = [Text(line[:WIDTH], no_wrap=True, overflow="ellipsis") for line in ("changed", *lines)]
    more = len(rejudged.changes) - SHOWN_CHANGES
    return Group("", *found, *([f"and {more:,} more; --json has them all"] if more > 0 else []), "", counts)


def _broken_table(broken: dict[str, str]) -> RenderableType:
    from rich.markup import escape

    result = grid(f"problems that decided nothing: {len(broken):,}")
    for problem_id, why in itertools.islice(broken.items(), SHOWN_CHANGES):
        result.add_row(escape(problem_id), escape(" ".join(why.split())[:SHOWN]))
    return result


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
