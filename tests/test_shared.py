"""One computation, several who wait: any may give up, nobody is forgotten, nothing goes on for nobody."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from microcoder.sandbox.bounded import ENTRY
from microcoder.sandbox.shared import Shared

pytestmark = pytest.mark.asyncio


class Work:
    """A computation that goes on when it is told to, and counts what became of it."""

    def __init__(self) -> None:
        self.begun = self.cancelled = 0
        self.go_on = asyncio.Event()
        self.cleaned = asyncio.Event()
        self.cleaned.set()

    async def __call__(self) -> str:
        self.begun += 1
        number = self.begun
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            await self.cleaned.wait()
            raise
        return f"result {number}"


@pytest.fixture
def work() -> Work:
    return Work()


@pytest_asyncio.fixture
async def shared() -> AsyncIterator[Shared[str, str]]:
    """Nothing is left of it, and nothing was reported to nobody."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    made: Shared[str, str] = Shared(2, worth=lambda result: result != "failed")
    yield made
    await made.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()
    assert not reported


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def ending(work: Work, ends: str) -> str:
    """The work, which ends like this when it is cancelled."""
    try:
        return await work()
    except asyncio.CancelledError:
        if ends == "raises":
            raise LookupError from None
        if ends == "returns":
            return "after all"
        raise


async def waiting(shared: Shared[str, str], work: Work, count: int, key: str = "a") -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(shared.result(key, work)) for _ in range(count)]
    await turns()
    return tasks


@pytest.mark.parametrize("leaver", [0, 1, 2])
async def test_whoever_gives_up_the_others_get_it(shared: Shared[str, str], work: Work, leaver: int) -> None:
    tasks = await waiting(shared, work, 3)
    tasks[leaver].cancel()
    await turns()
    assert tasks[leaver].cancelled()
    tasks += await waiting(shared, work, 1)  # it was not forgotten either
    work.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [each for n, each in enumerate(results) if n != leaver] == ["result 1"] * 3
    assert await shared.result("a", work) == "result 1"
    assert (work.begun, work.cancelled) == (1, 0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
async def test_when_all_give_up_it_is_cancelled_and_begun_anew(
    shared: Shared[str, str], work: Work, order: tuple[int, ...]
) -> None:
    tasks = await waiting(shared, work, 3)
    for leaver in order:
        assert not work.cancelled
        tasks[leaver].cancel()
        await turns()
    assert (work.begun, work.cancelled, shared.running) == (1, 1, 0)
    (again,) = await waiting(shared, work, 1)
    work.go_on.set()
    assert await again == "result 2"


async def test_the_last_to_give_up_sees_it_end_and_newcomers_do_not_wait_for_that(
    shared: Shared[str, str], work: Work
) -> None:
    work.cleaned.clear()
    (last,) = await waiting(shared, work, 1)
    last.cancel()
    await turns()
    assert work.cancelled
    assert not last.done()
    work.go_on.set()
    assert await shared.result("a", work) == "result 2"
    work.cleaned.set()
    with pytest.raises(asyncio.CancelledError):
        await last
    assert await shared.result("a", work) == "result 2"


async def test_one_who_gives_up_when_the_result_is_there_costs_nobody_the_result(
    shared: Shared[str, str], work: Work
) -> None:
    ends: set[bool] = set()
    for steps in range(8):  # wherever between its last step and that of who waits
        work.go_on.clear()
        (task,) = await waiting(shared, work, 1, f"{steps}")
        work.go_on.set()
        await turns(steps)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ends.add(task.cancelled())
        assert await shared.result(f"{steps}", work) == f"result {steps + 1}"
    assert (work.begun, work.cancelled, ends) == (8, 0, {True, False})


async def test_a_failure_is_told_to_all_and_not_remembered(shared: Shared[str, str], work: Work) -> None:
    async def failing() -> str:
        await work.go_on.wait()
        raise LookupError("no")

    tasks = [asyncio.create_task(shared.result("a", failing)) for _ in range(3)]
    await turns()
    work.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [repr(each) for each in results] == ["LookupError('no')"] * 3
    assert await shared.result("a", work) == "result 1"


async def test_what_is_not_worth_it_is_told_to_all_and_not_remembered(shared: Shared[str, str], work: Work) -> None:
    async def failed() -> str:
        await work.go_on.wait()
        return "failed"

    tasks = [asyncio.create_task(shared.result("a", failed)) for _ in range(3)]
    await turns()
    work.go_on.set()
    assert await asyncio.gather(*tasks) == ["failed"] * 3
    assert await shared.result("a", work) == "result 1"


async def test_a_failure_while_it_is_cancelled_is_nobodys(shared: Shared[str, str]) -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("in the middle of it")

    task = asyncio.create_task(shared.result("a", stubborn))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("ends", ["cancelled", "raises", "returns"])
async def test_on_close_all_who_wait_are_cancelled(shared: Shared[str, str], work: Work, ends: str) -> None:
    work.go_on.set()
    assert await shared.result("b", work) == "result 1"
    work.go_on.clear()
    tasks = [asyncio.create_task(shared.result("a", lambda: ending(work, ends))) for _ in range(3)]
    await turns()
    tasks[0].cancel()
    await turns()
    await shared.close()
    await turns()
    assert [task.cancelled() for task in tasks] == [True] * 3
    assert (work.cancelled, shared.running, len(shared)) == (1, 0, 0)
    work.go_on.set()
    assert await shared.result("b", work) == "result 3"  # it may be used again


async def test_who_gives_up_while_it_closes_interrupts_nothing(shared: Shared[str, str], work: Work) -> None:
    work.cleaned.clear()
    (task,) = await waiting(shared, work, 1)
    closing = asyncio.create_task(shared.close())
    await turns()
    task.cancel()
    await turns()
    assert task.cancelled()
    assert not closing.done()
    work.cleaned.set()
    await closing
    assert work.cancelled == 1


async def test_what_is_waited_for_is_not_evicted(shared: Shared[str, str], work: Work) -> None:
    (task,) = await waiting(shared, work, 1)

    async def at_once() -> str:
        return "quick"

    for key in "bcdef":
        await shared.result(key, at_once)
    assert len(shared) == 2  # however long the first one takes
    tasks = [task, *await waiting(shared, work, 1)]
    work.go_on.set()
    assert await asyncio.gather(*tasks) == ["result 1"] * 2
    assert [key for key in "abcdef" if key in shared] == ["a", "f"]
    assert await shared.result("f", work) == "quick"
    await shared.result("g", at_once)
    assert [key for key in "afg" if key in shared] == ["f", "g"]  # the one asked for longest ago went


async def test_nothing_is_remembered_but_what_is_under_way_is_shared(work: Work) -> None:
    forgetful: Shared[str, str] = Shared()
    tasks = await waiting(forgetful, work, 2)
    work.go_on.set()
    assert await asyncio.gather(*tasks) == ["result 1"] * 2
    assert await forgetful.result("a", work) == "result 2"


@pytest.mark.parametrize(
    "limited", [lambda work: asyncio.wait_for(work, 0.01), lambda work: _timeout(work)], ids=["wait_for", "timeout"]
)
async def test_time_outs_are_those_of_one(
    shared: Shared[str, str], work: Work, limited: Callable[[Coroutine[Any, Any, str]], Coroutine[Any, Any, str]]
) -> None:
    (other,) = await waiting(shared, work, 1)
    with pytest.raises(TimeoutError):
        await limited(shared.result("a", work))
    assert not work.cancelled
    work.go_on.set()
    assert await other == "result 1"
    work.go_on.clear()
    with pytest.raises(TimeoutError):
        await limited(shared.result("b", work))
    assert work.cancelled == 1


async def _timeout(work: Coroutine[Any, Any, str]) -> str:
    async with asyncio.timeout(0.01):
        return await work


async def test_one_behind_a_shield_still_waits(shared: Shared[str, str], work: Work) -> None:
    inner = asyncio.ensure_future(shared.result("a", work))
    outer = asyncio.ensure_future(asyncio.shield(inner))
    await turns()
    outer.cancel()
    await turns()
    assert outer.cancelled()
    assert not work.cancelled
    work.go_on.set()
    assert await inner == "result 1"


async def test_what_is_remembered_is_bounded_in_bytes() -> None:
    async def named(name: str) -> str:
        return name

    most = 1000 + 3 * ENTRY
    names = "a" * 400, "b" * 400, "x" * (most + 1), "c" * 200, "d" * 300
    shared: Shared[str, str] = Shared(100, size=len, most=most)
    for name in names:
        assert await shared.result(name, lambda name=name: named(name)) == name
    assert [name in shared for name in names] == [False, True, False, True, True]
    assert shared.bytes == 900 + 3 * ENTRY
    shared.forget()
    await shared.result("e" * most, lambda: named("e" * most))
    assert len(shared) == 1
    await shared.close()


async def test_results_are_packed_to_be_remembered() -> None:
    async def made() -> list[int]:
        return [1, 2, 3]

    shared: Shared[str, list[int]] = Shared(9, size=len, most=1 << 10, pack=bytes, unpack=list)
    first, again = [await shared.result("a", made) for _ in range(2)]
    assert first == again == [1, 2, 3] and first is not again
    assert shared.bytes == 3 + ENTRY
    await shared.close()


async def test_one_computation_may_wait_for_another(shared: Shared[str, str], work: Work) -> None:
    """Cancelled at the top, all of it has ended when that has."""

    async def outer() -> str:
        return await shared.result("inner", work)

    (other,) = await waiting(shared, work, 1, "inner")
    task = asyncio.create_task(shared.result("outer", outer))
    await turns()
    other.cancel()
    await turns()
    assert not work.cancelled
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (work.begun, work.cancelled, shared.running) == (1, 1, 0)


async def test_a_group_that_fails_gives_up_only_for_itself(shared: Shared[str, str], work: Work) -> None:
    (other,) = await waiting(shared, work, 1)

    async def failing() -> None:
        await turns()
        raise LookupError

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.result("a", work))
            group.create_task(failing())

    with pytest.raises(ExceptionGroup):
        await together()
    work.go_on.set()
    assert await other == "result 1"


# ------------------------------------------------------------------------------------- what nobody else can ask for


async def alone(shared: Shared[str, str], work: Work, count: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(shared.alone(work())) for _ in range(count)]
    await turns()
    return tasks


async def test_those_that_nobody_else_can_ask_for_are_one_each_and_not_remembered(
    shared: Shared[str, str], work: Work
) -> None:
    tasks = await alone(shared, work, 2)
    assert (work.begun, shared.running) == (2, 2)
    work.go_on.set()
    assert await asyncio.gather(*tasks) == ["result 1", "result 2"]
    assert (shared.running, len(shared)) == (0, 0)


async def test_who_gives_up_one_of_his_own_sees_it_end(shared: Shared[str, str], work: Work) -> None:
    work.cleaned.clear()
    given_up, other = await alone(shared, work, 2)
    given_up.cancel()
    await turns()
    assert (work.cancelled, given_up.done()) == (1, False)
    work.cleaned.set()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    work.go_on.set()
    assert await other == "result 2"


async def test_a_failure_of_his_own_is_told(shared: Shared[str, str]) -> None:
    async def failing() -> str:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await shared.alone(failing())
    assert shared.running == 0


@pytest.mark.parametrize("ends", ["cancelled", "raises", "returns"])
async def test_on_close_who_waits_for_one_of_his_own_is_told_and_not_cancelled_himself(
    shared: Shared[str, str], work: Work, ends: str
) -> None:
    async def goes_on() -> int:
        with pytest.raises(asyncio.CancelledError):
            await shared.alone(ending(work, ends))
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    work.cleaned.clear()
    tasks = [asyncio.create_task(goes_on()) for _ in range(2)]
    await turns()
    closing = asyncio.gather(shared.close(), shared.close())
    await turns()
    assert (work.cancelled, closing.done()) == (2, False)
    work.cleaned.set()
    await closing
    assert await asyncio.gather(*tasks) == [0, 0]
    assert shared.running == 0


async def test_one_of_his_own_may_end_while_it_is_cancelled(shared: Shared[str, str], work: Work) -> None:
    """Wherever between its last step and that of who waits."""
    for steps in range(5):
        work.go_on.clear()
        (task,) = await alone(shared, work, 1)
        work.go_on.set()
        await turns(steps)
        await shared.close()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled() or task.result() == f"result {steps + 1}"
    assert shared.running == 0
