"""The file of reports: one a program, in the order of the input, so that an interrupted run can go on."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ...sandbox.errors import MicrocoderError
from ..pile import Pile
from ..problem import Problem
from ..report import Report
from ..submission import Submission
from .ahead import Ahead
from .terminal import say

NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What file systems without locks say to flock."""


class OutputError(MicrocoderError):
    """An output file that cannot be written, or not be gone on with."""


class ReportFile:
    """A context manager. Each report is handed to the system at once: whatever ends the run, whole rows stay. One that
    comes before its turn waits for it in a second file.

    The file is locked until then: a second process that would write it is refused. Raises OutputError.
    """

    def __init__(self, path: Path, *, resume: bool = False, overwrite: bool = False) -> None:
        self.path = path
        self._place = 0
        """Of the next row."""
        self._waiting: dict[int, bytes] = {}
        """Rows whose turn has not come."""
        self._known: dict[int, Report] = {}
        """What an interrupted run finished before its turn."""
        self._ahead: Ahead | None = None
        """None: the output is no regular file, which nobody goes on with."""
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Report)
        try:
            reads = resume and (path.is_file() or not path.exists())
            access = os.O_RDWR if reads else os.O_WRONLY
            self._file: BinaryIO = os.fdopen(os.open(path, access | os.O_CREAT, 0o666), "r+b" if reads else "wb")
        except OSError as error:
            raise OutputError(f"{path}: {error.strerror}") from None
        try:
            self._held = self._take_over(resume=resume, overwrite=overwrite)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ReportFile:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if self._ahead is not None:
                self._ahead.close(needed=bool(self._waiting or self._known))
            self._file.close()
        except OSError as error:
            if kind is None:
                raise OutputError(f"{self.path}: {error.strerror}") from None

    def _take_over(self, *, resume: bool, overwrite: bool) -> bool:
        """Once nobody else writes the file: whether it is gone on with. Empties it otherwise."""
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):  # a pipe, or a device
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{self.path}: another process writes it") from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise OutputError(f"{self.path}: {error.strerror}") from None
            say(f"microcoder-eval: {self.path}: this file system has no locks; nothing keeps other runs from this file")
        self._ahead = Ahead(self.path.resolve())
        known = self._ahead.held()
        holds = os.fstat(self._file.fileno()).st_size > 0
        if (holds or known) and not resume and not overwrite:
            there = self.path if holds else self._ahead.path
            raise OutputError(f"{there}: exists already; --resume goes on with it, --overwrite replaces it")
        if resume:
            self._known = known
        elif holds or known:
            self._ahead.close(needed=False)
            self._file.truncate(0)
        return holds and resume

    def held(self, pairs: Iterator[tuple[Problem, Submission]]) -> Iterator[Report]:
        """The reports that the file holds already. Takes as many pairs, which must be theirs; drops a torn last row.

        To be used up before the first report is added.
        """
        if not self._held:
            return
        size = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                report = self._decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise OutputError(f"{self.path}:{number}: not a report, so --resume cannot go on: {error}") from None
            pair = next(pairs, None)
            if pair is None:
                raise OutputError(f"{self.path}:{number}: a report of {_name(report)}, but the input has ended before")
            _check(report, *pair, f"{self.path}:{number}")
            size += len(line)
            self._known.pop(self._place, None)
            self._place += 1
            yield report
        self._file.seek(size)
        self._file.truncate()

    def unjudged(
        self, pairs: Iterator[tuple[Problem, Submission]]
    ) -> Iterator[tuple[int, tuple[Problem, Submission], Report | None]]:
        """The pairs that follow, each with its place and the report that there may be of it, which is then added."""
        for place, pair in enumerate(pairs, self._place):
            report = self._known.get(place)
            if report is not None:
                _check(report, *pair, f"{self._ahead.path if self._ahead else self.path}")
                self.add(place, report)
            yield place, pair, report

    def add(self, place: int, report: Report) -> None:
        """The report on the program at this place of the input."""
        row = self._encoder.encode(report)
        if place != self._place:
            self._waiting[place] = row
            if self._ahead is not None and self._known.pop(place, None) is None:
                self._ahead.add(place, row)
            return
        self._known.pop(place, None)
        try:
            while row is not None:
                self._file.write(row + b"\n")
                self._place += 1
                row = self._waiting.pop(self._place, None)
            self._file.flush()
        except OSError as error:
            raise OutputError(f"{self.path}: {error.strerror}") from None
        if self._ahead is not None and not self._waiting and not self._known:
            self._ahead.forget()

    def write(self, report: Report) -> None:
        """The next one."""
        self.add(self._place, report)


def write_json(path: Path, summary: object) -> None:
    """A summary, for people and machines. Raises OutputError."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(_pieces(summary))
            file.write("\n")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from None


def _pieces(summary: object) -> Iterator[str]:
    """JSON, of its piles one thing at a time."""
    piles: list[Pile[Any]] = []
    mark = secrets.token_hex()

    def left_out(pile: Pile[Any]) -> list[str]:
        if not pile:
            return []
        piles.append(pile)
        return [mark]

    text = msgspec.json.encode(summary, enc_hook=left_out)
    *before, end = msgspec.json.format(text, indent=2).decode().split(f'"{mark}"')
    for part, pile in zip(before, piles, strict=True):
        yield part
        between = f",{part[part.rindex(chr(10)) :]}"
        for number, each in enumerate(pile):
            yield (between if number else "") + msgspec.json.encode(each).decode()
    yield end


def _check(report: Report, problem: Problem, submission: Submission, where: str) -> None:
    """Raises OutputError: the report is of another program."""
    if (report.problem_id, report.name) != (problem.problem_id, submission.name):
        wanted = f"{problem.problem_id}, program {submission.name}"
        raise OutputError(
            f"{where}: a report of {_name(report)}, but the input has {wanted} there;"
            " --resume needs the input of the interrupted run"
        )


def _name(report: Report) -> str:
    return f"{report.problem_id}, program {report.name}"
