"""What a program chose never keeps the trusted process busy: outputs to compare, values to look at, results to read.

Each judgement runs beside a task that looks at the processor clock of the event loop's thread at every turn: that is
what the judge itself computed in one go, however loaded the machine is. (bench/hostile.py has many more.)
"""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import msgspec
import psutil
import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, Report, Status, TestCase
from microcoder.evaluator.checkers import service
from microcoder.evaluator.streams import Program
from microcoder.sandbox.limits import MIB, Limits

from .conftest import Arena

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE_JAIL = pytest.mark.parametrize("jail", ["auto"], indirect=True, scope="session")
"""For what is done to the judge itself, which is the same whatever jail the program is in."""
LONGEST = 0.25
"""Processor seconds between two turns. What goes on in one is 20 ms at most, as bench/freeze measures; several may come
between, and on a machine that is shared the clock of a processor runs while another machine has it."""


class Watch:
    """``async with``: how long the judge computed in one go, and by how much it grew."""

    async def __aenter__(self) -> Watch:
        self.longest = 0.0
        gc.collect()
        gc.freeze()  # what the tests keep in memory takes tens of milliseconds to walk through
        self._memory = psutil.Process().memory_info().rss
        self._ticking = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ticking.cancel()
        gc.unfreeze()
        self.grown = psutil.Process().memory_info().rss - self._memory

    async def _tick(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self.longest, last = max(self.longest, now - last), now


async def judged(arena: Arena, problem: Problem, program: Program) -> Report:
    """Every verdict has a reward, and the judge was there for others."""
    async with Watch() as watch:
        report = await arena.evaluator.evaluate(problem, program)
    assert report.reward is not None, report
    assert watch.longest < LONGEST
    assert watch.grown < 64 * MIB
    await arena.innocent()
    return report


# -------------------------------------------------------------------------------------------------------------- values

VALUES = {
    "Decimal": "__import__('decimal').Decimal('1e3000000')",
    "tiny Decimal": "__import__('decimal').Decimal('1e-3000000')",
    "Fraction": "__import__('fractions').Fraction(7 ** 300000, 3 ** 500000)",
    "huge range": "range(10 ** 12)",
    "range of huge": "range(10 ** 3000, 10 ** 3000 + 10 ** 9)",
    "huge integer": "1 << 8000000",
    "integer of 4200 digits": "10 ** 4199",
    "colliding integers": "[n * (2 ** 61 - 1) for n in range(24000)]",
    "colliding floats": "[2.0 ** (61 * n % 900) * 3 for n in range(24000)]",
    "colliding tuples": "[(n * (2 ** 61 - 1),) for n in range(24000)]",
    "a set of them": "{n * (2 ** 61 - 1) for n in range(3000)}",
    "many": "list(range(150000))",
    "long text": "'9' * 2000000",
    "deep": "eval('[' * 150 + ']' * 150)",
    "wide and deep": "[[[[[[list(range(9000))]]]]]]",
    "complex": "complex('nan+infj')",
    "iterator": "iter(range(90000))",
    "deque": "__import__('collections').deque(range(50000), 10 ** 9)",
    "bytes": "bytes(1000000)",
    "an object": "type('T', (), {'__len__': lambda s: 10 ** 9, '__getitem__': lambda s, i: i})()",
}
FORMS = {
    "equal": "f(1) == [1, 2]",
    "set": "set(f(1)) == {4}",
    "int": "int(f(1)) == 5",
    "sorted": "sorted(f(1)) == [1]",
    "sum": "sum(f(1)) == 5",
    "round": "round(f(1), 2) == 5",
    "digits": "round(12345.678, f(1)) == 5",
    "text": "str(f(1)) == '5'",
    "near": "abs(f(1) - 0.5) < 1e-6",
    "in": "7.5 in f(1)",
    "two": "f(1) + f(2) == f(3)",
    "slice": "list(f(1)[::-1]) == [1]",
}
SMALL = Limits(cpu_time=0.3, idle_time=1, memory=256 * MIB, output=4 * MIB)


@ONE_JAIL
@pytest.mark.parametrize("form", FORMS)
async def test_values_of_a_program_are_looked_at_in_its_own_time(arena: Arena, form: str) -> None:
    problem = Problem(
        problem_id="values",
        mode="assert",
        entry_point="f",
        tests=(TestCase(code=f"assert {FORMS[form]}"),),
        checker=Checker(type="assert"),
        limits=SMALL,
    )
    for name, value in VALUES.items():
        report = await judged(arena, problem, f"def f(x):\n    return {value}\n")
        assert not report.accepted, (name, report)
    for small in ("10 ** 3", "-(10 ** 9)", "'%999999999d'", "1e308", "True"):  # small ones that mean much
        assert not (await judged(arena, problem, f"def f(x):\n    return {small}\n")).accepted


async def test_right_values_that_are_not_small_are_right(arena: Arena) -> None:
    """The replay and the parent say the same."""
    code = """
import math
def check(candidate):
    assert candidate(3) == [0, 1, 2]
    assert set(candidate(20000)) == set(range(20000))
    assert candidate(30000) == [*range(30000)]
    assert len(candidate(9)) == 9 and sorted(candidate(4)) == [0, 1, 2, 3]
    assert math.isclose(sum(candidate(5)), 10)
check(f)
"""
    tests = (TestCase(code=code), TestCase(code="assert f(2) == [0, 1]"))
    problem = Problem(problem_id="large", mode="assert", entry_point="f", tests=tests, limits=SMALL)
    right = "def f(n):\n    return list(range(n))\n"
    assert (await judged(arena, problem, right)).accepted
    wrong = await judged(arena, problem, right.replace("range(n)", "range(n)[: 29999]"))
    assert (wrong.status, wrong.tests[0].status) == (Status.WRONG_ANSWER, Status.WRONG_ANSWER)
    ends = await judged(arena, problem, right + "def f(n, f=f):\n    if n == 5: exit(0)\n    return f(n)\n")
    assert ends.status is Status.RUNTIME_ERROR and "the program has ended the test" in str(ends.message)
    raises = await judged(arena, problem, right + "def f(n, f=f):\n    return f(n) if n != 30000 else 1 / 0\n")
    assert raises.status is Status.RUNTIME_ERROR and "division by zero" in str(raises.message)


@ONE_JAIL
async def test_results_that_nobody_has_looked_at_are_not_piled_up(arena: Arena) -> None:
    """24 tests of 8 MiB each, told by a worker that runs ahead of what is compared."""
    tests = tuple(TestCase(f"{n}\n", "".join(f"{n + m}\n" for m in range(1 << 20))) for n in range(24))
    problem = Problem(problem_id="piled", tests=tests, limits=Limits(cpu_time=5, output=16 * MIB))
    async with Evaluator(jail=arena.evaluator.jail, workers=1, cache=0, run_all=True) as evaluator:
        warm = await evaluator.evaluate(problem, "print(1)")
        assert warm.status is Status.WRONG_ANSWER
        async with Watch() as watch:
            report = await evaluator.evaluate(problem, "n = int(input())\nprint(*range(n, n + (1 << 20)), 'x')\n")
    assert (report.status, report.passed) == (Status.WRONG_ANSWER, 0)
    assert watch.grown < 96 * MIB  # of 190


@ONE_JAIL
async def test_many_tests_that_end_quickly_let_others_have_their_turn(arena: Arena) -> None:
    tests = tuple(TestCase(f"{n}\n", f"{n}\n") for n in range(10_000))
    assert (await judged(arena, Problem(problem_id="many", tests=tests), "print(input())")).accepted


@ONE_JAIL
async def test_problems_are_made_ready_while_others_are_served(arena: Arena) -> None:
    tests = tuple(TestCase(code=f"assert f({n}) == {n}") for n in range(3_000))
    problem = Problem(problem_id="asserts", mode="assert", entry_point="f", tests=tests)
    assert (await judged(arena, problem, "def f(x): return x")).accepted


SHARED = "(((0,) * 1000,) * 1000,) * 1000"


@ONE_JAIL
@pytest.mark.parametrize(
    "code",
    [
        f"assert f(1) == {SHARED}",
        f"assert f(1) in {{{SHARED}, 2}}",
        f"assert f(1) == {{{SHARED}: 1}}",
        f"assert f(1) == 7 and {SHARED} != ({SHARED})[:999]",
        f"assert f(1) == set({SHARED})",
        f"assert f(1) == max({SHARED}, {SHARED})",
        f"assert f({SHARED}) == 1",
        "a = [0] * 1000\nb = [a] * 1000\nc = [b] * 1000\nassert str(c) == f(1)",
        "assert f('x' * 10**6) == ['x' * 10**6] * 10**6",
    ],
)  # fmt: skip
async def test_constants_of_a_test_that_hold_what_they_share_very_often_are_not_looked_at(
    arena: Arena, code: str
) -> None:
    limits = Limits(cpu_time=0.5, idle_time=0.5, wall_time=10.0)
    test = TestCase(code=code)
    problem = Problem(problem_id="p", mode="assert", entry_point="f", tests=(test,), limits=limits)
    await judged(arena, problem, "def f(x): return 7")


# ------------------------------------------------------------------------------------------------------------- outputs

OUTPUTS = {
    "returns": "print('\\r' * (3 << 20))",
    "pairs": "print('1 ' * (1 << 20))",
    "newlines": "print('\\n' * (3 << 20))",
    "one number": "print('1' * (3 << 20))",
    "distinct words": "print(*range(1 << 18))",
    "decimals": "print('.5 ' * (1 << 20))",
    "brackets": "print('[' * (3 << 20))",
    "lists": "print('[' + '[],' * (1 << 20) + '[]]')",
}
RULES: dict[str, Checker] = {
    "default": Checker(),
    "unordered lines": Checker(flags="unordered_lines"),
    "unordered tokens, any case": Checker(flags="unordered_tokens case_insensitive"),
    "spaces": Checker(flags="space_change_sensitive float_tolerance 1e-6"),
    "kattis": Checker(type="kattis", flags="float_tolerance 1e-6"),
    "lcmp": Checker(type="codeforces", name="lcmp"),
    "rcmp9": Checker(type="codeforces", name="rcmp9"),
    "lcb": Checker(type="lcb"),
    "prime": Checker(type="prime"),
    "lenient": Checker(type="lenient"),
}


@ONE_JAIL
@pytest.mark.parametrize("rule", RULES)
async def test_outputs_are_compared_while_others_are_served(arena: Arena, rule: str) -> None:
    for expected in ("1\n", "1 " * (1 << 19)):
        limits = Limits(cpu_time=2, output=4 * MIB)
        tests = (TestCase("", expected),)
        problem = Problem(problem_id="outputs", tests=tests, checker=RULES[rule], limits=limits)
        for name, program in OUTPUTS.items():
            report = await judged(arena, problem, program)
            assert report.status is Status.WRONG_ANSWER or (name, report.status) == ("pairs", Status.ACCEPTED), name


COUNTS = "def check(input, output, expected):\n    return sum(1 for _ in range(int(output))) >= int(expected)\n"


async def test_a_checker_takes_no_longer_than_the_expected_output_asks_for(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FLOOR", 1.0)
    checker = Checker(type="python", source=COUNTS, limits=Limits(cpu_time=20))
    for expected, floor in (("1\n", True), ("3000000\n", False)):
        problem = Problem(problem_id=f"counts {expected}", tests=(TestCase("", expected),), checker=checker)
        report = await judged(arena, problem, "print(10 ** 12)")
        assert report.status is Status.WRONG_ANSWER, report
        words = "for this output the checker takes more than "
        assert words in str(report.message) and (f"{words}1 s" in str(report.message)) is floor
        assert (await judged(arena, problem, f"print({int(expected) * 4})")).accepted


async def test_a_checker_that_takes_too_long_for_the_expected_output_is_at_fault(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FLOOR", 0.1)
    checker = Checker(type="python", source="def check(*_):\n    while True: pass\n", limits=Limits(cpu_time=0.5))
    problem = Problem(problem_id="endless", tests=(TestCase("", "1"),), checker=checker)
    report = await arena.evaluator.evaluate(problem, "print(1)")
    assert report.status is Status.CHECKER_ERROR and "for the expected output, too" in str(report.message)


CASES: dict[str, tuple[Problem, str]] = {}


def case(name: str, program: str, test: str = "", **fields: Any) -> None:
    tests = (TestCase(code=test),) if test else (TestCase("1\n", "1\n"),)
    mode: Any = "assert" if test else "stdio"
    CASES[name] = Problem(problem_id=name, mode=mode, entry_point="f", tests=tests, **fields), program


EVALPLUS = """
def is_floats(x):
    return isinstance(x, float)

def assertion(out, exp, atol):
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    out = set(out)
    exp = set(exp)
    if out != exp and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert out == exp, f"out: {out}, exp: {exp}"

inputs = [[(3, 4), (4, 5)]]
results = [(4,)]
for i, (inp, exp) in enumerate(zip(inputs, results)):
    assertion(f(*inp), exp, 0)
"""
case("host_freeze_int_decimal", f"def f(x):\n    return {VALUES['Decimal']}\n", "assert int(f(1)) == 5")
case(
    "host_freeze_set_hash",
    f"def f(a, b):\n    return {VALUES['colliding integers']}\n",
    "assert set(f((3,4),(4,5))) == {4}",
)
case("host_memory_evalplus_range", "def f(a, b):\n    return range(6000000)\n", EVALPLUS)
case("lcmp_return_stall", "import sys\nsys.stdout.buffer.write(b'\\r'*(16<<20))", checker=RULES["lcmp"])
case("unordered_lines_stall", "print('1 '*8000000)", checker=RULES["unordered lines"])
case("unordered_lines_stall, newlines", "print('\\n'*16000000)", checker=RULES["unordered lines"])


@ONE_JAIL
@pytest.mark.parametrize("name", CASES)
async def test_what_once_held_up_everybody(arena: Arena, name: str) -> None:
    problem, program = CASES[name]
    limits = Limits(cpu_time=1, memory=512 * MIB)
    report = await judged(arena, msgspec.structs.replace(problem, limits=limits), program)
    assert not report.accepted
