"""What becomes of a server whose state folder is full, or holds what is damaged or somebody else's."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import resource
import shutil
import sqlite3
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Problem, Report, Status, TestCase
from microcoder.evaluator.client import Client
from microcoder.evaluator.server import verdicts
from microcoder.evaluator.server.decode import MSGPACK
from microcoder.evaluator.server.errors import UnknownProblem
from microcoder.evaluator.server.problems import PART, PART_SECONDS, Problems
from microcoder.evaluator.server.settings import Caps
from microcoder.evaluator.server.verdicts import NotUsable, Verdicts, check

from ..events import wait_until
from .conftest import ADD, SUMS, WRONG, Server
from .test_life import serve

Start = Callable[..., Server]


def report(number: int, words: str = "") -> Report:
    return Report(problem_id=str(number), status=Status.ACCEPTED, passed=1, total=1, tests=(), message=words or None)


class Cache:
    """A verdict cache, and what it told."""

    def __init__(self, folder: Path, entries: int = 1000, most: int = 1 << 30) -> None:
        self.file = folder / "verdicts.sqlite"
        self.damaged: list[str] = []
        self.troubles: list[str | None] = []
        self.cache = Verdicts(self.file, entries, most=most, damaged=self.damaged.append, trouble=self.troubles.append)

    async def __aenter__(self) -> Cache:
        await self.cache.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cache.close()

    async def keeps(self, number: int) -> bool:
        self.cache.put(b"%d" % number, report(number))
        return await self.cache.get(b"%d" % number) == report(number)


def inside(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def spoil(file: Path, size: int) -> bytes:
    noise = random.Random(size).randbytes(size)
    with file.open("r+b") as writing:
        writing.write(noise)
    return noise


def foreign(file: Path, what: str) -> None:
    with sqlite3.connect(file) as database:
        database.execute(what)
    database.close()


FOREIGN = {
    "another table": "CREATE TABLE accounts (name)",
    "a table of that name": "CREATE TABLE verdicts (foo TEXT)",
    "an application": "PRAGMA application_id = 77",
    "a view": "CREATE VIEW verdicts AS SELECT 1",
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path, what: str) -> None:
    file = tmp_path / "verdicts.sqlite"
    foreign(file, FOREIGN[what])
    before = file.read_bytes()
    with pytest.raises(NotUsable, match=f"{file} is a database of something else"):
        check(file)
    async with Cache(tmp_path) as cache:
        assert not await cache.keeps(1)
        assert cache.troubles and not cache.damaged
    assert inside(tmp_path) == [file.name]
    assert file.read_bytes() == before


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda file: os.symlink("/dev/null", file)])
async def test_what_is_no_file_is_a_sentence(tmp_path: Path, make: Callable[[Path], None]) -> None:
    file = tmp_path / "verdicts.sqlite"
    make(file)
    with pytest.raises(NotUsable, match=str(file)):
        check(file)
    async with Cache(tmp_path) as cache:
        assert not await cache.keeps(1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every file")
async def test_a_file_that_may_not_be_written_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.sqlite"
    check(file)
    file.chmod(0o400)
    with pytest.raises(NotUsable, match=str(file)):
        check(file)


async def test_a_cache_of_the_last_release_is_taken_over(tmp_path: Path) -> None:
    async with Cache(tmp_path) as cache:
        assert await cache.keeps(1)
    foreign(cache.file, "PRAGMA application_id = 0")
    async with Cache(tmp_path) as cache:
        assert await cache.cache.get(b"1") == report(1)
        assert not cache.damaged and not cache.troubles


async def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.sqlite"
    file.touch()
    noise = spoil(file, 50_000)
    check(file)
    async with Cache(tmp_path) as cache:
        assert await cache.keeps(1)
        assert len(cache.damaged) == 1
    assert file.with_name("verdicts.sqlite.damaged").read_bytes() == noise


async def test_damage_while_it_runs_is_seen_by_all_engines_and_mended_by_one(tmp_path: Path) -> None:
    async with Cache(tmp_path) as first, Cache(tmp_path) as second:
        for number in range(100):
            assert await (first if number % 2 else second).keeps(number)
        spoil(first.file, first.file.stat().st_size)
        for side in ("-wal", "-shm"):
            spoil(first.file.with_name(f"verdicts.sqlite{side}"), 100)
        for cache in (first, second):
            await asyncio.gather(*(cache.cache.get(b"%d" % number) for number in range(100)))
            for number in range(200, 240):
                await cache.keeps(number)
        assert len(first.damaged) + len(second.damaged) <= 2
        await asyncio.sleep(verdicts.PAUSE)
        assert await first.keeps(1000)
        assert await second.cache.get(b"1000") == report(1000)


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_file_that_goes_is_made_again(tmp_path: Path, how: str) -> None:
    async with Cache(tmp_path) as cache:
        assert await cache.keeps(1)
        if how == "removed":
            for name in inside(tmp_path):
                (tmp_path / name).unlink()
        else:
            (tmp_path / "other").mkdir()
            async with Cache(tmp_path / "other"):
                pass
            (tmp_path / "other" / cache.file.name).replace(cache.file)
        assert await cache.keeps(2)
    async with Cache(tmp_path) as cache:
        assert await cache.cache.get(b"2") == report(2)


def theirs(folder: Path, mode: str) -> bytes:
    """A database of somebody else."""
    file = folder / "theirs.sqlite"
    foreign(file, f"PRAGMA journal_mode = {mode}")
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE accounts (name)")
        database.executemany("INSERT INTO accounts VALUES (?)", ((f"{number}" * 50,) for number in range(2000)))
    database.close()
    return file.read_bytes()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize("empty_first", [False, True])
async def test_a_foreign_database_that_is_copied_over_a_live_one_stays_as_it_is(
    tmp_path: Path, mode: str, empty_first: bool
) -> None:
    data, folder = theirs(tmp_path, mode), tmp_path / "state"
    folder.mkdir()
    async with Cache(folder) as first, Cache(folder) as second:
        for number in range(50):
            assert await (first if number % 2 else second).keeps(number)
        with first.file.open("r+b", buffering=0) as writing:  # in place, as cp does it
            if empty_first:
                writing.truncate()
                assert not await first.keeps(100)
            writing.write(data)
            writing.truncate()
        for number in range(200, 260):
            assert not await first.keeps(number)
            assert not await second.keeps(number)
        assert first.troubles and second.troubles and not first.damaged and not second.damaged
        await asyncio.sleep(verdicts.PAUSE)
        assert not await first.keeps(300) and not await second.keeps(300)
        assert "database of something else" in str(first.troubles[-1])
    assert first.file.read_bytes() == data
    assert inside(folder) == [first.file.name]


async def test_what_a_killed_server_left_beside_it_is_not_moved_into_a_foreign_one(tmp_path: Path) -> None:
    data, folder = theirs(tmp_path, "DELETE"), tmp_path / "killed"
    (tmp_path / "state").mkdir()
    async with Cache(tmp_path / "state") as cache:
        for number in range(50):
            assert await cache.keeps(number)
        shutil.copytree(tmp_path / "state", folder)
    file = folder / cache.file.name
    file.write_bytes(data)
    with pytest.raises(NotUsable, match="database of something else"):
        check(file)
    async with Cache(folder) as cache:
        assert not await cache.keeps(1)
    assert file.read_bytes() == data


async def test_another_one_that_writes_holds_nobody_up(tmp_path: Path) -> None:
    async with Cache(tmp_path) as cache:
        assert await cache.keeps(1)
        with sqlite3.connect(cache.file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            for number in range(100, 130):
                cache.cache.put(b"%d" % number, report(number))
            assert await cache.cache.get(b"1") == report(1)
            assert time.monotonic() - began < 10  # not 30 seconds
            assert set(cache.troubles) - {None} == {"database is locked"}
        other.close()
        await asyncio.sleep(verdicts.PAUSE)
        assert await cache.keeps(2)
        assert cache.troubles[-1] is None


async def test_the_file_is_bounded_by_bytes(tmp_path: Path) -> None:
    most = 1 << 20
    async with Cache(tmp_path, most=most) as cache:
        for number in range(300):
            cache.cache.put(b"%d" % number, report(number, random.Random(number).randbytes(10_000).hex()))
        cache.cache.put(b"large", report(1, random.Random(1).randbytes(most).hex()))
        assert await cache.cache.get(b"299") and not await cache.cache.get(b"large")
        assert not await cache.cache.get(b"0")
    assert most // 2 < cache.file.stat().st_size < 2 * most


async def test_a_cache_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        cache = Cache(tmp_path)
        await cache.cache.open()
        assert not await cache.keeps(1)
        assert not inside(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await asyncio.sleep(verdicts.PAUSE)
    assert await cache.keeps(1)
    await cache.cache.close()


# ------------------------------------------------------------------------------------------------------- problems


def written(number: int) -> tuple[str, bytes]:
    problem = Problem(problem_id=f"p{number}", tests=(TestCase("1 1\n", "2\n"), TestCase("x" * 5000, "")))
    data = msgspec.msgpack.encode(problem)
    return hashlib.sha256(data).hexdigest(), data


@pytest.fixture
def troubles() -> list[str | None]:
    return []


@pytest.fixture
def problems(tmp_path: Path, troubles: list[str | None]) -> Callable[[], Problems]:
    async def read(*_: object) -> Any:
        raise AssertionError("all of them are ours")

    return lambda: Problems(
        tmp_path / "p", Caps(), None, memory=1 << 30, disk=1 << 30, read=read, trouble=troubles.append
    )


async def test_a_problem_that_cannot_be_written_is_held_and_leaves_nothing(
    tmp_path: Path, problems: Callable[[], Problems], troubles: list[str | None]
) -> None:
    own = problems()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        for number in range(3):
            held, kept = await own.register(*written(number), MSGPACK)
            assert (held.problem.problem_id, kept) == (f"p{number}", False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(troubles) == 3 and len({*troubles}) == 1
    assert not list((tmp_path / "p").iterdir())
    assert (await own.get(written(1)[0])).problem.problem_id == "p1"
    _, kept = await own.register(*written(1), MSGPACK)
    assert kept and troubles[-1] is None
    assert (await problems().get(written(1)[0])).problem.problem_id == "p1"


async def test_a_damaged_file_of_a_problem_can_be_written_again(
    tmp_path: Path, problems: Callable[[], Problems]
) -> None:
    digest, data = written(1)
    await problems().register(digest, data, MSGPACK)
    (tmp_path / "p" / digest).write_bytes(data[::-1])
    with pytest.raises(UnknownProblem):
        await problems().get(digest)
    await problems().register(digest, data, MSGPACK)
    (tmp_path / "p" / digest).write_bytes(data[:9])
    await problems().register(digest, data, MSGPACK)
    assert (await problems().get(digest)).problem.problem_id == "p1"


async def test_a_problem_sent_many_times_at_once_is_written_whole(
    tmp_path: Path, problems: Callable[[], Problems], troubles: list[str | None]
) -> None:
    digest, data = written(1)
    both = [problems(), problems()]
    done = await asyncio.gather(*(both[n % 2].register(digest, data, MSGPACK) for n in range(40)))
    assert all(kept for _, kept in done) and {*troubles} == {None}
    assert [(each.name, each.read_bytes()) for each in (tmp_path / "p").iterdir()] == [(digest, data)]


async def test_what_was_being_written_when_a_server_was_killed_is_removed(
    tmp_path: Path, problems: Callable[[], Problems]
) -> None:
    old, new = tmp_path / "p" / f"{PART}old", tmp_path / "p" / f"{PART}new"
    (tmp_path / "p").mkdir()
    for part in (old, new):
        part.touch()
    os.utime(old, (0, time.time() - 2 * PART_SECONDS))
    problems().make_room()
    assert (old.exists(), new.exists()) == (False, True)


# ------------------------------------------------------------------------------------------------------- the server


@pytest.mark.parametrize("what", FOREIGN)
def test_serve_refuses_a_cache_that_is_none(tmp_path: Path, what: str) -> None:
    file = tmp_path / "verdicts.sqlite"
    foreign(file, FOREIGN[what])
    done = serve("--port", "0", "--state", tmp_path, "--verdict-cache", "10")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert str(file) in done.stderr


@pytest.fixture
def small(tmp_path: Path, mounting: None) -> Iterator[Path]:
    """A disk of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    file = folder / "fill"
    with file.open("wb", buffering=0) as filling:
        for size in (4096, 1):
            try:
                while filling.write(bytes(size)):
                    pass
            except OSError:
                pass
    return file


@pytest.mark.parametrize("engines", [1, 2])
def test_a_full_disk_costs_nobody_a_verdict(start: Start, small: Path, engines: int) -> None:
    server = start("--state", str(small), "--verdict-cache", "1000", "--engines", str(engines))

    def judged(begin: int) -> None:
        pairs: list[tuple[Problem, str]] = []
        for number in range(begin, begin + 12):
            problem = msgspec.structs.replace(SUMS, problem_id=str(number // 4))
            pairs.append((problem, f"{ADD if number % 2 else WRONG}#{number}"))
        with Client(server.address, deadline=60) as judge:
            assert [each.reward for each in judge.evaluate_many(pairs)] == [0.0, 1.0] * 6

    def told(event: str) -> list[dict[str, Any]]:
        return [line for line in server.log() if line["event"] == event]

    judged(0)
    full = fill(small)
    for begin in (0, 100, 200):
        judged(begin)
    troubles = told("something is short or out of order")
    assert {line["what"] for line in troubles} == {"problems", "verdicts"}
    assert len(troubles) == len({(line.get("engine"), line["what"], line["why"]) for line in troubles})
    leftovers = [
        each for each in small.rglob("*") if each.is_file() and each.name != "lock" and not each.stat().st_size
    ]
    assert not [each for each in leftovers if stat.S_ISREG(each.stat().st_mode) and "wal" not in each.name]
    with server.http() as http:
        assert 'microcoder_troubles_total{what="problems"} 0.0' not in http.get("/metrics").text
    full.unlink()
    time.sleep(verdicts.PAUSE)
    numbers = iter(range(1000, 100_000, 100))

    def in_order() -> bool:
        judged(next(numbers))
        return {line["what"] for line in told("in order again")} == {"problems", "verdicts"}

    wait_until(in_order)
    assert not told("a fault of the server")
    server.close()
    assert server.process.returncode == 0
