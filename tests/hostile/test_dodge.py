"""No program earns "no verdict" at will: what it does to its judge is a verdict on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, Submission, TestCase
from microcoder.evaluator.status import Status
from microcoder.sandbox.kinds import PYTHON
from microcoder.sandbox.limits import MIB, Limits
from microcoder.sandbox.names import DEPTH, ENTRIES, FILES, NAME_BYTES, PATH_BYTES, TOTAL_BYTES, unplaceable

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMITS = Limits(cpu_time=2, idle_time=1, memory=256 * MIB, output=MIB, compile_time=20, threads=4)
SUM = """
def check(input, output, expected):
    return sum(int(word) for word in output.split()) == int(expected)
"""
COUNT = """
import sys
words = open(sys.argv[3]).read().split()
print(1 if int(words[0]) == len(words) - 1 else 0)
"""
EXITS = """
import os, sys
words = sys.stdin.read().split()
assert words and words[0].isdigit() and words[0].isascii()
sys.exit(42 if int(words[0]) == 3 else 43)
"""
NATIVE = r"""
#include <cstdio>
#include <cstdlib>
#include <cstring>
int main() {
  static char text[100]; int value;
  if (!fgets(text, sizeof text, stdin)) abort();
  if (strlen(text) > 40) return *(volatile int*)8;
  if (sscanf(text, "%d", &value) != 1) return 1;
  return value == 3 ? 42 : 43;
}
"""
CHECKERS: dict[str, dict[str, Any]] = {
    "function": {"type": "python", "source": SUM},
    "script": {"type": "python", "name": "open-r1", "source": COUNT},
    "validator": {"type": "validator", "language": "python", "source": EXITS},
    "native": {"type": "validator", "language": "cpp", "source": NATIVE},
}
GARBAGE = {
    "word": "print('x')",
    "nothing": "pass",
    "digits": "print('1' * 5000)",
    "bytes": "import sys; sys.stdout.buffer.write(b'\\xff\\xfe')",
    "nul": "print('\\0')",
    "deep": "print('(' * 100000)",
    "float": "print('nan', 'inf', '1e999')",
    "other digits": "print('\\u0663' * 9, '\\u00b2')",
    "surrogates": "import sys; sys.stdout.buffer.write(b'\\xed\\xa0\\x80')",
    "long line": "print('3' * 60)",
    "no newline": "print('-', end='')",
}


def checked(**checker: Any) -> Problem:
    return Problem(problem_id="checked", tests=(TestCase("1\n", "3\n"),), limits=LIMITS, checker=Checker(**checker))


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("checker", CHECKERS)
async def test_an_output_that_a_checker_dies_of_is_rejected(evaluator, cpp, checker, garbage):
    report = await evaluator.evaluate(checked(**CHECKERS[checker]), GARBAGE[garbage])
    assert (report.status, report.reward) == (Status.WRONG_ANSWER, 0.0), report.message


def of_number(then: str) -> dict[str, Any]:
    """Does something so many times as the output says."""
    return {"type": "python", "source": f"def check(input, output, expected):\n    n = int(output)\n    {then}\n"}


VECTOR = r"""
#include <iostream>
#include <vector>
int main() {
  long long n;
  if (!(std::cin >> n)) return 43;
  std::vector<char> seen(n, 1);
  return seen[n - 1] && n == 3 ? 42 : 43;
}
"""
TESTLIB = r"""
#include <cstdio>
int main(int, char** v) {
  int n = 0;
  if (fscanf(fopen(v[2], "r"), "%d", &n) != 1) return 2;
  fprintf(stderr, "points %d", n);
  return n == 3 ? 0 : 7;
}
"""
SCRIPTED = "import sys\nn = int(open(sys.argv[3]).read())\n"
LIMITED: dict[str, tuple[dict[str, Any], str]] = {
    "memory": (of_number("return bool([0] * n) and n == 3"), "print(10 ** 9)"),
    "address space": (of_number("return bool([0] * n) and n == 3"), "print(10 ** 15)"),
    "memory, C++": ({"type": "validator", "source": VECTOR}, "print(10 ** 9)"),
    "address space, C++": ({"type": "validator", "source": VECTOR}, "print(10 ** 15)"),
    "score": (of_number("return n / int(expected)"), "print(6)"),
    "negative score": (of_number("return n / int(expected)"), "print(-1)"),
    "infinite score": ({"type": "python", "source": "def check(i, o, e): return float(o) / float(e)"}, "print('inf')"),
    "points": ({"type": "testlib", "language": "cpp", "source": TESTLIB, "files": {"testlib.h": ""}}, "print(7)"),
    "output": (
        {"type": "python", "name": "open-r1", "source": SCRIPTED + "print(' ' * n, n == 3 and 1 or 0)"},
        "print(10 ** 8)",
    ),
    "file": (of_number("return open('own', 'w').write('x' * n) == 3"), "print(10 ** 8)"),
    "full folder": (of_number("return all(open(f'own{i}', 'w').write('x' * 10 ** 7) for i in range(n))"), "print(99)"),
    "sleep": (of_number("import time; time.sleep(n - 3); return n == 3"), "print(99)"),
    "threads": (
        of_number(
            "import threading; wait = threading.Event().wait\n"
            "    for _ in range(n - 3): threading.Thread(target=wait, daemon=True).start()\n    return n == 3"
        ),
        "print(99)",
    ),
    "descriptors": (of_number("kept = [open('input.txt') for _ in range(n)]; return n == 3"), "print(999)"),
    "signal": (of_number("import os; n == 3 or os.kill(os.getpid(), 9); return True"), "print(9)"),
    "module": (
        {
            "type": "python",
            "source": "import importlib\ndef check(i, o, e): return o == e or importlib.import_module(o)",
        },
        "print('a_module_of_nobody', end='')",
    ),
    "module in text": (
        {"type": "python", "source": "def check(i, o, e):\n    if o != e: exec('import ' + o)\n    return True"},
        "print('a_module_of_nobody', end='')",
    ),
    "module of a pickle": (
        {
            "type": "python",
            "source": "import pickle\ndef check(i, o, e): return o == e or pickle.loads(o.encode())",
        },
        "print('cnobody\\nnothing\\n.', end='')",
    ),
    "time, where the expected output is rejected": (
        of_number("return n != 3 and sum(range(n)) > 0"),
        "print(10 ** 12)",
    ),
}


@pytest.mark.parametrize("name", LIMITED)
async def test_an_output_that_takes_a_checker_beyond_its_limits_is_rejected(evaluator, cpp, name):
    checker, program = LIMITED[name]
    own = Limits(cpu_time=3, idle_time=1, memory=256 * MIB, output=MIB, compile_time=60, threads=4)
    report = await evaluator.evaluate(checked(**checker, limits=own), program)
    assert (report.status, report.reward) == (Status.WRONG_ANSWER, 0.0), report.message
    assert "the checker " in str(report.message), report.message


BROKEN = {
    "always": "def check(input, output, expected): raise ValueError(output)",
    "without a module": "import a_module_of_nobody\ndef check(input, output, expected): return True",
    "not compiling": "def check(input, output, expected): return (",
    "without memory": "def check(input, output, expected): return bool(bytearray(1 << 40))",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_checker_that_fails_whatever_it_is_asked_gives_no_verdict(evaluator, name):
    report = await evaluator.evaluate(checked(type="python", source=BROKEN[name]), "print(3)")
    assert (report.status, report.reward) == (Status.CHECKER_ERROR, None), report


async def test_a_module_that_is_missing_for_this_output_alone_says_nothing_of_it(evaluator):
    source = (
        "def check(input, output, expected):\n    if output != expected: import a_module_of_nobody\n    return True"
    )
    report = await evaluator.evaluate(checked(type="python", source=source), "print(4)")
    assert report.status is Status.CHECKER_ERROR and "a_module_of_nobody" in (report.message or "")


@pytest.mark.parametrize("program", ["print('x')", "print(10 ** 15)"])
async def test_the_benefit_of_the_doubt_is_an_option(jail, program):
    source = SUM.replace("return", "bytearray(int(output)); return")
    async with Evaluator(jail=jail, workers=1, benefit_of_doubt=True) as evaluator:
        report = await evaluator.evaluate(checked(type="python", source=source), program)
        assert (report.status, report.reward) == (Status.CHECKER_ERROR, None), report


FOLDERS = "/".join("d" * 200 for _ in range(30)) + "/d"
NAMES = {
    "a file and a folder": ["a", "a/b"],
    "a folder and a file": ["a/b/c", "a/b"],
    "long": ["A" * 300],
    "long in bytes": ["é" * 200],
    "a long path": [FOLDERS],
    "deep": ["d/" * 400 + "d"],
    "many": [f"f{number}" for number in range(5000)],
    "many folders": [f"{'/'.join(f'{number}.{depth}' for depth in range(31))}/f" for number in range(250)],
    "surrogate": ["\ud800"],
}


@pytest.mark.parametrize("language", ["python", "cpp", "javascript"])
@pytest.mark.parametrize("names", NAMES)
async def test_names_of_files_that_cannot_be_are_an_error_of_the_program(evaluator, cpp, names, language):
    source = {"python": "print(3)", "cpp": "int main(){}", "javascript": "console.log(3)"}[language]
    problem = Problem(problem_id="p", tests=(TestCase("", "3\n"),), limits=LIMITS)
    submission = Submission(code=source, language=language, files=dict.fromkeys(NAMES[names], "x"))
    report = await evaluator.evaluate(problem, submission)
    if report.status is Status.SYSTEM_ERROR and "javascript" in (report.message or ""):
        pytest.skip(str(report.message))
    assert (report.status, report.reward) == (Status.COMPILE_ERROR, 0.0), report


async def test_as_many_files_and_folders_as_may_be_are_there(evaluator):
    names = [f"{n}/{'/'.join('d' * 5)}/f" for n in range(146)]  # with six folders each
    files = dict.fromkeys([*names, *(f"f{n}" for n in range(ENTRIES - 7 * 146))], "x")
    source = "import os\nprint(sum(len(folders) + len(files) for _, folders, files in os.walk('.')))"
    problem = Problem(problem_id="p", tests=(TestCase("", f"{ENTRIES + 1}\n"),) * 3, limits=LIMITS)
    report = await evaluator.evaluate(problem, Submission(code=source, files=files))
    assert report.accepted, report.message


@pytest.mark.parametrize("size", [47, 60, 70])
async def test_an_input_that_its_folder_cannot_hold_is_judged(evaluator, size):
    """It has no name then: who opens it finds what is on a disk that is full, and who just reads it is right."""
    limits = msgspec.structs.replace(LIMITS, output=16 * MIB, memory=512 * MIB, cpu_time=5)
    test = TestCase("5\n" + "y" * (size * MIB - 2), f"5\n{'z' * 15 * MIB}\n")
    problem = Problem(problem_id="p", tests=(test,), limits=limits)
    restarts = evaluator.restarts
    for source, right in {
        "print(input(), 'z' * (15 << 20), sep='\\n')  # not /dev/stdin": True,
        "print(open('/dev/stdin').readline(), 'z' * (15 << 20), sep='')": size <= 47,
    }.items():
        report = await evaluator.evaluate(problem, source)
        assert report.status is (Status.ACCEPTED if right else Status.RUNTIME_ERROR), report.message
    assert evaluator.restarts == restarts


async def test_names_up_to_the_bounds_can_be() -> None:
    def refused(*names: str, size: int = 0) -> str | None:
        return unplaceable(dict.fromkeys(names, bytes(size)))

    assert refused("a", "b/c", "b/d", "a.b/c", "é") is None
    assert refused("x" * NAME_BYTES, "/".join("d" * DEPTH), *map(str, range(FILES - 2))) is None
    assert refused("x" * (NAME_BYTES + 1)) and refused("/".join("d" * (DEPTH + 1)))
    assert refused("/".join(["x" * NAME_BYTES] * (PATH_BYTES // NAME_BYTES + 1)))
    assert refused(*map(str, range(FILES + 1)))
    assert refused("a", size=TOTAL_BYTES) is None and refused("a", size=TOTAL_BYTES + 1)
    assert PYTHON.tmpfs > TOTAL_BYTES


IMPORTS = {
    "many in dead code": "if 0:\n" + "".join(f"    import os.a{number}\n" for number in range(40000)),
    "many that are missing": "".join(f"try: import a{n}\nexcept ImportError: pass\n" for n in range(3000)),
    "long": f"try: import {'a' * 100000}\nexcept ImportError: pass\n",
    "deep": f"try: import {'.'.join('a' * 5000)}\nexcept ImportError: pass\n",
}


@pytest.mark.parametrize("name", IMPORTS)
async def test_number_and_length_of_imports(evaluator, problem: Callable[..., Problem], name: str) -> None:
    report = await evaluator.evaluate(problem(("", "3\n"), cpu_time=20.0, wall_time=60.0), IMPORTS[name] + "print(3)\n")
    deep = name == "deep"  # more than the interpreter's own importing can take
    assert report.status is (Status.RUNTIME_ERROR if deep else Status.ACCEPTED), report


OUTPUTS = {
    "sparse output": "import sys\nprint(input())\nsys.stdout.flush()\nsys.stdout.buffer.seek(({n} << 20) - 2)\nsys.stdout.buffer.write(b'x')",
    "sparse by descriptor": "import os\nprint(input(), flush=True)\nos.pwrite(1, b'x', ({n} << 20) - 1)",
    "cut up": "import os\nprint(input(), flush=True)\nos.ftruncate(1, {n} << 20)",
    "error output": "import os\nprint(input(), flush=True)\nos.ftruncate(2, {n} << 20)",
    "much error output": "import sys\nprint(input())\nsys.stderr.write('e' * ({n} << 20))",
    "input": "import os\nprint(input(), flush=True)\nos.ftruncate(0, {n} << 20)",
}


@pytest.mark.parametrize("size", [1, 4, 64])
@pytest.mark.parametrize("name", OUTPUTS)
async def test_sizes_of_what_a_lane_leaves(arena, name: str, size: int) -> None:
    """The arena fails where there is no verdict."""
    await arena.judge_in_lane(OUTPUTS[name].replace("{n}", str(size)))


SOURCES = {
    "nul": "print(3)\0",
    "surrogate": "print('\ud800')",
    "long": "#" + "x" * (5 << 20),
    "one long line": "x = " + "+".join("1" * 100000),
    "deep": "(" * 5000 + ")" * 5000,
    "deep lists": "[" * 300000,
    "many lines": "\n" * (3 << 20) + "print(4)",
    "coding": "# coding: rot13\ncevag(4)",
    "bom": "\ufeffprint(4)",
    "form feeds": "\f" * 100000 + "print(4)",
}


@pytest.mark.parametrize("name", SOURCES)
async def test_sources_of_every_sort(arena, name: str) -> None:
    await arena.judge(SOURCES[name])


ENDS = {
    "close all": "import os\nos.closerange(0, 1 << 16)",
    "exchange": "import os\nos.dup2(0, 1)\nos.dup2(1, 2)",
    "fill descriptors": "import os\ntry:\n    while True: os.dup(0)\nexcept OSError: pass\nprint(input())",
    "fill with memory": "import os\ntry:\n    while True: os.memfd_create('x')\nexcept OSError: pass\nprint(input())",
    "exit of every sort": "import os\nos._exit(int(input()[0]) * 37 % 256)",
    "seal": "import fcntl\nfcntl.fcntl(1, 1033, 15)\nprint(input())",
    "recursion": "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(): f()\nf()",
    "own name": "import sys\nsys.modules.clear()\nprint(input())",
    "abort": "import os\nos.abort()",
    "many signals": "import os, signal\nfor n in range(1, 65):\n    try: os.kill(os.getpid(), n)\n    except OSError: pass",
    "stop": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "threads": "import threading, time\nfor _ in range(100): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
}


@pytest.mark.parametrize("name", ENDS)
async def test_ends_of_every_sort(arena, name: str) -> None:
    await arena.judge_in_lane(ENDS[name])
