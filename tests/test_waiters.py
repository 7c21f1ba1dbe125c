"""One judgement, several who wait: on the evaluator, in threads, on the server, behind a compiler and behind a checker."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import threading
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import psutil
import pytest
import pytest_asyncio

from microcoder.evaluator import Evaluator, Problem, Report, RewardOptions, Status, SyncEvaluator, TestCase
from microcoder.evaluator.problem import Checker
from microcoder.evaluator.server.errors import Refused, Unavailable
from microcoder.evaluator.server.gate import Gate
from microcoder.evaluator.server.logs import logger
from microcoder.evaluator.server.messages import Result
from microcoder.evaluator.server.metrics import Metrics
from microcoder.evaluator.server.routes import application
from microcoder.evaluator.server.service import Client, Service
from microcoder.evaluator.server.settings import Settings
from microcoder.evaluator.server.siblings import Siblings
from microcoder.evaluator.server.tokens import Tokens
from microcoder.sandbox.errors import SandboxError
from microcoder.sandbox.languages import LANGUAGES, Builder
from microcoder.sandbox.languages.cache import Cache
from microcoder.sandbox.limits import MIB, Limits

from .events import HELD, PATIENT, finish, let_go, running_in, until, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROBLEM = Problem(problem_id="p", tests=(TestCase("1\n", "no\n"),), limits=Limits(**PATIENT))
ECHO = Problem(problem_id="echo", tests=(TestCase("1\n", "1\n"),), limits=Limits(**PATIENT))
RANDOM = HELD + "import random\nprint(random.random())\n"
"""Tells two judgements from each other by what it prints."""


def printed(report: Report) -> str | None:
    return report.tests[0].stdout


def ask(evaluator: Evaluator, count: int, code: str = RANDOM) -> list[asyncio.Task[Report]]:
    return [asyncio.create_task(evaluator.evaluate(PROBLEM, code)) for _ in range(count)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two() -> AsyncIterator[Evaluator]:
    async with Evaluator(workers=2) as running:
        yield running


@pytest.mark.parametrize("leaver", range(3))
async def test_what_one_gives_up_is_not_forgotten(two: Evaluator, leaver: int) -> None:
    code = f"{RANDOM}# {leaver}"
    tasks = ask(two, 3, code)
    await until(lambda: running_in(two))
    tasks.pop(leaver).cancel()
    await asyncio.sleep(0)
    tasks += ask(two, 1, code)
    assert two.busy == 1
    reports = [await finish(task, two) for task in tasks]
    assert len({printed(report) for report in reports}) == 1
    assert printed(await two.evaluate(PROBLEM, code)) == printed(reports[0])


async def test_when_all_give_up_the_worker_is_free_and_the_program_is_judged_anew(two: Evaluator) -> None:
    tasks = ask(two, 3, f"{RANDOM}# all")
    await until(lambda: running_in(two))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert two.busy == 0
    (again,) = ask(two, 1, f"{RANDOM}# all")
    assert (await finish(again, two)).status is Status.WRONG_ANSWER


async def test_the_time_out_of_one_is_not_that_of_the_others(two: Evaluator) -> None:
    (patient,) = ask(two, 1, f"{RANDOM}# patient")
    await until(lambda: running_in(two))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(two.evaluate(PROBLEM, f"{RANDOM}# patient"), 0.01)
    assert (await finish(patient, two)).status is Status.WRONG_ANSWER


async def test_a_failure_of_the_judge_is_told_to_all_who_wait_and_not_kept() -> None:
    async with Evaluator(workers=1) as one:
        tasks = ask(one, 3)
        dead: set[psutil.Process] = set()
        while not tasks[0].done():
            found = set(running_in(one)) - dead
            if found:
                dead |= found
                for pid in one.pool.pids():
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
        reports = [await task for task in tasks]
        assert [(report.status, report.reward) for report in reports] == [(Status.SYSTEM_ERROR, None)] * 3
        (again,) = ask(one, 1)
        assert (await finish(again, one)).status is Status.WRONG_ANSWER


@pytest.mark.parametrize("cache", [4096, 0])
@pytest.mark.parametrize("gave_up", [True, False])
async def test_on_close_all_who_wait_are_cancelled_and_nothing_is_left(cache: int, gave_up: bool) -> None:
    """Those whose program runs, those whose program has no worker yet, and those who only run one."""
    before = asyncio.all_tasks()
    evaluator = Evaluator(workers=1, cache=cache)
    await evaluator.__aenter__()
    tasks: list[asyncio.Task[Any]] = [*ask(evaluator, 3), *ask(evaluator, 2, f"{RANDOM}# waits")]
    tasks += [asyncio.create_task(evaluator.execute(RANDOM, limits=PROBLEM.limits)) for _ in range(2)]
    await until(lambda: running_in(evaluator))
    jails = [psutil.Process(pid) for pid in evaluator.pool.pids()]
    if gave_up:
        tasks[0].cancel()
        await asyncio.sleep(0)
    await evaluator.__aexit__()
    await asyncio.wait(tasks)
    assert [task.cancelled() for task in tasks] == [True] * 7
    assert not [jail for jail in jails if jail.is_running() and jail.status() != psutil.STATUS_ZOMBIE]
    assert asyncio.all_tasks() == before
    with pytest.raises(SandboxError, match="not started"):
        await evaluator.evaluate(PROBLEM, RANDOM)
    async with evaluator:
        (again,) = ask(evaluator, 1)
        assert (await finish(again, evaluator)).status is Status.WRONG_ANSWER


async def test_on_close_the_second_of_two_that_wait_is_cancelled_after_the_first_gave_up() -> None:
    for wait in (0, 1, 5):  # turns of the loop between the two
        async with Evaluator(workers=1) as evaluator:
            first, second = ask(evaluator, 2)
            await until(lambda: running_in(evaluator))
            first.cancel()
            for _ in range(wait):
                await asyncio.sleep(0)
        await asyncio.wait((first, second))
        assert first.cancelled() and second.cancelled()


async def test_threads_that_wait_are_told_when_the_evaluator_is_closed() -> None:
    def work() -> tuple[list[str], list[str]]:
        told: list[str] = []

        def wait() -> None:
            try:
                evaluator.evaluate(PROBLEM, RANDOM)
            except BaseException as error:
                told.append(type(error).__name__)

        evaluator = SyncEvaluator(workers=1)
        with evaluator:
            threads = [threading.Thread(target=wait) for _ in range(3)]
            for thread in threads:
                thread.start()
            futures = [evaluator.submit(PROBLEM, RANDOM), evaluator.submit(PROBLEM, f"{RANDOM}# waits")]
            gives_up = evaluator.submit(PROBLEM, RANDOM)
            mine = evaluator._background.used
            wait_until(lambda: mine.pool.busy and running_in(mine))
            gives_up.cancel()
        for thread in threads:
            thread.join()
        done = [type(future.exception(60)).__name__ if not future.cancelled() else "cancelled" for future in futures]
        return told, done

    told, done = await asyncio.to_thread(work)
    assert told == [concurrent.futures.CancelledError.__name__] * 3
    assert done == ["cancelled"] * 2


async def test_threads_share_a_judgement_and_one_may_give_up() -> None:
    def work() -> list[str | None]:
        with SyncEvaluator(workers=2) as evaluator:
            mine = evaluator._background.used
            futures = [evaluator.submit(PROBLEM, RANDOM) for _ in range(3)]
            wait_until(lambda: running_in(mine))
            assert futures[1].cancel()
            futures.append(evaluator.submit(PROBLEM, RANDOM))
            del futures[1]
            while not all(future.done() for future in futures):
                let_go(running_in(mine))
            return [printed(future.result()) for future in futures]

    assert len(set(await asyncio.to_thread(work))) == 1


# ------------------------------------------------------------------------------------------------------------- server


@pytest_asyncio.fixture(loop_scope="session")
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    settings = Settings(state=str(tmp_path), log_level="error", verdicts=100, drain_seconds=0)
    async with (
        Evaluator(workers=2, cache=0) as evaluator,
        Service(settings, evaluator, Metrics(), logger("json", "error")) as running,
    ):
        yield running


def client(name: str) -> Client:
    return Client(token=-1, name=name)


async def judged(service: Service, name: str, code: str = RANDOM) -> Result:
    request = {"problem": msgspec.to_builtins(PROBLEM), "submissions": [{"code": code}]}
    asked, _ = await service.read(msgspec.json.encode(request), "application/json", client(name), RewardOptions())
    (result,) = await service.judge(client(name), asked)
    return result


def mine(service: Service) -> Evaluator:
    assert isinstance(service.evaluator, Evaluator)
    return service.evaluator


@pytest.mark.parametrize("leaver", range(3))
async def test_what_one_client_gives_up_the_server_does_not_forget(service: Service, leaver: int) -> None:
    tasks = [asyncio.create_task(judged(service, f"{n}")) for n in range(3)]
    await until(lambda: running_in(mine(service)))
    tasks.pop(leaver).cancel()
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(judged(service, "late")))
    results = [await finish(task, mine(service)) for task in tasks]
    assert len({printed(result.report) for result in results}) == 1
    assert [result.cached for result in results] == [False] * 3
    known = await judged(service, "later")
    assert known.cached
    assert printed(known.report) == printed(results[0].report)


async def test_when_all_clients_are_gone_the_server_judges_no_more(service: Service) -> None:
    tasks = [asyncio.create_task(judged(service, f"{n}")) for n in range(3)]
    await until(lambda: running_in(mine(service)))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (service.evaluator.busy, service.queue.inside, service.queue.waiting) == (0, 0, 0)


async def test_a_drain_that_gives_up_tells_those_who_wait_and_not_those_who_left(service: Service) -> None:
    tasks = [asyncio.create_task(judged(service, f"{n}")) for n in range(3)]
    await until(lambda: running_in(mine(service)))
    tasks[0].cancel()
    await asyncio.sleep(0)
    service.drain()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError, Unavailable, Unavailable]
    with pytest.raises(Refused):
        await judged(service, "late")


async def test_the_body_of_a_request_counts_until_its_stream_has_ended(service: Service) -> None:
    request = {"problem": msgspec.to_builtins(PROBLEM), "submissions": [{"code": f"{RANDOM}# stream"}]}
    body = msgspec.json.encode(request)
    messages: list[Any] = []
    received = iter([{"type": "http.request", "body": body, "more_body": False}])
    answered = asyncio.Event()

    async def receive() -> Any:
        if (message := next(received, None)) is not None:
            return message
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)
        if message.get("more_body") is False:
            answered.set()

    tokens = Tokens(service.settings.tokens)
    async with Siblings(service.settings, tokens) as siblings:
        app = Gate(application(service, siblings), service.settings, tokens, service.metrics, service.log)
        headers = [(b"content-type", b"application/json"), (b"host", b"localhost")]
        path = "/v1/evaluate/stream"
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
        asked = asyncio.create_task(app(cast("Any", scope | {"headers": headers}), receive, send))
        await until(lambda: running_in(mine(service)))
        assert (messages[0]["status"], service._body_bytes) == (200, len(body))
        await finish(asked, mine(service))
    assert b'"status":"wrong_answer"' in b"".join(message.get("body", b"") for message in messages)
    assert service._body_bytes == 0


# -------------------------------------------------------------------------------------------- compilers and checkers


async def test_one_who_gives_up_while_it_is_compiled_costs_the_others_nothing(
    two: Evaluator, cpp: None, tmp_path: Path
) -> None:
    builder = Builder(two.pool)
    builder.cache = Cache(tmp_path, 64 * MIB)
    started: list[int] = []
    source = b"int main() {}\n"

    def build(number: int) -> asyncio.Task[Any]:
        return asyncio.create_task(
            builder.program(LANGUAGES["cpp"], source, Limits(), started=lambda *_: started.append(number))
        )

    tasks = [build(number) for number in range(3)]
    await until(lambda: started)
    tasks.pop(started[0]).cancel()
    programs = [await task for task in tasks]
    assert len(started) == 1
    assert programs[0].source == programs[1].source != b""
    del builder.cache
    builder.cache = Cache(tmp_path / "empty", 64 * MIB)
    last = build(3)
    await until(lambda: len(started) == 2)
    last.cancel()
    await asyncio.gather(last, return_exceptions=True)
    assert two.busy == 0


async def test_a_checker_that_two_wait_for_is_made_ready_once(two: Evaluator, cpp: None) -> None:
    """The first to ask gives up while it is compiled."""
    source = f"int main() {{ return 42; }} // {uuid.uuid4()}, which nobody has compiled yet\n"
    checker = Checker(type="validator", language="cpp", source=source)
    problem = msgspec.structs.replace(ECHO, checker=checker)
    tasks = [asyncio.create_task(two.evaluate(problem, f"print({n})")) for n in range(2)]
    compiling = two.checkers
    await until(lambda: compiling._ready.running or len(compiling._ready))
    tasks[0].cancel()
    assert (await tasks[1]).accepted
    assert len(compiling._ready) == 1
