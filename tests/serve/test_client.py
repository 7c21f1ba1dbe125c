"""The client: nothing is lost, nothing is made up."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from microcoder.bench.served import free_port
from microcoder.evaluator import Problem, Status, Submission, TestCase
from microcoder.evaluator.client import (
    AsyncClient,
    Client,
    JudgeFailed,
    JudgeUnavailable,
    RequestRefused,
    asynchronous,
    call,
    endpoints,
)
from microcoder.evaluator.client.endpoints import Endpoint, Endpoints
from microcoder.sandbox.limits import Limits

from ..events import HELD, PATIENT, until
from .conftest import ADD, SUMS, WRONG, Server

Start = Callable[..., Server]


@asynccontextmanager
async def answering(*answers: bytes, port: int = 0) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that is well and gives these answers, one a connection, the last again and again; b"" hangs up. With
    what it got."""
    left = list(answers)
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /health "):
            writer.write(response(200))
            writer.close()
            return
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        requests.append(head + await reader.readexactly(length))
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


def response(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d x" % status, b"content-length: %d" % len(body), b"connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def of_two_files(add: str) -> Submission:
    return Submission(code="from adding import add\nprint(add(*map(int, input().split())))", files={"adding.py": add})


async def test_programs_of_several_files(server: Server) -> None:
    right, wrong = "add = int.__add__", "add = int.__sub__"
    async with AsyncClient(server.address) as judge:
        assert [await judge.reward(SUMS, of_two_files(add)) for add in (right, wrong, right)] == [1.0, 0.0, 1.0]
        assert (await judge.evaluate(SUMS, of_two_files("'\ud800'"))).status is Status.COMPILE_ERROR
        with pytest.raises(RequestRefused, match=r"files: not a plain relative name: '\.\./x'"):
            await judge.evaluate(SUMS, Submission(code=ADD, files={"../x": ""}))


async def test_the_same_reports_as_the_evaluator(server: Server) -> None:
    async with AsyncClient(server.address, name="tests") as judge:
        right = await judge.evaluate(SUMS, Submission(code=ADD, name="n", accept=True))
        assert (right.status, right.name, right.accept, right.reward, right.total) == (
            Status.ACCEPTED,
            "n",
            True,
            1.0,
            3,
        )
        assert (await judge.evaluate(SUMS, WRONG)).tests[0].stdout == "-1\n"
        assert (await judge.evaluate(SUMS, Submission(code=None))).status is Status.NO_CODE
        assert (await judge.evaluate(SUMS, "print('\ud800')")).status is Status.COMPILE_ERROR
        assert [await judge.reward(SUMS, program) for program in (ADD, WRONG)] == [1.0, 0.0]
        many = [report.reward async for report in judge.evaluate_many((SUMS, code) for code in [ADD, WRONG] * 20)]
        assert many == [1.0, 0.0] * 20
        with pytest.raises(RequestRefused, match=r"tests: 51 of them") as refused:
            await judge.reward(Problem(problem_id="p", tests=(TestCase(),) * 51), ADD)
        assert refused.value.status == 400


async def test_a_large_problem_travels(start: Start) -> None:
    problem = Problem(problem_id="large", tests=(TestCase("x" * 3_000_000 + "\n", "3000000\n"),))
    async with AsyncClient(start().address) as client:
        assert (await client.evaluate(problem, "print(len(input()))")).accepted


def test_the_same_without_an_event_loop(server: Server) -> None:
    with Client([server.address]) as judge:
        assert judge.evaluate(SUMS, ADD).accepted
        assert judge.reward(SUMS, WRONG) == 0.0
        assert [report.accepted for report in judge.evaluate_many([(SUMS, ADD), (SUMS, WRONG)])] == [True, False]


async def test_a_problem_is_sent_once_for_all_who_wait_and_one_may_give_up(server: Server) -> None:
    puts: list[bytes] = []
    connections: list[Any] = []
    go_on = asyncio.Event()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if data.startswith(b"PUT "):
                puts.append(data)
                await go_on.wait()
            writer.write(data)
        writer.close()

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        host, port = server.address.removeprefix("http://").split(":")
        there = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))

    problem = Problem(problem_id="sent once", tests=SUMS.tests)
    async with await asyncio.start_server(between, "127.0.0.1", 0) as relay:
        async with AsyncClient(f"http://127.0.0.1:{relay.sockets[0].getsockname()[1]}") as judge:
            tasks = [asyncio.create_task(judge.evaluate(problem, f"{ADD}# {n}")) for n in range(3)]
            waiting = judge._registering._running.values()
            await until(lambda: puts and [len(each.waiting) for each in waiting] == [3])
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            go_on.set()
            assert [report.accepted for report in await asyncio.gather(*tasks[1:])] == [True] * 2
        await asyncio.wait(connections)
    assert len(puts) == 1


async def test_no_server_is_none_or_an_exception_and_never_0() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with AsyncClient(nobody, deadline=2) as judge:
        assert await judge.reward(SUMS, ADD) is None
        with pytest.raises(JudgeUnavailable, match="Cannot connect"):
            await judge.evaluate(SUMS, ADD)
    async with AsyncClient(nobody, deadline=0.5, failures="raise") as judge:
        with pytest.raises(JudgeUnavailable):
            await judge.reward(SUMS, ADD)


_BROKEN = {"problem_id": "p", "status": "system_error", "passed": 0, "total": 1, "tests": [{"status": "skipped"}]}
UNDECIDED = msgspec.msgpack.encode({"results": [{"place": 0, "reward": None, "report": _BROKEN}]})


WRONG_REPORTS: dict[str, dict[str, Any]] = {
    "fewer tests": {"tests": [{"status": "accepted"}] * 2},
    "no tests": {"tests": []},
    "more tests": {"tests": [{"status": "accepted"}] * 4},
    "accepted, but not all passed": {"tests": [{"status": "accepted"}, {"status": "accepted"}, {"status": "skipped"}]},
    "passed more than there are": {"passed": 4},
    "accepted and nothing passed": {"passed": 0, "total": 0, "tests": []},
}


@pytest.mark.parametrize("name", WRONG_REPORTS)
async def test_a_report_that_contradicts_itself_is_not_believed(name: str) -> None:
    right = {"problem_id": "sums", "status": "accepted", "passed": 3, "total": 3, "tests": [{"status": "accepted"}] * 3}
    rewards: list[float | None] = []
    for report in (right, right | WRONG_REPORTS[name]):
        body = msgspec.msgpack.encode({"results": [{"place": 0, "reward": 1.0, "report": report}]})
        async with answering(response(200, body)) as (address, _), AsyncClient(address, deadline=20) as judge:
            rewards.append(await judge.reward(SUMS, ADD))
    assert rewards == [1.0, None]


async def test_a_dead_server_is_not_asked_for_ever_and_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "UNASKED", 0.2)
    port = free_port()
    judge = AsyncClient(f"http://127.0.0.1:{port}", deadline=100)  # nobody closes it
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(judge.reward(SUMS, ADD), 0.5)
    (endpoint,) = judge._endpoints.all
    await until(lambda: endpoint._probing is None)
    assert not endpoint.well
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    refusal = response(400, b'{"error": {"code": "bad_request", "message": "seen"}}')
    async with answering(refusal, port=port):
        with pytest.raises(RequestRefused, match="seen"):
            await judge.reward(SUMS, ADD)
    await judge.__aexit__()


async def test_a_failure_of_the_judge_is_none_or_an_exception() -> None:
    async with answering(response(200, UNDECIDED)) as (address, _):
        async with AsyncClient(address, deadline=20) as judge:
            assert await judge.reward(SUMS, ADD) is None
        async with AsyncClient(address, failures="raise", deadline=20) as judge:
            with pytest.raises(JudgeFailed):
                await judge.reward(SUMS, ADD)


@pytest.mark.parametrize(
    "trouble",
    [
        b"",
        response(429),
        response(503, b"", b"retry-after: 1"),
        response(504),
        b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n",
    ],
)
async def test_trouble_that_passes_is_sat_out_under_one_id(trouble: bytes) -> None:
    refusal = response(400, b'{"error": {"code": "bad_request", "message": "seen", "path": "$.x"}}')
    async with answering(trouble, trouble, refusal) as (address, requests), AsyncClient(address, deadline=20) as judge:
        with pytest.raises(RequestRefused, match=r"400 bad_request: \$\.x: seen"):
            await judge.evaluate(SUMS, ADD)
    assert len(requests) == 3
    assert len({request.partition(b"\r\n\r\n")[2] for request in requests}) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413])
async def test_a_request_that_is_refused_is_not_sent_again(status: int) -> None:
    refusal = b'{"error": {"code": "no", "message": "never"}}'
    async with (
        answering(response(status, refusal)) as (address, requests),
        AsyncClient(address, deadline=20) as judge,
    ):
        with pytest.raises(RequestRefused, match=f"{status} no: never"):
            await judge.reward(SUMS, ADD)
    assert len(requests) == 1


RESULT: dict[str, Any] = {
    "place": 0,
    "reward": 1.0,
    "report": {
        "problem_id": "p",
        "status": "accepted",
        "passed": 1,
        "total": 1,
        "tests": [{"status": "accepted"}],
    },
}
ACCEPTED = msgspec.msgpack.encode({"results": [RESULT]})
NO_ANSWERS = {
    "500": response(500, b"oops"),
    "500 of ours": response(500, b'{"error": {"code": "internal", "message": "a fault"}}'),
    "page": response(200, b"<html>login</html>", b"content-type: text/html"),
    "page that is not there": response(404, b"<html>nginx</html>"),
    "elsewhere": response(302, b"", b"location: http://127.0.0.1:9/"),
    "half": response(200, b'{"results": ['),
    "nothing": response(200),
    "no verdict": response(200, msgspec.msgpack.encode({"results": []})),
    "two verdicts": response(200, msgspec.msgpack.encode({"results": [RESULT, RESULT]})),
    "verdict on another": response(200, msgspec.msgpack.encode({"results": [RESULT | {"place": 1}]})),
    "reward without bound": response(200, msgspec.msgpack.encode({"results": [RESULT | {"reward": 2.0}]})),
    "reward that is no number": response(200, msgspec.msgpack.encode({"results": [RESULT | {"reward": math.nan}]})),
    "reward for a rejection": response(200, msgspec.msgpack.encode({"results": [RESULT | {"reward": 0.0}]})),
    "no text": response(200, b"\x81\xa7results\x91\x81\xa2id\xa2\xff\xff"),
    "without end": response(200, b"\x81\xa1x" + b"\x91" * 200_000),
    "refusal that is no text": response(400, b'{"error": {"code": "\xff"}}'),
    "refusal without end": response(400, b'{"x": ' + b"[" * 200_000),
    "more than is read": b"HTTP/1.1 200 x\r\ncontent-length: 100000000000\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_an_answer_that_is_none_is_no_verdict_and_never_0(name: str) -> None:
    async with answering(NO_ANSWERS[name]) as (address, requests):
        async with AsyncClient(address, deadline=20) as judge:
            assert await judge.reward(SUMS, ADD) is None
        async with AsyncClient(address, deadline=20, failures="raise") as judge:
            with pytest.raises(JudgeUnavailable, match="no server gives an answer"):
                await judge.reward(SUMS, ADD)
    assert len(requests) == 2


@asynccontextmanager
async def failing(how: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that accepts connections and then fails in that way, for its health as well."""
    connections: list[bytes] = []
    tasks: set[asyncio.Task[object]] = set()

    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            connections.append(head)
            if how == "drips":
                writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 100000\r\n\r\n")
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            elif how == "stops":
                writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 1000\r\n\r\nabc")
            elif how == "speaks otherwise":
                writer.write(b"SSH-2.0-OpenSSH_9\r\n")
            elif how == "hangs":
                await asyncio.Event().wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    async with await asyncio.start_server(fail, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections
        for task in tasks:
            task.cancel()


def living_on(*addresses: str) -> Problem:
    """A problem that is sent to the first of them as long as that is well, then to the second, ..."""
    for number in range(1000):
        problem = Problem(problem_id=str(number), tests=SUMS.tests)
        digest = hashlib.sha256(msgspec.msgpack.encode(problem)).hexdigest()
        weights = [endpoint(address).weight(digest) for address in addresses]
        if weights == sorted(weights, reverse=True):
            return problem
    raise AssertionError("all problems live elsewhere")


def endpoint(address: str) -> Endpoint:
    return Endpoint(address, headers={}, connections=1, connect_seconds=1, most=1000)


@pytest.mark.parametrize("how", ["hangs", "drips", "stops", "hangs up", "speaks otherwise"])
async def test_a_server_that_fails_holds_up_nobody_whose_other_server_is_free(how: str) -> None:
    async with failing(how) as (bad, connections), answering(response(200, ACCEPTED)) as (good, _):
        problem = living_on(bad, good)
        async with AsyncClient([bad, good], deadline=100) as judge:
            assert await judge.reward(problem, ADD) == 1.0
            assert sum(head.startswith(b"POST") for head in connections) == 1
            await until(lambda: not judge._endpoints.all[0].well)
            assert await judge.reward(problem, ADD) == 1.0
            assert sum(head.startswith(b"POST") for head in connections) == 1  # it is known to be unwell


async def test_calls_that_come_do_not_hide_that_a_server_says_nothing() -> None:
    async with failing("hangs") as (bad, _), answering(response(200, ACCEPTED)) as (good, _):
        problem = living_on(bad, good)
        async with AsyncClient([bad, good], deadline=100) as judge:
            calls = [asyncio.create_task(judge.reward(problem, ADD))]
            while not calls[0].done():
                calls.append(asyncio.create_task(judge.reward(problem, ADD)))
                await asyncio.sleep(0.1)
            assert set(await asyncio.gather(*calls)) == {1.0}


@pytest.mark.parametrize("name", [*NO_ANSWERS, "502", "503", "429"])
async def test_an_answer_that_is_none_holds_up_nobody_whose_other_server_is_free(name: str) -> None:
    after = b"retry-after: 1000"
    answer = NO_ANSWERS[name] if name in NO_ANSWERS else response(int(name), b"<html>", after)
    async with (
        answering(answer) as (bad, requests),
        answering(response(200, ACCEPTED)) as (good, _),
        AsyncClient([bad, good], deadline=100) as judge,
    ):
        assert await judge.reward(living_on(bad, good), ADD) == 1.0
    assert len(requests) == 1


@pytest.mark.parametrize("seconds", ["30", "1" + "0" * 400])
async def test_no_server_sets_a_pause_that_is_longer_than_ours(seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "LONGEST_PAUSE", 0.01)
    later = response(503, b"", f"retry-after: {seconds}".encode())
    async with (
        answering(later, response(200, ACCEPTED)) as (address, requests),
        AsyncClient(address, deadline=20) as judge,
    ):
        assert await judge.reward(SUMS, ADD) == 1.0
    assert len(requests) == 2


async def test_what_one_server_refuses_another_may_take() -> None:
    refusal = response(401, b'{"error": {"code": "unauthorized", "message": "which token?"}}')
    async with (
        answering(refusal) as (bad, requests),
        answering(response(200, ACCEPTED)) as (good, _),
        answering(refusal) as (other, _),
    ):
        async with AsyncClient([bad, good], deadline=100) as judge:
            assert await judge.reward(living_on(bad, good), ADD) == 1.0
            assert len(requests) == 1
        async with AsyncClient([bad, other], deadline=100) as judge:
            with pytest.raises(RequestRefused, match="which token"):
                await judge.reward(SUMS, ADD)


async def test_what_one_judge_fails_on_another_may_judge() -> None:
    async with (
        answering(response(200, UNDECIDED)) as (bad, requests),
        answering(response(200, ACCEPTED)) as (good, _),
        answering(response(200, UNDECIDED)) as (other, others),
    ):
        async with AsyncClient([bad, good], deadline=100) as judge:
            assert await judge.reward(living_on(bad, good), ADD) == 1.0
            assert len(requests) == 1
        async with AsyncClient([bad, other], deadline=100) as judge:
            assert (await judge.evaluate(SUMS, ADD)).status is Status.SYSTEM_ERROR
            assert (len(requests), len(others)) == (2, 1)


@asynccontextmanager
async def telling(health: Callable[[], bytes], *, answers: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that tells how it is, b"": it does not; and gives an answer when it has been asked how it is, or none.
    With the first lines of what it got."""
    heads: list[bytes] = []
    asked = asyncio.Event()
    tasks: set[asyncio.Task[object]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            heads.append(head.partition(b"\r\n")[0])
            is_health = head.startswith(b"GET /health ")
            if is_health:
                asked.set()
            else:
                await asked.wait()
            if not (said := health() if is_health else response(200, ACCEPTED) if answers else b""):
                await asyncio.Event().wait()
            writer.write(said)
        tasks.discard(task)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
        for task in tasks:
            task.cancel()


WELL = response(200, b'{"status": "ok"}')
BUSY = response(200, b'{"status": "ok", "idle": false}')


@pytest.mark.parametrize("health", [b"", WELL, BUSY])
async def test_what_a_server_has_that_tells_how_it_is_and_no_verdict_an_idle_one_gets_too(health: bytes) -> None:
    async with (
        telling(lambda: health) as (first, _),
        telling(lambda: health) as (second, _),
        answering(response(200, ACCEPTED)) as (idle, requests),
        AsyncClient([first, second, idle], deadline=100) as judge,
    ):
        problem = living_on(first, second, idle)
        assert await asyncio.gather(*(judge.reward(problem, ADD) for _ in range(8))) == [1.0] * 8
        assert len(requests) == 8


async def test_a_server_that_has_something_to_do_gets_nothing_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "PATIENCE", 0.0)
    told = 0

    def tell() -> bytes:
        nonlocal told
        told += 1
        return BUSY

    async with (
        telling(tell) as (busy, heads),
        telling(lambda: WELL) as (stuck, _),
        AsyncClient([busy, stuck], deadline=100) as judge,
    ):
        monkeypatch.setattr(endpoints, "SILENCE", 0.01)
        waiting = asyncio.create_task(judge.reward(living_on(stuck, busy), ADD))
        await until(lambda: told > 3)
        waiting.cancel()
        await asyncio.wait((waiting,))
    assert not any(head.startswith(b"POST") for head in heads)


async def test_our_server_tells_whether_a_worker_is_idle(server: Server) -> None:
    problem = Problem(problem_id="held", tests=(TestCase(),), limits=Limits(**PATIENT))
    with server.http() as http:
        async with AsyncClient(server.address, deadline=None) as judge:
            held = [asyncio.create_task(judge.reward(problem, f"{HELD}# {n}")) for n in range(2)]
            await until(lambda: http.get("/health").json() == {"status": "ok", "idle": False})
            for each in held:
                each.cancel()
            await asyncio.wait(held)
        await until(lambda: http.get("/health").json() == {"status": "ok", "idle": True})


async def test_an_answer_counts_also_while_the_server_does_not_tell_how_it_is() -> None:
    async with (
        telling(lambda: b"", answers=True) as (address, heads),
        AsyncClient(address, deadline=100) as judge,
    ):
        assert await judge.reward(SUMS, ADD) == 1.0
    assert [head.split()[0] for head in heads] == [b"POST", b"GET"]


async def test_an_event_loop_that_is_held_up_takes_no_server_for_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "SILENCE", 0.01)
    monkeypatch.setattr(endpoints, "HEALTH_SECONDS", 0.05)
    async with telling(lambda: b"") as (address, heads), AsyncClient(address, deadline=None) as judge:
        waiting = asyncio.create_task(judge.reward(SUMS, ADD))
        await until(lambda: judge._endpoints.all[0]._asking)
        time.sleep(0.05 + 2 * endpoints.LATE)  # noqa: ASYNC251
        await until(lambda: judge._endpoints.all[0]._probing is None)
        assert judge._endpoints.all[0].well
        waiting.cancel()
        await asyncio.wait((waiting,))
    assert sum(head.startswith(b"POST") for head in heads) == 1


@pytest.mark.parametrize("how", ["hangs", "drips"])
async def test_nothing_is_left_of_a_client_that_is_closed_while_calls_wait(how: str) -> None:
    before = asyncio.all_tasks()
    async with failing(how) as (address, connections):
        judge = AsyncClient(address, deadline=None)
        calls = [asyncio.create_task(judge.reward(SUMS, ADD)) for _ in range(3)]
        await until(lambda: sum(head.startswith(b"POST") for head in connections) == 3)
        await judge.__aexit__(None, None, None)
        assert all(each.cancelled() for each in calls)
        ours = {task for task in asyncio.all_tasks() - before if "failing" not in str(task.get_coro())}
        assert not ours
        assert judge._calls._looking is None
        assert judge._endpoints.all[0]._session is judge._endpoints.all[0]._asking is None


async def test_problems_are_remembered_up_to_a_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynchronous, "PROBLEM_BYTES", 2000)
    async with answering(response(200, ACCEPTED)) as (address, _), AsyncClient(address, deadline=100) as judge:
        for size in (10, 100, 2500, 300, 300):
            await judge.evaluate(Problem(problem_id="p", tests=(TestCase("x" * size),)), ADD)
            assert judge._written_bytes == sum(len(each.data) for each in judge._written.values())
            assert judge._written_bytes <= 2000 or len(judge._written) == 1
        assert len(judge._written) == 2


async def test_a_problem_goes_back_to_its_own_server_when_that_is_well_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    own = f"http://127.0.0.1:{port}"
    async with answering(response(200, ACCEPTED)) as (other, elsewhere):
        problem = living_on(own, other)
        async with AsyncClient([own, other], deadline=100) as judge:
            assert await judge.reward(problem, ADD) == 1.0
            assert len(elsewhere) == 1
            async with answering(response(200, ACCEPTED), port=port) as (_, requests):
                await until(lambda: judge._endpoints.all[0].well)
                assert await judge.reward(problem, ADD) == 1.0
                assert (len(requests), len(elsewhere)) == (1, 1)


async def test_a_call_that_waits_for_its_verdict_is_not_sent_again_while_the_server_tells_how_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoints, "SILENCE", 0.02)
    asked: list[bytes] = []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head[:4])
        while head.startswith(b"POST") and asked.count(b"GET ") < 10:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        writer.write(response(200, ACCEPTED))
        writer.close()

    async with (
        await asyncio.start_server(slow, "127.0.0.1", 0) as server,
        AsyncClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", deadline=100) as judge,
    ):
        assert await judge.reward(SUMS, ADD) == 1.0
    assert asked.count(b"POST") == 1


async def test_a_problem_stays_with_one_of_several_servers() -> None:
    def servers(*names: str) -> Endpoints:
        return Endpoints([endpoint(f"http://{name}:1") for name in names])

    three, two = servers("a", "b", "c"), servers("a", "b")
    chosen = {digest: three.choose(digest, {}) for digest in map(str, range(300))}
    counts = [list(chosen.values()).count(each) for each in three.all]
    assert min(counts) > 60
    for digest, at in chosen.items():
        assert at is not None
        if at is not three.all[2]:
            assert two.choose(digest, {}) is two.all[three.all.index(at)]
    three.all[2].trouble = "gone"
    assert all(three.choose(digest, {}) is not three.all[2] for digest in chosen)


async def test_the_other_server_takes_over(server: Server) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    problems = [Problem(problem_id=str(n), tests=SUMS.tests) for n in range(8)]  # some of them live on the dead one
    async with AsyncClient([dead, server.address], deadline=60) as judge:
        assert [await judge.reward(problem, ADD) for problem in problems] == [1.0] * 8


@pytest.mark.parametrize("text", ["", "127.0.0.1:80", "ftp://x", "unix:"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        AsyncClient(text)


async def test_a_server_killed_and_started_again_loses_nothing(start: Start) -> None:
    port = str(free_port())
    problems = [Problem(problem_id=str(n), tests=SUMS.tests) for n in range(10)]
    pairs = [(problems[n % 10], f"{ADD if n % 3 else WRONG}# {n}") for n in range(300)]
    server = start("--port", port)
    done = 0
    rewards: list[float | None] = []

    async def kill() -> None:
        nonlocal server
        for wanted in (50, 150):
            while done < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            os.kill(server.process.pid, signal.SIGKILL)
            await asyncio.sleep(random.uniform(0, 0.3))
            server = await asyncio.to_thread(start, "--port", port)

    async with AsyncClient(server.address, connections=32, deadline=100) as judge:
        killing = asyncio.create_task(kill())
        async for report in judge.evaluate_many(pairs):
            rewards.append(report.reward)
            done += 1
        await killing
    assert rewards == [1.0 if n % 3 else 0.0 for n in range(300)]
