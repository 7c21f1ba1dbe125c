"""``microcoder-eval convert``: problems of any format that is read, as rows of another."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from ..conversion import PROGRAM_ROW, TARGETS, Source, program_row
from ..datasets import Rows
from ..datasets.base import Example, Unusable
from ..submission import Submission
from .errors import DONE, REFUSED, UsageError
from .notices import SHOWN_BAD_ROWS, tell_of_rows
from .options import Convert
from .progress import progress
from .rowfile import RowFile
from .terminal import grid, say, show

if TYPE_CHECKING:
    from rich.table import Table


def main(options: Convert) -> int:
    """The whole command; returns the exit code. A mistake of the user is raised."""
    output = _check(options)
    conversion = _Conversion(options)
    with _ended_in_order(), contextlib.ExitStack() as stack:
        to = RowFile(output, TARGETS[options.to].row, overwrite=options.overwrite)
        stack.enter_context(to)
        programs_to = None
        if options.submissions_output:
            programs_to = RowFile(options.submissions_output, PROGRAM_ROW, overwrite=options.overwrite)
            stack.enter_context(programs_to)
        with progress(quiet=options.quiet, beginning="reading") as shown:
            for form, example in conversion.read.examples():
                conversion.write(example, form.name, to, programs_to)
                shown.update(conversion.read.progress, conversion.describe)
    tell_of_rows(conversion.read)
    conversion.tell()
    if not options.quiet:
        show(conversion.table())
    return DONE if conversion.complete else REFUSED


def _check(options: Convert) -> Path:
    """Where to. Raises UsageError."""
    if not options.files:
        raise UsageError("which FILE? See microcoder-eval convert --help")
    if options.output is None:
        raise UsageError("where to? Name the file of rows with --output")
    taken = {path.resolve(): "a FILE that is read" for path in options.files}
    for option, path in (("--output", options.output), ("--submissions-output", options.submissions_output)):
        if path is None:
            continue
        if (other := taken.get(path.resolve())) is not None:
            raise UsageError(f"{option}: {path} is {other}, too")
        taken[path.resolve()] = option
    return options.output


class _Conversion:
    """What is written, and what is refused."""

    def __init__(self, options: Convert) -> None:
        self.read = Rows(options.files, format=options.format, skip_bad=True)
        self._options = options
        self._target = TARGETS[options.to]
        self._refused = 0
        self._refusals: list[str] = []
        """The first ones."""
        self._rows = 0
        self._programs = 0
        self._left = 0
        """Programs that the rows have no place for."""

    def write(self, example: Example, form: str, to: RowFile, programs_to: RowFile | None) -> None:
        """A problem that was read, and its programs. Raises OutputError."""
        problem_id = example.problem.problem_id
        programs = [program for program in self.read.usable(example) if self._has_text(program, problem_id)]
        within = programs if programs_to is None and self._target.programs else []
        source = Source(example, form, self._rows, self._options.prompt)
        try:
            to.write(self._target.make(source, within))
        except Unusable as error:
            self._refuse(problem_id, f"{error.field}: {error.reason}")
            return
        self._rows += 1
        self._programs += len(programs if programs_to else within)
        self._left += 0 if programs_to else len(programs) - len(within)
        if programs_to:
            for program in programs:
                programs_to.write(program_row(problem_id, program))

    def _has_text(self, program: Submission, problem_id: str) -> bool:
        """Half of a surrogate pair has no place in a file."""
        try:
            "".join((program.code or "", *program.files.values())).encode()
        except UnicodeEncodeError as error:
            self._refuse(problem_id, f"program {program.name}: {error.reason}")
            return False
        return True

    def _refuse(self, problem_id: str, reason: str) -> None:
        self._refused += 1
        if len(self._refusals) < SHOWN_BAD_ROWS:
            self._refusals.append(f"{self.read.place_of(problem_id)}: {reason}")

    @property
    def refused(self) -> int:
        """Rows and programs."""
        return self._refused + self.read.skipped

    @property
    def complete(self) -> bool:
        return self._rows > 0 and not self.refused

    def describe(self) -> str:
        """In a line."""
        return f"{self._rows:,} rows  {self.refused:,} refused"

    def tell(self) -> None:
        """What was refused, and why."""
        for refusal in self._refusals:
            say(f"refused: {refusal}")
        if (more := self._refused - len(self._refusals)) > 0:
            say(f"refused: {more:,} more")
        if self._left:
            say(f"left out: {self._left:,} programs; --submissions-output FILE keeps them")
        if not self._rows:
            say(f"microcoder-eval: no row was written, so there is no {self._options.output}")

    def table(self) -> Table:
        """For people."""
        counts = grid()
        counts.add_column(style="bold")
        counts.add_column(justify="right")
        for name, count in (("rows", self._rows), ("programs", self._programs), ("refused", self.refused)):
            counts.add_row(name, f"{count:,}")
        return counts


@contextlib.contextmanager
def _ended_in_order() -> Generator[None]:
    """SIGTERM leaves no half of a file, either."""

    def end(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
