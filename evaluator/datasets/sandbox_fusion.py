"""Data sets of SandboxFusion: ``content``, ``labels``, and a ``test`` whose form depends on the type of the data set.

    CommonOJ    [{"input": {"stdin": ...}, "output": {"stdout": ...}}, ...]; judged in any language
    AutoEval    {"code": ..., "asset": {name: base64 of a file}}: code that tests; only Python is read
    HumanEval   text with ``check``, where ``labels`` have an entry_point; or assertions (MHPP)
    MBPP        ``test_list`` instead; ``labels`` have what else there is

``labels``, ``test`` and ``canonical_solution`` may be JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, ClassVar

import msgspec

from ...sandbox.limits import MIB
from ...sandbox.names import check_names, unplaceable
from ..problem import Checker
from ..submission import Submission
from .base import Example, Fields, Format, Public, Unusable, as_list, as_object, make_problem
from .cases import function_tests, is_packed, parse, read_cases
from .humaneval import HumanEval, Task
from .input_output import solutions
from .languages import named, not_python
from .mbpp import Mbpp
from .mbpp import Task as MbppTask

FILES = 8 * MIB
"""Bytes that the files beside a test may have."""
_PLACED = """\
def _place(files):
    import base64, os
    for name, text in files.items():
        if not os.path.exists(name):
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(f"{name}.{os.getpid()}", "wb") as file:
                file.write(base64.b64decode(text))
            os.replace(file.name, name)
_place({files!r})
del _place
"""
"""The test and the program may run in two processes, side by side in one folder."""
_INSERT = re.compile(r"^#<INSERT>[ \t]*\n", re.MULTILINE)
"""Where the program stands, if not before the test."""


class _Row(msgspec.Struct):
    content: str
    test: Any = None
    test_list: list[str] | None = None
    id: str | int | None = None
    labels: Any = None
    canonical_solution: Any = None


class SandboxFusion(Format[_Row]):
    name: ClassVar[str] = "sandbox-fusion"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("content", ("test", "test_list"), ("labels", "canonical_solution"))
    public: ClassVar[tuple[Public, ...]] = (
        Public("SandboxFusion: AutoEval, CommonOJ", "sandbox_fusion", "stdio, assert", "right ones"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        labels = as_object(parse(row.labels or {}, "labels")) or {}
        name = fallback_id if row.id is None else str(row.id)
        if row.test_list is not None:
            return _mbpp(row, name, labels)
        test = row.test
        if isinstance(test, str) and (test.lstrip()[:1] in ("[", "{") or is_packed(test)):
            test = parse(test, "test")
        if (tests := as_list(test)) is not None:
            return _common_oj(row, name, labels, tests)
        code = as_object(test)
        for field in ("programming_language", "language"):
            if isinstance(language := labels.get(field), str) and named(language) != "python":
                raise not_python(f"labels.{field}", language, language)
        if code is not None:
            return _auto_eval(row, name, code)
        if not isinstance(test, str):
            raise Unusable("test", "neither a list of tests nor code", test)
        if isinstance(entry_point := labels.get("entry_point"), str):
            solution = row.canonical_solution if isinstance(row.canonical_solution, str) else None
            return HumanEval().example(Task(name, row.content, entry_point, test, solution), fallback_id)
        return _assertions(row, name, test)


def _common_oj(row: _Row, name: str, labels: dict[str, Any], tests: list[Any]) -> Example:
    if labels.get("problem_format") not in (None, "Standard"):
        raise Unusable("labels.problem_format", "not supported; supported: Standard", labels["problem_format"])
    difficulty, source = labels.get("difficulty"), labels.get("source")
    problem = make_problem(
        problem_id=name,
        statement=row.content,
        difficulty=difficulty if isinstance(difficulty, str) else None,
        source=source if isinstance(source, str) else None,
        **read_cases(tests, "test").fields(),
    )
    return Example(problem, _by_language(row.canonical_solution))


def _by_language(value: Any) -> list[Submission]:
    """By their language, or one in Python as it is. Raises Unusable."""
    name = "canonical_solution"
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        return list(solutions(value, name=name))
    programs = as_object(parse(value or {}, name))
    if programs is None:
        raise Unusable(name, "not an object of programs by their language", value)
    named = ((f"{name}.{language}", language, each) for language, each in programs.items())
    return [program for field, language, each in named for program in solutions(each, name=field, language=language)]


def _mbpp(row: _Row, name: str, labels: dict[str, Any]) -> Example:
    given = labels | {"task_id": name, "text": row.content, "test_list": row.test_list, "code": row.canonical_solution}
    return Mbpp().example(msgspec.convert(given, MbppTask), name)


def _auto_eval(row: _Row, name: str, test: dict[str, Any]) -> Example:
    if not isinstance(code := test.get("code"), str):
        raise Unusable("test.code", "missing")
    before, *after = _INSERT.split(code, 1)
    if after:
        return _assertions(row, name, after[0], _placed(test.get("asset")) + before)
    if "#<INSERT>" in code:
        raise Unusable("test.code", "a program within other code is not supported", code)
    return _assertions(row, name, code, _placed(test.get("asset")))


def _placed(asset: Any) -> str:
    """Source that puts the files there."""
    files = as_object(parse(asset or {}, "test.asset"))
    if files is None or not all(isinstance(text, str) for text in files.values()):
        raise Unusable("test.asset", "not an object of files in base64", asset)
    if not files:
        return ""
    try:
        contents = {name: base64.b64decode(text) for name, text in files.items()}
    except (binascii.Error, ValueError) as error:
        raise Unusable("test.asset", f"not base64: {error}") from None
    check_names(files, "test.asset")
    if (lack := unplaceable(contents)) is not None:
        raise Unusable("test.asset", lack)
    if (size := sum(map(len, contents.values()))) > FILES:
        raise Unusable("test.asset", f"files of {size} bytes, more than {FILES}")
    return _PLACED.replace("{files!r}", repr(files))


def _assertions(row: _Row, name: str, code: str, prelude: str = "") -> Example:
    problem = make_problem(
        problem_id=name,
        mode="assert",
        tests=function_tests(code, prelude),
        checker=Checker(type="assert"),
        prelude=prelude,
        statement=row.content,
    )
    reference = row.canonical_solution if isinstance(row.canonical_solution, str) else None
    return Example(problem, solutions(reference, name="canonical_solution"))
