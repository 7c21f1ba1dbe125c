"""Data sets of SandboxFusion: ``content``, ``labels``, and a ``test`` whose form depends on the type of the data set.

    CommonOJ    [{"input": {"stdin": ...}, "output": {"stdout": ...}}, ...]; judged in any language
    AutoEval    {"code": ..., "asset": {name: file}}: code that tests; only Python is read
    HumanEval   text with ``check``, where ``labels`` have an entry_point; or assertions (MHPP)
    MBPP        ``test_list`` instead; ``labels`` have what else there is

``labels``, ``test`` and ``canonical_solution`` may be JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from ..problem import Checker
from ..submission import Submission
from .base import Example, Fields, Format, Public, Unusable, as_list, as_object, make_problem
from .cases import function_tests, is_packed, parse, read_cases
from .humaneval import HumanEval, Task
from .input_output import solutions
from .languages import named, not_python
from .mbpp import Mbpp
from .mbpp import Task as MbppTask


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


def _by_language(value: Any) -> Iterator[Submission]:
    programs = as_object(parse(value or {}, "canonical_solution")) or {}
    for language, each in programs.items():
        yield from solutions(each, name=f"canonical_solution.{language}", language=language)


def _mbpp(row: _Row, name: str, labels: dict[str, Any]) -> Example:
    given = labels | {"task_id": name, "text": row.content, "test_list": row.test_list, "code": row.canonical_solution}
    return Mbpp().example(msgspec.convert(given, MbppTask), name)


def _auto_eval(row: _Row, name: str, test: dict[str, Any]) -> Example:
    if test.get("asset"):
        raise Unusable("test.asset", "files beside a test are not supported", test["asset"])
    if not isinstance(code := test.get("code"), str):
        raise Unusable("test.code", "missing")
    return _assertions(row, name, code)


def _assertions(row: _Row, name: str, code: str) -> Example:
    problem = make_problem(
        problem_id=name,
        mode="assert",
        tests=function_tests(code),
        checker=Checker(type="assert"),
        statement=row.content,
    )
    reference = row.canonical_solution if isinstance(row.canonical_solution, str) else None
    return Example(problem, solutions(reference, name="canonical_solution"))
