"""Places of a pool: turns, who goes ahead, what a place is not lost by; and that a compiled program need not queue again."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import uuid

import pytest

from microcoder.evaluator import Evaluator, Problem, Report, Submission, TestCase
from microcoder.sandbox.places import Places


async def started(waiting: asyncio.Task[None]) -> asyncio.Task[None]:
    """Once it waits."""
    await asyncio.sleep(0)
    return waiting


@pytest.mark.asyncio
async def test_in_turn_and_ahead() -> None:
    places, order = Places(1), list[str]()
    await places.acquire()

    async def take(name: str, *, ahead: bool = False) -> None:
        await places.acquire(ahead=ahead)
        order.append(name)
        places.release()

    tasks = [asyncio.create_task(take(name, ahead=name.isupper())) for name in "abCdE"]
    await asyncio.sleep(0)
    places.release()
    await asyncio.gather(*tasks)
    assert order == ["C", "E", "a", "b", "d"]
    await places.acquire()  # nothing was lost


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.asyncio
async def test_who_gives_up_takes_no_place_along(late: bool) -> None:
    places = Places(1)
    await places.acquire()
    gives_up = await started(asyncio.create_task(places.acquire(ahead=True)))
    other = await started(asyncio.create_task(places.acquire()))
    if late:  # it has been handed the place, and does not know it
        places.release()
        gives_up.cancel()
    else:
        gives_up.cancel()
        places.release()
    async with asyncio.timeout(30):
        await other
    assert gives_up.cancelled()


@pytest.mark.skipif(not shutil.which("g++"), reason="needs g++")
@pytest.mark.asyncio
async def test_what_is_compiled_runs_before_others_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(problem_id="p", tests=(TestCase("", "1"),))
    source = '#include <cstdio>\nint main() {{ std::puts("1"); }} // {}'
    salt = uuid.uuid4()  # so that none is kept from another run
    programs = [Submission(code=source.format(f"{salt} {number}"), language="cpp") for number in range(6)]
    events: list[str] = []
    async with Evaluator(workers=1) as evaluator:
        builder = type(evaluator.builder)
        compiled = builder._compiled  # pyright: ignore[reportPrivateUsage]

        async def told(*arguments: object, **options: object) -> object:
            made = await compiled(*arguments, **options)  # pyright: ignore[reportArgumentType]
            events.append("compiled")
            return made

        monkeypatch.setattr(builder, "_compiled", told)

        def finished(place: int, report: Report) -> None:
            assert report.accepted, report.message
            events.append("judged")

        async for _ in evaluator.evaluate_many([(problem, program) for program in programs], finished=finished):
            pass
    ready = list(itertools.accumulate(1 if event == "compiled" else -1 for event in events))
    assert (len(ready), ready[-1]) == (2 * len(programs), 0)
    assert max(ready) <= 2  # the place goes to the next while the program is put together
