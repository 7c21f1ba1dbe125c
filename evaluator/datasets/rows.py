"""Problems and the programs to judge, in the order of the files.

Programs stand with their problems. Or they come from files of their own, whose rows name the problem that they are for.

Reading stops at a row that cannot be used, with the file, line, field and reason; or it leaves the row out and goes on.
A problem that cannot be used takes its programs with it; a program that cannot be used leaves the others in place. A
program of a data set whose language is not supported is no fault of the row: it is left out and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ...sandbox.languages import NAMES
from ..asserts import read_assertions
from ..compare import comparison_for
from ..digits import loads
from ..input_prediction import as_judged
from ..options import RewardOptions
from ..problem import Checker, Problem
from ..starter import read_starter
from ..submission import Submission
from .base import BadRow, Example, Format, Place, Row, explain, present, shorten
from .formats import format_named, format_of
from .misspelt import misspelt
from .native import FIELDS_OF_ROW, Native
from .places import Places
from .programs import FIELDS, PLAIN, read_programs
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
        self._seen = Places()
        self._checker: Checker | None = None
        """The last one of a stdio problem that was found usable. Whole files share one."""

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
        return self._submissions if self._submissions.sources else self._problems

    def __iter__(self) -> Generator[Pair]:
        if self._submissions.sources:
            yield from self._separate()
        else:
            for _, example in self.examples():
                problem = example.problem
                for program in self.usable(example):
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
            row = Row(source.path, number, content)
            self.read += 1
            try:
                form = self._format_of(source, row)
                example = self._example(row, form)
            except BadRow as error:
                self._skip(self._of_another_format(source, row) or error)
            else:
                yield form, example
            if self.watch:
                self.watch()

    def _example(self, row: Row, form: Format[Any]) -> Example:
        """Raises BadRow."""
        if isinstance(form, Native):
            example = form.read(row, self.options)
            self._look_at_names(FIELDS_OF_ROW, row)
        else:
            example = form.read(row)
        return example._replace(problem=self._checked(example.problem, row, form))

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
            self._look_at_names(FIELDS, Row(source.path, number, content))
            try:
                row = content if isinstance(content, bytes) else present(content)
                yield from read_programs(row, (source.path, number), problems.get, self.options)
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

    def _checked(self, problem: Problem, row: Row, form: Format[Any]) -> Problem:
        """Whether it can be judged, as far as can be said before. Raises BadRow."""
        try:
            if problem.mode == "call":
                check_arguments(problem)
            if problem.mode != "stdio" or problem.checker != self._checker:
                comparison_for(problem)
                read_starter(problem)
                for _ in read_assertions(as_judged(problem)):
                    pass
                self._checker = problem.checker if problem.mode == "stdio" else None
        except ValueError as error:
            raise explain(
                error, row.content if isinstance(form, Native) else msgspec.to_builtins(problem), row.place
            ) from None
        place = row.place
        if self._seen.add(problem.problem_id, place) is not place:
            words = f"the same as in {self.place_of(problem.problem_id)}"
            raise BadRow(place, "problem_id", words, shorten(problem.problem_id))
        return self.change(problem) if self.change else problem

    def _look_at_names(self, kind: type[msgspec.Struct], row: Row) -> None:
        text = row.content if isinstance(row.content, bytes) else msgspec.json.encode(row.content)
        for told in misspelt(kind, text):
            self.misspelt.setdefault(told, Misspelt(row.place)).rows += 1

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


_json = msgspec.json.Decoder(msgspec.Raw)
_LIST = re.compile(r"[ \t\r\n]*+\[")


def check_arguments(problem: Problem) -> None:
    """Raises ValueError, naming the field, where the input of a call-based test is no list of arguments."""
    for _ in arguments_checked(problem):
        pass


def arguments_checked(problem: Problem) -> Iterator[None]:
    """The same, a test at a time. Nothing is made of them."""
    for number, test in enumerate(problem.tests):
        try:
            _json.decode(test.input)
            is_list = _LIST.match(test.input) is not None
        except ValueError:  # the decoder knows no NaN and no Infinity, which JSON as Python writes it may hold
            try:
                is_list = isinstance(loads(test.input), list)
            except (ValueError, RecursionError):
                is_list = False
        except RecursionError:
            is_list = False
        if not is_list:
            raise ValueError(f"tests[{number}].input: must be a JSON list of arguments")
        yield
