"""Which functions of a module may be tests of their own, and that they are what unittest and pytest find."""

from __future__ import annotations

import pytest

from microcoder.evaluator import Problem, TestCase
from microcoder.evaluator.asserts import functions, read_assertions, split
from microcoder.evaluator.asserts.functions import silent
from microcoder.evaluator.problem import Checker

from .test_suite import modules

PAIR = "def test_a():\n    assert f(1) == 1\ndef test_b():\n    assert f(2) == 2\n"

TOGETHER = {
    "nothing": "",
    "no Python": "def test_a(:\n",
    "one function": "def test_a():\n    assert f(1) == 1\n",
    "a script": "assert f(1) == 1\n",
    "a script with helpers": "def test_a(x):\n    assert f(x) == x\ntest_a(1)\ntest_a(2)\n",
    "statements call them": PAIR + "test_a()\ntest_b()\n",
    "an object of the program at the top": "s = Stack()\ndef test_a():\n    s.push(1)\ndef test_b():\n    assert s.pop() == 1\n",
    "what the text made of the program": "from solution import Stack\ns = [Stack()]\ndef test_a():\n    assert s\ndef test_b():\n    assert s\n",
    "data that is changed": "D = [1]\ndef test_a():\n    D.append(2)\n    assert f(D)\ndef test_b():\n    assert f(D)\n",
    "data that is set": "D = {}\ndef test_a():\n    D['x'] = 2\n    assert f(D)\ndef test_b():\n    assert f(D)\n",
    "used by way of a helper": "s = Stack()\ndef help():\n    return s.pop()\ndef test_a():\n    assert help() == 1\ndef test_b():\n    assert help() == 2\n",
    "used by way of a fixture": "import pytest\ns = Stack()\n@pytest.fixture\ndef top():\n    return s.pop()\ndef test_a(top):\n    assert top == 1\ndef test_b(top):\n    assert top == 2\n",
    "used by way of setUp": "import unittest\ns = Stack()\nclass T(unittest.TestCase):\n    def setUp(self):\n        self.s = s\n    def test_a(self):\n        self.s.push(1)\n    def test_b(self):\n        self.assertEqual(self.s.pop(), 1)\n",
    "global": "n = 0\ndef test_a():\n    global n\n    n = f(1)\ndef test_b():\n    assert n == 1\n",
    "a fixture of the module": "import pytest\n@pytest.fixture(scope='module')\ndef s():\n    return Stack()\n" + PAIR,
    "a fixture of any scope": "import pytest\n@pytest.fixture(scope=SCOPE)\ndef s():\n    return Stack()\n" + PAIR,
    "setUpClass": "import unittest\nclass T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        cls.s = Stack()\n    def test_a(self):\n        self.s.push(1)\n    def test_b(self):\n        self.assertEqual(self.s.pop(), 1)\n",
    "setup_module": "def setup_module():\n    pass\n" + PAIR,
    "a class with a list": "class TestIt:\n    seen = []\n    def test_a(self):\n        self.seen.append(f(1))\n    def test_b(self):\n        assert self.seen == [1]\n",
    "what is set on a class": "class TestIt:\n    def test_a(self):\n        TestIt.x = f(1)\n    def test_b(self):\n        assert self.x == 1\n",
    "what is set on its own class": "class TestIt:\n    def test_a(self):\n        self.__class__.x = f(1)\n    def test_b(self):\n        assert self.x == 1\n",
    "what is set on the program": "import solution\ndef test_a():\n    solution.limit = 3\ndef test_b():\n    assert solution.f(4) == 3\n",
    "what is set on a module": "import time\ndef test_a():\n    time.sleep = len\ndef test_b():\n    assert f(4) == 3\n",
    "the environment": "import os\ndef test_a():\n    os.environ['X'] = '1'\ndef test_b():\n    assert f(4) == 3\n",
    "the working directory": "import os\ndef test_a():\n    os.chdir('x')\ndef test_b():\n    assert f(4) == 3\n",
    "told for nothing": "from solution import add_user, users\ndef test_a():\n    add_user('x')\ndef test_b():\n    assert users(0) == ['x']\n",
    "told for nothing, by the module": "import solution\ndef test_a():\n    solution.add_user('x')\ndef test_b():\n    assert solution.users(0) == ['x']\n",
    "told for nothing, a class": "from solution import Registry\ndef test_a():\n    Registry.add('x')\ndef test_b():\n    assert Registry.find('x') == 1\n",
    "asked without arguments": "from solution import next_id\ndef test_a():\n    assert next_id() == 1\ndef test_b():\n    assert next_id() == 2\n",
    "a value of the program's module": "import solution\ndef test_a():\n    assert solution.f(1)\ndef test_b():\n    assert solution.count == 1\n",
    "a value of the program's class": "from solution import Car\ndef test_a():\n    assert Car('x').name == 'x'\ndef test_b():\n    assert Car.made == 1\n",
    "a list of the program": "from solution import log, f\ndef test_a():\n    assert f(1)\ndef test_b():\n    assert log[0] == 1\n",
    "a cache of the program": "from solution import f\ndef test_a():\n    assert f(1)\ndef test_b():\n    f.cache_clear()\n    assert f(1)\n",
    "a file": "def test_a():\n    with open('data.txt', 'w') as file:\n        file.write('1')\ndef test_b():\n    assert f('data.txt') == 1\n",
    "an order": "import pytest\n@pytest.mark.order(1)\ndef test_a():\n    assert f(1)\ndef test_b():\n    assert f(2)\n",
    "a function that is skipped": "import pytest\n@pytest.mark.skip\ndef test_c():\n    assert f(0)\n" + PAIR,
    "a class that may be skipped": "import sys, unittest\n@unittest.skipIf(sys.platform == 'win32', '')\nclass T(unittest.TestCase):\n    def test_a(self):\n        f(1)\n    def test_b(self):\n        f(2)\n",
    "a function that skips itself": "import pytest\ndef test_c():\n    if f(0):\n        pytest.skip('later')\n" + PAIR,
    "load_tests": "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        f(1)\n    def test_b(self):\n        f(2)\ndef load_tests(*_):\n    pass\n",
    "a statement asks the program": "from solution import f\nf(0)\n" + PAIR,
    "a loop at the top": "for i in range(3):\n    f(i)\n" + PAIR,
}  # fmt: skip

ALONE = {
    "plain": PAIR,
    "imported": "from solution import f\n" + PAIR,
    "imported as a module": "import solution as s\ndef test_a():\n    assert s.f(1) == 1\ndef test_b():\n    assert s.f(2) == 2\n",
    "constants": "import math\nimport re\nN = 3\nT = (1, 'x', -2)\nP = re.compile('x')\nE = math.pi\ndef test_a():\n    assert f(N, T, P, E)\ndef test_b():\n    assert f(N, T, P, E, 1)\n",
    "data": "CASES = [(1, 2), (3, 4)]\nMORE = {'a': [1]}\ndef test_a():\n    for a, b in CASES:\n        assert f(a, MORE) == b\ndef test_b():\n    assert f(CASES[0], MORE)\n",
    "an object that one of them uses": "s = Stack()\ndef test_a():\n    assert s.pop() == 1\ndef test_b():\n    assert f(2) == 2\n",
    "fixtures": "import pytest\n@pytest.fixture\ndef s():\n    return Stack()\ndef test_a(s):\n    s.push(1)\n    assert s.pop() == 1\ndef test_b(s):\n    assert len(s) == 0\n",
    "parameters": "import pytest\n@pytest.mark.parametrize('x', [1, 2])\ndef test_a(x):\n    assert f(x) == x\ndef test_b():\n    assert f(3) == 3\n",
    "raises": "import pytest\ndef test_a():\n    with pytest.raises(ValueError):\n        f('x')\ndef test_b():\n    try:\n        f('y')\n        assert False\n    except ValueError:\n        pass\n",
    "printed": "def test_a(capsys):\n    hello('x')\n    assert capsys.readouterr().out\ndef test_b(capsys):\n    hello('y')\n    assert capsys.readouterr().out\n",
    "in place": "def test_a():\n    xs = [2, 1]\n    f(xs)\n    assert xs == [1, 2]\ndef test_b():\n    xs = []\n    f(xs)\n    assert xs == []\n",
    "new objects": "from solution import Stack\ndef test_a():\n    s = Stack()\n    s.push(1)\n    assert s.pop() == 1\ndef test_b():\n    s = Stack()\n    assert s.size() == 0\n",
    "static methods": "from solution import Tools\ndef test_a():\n    assert Tools.add(1, 2) == 3\ndef test_b():\n    assert Tools.RED is not None\n",
    "setUp": "import unittest\nclass T(unittest.TestCase):\n    def setUp(self):\n        self.s = Stack()\n    def test_a(self):\n        self.s.push(1)\n    def test_b(self):\n        self.assertEqual(self.s.size(), 0)\nunittest.main()\n",
    "a guard": "import unittest\n" + PAIR + "if __name__ == '__main__':\n    s = Stack()\n    test_a()\n    unittest.main()\n",
    "files of their own": "def test_a(tmp_path):\n    (tmp_path / 'one.txt').write_text('first')\n    assert f(tmp_path / 'one.txt')\ndef test_b(tmp_path):\n    (tmp_path / 'two.txt').write_text('second')\n    assert f(tmp_path / 'two.txt')\n",
    "patches": "from unittest.mock import patch\n@patch('solution.g')\ndef test_a(g):\n    f(1)\n    g.assert_called_once()\ndef test_b(monkeypatch):\n    monkeypatch.setattr('builtins.input', lambda: '1')\n    f(1)\n",
    "settings": "import sys, random, warnings\nsys.path.append('.')\nrandom.seed(1)\nwarnings.filterwarnings('ignore')\n" + PAIR,
    "imports that may fail": "try:\n    import numpy as np\nexcept ImportError:\n    np = None\n" + PAIR,
}  # fmt: skip


@pytest.mark.parametrize("name", TOGETHER)
def test_functions_that_may_need_each_other_stay_one_test(name: str) -> None:
    assert split(TOGETHER[name]) == []


@pytest.mark.parametrize("name", ALONE)
def test_functions_that_do_not_become_tests(name: str) -> None:
    found = split(ALONE[name])
    assert [each.rpartition(".")[2] for each in found] == ["test_a", "test_b"]


@pytest.mark.parametrize("kind", ["pytest", "unittest"])
def test_all_functions_are_found(kind: str) -> None:
    for name, (text, results) in modules(kind).items():
        if name in ("generated", "run_test") or "*" in results:
            continue  # one that only shows when it runs, one without a name of a test
        known = [key for key, value in results.items() if value not in ("left", "empty")]
        if name == "load_tests":
            known.append("TestIt.test_b")
        assert sorted(functions(text)) == sorted(known), name


def test_functions_that_assert_nothing() -> None:
    text = "import pytest\nfrom solution import f\ndef help(x):\n    assert f(x)\ndef test_a():\n    f(1)\ndef test_b():\n    help(1)\n"
    text += "def test_c():\n    with pytest.raises(ValueError):\n        f(2)\ndef test_d(mock):\n    f(1)\n    mock.assert_called()\n"
    text += "class TestE:\n    def test_f(self):\n        print(f(3))\n    def test_g(self):\n        self.check(3)\n    def check(self, x):\n        assert f(x)\n"
    assert silent(text) == {"test_a": 5, "TestE.test_f": 16}


def problem(**test: str) -> Problem:
    checker = Checker(type="assert")
    return Problem(problem_id="p", mode="assert", checker=checker, tests=(TestCase(code=PAIR), TestCase(**test)))


def test_a_function_has_to_be_one_of_the_code() -> None:
    assert len(list(read_assertions(problem(code=PAIR, function="test_b")))) == 2
    words = (
        r"tests\[1\]\.function: the code has no test function of this name; it has test_a, test_b \(found 'test_c'\)"
    )
    with pytest.raises(ValueError, match=words):
        list(read_assertions(problem(code=PAIR, function="test_c")))
    with pytest.raises(ValueError, match=r"of this name, and no other"):
        list(read_assertions(problem(code="assert f(1) == 1", function="test_c")))


def test_a_function_is_for_code() -> None:
    with pytest.raises(ValueError, match=r"tests\[0\]\.function: is for problems whose tests are code"):
        Problem(problem_id="p", tests=(TestCase(input="1", output="1", function="test_a"),))
