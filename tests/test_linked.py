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
from .linking import Linking

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["nsjail", "bubblewrap", "none"])
async def linking(request: pytest.FixtureRequest) -> AsyncIterator[Linking]:
    try:
        jails = candidates(request.param, unsafe_no_jail=True)
    except JailUnavailable as error:
        pytest.skip(str(error))
    async with await Pool.open(jails, probe(None, PACKAGES), 1) as pool:
        yield Linking(pool)


LINK = """
import os, stat, sys, time
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
link = next(fd for fd in range(1000, 1024) if is_socket(fd))
def compute(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
"""
ECHO = "while data := os.read(link, 1 << 16): os.write(link, data.upper())\nprint('closed')"
SAY = "os.write(link, b'hello')\nassert os.read(link, 9) == b'HELLO'\n"
ENDS = "assert os.read(link, 9) == b''\nprint('closed')"


def ends(*sides: Execution) -> list[str]:
    return [side.limit or str(side.outcome) for side in sides]


async def test_two_processes_talk(linking: Linking) -> None:
    program, test = await linking.linked(LINK + ECHO, LINK + SAY)
    assert (program.test, program.outcome, program.stdout, program.result) == (0, "finished", b"closed\n", b"")
    assert (test.test, test.outcome, json.loads(test.result)) == (1, "finished", {"end": "passed"}), test
    assert 0 < program.cpu_time < 0.5 > test.cpu_time > 0
    assert program.fresh and test.fresh


async def test_streams_are_apart(linking: Linking) -> None:
    say = "print(os.getcwd())\nprint(sys.stdin.read(), {0!r}, file=sys.stderr)"
    program, test = await linking.linked(LINK + say.format("program"), LINK + say.format("test") + "\n" + ENDS)
    assert (program.stderr, test.stderr) == (b" program\n", b" test\n")
    assert program.stdout + b"closed\n" == test.stdout


@pytest.mark.parametrize(
    ("program", "outcome"),
    {
        "os._exit(0)": "finished",
        "os._exit(3)": "crashed",
        "raise ValueError": "crashed",
        "sys.exit(4)": "crashed",
        "os.kill(os.getpid(), 9)": "crashed",
        "os.close(link)": "finished",
        "os.closerange(0, 2000)\ncompute(0.1)": "finished",
    }.items(),
)
async def test_who_is_left_sees_the_end_of_the_other(linking: Linking, program: str, outcome: str) -> None:
    assert ends(*await linking.linked(LINK + program, LINK + ENDS)) == [outcome, "finished"]
    assert ends(*await linking.linked(LINK + ENDS, LINK + program))[0] == "finished"
    await linking.innocent()


@pytest.mark.parametrize(
    ("program", "test", "expected"),
    [
        ("compute(9)", ENDS, ["cpu_time", "finished"]),
        (ENDS, "compute(9)", ["finished", "cpu_time"]),
        ("time.sleep(9)", ENDS, ["idle_time", "idle_time"]),
        (ENDS, "time.sleep(9)", ["idle_time", "idle_time"]),
        ("os._exit(0)", "time.sleep(9)", ["finished", "idle_time"]),
        ("x = bytearray(1 << 29)", ENDS, ["memory", "finished"]),
        (ENDS, "x = [bytes(4096) for _ in range(1 << 17)]", ["finished", "memory"]),
        ("os.write(1, bytes(1 << 21))", ENDS, ["output", "finished"]),
        ("while True: os.write(link, bytes(1 << 16))", "time.sleep(9)", ["idle_time", "idle_time"]),
        ("time.sleep(9)", "while True: os.write(link, bytes(1 << 16))", ["idle_time", "idle_time"]),
    ],
)
async def test_each_has_limits(linking: Linking, program: str, test: str, expected: list[str]) -> None:
    assert ends(*await linking.linked(LINK + program, LINK + test)) == expected
    await linking.innocent()


async def test_who_waits_for_the_other_is_not_idle(linking: Linking) -> None:
    works = "compute(1)\nos.write(link, b'+')"
    waits = "assert os.read(link, 1) == b'+'"
    assert ends(*await linking.linked(LINK + works, LINK + waits, cpu_time=5)) == ["finished", "finished"]
    assert ends(*await linking.linked(LINK + waits, LINK + works, cpu_time=5)) == ["finished", "finished"]


async def test_the_clock_is_that_of_both(linking: Linking) -> None:
    busy = "while True: compute(0.01), time.sleep(0.05)"
    program, test = await linking.linked(LINK + busy, LINK + busy, cpu_time=5, wall_time=1)
    assert ends(program, test) == ["wall_time", "wall_time"]
    assert 1 < program.wall_time < 5


async def test_standard_error_that_fits_no_file_is_cut(linking: Linking) -> None:
    flood = "for _ in range(40): os.write(2, b'x' * 65536)\nprint('after')\n"
    program, test = await linking.linked(LINK + flood + ECHO, LINK + SAY)
    assert ends(program, test) == ["finished", "finished"]
    assert program.stdout == b"after\nclosed\n" and len(program.stderr) == SMALL["stderr"]
    program, test = await linking.linked(LINK + ECHO, LINK + flood + SAY)
    assert ends(program, test) == ["finished", "finished"]


async def test_it_can_be_ended_at_any_time(linking: Linking) -> None:
    inputs = Inputs([b"", json.dumps({"code": LINK + "time.sleep(9)"}).encode()])
    source = (LINK + "time.sleep(9)").encode()
    for wait in (0, 0.001, 0.01, 0.1):
        work = Work(inputs=inputs, source=source, tests=[0, 1], limits=Limits(**SMALL), mode="linked")
        async with linking.pool.worker(inputs) as worker:
            worker.begin(work)
            await asyncio.sleep(wait)
        await linking.innocent()


async def test_a_program_that_does_not_compile(linking: Linking) -> None:
    inputs = Inputs([b"", b"{}"])
    work = Work(inputs=inputs, source=b"x =", tests=[0, 1], limits=Limits(**SMALL), mode="linked")
    async with linking.pool.worker(inputs) as worker:
        worker.begin(work)
        assert "SyntaxError" in str(await worker.receive())
    await linking.innocent()


async def test_a_test_has_pytest_and_imports_from_no_folder_of_the_program(linking: Linking) -> None:
    look = "import pytest, unittest, _pytest\nprint([p for p in sys.path if p.endswith(('work', 'tmp')) or not p])"
    program, test = await linking.linked("", LINK + look)
    assert test.stdout == b"[]\n", test
    program, test = await linking.linked("try: import pytest\nexcept ImportError: print('no')", "")
    assert program.stdout == (b"" if linking.bare else b"no\n"), program
