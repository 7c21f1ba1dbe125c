"""The runner's side of tests that have a process of their own beside the program's, or share the program's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from microcoder.sandbox.errors import JailUnavailable
from microcoder.sandbox.execution import Execution
from microcoder.sandbox.interpreter import PACKAGES, probe
from microcoder.sandbox.jails import candidates
from microcoder.sandbox.limits import Limits
from microcoder.sandbox.pool import Pool
from microcoder.sandbox.worker import Inputs, Work

from .conftest import SMALL
from .linking import Linking, request

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["nsjail", "bubblewrap", "none"])
async def linking(request: pytest.FixtureRequest) -> AsyncIterator[Linking]:
    try:
        jails = candidates(request.param, unsafe_no_jail=True)
    except JailUnavailable as error:
        pytest.skip(str(error))
    async with await Pool.open(jails, probe(None, PACKAGES), 1) as pool:
        yield Linking(pool)


DOES = """
import atexit, os, stat, sys, time
atexit.register(print, "closed", flush=True)
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
link = next(fd for fd in range(1000, 1024) if is_socket(fd))
def compute(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
def f(x):
    STEPS
    return x
"""
TEST = f"from solution import f\n{DOES.replace('def f(x)', 'def own(x)')}\nassert f('a') == 'a'\nown(1)\nassert f('b') == 'b'"


def program(steps: str = "pass") -> str:
    """Takes these steps each time its function is called."""
    return DOES.replace("STEPS", steps)


def asks(steps: str = "pass") -> str:
    """A test that takes these steps between two questions."""
    return TEST.replace("STEPS", steps)


def ends(*sides: Execution) -> list[str]:
    return [side.limit or str(side.outcome) for side in sides]


def told(test: Execution) -> str:
    return json.loads(test.result)["end"]


async def test_two_processes_talk(linking: Linking) -> None:
    one, other = await linking.linked(program(), asks())
    assert (one.test, one.outcome, one.stdout, one.result) == (0, "finished", b"closed\n", b"")
    assert (other.test, other.outcome, told(other)) == (1, "finished", "passed"), other
    assert 0 < one.cpu_time < 0.5 > other.cpu_time > 0
    assert one.fresh and other.fresh


async def test_streams_are_apart(linking: Linking) -> None:
    say = "os.write({0}, (sys.stdin.read() + '{1}').encode())"
    one, other = await linking.linked(program(say.format(2, "program ")), asks(say.format(2, "test ")))
    assert (one.stderr, other.stderr) == (b"program program ", b"test "), other


@pytest.mark.parametrize(
    ("steps", "outcome"),
    {
        "os._exit(0)": "finished",
        "os._exit(3)": "crashed",
        "sys.exit(4)": "crashed",
        "os.kill(os.getpid(), 9)": "crashed",
        "os.close(link)": "finished",
        "os.closerange(3, 2000)\n    compute(0.1)": "finished",
    }.items(),
)
async def test_who_is_left_sees_the_end_of_the_other(linking: Linking, steps: str, outcome: str) -> None:
    one, other = await linking.linked(program(steps), asks())
    assert (ends(other), told(other)) == (["finished"], "raised" if "sys.exit" in steps else "ended"), other
    if "sys.exit" not in steps:  # which the test is told of
        assert ends(one) == [outcome]
    one, other = await linking.linked(program() + steps.replace("\n    ", "\n"), asks())
    assert ends(one, other) == [outcome, "finished"] and told(other) == "ended", other
    if "os.close" not in steps:
        one, other = await linking.linked(program(), asks(steps))
        assert ends(one) == ["finished"], one
    await linking.innocent()


LIMITS = [
    ("compute(9)", "pass", ["cpu_time", "finished"]),
    ("pass", "compute(9)", ["finished", "cpu_time"]),
    ("time.sleep(9)", "pass", ["idle_time"]),  # the test may see that first
    ("pass", "time.sleep(9)", ["idle_time", "idle_time"]),
    ("os._exit(0)", "time.sleep(9)", ["finished", "finished"]),
    ("bytearray(1 << 29)[::4096] = bytes(1 << 17)", "pass", ["memory", "finished"]),
    ("pass", "y = bytearray(1 << 29)[::4096] = bytes(1 << 17)", ["finished", "memory"]),
    ("os.write(1, bytes((1 << 20) + 1))", "pass", ["output", "finished"]),
    ("pass", "os.write(1, bytes((1 << 20) + 1))", ["finished", "output"]),
]


@pytest.mark.parametrize(("steps", "asked", "expected"), LIMITS)
async def test_each_has_limits(linking: Linking, steps: str, asked: str, expected: list[str]) -> None:
    more = {"cpu_time": 9.0} if "memory" in expected else {}  # to touch so much may take a second
    assert ends(*await linking.linked(program(steps), asks(asked), **more))[: len(expected)] == expected
    await linking.innocent()


async def test_files_are_counted_for_both(linking: Linking) -> None:
    if linking.bare:
        pytest.skip("the files of this jail are the host's")
    many = "[open(f'/tmp/{n}', 'w').close() for n in range(20000)]\n    time.sleep(9)"
    one, other = await linking.linked(program(many), asks(), cpu_time=5)
    if linking.pool.launcher.jail.name == "nsjail":  # which allows fewer
        assert (ends(one, other), told(other)) == (["finished", "finished"], "raised"), other
    else:
        assert ends(one, other) == ["memory", "memory"]
    await linking.innocent()


async def test_who_waits_for_the_other_is_not_idle(linking: Linking) -> None:
    one, other = await linking.linked(program("compute(1)"), asks(), cpu_time=5)
    assert ends(one, other) == ["finished", "finished"] and told(other) == "passed"
    one, other = await linking.linked(program(), asks("compute(1)"), cpu_time=5)
    assert ends(one, other) == ["finished", "finished"] and told(other) == "passed"


async def test_the_clock_is_that_of_both(linking: Linking) -> None:
    busy = "while True: compute(0.01), time.sleep(0.05)"
    one, other = await linking.linked(program(), asks(busy), cpu_time=5, wall_time=1)
    assert ends(one, other) == ["wall_time", "wall_time"]
    assert 1 < one.wall_time < 5


async def test_standard_error_that_fits_no_file_is_cut(linking: Linking) -> None:
    flood = "for _ in range(20): os.write(2, b'x' * 65536)"
    one, other = await linking.linked(program(flood), asks())
    assert ends(one, other) == ["finished", "finished"] and told(other) == "passed"
    assert len(one.stderr) == SMALL["stderr"]
    one, other = await linking.linked(program(), asks(flood))
    assert ends(one, other) == ["finished", "finished"] and told(other) == "passed"
    assert len(other.stderr) == SMALL["stderr"]


async def test_it_can_be_ended_at_any_time(linking: Linking) -> None:
    inputs = Inputs([b"", request(asks("time.sleep(9)"))])
    source = program("time.sleep(9)").encode()
    for wait in (0, 0.001, 0.01, 0.1):
        work = Work(inputs=inputs, source=source, tests=[0, 1], limits=Limits(**SMALL), mode="linked")
        async with linking.pool.worker(inputs) as worker:
            worker.begin(work)
            await asyncio.sleep(wait)
        await linking.innocent()


async def test_a_program_that_does_not_compile(linking: Linking) -> None:
    inputs = Inputs([b"", request("")])
    work = Work(inputs=inputs, source=b"x =", tests=[0, 1], limits=Limits(**SMALL), mode="linked")
    async with linking.pool.worker(inputs) as worker:
        worker.begin(work)
        assert "SyntaxError" in str(await worker.receive())
    await linking.innocent()


async def test_a_test_has_pytest_and_imports_from_no_folder_of_the_program(linking: Linking) -> None:
    look = "import sys, pytest, unittest\nprint([p for p in sys.path if p.endswith(('work', 'tmp')) or not p])\nf(1)"
    _, other = await linking.linked(program(), look)
    assert other.stdout == b"[]\n", other
    one, _ = await linking.linked("try: import pytest\nexcept ImportError: print('no')", "f(1)")
    assert one.stdout == (b"" if linking.bare else b"no\n"), one


async def test_both_find_the_same_files(linking: Linking) -> None:
    writes = program("open('file', 'w').write('x')")
    one, other = await linking.linked(writes, asks("assert open('file').read() == 'x'"))
    assert ends(one, other) == ["finished", "finished"] and told(other) == "passed", other
    await linking.innocent()


@pytest.mark.parametrize("memory", [32, 64])
async def test_what_the_process_of_a_test_holds_is_not_counted(linking: Linking, memory: int) -> None:
    one, other = await linking.linked(program(), asks("import pytest"), memory=memory << 20)
    assert ends(one, other) == ["finished", "finished"] and told(other) == "passed", other


async def together(linking: Linking, source: str, code: str, **limits: float) -> tuple[Execution, str]:
    """What came of the process, and what it told of the test."""
    asked = json.dumps({**json.loads(request(code)), "word": "word"}).encode()
    (execution,) = await linking.run("together", [asked], source, **limits)
    word, _, report = execution.result.partition(b"\n")
    return execution, json.loads(report)["end"] if word == b"word" else ""


SHARES = """
import os, sys
class Equal:
    def __eq__(self, other): return True
def f(x):
    return Equal()
print("ran", sys.stdin.read())
"""


async def test_a_test_may_share_the_process_of_its_program(linking: Linking) -> None:
    execution, end = await together(linking, SHARES, "import pytest\nassert f(1) == 5\nprint('tested')")
    assert (execution.outcome, execution.stdout, end) == ("finished", b"ran \ntested\n", "passed"), execution
    execution, end = await together(linking, SHARES, "assert f(1) != 5 and False")
    assert (execution.outcome, end) == ("finished", "failed"), execution
    await linking.innocent()


async def test_a_test_that_shares_the_process_imports_what_is_in_the_folder(linking: Linking) -> None:
    writes = SHARES + "open('helper.py', 'w').write('x = 7')\n"
    execution, end = await together(linking, writes, "f(1)\nimport helper\nassert helper.x == 7")
    assert (execution.outcome, end) == ("finished", "passed"), execution


async def test_no_text_is_there_before_the_program_has_run(linking: Linking) -> None:
    looks = """
import gc, os, re, stat
def files():
    for fd in range(1100):
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode): yield os.pread(fd, 1 << 20, 0)
        except OSError: pass
found = [data for data in files() if re.search(b"asser[t] f", data)]
found += [thing for thing in gc.get_objects() if re.search("asser[t] f", repr(thing)[:1000])]
os.write(2, b"%d" % len(found))
def f(x): return x
"""
    execution, end = await together(linking, looks, "assert f('SECRET') == 'SECRET'")
    assert (execution.stderr, end) == (b"0", "passed"), execution


@pytest.mark.parametrize(
    ("steps", "outcome", "end"),
    [
        ("os._exit(0)", "finished", ""),
        ("sys.exit(0)", "finished", ""),
        ("raise ValueError", "crashed", ""),
        ("os.closerange(3, 2000)", "crashed", ""),
        ("while True: pass", "time_limit", ""),
        ("import time; time.sleep(9)", "time_limit", ""),
    ],
)
async def test_a_program_that_never_comes_to_its_end(linking: Linking, steps: str, outcome: str, end: str) -> None:
    execution, told = await together(linking, SHARES + steps, "assert f(1) == 5")
    assert (execution.outcome, told) == (outcome, end), execution
    await linking.innocent()


async def test_memory_of_the_harness_is_not_counted(linking: Linking) -> None:
    execution, end = await together(linking, SHARES, "import pytest\nassert f(1) == 5", memory=32 << 20)
    assert (execution.outcome, end) == ("finished", "passed"), execution
