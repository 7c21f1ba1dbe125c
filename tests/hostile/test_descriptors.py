"""What a program does to a descriptor that it was given costs only itself: the open files are the runner's, too."""

from __future__ import annotations

import pytest

from microcoder.evaluator import Submission
from microcoder.sandbox.execution import Execution, Outcome
from microcoder.sandbox.limits import MIB, Limits
from microcoder.sandbox.protocol import collected

pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHT = "print(input())"
CALLS = """
import sys
loaded = getattr(sys, "mod" + "ules")  # by another name, so that the program is still thought fit for a lane
c = loaded["ctypes"]
libc, far, word = c.CDLL(None), c.c_long(1 << 62), c.c_long
"""

HARMLESS = {
    **{
        f"flag {flag:o}": f"libc.fcntl(fd, 4, {flag})"  # F_SETFL
        for flag in (0o2000, 0o4000, 0o20000, 0o40000, 0o1000000, 0o1066000)
    },
    **{f"command {number}": f"libc.fcntl(fd, {number}, 9)" for number in (8, 10, 1024, 1026, 1031, 1033)},
    "signals": "libc.fcntl(fd, 8, 1); libc.fcntl(fd, 10, 9); libc.fcntl(fd, 4, 0o20000)",
    "asynchronous": "libc.ioctl(fd, 0x8901, b'\\1\\0\\0\\0'); libc.ioctl(fd, 0x5452, b'\\1\\0\\0\\0')",
    "not blocking": "libc.ioctl(fd, 0x5421, b'\\1\\0\\0\\0')",
    "locks": "libc.fcntl(fd, 6, b'\\1' + bytes(31)); libc.fcntl(fd, 37, b'\\1' + bytes(31)); libc.flock(fd, 6)",
    "modes": "libc.fchmod(fd, 0)",
    "room": "libc.fallocate(fd, 1, word(0), word(1 << 19))",  # FALLOC_FL_KEEP_SIZE
    "advice": "libc.posix_fadvise(fd, word(0), word(0), 4)",
}
"""Every byte of the streams stays as it was: the program is right. Wherever the call is for nothing it fails."""
HARMFUL = {
    "far away": "libc.lseek(fd, far, 0)",
    "at the end": "libc.lseek(fd, word(0), 2)",
    "empty": "libc.ftruncate(fd, word(0))",
    "longer": "libc.ftruncate(fd, word(1 << 19))",
    "holes": "libc.fallocate(fd, 3, word(0), word(1 << 19))",
    "other descriptors": "libc.dup2((fd + 1) % 10, fd)",
    "closed": "libc.close(fd)",
    "what is told": "libc.write(fd, b'\\1\\0\\0' * 99, 100 + fd)",
}
WAYS = HARMLESS | HARMFUL
THREAD = """
def spoil():
    while True:
        for fd in range(10):
            libc.fcntl(fd, 4, 0o2000)
            libc.lseek(fd, far, 0)
            libc.fcntl(fd, 4, 0o40000)
            libc.ftruncate(fd, word(1 << 19))
"""


def spoiling(way: str) -> str:
    return f"{CALLS}print(input(), flush=True)\nfor fd in range(10): {WAYS[way]}\n"


@pytest.fixture(params=["a lane", "a process each"])
def echo(request, arena):
    """Inputs that fit one write, and inputs that do not."""
    inputs = [f"word {n}\n{'y' * (n % 3) * 20_000}" for n in range(6)]
    return arena.problem(*((text, text.split("\n")[0]) for text in inputs[: 6 if request.param == "a lane" else 1]))


async def worker_of(arena, problem) -> list[int]:
    """That it is ready for the problem, and which one it is."""
    assert (await arena.evaluator.evaluate(problem, RIGHT)).accepted
    return arena.evaluator.pool.pids()


@pytest.mark.parametrize("way", WAYS)
async def test_it_costs_only_the_program(arena, echo, way):
    worker = await worker_of(arena, echo)
    report = await arena.judge(spoiling(way), echo)
    assert report.accepted or way in HARMFUL, report.message
    assert await worker_of(arena, echo) == worker


async def test_a_thread_that_goes_on_costs_only_the_program(arena, echo):
    worker = await worker_of(arena, echo)
    await arena.judge(
        f"{CALLS}{THREAD}loaded['_thread'].start_new_thread(spoil, ())\nprint(input(), flush=True)\n", echo
    )
    assert await worker_of(arena, echo) == worker


@pytest.mark.parametrize("way", WAYS)
async def test_the_value_of_a_function_is_only_its_own(arena, way):
    problem = arena.call("f", *(([n, "y" * (n % 2) * 40_000], n) for n in range(6)))
    right = "def f(n, text): return n"
    assert (await arena.evaluator.evaluate(problem, right)).accepted
    worker = arena.evaluator.pool.pids()
    await arena.judge(f"{CALLS}def f(n, text):\n    for fd in range(10): {WAYS[way]}\n    return n\n", problem)
    assert (await arena.evaluator.evaluate(problem, f"{right}  # {way}")).accepted
    assert arena.evaluator.pool.pids() == worker


@pytest.mark.parametrize("way", WAYS)
async def test_files_come_back_all_the_same(arena, way):
    await arena.innocent()
    worker = arena.evaluator.pool.pids()
    source = f"{CALLS}open('a', 'w').write('kept')\nfor fd in range(10): {WAYS[way]}\n"
    ran = await arena.evaluator.execute(source, limits=Limits(output=MIB), collect=["a", "b"])
    assert isinstance(ran, Execution)
    assert collected(ran.result, ["a", "b"]) == {"a": b"kept"}, ran
    assert ran.outcome is Outcome.FINISHED or way in HARMFUL, ran
    await arena.innocent()
    assert arena.evaluator.pool.pids() == worker


async def test_an_executable_costs_only_itself(arena, cpp):
    ways = "\n".join(
        f"case {n}: {way.replace('far', '(1L << 62)').replace('word', 'long')}; break;"
        for n, way in enumerate(WAYS.values())
    )
    ways = (
        ways.replace("libc.", "::")
        .replace("0o", "0")
        .replace("b'\\1\\0\\0\\0'", "one")
        .replace("b'\\1' + bytes(31)", "lock")
    )
    ways = ways.replace("b'\\1\\0\\0' * 99", "noise")
    source = f"""
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdio>
int one[] = {{1}}; long lock[4] = {{1}}; char noise[999];
int main() {{
    int way; scanf("%d", &way); printf("%d\\n", way); fflush(stdout);
    for (int fd = 0; fd < 10; fd++) switch (way) {{ {ways} }}
}}
"""
    code = Submission(code=source, language="cpp")
    for n, way in enumerate(WAYS):
        problem = arena.problem((f"{n}\n", f"{n}\n"), compile_time=60)
        report = await arena.judge(code, problem)
        assert report.accepted or way in HARMFUL, (way, report.message)
