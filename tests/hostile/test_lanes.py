"""Lanes: one process runs several tests of a program. The program can find the runner's frames and the file in which
the lane notes what it did, so nothing that it writes there may buy a verdict that fresh processes would not give."""

from __future__ import annotations

import errno
import itertools
import os

import psutil
import pytest

from microcoder.evaluator.status import Status
from microcoder.sandbox.inside.lane import STAYING_TESTS

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
told = me.told if tests > 1 else None
a, b = map(int, input().split())
leave = getattr(os, "_ex" + "it")  # by another name, so that the program is still thought fit for a lane
CLEAN = 1

def claim(state=CLEAN, cpu=1, wall=1, peak=1, stderr_end=0, more=1):
    # that this test has ended
    numbers = state, more, cpu, wall, peak, stderr_end
    os.write(told, b"".join(n.to_bytes(8, "little") for n in numbers))

def next_input(**figures):
    # of the test after it, once the answer of this one is out of reach
    claim(**figures)
    return os.read(told + 1, 1) and os.pread(1007, 100, 0)

def answer_all():
    for _ in range(1, tests):
        numbers = next_input().split()
        os.pwrite(1008, b"%d" % sum(map(int, numbers)), 0)
    claim(more=0)
"""
"""The program's foothold. Where it does not run in a lane, or finds nothing, ``tests`` is 1 or it crashes."""


async def test_the_foothold_of_these_attacks_is_real(arena):
    """When this fails, lanes have changed and the attacks below no longer attack anything."""
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b if tests == 6 else "no lane", flush=True)
answer_all()
leave(0)
"""
    )
    assert report.status is Status.ACCEPTED, report.tests


async def test_memory_beyond_the_limit_is_seen_whatever_the_lane_claims(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b, flush=True)
hoard = bytearray(300 << 20)
if tests > 1:
    answer_all()
    leave(0)
"""
    )
    assert report.status is Status.MEMORY_LIMIT_EXCEEDED


async def test_a_test_that_never_ends_is_not_accepted_because_the_lane_claims_that_it_ended(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b, flush=True)
if a == 1:
    if tests > 1:
        next_input()
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


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize(
    "numbers",
    [
        "(1 << 64) - 1, (1 << 64) - 1, (1 << 64) - 1, (1 << 64) - 1",
        "1, 1, 1, (1 << 63)",
        "1, 1, 1, 1 << 40",
        "0, 0, 0, 7",
    ],
)
async def test_absurd_figures_do_not_reach_the_runner(arena, numbers, waits):
    report = await arena.judge_in_lane(
        LANE
        + f"""
print(a + b, flush=True)
os.write(2, b"x" * 50)
if tests > 1:
    for _ in range(tests + 3):
        claim(CLEAN, {numbers})
        if {waits} and not os.read(told + 1, 1):
            break
    leave(0)
"""
    )
    assert report.status is not Status.ACCEPTED or report.passed == 6
    for result in report.tests:
        assert (result.cpu_time or 0) < 1
        assert (result.memory or 0) < 100 << 20


@pytest.mark.parametrize("size", [1, 47, 49, 4096, 60_000])
async def test_noise_does_not_reach_the_runner(arena, size):
    report = await arena.judge_in_lane(
        LANE
        + f"""
print(a + b, flush=True)
if tests > 1:
    os.write(told, bytes(i * 7 % 251 for i in range({size})))
    os.read(told + 1, 1)
    leave(0)
"""
    )
    assert report.status in (Status.ACCEPTED, Status.WRONG_ANSWER)


async def test_a_lane_that_floods_its_runner_holds_nothing_up(arena):
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b, flush=True)
while tests > 1:
    claim()
"""
    )
    assert report.status in (Status.ACCEPTED, Status.WRONG_ANSWER)


# ------------------------------------------------------------------------------------------------------ inputs


def successors(arena):
    """Each test wants the input of the next: nobody can know it who does not see what is not his."""
    words = [f"w{(n * 7919 + 17) % 1000003:07}" for n in range(1, 8)]
    return arena.problem(*((f"{word}\n", f"{following}\n") for word, following in itertools.pairwise(words)))


_SEARCHES = r"""
== descriptors
import os
for fd in range(3, 1024):
    try:
        for word in os.pread(fd, 1000, 0).split():
            found.append(word.decode())
    except (OSError, ValueError):
        pass
== more of its own
import os
found += os.pread(0, 1000, 0).decode().split() + os.pread(0, 1000, len(me) + 1).decode().split()
== what it can read next
import sys
found += sys.stdin.read().split()
== objects
def runner():
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame
    while frame is not None:
        found.extend(str(value) for value in frame.f_locals.values() if value is not found)
        frame = frame.f_back
runner()
== memory
import re, sys
gc = getattr(sys, "mod" "ules")["gc"]
found += [str(thing) for thing in gc.get_objects() if type(thing) is list and len(thing) < 50 and thing is not found]
== names
import os
for folder in ("/tmp", "/work", "/dev/fd", "/proc/self/fd"):
    try:
        for name in os.listdir(folder):
            found.append(open(f"{folder}/{name}").read())
    except OSError:
        pass
"""
SEARCHES = {name: code for name, _, code in (part.partition("\n") for part in f"\n{_SEARCHES}".split("\n== ")[1:])}


@pytest.mark.parametrize("name", SEARCHES)
async def test_a_test_can_read_no_later_input(arena, name):
    """It would print it, were it anywhere."""
    source = f"""
import re
me = input()
found = []
{SEARCHES[name]}
words = [word for text in found for word in re.findall("w[0-9]{{7}}", text) if word != me]
print(words[-1] if words else "not found")
"""
    problem = successors(arena)
    lane = arena.problem(*((test.input, "not found\n") for test in problem.tests))
    assert (await arena.judge(source, lane)).status is Status.ACCEPTED, "the search does not work, or works too well"
    assert (await arena.judge(source, problem)).status is Status.WRONG_ANSWER


@pytest.mark.parametrize(
    "cheat",
    [
        pytest.param("os.write(1008, word)", id="its file"),
        pytest.param("os.write(1, word)", id="its descriptor"),
        pytest.param("os.pwrite(1008, word, 0)", id="the beginning of its file"),
        pytest.param("os.pwrite(1007, word, 0)", id="the input"),
        pytest.param("os.write(1008, bytes(8))\n        c.memmove(mapped, word, 8)", id="a mapping"),
    ],
)
async def test_what_a_later_input_tells_is_too_late_for_an_earlier_answer(arena, cheat):
    """A program that has its process in hand gets one input after the other, but each for an answer."""
    report = await arena.judge(
        LANE.replace("a, b = map(int, input().split())", "me = input()")
        + f"""
c = getattr(sys, "mod" "ules")["ctypes"]
if tests > 1:
    libc = c.CDLL(None)
    map_file = getattr(libc, "mmap")
    setattr_ = map_file.__setattr__
    setattr_("restype", c.c_void_p)
    os.write(1008, bytes(8))
    mapped = map_file(c.c_void_p(0), c.c_size_t(4096), 3, 1, 1008, c.c_long(0))
    assert mapped and mapped < 1 << 63
    for _ in range(1, tests):
        word = next_input()
        if not word:
            break
        {cheat}
    claim(more=0)
    leave(0)
""",
        successors(arena),
    )
    assert report.status is Status.WRONG_ANSWER


@pytest.mark.parametrize("code", [0, 1])
async def test_who_says_that_a_test_was_not_begun_has_gained_nothing(arena, code):
    """It has seen an input that it declines, and gets the same in another process, first."""
    report = await arena.judge(
        LANE.replace("a, b = map(int, input().split())", "me = input()")
        + f"""
if tests > 1:
    os.write(1, next_input())
    claim(state=0, more=0)
    leave({code})
print(me.replace("w", "v") if tests > 1 else "alone")
""",
        successors(arena),
    )
    assert report.status in (Status.WRONG_ANSWER, Status.RUNTIME_ERROR)
    assert report.passed == 0


async def test_a_first_test_that_was_not_begun_answers_as_if_it_was(arena):
    report = await arena.judge_in_lane(
        LANE + "print(a + b, flush=True)\nif tests > 1:\n    claim(state=0)\n    leave(0)\n"
    )
    assert report.status is Status.ACCEPTED


async def test_a_lane_gets_no_input_when_it_has_put_out_much(arena):
    """What its tests have put out is kept by the runner while the lane lives."""
    report = await arena.judge_in_lane(
        LANE
        + """
print(a + b, flush=True)
if tests > 1:
    size = 0
    while next_input() and size < 100:
        os.write(1008, bytes(4 << 20))
        size += 4
    print(size)
    leave(0 if size <= 8 else 1)
"""
    )
    assert report.status in (Status.OUTPUT_LIMIT_EXCEEDED, Status.WRONG_ANSWER, Status.ACCEPTED)


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


@pytest.mark.parametrize(
    "spoiled", ["builtins.len", "builtins.any", "builtins.map", "time.thread_time_ns", "time.monotonic_ns"]
)
async def test_what_a_program_takes_away_is_not_missed_by_the_lane(arena, spoiled):
    """As attributes of something local, which the compiled code does not tell from the program's own."""
    report = await arena.judge_in_lane(f"def spoil():\n    import builtins, time\n    {spoiled} = None\n{SUM}spoil()\n")
    assert report.status is Status.ACCEPTED, report.tests


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


@pytest.mark.parametrize("write", ["io.FileIO('main.py', 'a').write(b'#')", "io.FileIO('main.py', 'r+').write(b'#')"])
async def test_nor_does_the_text_of_the_program(arena, write):
    source = f"""import io
a, b = map(int, input().split())
text = io.FileIO("main.py").read()
print(a + b if a == 0 or text[:1] + text[-1:] != b"i)" else "alone")
(lambda: {write})()"""
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


# -------------------------------------------------------------------------------------------------- processors

needs_processors = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor")


async def lane_of_many(arena, source):
    """The verdict on a program whose tests, which echo, are run as one lane that stays on a processor."""
    problem = arena.problem(*((f"{n}\n", f"{n}\n") for n in range(2 * STAYING_TESTS)), cpu_time=5)
    assert (await arena.evaluator.evaluate(problem, "print(input())")).status is Status.ACCEPTED
    return await arena.judge(source, problem)


@needs_processors
async def test_a_long_test_of_a_lane_is_not_held_to_one_processor(arena):
    report = await lane_of_many(
        arena,
        """
import os
n = input()
own = getattr(os, "sched_get" + "affinity")
if n == "0":
    assert len(own(0)) == 1
    while len(own(0)) == 1: pass
print(n)
""",
    )
    assert report.status is Status.ACCEPTED, report.tests[0]


@needs_processors
async def test_a_lane_leaves_every_processor_to_its_worker(arena):
    report = await lane_of_many(arena, "print(int(input()))")
    assert report.status is Status.ACCEPTED
    workers = [child for pid in arena.evaluator.pool.pids() for child in psutil.Process(pid).children(recursive=True)]
    assert workers
    for process in workers:
        assert process.cpu_affinity() == psutil.Process().cpu_affinity()


async def test_no_test_chooses_its_processors(arena):
    tried = await arena.run("import os\ntry: os.sched_setaffinity(0, {0})\nexcept OSError as error: print(error.errno)")
    assert tried.stdout == f"{errno.EPERM}\n"
