"""Integers have as many digits as a limit of ours says, in programs; where outputs are compared they have no limit."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcoder.evaluator import Checker, Problem, Report, Status, Submission, TestCase
from microcoder.evaluator.compare import lcb, values
from microcoder.evaluator.datasets.cases import read_cases
from microcoder.evaluator.digits import LONG, Digits, dumps, has_digits, loads
from microcoder.evaluator.streams import Program
from microcoder.sandbox.languages import LANGUAGES
from microcoder.sandbox.launcher import ENVIRONMENT
from microcoder.sandbox.limits import INT_DIGITS, Limits

asyncio = pytest.mark.asyncio(loop_scope="session")
NINES = "9" * 20_000
ROUND = "1" + "0" * 20_000


def stdio(given: str, wanted: str, **limits: object) -> Problem:
    return Problem(
        problem_id="p", tests=(TestCase(given, wanted),), limits=msgspec.convert({"cpu_time": 5} | limits, Limits)
    )


def call(arguments: str, wanted: str, **checker: str) -> Problem:
    tests = (TestCase(arguments, wanted),)
    return Problem(problem_id="c", mode="call", entry_point="f", tests=tests, checker=msgspec.convert(checker, Checker))


def asserted(*code: str) -> Problem:
    tests = tuple(TestCase(code=each) for each in code)
    return Problem(problem_id="a", mode="assert", entry_point="f", tests=tests, checker=Checker(type="assert"))


RIGHT: dict[str, tuple[Problem, Program]] = {
    "printed": (stdio("", ROUND), "print(10 ** 20000)"),
    "read": (stdio(NINES, ROUND), "print(int(input()) + 1)"),
    "formatted": (stdio("", f"{ROUND} {ROUND}"), "n = 10 ** 20000\nprint(f'{n} %d' % n)"),
    "in the source": (stdio("", "True"), f"n = {NINES}\nprint(n == 10 ** 20000 - 1)"),
    "LiveCodeBench's": (stdio("", "3" * 50_000), "print((10 ** 50000 - 1) // 3)"),
    "in two tests": (
        Problem(problem_id="p", tests=tuple(TestCase(str(n), "1" + "0" * n) for n in (5000, 6000, 7000))),
        "print(10 ** int(input()))",
    ),
    "in json": (
        stdio(f"[{NINES}]", f"[{ROUND}]"),
        "import json\nprint(json.dumps([n + 1 for n in json.loads(input())]))",
    ),
    "argument": (call(f"[{NINES}]", "20000"), "def f(n): return len(str(n))"),
    "result": (call("[]", ROUND), "def f(): return 10 ** 20000"),
    "negative": (call("[]", f"-{ROUND}"), "def f(): return -10 ** 20000"),
    "spaced": (call(f"[[1, {NINES}]]", f'[1 ,{NINES}, "a"]'), "def f(x): return x + ['a']"),
    "keys": (call("[]", f'{{"a": {NINES}}}'), "def f(): return {'a': 10 ** 20000 - 1}"),
    "any order": (
        call("[]", f'[{NINES}, "{NINES}", {ROUND}, 1.0]', flags="unordered_items"),
        "def f(): n = 10 ** 20000; return [1, n, n - 1, str(n - 1)]",
    ),
    "strict": (call("[]", f"[{NINES}, 1]", type="strict"), "def f(): return [10 ** 20000 - 1, 1]"),
    "lcb": (call("[]", f"[{NINES}, 1]", type="lcb"), "def f(): return [10 ** 20000 - 1, 1.0]"),
    "prime": (call("[]", f"[[{NINES}, 1]]", type="prime"), "def f(): return [10 ** 20000 - 1, 1.0]"),
    "lenient": (call("[]", f"[{NINES}, 1]", type="lenient"), "def f(): return [10 ** 20000 - 1, 1]"),
    "asserted": (
        asserted(
            "assert f(20000) == 10 ** 20000", "assert len(str(f(20000))) == 20001", f"assert str(f(20000)) == '{ROUND}'"
        ),
        "def f(n): return 10 ** n",
    ),
}


@asyncio
@pytest.mark.parametrize("name", RIGHT)
async def test_right_programs(evaluator, name: str) -> None:
    report = await evaluator.evaluate(*RIGHT[name])
    assert report.accepted, (report.message, report.tests)


WRONG: dict[str, tuple[Problem, Program]] = {
    "last digit": (stdio("", ROUND), "print(10 ** 20000 + 1)"),
    "result": (call("[]", ROUND), "def f(): return 10 ** 20000 + 1"),
    "sign": (call("[]", ROUND), "def f(): return -10 ** 20000"),
    "text": (call("[]", NINES), "def f(): return '9' * 20000"),
    "number": (call("[]", f'"{NINES}"'), "def f(): return 10 ** 20000 - 1"),
    "float": (call("[]", NINES), "def f(): return 1e308"),
    "infinity": (call("[]", NINES), "def f(): return float('inf')"),
    "one item": (call("[]", f"[{NINES}, 2]"), "def f(): return [10 ** 20000 - 1, 1]"),
    "any order": (call("[]", f"[{NINES}, 2]", flags="unordered_items"), "def f(): return [2, '#' + '9' * 20000]"),
    "any order, text": (call("[]", f'["#{NINES}"]', flags="unordered_items"), "def f(): return [10 ** 20000 - 1]"),
    "lcb": (call("[]", NINES, type="lcb"), "def f(): return '9' * 20000"),
    "lcb, more than it reads": (call("[]", "9" * 50_001, type="lcb"), "def f(): return 10 ** 50001 - 1"),
    "prime": (call("[]", NINES, type="prime"), "def f(): return '9' * 20000"),
    "asserted": (asserted("assert f(20000) == 10 ** 20000"), "def f(n): return 10 ** n + 1"),
    "asserted of an argument": (asserted("assert f(10 ** 20000) == 1"), "def f(n): return 2"),
}


@asyncio
@pytest.mark.parametrize("name", WRONG)
async def test_wrong_programs(evaluator, name: str) -> None:
    report = await evaluator.evaluate(*WRONG[name])
    assert report.status is Status.WRONG_ANSWER, (report.message, report.tests)


@asyncio
@pytest.mark.parametrize("tests", [1, 3])
async def test_the_limit(evaluator, tests: int) -> None:
    """Of the problem, in every test of a lane; a program may raise its own."""

    async def judged(power: int, code: str = "print(10 ** int(input()))") -> Report:
        cases = tuple(TestCase(str(power + n), "1" + "0" * (power + n)) for n in range(tests))
        return await evaluator.evaluate(Problem(problem_id="p", tests=cases, limits=Limits(int_digits=5000)), code)

    assert (await judged(4990)).accepted
    report = await judged(5000)
    assert report.status is Status.RUNTIME_ERROR and "5000 digits" in (report.message or "")
    assert (await judged(5000, "import sys\nsys.set_int_max_str_digits(0)\nprint(10 ** int(input()))")).accepted
    compiled = await evaluator.evaluate(stdio("", "1", int_digits=5000), f"print({'1' * 5001})")
    assert compiled.status is Status.COMPILE_ERROR and "5000 digits" in (compiled.message or "")


@asyncio
async def test_no_program_finds_the_limit_of_another(evaluator) -> None:
    show = "import sys\nprint(sys.get_int_max_str_digits())"
    for digits in (640, INT_DIGITS, 700):
        assert (await evaluator.evaluate(stdio("", str(digits), int_digits=digits), show)).accepted
    assert (await evaluator.evaluate(stdio("", ENVIRONMENT["PYTHONINTMAXSTRDIGITS"]), show)).accepted


@asyncio
async def test_nor_does_its_prelude(evaluator) -> None:
    for digits, status in ((6000, Status.ACCEPTED), (5000, Status.CHECKER_ERROR), (6000, Status.ACCEPTED)):
        problem = msgspec.structs.replace(stdio("", "1", int_digits=digits), prelude=f"LONG = {'1' * 5001}\n")
        assert (await evaluator.evaluate(problem, "print(LONG % 10)")).status is status, digits


@asyncio
async def test_in_pypy(evaluator) -> None:
    if (lack := LANGUAGES["pypy"].missing()) is not None:
        pytest.skip(lack)
    code = Submission(code="print(10 ** int(input()))", language="pypy")
    assert (await evaluator.evaluate(stdio("20000", ROUND), code)).accepted
    report = await evaluator.evaluate(stdio("20000", ROUND, int_digits=5000), code)
    assert report.status is Status.RUNTIME_ERROR


# ------------------------------------------------------------------------------------------------------ in the parent

NUMBERS = st.one_of(
    st.integers(),
    st.integers(10 ** (LONG - 2), 10 ** (LONG + 2)),
    st.integers(-(10 ** (LONG + 2)), -(10 ** (LONG - 2))),
)


@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_equal_as_integers_are(one: list[int], other: list[int]) -> None:
    assert (loads(json.dumps(one)) == loads(json.dumps(other))) == (one == other)
    assert json.loads(dumps(loads(json.dumps(one)))) == one
    assert values.comparison([]).compare(json.dumps(one).encode(), json.dumps(other, indent=1).encode()).accepted == (
        one == other
    )


@given(st.text("0123456789", min_size=0, max_size=2000), st.sampled_from(["", "-", "[1, ", '"a" ', "[1e"]))
def test_no_long_integer_is_overlooked(digits: str, before: str) -> None:
    text = before + digits + "]"
    assert has_digits(text) or len(digits) <= LONG
    assert not has_digits(text) or len(digits) >= LONG // 2
    assert has_digits(text.encode()) == has_digits(text)


def test_none_is_read_whatever_the_interpreter_allows() -> None:
    """In a process that has no limit a million digits would take seconds."""
    code = """
import sys, time
sys.set_int_max_str_digits(0)
from microcoder.evaluator.compare import lcb, values
one, other = b"[1, " + b"9" * 10 ** 6 + b"]", b"[1,  " + b"9" * (10 ** 6 - 1) + b"8]"
began = time.process_time()
for rule in (values.comparison([]), values.comparison([], unordered=True), lcb.Call()):
    assert not rule.compare(one, other).accepted
    rule.compare(one, one.replace(b" ", b""))
assert time.process_time() - began < 1.5, time.process_time() - began
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_in_rows_of_data_sets() -> None:
    tests = {"inputs": [[1]], "outputs": ["x"], "fn_name": "f"}
    text = json.dumps(tests).replace("[1]", f"[{NINES}, -{NINES}]").replace('"x"', ROUND)
    (case,) = read_cases(text, "input_output").tests
    assert (case.input, case.output) == (f"[{NINES},-{NINES}]", ROUND)
    (case,) = read_cases([{"input": f"{NINES}\n[{NINES}]", "output": ROUND, "fn_name": "f"}], "tests").tests
    assert (case.input, case.output) == (f"[{NINES},[{NINES}]]", ROUND)
    (case,) = read_cases(f'{{"inputs": [{NINES}], "outputs": [{ROUND}]}}', "input_output").tests
    assert (case.input, case.output) == (NINES, ROUND)


def test_what_is_shown_of_one_is_short() -> None:
    assert len(repr(Digits(NINES))) < 60
    for text in (NINES, f"[{NINES}]", f'{{"a": {NINES}}}'):
        match = values.comparison([]).compare(text.encode(), text.replace("9", "8").encode())
        assert not match.accepted and len(match.message or "") < 300
    assert not lcb.Call().compare(NINES.encode(), ROUND.encode()).accepted
