"""LiveCodeBench: rows of code_generation and code_generation_lite.

Hidden tests are JSON, or packed.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ..problem import TestCase
from ..starter import is_class
from .base import Example, Fields, Format, Public, Unusable, make_problem
from .cases import Cases, call_cases, stdio_cases
from .packed import read


class Test(msgspec.Struct):
    input: str
    output: str
    testtype: str | None = None


class _Metadata(msgspec.Struct):
    func_name: str | None = None


class Question(msgspec.Struct):
    question_id: str | int
    question_content: str
    public_test_cases: str | list[Test]
    private_test_cases: str | list[Test] = ""
    question_title: str | None = None
    platform: str | None = None
    contest_date: Any = None
    starter_code: str | None = None
    difficulty: str | None = None
    metadata: str | _Metadata = "{}"


class LiveCodeBench(Format[Question]):
    name: ClassVar[str] = "livecodebench"
    row: ClassVar[type[Question]] = Question
    known_by: ClassVar[Fields] = ("question_content", "public_test_cases")
    public: ClassVar[tuple[Public, ...]] = (Public("LiveCodeBench", "livecodebench", "stdio, call"),)

    def example(self, row: Question, fallback_id: str) -> Example:
        metadata = read(row.metadata or "{}", _Metadata, "metadata")
        public = read(row.public_test_cases, list[Test], "public_test_cases")
        private = read(row.private_test_cases or [], list[Test], "private_test_cases")
        groups = (("public_test_cases", "sample", public), ("private_test_cases", "secret", private))
        tests = [
            (f"{field}[{number}]", group, test) for field, group, each in groups for number, test in enumerate(each)
        ]
        if not tests:
            raise Unusable("private_test_cases", "empty, as public_test_cases: the problem has no tests")
        fields = [(f"{field}.input", f"{field}.output") for field, _, _ in tests]
        inputs = [test.input for _, _, test in tests]
        outputs = [test.output for _, _, test in tests]
        usual = "functional" if metadata.func_name else "stdin"
        kinds = {test.testtype or usual for _, _, test in tests}
        if kinds == {"functional"}:
            if not metadata.func_name:
                raise Unusable("metadata.func_name", "missing, but the tests are functional")
            cases = call_cases(inputs, outputs, fields, metadata.func_name, row.starter_code or "")
            if not is_class(row.starter_code or "", metadata.func_name):
                cases = cases._replace(entry_class="Solution")
        elif kinds <= {"stdin"}:
            cases = Cases(stdio_cases(inputs, outputs, fields))
        else:
            raise Unusable("public_test_cases", "testtype: must be stdin or functional, and the same", sorted(kinds))
        cases = cases._replace(
            tests=tuple(
                TestCase(input=test.input, output=test.output, group=group)
                for test, (_, group, _) in zip(cases.tests, tests, strict=True)
            )
        )
        problem = make_problem(
            problem_id=str(row.question_id),
            title=row.question_title,
            statement=row.question_content,
            starter_code=row.starter_code or None,
            difficulty=row.difficulty,
            contest_date=iso_date(row.contest_date),
            source=row.platform,
            **cases.fields(),
        )
        return Example(problem)


def iso_date(value: Any) -> str | None:
    """ISO 8601, of text or of a datetime as parquet has it."""
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
