"""What comes back from a call: equal to the expected value where Python's ``==`` says so, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, Status, TestCase

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAN = float("nan")
EQUAL: dict[str, tuple[str, Any]] = {
    "Counter": ("from collections import Counter\ndef f(): return {'x': Counter('aab')}", {"x": {"a": 2, "b": 1}}),
    "Counter of numbers": ("from collections import Counter\ndef f(): return Counter([1])", {"1": 1}),
    "OrderedDict": ("from collections import OrderedDict\ndef f(): return OrderedDict(a=1)", {"a": 1}),
    "defaultdict": (
        "from collections import defaultdict\ndef f():\n  d = defaultdict(list)\n  d['a'].append(1)\n  return d",
        {"a": [1]},
    ),
    "ChainMap": ("from collections import ChainMap\ndef f(): return ChainMap({'a': 1}, {'b': 2})", {"a": 1, "b": 2}),
    "mappingproxy": ("from types import MappingProxyType as M\ndef f(): return M({'a': 1})", {"a": 1}),
    "UserDict": ("from collections import UserDict\ndef f(): return UserDict(a=1)", {"a": 1}),
    "UserList": ("from collections import UserList\ndef f(): return UserList([1, (2, 3)])", [1, [2, 3]]),
    "UserString": ("from collections import UserString\ndef f(): return UserString('ab')", "ab"),
    "namedtuple": ("from collections import namedtuple\nP = namedtuple('P', 'a b')\ndef f(): return [P(1, 2)]", [[1, 2]]),
    "NamedTuple": ("from typing import NamedTuple\nclass P(NamedTuple):\n  x: int\ndef f(): return P(1)", [1]),
    "enums": (
        ("from enum import *\nclass E(IntEnum):\n  A = 1\nclass S(str, Enum):\n  X = 'x'\nclass G(IntFlag):\n  P = 2\n"
        "def f(): return [E.A, S.X, G.P, {E.A: 3, S.X: 4}]"),
        [1, "x", 2, {"1": 3, "x": 4}],
    ),
    "list with an iterator of its own": (
        "class L(list):\n  def __iter__(self): return iter([9])\ndef f(): return L([1])",
        [1],
    ),
    "dict with items of its own": ("class D(dict):\n  def items(self): return [(1, 9)]\ndef f(): return D(a=1)", {"a": 1}),
    "text that says otherwise": ("class S(str):\n  def __str__(self): return 'no'\ndef f(): return S('ok')", "ok"),
    "Fraction": ("from fractions import Fraction as F\ndef f(): return [F(3), F(7, 2), F(10**40)]", [3, 3.5, 10**40]),
    "Fraction near a float": ("from fractions import Fraction as F\ndef f(): return F(1, 3)", 1 / 3),
    "Decimal": ("from decimal import Decimal as D\ndef f(): return [D('3.0'), D('0.5')]", [3, 0.5]),
    "Decimal near a float": ("from decimal import Decimal as D\ndef f(): return D('0.1')", 0.1),
    "complex": ("def f(): return 3 + 0j", 3),
    "numpy scalars": (
        "import numpy as np\ndef f(): return [np.int8(3), np.bool_(1), np.str_('a'), np.float32(0.5), np.complex128(2)]",
        [3, True, "a", 0.5, 2],
    ),
    "numpy long double": ("import numpy as np\ndef f(): return [np.longdouble(0.5), np.longdouble(1) / 3]", [0.5, 1 / 3]),
    "numpy arrays": ("import numpy as np\ndef f(): return [np.array([[1, 2]]), np.array(5)]", [[[1, 2]], 5]),
    "numpy key": ("import numpy as np\ndef f(): return {np.int64(1): 2}", {"1": 2}),
    "numpy nan": ("import numpy as np\ndef f(): return [np.float32('nan'), np.array([np.nan])]", [NAN, [NAN]]),
}  # fmt: skip
OTHER: dict[str, tuple[str, Any]] = {
    "Counter that has more": ("from collections import Counter\ndef f(): return Counter('aab')", {"a": 2}),
    "Fraction beside an integer": ("from fractions import Fraction as F\ndef f(): return F(10**30 + 1, 10**30)", 1),
    "Fraction beside a large one": (
        "from fractions import Fraction as F\ndef f(): return F(2**54 + 3, 2)",
        2**53 + 2,
    ),
    "Decimal beside an integer": ("from decimal import Decimal as D\ndef f(): return D('3.00000000000000000001')", 3),
    "Decimal without a value": ("from decimal import Decimal as D\ndef f(): return D('sNaN')", 1),
    "complex with a part": ("def f(): return 3 + 1j", 3),
    "numpy truth for a number": ("import numpy as np\ndef f(): return np.True_", 1),
    "plain enum": ("from enum import Enum\nclass E(Enum):\n  A = 1\ndef f(): return E.A", 1),
    "dataclass": ("from dataclasses import dataclass\n@dataclass\nclass P:\n  x: int\ndef f(): return P(1)", [1]),
    "tuple as a key": ("def f(): return {(1, 2): 3}", {"(1, 2)": 3}),
    "equal to everything": (
        (
            "class A:\n  def __eq__(self, other): return True\n  def __iter__(self): return iter([self])\n"
            "  def keys(self): return [1]\n  def __getitem__(self, key): return self\ndef f(): return A()"
        ),
        [1],
    ),
    "integer that is equal to everything": (
        "class I(int):\n  def __eq__(self, other): return True\n  __hash__ = int.__hash__\ndef f(): return I(3)",
        4,
    ),
    "list within itself": ("class L(list): pass\nl = L()\nl.append(l)\ndef f(): return l", [1]),
    "bytes": ("def f(): return b'a'", "a"),
    "date": ("import datetime\ndef f(): return datetime.date(2020, 1, 1)", "2020-01-01"),
}
ITERATORS = {
    "map": "map(int, '12')",
    "generator": "(x for x in [1, 2])",
    "zip": "zip([1], [2])",
    "list_reverseiterator": "reversed([2, 1])",
    "count": "itertools.count()",
}
ITERABLES = {
    "range": "range(1, 10**15)",
    "dict_keys": "{1: 2}.keys()",
    "set": "{1, 2}",
    "deque": "collections.deque([1, 2])",
}


def problem(expected: Any, **checker: Any) -> Problem:
    test = TestCase("[]", json.dumps(expected))
    told = Checker(**checker or {"type": "python_eq"})
    return Problem(problem_id="p", mode="call", entry_point="f", tests=(test,), checker=told)


@pytest.mark.parametrize("name", EQUAL)
async def test_what_python_calls_equal_is(evaluator: Evaluator, name: str) -> None:
    code, expected = EQUAL[name]
    report = await evaluator.evaluate(problem(expected), code)
    assert report.accepted, report.message


@pytest.mark.parametrize("name", OTHER)
async def test_nothing_else_is(evaluator: Evaluator, name: str) -> None:
    code, expected = OTHER[name]
    report = await evaluator.evaluate(problem(expected), code)
    assert report.status in (Status.WRONG_ANSWER, Status.RUNTIME_ERROR)
    assert report.reward == 0


@pytest.mark.parametrize("name", ITERATORS)
async def test_an_iterator_is_no_list_and_the_message_says_so(evaluator: Evaluator, name: str) -> None:
    report = await evaluator.evaluate(problem([1, 2]), f"import itertools\ndef f(): return {ITERATORS[name]}")
    assert report.status is Status.RUNTIME_ERROR
    assert f"a {name}, an iterator, which equals no list: list() makes one" in (report.message or "")


@pytest.mark.parametrize("name", ITERABLES)
async def test_what_only_holds_items_is_no_list_either(evaluator: Evaluator, name: str) -> None:
    report = await evaluator.evaluate(problem([1, 2]), f"import collections\ndef f(): return {ITERABLES[name]}")
    assert report.status is Status.RUNTIME_ERROR
    assert f"a {name}, which is not JSON data: list() makes a list of it" in (report.message or "")


@pytest.mark.parametrize(
    ("value", "expected"), [("Fraction(1, 3)", 1 / 3), ("Decimal('0.1')", 0.1), ("np.longdouble(1) / 3", 1 / 3)]
)
async def test_without_a_tolerance_only_the_same_number_is_equal(
    evaluator: Evaluator, value: str, expected: float
) -> None:
    code = f"import numpy as np\nfrom fractions import *\nfrom decimal import *\ndef f(): return {value}"
    for checker in ({"type": "strict"}, {"type": "lcb"}, {"type": "python_eq", "float_tol": 0.0}):
        assert (await evaluator.evaluate(problem(expected, **checker), code)).status is Status.WRONG_ANSWER
