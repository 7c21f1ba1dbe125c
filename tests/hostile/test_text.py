"""Half of a surrogate pair is text to Python, and no encoding of Unicode takes it: no report holds any.

What a program says reaches messages by many ways. One report that cannot be encoded would end a whole run, or the
request of a server that others are part of.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, Report, Status, Submission, TestCase, TestResult
from microcoder.evaluator.compare import Match
from microcoder.evaluator.encodable import encodable

from .conftest import Arena

pytestmark = pytest.mark.asyncio(loop_scope="session")

HALF = "\ud800"
RAW = HALF.encode("utf-8", "surrogatepass")


def asserts(code: str) -> Problem:
    return Problem(problem_id="p", mode="assert", tests=(TestCase(code=code),), entry_point="f")


def call(expected: object = "this is what no program returns") -> Problem:
    tests = (TestCase(input="[1]", output=json.dumps(expected)),)
    return Problem(problem_id="p", mode="call", tests=tests, entry_point="f")


def printed(**checker: Any) -> Problem:
    test = TestCase(input="1\n", output="this is what no program prints\n")
    return Problem(problem_id="p", tests=(test,), checker=Checker(**checker))


LIFTED = asserts("assert f(1) == 2")
REPLAYED = asserts("import re\nassert re.fullmatch('2', f(1))")
HANDED = asserts("import re\nassert f(f(re.escape('1'))) == '2'")
CHECKS = "def check(input, output, expected):\n    {body}\n"
RAISES = "def f(x): raise ValueError('\\ud800')"
RETURNS = "def f(x): return {'\\ud800': ['\\udfff']}"
ATTRIBUTE = "class A:\n  def __getattr__(self, name): raise KeyError('\\ud800')\ndef f(x): return A()"
NAMED = "def f(x): return type('\\ud800', (), {})()"
FORGED = "import os\ndef f(x):\n  for fd in range(3, 1024):\n    try: os.write(fd, {line!r})\n    except OSError: pass\n  os._exit(0)"
WRITES = f"import os\nos.write(1, {RAW!r}); os.write(2, {RAW!r})"

SAYS: dict[str, tuple[Problem, str | Submission]] = {
    **{
        f"{name}, {way}": (problem, program)
        for name, program in {
            "exception": RAISES,
            "exception of its own": "class E(Exception): pass\nE.__name__ = '\\ud800'\ndef f(x): raise E('\\ud801')",
            "value": RETURNS,
            "text": "def f(x): return '\\ud800'",
            "attribute": ATTRIBUTE,
            "class": NAMED,
            "exit": "def f(x): raise SystemExit('\\ud800')",
            "record of an exception": FORGED.format(line=b'[1,["\\ud800"],"\\ud800"]\n'),
            "record of a value": FORGED.format(line=b'[0,{"\\ud800":"\\ud800"},null]\n'),
            "record of a reference": FORGED.format(line=b'[0,{"other":{"ref":["\\ud800",0]}},null]\n'),
            "raw record": FORGED.format(line=b'[1,["ValueError"],"' + RAW + b'"]\n'),
            "missing module": "import importlib\ndef f(x): importlib.import_module('\\ud800')",
        }.items()
        for way, problem in {"lifted": LIFTED, "replayed": REPLAYED, "handed back": HANDED, "call": call()}.items()
    },
    "value of a key": (call({"a": 1}), RETURNS),
    "raw value": (call(), FORGED.format(line=b'"' + RAW + b'"')),
    "output": (printed(), WRITES),
    "text that is printed": (printed(), "print('\\ud800')"),
    "text that is printed raw": (printed(), "import sys\nsys.stdout.buffer.write('\\ud800'.encode('utf-8', 'surrogatepass'))"),
    "exception that ends it": (printed(), "raise ValueError('\\ud800')"),
    "exit code": (printed(), "import sys\nsys.exit('\\ud800')"),
    "module that is missing": (printed(), "__import__('\\ud800')"),
    "source": (printed(), f"print('{HALF}')"),
    "name of a file": (printed(), Submission(code="print(1)", files={f"{HALF}.py": ""})),
    "file": (printed(), Submission(code="print(1)", files={"a.py": HALF})),
    "name": (printed(), Submission(code="print(1)", name=HALF)),
    "words of a checker": (printed(type="python", source=CHECKS.format(body="print(output); return 0")), WRITES),
    "crash of a checker": (printed(type="python", source=CHECKS.format(body="assert output == expected, output; return 1")), WRITES),
    **{
        f"output, {kind}": (printed(type=kind), WRITES)  # pyright: ignore[reportArgumentType]
        for kind in ("strict", "kattis", "codeforces", "lcb", "prime", "lenient")
    },
}  # fmt: skip


def no_halves(report: Report) -> None:
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(report), type=Report) == report


@pytest.mark.parametrize("name", SAYS)
async def test_every_report_can_be_encoded(arena: Arena, name: str) -> None:
    problem, program = SAYS[name]
    report = await arena.judge(program, problem)
    assert not report.accepted and report.reward == 0.0
    no_halves(report)


async def test_words_of_a_compiler_can_be_encoded(arena: Arena, cpp: None) -> None:
    """The bytes are made by the compiler: no source holds them."""
    source = '#define S(x) #x\nstatic_assert(false, "\\xed\\xa0\\x80");\n_Pragma("message \\"\\xed\\xa0\\x80\\"")\nint a\\ud800;\n'
    report = await arena.judge(Submission(code=source, language="cpp"), printed())
    assert report.status is Status.COMPILE_ERROR
    no_halves(report)


async def test_the_others_of_the_same_run_are_judged(evaluator: Evaluator) -> None:
    right = "def f(x): return x + 1"
    submissions = [Submission(code=code) for code in (RAISES, right, RETURNS)]
    reports = [report async for report in evaluator.evaluate_many([(LIFTED, each) for each in submissions])]
    assert [report.status for report in reports] == [Status.RUNTIME_ERROR, Status.ACCEPTED, Status.WRONG_ANSWER]
    assert msgspec.json.encode(reports)


async def test_whatever_a_report_is_made_of_can_be_encoded() -> None:
    test = TestResult(status=Status.WRONG_ANSWER, rule=HALF, message=HALF, limit=HALF, stdout=HALF, stderr=f"é{HALF}")
    report = Report(
        problem_id=HALF, name=HALF, status=test.status, passed=0, total=1, tests=(test,), message=f"a\n{HALF}"
    )
    no_halves(report)
    no_halves(msgspec.structs.replace(report, message="\udfff"))
    assert test.stderr == "é\\ud800" and report.message == "a\n\\ud800"
    assert msgspec.json.encode(Match(False, message=HALF))
    assert encodable("😀é\0") == "😀é\0"
