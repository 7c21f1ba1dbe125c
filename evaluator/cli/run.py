"""``microcoder-eval run``: judges files of programs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from ...sandbox.limits import Limits
from ..datasets import InputError, Rows
from ..engine import Evaluator
from ..memory import Memory
from ..problem import Problem
from ..report import Report
from ..submission import Submission
from .calibrate import read_limits
from .engine import ONE_AFTER_THE_OTHER, engine_options, for_rows, warn_of_shortage
from .errors import DONE, JUDGE_FAILED, UsageError
from .notices import no_programs, tell_misspelt, tell_of_files, tell_of_rows
from .options import Inspect, Run
from .progress import progress
from .reports import OutputError, ReportFile, write_json
from .summary import Summary, Tally, table
from .terminal import say, show

Pair = tuple[Problem, Submission]


def main(options: Run) -> int:
    """The whole command; returns the exit code. A mistake of the user is raised."""
    for_engine = _check(options)
    rows = Rows(
        options.files,
        options.submissions,
        format=options.format,
        skip_bad=options.skip_bad,
        change=changed_limits(options),
        options=for_rows(options),
    )
    warn_of_shortage(options.workers, msgspec.structs.replace(Limits(), **options.limits.given()))
    run = _Judging(rows, options.preset)
    with contextlib.ExitStack() as stack:
        stack.callback(run.close)
        output = None
        if options.output:
            output = ReportFile(options.output, resume=options.resume, overwrite=options.overwrite)
            stack.enter_context(output)
            run.resume(output)
        # Before there is an event loop to block: with programs in files of their own this reads all problems.
        first = next(run.pairs, None)
        tell_misspelt(rows)
        if first is None and not run.tally.programs:
            tell_of_rows(rows)
            raise run.error or UsageError(f"there is nothing to judge: {no_programs(rows)}")
        run.pairs = itertools.chain([] if first is None else [first], run.pairs)
        with (
            progress(quiet=options.quiet) as run.progress,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            summary = runner.run(run.judge(Evaluator(**for_engine), output))
    if options.json:
        write_json(options.json, summary)
    tell_of_rows(rows)
    if not options.quiet:
        show(table(summary))
    if run.signal:
        hint = "; --resume goes on" if options.output else ""
        say(f"microcoder-eval: interrupted{hint}")
        return 128 + run.signal
    if run.error:
        raise run.error
    tell_of_files(rows)
    return JUDGE_FAILED if run.tally.judge_failures else DONE


class _Judging:
    """One run of the engine over the rows."""

    def __init__(self, rows: Rows, preset: str | None) -> None:
        self.rows = rows
        self._reading = self._pairs()
        self.pairs: Iterator[Pair] = self._reading
        self.tally = Tally()
        self.preset = preset
        self.progress = progress(quiet=True)
        self._shares: deque[float] = deque()
        """Of the programs that there is no report of yet: how much of the input was read when each was."""
        self._places: dict[int, int] = {}
        """Where the programs that the engine has stand in the input, by their place among those it was given."""
        self.error: InputError | None = None
        """Why the input ended before its time."""
        self._unwritable: OutputError | None = None
        """Why the run ended before its time."""
        self.signal: int | None = None
        """What interrupted."""

    def close(self) -> None:
        """Close the input files."""
        self._reading.close()

    def _pairs(self) -> Generator[Pair]:
        """The rows up to the first that is bad. What came before it is judged first, then it is told."""
        try:
            with contextlib.closing(iter(self.rows)) as rows:
                for pair in rows:
                    self._shares.append(self.rows.progress)
                    yield pair
        except InputError as error:
            self.error = error

    def resume(self, output: ReportFile) -> None:
        """Take over what the file holds."""
        try:
            for report in output.held(self.pairs):
                self._shares.popleft()
                self.tally.add(report, resumed=True)
        except OutputError:
            if self.error:  # the input ended because of a bad row
                raise self.error from None
            raise

    async def judge(self, evaluator: Evaluator, output: ReportFile | None) -> Summary:
        self._listen()
        jail = "not started"
        self.tally.start()
        try:
            async with evaluator:
                jail = evaluator.jail
                pairs, finished = self._unjudged(output), functools.partial(self._finished, output)
                async with contextlib.aclosing(evaluator.evaluate_many(pairs, finished=finished)) as reports:
                    async for _ in reports:
                        pass
        except asyncio.CancelledError:
            if not self.signal and not self._unwritable:
                raise
        if self._unwritable:
            raise self._unwritable
        return self.tally.summary(
            workers=evaluator.workers,
            jail=jail,
            skipped_rows=self.rows.skipped,
            interrupted=bool(self.signal),
            preset=self.preset,
        )

    def _unjudged(self, output: ReportFile | None) -> Iterator[Pair]:
        """The pairs that the engine is given: those of which the output file holds no report."""
        if output is None:
            yield from self.pairs
            return
        given = 0
        for place, pair, report in output.unjudged(self.pairs):
            if report is not None:
                self._count(report, resumed=True)
                continue
            self._places[given] = place
            given += 1
            yield pair

    def _finished(self, output: ReportFile | None, place: int, report: Report) -> None:
        """Of a program that the engine was given. Its report is written before anything else can happen to it."""
        if output:
            try:
                output.add(self._places.pop(place), report)
            except OutputError as error:
                self._unwritable = error
                self._stop()
                return
        self._count(report)

    def _count(self, report: Report, *, resumed: bool = False) -> None:
        self.tally.add(report, resumed=resumed)
        self.progress.update(self._shares.popleft(), self.tally.describe)

    def _listen(self) -> None:
        """SIGINT and SIGTERM end the run in order; a second one ends it at once."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._stop = task.cancel

        def stop(number: int) -> None:
            self.signal = number
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)
            self._stop()

        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop, each)


# ---------------------------------------------------------------------------------------------------------- options


def _check(options: Run) -> dict[str, Any]:
    """The options of the engine. Raises UsageError."""
    if not options.files:
        raise UsageError("which FILE? See microcoder-eval run --help")
    if options.resume and not options.output:
        raise UsageError("--resume needs --output: it goes on with that file")
    if options.resume and options.overwrite:
        raise UsageError("--resume keeps the output file and --overwrite replaces it: take one of them")
    check_outputs((*options.files, *options.submissions), {"--output": options.output, "--json": options.json})
    if options.keep_outputs and not options.output:
        raise UsageError("--keep-outputs needs --output: it keeps them in the reports")
    memory = Memory() if options.submissions else ONE_AFTER_THE_OTHER
    return {**engine_options(options), "keep_outputs": options.keep_outputs or 0, "memory": memory}


def check_outputs(inputs: Iterable[Path], outputs: dict[str, Path | None]) -> None:
    """Before hours of work: outputs can be written, and are no inputs. Raises UsageError."""
    read = {path.resolve() for path in inputs}
    for name, path in outputs.items():
        if not path:
            continue
        if path.resolve() in read:
            raise UsageError(f"{name}: {path} is an input file, too")
        if not path.resolve().parent.is_dir():
            raise UsageError(f"{name}: there is no directory {path.parent}")
        if path.is_dir():
            raise UsageError(f"{name}: {path} is a directory")
    written = [path.resolve() for path in outputs.values() if path]
    if len(set(written)) < len(written):
        raise UsageError(f"{' and '.join(outputs)} name the same file")


def changed_limits(options: Run | Inspect) -> Callable[[Problem], Problem] | None:
    """What the command line and calibrated limits change in a problem."""
    given = options.limits.given()
    calibrated = read_limits(options.limits_from) if options.limits_from else {}
    if not given and not calibrated:
        return None

    def change(problem: Problem) -> Problem:
        if (seconds := calibrated.get(problem.problem_id)) is not None:
            problem = msgspec.structs.replace(problem, time_limit=seconds)
        limits = msgspec.structs.replace(problem.limits, **given)
        time_limit = None if "cpu_time" in given else problem.time_limit
        return msgspec.structs.replace(problem, limits=limits, time_limit=time_limit)

    return change
