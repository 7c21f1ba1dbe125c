"""What every test process does, done in the zygote beforehand.

The interpreter learns while it runs: which method a name means for a type, how an instruction is best executed. What it
has learnt before a fork lies in pages that are shared; what a test process learns is a page copied, 2 µs each. So the
zygote runs a small program that uses what most programs use, again and again, and forgets its results.
"""

from __future__ import annotations

import gc
import marshal
import os
import resource
import sys
from typing import TYPE_CHECKING

from .compiler import SOURCE
from .kernel import PR_GET_KEEPCAPS, PR_SET_SECCOMP
from .testing import FIRST_FILE, Task, serving_calls

if TYPE_CHECKING:
    from .testing import TestProcess

ROUNDS = 24
"""The interpreter rewrites an instruction that was executed about sixteen times."""
_APART = FIRST_FILE + 8
"""Descriptors from here on are not those of a test."""
INPUT = b"3 4\n1 2 3\nabc\n5 6\n7\n"
CALLS = (b'["solve", [[3, 1, 2]], {}]', b'["solve", ["cab"], {"reverse": true}]', b'["solve", [{"tuple": [2.5]}], {}]')
"""As `calls` has them, of tests of assertions that were read: most of these tests are."""
PROGRAM = """
import sys
from collections import defaultdict, deque


def solve(a, b):
    values = [int(word) for word in sys.stdin.readline().split()]
    values.sort()
    counts = defaultdict(int)
    for value in values:
        counts[value] += 1
    queue = deque(values)
    queue.append(a)
    text = sys.stdin.readline().strip()
    rest = list(map(int, sys.stdin.read().split()))
    print(max(values[0], b), min(rest), sum(values), len(queue))
    print(*values)
    print(" ".join(map(str, rest)), text[::-1], sorted(set(rest)), f"{a}:{a / b:.3f}", sep="\\n", end="\\n")
    sys.stdout.write("\\n".join(str(value) for value in values) + "\\n")


if __name__ == "__main__":
    a, b = map(int, input().split())
    solve(a, b)
"""


def rehearse(test_process: TestProcess) -> None:
    """Leaves the process as it was, but for what the interpreter knows, and files from FIRST_FILE on."""
    names = "stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"
    streams = {name: getattr(sys, name) for name in names}
    program = marshal.dumps(compile(PROGRAM, SOURCE, "exec"))
    stdin, stdout, code = range(_APART, _APART + 3)
    for file in (stdin, stdout, code):
        os.dup2(os.memfd_create("rehearsal"), file)
    kept = {file: _APART + 3 + file for file in range(FIRST_FILE)}
    for file, copy in kept.items():
        os.dup2(file, copy)
    os.write(stdin, INPUT)
    os.write(code, program)
    test_process.code, its_code = code, test_process.code
    its_filter = test_process.surroundings.program_filter
    its_filter.option = PR_GET_KEEPCAPS
    no_cores = ((resource.RLIMIT_CORE, 0),)  # as it is already
    task = Task(1, False, 0, "stdio", None, "", None, len(program), 0, False, False, True, (), (), None, no_cores)
    message = memoryview(marshal.dumps(tuple(task)))
    serve = serving_calls()
    gc.freeze()
    for _ in range(ROUNDS):
        serve({"solve": sorted}, CALLS, lambda _: None)
        os.lseek(stdin, 0, os.SEEK_SET)
        for place, file in enumerate((kept[2], stdin, stdout), FIRST_FILE):
            os.dup2(file, place)
        test_process.begin(message)
        test_process.open_streams()
        test_process.make_module()
        test_process.run_test()
        test_process.code_of()
        gc.disable()
    test_process.forget()
    test_process.code = its_code
    its_filter.option = PR_SET_SECCOMP
    for file, copy in kept.items():
        os.dup2(copy, file)
    for name, stream in streams.items():
        setattr(sys, name, stream)
    test_process.ending.take_streams()
    test_process.make_module()
    os.closerange(FIRST_FILE, max(kept.values()) + 1)
