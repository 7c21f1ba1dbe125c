"""Tests that are themselves at fault: no verdict for any program; and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, Status, TestCase

pytestmark = pytest.mark.asyncio(loop_scope="session")

SPAN = "def span(xs):\n    if not xs:\n        raise ValueError('empty')\n    return max(xs) - min(xs)\n"
PROGRAMS = (SPAN, "def span(xs): return 7", "def span(xs): return []", "def span(xs): raise OSError")
UNITTEST = (
    "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(span([1, 5]), 4)\n"
)
CLASS = "import unittest\nclass T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        "

# What it is, the test, and words of what is told.
FAULTS: dict[str, tuple[str, str]] = {
    "value": ("def check(f):\n    assert f([1, 5]) == expected\ncheck(span)", "expected is given neither"),
    "helper": ("assert same(span([1, 5]), 4)", "same is given neither"),
    "helper in a with": ("import contextlib\nwith contextlib.nullcontext():\n    assert span([1, 5]) == want", "want is given"),
    "method of unittest": ("self.assertEqual(span([1, 5]), 4)", "self is given neither"),
    "class": ("t = Helper()\nassert t.same(span([1, 5]), 4)", "Helper is given neither"),
    "module": ("assert math.isclose(span([1, 5]), 4)", "math is given neither"),
    "alias of a module": ("assert np.allclose(span([1, 5]), 4)", "np is given neither"),
    "function of a module": ("assert isclose(span([1, 5]), 4)", "isclose is given neither"),
    "helper of the program's module": ("from solution import span, near\nassert near(span([1, 5]), 4)", "near is given"),
    "attribute of the program's module": ("import solution as s\nassert s.near(s.span([1, 5]), 4)", "near is given"),
    "check": ("class TestCases:\n    pass\n\ncheck(span)", "leaves that to check"),
    "check beside metadata": ("METADATA = {'author': 'x'}\n\ncheck(span)", "leaves that to check"),
    "check, kept": ("ok = check(candidate=0) or check(span)", "leaves that to check"),
    "index": ("want = [4]\nfor i in range(2):\n    assert span([1, 5]) == want[i]", "IndexError: list index out of range (line 3)"),
    "index in check": (
        "def check(f):\n    given, want = [[1, 5], [2, 3]], [4]\n    for i, xs in enumerate(given):\n        assert f(xs) == want[i]\ncheck(span)",
        "IndexError: list index out of range (line 4)",
    ),
    "index of an argument": (
        "given = [[1, 5]]\nwant = [4, 2]\nfor i in range(2):\n    assert span(given[i]) == want[i]",
        "IndexError",
    ),
    "index in a helper": ("def want(i):\n    return [4][i]\nassert span([1, 5]) == want(1)", "IndexError: list index out of range (line 2)"),
    "index in a comprehension": ("assert [span([1, 5])] * 2 == [[4][i] for i in range(2)]", "IndexError"),
    "key": ("want = {'a': 4}\nassert span([1, 5]) == want['b']", "KeyError: 'b' (line 2)"),
    "types": ("assert span([1, 5]) == 4 + '0'", "TypeError"),
    "attribute": ("import math\nassert span([1, 5]) == math.flor(4.2)", "AttributeError"),
    "name that comes later": ("assert span([1, 5]) == want\nwant = 4", "NameError: name 'want' is not defined (line 1)"),
    "iterator at its end": ("it = iter([])\nassert span([1, 5]) == next(it)", "StopIteration"),
    "division": ("assert span([1, 5]) / 0 == 4", "ZeroDivisionError"),
    "whole division": ("assert span([1, 5]) // 0 == 4", "ZeroDivisionError"),
    "arguments of a helper": ("def same(a, b): return a == b\nassert same(span([1, 5]))", "TypeError: same() missing 1"),
    "assertion on itself": ("want = [4]\nassert span([1, 5]) == 4\nassert len(want) == 2", "AssertionError (line 3)"),
    "after something that raises": ("try:\n    x = [][0]\nexcept IndexError:\n    x = 4\nassert span([1, 5]) == x + 'a'", "TypeError"),
    "missing module": ("import no_such_module as m\nassert m.same(span([1, 5]), 4)", "No module named"),
    "file": ("want = open('expected.txt').read()\nassert str(span([1, 5])) == want", "FileNotFoundError"),
    "its own copy": ("def span(xs): return 4\nassert span([1, 5]) == 4", "asks nothing"),
    "contradiction": ("assert span([1, 5]) == 4\nassert span([1, 5]) == 5", "tests[0] (line 1) wants 4, and tests[0] (line 2) wants 5"),
    "contradiction in a loop": ("for xs, y in (([1, 5], 4), ([1, 5], 5)):\n    assert span(xs) == y", "contradict"),
    "contradiction by a negation": ("assert span([1, 5]) == 4\nassert span([1, 5]) != 4", "wants not 4"),
    "contradiction by a truth": ("assert span([1, 5]) == 4\nassert not span([1, 5])", "contradict"),
}  # fmt: skip


def problem(*codes: str, **more: Any) -> Problem:
    more = {"entry_point": "span", "time_limit": 2.0, "checker": Checker(type="assert")} | more
    return Problem(problem_id="p", mode="assert", tests=tuple(TestCase(code=code) for code in codes), **more)


@pytest.mark.parametrize("name", FAULTS)
async def test_no_program_pays_for_a_test_at_fault(evaluator: Evaluator, name: str) -> None:
    code, words = FAULTS[name]
    for program in PROGRAMS[:3]:
        report = await evaluator.evaluate(problem(code), program)
        assert (report.status, report.reward) == (Status.CHECKER_ERROR, None), report
        assert words in (report.message or "")


# Test, a right program, a wrong one: what the wrong one does to the test is its own doing.
FINE: dict[str, tuple[str, str, str]] = {
    "changes its argument": ("xs = []\nspan(xs)\nassert xs[0] == 1", "def span(xs): xs.append(1)", "def span(xs): pass"),
    "changes what is in its argument": ("xs = [[]]\nfor x in xs: span(x)\nassert xs[0][0] == 1", "def span(xs): xs.append(1)", "def span(xs): pass"),
    "returns nothing": ("import random\ny = span(1)\nassert y[0] == 1, random", "def span(x): return [x]", "def span(x): pass"),
    "returns an empty list": ("import random\nassert max(span(1)) == 1, random", "def span(x): return [x]", "def span(x): return []"),
    "items of an answer": ("want = []\nfor y in span(3): want.append(y)\nassert want[0] == 0", "def span(n): return [*range(n)]", "def span(n): return []"),
    "key of an answer": ("d = {1: 2}\nassert d[span(0)] == 2", "def span(x): return x + 1", "def span(x): return x"),
    "count of an answer": ("a, b = span(1)\nassert a == b", "def span(x): return x, x", "def span(x): return ()"),
    "no name": ("assert span(1) == 1", "def span(x): return x", "def spam(x): return x"),
    "its own exception": ("import unittest\ndef boom(): return [][0]\nunittest.TestCase().assertRaises(IndexError, boom)\nassert span(1) == 1", "def span(x): return x", "def span(x): return 0"),
    "caught": ("try:\n    x = [][0]\nexcept IndexError:\n    x = 1\nassert span(1) == x", "def span(x): return x", "def span(x): return 0"),
    "suppressed": ("import contextlib\nwith contextlib.suppress(IndexError):\n    [][0]\nassert span(1) == 1", "def span(x): return x", "def span(x): return 0"),
    "exit only if wrong": ("import sys\nif span(1) != 1: sys.exit(1)", "def span(x): return x", "def span(x): return 0"),
    "raise only if wrong": ("if span(1) != 1: raise SystemExit(1)", "def span(x): return x", "def span(x): return 0"),
    "index only if wrong": ("y = span(1)\nif y != 1:\n    [][0]", "def span(x): return x", "def span(x): return 0"),
    "unittest.main": (f"{UNITTEST}unittest.main()", SPAN, PROGRAMS[1]),
    "unittest.main, guarded": (f"{UNITTEST}if __name__ == '__main__':\n    unittest.main()", SPAN, PROGRAMS[1]),
    "unittest": (UNITTEST, SPAN, PROGRAMS[2]),
    "sys.exit": ("import sys\nassert span([1, 5]) == 4\nsys.exit(0)", SPAN, PROGRAMS[1]),
    "SystemExit": ("assert span([1, 5]) == 4\nraise SystemExit", SPAN, PROGRAMS[2]),
    "function of pytest": ("def test_it():\n    assert span([1, 5]) == 4", SPAN, PROGRAMS[1]),
    "left out": ("assert span(1) == 1 or [][0]", "def span(x): return x", "def span(x): return 0"),
    "left by return": ("def check(f):\n    if f(1) == 1: return\n    assert [][0]\ncheck(span)", "def span(x): return x", "def span(x): return 0"),
    "awaited exception": ("import unittest\nt = unittest.TestCase()\nwith t.assertRaises(ValueError):\n    span(0)\n    [][0]\nassert span(1) == 1", "def span(x):\n  if x: return x\n  raise ValueError", "def span(x): return x"),
    "counts its calls": ("assert span(1) == 1\nassert span(1) == 2", "n = 0\ndef span(x):\n    global n\n    n += 1\n    return n", "def spam(x): return 1"),
    "same twice": ("assert span(1) == 1\nassert span(1) == 1.0\nassert span(1)\nassert span(1) is not None", "def span(x): return x", "def span(x): return 0"),
    "constant of the program": ("assert span(1) == LIMIT", "LIMIT = 3\ndef span(x): return LIMIT", "LIMIT = 3\ndef span(x): return 4"),
    "class of the program": ("assert span(Pair(1, 2)) == 3", "class Pair:\n  def __init__(s, a, b): s.n = a + b\ndef span(p): return p.n", "class Pair:\n  def __init__(s, a, b): s.n = a\ndef span(p): return p.n"),
    "module of the program": ("assert math.isclose(span(2), 2 ** 0.5)", "import math\ndef span(x): return math.sqrt(x)", "class math:\n  pass\nimport math\ndef span(x): return math.floor(x)"),
    "a base": ("assert int(span(2), 2) == 2", "def span(x): return bin(x)", "def span(x): return str(x + 1)"),
    "a check of its own": ("def check(f): assert f(1) == 1\ncheck(span)", "def span(x): return x", "def span(x): return 0\ndef check(f): pass"),
    "calls of what is patched": ("from unittest.mock import patch\nimport random\nwith patch('random.randint', return_value=3) as m:\n    span(1)\nm.assert_called_once_with(1, 6)", "import random\ndef span(x): return random.randint(1, 6)", "def span(x): return x"),
    "a patch that is started": ("from unittest.mock import patch\np = patch('random.randint', return_value=4)\nm = p.start()\nspan(1)\np.stop()\nassert m.call_args[0] == (1, 6)", "import random\ndef span(x): return random.randint(1, 6)", "import random\ndef span(x): return random.randint(1, 7)"),
    "what a patch has noted": ("import random\nseen = []\nrandom.randint = lambda a, b: seen.append((a, b)) or 2\nspan(1)\nassert seen == [(1, 6)]", "import random\ndef span(x): return random.randint(1, 6)", "def span(x): return x"),
    "set by its class": (f"{CLASS}cls.n = span(1)\n    def test(self): self.assertEqual(self.n, 1)", "def span(x): return x", "def span(x): return 0"),
    "set by name": (f"{CLASS}setattr(cls, 'n', span(1))\n    def test(self): self.assertEqual(self.n, 1)", "def span(x): return x", "def span(x): return 0"),
    "kept by its class": (f"{CLASS}cls.n = []\n        cls.n.append(span(1))\n    def test(self): self.assertEqual(self.n, [1])", "def span(x): return x", "def span(x): return 0"),
    "of a class of its own": ("class Box: pass\nBox.n = span(1)\ndef same(b): return b.n == 1\nassert same(Box())", "def span(x): return x", "def span(x): return 0"),
    "a long sum": (f"assert span(1) == {'+'.join(['1'] * 500)}", "def span(x): return 500", "def span(x): return 0"),
    "an integer of many digits": (f"import random\nx = {hex(10**5000)}\nassert span(x) - x == 1", "def span(x): return x + 1", "def span(x): return x"),
    "a file by its name": ("import os\nspan('x.txt')\nassert os.path.exists('x.txt')\nassert open('x.txt').read() == '1'", "def span(x):\n  with open(x, 'w') as f: f.write('1')", "def span(x): return x"),
    "a file by its path": ("from pathlib import Path\nP = Path('x.txt')\nspan(str(P))\nassert P.read_text() == '1'", "def span(x):\n  with open(x, 'w') as f: f.write('1')", "def span(x):\n  with open(x, 'w') as f: f.write('2')"),
    "numbers of its own": ("def check(f):\n    import random\n    for _ in range(9):\n        x = random.random()\n        assert f(x) == -x\ncheck(span)", "def span(x): return -x", "def span(x): return x"),
}  # fmt: skip


@pytest.mark.parametrize("name", FINE)
async def test_what_follows_from_the_answers_of_a_program_is_a_verdict_on_it(evaluator: Evaluator, name: str) -> None:
    code, right, wrong = FINE[name]
    for program, reward in ((right, 1.0), (wrong, 0.0)):
        report = await evaluator.evaluate(problem(code), program)
        assert report.reward == reward, report


async def test_assertions_of_different_tests_may_contradict_each_other(evaluator: Evaluator) -> None:
    tests = problem("assert span([1, 5]) == 4", "assert span([2, 2]) == 0", "assert span([1, 5]) == 3")
    for program in PROGRAMS[:3]:
        report = await evaluator.evaluate(tests, program)
        assert report.status is Status.CHECKER_ERROR
        assert "tests[0] (line 1) wants 4, and tests[2] (line 1) wants 3" in (report.message or "")


async def test_a_builtin_is_the_programs_only_where_the_program_gives_it(evaluator: Evaluator) -> None:
    test = problem("assert sum(2, 3) == 5", entry_point=None)
    assert (await evaluator.evaluate(test, "def sum(a, b): return a + b")).accepted
    assert (await evaluator.evaluate(test, "def sum(a, b): return a")).status is Status.WRONG_ANSWER
    assert (await evaluator.evaluate(test, "def add(a, b): return a + b")).status is Status.CHECKER_ERROR
    own = problem("def order(xs): xs.sort()\nxs = [2, 1]\norder(xs)\nassert xs == sorted([1, 2])", entry_point=None)
    report = await evaluator.evaluate(own, "def order(xs): xs.sort()")
    assert (report.status, report.message) == (
        Status.CHECKER_ERROR,
        "test 1: the test asks nothing of the program: sorted is Python's",
    )


async def test_a_program_that_lacks_what_the_problem_asks_for_is_wrong(evaluator: Evaluator) -> None:
    code, lacks = "assert span(Pair(1, 2)) == 3", "def span(p): return 3"
    for more in ({"starter_code": "class Pair:\n    ...\n"}, {"statement": "Write a class `Pair`, and a function."}):
        assert (await evaluator.evaluate(problem(code, **more), lacks)).status is Status.RUNTIME_ERROR
    assert (await evaluator.evaluate(problem(code), lacks)).status is Status.CHECKER_ERROR
    assert (await evaluator.evaluate(problem(code), "x = 1")).status is Status.RUNTIME_ERROR
    assert (await evaluator.evaluate(problem(code, entry_point="other"), "x = 1")).status is Status.RUNTIME_ERROR


@pytest.mark.parametrize(
    ("prelude", "words"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("root = Node(1)", "NameError: name 'Node' is not defined"),
        ("import sys\nsys.exit('no')", "no"),
    ],
)
async def test_a_prelude_that_fails_by_itself_costs_no_program(evaluator: Evaluator, prelude: str, words: str) -> None:
    tests = (TestCase(input="[[1, 5]]", output="4"),)
    called = Problem(problem_id="p", mode="call", tests=tests, entry_point="span", prelude=prelude)
    for asked in (problem("assert span([1, 5]) == 4", prelude=prelude), called):
        report = await evaluator.evaluate(asked, SPAN)
        assert (report.status, report.reward) == (Status.CHECKER_ERROR, None)
        assert (report.message or "").startswith(f"the prelude fails by itself: {words}")


async def test_a_prelude_that_works_is_no_excuse(evaluator: Evaluator) -> None:
    asked = problem("assert span([1, 5]) == 4", prelude="import math")
    for program in (PROGRAMS[3], "span = no_such_name", "import no_such_module\n" + SPAN):
        assert (await evaluator.evaluate(asked, program)).status is Status.RUNTIME_ERROR


async def test_what_an_unknown_package_gives_a_prelude_is_found_out(evaluator: Evaluator) -> None:
    test = problem("assert allclose(span([1, 5]), 4)", prelude="from numpy import *\n")
    assert (await evaluator.evaluate(test, SPAN)).accepted
    assert (await evaluator.evaluate(test, PROGRAMS[1])).status is Status.WRONG_ANSWER
