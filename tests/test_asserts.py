"""Tests that are assertions: what they mean for honest programs, and that the ways of judging agree."""

from __future__ import annotations

from typing import Any

import pytest

from microcoder.evaluator import Checker, Evaluator, JudgeOptions, Problem, Status, TestCase
from microcoder.evaluator.asserts.assertion import Reading

pytestmark = pytest.mark.asyncio(loop_scope="session")

A, W, R = Status.ACCEPTED, Status.WRONG_ANSWER, Status.RUNTIME_ERROR
EVALPLUS = """
import numpy as np

def is_floats(x) -> bool:
    return isinstance(x, float)

def assertion(out, exp, atol):
    exact_match = out == exp

    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert exact_match

def check(candidate):
    inputs = [[1, 2], [3, 4]]
    results = [0.5, 0.75]
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(candidate(*inp), exp, 0)

check(f)
"""

# (test, program, verdict). Those of LIFTED are read and compared, those of REPLAYED run in a process of their own.
LIFTED: dict[str, tuple[str, str, Status]] = {
    "equal": ("assert f(1) == 2", "def f(x): return x + 1", A),
    "the other way round": ("assert 2 == f(1)", "def f(x): return x + 1", A),
    "second is wrong": ("assert f(1) == 2\nassert f(2) == 3", "def f(x): return 2", W),
    "tuple is no list": ("assert f() == (1, 2)", "def f(): return [1, 2]", W),
    "tuple": ("assert f() == (1, (2, None))", "def f(): return (1, (2, None))", A),
    "set": ("assert f() == {1, 2}", "def f(): return {2, 1}", A),
    "true is one": ("assert f() == 1", "def f(): return True", A),
    "one is not true": ("assert f() is True", "def f(): return 1", W),
    "none": ("assert f() is None", "def f(): pass", A),
    "integer keys": ("assert f() == {1: 'a'}", "def f(): return {1: 'a'}", A),
    "text keys": ("assert f() == {1: 'a'}", "def f(): return {'1': 'a'}", W),
    "truth": ("assert f(1)\nassert not f(0)", "def f(x): return x", A),
    "close": ("assert abs(f() - 0.3) < 1e-9", "def f(): return 0.1 + 0.2", A),
    "isclose": ("import math\nassert math.isclose(f(), 0.3)", "def f(): return 0.1 + 0.2", A),
    "exact float": ("assert f() == 0.3", "def f(): return 0.1 + 0.2", W),
    "infinity": ("assert f() == float('inf')", "def f(): return float('inf')", A),
    "not a number": ("assert f() == float('nan')", "def f(): return float('nan')", W),
    "as a set": ("assert set(f()) == {1, 2}", "def f(): return [2, 1, 2]", A),
    "sorted": ("assert sorted(f()) == [1, 2]", "def f(): return (2, 1)", A),
    "as a list": ("assert list(f(3)) == [0, 1, 2]", "def f(n): yield from range(n)", A),
    "generator": ("assert f(3) == [0, 1, 2]", "def f(n): yield from range(n)", W),
    "constants": ("assert f(2 ** 10, 'ab' * 2, -1) == 3 * 5 * 7", "def f(*a): return 105 * (a == (1024, 'abab', -1))", A),
    "keywords": ("assert f(1, b=2) == 3", "def f(a, b): return a + b", A),
    "arguments of every kind": (
        "assert f((1,), {2}, {3: 4}, b'5', 6j, None) == 'tuple set dict bytes complex NoneType'",
        "def f(*a): return ' '.join(type(x).__name__ for x in a)",
        A,
    ),
    "in a function": ("def check(candidate):\n    '''doc'''\n    assert candidate(1) == 2\n\ncheck(f)", "def f(x): return 2", A),
    "constant call": ("assert f(5) == list(range(5))", "def f(n): return list(range(n))", A),
    "constant call, wrong": ("assert f(5) == list(range(4))", "def f(n): return list(range(n))", W),
    "constant call, unequal": ("assert f(5) != list(range(5))", "def f(n): return list(range(n))", W),
    "constant range": ("assert f(5) in range(10) and f(5) not in range(3)", "def f(n): return n", A),
    "constant range, wrong": ("assert f(3) in range(3)", "def f(n): return n", W),
    "constant set": ("assert set(range(3)) == f(3)", "def f(n): return set(range(n))", A),
    "constant root": ("import math\nassert abs(f(2) - math.sqrt(2)) < 1e-6", "def f(n): return n ** 0.5", A),
    "constant dict": ("assert f(2) == dict(zip('ab', [1, 2]))", "def f(n): return {'a': 1, 'b': 2}", A),
    "constant in check": ("def check(c):\n    for i in range(9): assert c(i) == [*reversed(range(i))]\ncheck(f)", "def f(n): return list(range(n))[::-1]", A),
    "in a loop": ("for a, b in zip([1, 2], [2, 3]):\n    assert f(a) == b", "def f(x): return x + 1", A),
    "evalplus": (EVALPLUS, "def f(a, b): return a / b + 1e-9", A),
    "evalplus, too far": (EVALPLUS, "def f(a, b): return a / b + 1e-5", W),
    "state lives through a test": ("assert f() == 1\nassert f() == 2", "n = 0\ndef f():\n    global n\n    n += 1\n    return n", A),
    "big": ("assert f(3000) == 2 ** 3000", "def f(n): return 2 ** n", A),
    "exception": ("assert f(0) == 1", "def f(x): return 1 / x", R),
    "no function": ("assert f(0) == 1", "def g(x): return 1", R),
    "two calls in one": ("assert f(1) + f(2) == 5", "def f(x): return x + 1", A),
    "subclass": (
        "assert f() == (1, 2)",
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
        A,
    ),
    "counter": ("assert f() == {'a': 2}", "from collections import Counter\ndef f(): return Counter('aa')", A),
    "deeper than what travels": ("assert len(f(3000)) == 1", "def f(n):\n    x = []\n    for _ in range(n): x = [x]\n    return x", A),
    "iterator that fails at its end": ("assert f(1)", "def f(x):\n    yield x\n    raise ValueError", A),
    "numpy scalar": ("assert f() == 3", "import numpy\ndef f(): return numpy.int64(3)", A),
}  # fmt: skip
REPLAYED: dict[str, tuple[str, str, Status]] = {
    "any answer": ("def sat(x): return x * x == 9\nassert sat(f())", "def f(): return -3", A),
    "wrong answer": ("def sat(x): return x * x == 9\nassert sat(f())", "def f(): return 2", W),
    "random": ("import random\nfor _ in range(50):\n    x = random.random()\n    assert f(x) == -x", "def f(x): return -x", A),
    "constant iterator": ("assert f(2) in zip([1, 2], [3, 4])", "def f(n): return (1, 3)", A),
    "large constants": ("x = [0] * 600_000\nassert f(1) == len(x + x)", "def f(n): return 1_200_000", A),
    "round trip": ("for i in range(50):\n    x = str(i) * 3\n    assert g(f(x)) == x", "def f(x): return x[::-1]\ng = f", A),
    "changed argument": ("a = [2, 1]\nf(a)\nassert a == [1, 2]", "def f(a): a.sort()", A),
    "unchanged argument": ("a = [2, 1]\nf(a)\nassert a == [1, 2]", "def f(a): sorted(a)", W),
    "exception is expected": ("try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass", "def f(x): raise ValueError(x)", A),
    "exception does not come": ("try:\n    f(-1)\nexcept ValueError:\n    pass\nelse:\n    assert False", "def f(x): return x", W),
    "other exception": ("try:\n    f(-1)\nexcept ValueError:\n    pass", "def f(x): return {}[x]", R),
    "objects": (
        "s = Stack()\ns.push(1)\ns.push(2)\nassert s.pop() == 2\nassert s.items == [1]\nassert len(s) == 1",
        ("class Stack:\n  def __init__(self): self.items = []\n  def push(self, x): self.items.append(x)\n"
        "  def pop(self): return self.items.pop()\n  def __len__(self): return len(self.items)"),
        A,
    ),
    "a tree": (
        "root = Node(1)\nroot.left = Node(2)\nroot.left.left = Node(3)\nassert depth(root) == 3",
        ("class Node:\n  def __init__(self, v): self.v = v; self.left = None\n"
        "def depth(n): return 1 + depth(n.left) if n else 0"),
        A,
    ),
    "its own helper": ("def double(x): return 2 * x\nassert f(3) == double(3)", "def f(x): return x + x", A),
    "arrays": ("import numpy as np\nassert np.allclose(f(2), [0, 1])", "import numpy as np\ndef f(n): return np.arange(n)", A),
    "one after the other": ("x = f(0)\nwhile x < 5:\n    x = f(x)\nassert x == 5", "def f(x): return x + 1", A),
    "forty steps": ("x = 0\nfor _ in range(40):\n    x = f(x + 1)\nassert x == 80", "def f(x): return x + 1", A),
    "array, handed on": (
        "x = f(3)\nassert g(x) == 3 and len(x) == 3 and list(x) == [0, 1, 2]",
        "import numpy as np\ndef f(n): return np.arange(n)\ndef g(a): return int(a.sum())",
        A,
    ),
    "array of the test": ("import numpy as np\nassert (lambda x: x)(f(np.array([1, 2]))) == 3", "def f(a): return int(a.sum())", A),
    "array of dates": (
        "x = f()\nassert g(x) == 2 and len(x) == 2",
        "import numpy as np\ndef f(): return np.array(['2026-01-01'] * 2, 'M8[D]')\ndef g(a): return len(a)",
        A,
    ),
    "exception over an answer, handed on": (
        "try:\n    int(f('x'))\nexcept ValueError as error:\n    assert f(error) == \"ValueError invalid literal for int() with base 10: 'x'\"",
        "def f(x): return x if x == 'x' else f'{type(x).__name__} {x}'",
        A,
    ),
    "exception, handed on": (
        "try:\n    f(1)\nexcept ValueError as error:\n    assert g(error) == 'one'",
        "def f(x): raise ValueError('one')\ndef g(e): return e.args[0]",
        A,
    ),
    "exception inside a helper of the library": (
        "import unittest\nunittest.TestCase().assertRaises(ValueError, f, -1)\nassert f(1) == 1",
        "def f(x):\n  if x < 0: raise ValueError(x)\n  return x",
        A,
    ),
    "deep": (
        "x = f(190)\nassert g([[[x]]]) == 193",
        "def f(n): return [f(n - 1)] if n else []\ndef g(x): return 1 + g(x[0]) if x else 0",
        A,
    ),
    "deep tuples": (
        "x = f(450)\nn = 0\nwhile x:\n    x = x[0]\n    n += 1\nassert n == 450",
        "def f(n):\n    x = ()\n    for _ in range(n): x = x,\n    return x",
        A,
    ),
    "deep tuples, handed on": (
        "x = ()\nfor _ in range(450): x = x,\nassert f(x) == 450",
        "def f(x):\n    n = 0\n    while x:\n        x = x[0]\n        n += 1\n    return n",
        A,
    ),
    "random numbers": (
        "for _ in range(3):\n    x = f()\n    assert g(x + 1) == x + 2",
        "import random\ndef f(): return random.randrange(10**9)\ndef g(x): return x + 1",
        A,
    ),
    "keys": ("g = f(1)\nassert t(g.keys()) == 1", "def f(x): return {x: 2}\ndef t(k): return sum(k)", A),
    "items": ("assert t(f(1).items()) == 1", "def f(x): return {x: 1}\ndef t(i): return sum(b for a, b in i)", A),
    "items, wrong": ("assert t(f(1).items()) == 1", "def f(x): return {x: 2}\ndef t(i): return sum(b for a, b in i)", W),
    "a view is a view": ("g = f(1)\nassert t(g.keys(), g.items()) == [1]", "def f(x): return {x: 1}\ndef t(k, i): return [*(k & {1, 2})] if (1, 1) in i and len(i) == 1 else 0", A),
    "error over JSON": ("import json\ntry:\n  v = json.loads(f(1))\nexcept ValueError as e:\n  v = f(e)\nassert v == ('JSONDecodeError', 0, 'abc')", "def f(x): return 'abc' if x == 1 else (type(x).__name__, x.pos, x.doc)", A),
    "error over a decimal": ("import decimal\ntry:\n  v = decimal.Decimal(f(1))\nexcept ArithmeticError as e:\n  v = f(e)\nassert v == 3", "import decimal\ndef f(x): return 'abc' if x == 1 else 3 * isinstance(x, decimal.InvalidOperation)", A),
    "error of the interpreter": ("try:\n  open(f(1))\nexcept OSError as e:\n  v = f(e)\nassert v == ('/missing', 2)", "def f(x): return '/missing' if x == 1 else (x.filename, x.errno)", A),
    "iterator that the program keeps": ("s = Stream(iter([1, 2]))\nassert s.next() == 1 and s.next() == 2", "class Stream:\n  def __init__(s, i): s.i = i\n  def next(s): return next(s.i)", A),
    "words of an exception": ("try: f(-1)\nexcept ValueError as e: ok = str(e) == 'neg' and e.args == ('neg',)\nassert ok", "def f(x): raise ValueError('neg')", A),
    "words of a missing key": ("try: f('a')\nexcept KeyError as e: ok = str(e) == \"'a'\" and e.args == ('a',)\nassert ok", "def f(x): return {}[x]", A),
    "words of an exception of its own": ("try: f(-1)\nexcept ValueError as e: ok = str(e) == 'neg: -1'\nassert ok", "class Neg(ValueError):\n  def __str__(s): return f'neg: {s.args[0]}'\ndef f(x): raise Neg(x)", A),
    "no words": ("try: f(-1)\nexcept ValueError as e: ok = str(e) == '' and e.args == ()\nassert ok", "def f(x): raise ValueError", A),
    "other words of an exception": ("try: f(-1)\nexcept ValueError as e: ok = str(e) == 'neg'\nassert ok", "def f(x): raise ValueError('negative')", W),
    "keyword that is called other": ("import random\nx = random.randrange(3)\nassert f(x, other=3) == x + 3", "def f(x, other): return x + other", A),
    "calls that the test never makes": ("assert f(3) == 4\nif f(1) != 2: f(0)", "import os\ndef f(x): return x + 1 if x else os._exit(1)", A),
    "sets for each other": ("for x in f({3, 1}): assert x in {1, 3}", "def f(s): return sorted(s)", A),
}  # fmt: skip


def problem(code: str, **more: Any) -> Problem:
    more = {"time_limit": 2.0, "checker": Checker(type="assert")} | more
    return Problem(problem_id="asserts", mode="assert", tests=(TestCase(code=code),), **more)


@pytest.mark.parametrize("name", [*LIFTED, *REPLAYED])
async def test_verdict(evaluator: Evaluator, name: str) -> None:
    code, program, verdict = (LIFTED | REPLAYED)[name]
    assert (Reading(code, "", None).lifted is not None) == (name in LIFTED)
    report = await evaluator.evaluate(problem(code), program)
    assert report.status is verdict, report.tests


TALKING = {
    "calls": ("import re\nfor i in range(100_000): assert f(i) == 2 * i", "def f(x): return 2 * x"),
    "objects": (
        "assert sum(a.v for a in f()) == 100_000",
        "class A: v = 1\ndef f(): return [A() for _ in range(100_000)]",
    ),
}


@pytest.mark.parametrize("name", TALKING)
async def test_the_time_that_talking_takes_is_no_fault_of_a_program(evaluator: Evaluator, name: str) -> None:
    code, program = TALKING[name]
    report = await evaluator.evaluate(problem(code, time_limit=0.5), program)
    assert (report.status, report.rule) == (A, "assert together"), report.tests


async def test_a_program_that_computes_for_ever_has_a_verdict_wherever_it_is_judged(evaluator: Evaluator) -> None:
    test = problem("import re\nassert re.fullmatch('1', f(1))", time_limit=0.5)
    for options in (JudgeOptions(), JudgeOptions(assert_trust="sealed")):
        report = await evaluator.evaluate(test, "def f(x):\n    while True: pass", options)
        assert report.status is Status.TIME_LIMIT_EXCEEDED, report.tests


@pytest.mark.parametrize("name", LIFTED)
async def test_a_lifted_test_says_what_it_would_say_when_run(evaluator: Evaluator, name: str) -> None:
    code, program, verdict = LIFTED[name]
    report = await evaluator.evaluate(
        problem(f"{code}\nlambda: 0  # which is not read\nassert (lambda: True)()"), program
    )
    assert report.status is verdict, report.tests


PRELUDE = "from math import *\nfrom itertools import *\nfrom typing import List\ndef helper(x): return x + 1\n"


async def test_the_prelude_serves_both_sides(evaluator: Evaluator) -> None:
    code = "assert isclose(f([4]), sqrt(4))\nassert f([0]) == helper(-1)"
    program = "def f(x: List[int]): return sqrt(x[0])"
    assert (await evaluator.evaluate(problem(code, prelude=PRELUDE, entry_point="f"), program)).accepted


async def test_a_function_of_the_program_may_have_the_name_of_one_of_the_prelude(evaluator: Evaluator) -> None:
    for code in ("assert count([1, 2]) == 2", "def check(c):\n    x = c([1])\n    while x != 1: pass\ncheck(count)"):
        named = problem(code, prelude=PRELUDE, entry_point="count")
        assert (await evaluator.evaluate(named, "def count(x): return len(x)")).accepted


SHARED = "from math import gcd, isclose\n\ndef add(a, b):\n    return a + b\n\ndef near(a, b):\n    return abs(a - b) < 1e-6\n"


@pytest.mark.parametrize(
    ("code", "right", "wrong"),
    [
        ("assert add(2, 3) == 5", "def add(a, b): return a + b", "def add(a, b): return a - b"),
        ("assert gcd(12, 8) == 4", "def gcd(a, b): return a if not b else gcd(b, a % b)", "def gcd(a, b): return 1"),
        (
            "assert near(add(0.1, 0.2), 0.3)",
            "def add(a, b): return a + b",
            "def add(a, b): return 1\ndef near(*_): return True",
        ),
        ("x = [1]\nassert add(2, 3) == gcd(5, 10)", "def add(a, b): return a + b", "def add(a, b): return 6"),
        (
            "try:\n    assert add(2, 3) == 5\nfinally:\n    pass",
            "def add(a, b): return a + b",
            "def add(a, b): return 6",
        ),
        ("assert sum(2, 3) == 5", "def sum(a, b): return a + b", "def sum(a, b): return 6"),
        ("assert add(2, 3) == 5", "x = 1", "def add(a, b): raise OSError"),
    ],
    ids=["defined", "imported", "inside a helper", "beside a helper", "replayed", "builtin", "not redefined"],
)
async def test_what_a_test_asks_for_is_the_programs_whatever_the_prelude_has(
    evaluator: Evaluator, code: str, right: str, wrong: str
) -> None:
    for program, accepted in ((right, True), (wrong, False)):
        report = await evaluator.evaluate(problem(code, prelude=SHARED), program)
        assert report.accepted == accepted
        assert report.status is not Status.CHECKER_ERROR


async def test_a_program_does_not_replace_what_the_test_uses(evaluator: Evaluator) -> None:
    program = "def isclose(*a): return True\nabs = sum = isclose\ndef f(x): return 5"
    for code in (
        "assert isclose(f(1), 2)",
        "def g(x): return isclose(x, 2)\nassert g(f(1))",
        "assert abs(f(1) - 2) < 1",
    ):
        report = await evaluator.evaluate(problem(code, prelude=PRELUDE, entry_point="f"), program)
        assert report.status is W


HANDED = {
    "a function": "import random\nassert f(1) == 2\nassert g(f(1)) == 2\nassert f(lambda: 1) == 2",
    "a function for each answer": "for _ in range(f(1)): assert g(lambda: 1) == 2",
    "what is nested deep": "import random\na = f(1)\nfor _ in range(450): a = [a]\nassert g(a) == 2",
    "something else each time": "import os\nassert f(1) == 2\nassert g(int.from_bytes(os.urandom(8))) == 2\nassert g(f(1)) == 2",
}  # fmt: skip


@pytest.mark.parametrize("name", HANDED)
async def test_a_test_may_hand_over_anything(evaluator: Evaluator, name: str) -> None:
    for program, reward in (("return 2", 1.0), ("return 3", 0.0)):
        report = await evaluator.evaluate(problem(HANDED[name]), f"def f(x): return 2\ndef g(x): {program}")
        assert report.reward == reward, report


async def test_the_program_calls_what_it_is_handed(evaluator: Evaluator) -> None:
    for program, reward in (("return g(1)", 1.0), ("return 2", 0.0)):
        report = await evaluator.evaluate(problem("assert f(lambda x: x) == 1"), f"def f(g): {program}")
        assert report.reward == reward, report


async def test_a_test_may_ask_for_as_much_as_its_limits_allow(evaluator: Evaluator) -> None:
    program = "def f(n): return list(range(n))\ndef g(x): return x"
    asked = problem("for x in f(30_000): assert g(x) == x", time_limit=30.0)
    assert (await evaluator.evaluate(asked, program)).accepted


FAULTS = {
    "ends its process": "import os\nassert f(1) == 2\nassert g(f(1)) == 2\nos._exit(0)",
    "crashes": "import os\nassert f(1) == 2\nassert g(f(1)) == 2\nos.abort()",
}


@pytest.mark.parametrize("name", FAULTS)
async def test_what_a_test_cannot_do_is_no_fault_of_a_right_program(evaluator: Evaluator, name: str) -> None:
    report = await evaluator.evaluate(problem(FAULTS[name]), "def f(x): return 2\ndef g(x): return 2")
    assert report.status is Status.CHECKER_ERROR and report.reward is None, report


async def test_a_test_that_asks_nothing_is_the_fault_of_the_data(evaluator: Evaluator) -> None:
    report = await evaluator.evaluate(problem("def check(c): assert c(1) == 2\nprint('done')"), "def f(x): return 2")
    assert report.status is Status.CHECKER_ERROR


async def test_several_tests_each_have_a_process(evaluator: Evaluator) -> None:
    tests = tuple(
        TestCase(code=code) for code in ("assert f() == 1", "assert f() == 1", "def g(x): return x\nassert g(f()) == 1")
    )
    several = Problem(problem_id="several", mode="assert", tests=tests, checker=Checker(type="assert"))
    report = await evaluator.evaluate(several, "n = 0\ndef f():\n    global n\n    n += 1\n    return n")
    assert report.accepted and report.passed == 3


async def test_the_limits_hold(evaluator: Evaluator) -> None:
    slow = "def f(x):\n    while x: pass\n    return x"
    for code in ("assert f(1) == 1", "def g(x): return x\nassert g(f(1)) == 1"):
        report = await evaluator.evaluate(problem(code, time_limit=0.2), slow)
        assert report.status is Status.TIME_LIMIT_EXCEEDED, report.tests
