"""Problems and the programs to judge, in the order of the files.

Programs stand with their problems. Or they come from files of their own, whose rows name the problem that they are for.

Reading stops at a row that cannot be used, with the file, line, field and reason; or it leaves the row out and goes on.
A problem that cannot be used takes its programs with it; a program that cannot be used leaves the others in place. A
program of a data set whose language is not supported is no fault of the row: it is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import msgspec

from ...sandbox.languages import NAMES
from ..options import RewardOptions
from ..problem import Problem
from ..submission import Submission
from .base import BadRow, Example, Format, Place, Row, present, shorten
from .formats import format_named, format_of
from .misspelt import misspelt
from .native import FIELDS_OF_ROW, Native
from .places import Places
from .programs import PLAIN, ProgramRow, read_pairs
from .row_reader import RowReader
from .source import Source
from .sources import Sources

KEPT = 100
"""Bad rows that are remembered; the others are only counted."""

Pair = tuple[Problem, Submission]


class MixedRow(BadRow):
    """A row of another format than those before it in its file."""

    def __init__(self, place: Place, form: str, other: str) -> None:
        reason = f"of the format {other}, in a file of the format {form}: rows of each have to be in files of their own"
        super().__init__(place, None, reason)


class Misspelt(msgspec.Struct):
    """Rows with the same misspelt field."""

    first: Place
    rows: int = 0
    told: bool = False


class Rows:
    """``for problem, submission in Rows(files)``, in the order of the files. One Problem object a problem.

    Problem files are streamed. With submission files it is those that are streamed, in their order, and the problems
    are kept in memory; programs that stand in the problem files are then left aside.

    The format of a file is that of its first row that is of any; a row of another one cannot be used. ``format`` names
    one for all files instead.
    """

    def __init__(
        self,
        files: Iterable[Path],
        submissions: Iterable[Path] = (),
        *,
        format: str | None = None,
        skip_bad: bool = False,
        change: Callable[[Problem], Problem] | None = None,
        options: RewardOptions = PLAIN,
        watch: Callable[[], None] | None = None,
    ) -> None:
        self.skip_bad = skip_bad
        self.change = change
        """What is done to each problem that was read, say, to set its limits."""
        self.options = options
        """For programs that stand in completions."""
        self.watch = watch
        """Called after each row of a problem file, whether it can be used or not."""
        self.read = 0
        """Rows of problem files."""
        self.bad: list[BadRow] = []
        self.skipped = 0
        self.left_out: Counter[str] = Counter()
        """Programs in languages that are not supported, by language."""
        self.misspelt: dict[str, Misspelt] = {}
        """Fields of our own rows that are called almost like one that is read, by what there is to say."""
        self._format = format_named(format) if format else None
        self._formats: dict[Source, Format[Any]] = {}
        self._mixed: set[tuple[Path, str]] = set()
        """What was said of files with rows of several formats."""
        self._problems = Sources(files, self._format)
        self._submissions = Sources(submissions)
        self._reader = RowReader(options)
        self._seen = Places()
        self._held: Counter[Path] = Counter()
        """Programs that can be judged, by the file, or what is one here, that they stand in."""

    @property
    def separate(self) -> bool:
        """Whether programs come from files of their own."""
        return bool(self._submissions.sources)

    @property
    def without_programs(self) -> list[Path]:
        """Of the files, as they were given, in which programs are looked for: those in which none was found that can
        be judged."""
        looked_at = self._streamed.found
        return [path for path, sources in looked_at if not any(self._held[source.path] for source in sources)]

    @property
    def progress(self) -> float:
        """Share of the input that was read, 0 to 1."""
        return self._streamed.progress

    @property
    def done(self) -> float:
        """The same in bytes on disk."""
        return self._streamed.done

    @property
    def size(self) -> int:
        """Bytes of all the input; 0 where that is not known."""
        return self._streamed.size

    @property
    def _streamed(self) -> Sources:
        return self._submissions if self.separate else self._problems

    def __iter__(self) -> Generator[Pair]:
        self._held.clear()
        if self.separate:
            yield from self._separate()
        else:
            for _, example in self.examples():
                problem = example.problem
                file, _ = self._seen[problem.problem_id]
                for program in self.usable(example):
                    self._held[file] += 1
                    yield problem, program

    def place_of(self, problem_id: str) -> str:
        """File and line of a problem that was read."""
        file, line = self._seen[problem_id]
        return f"{file}:{line}" if line else f"{file}"

    def examples(self) -> Generator[tuple[Format[Any], Example]]:
        """The problems, each with its format; their programs are read when they are asked for."""
        self.bad, self.skipped, self.left_out, self.misspelt = [], 0, Counter(), {}
        self.read, self._seen = 0, Places()
        self._mixed.clear()
        for source, number, content in self._problems:
            row, form = Row(source.path, number, content), None
            self.read += 1
            try:
                form = self._format_of(source, row)
                example = self._reader.read(row, form)
                example = example._replace(problem=self._named(example.problem, row.place))
            except BadRow as error:
                mixed = self._of_another_format(source, row)
                self._look_at_names(None if mixed else form, row)
                self._skip(mixed or error)
            else:
                self._look_at_names(form, row)
                yield form, example
            if self.watch:
                self.watch()

    def _separate(self) -> Generator[Pair]:
        named: dict[str, Problem] = {}
        others: list[tuple[str, Problem]] = []
        for _, example in self.examples():
            problem, also = example.problem, example.also
            name = problem.problem_id
            named[name] = problem
            others.append((Row(*self._seen[name], None).fallback_id, problem))
            others += [(also, problem)] if also is not None else []
        counts = Counter(name for name, _ in others)
        problems = {name: problem for name, problem in others if counts[name] == 1} | named
        for source, number, content in self._submissions:
            self._tell_slips(ProgramRow, Row(source.path, number, content))
            try:
                text = content if isinstance(content, bytes) else present(content)
                for pair in read_pairs(text, (source.path, number), problems.get, self.options):
                    self._held[source.path] += 1
                    yield pair
            except BadRow as error:
                self._skip(error)

    def usable(self, example: Example) -> Generator[Submission]:
        """The programs of a problem that can be judged."""
        for program in example.programs:
            if isinstance(program, BadRow):
                self._skip(program)
            elif program.language in NAMES:
                yield program
            else:
                self.left_out[program.language] += 1

    def _format_of(self, source: Source, row: Row) -> Format[Any]:
        form = source.format or self._format or self._formats.get(source)
        if form is None:
            form = self._formats[source] = format_of(row)
        return form

    def _of_another_format(self, source: Source, row: Row) -> MixedRow | None:
        """What is wrong with a row, if it is that."""
        if (form := self._formats.get(source)) is None:
            return None  # no row before it says what the file holds
        try:
            other = format_of(row)
        except BadRow:
            return None
        return None if other is form else MixedRow(row.place, form.name, other.name)

    def _named(self, problem: Problem, place: Place) -> Problem:
        """The problem, changed as it is to be, under a name that no other has. Raises BadRow."""
        if self._seen.add(problem.problem_id, place) is not place:
            words = f"the same as in {self.place_of(problem.problem_id)}"
            raise BadRow(place, "problem_id", words, shorten(problem.problem_id))
        return self.change(problem) if self.change else problem

    def _look_at_names(self, form: Format[Any] | None, row: Row) -> None:
        """Where the row is ours: others have fields of their own."""
        if isinstance(form, Native):
            self._tell_slips(FIELDS_OF_ROW, row)

    def _tell_slips(self, fields: type[msgspec.Struct], row: Row) -> None:
        text = row.content if isinstance(row.content, bytes) else msgspec.json.encode(row.content)
        for slip in misspelt(fields, text):
            self.misspelt.setdefault(str(slip), Misspelt(row.place)).rows += 1

    def _skip(self, error: BadRow) -> None:
        if not self.skip_bad:
            raise error
        self.skipped += 1
        if isinstance(error, MixedRow):
            if (error.file, error.reason) in self._mixed:
                return
            self._mixed.add((error.file, error.reason))
        if len(self.bad) < KEPT:
            error.__context__ = None  # what it holds of the row is not kept
            self.bad.append(error.with_traceback(None))
