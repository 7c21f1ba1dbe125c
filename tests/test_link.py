"""The link between a test and its program, without a jail: two processes that a third one forks."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from microcoder.sandbox import inside
from microcoder.sandbox.inside.link.standins import Ended, Link, Undecided
from microcoder.sandbox.inside.link.wire import MOST, Closed, Wire

from .link_cases import CASES, PROGRAM

RUN = r"""
import json, os, re, signal, socket, sys
sys.path.insert(0, sys.argv[1])
from inside.link import owner, standins
import unittest

def ran(program, code):
    ours, theirs = socket.socketpair()
    if (pid := os.fork()) == 0:
        ours.close()
        scope = {"__name__": "solution"}
        try:
            exec(program, scope)
        except BaseException as error:
            owner.fail(error, theirs.fileno())
        else:
            owner.serve(scope, theirs.fileno())
        os._exit(0)
    theirs.close()
    link = standins.Link(ours.fileno(), named=frozenset(re.findall(r"\w+", code)))
    module = link.module()
    scope = {"__name__": "__main__", "solution": module}
    said = ""
    try:
        link.wait_until_ready()
        link.begin()
        scope |= {name: getattr(module, name) for name in dir(module) if not name.startswith("__")}
        exec(code, scope)
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    link.end()
    ours.close()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for end in ("undecided", "garbled", "ended"):
        if getattr(link, end) is not None:
            return end, getattr(link, end)
    return ("failed", said) if said else ("passed", "")

for program, code in json.load(sys.stdin):
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, json.dumps(ran(program, code)).encode())
        os._exit(0)
    os.close(write)
    print(os.read(read, 1 << 16).decode(), file=sys.__stdout__, flush=True)
    os.wait()
"""


def ends(pairs: list[tuple[str, str]]) -> list[list[str]]:
    """How each program and test end, and what is said of it."""
    ran = subprocess.run(
        [sys.executable, "-I", "-c", RUN, os.path.dirname(Path(inside.__file__).parent)],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("[")]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[str]]:
    found = ends([(PROGRAM, code) for _, _, code in CASES])
    return dict(zip([name for name, _, _ in CASES], found, strict=True))


@pytest.mark.parametrize(("name", "expected"), [(name, expected) for name, expected, _ in CASES])
def test_objects(outcomes: dict[str, list[str]], name: str, expected: str):
    assert outcomes[name][0] == expected, outcomes[name]


@pytest.mark.parametrize(
    ("name", "code"), [(name, code) for name, expected, code in CASES if expected in ("passed", "undecided")]
)
def test_python_passes_what_is_asked_here(name: str, code: str):
    """All but those that no program has a say in."""
    if name in WRONG_IN_PYTHON:
        pytest.skip("a test that no program of that form passes")
    script = f"{PROGRAM}\nimport sys\nsys.modules['solution'] = solution = sys.modules['__main__']\n{code}\n"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


WRONG_IN_PYTHON = frozenset({"logs", "eq with what is plain", "truth of what is false"})


def test_a_program_that_does_not_start():
    ((end, said),) = ends([("1 / 0", "pass")])
    assert (end, said) == ("failed", "ZeroDivisionError: division by zero")


# Around the depths at which one side can write what the other cannot read, as deep as Python's stack lets it.
DEEP = "def deep(n):\n    t = ()\n    for _ in range(n): t = (t,)\n    return t\n"
TOO_MUCH = {
    "a deep answer": (DEEP, "deep({n})"),
    "a deep answer in a list": (f"{DEEP}def f(n): return [deep(n)]", "f({n})"),
    "a deep argument": ("def f(x): pass", DEEP + "f(deep({n}))"),
    "a deep argument in a list": ("def f(x): pass", DEEP + "f([deep({n})])"),
    "a deep answer of the test": (f"def f(g): return len(g())\n{DEEP}", DEEP + "f(lambda: deep({n}))"),
    "a deep argument for the test": (f"{DEEP}def f(g, n): return g(deep(n))", "f(lambda t: len(t), {n})"),
    "a deep exception": (f"{DEEP}def f(n): raise ValueError(deep(n))", "f({n})"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_deep_for_the_link_is_undecided(name: str):
    program, code = TOO_MUCH[name]
    depths = (420, *range(480, 500), 600)
    found = ends([(program, code.replace("{n}", str(n))) for n in depths])
    assert {end for end, _ in found} == {"undecided"}, found


@pytest.mark.parametrize(
    ("program", "code"), [("def f(): return 'x' * (1 << 27)", "f()"), ("def f(x): pass", "f('x' * (1 << 27))")]
)
def test_what_is_too_large_for_the_link_is_undecided(program: str, code: str):
    ((end, said),) = ends([(program, code)])
    assert end == "undecided" and "128 MiB" in said


# -- a program's side that says what it likes


class Liar:
    """Says one thing after the other, whatever it is asked."""

    def __init__(self, answers: list[Any]) -> None:
        ours, self._theirs = socket.socketpair()
        self.link = Link(ours.detach())
        self.heard: list[dict[str, Any]] = []
        self._wire = Wire(self._theirs.fileno())
        self._thread = threading.Thread(target=self._talk, args=(answers,))
        self._thread.start()

    def _talk(self, answers: list[Any]) -> None:
        try:
            self._wire.send({"ready": True})
            for answer in answers:
                self.heard.append(self._wire.receive())
                if isinstance(answer, bytes):
                    self._theirs.sendall(answer)
                else:
                    self._wire.send(answer)
            self.heard.append(self._wire.receive())
        except Closed:
            pass
        finally:
            self._theirs.close()

    def __enter__(self) -> Liar:
        self.link.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()
        self._thread.join()


@pytest.fixture
def lying() -> Iterator[Callable[..., Liar]]:
    made: list[Liar] = []

    def make(*answers: Any) -> Liar:
        made.append(Liar([*answers]).__enter__())
        return made[-1]

    yield make
    for each in made:
        each.__exit__()


GARBLED = {
    "no JSON": b"\x04\x00\x00\x00nope",
    "no object": b"\x02\x00\x00\x00[]",
    "too long": (MOST + 1).to_bytes(4, sys.byteorder),
    "no text": b"\x01\x00\x00\x00\xff",
    "of no kind": {"nothing": 1},
    "a thing that is none": {"answer": {"other": ["#", 5]}},
    "an object that is none": {"answer": {"other": ["p", 5]}},
    "an object that the test never gave": {"answer": {"other": ["t", 0]}},
    "a thing with a number of the test's": {"answer": 1, "things": [[0, "list", []]]},
    "a thing of no kind": {"answer": 1, "things": [[1, "module", []]]},
    "a thing of unhashable keys": {"answer": 1, "things": [[1, "dict", [[{"other": ["#", 1]}, 1]]]]},
    "many keys with one hash": {"answer": 1, "things": [[1, "set", [i * (2**61 - 1) for i in range(2000)]]]},
    "a function of Python": {"answer": {"other": ["py", "os", "system"]}},
    "eval": {"answer": {"other": ["py", "builtins", "eval"]}},
    "a class that runs programs": {"answer": {"other": ["py", "subprocess", "Popen"]}},
    "code": {"answer": {"other": ["py", "types", "CodeType"]}},
    "a class of the harness": {"answer": {"other": ["py", "unittest.case", "TestCase"]}},
    "a skip": {"raised": {"other": ["p", 1]}, "new": [[1, {"of": {"other": ["py", "unittest.case", "SkipTest"]}, "error": [[], [], [None, None, False], []]}]]},
    "a module that is none of Python's": {"answer": {"other": ["module", "pytest"]}},
    "a module that does something": {"answer": {"other": ["module", "antigravity"]}},
    "a made thing of another class": {"answer": {"other": ["made", "subprocess", "Popen", {"tuple": ["true"]}]}},
    "a made thing of other arguments": {"answer": {"other": ["made", "datetime", "date", {"tuple": [5]}]}},
    "an exception that is none": {"raised": 1},
    "an exception of a class that is none": {"raised": {"other": ["p", 1]}, "new": [[1, {"of": {"other": ["py", "builtins", "int"]}, "error": [[], [], [None, None, False], []]}]]},
    "a class of no name": {"answer": {"other": ["p", 1]}, "new": [[1, {"class": {"name": 1}}]]},
    "output of no stream": {"answer": 1, "output": [["stdin", "x"]]},
    "a member of no enum": {"answer": {"other": ["member", {"other": ["py", "builtins", "int"]}, "x", None]}},
    "an array of addresses": {"answer": 1, "things": [[1, "ndarray", ["|O", [1], True, "00" * 8]]]},
    "an array of records": {"answer": 1, "things": [[1, "ndarray", ["|V8", [1], True, "00" * 8]]]},
    "an array of less than it says": {"answer": 1, "things": [[1, "ndarray", ["<i4", [1 << 40], True, "00" * 4]]]},
    "an array of no size": {"answer": 1, "things": [[1, "ndarray", ["<i4", [-1, -1], True, "00" * 4]]]},
    "an array of nothing": {"answer": 1, "things": [[1, "ndarray", ["<U0", [1 << 40], True, ""]]]},
    "a truth value that is none": {"answer": {"other": ["number", "|b1", "02"]}},
    "a number that is an address": {"answer": {"other": ["number", "|O", "00" * 8]}},
    "a type of addresses and numbers": {"answer": {"other": ["dtype", "O,i4"]}},
    "state that is none": {"answer": 1, "state": {"depth": "x"}},
}  # fmt: skip


@pytest.mark.parametrize("name", GARBLED)
def test_what_is_no_answer(lying: Callable[..., Liar], name: str):
    liar = lying(GARBLED[name])
    with pytest.raises(Ended):
        liar.link.ask("call", 1)
    assert liar.link.garbled is not None
    assert liar.link.undecided is None
    with pytest.raises(Ended):  # and it stays so
        liar.link.ask("call", 1)


def test_deep_messages(lying: Callable[..., Liar]):
    text = b'{"answer":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    liar = lying(len(text).to_bytes(4, sys.byteorder) + text)
    with pytest.raises((Ended, Undecided)):
        liar.link.ask("call", 1)


SECRET = "the answer is 42"


def secretive(x: int) -> str:
    return SECRET[x:0]


class Holder:
    secret = SECRET

    def __init__(self) -> None:
        self._hidden = SECRET
        self.shown = 1

    def method(self) -> str:
        return SECRET


ASKED: dict[str, tuple[Any, list[Any]]] = {
    "globals of a function": (secretive, ["get", "__globals__"]),
    "code of a function": (secretive, ["get", "__code__"]),
    "closure of a function": (secretive, ["get", "__closure__"]),
    "builtins of a function": (secretive, ["get", "__builtins__"]),
    "defaults of a function": (secretive, ["get", "__defaults__"]),
    "function of a method": (Holder().method, ["get", "__func__"]),
    "object of a method": (Holder().method, ["get", "__self__"]),
    "dict of an object": (Holder(), ["get", "__dict__"]),
    "what is hidden": (Holder(), ["get", "_hidden"]),
    "subclasses": (Holder, ["get", "__subclasses__"]),
    "init": (Holder, ["get", "__init__"]),
    "frame of a generator": ((x for x in ()), ["get", "gi_frame"]),
    "a changed function": (secretive, ["set", "__code__", 1]),
    "a changed class": (Holder, ["set", "method", 1]),
    "a changed test case": ((__import__("unittest").TestCase()), ["set", "assertEqual", 1]),
    "a mock that takes all": (__import__("unittest.mock").mock.Mock(), ["set", "assert_called_once_with", 1]),
    "a mock that is told": (__import__("unittest.mock").mock.Mock(), ["get", "configure_mock"]),
    "a mock without a memory": (__import__("unittest.mock").mock.Mock(), ["get", "reset_mock"]),
    "a module": (re, ["get", "sys"]),
    "an operation that is none": (secretive, ["patch", "builtins", "print", 1]),
    "reduce": (Holder(), ["special", "__reduce_ex__", 2]),
    "getattribute": (Holder(), ["special", "__getattribute__", "_hidden"]),
    "class dict": (Holder, ["raw", "__init__"]),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_program_gets_hold_of_nothing(lying: Callable[..., Liar], name: str):
    thing, (operation, *rest) = ASKED[name]
    given = [{"other": ["t", 0]}, *rest]
    if operation == "special":
        given = [rest[0], {"other": ["t", 0]}, *rest[1:]]
    liar = lying({"ask": operation, "of": given}, {"answer": 1})
    with pytest.raises((Undecided, Ended)):
        liar.link.ask("call", [], thing)
    assert liar.link.undecided is not None or liar.link.garbled is not None
    assert SECRET not in json.dumps(liar.heard)
    assert all("answer" not in each for each in liar.heard)


def test_it_may_do_what_programs_do(lying: Callable[..., Liar]):
    holder = Holder()
    liar = lying({"ask": "get", "of": [{"other": ["t", 0]}, "shown"]}, {"answer": 5})
    assert liar.link.ask("call", holder) == 5
    assert liar.heard[1] == {"answer": 1}


def test_a_closed_link_says_what_was_asked(lying: Callable[..., Liar]):
    liar = lying()
    liar._theirs.shutdown(socket.SHUT_RDWR)
    with pytest.raises(Ended):
        liar.link.ask("global", "f")
    assert liar.link.ended == "the use of f"
