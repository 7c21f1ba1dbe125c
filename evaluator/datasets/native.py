"""Our own rows: a row is a Problem, with its programs in ``submissions``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ..digits import dumps
from ..options import RewardOptions
from ..problem import Problem
from ..submission import Submission
from .base import (
    BadRow,
    Example,
    Fields,
    Format,
    Place,
    Public,
    Row,
    Unusable,
    as_object,
    choices,
    decode,
    explain,
    present,
    shorten,
    unsupported,
    unusable,
)
from .cases import parse
from .misspelt import together
from .programs import PLAIN, ProgramRow, plain_program, read_programs


class Native(Format[Problem]):
    """See docs/run.md."""

    name: ClassVar[str] = "microcoder"
    row: ClassVar[type[Problem]] = Problem
    known_by: ClassVar[Fields] = ("problem_id", "tests")
    public: ClassVar[tuple[Public, ...]] = (Public("our own rows", "../run", "stdio, call, assert", "any"),)

    def example(self, row: Problem, fallback_id: str) -> Example:
        return Example(row)

    def read(self, row: Row, options: RewardOptions = PLAIN) -> Example:
        """``options``: for programs that stand in completions."""
        content, place = row.content, row.place
        if not isinstance(content, bytes):  # from a parquet file; every form of it has its words in JSON
            content = msgspec.json.encode(present(content))
        try:
            problem = _problem.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            problem = _explained(content, place)
        if lacks_data(problem):
            decode(DataTests, content, place)
        if problem.starter_code is None and _STARTER in content:
            starter = decode(_Older, content, place).starter
            if isinstance(starter, str):
                problem = msgspec.structs.replace(problem, starter_code=starter)
        return Example(problem, _programs(content, place, problem, options))


def own_problem(truth: Any, field: str) -> Problem | None:
    """Where the ground truth of a trainer's row is a row of ours, as ``microcoder-eval convert`` writes it. Raises
    Unusable."""
    native, row = Native(), as_object(parse(truth, field))
    if row is None or not native.recognises(row.keys()):
        return None
    try:
        text = dumps(present(row)).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise Unusable(field, f"not JSON: {error}") from None
    try:
        return native.read(Row(Path(field), 0, text)).problem
    except BadRow as error:
        raise unusable(error, field) from None


def lacks_data(problem: Problem) -> bool:
    """Whether input or output of a test is empty where there is always one. Empty or missing? ``DataTests`` says."""
    return problem.mode in ("stdio", "call") and not all(test.input and test.output for test in problem.tests)


_STARTER = b'"starter"'
_SAME_CHECKER = {"custom-in-test": "assert"}
"""Names that published rows have for a type of ours."""


def _explained(content: bytes, place: Place) -> Problem:
    """Raises BadRow, usually."""
    try:
        return decode(Problem, content, place)
    except BadRow as error:
        form = decode(_Form, content, place)
        if form.checker.type in _SAME_CHECKER:
            row = msgspec.json.decode(content)
            row["checker"]["type"] = _SAME_CHECKER[form.checker.type]
            return _explained(msgspec.json.encode(row), place)
        mode = form.mode  # says more than what the fields of that mode lack
        if mode not in choices("mode"):
            raise BadRow(place, "mode", unsupported("mode"), shorten(mode)) from None
        raise error from None


def _programs(content: bytes, place: Place, problem: Problem, options: RewardOptions) -> Iterator[Submission | BadRow]:
    try:
        programs = _submissions.decode(content).submissions
    except msgspec.ValidationError as error:
        yield explain(error, content, place)
        return
    for number, program in enumerate(programs):
        if options.language == PLAIN.language and (submission := plain_program(program)):
            yield submission
            continue
        try:
            yield from read_programs(bytes(program), place, f"submissions[{number}].", problem, options)
        except BadRow as error:
            yield error


class _Older(msgspec.Struct):
    """What rows to train on had before ``starter_code``."""

    starter: Any = None


class _Submissions(msgspec.Struct):
    submissions: tuple[msgspec.Raw, ...] = ()


class _Kind(msgspec.Struct, frozen=True):
    type: str = "default"


class _Form(msgspec.Struct):
    mode: str = "stdio"
    checker: _Kind = _Kind()


class _DataTest(msgspec.Struct):
    input: str
    output: str


class DataTests(msgspec.Struct):
    """Of a problem in which every test has both."""

    tests: tuple[_DataTest, ...]


FIELDS_OF_ROW = together(Problem, msgspec.defstruct("Programs", [("submissions", list[ProgramRow])]))
"""All that a row may say."""
_problem = msgspec.json.Decoder(Problem)
_submissions = msgspec.json.Decoder(_Submissions)
