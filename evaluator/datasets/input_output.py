"""APPS, TACO and what follows them (AReaL-boba, X-Coder): tests in ``input_output``, reference programs in
``solutions``.

Also the directories in which APPS itself is published: question.txt, input_output.json, solutions.json, metadata.json,
starter_code.py.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ...sandbox.limits import MIB
from ..extract import extract
from ..submission import Submission
from .base import Example, Fields, Format, InputError, Public, Unusable, as_list, make_problem
from .cases import parse, read_cases
from .languages import check_language, named
from .prompts import asked
from .source import ROW, Source


class _Row(msgspec.Struct):
    input_output: Any
    problem_id: str | int | None = None
    id: str | int | None = None
    query_id: str | None = None
    question: str | None = None
    prompt: Any = None
    solutions: Any = None
    starter_code: str | None = None
    difficulty: str | int | None = None
    source: str | None = None
    url: str | None = None
    name: str | None = None
    time_limit: Any = None
    memory_limit: Any = None
    date: str | None = None
    language: str = "python"


class InputOutput(Format[_Row]):
    name: ClassVar[str] = "apps"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("input_output",)
    public: ClassVar[tuple[Public, ...]] = (
        Public("APPS, AReaL-boba, PRIME, TACO, X-Coder", "apps", "stdio, call", "right ones"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        if row.input_output in (None, ""):
            raise Unusable("input_output", "empty: the problem has no tests")
        given = next((name for name in (row.problem_id, row.id, row.query_id) if name is not None), None)
        statement = row.question or asked(row.prompt)
        cases = read_cases(row.input_output, "input_output", starter=row.starter_code or statement)
        check_language(cases, row.language, "language")
        problem = make_problem(
            problem_id=fallback_id if given is None else str(given),
            title=row.name,
            statement=statement,
            starter_code=row.starter_code or None,
            difficulty=None if row.difficulty is None else str(row.difficulty),
            contest_date=row.date,
            source=row.source or row.url,
            time_limit=seconds(row.time_limit),
            limits=memory(row.memory_limit),
            **cases.fields(),
        )
        return Example(problem, solutions(row.solutions, language=row.language), row.prompt)


def solutions(
    value: Any, *, accept: bool = True, name: str = "solutions", language: str = "python"
) -> Generator[Submission]:
    """Labelled programs, from a list of texts, as objects or as JSON; some stand in fences. Raises Unusable at once."""
    if isinstance(value, str) and not value.lstrip().startswith(("[", '"[')):
        value = [value] if value else []  # one program, as it is
    programs = as_list(parse(value or [], name))
    if programs is None or not all(isinstance(program, str) for program in programs):
        raise Unusable(name, "not a list of programs", value)
    return _submissions(programs, name, accept, named(language))


def _submissions(programs: list[str], name: str, accept: bool, language: str) -> Generator[Submission]:
    for number, program in enumerate(programs):
        code = extract(program).code if program.lstrip().startswith("```") else program
        yield Submission(code=code, name=f"{name}[{number}]", language=language, accept=accept)


def seconds(value: Any) -> float | None:
    """TACO has "2.0 seconds"; others a number, or nothing that says anything."""
    limit = _number(value) * _UNITS_OF_TIME.get(_unit(value), 1.0)
    return limit if 0 < limit <= 3600 else None


def memory(value: Any) -> dict[str, int]:
    """For ``limits``: a number of megabytes, or of bytes when it is too large for that; "256.0 megabytes" in TACO.
    There "50000 bytes" is how long a program may be, and less than any of them takes is said of none."""
    limit = _number(value)
    if unit := _UNITS_OF_MEMORY.get(_unit(value)):
        limit *= unit
        return {"memory": int(limit)} if MIB <= limit < 1 << 50 else {}
    if not 1 <= limit < 1 << 50:
        return {}
    return {"memory": int(limit * MIB if limit < MIB else limit)}


_UNITS_OF_TIME: dict[str, float] = dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e-3)
_UNITS_OF_MEMORY: dict[str, int] = {
    **dict.fromkeys(("b", "byte", "bytes"), 1),
    **dict.fromkeys(("kb", "kib", "kilobyte", "kilobytes"), 1 << 10),
    **dict.fromkeys(("mb", "mib", "megabyte", "megabytes"), MIB),
    **dict.fromkeys(("gb", "gib", "gigabyte", "gigabytes"), 1 << 30),
}


def _unit(value: Any) -> str:
    """The second word. None of them, or no text: nothing."""
    words = value.split() if isinstance(value, str) else []
    return words[1].lower() if len(words) > 1 else ""


def _number(value: Any) -> float:
    """The first word, if it is one. 0: it is not."""
    try:
        return float(value.split()[0] if isinstance(value, str) else value)
    except (ValueError, TypeError, IndexError):
        return 0.0


class AppsDirectory(Source):
    """One problem, as a directory."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, (path / "input_output.json").stat().st_size)
        self.format = InputOutput()

    @property
    def done(self) -> float:
        return 0

    def rows(self) -> Generator[tuple[int, Any]]:
        fields: dict[str, Any] = {"problem_id": self.path.resolve().name}
        for field, name in (
            ("question", "question.txt"),
            ("input_output", "input_output.json"),
            ("solutions", "solutions.json"),
            ("starter_code", "starter_code.py"),
        ):
            fields[field] = self._read(name)
        try:
            metadata = msgspec.json.decode(self._read("metadata.json") or "{}", type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise InputError(f"{self.path}/metadata.json: not JSON: {error}") from None
        yield 0, metadata | fields

    def _read(self, name: str) -> str | None:
        path = self.path / name
        if not path.is_file():
            return None
        if path.is_symlink() or path.stat().st_size > ROW:
            raise InputError(f"{path}: a link, or larger than {ROW >> 20} MiB")
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from None


def is_apps(path: Path) -> bool:
    return (path / "question.txt").is_file() and (path / "input_output.json").is_file()
