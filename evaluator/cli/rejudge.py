"""``microcoder-eval rejudge``: the reports of a run under another rule. Nothing is run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import uvloop

from ..compare import preset as find_preset
from ..comparing import Comparing
from ..datasets import InputError, Rows
from ..datasets.base import names_of
from ..datasets.lines import JsonLines
from ..datasets.sources import Sources
from ..prepared import Prepared
from ..rejudge import rejudge
from ..report import Report
from ..status import Status
from .errors import DONE, JUDGE_FAILED, UsageError
from .notices import tell_of_rows
from .options import Rejudge
from .reports import ReportFile, write_json
from .run import check_outputs
from .summary import Change, Rejudged, Tally, changes_table, table
from .terminal import say, show


def main(options: Rejudge) -> int:
    """The whole command; returns the exit code. A mistake of the user is raised."""
    return uvloop.run(_main(options))


async def _main(options: Rejudge) -> int:
    if not options.files:
        raise UsageError("which FILE? See microcoder-eval rejudge --help")
    found = tuple(path for path in options.files if _holds_reports(path))
    reports = (*options.reports, *found)
    files = tuple(path for path in options.files if path not in found)
    if not reports:
        raise UsageError("which reports? Name the file that run --keep-outputs --output wrote")
    if not files:
        raise UsageError(f"which problems? Name the files of the run, too: rejudge {reports[0]} PROBLEMS")
    check_outputs((*files, *reports), {"--output": options.output, "--json": options.json})
    try:
        preset = find_preset(options.preset) if options.preset else None
    except ValueError as error:
        raise UsageError(f"--preset: {error}") from None
    rows = Rows(files, format=options.format, skip_bad=options.skip_bad)
    problems = {each.problem.problem_id: Prepared(each.problem, preset) for _, each in rows.examples()}
    tally, changes, missing = Tally(), list[Change](), 0
    async with contextlib.AsyncExitStack() as stack:
        comparing = Comparing()
        stack.push_async_callback(comparing.close)
        output = None
        if options.output:
            output = stack.enter_context(ReportFile(options.output, overwrite=options.overwrite))
        for place, before in _reports(reports):
            prepared = problems.get(before.problem_id)
            if prepared is None:
                if not options.skip_bad:
                    raise InputError(f"{place}: no problem {before.problem_id!r} in the problem files")
                missing += 1
                continue
            try:
                after = await rejudge(prepared, before, comparing)
            except ValueError as error:
                raise InputError(f"{place}: {before.problem_id}: {error}") from None
            tally.add(after)
            if output:
                output.write(after)
            if change := Change.between(before, after):
                changes.append(change)
    summary = tally.summary(
        workers=0,
        jail="none: nothing was run",
        skipped_rows=rows.skipped + missing,
        interrupted=False,
        preset=options.preset,
    )
    undecided = tally.verdicts[Status.SKIPPED]
    rejudged = Rejudged(
        **msgspec.structs.asdict(summary), changed=len(changes) - undecided, not_rejudgeable=undecided, changes=changes
    )
    if options.json:
        write_json(options.json, rejudged)
    tell_of_rows(rows)
    if missing:
        say(f"left out: {missing} reports of problems that are not in the problem files")
    if not options.quiet:
        show(table(summary), changes_table(rejudged))
    return JUDGE_FAILED if tally.judge_failures else DONE


def _holds_reports(path: Path) -> bool:
    """Whether the first row is a report, as the names of its fields say."""
    if not path.name.endswith(JsonLines.suffixes) or not path.is_file():
        return False
    with contextlib.closing(JsonLines(path).rows()) as rows:
        names = names_of(next(rows, (0, b""))[1])
    return names is not None and {"status", "passed", "total"} <= names


def _reports(files: Sequence[Path]) -> Iterator[tuple[str, Report]]:
    decoder = msgspec.json.Decoder(Report)
    for source, line, text in Sources(files):
        try:
            if not isinstance(text, bytes):
                raise InputError(f"{source.path}: not a file of reports, which are .jsonl")
            yield f"{source.path}:{line}", decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(f"{source.path}:{line}: not a report: {error}") from None
