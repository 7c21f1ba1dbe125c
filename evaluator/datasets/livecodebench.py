"""LiveCodeBench: rows of code_generation and code_generation_lite.

Hidden tests are JSON; or base64 of zlib of a pickle of JSON text. The pickle is never loaded: its instructions are
read, and must be those that make one text.
"""

from __future__ import annotations

import base64
import binascii
import pickletools
import zlib
from collections.abc import Set
from typing import Any, ClassVar

import msgspec

from ..problem import TestCase
from ..starter import is_class
from .base import Example, Format, Unusable, make_problem
from .cases import Cases, call_cases, stdio_cases

UNPACKED = 1 << 29
"""Bytes that the hidden tests of a problem may unpack to; the largest in code_generation have 190 MB."""

_TEXT = frozenset({"UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE"})
_AROUND = frozenset({"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"})


class _Test(msgspec.Struct):
    input: str
    output: str
    testtype: str | None = None


class _Metadata(msgspec.Struct):
    func_name: str | None = None


class _Row(msgspec.Struct):
    question_id: str | int
    question_content: str
    public_test_cases: str | list[_Test]
    private_test_cases: str | list[_Test] = ""
    question_title: str | None = None
    platform: str | None = None
    contest_date: Any = None
    starter_code: str | None = None
    difficulty: str | None = None
    metadata: str | _Metadata = "{}"


class LiveCodeBench(Format[_Row]):
    name: ClassVar[str] = "livecodebench"
    row: ClassVar[type[_Row]] = _Row

    def recognises(self, names: Set[str]) -> bool:
        return {"question_content", "public_test_cases"} <= names

    def example(self, row: _Row, fallback_id: str) -> Example:
        metadata = _parsed(row.metadata or "{}", _Metadata, "metadata")
        public = _parsed(row.public_test_cases, list[_Test], "public_test_cases")
        text = row.private_test_cases
        if isinstance(text, str) and text[:1] not in ("[", ""):
            text = _unpacked(text)
        private = _parsed(text or [], list[_Test], "private_test_cases")
        groups = (("public_test_cases", "sample", public), ("private_test_cases", "secret", private))
        tests = [
            (f"{field}[{number}]", group, test) for field, group, each in groups for number, test in enumerate(each)
        ]
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
            contest_date=_date(row.contest_date),
            source=row.platform,
            **cases.fields(),
        )
        return Example(problem)


def _parsed(value: Any, kind: type[Any], field: str) -> Any:
    try:
        return msgspec.json.decode(value, type=kind) if isinstance(value, str | bytes) else value
    except (msgspec.DecodeError, RecursionError) as error:
        message, _, path = str(error).partition(" - at `$")
        raise Unusable(field + path.removesuffix("`"), message.replace("`", "")) from None


def _unpacked(text: str) -> bytes:
    field = "private_test_cases"
    try:
        packed = base64.b64decode(text, validate=True)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, UNPACKED)
        if unpacker.unconsumed_tail:
            raise Unusable(field, f"unpacks to more than {UNPACKED >> 20} MiB")
    except (binascii.Error, zlib.error) as error:
        raise Unusable(field, f"neither JSON nor base64 of zlib: {error}", text) from None
    try:
        return _pickled_text(content).encode()
    except (ValueError, AttributeError) as error:
        raise Unusable(field, f"not a pickle of text: {error}") from None


def _pickled_text(content: bytes) -> str:
    """The text that was pickled. Reads the instructions of the pickle and executes none."""
    text = None
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in _TEXT and text is None:
            text = argument
        elif opcode.name not in _AROUND:
            raise ValueError(f"it has the instruction {opcode.name}")
    if not isinstance(text, str):
        raise ValueError("it has none")
    return text


def _date(value: Any) -> str | None:
    """ISO 8601, of text or of a datetime as parquet has it."""
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
