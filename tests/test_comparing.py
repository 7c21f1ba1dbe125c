"""Comparing processes: what is not small is compared in them, within limits, and nothing is left of them."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import msgspec
import psutil
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from microcoder.evaluator import Checker, Problem, TestCase
from microcoder.evaluator.compare import PRESETS, Comparison, comparison_for, preset, with_preset
from microcoder.evaluator.compare.base import SMALL, Match
from microcoder.evaluator.compare.codeforces import NAMES
from microcoder.evaluator.comparing import Comparing, service
from microcoder.evaluator.comparing.messages import Answer, Compared, Exceeded
from microcoder.evaluator.reference import Reference
from microcoder.sandbox.errors import HostShortage, WorkerFailure

from .events import SECONDS, until

RETURNS = b"\r" * (8 << 20)
"""Takes seconds under lcmp, all of them in one call of C code."""
WORDS = b" ".join(b"%d" % n for n in range(40_000))
TURNED = b" ".join(b"%d" % n for n in reversed(range(40_000)))


def rule(kind: str = "default", flags: str = "", name: str | None = None) -> Comparison:
    checker = Checker(type=kind, flags=flags, name=name)  # pyright: ignore[reportArgumentType]
    return comparison_for(Problem(problem_id="p", tests=(TestCase("", "1"),), checker=checker))


@pytest_asyncio.fixture
async def comparing() -> AsyncIterator[Comparing]:
    comparing = Comparing()
    yield comparing
    pids = comparing.pids()
    await comparing.close()
    assert not any(map(psutil.pid_exists, pids))


async def test_small_outputs_and_equal_bytes_start_nothing(comparing: Comparing) -> None:
    small = b"1 " * (SMALL // 4)
    assert not (await comparing.compare(rule(), b"1", small, Reference())).accepted
    assert (await comparing.compare(rule(), RETURNS, RETURNS[:-1] + b"\r", Reference())).rule == "exact"
    assert comparing.pids() == []


async def test_small_outputs_are_compared_in_turn_with_everything_else(
    comparing: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TURN", 0.0)
    left, turns = 64, 0

    async def compare() -> None:
        nonlocal left
        assert (await comparing.compare(rule(), b"1", b"1 ", Reference())).accepted
        left -= 1

    tasks = [asyncio.create_task(compare()) for _ in range(left)]
    while left:
        before = left
        await asyncio.sleep(0)
        turns += 1
        assert before - left <= 1
    await asyncio.gather(*tasks)
    assert turns >= len(tasks)


@pytest.mark.parametrize(
    ("kind", "flags", "expected", "actual"),
    [
        ("default", "", WORDS, WORDS + b"\n"),
        ("default", "", WORDS, WORDS + b" 1"),
        ("default", "unordered_tokens", WORDS, TURNED),
        ("kattis", "float_tolerance 1e-6", WORDS, WORDS.replace(b" ", b".0000001 ")),
        ("codeforces", "", WORDS, TURNED),
        ("lcb", "", WORDS, WORDS.replace(b" 7 ", b" 7.0 ")),
        ("prime", "", WORDS, WORDS),
        ("lenient", "", WORDS, TURNED),
        ("strict", "", WORDS, b"\xff\0" + WORDS),
    ],
)
async def test_they_say_what_the_rule_says(
    comparing: Comparing, kind: str, flags: str, expected: bytes, actual: bytes
) -> None:
    own = rule(kind, flags)
    assert await comparing.compare(own, expected, actual, Reference()) == own.compare(expected, actual)
    assert len(comparing.pids()) == 1 or kind == "strict"


@pytest.mark.parametrize(
    "inside", [RETURNS, b" ".join(b"%d" % n for n in range(1 << 20))], ids=["one long step", "many steps"]
)
async def test_without_end_it_is_no_match_and_others_get_their_turn(
    comparing: Comparing, inside: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FLOOR", 0.2)
    own = rule("codeforces", name="lcmp") if inside is RETURNS else rule(flags="unordered_tokens")
    longest, last = 0.0, time.thread_time()
    reference = Reference()
    task = asyncio.create_task(comparing.compare(own, b"1\n", inside + b"\n2", reference))
    while not task.done():
        await asyncio.sleep(0)
        now = time.thread_time()  # its own, so that a loaded machine changes nothing
        longest, last = max(longest, now - last), now
    match = task.result()
    assert not match.accepted and not match.fault
    assert longest < service.FLOOR  # which is what one that blocks would take at least
    assert "to compare this output takes more than 0.2 s of processor time" in str(match.message)
    assert reference.seconds is not None and reference.seconds < service.FLOOR


async def test_what_the_expected_output_takes_is_allowed(comparing: Comparing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "FLOOR", 0.0001)
    own, reference = rule(flags="unordered_tokens"), Reference()
    assert (await comparing.compare(own, WORDS, TURNED, reference)).rule == "unordered"
    assert reference.seconds is not None and reference.fault is None
    monkeypatch.setattr(service, "FACTOR", 0)
    match = await comparing.compare(own, WORDS, TURNED, reference)
    assert not match.accepted and not match.fault and "to compare this output takes more than" in str(match.message)


async def test_an_expected_output_that_takes_too_much_is_the_problems_fault(
    comparing: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FLOOR", 0.0001)
    monkeypatch.setattr(service, "REFERENCE_SECONDS", 0.0001)
    match = await comparing.compare(rule(flags="unordered_tokens"), WORDS, TURNED, Reference())
    assert match.fault and "the expected output cannot be compared with itself" in str(match.message)


async def test_memory_is_limited(comparing: Comparing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MEMORY", 16 << 20)
    many = b" ".join(b"%d" % n for n in range(1 << 20))
    match = await comparing.compare(rule(flags="unordered_tokens"), b"1", many, Reference())
    assert "to compare this output takes more than 16 MiB of memory" in str(match.message)
    assert (await comparing.compare(rule(), WORDS, WORDS + b" ", Reference())).accepted


async def test_a_process_that_the_host_ends_costs_nothing(comparing: Comparing) -> None:
    assert (await comparing.compare(rule(), WORDS, WORDS + b" ", Reference())).accepted
    (first,) = comparing.pids()
    os.kill(first, signal.SIGKILL)
    assert (await comparing.compare(rule(), WORDS, WORDS + b" ", Reference())).accepted
    assert first not in comparing.pids()


@pytest.mark.parametrize(("turn", "turns_of_others"), [(0.0, 32), (1e9, 1)])
async def test_others_get_a_turn_between_small_outputs(
    comparing: Comparing, monkeypatch: pytest.MonkeyPatch, turn: float, turns_of_others: int
) -> None:
    monkeypatch.setattr(service, "TURN", turn)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    going_on = asyncio.create_task(others())
    await asyncio.sleep(0)
    seen: list[int] = []
    for number in range(32):
        await comparing.compare(rule(), b"1", b"2 %d" % number, Reference())
        seen.append(turns)
    going_on.cancel()
    assert len(set(seen)) == turns_of_others


async def test_what_the_expected_output_takes_is_measured_once(
    comparing: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FLOOR", 0.0001)
    measured: list[bytes] = []
    measure = comparing._measure  # pyright: ignore[reportPrivateUsage]

    async def counted(comparison: Comparison, expected: bytes, reference: Reference) -> None:
        measured.append(expected)
        await measure(comparison, expected, reference)

    monkeypatch.setattr(comparing, "_measure", counted)
    reference = Reference()
    own = rule(flags="unordered_tokens")
    matches = await asyncio.gather(*(comparing.compare(own, WORDS, TURNED + b" " * n, reference) for n in range(3)))
    assert [match.rule for match in matches] == ["unordered"] * 3
    assert len(measured) == 1


async def test_a_process_that_the_host_refuses_is_a_shortage_of_the_host(
    comparing: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(HostShortage, match="a comparing process: Too many open files"):
        await comparing.compare(rule(), WORDS, TURNED, Reference())


def test_words_that_are_no_text_are_no_way_to_end_the_process() -> None:
    for answer in (Compared(Match(False, message="\ud800"), 0.1), Exceeded("\ud800", last=True)):
        data = msgspec.msgpack.encode(answer)
        assert msgspec.msgpack.decode(data, type=Answer) == answer and b"\\ud800" in data


async def test_cancelled_or_closed_nothing_is_left(comparing: Comparing) -> None:
    own = rule("codeforces", name="lcmp")
    for end in ("cancel", "close"):
        task = asyncio.create_task(comparing.compare(own, b"1\n", RETURNS, Reference()))
        (pid,) = await until(comparing.pids)
        if end == "cancel":
            task.cancel()
        else:
            await comparing.close()
        with pytest.raises((asyncio.CancelledError, WorkerFailure)):
            await task
        assert not psutil.pid_exists(pid) and comparing.pids() == []


KILLED = """
import asyncio, psutil
from microcoder.evaluator.comparing import Comparing
from microcoder.evaluator.reference import Reference
from microcoder.evaluator.compare.codeforces import Codeforces

async def main():
    comparing = Comparing()
    task = asyncio.create_task(comparing.compare(Codeforces("lcmp"), b"1", b"\\r" * (64 << 20), Reference()))
    while not any(psutil.Process(pid).memory_info().rss > 64 << 20 for pid in comparing.pids()):  # it has the output
        await asyncio.sleep(0.01)
    print(*comparing.pids(), flush=True)
    await task

asyncio.run(main())
"""


def test_an_evaluator_that_is_killed_takes_them_along() -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        pid = int(started.stdout.readline())
        process = psutil.Process(pid)
        started.kill()
    process.wait(SECONDS)


EVERY = [*(name for name in PRESETS if name != "codeforces"), *(f"codeforces:{name}" for name in NAMES)]


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=60)
@given(st.binary(max_size=60), st.sampled_from(["stdio", "call"]))
def test_equal_bytes_are_taken_where_a_rule_says_so(name: str, text: bytes, mode: str) -> None:
    problem = Problem(problem_id="p", mode=mode, entry_point="f", tests=(TestCase("[]", "1"),))  # pyright: ignore[reportArgumentType]
    own = comparison_for(with_preset(problem, preset(name)))
    assert not own.takes_equal_bytes or own.compare(text, bytes(bytearray(text))).rule == "exact"
