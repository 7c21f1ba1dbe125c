"""A judged program finds what a real process finds. Each idiom is one that graders in use get wrong or that we could."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from microcoder.evaluator import Evaluator, Problem, Submission, TestCase
from microcoder.sandbox.limits import MIB, Limits

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINES = "3\n1 2 3\nlast"

IDIOMS = {
    "input": "n = int(input())\nprint(n, *input().split(), input())",
    "stdin read": "import sys\nprint(*sys.stdin.read().split())",
    "stdin readline, imported": "from sys import stdin\nfor _ in range(3): print(stdin.readline().strip(), end=' ')",
    "stdin readlines": "import sys\nlines = sys.stdin.readlines()\nassert len(lines) == 3\nprint(*''.join(lines).split())",
    "for line in stdin": "import sys\nprint(*(w for line in sys.stdin for w in line.split()))",
    "stdin buffer": "import sys\nprint(*sys.stdin.buffer.read().decode().split())",
    "buffer readline twice": "import sys\nr = sys.stdin.buffer.readline\nprint(int(r()), *map(int, r().split()), r().decode())",
    "shared cursor": "import sys\nn = input()\nprint(n, *sys.stdin.read().split())",
    "open 0": "print(*open(0).read().split())",
    "open /dev/stdin": "print(*open('/dev/stdin').read().split())",
    "open /proc/self/fd/0": "print(*open('/proc/self/fd/0').read().split())",
    "stdin is a regular file": "import os, io\nprint(*io.BytesIO(os.read(0, os.fstat(0).st_size)).read().decode().split())",
    "stdout buffer": "import sys\nsys.stdout.buffer.write(' '.join(sys.stdin.read().split()).encode())",
    "os.write": "import os, sys\nos.write(1, ' '.join(sys.stdin.read().split()).encode())",
    "print to __stdout__": "import sys\nprint(*sys.stdin.read().split(), file=sys.__stdout__)",
    "stdout imported": "from sys import stdin, stdout\nstdout.write(' '.join(stdin.read().split()))",
    "stdout replaced": "import sys, io\nreal = sys.stdout\nsys.stdout = io.StringIO()\nprint(*sys.stdin.read().split())\n"
    "real.write(sys.stdout.getvalue())",
    "open 1 and never close it": "import sys\nout = open(1, 'w')\nout.write(' '.join(sys.stdin.read().split()))",
    "atexit": "import atexit, sys\natexit.register(lambda: print(*sys.stdin.read().split()))",
    "destructor of a global": "import sys\nclass A:\n    def __del__(self): print(*sys.stdin.read().split())\na = A()",
    "generator of a global": "import sys\ndef f():\n    try: yield\n    finally: print(*sys.stdin.read().split())\n"
    "a = f()\nnext(a)",
    "stream that flushes when it is closed": "import io, os, sys\nclass Out(io.IOBase):\n"
    "    def __init__(self): self.words = sys.stdin.read().split()\n"
    "    def flush(self):\n        os.write(1, ' '.join(self.words).encode())\n        self.words = []\nout = Out()",
    "thread without join": "import threading, sys\n"
    "threading.Thread(target=lambda: print(*sys.stdin.read().split())).start()",
    "deep thread": "import threading, sys\nsys.setrecursionlimit(10**6)\nthreading.stack_size(1 << 27)\n"
    "def f(n): return n and f(n - 1)\ndef main():\n    f(50000)\n    print(*sys.stdin.read().split())\n"
    "t = threading.Thread(target=main)\nt.start()\nt.join()",
    "main guard": "import sys\nif '__main__' == __name__: print(*sys.stdin.read().split())",
    "global in a function": "import sys\nwords = []\ndef f():\n    global words\n    words = sys.stdin.read().split()\nf()\nprint(*words)",
    "globals()": "import sys\nw = sys.stdin.read().split()\nprint(*globals()['w'])",
    "future annotations": "from __future__ import annotations\nimport sys\ndef f(x: No) -> Such: return x\nprint(*f(sys.stdin.read().split()))",
    "dataclass": "import sys\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int'\nprint(*[A(w).x for w in sys.stdin.read().split()])",
    "pickle of an own class": "import pickle, sys\nclass A: pass\na = A(); a.w = sys.stdin.read().split()\nprint(*pickle.loads(pickle.dumps(a)).w)",
    "star import": "from math import *\nfrom sys import *\nassert floor(1.5) == 1\nprint(*stdin.read().split())",
    "exit": "import sys\nprint(*sys.stdin.read().split())\nexit()",
    "quit": "import sys\nprint(*sys.stdin.read().split())\nquit(0)",
    "flush and os._exit": "import sys, os\nprint(*sys.stdin.read().split(), flush=True)\nos._exit(0)",
    "import subprocess unused": "import subprocess, sys\nprint(*sys.stdin.read().split())",
    "import resource": "import resource, sys\nresource.setrlimit(resource.RLIMIT_STACK, resource.getrlimit(resource.RLIMIT_STACK))\n"
    "print(*sys.stdin.read().split())",
    "asyncio": "import asyncio, sys\nasync def main():\n    await asyncio.sleep(0)\n    print(*sys.stdin.read().split())\nasyncio.run(main())",
    "exec": "exec('import sys\\nprint(*sys.stdin.read().split())')",
    "huge integers": "import sys\nsys.set_int_max_str_digits(0)\nassert len(str(10**5000)) == 5001\nprint(*sys.stdin.read().split())",
    "byte order mark": "\ufeffimport sys\nprint(*sys.stdin.read().split())",
    "coding comment": "# -*- coding: latin-1 -*-\nimport sys\nassert len('é') == 1\nprint(*sys.stdin.read().split())",
    "closed streams": "import sys\nw = sys.stdin.read().split()\nsys.stdin.close()\nsys.stderr.close()\nprint(*w)",
    "signal": "import signal, sys\nsignal.signal(signal.SIGALRM, lambda *a: print(*sys.stdin.read().split()))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.05)\nsignal.pause()",
    "numpy": "import numpy as np, sys\nassert np.array([1, 2]).sum() == 3\nprint(*sys.stdin.read().split())",
    "sortedcontainers": "from sortedcontainers import SortedList\nimport sys\nassert SortedList([2, 1])[0] == 1\nprint(*sys.stdin.read().split())",
    "temporary file": "import tempfile, sys\nwith tempfile.TemporaryFile('w+') as f:\n    f.write(sys.stdin.read()); f.seek(0)\n"
    "    print(*f.read().split())",
    "recursion to the limit": "import sys\ndef f(n): return n and 1 + f(n - 1)\nassert f(998) == 998\nprint(*sys.stdin.read().split())",
    "recursion to a limit of its own": "import sys\nsys.setrecursionlimit(2**31 - 1)\nsys.setrecursionlimit(200)\n"
    "assert sys.getrecursionlimit() == 200\ndef f(n): return n and 1 + f(n - 1)\nassert f(198) == 198\n"
    "print(*sys.stdin.read().split())",
    "deep recursion in C": "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10**6)\n@lru_cache(None)\n"
    "def f(n): return n and 1 + f(n - 1)\n"
    "n = 20000 if sys.version_info < (3, 12) else 200  # later interpreters have a limit of their own\n"
    "assert f(n) == n\nprint(*sys.stdin.read().split())",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=[True, False], ids=["lanes", "forks"])
async def evaluator(request: pytest.FixtureRequest) -> AsyncIterator[Evaluator]:
    async with Evaluator(workers=1, lanes=request.param) as running:
        yield running


@pytest.mark.parametrize("idiom", IDIOMS)
async def test_idiom(evaluator: Evaluator, idiom: str) -> None:
    tests = tuple(TestCase(f"{n}\n1 2 3\nlast", f"{n} 1 2 3 last") for n in range(3))
    problem = Problem(problem_id="words", tests=tests, limits=Limits(cpu_time=5))
    report = await evaluator.evaluate(problem, IDIOMS[idiom])
    assert report.accepted, [(result.status, result.message, result.stderr, result.stdout) for result in report.tests]


async def test_carriage_returns_reach_the_program(evaluator: Evaluator) -> None:
    problem = Problem(problem_id="cr", tests=(TestCase("a\r\nb\r", "['a\\r\\n', 'b\\r']"),))
    assert (await evaluator.evaluate(problem, "import sys\nprint(sys.stdin.readlines())")).accepted


async def test_invalid_text_goes_in_and_out_unchanged(evaluator: Evaluator) -> None:
    problem = Problem(
        problem_id="bytes", tests=(TestCase("", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1")),)
    )
    report = await evaluator.evaluate(problem, "import sys\nsys.stdout.write('\\udcff')")
    assert report.tests[0].exit_code == 0


async def test_a_large_output_is_whole(evaluator: Evaluator) -> None:
    problem = Problem(problem_id="large", tests=(TestCase("", "x" * 5_000_000),), limits=Limits(output=8 * MIB))
    assert (await evaluator.evaluate(problem, "print('x' * 5_000_000)")).accepted


async def test_large_outputs_of_several_tests_are_whole(evaluator: Evaluator) -> None:
    tests = tuple(TestCase(str(n), str(n) * 5_000_000) for n in range(4))
    problem = Problem(problem_id="larger", tests=tests, limits=Limits(output=8 * MIB))
    assert (await evaluator.evaluate(problem, "print(input() * 5_000_000)")).accepted


async def test_the_traceback_is_that_of_the_program(evaluator: Evaluator) -> None:
    problem = Problem(problem_id="error", tests=(TestCase("", ""),))
    report = await evaluator.evaluate(problem, "def f():\n    raise KeyError('k')\nf()")
    stderr = report.tests[0].stderr or ""
    assert stderr.startswith('Traceback (most recent call last):\n  File "/work/main.py", line 3, in <module>\n'), (
        stderr
    )
    assert stderr.endswith("KeyError: 'k'\n")
    assert "/inside/" not in stderr


SIGNALS = """
import signal
numbers = signal.valid_signals() - {signal.SIGINT, signal.SIGPIPE, signal.SIGKILL, signal.SIGSTOP}
print([n for n in numbers if signal.getsignal(n) != signal.SIG_DFL], signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN)
"""
SIGNALS_OF_C = """
#include <signal.h>
#include <stdio.h>
int main() {
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, 0, &blocked);
  for (int n = 1; n < 65; n++)
    if ((n < 32 || n > 33) && (signal(n, SIG_DFL) == SIG_IGN || sigismember(&blocked, n))) printf("%d ", n);
}
"""


@pytest.fixture
def deaf() -> Iterator[None]:
    """Signals that nohup, a shell's background or a service manager may have had ignored or blocked."""
    numbers = signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGRTMIN
    handlers = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGHUP})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("language", ["python", "c"])
async def test_signals_are_as_a_shell_would_leave_them(request, jail: str, deaf: None, language: str) -> None:
    """However the evaluator itself was started."""
    if language == "c":
        request.getfixturevalue("cpp")
    source, expected = (SIGNALS, "[] set()\nTrue True\n") if language == "python" else (SIGNALS_OF_C, "")
    problem = Problem(problem_id="signals", tests=(TestCase("", expected),))
    async with Evaluator(jail=jail, workers=1) as own:
        report = await own.evaluate(problem, Submission(code=source, language=language))
    assert report.accepted, report.tests
