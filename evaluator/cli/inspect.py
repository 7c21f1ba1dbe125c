"""``microcoder-eval inspect``: what was understood of files of problems."""

from __future__ import annotations

import asyncio
import functools
import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import uvloop

from ...sandbox.limits import MIB, Limits
from ..datasets import Rows
from ..engine import Evaluator
from ..inspection import EXAMPLES, Inspection, Inspector, Verification
from ..problem import Problem
from ..spread import Range
from ..submission import Submission
from .engine import ONE_AFTER_THE_OTHER, engine_options, for_rows, warn_of_shortage
from .errors import DONE, SUSPICIOUS, UsageError
from .notices import SHOWN_BAD_ROWS
from .options import Inspect
from .progress import progress
from .reports import write_json
from .run import changed_limits
from .summary import Tally
from .terminal import grid, show

if TYPE_CHECKING:
    from rich.console import RenderableType


def main(options: Inspect) -> int:
    """The whole command; returns the exit code. A mistake of the user is raised."""
    if not options.files:
        raise UsageError("which FILE? See microcoder-eval inspect --help")
    result = inspect(options)
    if options.verify:
        result.verified = verify(options)
    if options.json:
        write_json(options.json, result)
    if not options.quiet:
        for part in table(result):
            show(part, wrap=False)
    return DONE if result.clean else SUSPICIOUS


def inspect(options: Inspect) -> Inspection:
    """Reads all of the files. Raises InputError, UsageError."""
    rows = Rows(options.files, format=options.format, skip_bad=True, options=for_rows(options))
    inspector, began = Inspector(), time.monotonic()
    with progress(quiet=options.quiet, beginning="reading") as shown:
        rows.watch = lambda: shown.update(rows.progress, functools.partial(_reading, rows, began))
        for row_format, example in rows.examples():
            programs = list(rows.usable(example))
            right = [program.code or "" for program in programs if program.accept]
            place = rows.place_of(example.problem.problem_id)
            inspector.add_problem(example.form or row_format.name, example.problem, place, right)
            for program in programs:
                inspector.add_program(program)
    result = inspector.result()
    result.bad_rows = rows.skipped
    result.first_bad_rows = [str(error) for error in rows.bad]
    result.left_out = dict(rows.left_out.most_common())
    result.misspelt = {told: misspelt.rows for told, misspelt in rows.misspelt.items()}
    return result


def _reading(rows: Rows, began: float) -> str:
    """How far it has come."""
    of = f" of {rows.size / MIB:,.0f}" if rows.size else ""
    rate = rows.read / max(time.monotonic() - began, 1e-9)
    return f"{rows.read:,} rows  {rows.done / MIB:,.0f}{of} MiB  {rate:,.1f} rows/s"


def verify(options: Inspect) -> Verification:
    """Runs the reference solutions of all of the files. Raises InputError, UsageError, JailUnavailable."""
    change = changed_limits(options)
    rows = Rows(options.files, format=options.format, skip_bad=True, change=change, options=for_rows(options))
    evaluator = Evaluator(**engine_options(options), cache=0, memory=ONE_AFTER_THE_OTHER)
    warn_of_shortage(options.workers, msgspec.structs.replace(Limits(), **options.limits.given()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_verify(rows, evaluator, quiet=options.quiet))


async def _verify(rows: Rows, evaluator: Evaluator, *, quiet: bool) -> Verification:
    result, tally = Verification(), Tally()

    def references() -> Iterator[tuple[Problem, Submission]]:
        for _, example in rows.examples():
            right = [program for program in rows.usable(example) if program.accept]
            result.without += not right
            yield from ((example.problem, program) for program in right)

    tally.start()
    with progress(quiet=quiet) as shown:
        async with evaluator:
            async for report in evaluator.evaluate_many(references()):
                tally.add(report)
                shown.update(rows.progress, tally.describe)
                result.add(report, rows.place_of(report.problem_id))
    return result


def table(result: Inspection) -> Iterator[RenderableType]:
    """For people, one part after the other."""
    counts = grid()
    counts.add_column(style="bold")
    counts.add_column()
    for name, value in (
        ("format", _counts(result.formats)),
        ("problems", f"{result.problems:,}"),
        ("tests", f"{result.tests:,}; each problem {_range(result.tests_per_problem)}"),
        ("size of a test", f"{_range(result.characters_per_test)} characters"),
        ("groups of tests", _counts(result.groups)),
        ("mode", _counts(result.modes)),
        ("checker", _counts(result.checkers)),
        ("time limit", _limits(result)),
        ("described by", _counts(result.described)),
        ("programs", _counts(result.programs)),
        ("labels", _counts(result.labels)),
        ("found in completions", _counts(result.found)),
        ("left out, language", _counts(result.left_out)),
    ):
        if value:
            counts.add_row(name, value)
    yield counts
    for kind, finding in result.suspicious.items():
        yield f"\n{kind}: {finding.problems:,} problems"
        yield from (_plain(f"  {name}") for name in itertools.islice(finding.names, EXAMPLES))
    if (verified := result.verified) is not None:
        yield f"\nreference solutions accepted: {verified.accepted:,} of {verified.programs:,}"
        if verified.without:
            yield f"  problems without one: {verified.without:,}"
        for failure in verified.failures:
            named = f", {failure.program}" if failure.program else ""
            why = f": {failure.message}" if failure.message else ""
            yield _plain(f"  {failure.where}: {failure.problem_id}{named}: {failure.status}{why}")
    if result.misspelt:
        yield "\nfields that are not read"
        yield from (_plain(f"  {told} {rows:,} rows") for told, rows in result.misspelt.items())
    if result.bad_rows:
        yield f"\nrows that cannot be used: {result.bad_rows:,}"
        yield from (_plain(f"  {error}") for error in result.first_bad_rows[:SHOWN_BAD_ROWS])


def _plain(text: str) -> RenderableType:
    """Text from a file: no markup in it."""
    from rich.text import Text

    return Text(text)


def _counts(counts: dict[str, int]) -> str:
    from rich.markup import escape

    return ", ".join(f"{escape(name)} {count:,}" for name, count in counts.items())


def _range(values: Range) -> str:
    return f"{values.least:,g} to {values.most:,g}, median {values.median:,g}"


def _limits(result: Inspection) -> str:
    parts: list[str] = []
    if result.problems > result.without_time_limit:
        parts.append(f"{_range(result.time_limits)} seconds")
    if result.without_time_limit:
        parts.append(f"none of their own {result.without_time_limit:,}")
    return "; ".join(parts)
