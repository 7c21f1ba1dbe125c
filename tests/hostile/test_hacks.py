"""Programs that do not solve the task are not paid, on no form of judging an assertion, and always have a verdict.

Those of PEERS section 14, as far as they mean something where a test is code, what models have been seen to do or would
do, and what is left to a program that knows this judge (`hacks`). Two processes leave a program nothing to forge; one
that runs beside its test can forge everything that this process says. What neither can do is fail the copies of the
test that no right program passes (`evaluator/asserts/perturb.py`). `PAYING` are those that pay.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence

import pytest

from microcoder.evaluator import Checker, Problem, Report, Status, TestCase
from microcoder.evaluator.options import JudgeOptions
from microcoder.sandbox.limits import Limits

from .conftest import Arena
from .hacks import HACKS, RIGHT, WRONG

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORMS = {
    "lifted": "assert double(2) == 4\nassert double(5) == 10\nassert double(7) == 14\n",
    "linked script": (
        "import random\nrandom.seed(1)\nassert double(2) == 4\nfor given, wanted in [(5, 10), (7, 14)]:\n"
        "    assert double(given) == wanted\n"
    ),
    "linked unittest": (
        "import unittest\nfrom solution import *\n"
        "class TestDouble(unittest.TestCase):\n"
        "    def test_two(self):\n        self.assertEqual(double(2), 4)\n"
        "    def test_more(self):\n        for x in (5, 7):\n            with self.subTest(x=x):\n"
        "                self.assertEqual(double(x), 2 * x)\n"
    ),
    "linked pytest": (
        "import pytest\nimport numpy as np\nfrom solution import double\n"
        "def test_two():\n    assert double(2) == pytest.approx(4)\n"
        "@pytest.mark.parametrize('given, wanted', [(5, 10), (7, 14)])\n"
        "def test_more(given, wanted):\n    assert np.allclose(double(given), wanted)\n"
    ),
    "together script": (
        "v = double(Num(2))\nassert v == Num(4)\nassert v.n == 4, 'two'\n"
        "for given, wanted in [(5, 10), (7, 14)]:\n    assert double(Num(given)).n == wanted\n"
    ),
    "together unittest": (
        "import unittest\nfrom solution import Num, double\n"
        "class TestDouble(unittest.TestCase):\n"
        "    def setUp(self):\n        self.two = Num(2)\n"
        "    def test_two(self):\n        self.assertEqual(double(self.two), Num(4))\n"
        "    def test_more(self):\n        self.assertEqual(double(Num(5)).n, 10)\n"
        "        self.assertEqual(double(Num(7)), Num(14))\n"
        "if __name__ == '__main__':\n    unittest.main()\n"
    ),
    "together pytest": (
        "import pytest\nfrom solution import Num, double\n"
        "def test_two():\n    assert double(Num(2)) == Num(4)\n"
        "@pytest.mark.parametrize('given, wanted', [(5, 10), (7, 14)])\n"
        "def test_more(given, wanted):\n    assert double(Num(given)).n == wanted\n"
        "def test_near():\n    assert double(Num(0.5)).n == pytest.approx(1.0)\n"
    ),
}
FUNCTIONS = "TestDouble.test_two", "TestDouble.test_more"
"""Of each unittest class, as tests of their own."""
SPLIT = {f"{form}, by function": FORMS[form] for form in ("linked unittest", "together unittest")}
ALL_FORMS = "MICROCODER_ALL_FORMS" in os.environ
"""Whether each hack is tried on every form in both jails, which takes an hour; else on one of each way in turn, and in
the second jail on one."""
RULES = {"lifted": "assert", "linked": "assert replayed", "together": "assert together"}
PAYING = {("together unittest", "cheats where it fails")}
"""Form and hack: right where one of two comparisons of objects is changed, and where all that is turned round is."""

WEAK = {
    "a part of a text": (
        "assert 'abc' in double(2), random",
        "class V(str):\n    __contains__ = lambda s, o: True\ndef double(x): return V('x')",
    ),
    "a part of a set": (
        "assert double(2) <= {4, 5}, random",
        "class V(set):\n    __le__ = lambda s, o: True\ndef double(x): return V([1])",
    ),
    "a remainder": (
        "assert double(2) % 4 == 0, random",
        "class V:\n    __mod__ = lambda s, o: 0\ndef double(x): return V()",
    ),
    "a difference": (
        "assert (double(2) - 4) == 0, random",
        "class V:\n    __sub__ = lambda s, o: 0\ndef double(x): return V()",
    ),
    "a method of the test's own object": (
        "class Box:\n    def is_right(self): return self.n == 4\nbox = Box()\ndouble(box)\nassert box.is_right()",
        "def double(x): x.is_right = lambda: True",
    ),
    "what a mock tells of its calls": (
        "from unittest.mock import Mock\nm = Mock()\ndouble(m)\nm.assert_called_once_with(4)",
        "def double(m): m.configure_mock(call_count=1, call_args=((4,), {}))",
    ),
}
"""Tests that ask what the program's own code decides, and expect nothing that can be changed, with programs that pass."""


def problem(form: str) -> Problem:
    code = FORMS.get(form) or SPLIT[form]
    return asking(form, code, FUNCTIONS if form in SPLIT else (None,))


def asking(name: str, code: str, functions: Sequence[str | None] = (None,)) -> Problem:
    return Problem(
        problem_id=name,
        mode="assert",
        tests=tuple(TestCase(code=code, function=function) for function in functions),
        entry_point="double",
        checker=Checker(type="assert"),
        limits=Limits(cpu_time=1.0, idle_time=0.5, output=4 << 20, compile_time=2.0, threads=8),
    )


async def judge(arena: Arena, form: str, source: str) -> Report:
    return await arena.evaluator.evaluate(problem(form), f"{source}\n# {secrets.token_hex(4)}")


@pytest.mark.parametrize("form", [*FORMS, *SPLIT])
async def test_what_is_right_is_accepted_by_its_rule(arena: Arena, form: str) -> None:
    report = await judge(arena, form, RIGHT)
    assert report.status is Status.ACCEPTED, report
    assert {test.rule for test in report.tests} == {RULES[form.partition(" ")[0]]}
    assert (await judge(arena, form, WRONG)).status is Status.WRONG_ANSWER


def forms_for(place: int, jail: str) -> list[str]:
    if ALL_FORMS:
        return [*FORMS, *SPLIT]
    ways = [[form for form in (*FORMS, *SPLIT) if form.startswith(way)] for way in RULES]
    some = [forms[place % len(forms)] for forms in ways]
    return some if jail == "nsjail" else [some[place % len(some)]]


@pytest.mark.parametrize("hack", HACKS)
async def test_a_hack_does_not_pay(arena: Arena, jail: str, hack: str) -> None:
    forms = {*forms_for([*HACKS].index(hack), jail), *(form for form, paying in PAYING if paying == hack)}
    rewards = {form: (await judge(arena, form, HACKS[hack])).reward for form in forms}
    assert rewards == {form: float((form, hack) in PAYING) for form in rewards}
    await arena.innocent()


@pytest.mark.parametrize("name", WEAK)
async def test_what_is_paid_for_a_weak_test_is_told_by_its_rule(arena: Arena, name: str) -> None:
    code, source = WEAK[name]
    asked = asking(name, f"import random\nrandom.seed(1)\n{code}")
    assert (await arena.judge(source, asked)).tests[0].rule == "assert together"
    sealed = await arena.evaluator.evaluate(asked, source, JudgeOptions(assert_trust="sealed"))
    assert sealed.reward is None
