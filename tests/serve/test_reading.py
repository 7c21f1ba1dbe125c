"""Labels of reward requests, and problems as long: whatever they hold, others have their turn meanwhile."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import pickle
import time
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psutil
import pytest
import pytest_asyncio

from microcoder.evaluator import Problem, TestCase
from microcoder.evaluator.prepared import Prepared
from microcoder.evaluator.server import problems, reading, values
from microcoder.evaluator.server.decode import JSON, MSGPACK
from microcoder.evaluator.server.errors import BadRequest, Refused, TooLarge, Unavailable
from microcoder.evaluator.server.labels import Made, Route
from microcoder.evaluator.server.problems import Problems
from microcoder.evaluator.server.reading import Reading
from microcoder.evaluator.server.settings import Caps, Settings

from ..events import until
from .conftest import ADD, Server

Start = Callable[..., Server]
T = TypeVar("T")
STEP = 0.3
"""Seconds of processor time that nothing may take in one go. A few hundredths are the rule; on a machine that is shared
the clock of a processor runs while another machine has it."""
TESTS = {"inputs": ["1 2\n"], "outputs": ["3\n"]}
CAPS = Caps()


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[Reading]:
    reader = Reading(Settings(state="/nowhere"))
    yield reader
    pids = [each.pid for each in reader._readers]  # pyright: ignore[reportPrivateUsage]
    await reader.close()
    assert not any(map(psutil.pid_exists, pids))


def held(folder: Path, reader: Reading) -> Problems:
    return Problems(folder, CAPS, None, memory=1 << 30, disk=1 << 30, read=reader.problem, trouble=lambda _: None)


def body(*labels: Any) -> bytes:
    return msgspec.json.encode({"query": [ADD] * len(labels), "labels": labels})


def labels(reader: Reading, client: str, route: Route, data: bytes) -> Coroutine[Any, Any, Made]:
    return reader.read(client, route, JSON, data)


async def in_steps(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """What it returns, and the longest time that it kept the event loop."""
    gc.collect()
    gc.freeze()  # what other tests have left: to look through it takes as long as this may
    try:
        task = asyncio.create_task(work)
        longest, last = 0.0, time.thread_time()
        while not task.done():
            await asyncio.sleep(0.001)
            now = time.thread_time()  # its own, so that a loaded machine changes nothing
            longest, last = max(longest, now - last), now
    finally:
        gc.unfreeze()
    return task.result(), longest


def stdio(count: int, size: int) -> dict[str, list[str]]:
    return {"inputs": ["1 2\n" * (size // 4)] * count, "outputs": [f"{number}\n" for number in range(count)]}


def calls(count: int, size: int) -> dict[str, Any]:
    return {
        "fn_name": "f",
        "inputs": [["x" * size, number] for number in range(count)],
        "outputs": ["x" * size] * count,
    }


LONG: dict[str, Any] = {
    "JSON": json.dumps(stdio(90, 300_000)),
    "an object": stdio(90, 300_000),
    "JSON in JSON": json.dumps({"language": "python", "test_cases": json.dumps(stdio(90, 200_000))}),
    "many tests": json.dumps(stdio(9000, 2000)),
    "calls": json.dumps(calls(30, 400_000)),
    "values": json.dumps({"fn_name": "f", "inputs": [[[*range(400_000)]]], "outputs": [[*range(400_000)]]}),
}


@pytest.mark.parametrize("name", LONG)
async def test_a_long_label_holds_up_nobody(reader: Reading, tmp_path: Path, name: str) -> None:
    data, problems = body(LONG[name]), held(tmp_path, reader)
    await labels(reader, "me", "get_reward", body(TESTS))  # one is there

    async def judged() -> Problem:
        await values.check(data, JSON, CAPS.values)
        read = await labels(reader, "me", "get_reward", data)
        assert [program.submission.code for program in read.programs] == [ADD.rstrip()]
        (one,) = read.problems
        problem = (await problems.named(msgspec.Raw(one.data), MSGPACK, one.path)).problem
        await Prepared.in_turns(problem)
        return problem

    problem, longest = await in_steps(judged())
    assert problem.tests and longest < STEP, longest


ROWS: dict[str, Any] = {
    "APPS": {"problem_id": "p", "input_output": json.dumps(stdio(90, 300_000))},
    "CodeContests": {
        "name": "p",
        "public_tests": {"input": ["1 2\n" * 50_000] * 90, "output": ["3\n"] * 90},
        "private_tests": {"input": [], "output": []},
    },
    "verl": {"reward_model": {"ground_truth": json.dumps(calls(30, 400_000))}},
    "ours, but for a test": {"problem_id": "p", "tests": [{"input": "1 2\n" * 50_000, "output": "3\n"}] * 90 + [{}]},
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_long_row_holds_up_nobody(reader: Reading, tmp_path: Path, name: str) -> None:
    data, problems = msgspec.json.encode(ROWS[name]), held(tmp_path, reader)
    await reader.problem("me", msgspec.json.encode(ROWS["APPS"] | {"input_output": TESTS}), JSON)  # one is there

    async def read() -> Problem | BadRequest:
        await values.check(data, JSON, CAPS.values)
        try:
            return (await problems.named(msgspec.Raw(data), JSON, "$.problem", "me")).problem
        except BadRequest as refused:
            return refused

    found, longest = await in_steps(read())
    assert longest < STEP, longest
    if isinstance(found, BadRequest):
        assert (name, found.path) == ("ours, but for a test", "$.problem.tests[90].input")
    else:
        assert len(found.tests) in (30, 90)


REFUSED: dict[str, Callable[[], Any]] = {
    "JSON": lambda: '{"inputs": [' + '"",' * 1_000_000 + '""], "outputs": []}',
    "lists": lambda: "[" * 400_000 + "]" * 400_000 + "," * 700_000,
    "arguments": lambda: {"fn_name": "f", "inputs": ["[" + "0," * 600_000 + "0]"] * 2, "outputs": ["0", "0"]},
    "expected": lambda: {"fn_name": "f", "inputs": ["0"], "outputs": ["[" + "0," * 1_000_000 + "0]"]},
}


@pytest.mark.parametrize("name", REFUSED)
async def test_values_in_text_are_counted(reader: Reading, tmp_path: Path, name: str) -> None:
    data = body(REFUSED[name]())

    async def judged() -> Refused:
        try:
            read = await labels(reader, "me", "get_reward", data)
            await held(tmp_path, reader).named(msgspec.Raw(read.problems[0].data), MSGPACK, "$")
        except TooLarge as refused:
            return refused
        raise AssertionError(read)

    refused, longest = await in_steps(judged())
    assert "more than 1000000 values" in str(refused) and longest < STEP


def packed(tests: int) -> dict[str, Any]:
    """A row of LiveCodeBench."""
    text = json.dumps([{"input": "1", "output": "1", "testtype": "stdin"}] * tests)
    private = base64.b64encode(zlib.compress(pickle.dumps(text))).decode()
    return {"question_content": "", "question_id": "1", "public_test_cases": "[]", "private_test_cases": private}


async def test_a_small_label_may_be_a_large_one(
    reader: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SECONDS", 60.0)  # of a machine that does something else as well
    read = await labels(reader, "me", "remote_rm", msgspec.json.encode({"response": ADD, "label": packed(9)}))
    assert (
        len((await held(tmp_path, reader).named(msgspec.Raw(read.problems[0].data), MSGPACK, "$")).problem.tests) == 9
    )
    assert len(body(packed(100_002))) < values.LARGE
    with pytest.raises(BadRequest, match="100000 of them; this server allows 10000"):
        await labels(reader, "me", "get_reward", body(packed(100_000)))
    monkeypatch.setattr(reading, "SECONDS", 0.01)
    with pytest.raises(TooLarge, match=r"takes more than 0\.01 s of processor time"):
        await labels(reader, "me", "get_reward", body(packed(100_001)))
    monkeypatch.setattr(reading, "SECONDS", 60.0)
    monkeypatch.setattr(reading, "MEMORY", 16 << 20)
    with pytest.raises(TooLarge, match="what it holds"):  # or the decoder ends with a signal
        await labels(reader, "me", "get_reward", body(packed(100_002)))
    monkeypatch.undo()
    assert (await labels(reader, "me", "get_reward", body(TESTS))).programs


async def test_the_problems_of_a_request_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reading(Settings(state="/nowhere", caps=Caps(body=100_000)))
    try:
        same, other = body(*[stdio(3, 20_000)] * 9), body(*(stdio(3, 20_000 + 4 * number) for number in range(9)))
        read = await labels(reader, "me", "get_reward", same)
        assert (len(read.problems), len(read.programs)) == (1, 9)
        with pytest.raises(TooLarge, match="more than 100000 bytes"):
            await labels(reader, "me", "get_reward", other)
    finally:
        await reader.close()


async def test_a_reader_that_the_host_ends_costs_nothing(reader: Reading) -> None:
    for _ in range(3):
        assert (await labels(reader, "me", "get_reward", body(TESTS))).programs
        (process,) = reader._readers  # pyright: ignore[reportPrivateUsage]
        process._process.kill()  # pyright: ignore[reportPrivateUsage]


async def test_who_gives_up_ends_the_reader(reader: Reading) -> None:
    literal = repr({"inputs": ["1"] * 200_000, "outputs": ["1"] * 200_000})
    task = asyncio.create_task(labels(reader, "me", "get_reward", body(literal)))
    (pid,) = await until(lambda: [each.pid for each in reader._readers])  # pyright: ignore[reportPrivateUsage]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not psutil.pid_exists(pid)


async def test_long_literals_keep_nobody_but_each_other_waiting(reader: Reading) -> None:
    literal = repr({"inputs": ["1 2"] * 100_000, "outputs": ["3"] * 100_000})
    long = [asyncio.create_task(labels(reader, "them", "get_reward", body(literal))) for _ in range(6)]
    await asyncio.sleep(0)
    small = await labels(reader, "me", "get_reward", body(TESTS))
    assert small.programs and not all(task.done() for task in long)
    assert len([*reader._readers]) <= 2 * reading.READERS  # pyright: ignore[reportPrivateUsage]
    for task in long:
        task.cancel()
    await asyncio.gather(*long, return_exceptions=True)


async def test_a_reader_that_cannot_start_is_no_verdict(reader: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(Unavailable, match="could not be read"):
        await labels(reader, "me", "get_reward", body(TESTS))


def test_others_are_answered_while_a_label_is_read(start: Start) -> None:
    server = start("--workers", "1")
    with server.http() as http:
        answer = http.post("/get_reward", content=body(LONG["JSON"]), headers={"content-type": JSON})
        assert answer.status_code == 200
        assert http.get("/v1/status").json()["engines"][0]["kept"]["truths"]["bytes"] > 0
        answer = http.post("/remote_rm", json={"response": ADD, "label": json.dumps(TESTS)})
        assert answer.json() == 1.0
    children = psutil.Process(server.process.pid).children(recursive=True)
    server.close()
    assert server.process.returncode == 0
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


async def test_a_problem_read_a_test_at_a_time_is_the_same(
    reader: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: Problem = Problem(
        problem_id="p",
        mode="call",
        entry_point="f",
        title="é",
        tests=(TestCase("[1]", "[2]", group="a"), TestCase("[2]", "3")),
    )
    monkeypatch.setattr(problems, "LARGE", 0)
    for media, encode in ((JSON, msgspec.json.encode), (MSGPACK, msgspec.msgpack.encode)):
        store = held(tmp_path, reader)
        assert (await store.named(msgspec.Raw(encode(whole)), media, "$")).problem == whole
        given: dict[str, Any] = msgspec.to_builtins(whole)
        for change, path in (
            ({"tests": []}, "$.tests"),
            ({"tests": None}, "$.tests"),
            ({"tests": [{"input": "[1]", "output": "1"}, {"input": 3}]}, "$.tests[1].input"),
            ({"tests": [{"input": "1", "output": "1"}]}, "$.tests[0].input"),
            ({"tests": [{"input": "[]", "output": "1"}, {"input": "[", "output": "1"}]}, "$.tests[1].input"),
            ({"tests": [{"input": "[" * 5000, "output": "1"}]}, "$.tests[0].input"),
            ({"tests": [{"input": "[]", "output": "1"}, {"input": "[]", "output": "x"}]}, "$.tests[1].output"),
            ({"tests": [{"input": "[]", "output": "[" + "1," * 90_000 + "]"}]}, "$.tests[0].output"),
            ({"entry_point": None}, "$.entry_point"),
            ({"mode": "guess"}, "$.mode"),
            ({"limits": {"cpu_time": -1}}, "$.limits.cpu_time"),
        ):
            with pytest.raises(BadRequest) as refused:
                await store.named(msgspec.Raw(encode(given | change)), media, "$")
            assert refused.value.path == path
