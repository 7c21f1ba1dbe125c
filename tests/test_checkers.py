"""Programs that decide: Kattis validators, testlib checkers, Python checkers. All of them written for these tests."""

from __future__ import annotations

import os
from typing import Any

import psutil
import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, TestCase
from microcoder.evaluator.checkers import checker_program
from microcoder.evaluator.status import Status
from microcoder.sandbox.languages import testlib
from microcoder.sandbox.limits import MIB, Limits

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Any permutation of the numbers 1 … n is right; the first line of the expected output says which one the jury has.
VALIDATOR = r"""
#include "tools.h"
int main(int argc, char** argv) {
  std::ifstream in(argv[1]), ans(argv[2]);
  std::string feedback(argv[3]), flag = argc > 4 ? argv[4] : "";
  int n, x, jury; in >> n;
  if (!(ans >> jury)) return 1;
  std::set<int> seen;
  while (std::cin >> x) { if (x < 1 || x > n || !seen.insert(x).second) reject(feedback, "not a permutation"); }
  if (int(seen.size()) != n) reject(feedback, "too short");
  std::ofstream(feedback + "score.txt") << (flag == "half" ? 0.5 : 1.0);
  return 42;
}
"""
TOOLS = r"""
#include <bits/stdc++.h>
inline void reject(std::string feedback, std::string why) { std::ofstream(feedback + "judgemessage.txt") << why; exit(43); }
"""
PYTHON_VALIDATOR = """
import sys
from tools import numbers
n = numbers(open(sys.argv[1]))[0]
given = numbers(sys.stdin)
jury = numbers(open(sys.argv[2]))
assert sys.argv[3].endswith("/") and len(jury) == n
if sorted(given) == list(range(1, n + 1)):
    if "half" in sys.argv: open(sys.argv[3] + "score.txt", "w").write("0.5")
    sys.exit(42)
open(sys.argv[3] + "judgemessage.txt", "w").write("too short" if len(given) < n else "not a permutation")
sys.exit(43)
"""
FUNCTION = """
def check(input, output, expected):
    n, given = int(input), [int(word) for word in output.split()]
    assert len(expected.split()) == n
    return sorted(given) == list(range(1, n + 1))
"""
SCRIPT = """
import sys
def main():
    given, answer, output = (open(path).read().split() for path in sys.argv[1:4])
    assert len(answer) == int(given[0])
    print(1 if sorted(map(int, output)) == list(range(1, int(given[0]) + 1)) else 0.25)
if __name__ == "__main__":
    main()
"""
CHECKERS: dict[str, dict[str, Any]] = {
    "validator in C++": {"type": "validator", "language": "cpp", "source": VALIDATOR, "files": {"tools.h": TOOLS}},
    "validator in Python": {
        "type": "validator",
        "language": "python",
        "source": PYTHON_VALIDATOR,
        "files": {"tools.py": "def numbers(file): return [int(word) for word in file.read().split()]"},
    },
    "function": {"type": "python", "source": FUNCTION},
    "script": {"type": "python", "source": SCRIPT, "name": "open-r1"},
}
SHORT = Limits(cpu_time=0.5, idle_time=0.5, memory=128 * MIB, output=MIB, compile_time=20, threads=4)


def problem(**checker: Any) -> Problem:
    cases = (TestCase("3\n", "1 2 3\n"), TestCase("2\n", "1 2\n"))
    return Problem(problem_id="permutation", tests=cases, limits=SHORT, checker=Checker(**checker))


UP = "print(*range(1, int(input()) + 1))"
DOWN = "print(*range(int(input()), 0, -1))"
TWICE = "print(*[1] * int(input()))"


@pytest.fixture(params=CHECKERS)
def checker(request: pytest.FixtureRequest) -> dict[str, Any]:
    if CHECKERS[request.param].get("language") == "cpp":
        request.getfixturevalue("cpp")
    return CHECKERS[request.param]


async def test_several_answers_are_right_and_others_are_not(evaluator, checker):
    permutation = problem(**checker)
    for right in (UP, DOWN):
        report = await evaluator.evaluate(permutation, right)
        assert (report.status, report.tests[1].rule) == (Status.ACCEPTED, checker["type"]), report
    report = await evaluator.evaluate(permutation, TWICE)
    assert (report.status, report.reward) == (Status.WRONG_ANSWER, 0.0), report
    if checker["type"] == "validator":
        assert report.tests[0].message == "not a permutation"
    assert report.tests[0].rule is None


async def test_a_program_that_fails_is_not_checked(evaluator, checker):
    report = await evaluator.evaluate(problem(**checker), UP + "\nraise SystemExit(3)")
    assert (report.status, report.tests[0].exit_code) == (Status.RUNTIME_ERROR, 3)


@pytest.mark.parametrize("name", ["validator in C++", "validator in Python"])
async def test_flags_and_score_of_a_validator(evaluator, cpp, name):
    report = await evaluator.evaluate(problem(**CHECKERS[name], flags="half"), DOWN)
    assert (report.status, report.tests[0].score) == (Status.ACCEPTED, 0.5), report


async def test_a_checker_decides_even_where_the_output_is_the_expected_one(evaluator):
    never = "def check(input, output, expected): return output != expected"
    assert (await evaluator.evaluate(problem(type="python", source=never), UP)).status is Status.WRONG_ANSWER
    assert (await evaluator.evaluate(problem(type="python", source=never), DOWN)).status is Status.ACCEPTED


@pytest.mark.parametrize(
    ("source", "accepted", "score"),
    [
        ("def check(input, output, expected): return 0.5", False, 0.5),
        ("def check(input, output, expected): return 1", True, 1.0),
        ("import numpy\ndef check(input, output, expected): return numpy.bool_(output == expected)", True, 1.0),
        ("import numpy\ndef check(input, output, expected): return numpy.bool_(output != expected)", False, 0.0),
        ("print('thinking'); print(1.0)", True, 1.0),
        ("print(0)", False, 0.0),
    ],
)
async def test_scores(evaluator, source, accepted, score):
    report = await evaluator.evaluate(problem(type="python", source=source), UP)
    assert (report.accepted, report.tests[0].score) == (accepted, score)


BROKEN = {
    "exception": ("python", "def check(input, output, expected): return 1 / 0", "ZeroDivisionError"),
    "no score": ("python", "print('fine')", "no score"),
    "a score beyond the scale": ("python", "print(100)", "from 0 to 1"),
    "not a number": ("python", "print(float('nan'))", "from 0 to 1"),
    "a strange value": ("python", "def check(input, output, expected): return 'yes'", "str"),
    "syntax": ("python", "def check(input, output, expected) return 1", "SyntaxError"),
    "loop": ("python", "def check(input, output, expected):\n  while True: pass", "cpu_time"),
    "sleep": ("python", "import time\ntime.sleep(99)", "idle_time"),
    "memory": ("python", "x = bytearray(10**10)\nprint(1)", "memory"),
    "output": ("python", "while True: print('x' * 9999)", "output"),
    "fork": ("python", "import os\nos.fork()\nprint(1)", "Operation not permitted"),
    "network": ("python", "import socket\nsocket.socket()\nprint(1)", "Operation not permitted"),
    "suicide": ("python", "import os\nos.kill(os.getpid(), 9)", "signal 9"),
    "exit code 0": ("validator", "int main(){}", "42 or 43"),
    "exit code 1": ("validator", "int main(){ return 1; }", "42 or 43"),
    "abort": ("validator", "#include <cstdlib>\nint main(){ abort(); }", "signal 6"),
    "out of bounds": ("validator", "int main(int c, char** v){ return *(volatile int*)(c * 8L); }", "signal 11"),
    "loop in C++": ("validator", "int main(){ for (volatile int i = 0;; i++); }", "cpu_time"),
    "fork in C++": ("validator", "#include <unistd.h>\nint main(){ return fork() < 0 ? 7 : 42; }", "exit code 7"),
    "score": (
        "validator",
        '#include <bits/stdc++.h>\nint main(){ std::ofstream("feedback/score.txt") << "x"; return 42; }',
        "no number",
    ),
    "no program": ("validator", "int main(", "does not compile"),
    "host": ("validator", '#include "/etc/passwd"\nint main(){ return 42; }', "does not compile"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_checker_that_fails_is_never_a_wrong_answer(evaluator, cpp, name):
    kind, source, says = BROKEN[name]
    broken = problem(type=kind, source=source, limits=SHORT)
    for program in (UP, TWICE):
        report = await evaluator.evaluate(broken, program)
        assert (report.status, report.reward) == (Status.CHECKER_ERROR, None), report
        assert says in report.tests[0].message
    assert (await evaluator.evaluate(problem(type="python", source=FUNCTION), UP)).accepted


async def test_checkers_have_workers_of_their_own(jail):
    """Expected outputs are in the jail of a checker; no program that is judged is ever in it."""
    look = (
        "import os\n"
        "def check(input, output, expected): return sorted(os.listdir('.')) == "
        "['answer.txt', 'checker.py', 'input.txt', 'main.py', 'output.txt']"
    )
    async with Evaluator(jail=jail, workers=1, cache=0) as evaluator:
        plain = Problem(problem_id="plain", tests=(TestCase("", "['main.py']"),), limits=SHORT)
        files = "import os; print(os.listdir('/tmp') + os.listdir('/work'))"
        assert (await evaluator.evaluate(plain, files)).accepted
        assert not evaluator.checkers.pids()
        assert (await evaluator.evaluate(problem(type="python", source=look), UP)).accepted
        apart = set(evaluator.checkers.pids())
        assert apart
        assert not apart & set(evaluator.pool.pids())
        assert (await evaluator.evaluate(plain, files)).accepted
    assert not any(psutil.pid_exists(pid) for pid in apart)


async def test_a_checkers_worker_that_breaks_is_replaced(evaluator):
    permutation = problem(type="python", source=FUNCTION)
    assert (await evaluator.evaluate(permutation, UP)).accepted
    for pid in evaluator.checkers.pids():
        os.kill(pid, 9)
    report = await evaluator.evaluate(permutation, DOWN)
    assert report.accepted, report


BAD = [
    ({"type": "python"}, "checker.source: required"),
    ({"type": "validator", "source": "x", "language": "cobol"}, "checker.language: a validator is written in"),
    ({"type": "testlib", "source": "x", "language": "python"}, "checker.language: a testlib checker"),
    ({"type": "testlib", "source": "x", "flags": "-a"}, "checker.flags: a testlib checker takes none"),
    ({"type": "validator", "source": "x", "flags": "'"}, "checker.flags: No closing quotation"),
    ({"type": "validator", "source": "x", "files": {"../x": ""}}, "checker.files: not a plain relative name"),
    ({"type": "python", "source": "x", "float_tol": 0.1}, "checker.float_tol: means nothing"),
    ({"type": "python", "source": "x" * (5 << 20)}, "checker.source: 5242880 characters, more than"),
    ({"type": "python", "source": "x", "files": {f"f{n}": "" for n in range(300)}}, "checker.files: 300 files"),
]


@pytest.mark.parametrize(("checker", "says"), BAD)
async def test_a_checker_that_makes_no_sense_is_refused_by_field(checker, says):
    with pytest.raises(ValueError, match=f"^{says}"):
        checker_program(problem(**checker))


async def test_a_checker_reads_what_programs_print():
    call = Problem(
        problem_id="f",
        mode="call",
        entry_point="f",
        tests=(TestCase("[1]", "1"),),
        checker=Checker(type="python", source="x"),
    )
    with pytest.raises(ValueError, match=r"checker.type: python reads what programs print, but mode is call"):
        checker_program(call)


# -------------------------------------------------------------------------------------------------------------- testlib

HEADER = r"""
// Stands in for testlib.h, which is not ours to ship: the same call, the same exit codes and words.
#include <bits/stdc++.h>
#ifndef PC_BASE_EXIT_CODE
#error the judge sets it
#endif
"""
ENDS = {
    "ok": (0, Status.ACCEPTED, None),
    "wrong answer": (1, Status.WRONG_ANSWER, None),
    "wrong output format": (2, Status.WRONG_ANSWER, None),
    "FAIL": (3, Status.CHECKER_ERROR, None),
    "dirt": (4, Status.WRONG_ANSWER, None),
    "points 0.25 quarter": (7, Status.WRONG_ANSWER, 0.25),
    "points 1 all": (7, Status.ACCEPTED, 1.0),
    "points 37 of many": (7, Status.WRONG_ANSWER, None),  # as a crash
    "unexpected eof": (8, Status.WRONG_ANSWER, None),
    "partially correct (60)": (110, Status.WRONG_ANSWER, None),
    "unheard of": (9, Status.WRONG_ANSWER, None),  # a crash, where the expected output causes none
}


async def test_exit_codes_of_testlib(evaluator, cpp):
    """The program says how the checker shall end; the order of its arguments is checked by the checker."""
    source = r"""
#include "testlib.h"
int main(int argc, char** argv) {
  std::ifstream in(argv[1]), out(argv[2]), ans(argv[3]);
  std::string given, answer; int code;
  in >> given; ans >> answer; out >> code;
  if (argc != 4 || given != "given" || answer != "answer") return 77;
  std::string words; std::getline(out >> std::ws, words);
  std::cerr << words << std::endl;
  return code;
}
"""
    ends = Problem(
        problem_id="ends",
        tests=(TestCase("given", "answer"),),
        limits=SHORT,
        checker=Checker(type="testlib", source=source, files={"testlib.h": HEADER}),
    )
    for said, (code, status, score) in ENDS.items():
        report = await evaluator.evaluate(ends, f"print({code}, {said!r})")
        assert (report.status, report.tests[0].score) == (status, score), (said, report)
        assert said in report.tests[0].message
        assert report.tests[0].rule == ("testlib" if report.accepted else None)


REAL = r"""
#include "testlib.h"
int main(int argc, char** argv) {
  registerTestlibCmd(argc, argv);
  int n = inf.readInt();
  std::set<int> seen;
  for (int i = 0; i < n; i++) seen.insert(ouf.readInt(1, n, "number"));
  if (int(seen.size()) != n) quitf(_wa, "%d different numbers of %d", int(seen.size()), n);
  if (n == 1) quitp(0.5, "half");
  if (n == 4) quitf(_pc(30), "part");
  if (n == 5) quitf(_fail, "the test is broken");
  quitf(_ok, "%d numbers", n);
}
"""


@pytest.mark.skipif(testlib.missing() is not None, reason=str(testlib.missing()))
async def test_testlib_itself(evaluator, cpp):
    def numbers(n: int) -> Problem:
        case = TestCase(f"{n}\n", " ".join(map(str, range(1, n + 1))))
        return Problem(problem_id="p", tests=(case,), limits=SHORT, checker=Checker(type="testlib", source=REAL))

    cases = [
        (3, DOWN, Status.ACCEPTED, "ok 3 numbers", None),
        (3, TWICE, Status.WRONG_ANSWER, "wrong answer 1 different numbers of 3", None),
        (3, "print(1)", Status.WRONG_ANSWER, "unexpected eof", None),
        (3, "print(1, 'x', 2)", Status.WRONG_ANSWER, "wrong output format", None),
        (3, UP + "\nprint(7)", Status.WRONG_ANSWER, "wrong output format Extra information", None),
        (1, UP, Status.WRONG_ANSWER, "points 0.5", 0.5),  # "0.50 half" from newer ones
        (4, UP, Status.WRONG_ANSWER, "partially correct (30) part", None),
        (5, UP, Status.CHECKER_ERROR, "the test is broken", None),
    ]
    for n, program, status, says, score in cases:
        report = await evaluator.evaluate(numbers(n), program)
        assert (report.status, report.tests[0].score) == (status, score), (n, program, report)
        assert says in report.tests[0].message


async def test_testlib_that_is_missing_is_asked_for(evaluator, cpp, monkeypatch, tmp_path):
    monkeypatch.setenv("MICROCODER_TESTLIB", str(tmp_path / "testlib.h"))
    report = await evaluator.evaluate(problem(type="testlib", source=REAL), UP)
    assert report.status is Status.CHECKER_ERROR
    assert "MICROCODER_TESTLIB names no testlib.h" in report.tests[0].message
    monkeypatch.delenv("MICROCODER_TESTLIB")
    monkeypatch.setattr(testlib, "_PLACES", ())
    assert "github.com/MikeMirzayanov/testlib" in str(testlib.missing())
