"""Parts of the server by themselves: turns, the verdict cache, where a problem is written down."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcoder.evaluator import Report, Status
from microcoder.evaluator.server import values
from microcoder.evaluator.server.decode import JSON, MSGPACK
from microcoder.evaluator.server.errors import TooLarge
from microcoder.evaluator.server.fair import FairQueue
from microcoder.evaluator.server.problems import kind
from microcoder.evaluator.server.verdicts import Verdicts

from ..events import SECONDS


async def test_clients_take_turns() -> None:
    queue = FairQueue(1)
    order: list[str] = []

    async def work(client: str) -> None:
        async with queue.turn(client, 60):
            order.append(client)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(client) for client in "aaaaaabbc"))
    assert "".join(order) == "aabcabaaa"
    assert (queue.inside, queue.waiting, queue.clients) == (0, 0, 0)


async def test_no_turn_in_time() -> None:
    queue = FairQueue(1)
    async with queue.turn("a", 60):
        with pytest.raises(TimeoutError):
            async with queue.turn("b", 0.01):
                pass
        assert queue.waiting == 0
    assert queue.inside == 0


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.sampled_from(["stay", "cancel", "short"])), max_size=30
    ),
    st.integers(1, 3),
)
def test_no_place_is_lost_or_made(work: list[tuple[str, int, str]], places: int) -> None:
    async def run() -> None:
        queue = FairQueue(places)
        most = 0

        async def hold(client: str, steps: int, how: str) -> None:
            nonlocal most
            async with queue.turn(client, 0.0005 if how == "short" else 60):
                most = max(most, queue.inside)
                for _ in range(steps):
                    await asyncio.sleep(0)

        tasks = [asyncio.create_task(hold(*each)) for each in work]
        for number, (task, (_, steps, how)) in enumerate(zip(tasks, work, strict=True)):
            if how == "cancel":
                for _ in range((number + steps) % 4):
                    await asyncio.sleep(0)
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert most <= places
        assert (queue.inside, queue.waiting, queue.clients) == (0, 0, 0)

    asyncio.run(run())


def report(number: int) -> Report:
    return Report(problem_id=str(number), status=Status.ACCEPTED, passed=1, total=1, tests=())


def verdicts(folder: Path, entries: int = 1000, *, most: int = 1 << 30, **told: Callable[[Any], object]) -> Verdicts:
    return Verdicts(folder / "v", entries, most=most, **{"damaged": pytest.fail, "trouble": lambda _: None, **told})


async def test_the_oldest_verdicts_go_first(tmp_path: Path) -> None:
    cache = verdicts(tmp_path, 10, damaged=pytest.fail)
    await cache.open()
    for number in range(40):
        cache.put(b"%d" % number, report(number))
    held = [number for number in range(40) if await cache.get(b"%d" % number)]
    await cache.close()
    assert held == list(range(30, 40))


@pytest.mark.parametrize(("place", "size"), [(30, 200), (4096, 4096), (5000, 20_000)])
async def test_a_file_damaged_anywhere_is_noticed(tmp_path: Path, place: int, size: int) -> None:
    told: list[str] = []
    for _ in range(2):
        cache = verdicts(tmp_path, damaged=told.append)
        await cache.open()
        for number in range(50):
            found = await cache.get(b"%d" % number)
            assert found is None or found == report(number)
            cache.put(b"%d" % number, report(number))
        await cache.close()
        data = bytearray((tmp_path / "v").read_bytes())
        data[place : place + size] = bytes(size)
        (tmp_path / "v").write_bytes(data)
    cache = verdicts(tmp_path, damaged=told.append)
    await cache.open()
    found = [await cache.get(b"%d" % number) for number in range(50)]
    assert all(each in (None, report(number)) for number, each in enumerate(found))
    await cache.close()
    assert told


@given(st.dictionaries(st.text(max_size=3), st.booleans(), max_size=20))
def test_the_bytes_of_an_object_say_what_they_are(value: dict[str, bool]) -> None:
    assert kind(msgspec.json.encode(value)) == JSON
    assert kind(msgspec.msgpack.encode(value)) == MSGPACK


def test_threads_that_read_hold_up_no_end() -> None:
    source = """
import asyncio, time
from microcoder.evaluator.server.logs import outlet
from microcoder.evaluator.server.process import leave, _Threads

async def main():
    loop = asyncio.get_running_loop()
    loop.set_default_executor(_Threads())
    began = asyncio.Event()
    loop.run_in_executor(None, lambda: (loop.call_soon_threadsafe(began.set), time.sleep(10_000)))
    await began.wait()

asyncio.run(main())
leave(7, outlet("json"))
"""
    assert subprocess.run([sys.executable, "-c", source], check=False, timeout=SECONDS).returncode == 7


def values_in(data: Any) -> int:
    """Names of fields included."""
    if isinstance(data, list):
        return 1 + sum(map(values_in, data))
    if isinstance(data, dict):
        return 1 + len(data) + sum(map(values_in, data.values()))
    return 1


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.binary(max_size=300)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text("a,[{\"\\\\", max_size=40), inner, max_size=40),
)  # fmt: skip


@given(ANY)
async def test_values_of_a_body_are_counted(data: Any) -> None:
    count = values_in(data)

    async def fits(body: bytes, media: str, most: int) -> bool:
        try:
            await values.check(body, media, most)
        except TooLarge:
            return False
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "LARGE", 0)
        body = msgspec.msgpack.encode(data)
        assert await fits(body, MSGPACK, count)
        assert not await fits(body, MSGPACK, count - 1)
        patch.setattr(values, "PIECE", 3)  # strings and escapes are cut everywhere
        # In JSON marks are counted, of which an empty list has one more than values.
        text, marks = msgspec.json.encode(data), count + empty_in(data)
        assert sum(values.of_json(text)) == marks
        assert await fits(text, JSON, marks)
        assert not await fits(text, JSON, marks - 1)


def empty_in(data: Any) -> int:
    if isinstance(data, dict):
        return sum(map(empty_in, data.values())) if data else 1
    return (sum(map(empty_in, data)) if data else 1) if isinstance(data, list) else 0


@pytest.mark.parametrize("inside", [b'\\"', b"\\\\", b"\\u005c", b'",', b","], ids=str)
@pytest.mark.parametrize("end", [b'"]', b"", b"\\"])
async def test_counting_takes_as_long_as_the_text_is(inside: bytes, end: bytes) -> None:
    text = b'["' + b"," * 200_000 + inside * 400_000 + end
    begun = time.thread_time()
    list(values.of_json(text))
    assert time.thread_time() - begun < 5  # some 10 ms; with a pattern that is tried at every mark, hours
