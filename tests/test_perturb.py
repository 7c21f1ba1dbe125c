"""Copies of a test with one change: right programs fail them, and programs that cheat pass them."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import zstandard

from microcoder.bench.idioms import idioms, plain
from microcoder.evaluator.asserts.perturb import (
    COPIES,
    INVERTED,
    KINDS,
    Copy,
    inverted,
    passes_wrongly,
    perturbed,
    trials,
)

from .in_python import run

DATA = Path(__file__).parents[1].resolve() / "../shared/data"
SETS = "humaneval_base", "mbpp_base", "mbpp_plus", "transcoder", "p3"
EVERY = {"humaneval_base": 12, "mbpp_base": 60, "mbpp_plus": 30, "transcoder": 40, "p3": 80}
"""Each so manieth row is looked at."""
NOT_THERE = pytest.mark.skipif(not DATA.is_dir(), reason="the labelled programs are not beside this checkout")

RUN = r"""
import json, os, resource, signal, sys, warnings
warnings.simplefilter("ignore")
import unittest, pytest
def passes(prelude, program, test):
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(1, 2)
    signal.alarm(5)
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
    scope = {"__name__": "solution"}
    module = sys.modules["solution"] = type(sys)("solution")
    module.__dict__.update(scope)
    exec(prelude, module.__dict__)
    exec(program, module.__dict__)
    scope = {**module.__dict__, "__name__": "test_it"}
    exec(compile(test, "<test>", "exec"), scope)
    cases = [v for k, v in list(scope.items()) if isinstance(v, type) and issubclass(v, unittest.TestCase)]
    for case in cases:
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
        if not result.wasSuccessful(): raise AssertionError(result)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try: passes(*json.loads(line))
        except BaseException: os._exit(1)
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def passing(*cases: tuple[str, str, str]) -> list[bool]:
    """Whether these tests pass in plain Python: (prelude, program, test)."""
    given = "".join(json.dumps(case) + "\n" for case in cases)
    ran = subprocess.run([sys.executable, "-c", RUN], input=given, capture_output=True, text=True, check=True)
    return [status == "0" for status in ran.stdout.split()]


def copies(code: str, *, seed: bytes = b"seed", names: tuple[str, ...] = ("f",), **more: Any) -> list[Copy]:
    return list(perturbed(code, seed, names, **more))


def changes(code: str, kind: str = "value", **more: Any) -> set[str]:
    """What is changed of a test, by what it was."""
    return {copy.change.partition(" -> ")[0] for copy in copies(code, **more) if copy.kind == kind}


CHANGED = {
    "assert f(1) == 3": {"3"},
    "assert 3 == f(1)": {"3"},
    "assert f([1, 2], 'x') == [3, 4]": {"3", "4"},
    "assert f(1) == -3": {"-3"},
    "assert f(1) == 2 + 3": {"2", "3"},
    "assert f(1) == [0] * 3": {"0", "3"},
    "assert f(1) == {'a': (1, None)}": {"'a'", "1", "None"},
    "assert f(1) == []": {"[]"},
    "assert f(1) == {}": {"{}"},
    "assert f(1) is True": {"True"},
    "assert f(1) is None": set(),
    "assert f(1)": set(),
    "assert not f(1)": set(),
    "assert f(1) > 3": set(),
    "assert f(1) == 1 and f(2) == 4": {"1", "4"},
    "assert f(1) == 1 or f(2) == 4": set(),
    "assert abs(f(1) - 2.5) < 1e-6": {"2.5"},
    "import math\nassert math.isclose(f(1), 2.5, rel_tol=1e-3)": {"2.5"},
    "import pytest\nassert f(1) == pytest.approx(2.5, abs=0.1)": {"2.5"},
    "assert round(f(1), 2) == 2.5": {"2.5"},
    "assert sorted(f([3, 1])) == [1, 3]": {"1", "3"},
    "assert set(f(1)) == {1, 2}": {"1", "2"},
    "assert set(f(1)) == set([1, 1])": {"1"},
    "assert len(f(1)) == 4": {"4"},
    "assert 'seven' in f(1)": {"'seven'"},
    "assert f(1) in (2, 3)": {"2"},
    "assert f(1).startswith('ab')": {"'ab'"},
    "import numpy as np\nassert np.equal(f(1), 3)": {"3"},
    "import numpy as np\nassert (f(1) == np.array(3)).all()": {"3"},
    "import numpy as np\nassert np.all(f(1) == [3, 4])": {"3", "4"},
    "assert all(f(x) == y for x, y in [(1, 2), (3, 4)])": {"2", "4"},
    "r = f(1)\nassert r == 5": {"5"},
    "e = 5\nassert f(1) == e": {"5"},
    "e = 5\ne = 6\nassert f(1) == e": {"6"},
    "for x, y in [(1, 2), (3, 4)]:\n    assert f(x) == y": {"2", "4"},
    "for x, y in zip([1, 3], [2, 4]):\n    assert f(x) == y": {"2", "4"},
    "for i, (x, y) in enumerate([(1, 2), (3, 4)]):\n    assert f(x) == y": {"2", "4"},
    "for c in [{'in': 1, 'out': 2}]:\n    assert f(c['in']) == c['out']": {"2"},
    "for k, v in {1: 2}.items():\n    assert f(k) == v": {"2"},
    "def check(candidate):\n    assert candidate(1) == 3\ncheck(f)": {"3"},
    "def same(out, exp):\n    assert out == exp\nsame(f(1), 3)": {"3"},
    "import pytest\n@pytest.mark.parametrize('x, y', [(1, 2), (3, 4)])\ndef test_it(x, y):\n    assert f(x) == y": {
        "2",
        "4",
    },
    "import pytest\n@pytest.mark.parametrize('y', [5, 6])\ndef test_it(y):\n    assert f(y) == 7": {"7"},
    "import pytest\ndef test_it():\n    with pytest.raises(ValueError, match='negative'):\n        f(1)": {
        "ValueError",
        "'negative'",
    },
    "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(f(1), [2])": {"2"},
    "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertTrue(f(1) == 2)": {"2"},
    "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertAlmostEqual(f(1), 0.5, places=1)": {
        "0.5"
    },
    "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertRaises(KeyError, f, 1)": {
        "KeyError"
    },
    "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertIn('a', f(1))": {"'a'"},
    "from unittest.mock import Mock\nm = Mock()\nf(m, 1)\nm.assert_called_once_with('x', 2)": {"'x'", "2"},
    "assert f(1) == f'{3}'": set(),
    "assert f(1) == float('inf')": set(),
    "assert 1 == 1": set(),
}


@pytest.mark.parametrize("code", CHANGED)
def test_what_is_expected_is_changed_and_no_argument(code: str) -> None:
    assert changes(code) == CHANGED[code]


UNSURE = (
    "if f(0):\n    assert f(1) == 3",
    "try:\n    assert f(1) == 3\nexcept Exception:\n    pass",
    "try:\n    assert f(1) == 3\nexcept KeyError:\n    pass",
    "with f(0):\n    assert f(1) == 3",
    "while f(0):\n    assert f(1) == 3",
    "for x in f(0):\n    assert x == 3",
    "for x in range(3):\n    if f(x): break\n    assert f(1) == 3",
    "try:\n    f(1)\nexcept ValueError as e:\n    assert str(e) == 'three'",
    "import math\nassert f(1) == math.floor(3.2)",
    "def helper():\n    assert f(1) == 3\nf(2)",
    "assert abs(f(1) - 3) < f(2)",
    "assert 'a' in f(1)",
    "def test_it():\n    import pytest\n    pytest.importorskip('numpy')\n    assert f(1) == 3",
)


@pytest.mark.parametrize("code", UNSURE)
def test_a_change_that_may_not_be_noticed_is_not_sure(code: str) -> None:
    found = [copy for copy in copies(code) if copy.kind == "value"]
    assert found
    assert not any(copy.sure for copy in found), found


@pytest.mark.parametrize(
    "code",
    [
        "e = 3\nassert f(e) == e",
        "for x in (5, 7):\n    assert f(x) == x + x",
        "for c in [{'in': 1, 'out': 2}]:\n    assert f(c['in']) == c['in'] + c['in']",
        "import pytest\n@pytest.mark.parametrize('x', [5, 7])\ndef test_f(x):\n    assert f(x) == x + x",
    ],
)
def test_what_the_program_is_asked_about_is_no_other_value_that_is_expected(code: str) -> None:
    """A right program passes then."""
    assert not [copy for copy in copies(code) if copy.kind == "value"]


def test_objects_have_all_their_literals_changed_and_are_never_sure() -> None:
    found = [
        copy for copy in copies("assert V(1, 'a') + V(2, 'b') == V(3, 'ab')", names=("V",)) if copy.kind == "objects"
    ]
    assert len(found) == COPIES
    for copy in found:
        assert not copy.sure
        left, right = copy.code.split(" == ")
        assert left == "assert V(1, 'a') + V(2, 'b')"
        number, text = ast.literal_eval(right.removeprefix("V"))
        assert number != 3
        assert isinstance(number, int)
        assert text != "ab"
        assert isinstance(text, str)


def test_what_the_class_itself_calls_equal_is_left_alone() -> None:
    assert not changes("assert Card(1, 'a') == Card(1, 'b')", kind="objects", names=("Card",))
    assert changes("assert Card(1, 'a') == Card(1, 'a')", kind="objects", names=("Card",))


INVERSE = {
    "assert f(1) == 3": "assert not (f(1) == {})",
    "assert 3 == f(1), 'why'": "assert not ({} == f(1)), 'why'",
    "assert f(1) == 3\nassert f(2)": "assert not (f(1) == {})\nassert f(2)",
    "for x, y in [(1, 2), (3, 4)]:\n    assert f(x) == y": "for x, y in [(1, {}), (3, {})]:\n    assert not (f(x) == y)",
    "e = 3\nassert f(1) == e\nassert f(2) == e": "e = {}\nassert not (f(1) == e)\nassert not (f(2) == e)",
    "e = 3\nassert f(1) == e\nm.assert_called_with(e)": None,
    "e = 3\nassert f(e) == e": None,
    "if f(0):\n    assert f(1) == 3": None,
    "assert f(1)": None,
    "assert f(1) == 2 and f(2) == 3": None,
    "from decimal import Decimal\nassert f(1) == Decimal('1')": None,
    "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(f(1), 2)": (
        "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertNotEqual(f(1), {})"
    ),
}


@pytest.mark.parametrize("code", INVERSE)
def test_assertions_are_turned_round_with_other_values(code: str) -> None:
    copy = inverted(code, b"seed", ("f",))
    wanted = INVERSE[code]
    if wanted is None:
        assert copy is None
    else:
        assert copy is not None
        pattern = re.escape(wanted).replace(r"\{\}", "(-?\\d+)")
        assert re.fullmatch(pattern, copy.code)
        assert copy.code != wanted


def test_order_is_changed_by_its_sides() -> None:
    assert "assert V(2) < V(1)" in {copy.code for copy in copies("assert V(1) < V(2)", names=("V",))}


def test_what_has_no_literal_is_negated_or_stopped() -> None:
    assert [copy.kind for copy in copies("assert f(1) is f(1)")] == ["negation", "stop"]
    assert [copy.code for copy in copies("f(1)")] == ["f(1)\nassert not True"]
    assert not copies("")
    assert not copies("def (")


@pytest.mark.parametrize("code", ["import sys\nf(1)\nsys.exit(0)", "def test_it():\n    if f(1): return\n    f(2)"])
def test_what_may_end_before_a_stop_makes_it_unsure(code: str) -> None:
    assert not any(copy.sure for copy in copies(code))


def test_only_the_function_that_is_run_is_changed() -> None:
    code = "def test_a():\n    e = 1\n    assert f(1) == e\ndef test_b():\n    e = 2\n    assert f(2) == e\n"
    assert changes(code) == {"1", "2"}
    assert changes(code, select="test_b") == {"2"}
    assert {copy.line for copy in copies(code, select="test_b")} <= {5, 6}


def test_the_seed_chooses_and_the_first_are_of_different_assertions() -> None:
    code = "\n".join(f"assert f({n}) == [{n}, {n + 1}, {n + 2}]" for n in range(20))
    assert copies(code) == copies(code)
    firsts = {tuple(copy.line for copy in islice(perturbed(code, bytes([n])), COPIES)) for n in range(20)}
    assert len(firsts) > 10
    assert all(len(set(lines)) == COPIES for lines in firsts)


def test_types_stay() -> None:
    for value in (3, -3, 0, True, 2.5, -0.5, 1e300, "yes", "No", "", "()", "ä", b"x", 2j, (1, "a"), {"k": [1]}):
        for seed in range(8):
            for copy in copies(f"assert f(1) == {value!r}", seed=bytes([seed])):
                if copy.kind == "value":
                    other = ast.literal_eval(copy.code.partition(" == ")[2])
                    assert type(other) is type(value)
                    assert other != value


@pytest.mark.parametrize(
    "code",
    [
        f"assert f(1) == {10**400}",
        f"assert f(1) == {-(10**400)}",
        f"assert f(1) == {hex(10**5000)}",
        f"assert f(1) == [{hex(10**5000)}, 1, 2]",
        "assert f(1) == 1.7e308",
        "assert f(1) == 1e999",
        f"assert abs(f(1) - 3) < {10**400}",
        f"assert abs(f(1) - {10**400}) < 3",
        f"import math\nassert math.isclose(f(1), 3, abs_tol={10**400})",
        f"import math\nassert math.isclose(f(1), 1.7e308, rel_tol={10**300})",
        f"import pytest\nassert f(1) == pytest.approx({10**400}, abs=1)",
        f"def test(a, b, tol=1): assert abs(a - b) < tol\ntest(f(1), 3, {10**400})",
    ],
)
def test_numbers_that_are_no_floats_are_changed_or_left(code: str) -> None:
    for seed in range(20):
        turned = inverted(code, bytes([seed]), ("f",))
        for copy in (*copies(code, seed=bytes([seed])), *([turned] if turned else [])):
            compile(copy.code, "", "exec")


def test_a_change_is_further_off_than_tolerances() -> None:
    for seed in range(20):
        for code in ("assert abs(f(1) - 3) < 10", "import pytest\nassert f(1) == pytest.approx(3, abs=10)"):
            for copy in copies(code, seed=bytes([seed])):
                if copy.kind == "value":
                    assert abs(float(copy.change.partition(" -> ")[2]) - 3) > 20


SURE, UNCERTAIN = Copy("", 1, "", KINDS[0], sure=True), Copy("", 1, "", KINDS[0], sure=False)
OBJECTS, INVERSION = Copy("", 1, "", KINDS[1], sure=False), Copy("", 1, "", INVERTED, sure=True)


@pytest.mark.parametrize(
    ("made", "passed", "wrong"),
    [
        ([SURE, SURE], [False, False], False),
        ([SURE, SURE], [False, True], True),
        ([SURE, UNCERTAIN], [False, True], False),
        ([UNCERTAIN, UNCERTAIN], [False, True], False),
        ([UNCERTAIN, UNCERTAIN], [True, True], True),
        ([UNCERTAIN], [True], False),
        ([SURE, SURE, OBJECTS, OBJECTS], [False, False, True, True], True),
        ([SURE, SURE, OBJECTS, OBJECTS], [False, False, False, True], False),
        ([SURE, SURE, OBJECTS], [False, False, True], False),
        ([SURE, INVERSION], [False, True], False),
        ([SURE, INVERSION], [False, False], True),
        ([SURE, INVERSION], [False, None], False),
        ([SURE, SURE], [None, None], False),
        ([], [], False),
    ],
)
def test_it_takes_one_sure_copy_or_all(made: list[Copy], passed: list[bool | None], wrong: bool) -> None:
    assert passes_wrongly(made, passed) is wrong


class Row(NamedTuple):
    name: str
    prelude: str
    program: str
    code: str
    names: tuple[str, ...]


def rows(name: str) -> Iterator[Row]:
    """Each with its first right program."""
    with (DATA / f"dev_{name}.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file), "utf-8")
        for number, line in enumerate(lines):
            if number % EVERY[name]:
                continue
            row = json.loads(line)
            right = [each["code"] for each in row["submissions"] if each["accept"]]
            if right:
                entry = (row["entry_point"],) if row.get("entry_point") else ()
                yield Row(row["problem_id"], row.get("prelude") or "", right[0], row["tests"][0]["code"], entry)


def measured(name: str) -> tuple[int, dict[str, list[int]], list[str]]:
    """How many tests pass with their reference; by kind, how many copies there are and do as they should with it; and
    the tests that it would pass wrongly."""
    found: dict[str, list[int]] = {}
    wrong: list[str] = []
    known = list(rows(name))
    right = passing(*((row.prelude, row.program, row.code) for row in known))
    known = [row for row, passes in zip(known, right, strict=True) if passes]
    tried = [(row, trials(row.code, b"seed", row.names)) for row in known]
    passed = iter(passing(*((row.prelude, row.program, copy.code) for row, made in tried for copy in made)))
    for row, made in tried:
        ends = [next(passed) for _ in made]
        for copy, passes in zip(made, ends, strict=True):
            counts = found.setdefault(f"{copy.kind}{' sure' if copy.sure else ''}", [0, 0])
            counts[0] += 1
            counts[1] += passes == (copy.kind == INVERTED)
        if passes_wrongly(made, ends):
            wrong.append(row.name)
    return len(known), found, wrong


@NOT_THERE
@pytest.mark.parametrize("name", SETS)
def test_references_fail_every_copy_and_pass_the_inverted(name: str) -> None:
    count, found, wrong = measured(name)
    assert count > 10
    assert not wrong
    assert all(tried == good for kind, (tried, good) in found.items() if kind.endswith("sure")), found
    assert sum(counts[0] for kind, counts in found.items() if not kind.startswith(INVERTED)) >= COPIES * count


IDIOMS = idioms()[::8]


def test_right_programs_of_idioms_do_not_pass_wrongly() -> None:
    tried = [(idiom, trials(idiom.test, b"seed")) for idiom in IDIOMS]
    cases = [plain.Case(copy.code, idiom.right, idiom.prelude) for idiom, copies in tried for copy in copies]
    ends = iter(run(cases))
    wrong = {
        idiom.name: copies for idiom, copies in tried if passes_wrongly(copies, [next(ends).passed for _ in copies])
    }
    assert not wrong
