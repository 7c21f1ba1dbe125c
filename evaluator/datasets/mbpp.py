"""MBPP, as published, sanitized, and with the tests of EvalPlus (mbppplus): a description, and assertions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ...sandbox.limits import Limits
from ..problem import Checker, TestCase
from ..submission import Submission
from .base import Example, Fields, Format, Public, Unusable, make_problem
from .cases import assertion
from .demanding import check_demand, limits_of


class Task(msgspec.Struct):
    task_id: str | int
    test_list: list[str]
    text: str | None = None
    prompt: str | None = None
    code: str | None = None
    test_setup_code: str | None = None
    test_imports: list[str] | None = None
    challenge_test_list: list[str] | None = None
    test: str | None = None


class Mbpp(Format[Task]):
    name: ClassVar[str] = "mbpp"
    row: ClassVar[type[Task]] = Task
    known_by: ClassVar[Fields] = ("task_id", "test_list")
    public: ClassVar[tuple[Public, ...]] = (Public("MBPP, MBPP+", "mbpp", "assert", "one right"),)

    def example(self, row: Task, fallback_id: str) -> Example:
        """``test`` of mbppplus holds the assertions of the list, too. Otherwise each assertion is a test. Code that
        sets up may use what the program defines."""
        task = f"Mbpp/{row.task_id}" if isinstance(row.task_id, int) else row.task_id
        if row.test:
            check_demand(task, "test", row.test)
        setup = f"{row.test_setup_code}\n" if row.test_setup_code else ""
        groups = (
            ("test_list", "base", row.test_list),
            ("challenge_test_list", "challenge", row.challenge_test_list or []),
        )
        tests = tuple(
            TestCase(code=setup + assertion(code, f"{field}[{n}]"), group=group)
            for field, group, each in groups
            for n, code in enumerate(each)
        )
        if row.test:
            tests = (TestCase(code=setup + row.test, group="plus"),)
        if not tests:
            raise Unusable("test_list", "empty: the problem has no tests")
        problem = make_problem(
            problem_id=task,
            mode="assert",
            tests=tests,
            checker=Checker(type="assert"),
            limits=limits_of(task) if row.test else Limits(),
            entry_point=_entry_point(row),
            prelude="".join(f"{line}\n" for line in row.test_imports or []),
            statement=row.text or row.prompt,
        )
        return Example(problem, _reference(row))


def _entry_point(row: Task) -> str | None:
    """The function of the reference that the first assertion calls, the outermost one: it may be called like one of
    Python's, and the reference may have others."""
    defined = set(re.findall(r"^def[ \t]+([^\W\d]\w*)", row.code or "", re.MULTILINE))
    called = re.findall(r"\b([^\W\d]\w*)\(", row.test_list[0]) if row.test_list else []
    return next((name for name in called if name in defined), None)


def _reference(row: Task) -> Iterator[Submission]:
    if row.code is not None:
        yield Submission(code=row.code, name="code", accept=True)
