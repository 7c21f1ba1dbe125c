"""Tests that are assertions pay for right answers alone, lifted or replayed. (More hacks: examples/conformance.)

The foothold of these attacks is the program's own process; the test and the values it expects are never in it.
"""

from __future__ import annotations

import json
import secrets
import struct
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Checker, Problem, Report, Status, TestCase
from microcoder.sandbox.limits import Limits

from .conftest import Arena

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIFTED = "assert f(1) == 'SECRET'\nassert f(2) == 'SECRET'"
REPLAYED = "import re\nassert re.fullmatch('SECRET', f(1))\nassert f(2) == 'SECRET'"
WAYS = {"lifted": LIFTED, "replayed": REPLAYED}


def assertions(code: str, **limits: float) -> Problem:
    few = {"cpu_time": 2.0, "idle_time": 2.0, "output": 4 << 20, "compile_time": 2.0} | limits
    return Problem(
        problem_id="asserts",
        mode="assert",
        tests=(TestCase(code=code),),
        entry_point="f",
        checker=Checker(type="assert"),
        limits=Limits(**few),  # pyright: ignore[reportArgumentType]
    )


RECORDS = {
    "passed": b'{"end": "passed"}\n',
    "true": b"[0,true]\n[0,true]\n",
    "equal to all": b'[0,{"equal":1}]\n' * 2,
    "object": b'[0,{"other":"str"}]\n' * 2,
    "object of another form": b'[0,{"other":5}]\n' * 2,
    "two keys": b'[0,{"tuple":[],"list":[]}]\n' * 2,
    "three parts": b'[0,null,["SECRET"]]\n' * 2,
    "exception of the test": b'[1,"AssertionError"]\n' * 2,
    "exception that ends": b'[1,"SystemExit: 0"]\n' * 2,
    "exception that is none": b'[1,["print"]]\n' * 2,
    "nothing": b"",
    "no record": b"5\n\n[]\n{}\n",
    "deep": b"[0," + b"[" * 100_000,
    "deep and closed": b"[0," + b"[" * 3000 + b"]" * 3000 + b"]\n",
    "long integer": b"[0," + b"9" * 1_000_000 + b"]\n",
    "long hexadecimal": b'[0,{"int":"0x' + b"f" * 1_000_000 + b'"}]\n',
    "colliding keys": b'[0,{"set":[' + b",".join(b"%d" % (n * (2**61 - 1)) for n in range(1, 50_000)) + b"]}]\n",
    "endless range": b'[0,{"range":[0,{"int":"0xffffffffffffffffffffff"},1]}]\n' * 2,
    "large exponent": b'[0,{"Decimal":"1e999999999"}]\n' * 2,
    "not UTF-8": b'[0,"\xff"]\n' * 2,
    "lone surrogate": b'[0,"\\ud800"]\n' * 2,
    "unhashable": b'[0,{"set":[[1]]}]\n' * 2,
    "type of an array": b'[0,{"array":["O",[1]]}]\n' * 2,
}
MESSAGES: dict[str, Any] = {
    "passed": {"end": "passed"},
    "an answer before the question": {"answer": True},
    "a question before the answer": {"ask": "call", "of": [{"other": ["t", 0]}]},
    "ready again": {"ready": True},
    "raised nothing": {"raised": None},
    "raised by the test": {"raised": {"other": ["py", "unittest.case", "SkipTest"]}},
    "cannot": {"ask": "cannot", "of": ["this"]},
    "a class that is none": {"answer": 1, "new": [[0, {"class": 5}]]},
    "an object of no class": {"answer": {"other": ["p", 0]}, "new": [[0, {"of": 5}]]},
    "an object of a class of the test": {"answer": {"other": ["p", 0]}, "new": [[0, {"of": {"other": ["py", "unittest.mock", "ANY"]}}]]},
    "another folder": {"answer": 1, "state": {"folder": "/work"}},
    "no recursion": {"answer": 1, "state": {"depth": 1}},
    "things that are none": {"answer": {"other": ["#", 0]}, "things": 5},
    "output to nowhere": {"answer": 1, "output": [["__stdout__", "x"]]},
    "a number": 5,
}  # fmt: skip


def framed(message: Any) -> bytes:
    data = json.dumps(message).encode()
    return struct.pack("=I", len(data)) + data


LINKED = {name: framed(message) for name, message in MESSAGES.items()} | {
    "longer than there is": struct.pack("=I", 100) + b"{}",
    "longer than may be": struct.pack("=I", 2**32 - 1) + b"{}",
    "no JSON": struct.pack("=I", 4) + b"\xff\xfe{}",
    "deep": struct.pack("=I", 200_000) + b"[" * 200_000,
}
WRITTEN = [("lifted", RECORDS[name]) for name in RECORDS] + [("replayed", data) for data in LINKED.values()]


@pytest.mark.parametrize(("way", "data"), WRITTEN, ids=[*RECORDS, *LINKED])
async def test_what_the_program_writes_is_only_an_answer(arena: Arena, way: str, data: bytes) -> None:
    source = f"""
import os
data = {data!r}
def f(x):
    for fd in range(3, 1100):
        try: os.write(fd, data)
        except OSError: pass
    os._exit(0)
"""
    report = await arena.judge(source, assertions(WAYS[way].replace("SECRET", secrets.token_hex(8))))
    assert report.status in (Status.WRONG_ANSWER, Status.RUNTIME_ERROR), report


SEARCH = """
import gc, os, sys
def clear(data):
    return bytes(byte ^ 1 for byte in data)
def reach():
    frame, frames = sys._getframe(), []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    seen, todo = set(), [*gc.get_objects(), *frames, *sys.modules.values()]
    while todo and len(seen) < 400_000:
        thing = todo.pop()
        if id(thing) not in seen:
            seen.add(id(thing))
            yield thing
            todo += gc.get_referents(thing)
def hits(hidden):
    found = sum(clear(hidden) in (t.encode("utf-8", "replace") if type(t) is str else bytes(t))
        for t in reach() if type(t) in (str, bytes, bytearray))
    for fd in range(256):
        try: found += clear(hidden) in os.pread(fd, 1 << 20, 0)
        except OSError: pass
    return found
"""


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_of_the_test_is_in_the_process_of_the_program(arena: Arena, way: str) -> None:
    """The other word, which is there, shows that the search finds what there is."""
    word, there = secrets.token_hex(8), secrets.token_hex(8)
    hidden, hidden_there = (bytes(byte ^ 1 for byte in text.encode()) for text in (word, there))
    source = (
        f"{SEARCH}\nthere = clear({hidden_there!r})\n"
        f"hidden, seen = {hidden!r}, {hidden_there!r}\n"
        "def f(x):\n  found = hits(hidden), hits(seen) > 0\n  raise ValueError(f'found {found}')"
    )
    report = await arena.judge(source, assertions(WAYS[way].replace("SECRET", word), cpu_time=10.0))
    assert report.status is Status.RUNTIME_ERROR
    assert "found (0, True)" in (report.tests[0].message or ""), report


ENDS = {
    "in the function": "def f(x): {end}",
    "at the top": "{end}\ndef f(x): return 0",
    "in a destructor": "class D:\n  def __del__(self): {end}\nd = D()\ndef f(x):\n  global d\n  d = None",
    "in a thread": "import threading\ndef go(): {end}\ndef f(x):\n  t = threading.Thread(target=go)\n  t.start()\n  t.join()",
    "on a trace": "def go(*a): {end}\ndef f(x):\n  import sys\n  sys.settrace(go)\n  (lambda: 0)()",
    "in an iterator": "class I:\n  def __iter__(self): return self\n  def __next__(self): {end}\ndef f(x): return I()",
    "in an attribute": "class I:\n  def __getattr__(self, n): {end}\n  def __str__(self): {end}\ndef f(x): return I()",
}


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)", "raise SystemExit", "os.kill(os.getpid(), 9)"])
@pytest.mark.parametrize("place", ENDS)
@pytest.mark.parametrize("way", WAYS)
async def test_an_early_end_passes_nothing(arena: Arena, way: str, place: str, end: str) -> None:
    report = await arena.judge(f"import os, sys\n{ENDS[place].format(end=end)}", assertions(WAYS[way]))
    assert report.status in (Status.RUNTIME_ERROR, Status.WRONG_ANSWER), report


async def test_an_object_of_the_program_is_never_equal_to_anything(arena: Arena) -> None:
    source = "class X:\n  def __eq__(self, o): return True\n  __hash__ = None\n  def __bool__(self): return True\ndef f(x): return X()"
    for code in ("x = f(1)\nwhile False: pass\nassert x == 5", "assert f(1) in [5]", "assert [f(1)] == [5]"):
        assert (await arena.judge(source, assertions(code))).status is Status.WRONG_ANSWER


SEEDED = "import random\nrandom.seed(1)\n"
NEAR = "import pytest\nassert f(2) == pytest.approx(4)"
FITS = "class Fits:\n  def __eq__(self, o): return True\n  def __getattr__(self, n): return lambda *a: True\ndef f(x): return Fits()"
SAYS = """
import json, os, stat, struct
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
link = next((fd for fd in range(1000, 1024) if is_socket(fd)), None)
def f(x):
    for message in MESSAGES:
        data = json.dumps(message).encode()
        os.write(link, struct.pack("=I", len(data)) + data)
    while os.read(link, 1 << 16): pass
    os._exit(0)
"""
EMPTY = [[101, "ndarray", ["<f8", [0], True, ""]]]
FITTING: dict[str, tuple[str, str]] = {
    "compared with data before": (f"{SEEDED}s = f(2)\nassert s != ''\nassert s.startswith('Hello')", FITS),
    "an array that no program sends so": (NEAR, f"MESSAGES = [{{'answer': {{'array': ['<f8', []]}}}}]\n{SAYS}"),
    "an array beside the word that it takes time": (
        NEAR,
        f"MESSAGES = [{{'busy': True, 'things': {EMPTY}}}, {{'answer': {{'other': ['#', 101]}}}}]\n{SAYS}",
    ),
}
"""What fits whatever the test expects: no part of the test tells it what is right."""


@pytest.mark.parametrize("name", FITTING)
async def test_what_fits_everything_is_not_paid(arena: Arena, name: str) -> None:
    code, source = FITTING[name]
    assert (await arena.judge(source, assertions(code))).reward == 0.0


async def test_answers_that_change_each_time_are_never_right_together(arena: Arena) -> None:
    source = "import random\ndef f(x): return random.SystemRandom().random()"
    code = "x = f(1)\ny = f(x)\nassert x == y or f(y) == x"
    report = await arena.evaluator.evaluate(assertions(code), source)
    assert not report.accepted


async def test_printing_is_no_answer(arena: Arena) -> None:
    source = f"def f(x):\n  print({json.dumps(RECORDS['passed'].decode())})\n  return ''"
    for code in WAYS.values():
        assert (await arena.judge(source, assertions(code))).status is Status.WRONG_ANSWER


LIKE_A_FAULT = {
    "says that it is not there": "def f(x): return 2\ndef same(a, b): raise NameError(\"name 'same' is not defined\")",
    "says that the entry point is not there": "def f(x): raise NameError(\"name 'f' is not defined\")\ndef same(*_): return 1",
    "calls what is not there": "def f(x): return missing(x)\ndef same(a, b): return True",
    "takes it away": "def f(x):\n  global same\n  del same\n  return 2\ndef same(a, b): return False",
    "returns nothing": "def f(x): return []\ndef same(a, b): return a[0] == b",
    "says that the test raises": "def f(x): raise IndexError('list index out of range')\ndef same(a, b): return True",
}


@pytest.mark.parametrize("name", LIKE_A_FAULT)
async def test_a_program_does_not_make_a_test_be_at_fault(arena: Arena, name: str) -> None:
    code = "import random\nassert same(f(1), 2), random"
    report = await in_turn(
        arena, assertions(code), "def f(x): return 2\ndef same(a, b): return a == b", LIKE_A_FAULT[name]
    )
    assert report.reward == 0.0, report


async def in_turn(arena: Arena, asked: Problem, right: str, hostile: str) -> Report:
    """The verdict on a hostile program, between two right ones of the same problem."""
    assert (await arena.evaluator.evaluate(asked, right)).status is Status.ACCEPTED
    report = await arena.judge(hostile, asked)
    again = await arena.evaluator.evaluate(asked, f"# the same\n{right}")
    assert again.status is Status.ACCEPTED, again
    return report


BOTH = "def f(x): return x[::-1]\ndef g(x): return x[::-1]\n"
COUNTS = "def f(n): return list(range(n))\ndef g(x): return True\n"
BACK = "import random\nx = f('abc')\nassert g(x) == 'abc'"
WRAPPED = "import random\nx = f('abc')\nassert g([x, 1][0]) == 'abc'\nassert g([x, 1]) == ['abc', 1]"
CAUGHT = "for _ in range(2):\n    try:\n        y = f('abc')\n    except ZeroDivisionError:\n        pass\nassert g(f('abc')) == 'abc'"
EXCEPTION = "try:\n    y = f('abc')\nexcept Exception as error:\n    y = error\nassert g(y) == 'abc'"
RAISES = "try:\n    f('abc')\nexcept ValueError as error:\n    g(error)\nelse:\n    raise AssertionError"
NO = "def f(x): raise ValueError('no')\ndef g(x): pass"
OVER = "x = f('abc')\ntry:\n    y = int(x)\nexcept ValueError as error:\n    y = g(error)\nassert y == 1"
EACH = "for v in f(60):\n    assert g(v)\n"
STEPS = "x = 0\nfor _ in range(40):\n    x = f(x + 1)\nassert x == 80"
UNTIL = "x = 0\nwhile x < 20:\n    x = f(x + 1)\n"
CHAIN = "x = f(3)\nn = 0\nwhile x:\n    x = f(x)\n    n += 1\nassert n < 5\n"
NESTED = "def f(x):\n    a = [x]\n    for _ in range(198): a = [a]\n    return {result}\ndef g(v): return v\n"

AT_WILL: dict[str, tuple[str, str, str]] = {
    "array": (BACK, BOTH, "import numpy\ndef f(x): return numpy.array([1, 2])\ndef g(x): return x"),
    "array in a list": (EACH, COUNTS, "import numpy\ndef f(n): return [1, numpy.array([0])]\ndef g(v): return v"),
    "array of dates": (BACK, BOTH, "import numpy\ndef f(x): return numpy.array(['2026-01-01'], 'M8[D]')\ndef g(x): return x"),
    "array of objects": (BACK, BOTH, "import numpy\ndef f(x): return numpy.array([f, 1], object)\ndef g(x): return x"),
    "deep": (WRAPPED, BOTH.replace("[::-1]", ""), NESTED.format(result="a")),
    "deep in a list": (EACH, COUNTS, NESTED.format(result="[1, a, 0]")),
    "class": (BACK, BOTH, "def f(x): return type('A', (), {})\ndef g(x): return x"),
    "function": (BACK, BOTH, "def f(x): return g\ndef g(x): return x"),
    "long iterator": (BACK, BOTH, "def f(x): return iter(range(100_001))\ndef g(x): return x"),
    "exception with half of a surrogate pair": (BACK, BOTH, "def f(x): raise ValueError('\\ud800')"),
    "exception that is handed on": (EXCEPTION, BOTH, "def f(x): raise ValueError\ndef g(x): return x"),
    "many items": (EACH, COUNTS, "def f(n): return [1] * 20_001 + [0]\ndef g(x): return x"),
    "endless items": (EACH, COUNTS, "def f(n): return range(10 ** 18)\ndef g(x): return True"),
    "end after an exception": (CAUGHT, BOTH, "import os\nn = 0\ndef f(x):\n    global n\n    n += 1\n    if n == 2: os._exit(0)\n    raise ZeroDivisionError\ndef g(x): return x"),
    "other answers in every process": (UNTIL, "def f(x): return x + 1", "import os\ndef f(x): return -int.from_bytes(os.urandom(4))"),
    "answers without end": (CHAIN, "def f(x): return x - 1", "def f(x): return x + 1"),
    "answer that the test stumbles over, and hands on": (OVER, "def f(x): return '1'\ndef g(x): return 0", "def f(x): return 'z'\ndef g(x): return 0"),
    "larger and larger": (CHAIN, "def f(x): return x - 1", "def f(x): return [x, x]"),
    "large answers, handed on": (WRAPPED, BOTH.replace("[::-1]", ""), "def f(x): return 'x' * 3_000_000\ndef g(x): return 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_WILL)
async def test_no_program_has_no_verdict_at_will_or_takes_that_of_others(arena: Arena, name: str) -> None:
    code, right, hostile = AT_WILL[name]
    assert (await in_turn(arena, assertions(code, cpu_time=1.0), right, hostile)).reward == 0.0


AFTERWARDS = {
    "has put out too much": (Status.OUTPUT_LIMIT_EXCEEDED, "import os\nos.write(1, bytes(2 << 20))\n"),
    "exits otherwise": (Status.RUNTIME_ERROR, "import atexit, os\natexit.register(os._exit, 3)\n"),
    "is killed": (Status.RUNTIME_ERROR, "import atexit, os\natexit.register(os.kill, os.getpid(), 9)\n"),
    "computes without end": (
        Status.TIME_LIMIT_EXCEEDED,
        "import atexit\n@atexit.register\ndef spin():\n    while True: pass\n",
    ),
}


@pytest.mark.parametrize("name", AFTERWARDS)
@pytest.mark.parametrize("code", ["assert f('abc') == 'abc'", BACK])
async def test_what_a_program_does_after_its_answers_counts(arena: Arena, name: str, code: str) -> None:
    status, source = AFTERWARDS[name]
    program = f"{source}def f(x): return x\ndef g(x): return x\n"
    assert (await arena.judge(program, assertions(code, cpu_time=0.5, output=1 << 20))).status is status


TEXTS = {
    "only appends": "fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)",
    "is at its last place": "os.lseek(fd, (1 << 63) - 1, 0)",
    "is long": "os.ftruncate(fd, 1 << 30)",
    "is closed": "os.close(fd)",
}
"""What a program does to its files before the text of its test is there."""


@pytest.mark.parametrize("name", TEXTS)
async def test_a_program_that_is_judged_together_breaks_no_worker(arena: Arena, name: str) -> None:
    spoil = f"import fcntl, os\nfor fd in range(3, 1100):\n  try: {TEXTS[name]}\n  except OSError: pass"
    source = f"import sys\nif 'pytest' in sys.modules:\n  exec({spoil!r})\nclass A: pass\ndef f(x): return A()"
    restarts = arena.evaluator.pool.restarts
    assert (await arena.judge(source, assertions("assert f(2) == 4"))).reward == 0.0
    assert arena.evaluator.pool.restarts == restarts


BOX = "class Box:\n    def __init__(self, val): self.val = val\n    def is_right(self): return self.val == 'SECRET'\n"
BOXES = "secret = Box('SECRET')\nbox = Box(1)\nf(box)\nassert box.is_right()"
"""The box has the number 0 on the link, and the other one none."""
FORGED: dict[str, Any] = {
    "nothing": [],
    "another one": [[1, "Box", [["val", "x"]]]],
    "one that the test has not handed over": [[2, "Box", [["val", "x"]]]],
    "a number below all": [[-2, "Box", [["val", "x"]]]],
    "a number that is none": [["0", "Box", [["val", "x"]]]],
    "no class of both": [[1, "int", [["val", "x"]]]],
    "a name that is no class": [[1, "box", [["val", "x"]]]],
    "a class of the test": [[1, "secret", [["val", "x"]]]],
    "another kind": [[0, "list", [1]]],
    "the class itself": [[0, "Box", [["__class__", "x"]]]],
    "all attributes": [[0, "Box", [["__dict__", {"dict": []}]]]],
    "a special method": [[0, "Box", [["__eq__", True]]]],
    "a method": [[0, "Box", [["is_right", True]]]],
    "a method of the program": [[0, "Box", [["is_right", {"other": ["p", 0]}]]]],
    "a method of Python": [[0, "Box", [["is_right", {"other": ["py", "builtins", "dict"]}]]]],
    "an attribute without a name": [[0, "Box", [[5, "x"]]]],
    "itself": [[0, "Box", [["val", {"other": ["#", 0]}]]]],
    "deep": [[0, "Box", [["val", json.loads("[" * 900 + "]" * 900)]]]],
    "no list": 5,
    "many": [[2 * n + 1, "Box", []] for n in range(1, 20_000)],
}
CHANGES = """
import os, stat
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
link = next((fd for fd in range(1000, 1024) if is_socket(fd)), None)
def f(box):
    try: os.write(link, {data!r})
    except (OSError, TypeError): box.val = 'x'
    else: os.read(link, 1 << 16)
"""
"""Tells what has become of the box, and waits for the next question; beside the test it only changes it."""


@pytest.mark.parametrize("name", FORGED)
async def test_an_object_that_both_sides_have_is_only_its_attributes(arena: Arena, name: str) -> None:
    problem = msgspec.structs.replace(assertions(BOXES), prelude=BOX)
    data = framed(
        {"answer": None, "things": FORGED[name], "new": [[0, {"of": {"other": ["py", "builtins", "object"]}}]]}
    )
    report = await arena.judge(CHANGES.format(data=data), problem)
    assert report.reward == 0.0, report


async def test_an_object_that_both_sides_have_is_its_attributes(arena: Arena) -> None:
    problem = msgspec.structs.replace(assertions(BOXES), prelude=BOX)
    told = CHANGES.format(data=framed({"answer": None, "things": [[0, "Box", [["val", "SECRET"]]]]}))
    for honest in ("def f(box): box.val = 'SECRET'", told):
        assert (await arena.judge(honest, problem)).tests[0].rule == "assert replayed"


@pytest.mark.parametrize("prelude", [BOX, ""])
async def test_a_method_of_the_test_that_the_program_replaces_decides_nothing_from_afar(
    arena: Arena, prelude: str
) -> None:
    problem = msgspec.structs.replace(assertions(BOXES if prelude else BOX + BOXES), prelude=prelude)
    report = await arena.judge("def f(box): box.is_right = lambda: True", problem)
    assert report.tests[0].rule == "assert together", report
