"""CodeContests of DeepMind: public, private and generated tests; programs known to be right, and wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ..problem import TestCase
from ..submission import Submission
from .base import Example, Fields, Format, Public, Unusable, make_problem

LANGUAGES = ("unknown", "python2", "cpp", "python", "java")
SOURCES = ("unknown", "codechef", "codeforces", "hackerearth", "codejam", "atcoder", "aizu")
DIFFICULTIES = (None, "easy", "medium", "hard", "harder", "hardest", "external", *"ABCDEFGHIJKLMNOPQRSTUV")
"""In the numbers of the data set on the hub, which are not those of the protocol buffer."""


class _Test(msgspec.Struct):
    input: str
    output: str


class _Tests(msgspec.Struct):
    input: list[str]
    output: list[str]


class _Solutions(msgspec.Struct):
    language: list[int]
    solution: list[str]


class _Duration(msgspec.Struct):
    seconds: int | None = 0
    nanos: int | None = 0


class _Row(msgspec.Struct):
    name: str
    public_tests: _Tests | list[_Test]
    private_tests: _Tests | list[_Test]
    generated_tests: _Tests | list[_Test] | None = None
    description: str | None = None
    source: int | None = None
    difficulty: int | None = None
    cf_rating: int | None = None
    time_limit: _Duration | None = None
    memory_limit_bytes: int | None = None
    input_file: str | None = None
    output_file: str | None = None
    solutions: _Solutions | None = None
    incorrect_solutions: _Solutions | None = None


class CodeContests(Format[_Row]):
    name: ClassVar[str] = "code_contests"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("name", "public_tests", "private_tests")
    public: ClassVar[tuple[Public, ...]] = (Public("CodeContests", "code_contests", "stdio", "right and wrong ones"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        for field in ("input_file", "output_file"):
            if name := getattr(row, field):
                raise Unusable(field, "not supported: programs read standard input and write standard output", name)
        tests = (
            *_tests(row.public_tests, "public_tests", "sample"),
            *_tests(row.private_tests, "private_tests", "secret"),
            *_tests(row.generated_tests, "generated_tests", "generated"),
        )
        if not tests:
            raise Unusable("public_tests", "no tests, neither here nor in private_tests and generated_tests")
        limit = row.time_limit
        seconds = (limit.seconds or 0) + (limit.nanos or 0) / 1e9 if limit else 0
        rating = row.cf_rating or None
        problem = make_problem(
            problem_id=row.name,
            tests=tests,
            time_limit=seconds or None,
            limits={"memory": row.memory_limit_bytes} if row.memory_limit_bytes else {},
            title=row.name,
            statement=row.description,
            difficulty=str(rating) if rating else _label(DIFFICULTIES, row.difficulty),
            source=_label(SOURCES, row.source),
        )
        return Example(problem, _programs(row))


def _tests(tests: _Tests | list[_Test] | None, field: str, group: str) -> Iterator[TestCase]:
    if isinstance(tests, _Tests):
        if len(tests.input) != len(tests.output):
            raise Unusable(field, f"{len(tests.input)} inputs, but {len(tests.output)} outputs")
        for given, wanted in zip(tests.input, tests.output, strict=True):
            yield TestCase(input=given, output=wanted, group=group)
    for test in tests if isinstance(tests, list) else ():
        yield TestCase(input=test.input, output=test.output, group=group)


def _programs(row: _Row) -> Iterator[Submission]:
    for field, accept in (("solutions", True), ("incorrect_solutions", False)):
        programs: _Solutions | None = getattr(row, field)
        pairs = zip(programs.language, programs.solution, strict=False) if programs else ()
        for number, (language, code) in enumerate(pairs):
            name = _label(LANGUAGES, language) or "unknown"
            yield Submission(code=code, name=f"{field}[{number}]", language=name, accept=accept)


def _label(names: tuple[str | None, ...], number: int | None) -> str | None:
    return names[number] if number is not None and 0 <= number < len(names) else None
