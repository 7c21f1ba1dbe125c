"""Lanes: one process runs several tests of a program. The program can find the runner's frames and the file in which
the lane notes what it did, so nothing that it writes there may buy a verdict that fresh processes would not give."""

from __future__ import annotations

import pytest

from microcoder.evaluator.status import Status

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUM = "a, b = map(int, input().split())\nprint(a + b)\n"

LANE = """
import os, sys

def runner():
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if type(value).__name__ == "TestProcess":
                return value
        frame = frame.f_back

me = runner()
tests = me.task.tests
told = 7 + 2 * tests
a, b = map(int, input().split())
leave = getattr(os, "_ex" + "it")  # by another name, so that the program is still thought fit for a lane
CLEAN, RUNNING = 2, 1

def claim(place, state=CLEAN, cpu=1, wall=1, peak=1, stderr_end=0):
    numbers = state, cpu, wall, peak, stderr_end
    os.pwrite(told, b"".join(n.to_bytes(8, "little") for n in numbers), 40 * place)

def answer_all():
    for place in range(1, tests):
        numbers = os.pread(7 + place, 100, 0).split()
        os.write(7 + tests + place, b"%d" % sum(map(int, numbers)))
        claim(place)
"""
"""The program's foothold. Where it does not run in a lane, or finds nothing, ``tests`` is 1 or it crashes."""


async def test_the_foothold_of_these_attacks_is_real(arena):
    """When this fails, lanes have changed and the attacks below no longer attack anything."""
    report = await arena.judge_in_lane(
        LANE
        + """
claim(0)
print(a + b if tests == 6 and os.pread(told, 1, 0)[0] == 2 else "no lane")
"""
    )
    assert report.status is Status.ACCEPTED, report.tests


async def test_memory_beyond_the_limit_is_seen_whatever_the_lane_claims(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b, flush=True)
hoard = bytearray(300 << 20)
claim(0)
if tests > 1:
    answer_all()
    leave(0)
"""
    )
    assert report.status is Status.MEMORY_LIMIT_EXCEEDED


async def test_stderr_beyond_the_limit_is_seen_whatever_the_lane_claims(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b, flush=True)
os.write(2, b"x" * 600_000)
claim(0)
if tests > 1:
    answer_all()
    leave(0)
"""
    )
    assert report.status is Status.OUTPUT_LIMIT_EXCEEDED


async def test_a_test_that_never_ends_is_not_accepted_because_the_lane_claims_that_it_ended(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b, flush=True)
if a == 1:
    if tests > 1:
        claim(1)
        claim(2, RUNNING)
    while True:
        pass
"""
    )
    assert report.status is Status.TIME_LIMIT_EXCEEDED


async def test_what_a_lane_accepted_is_run_again_once_the_lane_was_wrong_about_another_test(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
if tests > 1 and a == 3:
    leave(5)  # a fresh process will contradict
if tests == 1 and a == 1:
    print("wrong")
else:
    print(a + b)
"""
    )
    assert report.status is Status.WRONG_ANSWER


@pytest.mark.parametrize(
    "numbers",
    [
        "(1 << 64) - 1, (1 << 64) - 1, (1 << 64) - 1, (1 << 64) - 1",
        "1, 1, 1, (1 << 63)",
        "1, 1, 1, 1 << 40",
        "0, 0, 0, 7",
    ],
)
async def test_absurd_figures_do_not_reach_the_runner(arena, numbers):
    report = await arena.judge_in_lane(
        LANE
        + f"""
print(a + b, flush=True)
os.write(2, b"x" * 50)
for place in range(tests):
    claim(place, CLEAN, {numbers})
if tests > 1:
    leave(0)
"""
    )
    assert report.status is not Status.ACCEPTED or report.passed == 6
    for result in report.tests:
        assert (result.cpu_time or 0) < 1
        assert (result.memory or 0) < 100 << 20


async def test_a_file_full_of_noise_does_not_reach_the_runner(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b, flush=True)
if tests > 1:
    os.pwrite(told, bytes(i * 7 % 251 for i in range(4096)), 0)
    leave(0)
"""
    )
    assert report.status in (Status.ACCEPTED, Status.WRONG_ANSWER)


async def test_the_answer_of_one_test_in_the_file_of_another_is_no_answer(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
if tests > 1:
    for fd in range(8 + tests, 7 + 2 * tests):
        os.write(fd, b"1\\n")
    for place in range(tests):
        claim(place)
print(1)
"""
    )
    assert report.status is Status.WRONG_ANSWER


async def test_a_closed_descriptor_of_the_lane_ends_the_lane_not_the_worker(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b)
for fd in range(3, 1024):
    try:
        os.close(fd)
    except OSError:
        pass
"""
    )
    assert report.status is Status.ACCEPTED  # right in a process of its own, and that is what counts


@pytest.mark.parametrize(
    ("prepare", "place"),
    [
        pytest.param("from collections import Counter", "Counter", id="class"),
        pytest.param("from heapq import merge", "merge", id="function"),
        pytest.param("import math", "math", id="module"),
        pytest.param("builtins = print.__self__", "builtins", id="builtins"),
        pytest.param(
            "import functools\nset_attribute = functools.update_wrapper\nimport math", "math", id="update_wrapper"
        ),
    ],
)
async def test_no_place_in_the_library_carries_anything_from_test_to_test(arena, prepare, place):
    source = f"""
{prepare}
a, b = map(int, input().split())
print(a + b if a == 0 or hasattr({place}, "mine") else "alone")
{place}.mine = 1
"""
    report = await arena.judge_in_lane(source)
    assert report.status is Status.WRONG_ANSWER


async def test_no_file_carries_anything_from_test_to_test(arena):
    source = """
import io
a, b = map(int, input().split())
try:
    io.FileIO("/work/note")
    print(a + b)
except FileNotFoundError:
    io.FileIO("/work/note", "w").write(b"I was here")
    print(a + b if a == 0 else "alone")
"""
    report = await arena.judge_in_lane(source)
    assert report.status is Status.WRONG_ANSWER


@pytest.mark.parametrize("hook", ["trace", "profile"])
async def test_a_hook_of_the_interpreter_does_not_live_on_in_the_next_test(arena, hook):
    source = f"""
import sys
a, b = map(int, input().split())
print(a + b if a == 0 or getattr(sys, "get{hook}")() else "alone")
getattr(sys, "set" + "{hook}")(lambda *_: None)
"""
    report = await arena.judge_in_lane(source)
    assert report.status is Status.WRONG_ANSWER


async def test_outputs_of_a_lane_that_are_large_together_are_judged(arena):
    """Each is within its limit; what they are together has to fit a frame."""
    size = 900_000
    problem = arena.problem(*((f"{n}\n", f"{n}" + "x" * size + "\n") for n in range(24)))
    for serial in range(2):
        report = await arena.evaluator.evaluate(problem, f"print(input() + 'x' * {size})  # {serial}")
        assert report.status is Status.ACCEPTED, report.message


async def test_a_lane_that_writes_on_beyond_its_bytes_ends_no_worker(arena):
    """It keeps the lane from noticing, and its files grow without taking time."""
    problem = arena.problem(*((f"{n} {n + 1}\n", f"{2 * n + 1}\n") for n in range(32)))
    assert (await arena.evaluator.evaluate(problem, SUM)).accepted
    report = await arena.judge(
        LANE
        + """
type(me).run.__globals__["size_of"] = lambda file: 0
getattr(os, "ftrunc" + "ate")(1, 1_000_000)
""",
        problem,
    )
    assert report.status is Status.WRONG_ANSWER
