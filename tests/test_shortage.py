"""Where the cgroups of a process are, what their counters say, and that a program can have the pool to itself."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from microcoder.evaluator import Evaluator
from microcoder.evaluator.status import Status
from microcoder.sandbox.cgroups import cgroups
from microcoder.sandbox.shortage import Kind, Shortages
from microcoder.sandbox.worker import Inputs


@pytest.fixture
def host(tmp_path):
    """``host(memberships, mounts)``: a /proc/self that says so; ``ROOT`` stands for a folder of the test."""

    def build(memberships: str, mounts: str) -> Path:
        (tmp_path / "cgroup").write_text(memberships)
        lines = (f"30 29 0:{n} {line.replace('ROOT', str(tmp_path))}\n" for n, line in enumerate(mounts.splitlines()))
        (tmp_path / "mountinfo").write_text("".join(lines))
        return tmp_path

    return build


def files(folder: Path, **contents: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name.replace("_", ".", 1)).write_text(text)


V1 = "/ ROOT/memory rw - cgroup cgroup rw,memory\n/ ROOT/pids rw - cgroup cgroup rw,pids"
PLACES = {
    "version 1": ("5:pids:/\n4:memory:/a/b\n0::/", V1, "memory", ["memory/a/b", "memory/a", "memory"]),
    "version 1, several controllers": (
        "4:cpu,memory:/a\n",
        "/ ROOT/cpu,memory rw - cgroup cgroup rw,cpu,memory",
        "memory",
        ["cpu,memory/a", "cpu,memory"],
    ),
    "version 1, a container that sees its own cgroup at the top, and is told its name": (
        "4:memory:/docker/abc\n",
        "/docker/abc ROOT/memory rw - cgroup cgroup rw,memory",
        "memory",
        ["memory"],
    ),
    "version 1, below such a container's": (
        "4:memory:/docker/abc/inner\n",
        "/docker/abc ROOT/memory rw - cgroup cgroup rw,memory",
        "memory",
        ["memory/inner", "memory"],
    ),
    "version 1, a namespace": ("4:memory:/\n", "/ ROOT/memory rw - cgroup cgroup rw,memory", "memory", ["memory"]),
    "a cgroup that lies beside the namespace": (
        "4:memory:/../other\n",
        "/ ROOT/memory rw - cgroup cgroup rw,memory",
        "memory",
        ["memory"],
    ),
    "version 2": (
        "0::/a/b\n",
        "/ ROOT/unified rw shared:1 - cgroup2 cgroup2 rw",
        "memory",
        ["unified/a/b", "unified/a"],
    ),
    "version 2 beside version 1": (
        "4:memory:/a\n0::/u\n",
        f"{V1}\n/ ROOT/unified rw - cgroup2 cgroup2 rw",
        "memory",
        ["memory/a", "memory"],
    ),
    "not mounted": ("0::/\n", "/ ROOT/x rw - tmpfs tmpfs rw", "memory", []),
}


@pytest.mark.parametrize("name", PLACES)
def test_cgroups_are_found(host, tmp_path, name):
    memberships, mounts, controller, expected = PLACES[name]
    proc = host(memberships, mounts)
    for folder in ("unified/a", "unified/a/b"):  # the root has limits of nothing
        files(tmp_path / folder, cgroup_controllers="cpu memory pids\n")
    assert [str(group.folder.relative_to(tmp_path)) for group in cgroups(controller, proc)] == expected


def test_counters_of_version_2(host, tmp_path):
    proc = host("0::/a/b\n", "/ ROOT/u rw - cgroup2 cgroup2 rw")
    for folder, most in (("u/a", "500"), ("u/a/b", "max")):
        files(
            tmp_path / folder,
            cgroup_controllers="memory pids\n",
            memory_events="low 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 0\n",
            memory_max=most,
            memory_current="300",
            memory_stat="anon 1\nactive_file 20\ninactive_file 30\n",
            pids_events="max 1\n",
            pids_max=most,
            pids_current="490",
        )
    shortages = Shortages(proc)
    assert (shortages.memory(), shortages.processes()) == (250, 10)
    moment = shortages.now()
    assert shortages.since(0.0) == shortages.since(moment) == set()
    files(tmp_path / "u/a/b", memory_events="low 0\nmax 7\noom 1\noom_kill 3\noom_group_kill 0\n")
    assert shortages.since(moment) == {Kind.MEMORY}
    later = shortages.now()
    files(tmp_path / "u/a", pids_events="max 2\n")
    assert shortages.since(later) == {Kind.PROCESSES}
    assert shortages.since(moment) == {Kind.MEMORY, Kind.PROCESSES}
    assert shortages.since(time.monotonic()) == set()
    assert str(tmp_path / "u/a/b/memory.events") in shortages.told({Kind.MEMORY})
    shortages.close()


def test_counters_of_version_1(host, tmp_path):
    proc = host("5:pids:/a\n4:memory:/a\n", V1)
    unlimited = "9223372036854771712\n"
    for folder, most in (("memory", unlimited), ("memory/a", "1000\n")):
        files(tmp_path / folder, memory_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
        files(tmp_path / folder, memory_limit_in_bytes=most, memory_usage_in_bytes="400")
        files(tmp_path / folder, memory_stat="active_file 1\ntotal_active_file 50\ntotal_inactive_file 5\n")
    files(tmp_path / "pids")
    files(tmp_path / "pids/a", pids_events="max 0\n", pids_max="max", pids_current="3")
    shortages = Shortages(proc)
    assert (shortages.memory(), shortages.processes()) == (655, None)
    moment = shortages.now()
    files(tmp_path / "memory/a", memory_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    files(tmp_path / "pids/a", pids_events="max 9\n")
    assert shortages.since(moment) == {Kind.MEMORY, Kind.PROCESSES}
    shortages.close()


async def test_without_cgroups_the_kills_of_the_whole_host_count(host):
    shortages = Shortages(host("0::/\n", "/ ROOT/x rw - tmpfs tmpfs rw"))
    assert (shortages.memory(), shortages.processes()) == (None, None)
    assert "oom_kill in /proc/vmstat" in shortages.told({Kind.MEMORY})
    shortages.close()


async def test_a_program_that_is_alone_goes_before_those_that_wait(problem):
    sums = problem(("1 2\n", "3\n"))
    async with Evaluator(workers=2, cache=0) as evaluator:
        pool, inputs = evaluator.pool, Inputs([b""])
        events: list[str] = []
        may_end = asyncio.Event()

        async def running(name: str) -> None:
            async with pool.worker(inputs):
                events.append(name)
                await may_end.wait()

        async def alone() -> None:
            async with pool.alone(), pool.worker(inputs, alone=True):
                events.append("alone")
                assert pool.busy == 1
                await asyncio.sleep(0.05)
                events.append("no longer")

        first = [asyncio.create_task(running(f"first {n}")) for n in range(2)]
        while len(events) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        waiting = [asyncio.create_task(running(f"later {n}")) for n in range(5)]
        await asyncio.sleep(0)
        lonely = [asyncio.create_task(alone()) for _ in range(2)]
        cancelled = asyncio.create_task(alone())
        await asyncio.sleep(0.02)
        assert events == ["first 0", "first 1"]
        cancelled.cancel()
        may_end.set()
        await asyncio.gather(*first, *waiting, *lonely)
        assert events[2:4] == ["alone", "no longer"]
        assert events.count("alone") == events.count("no longer") == 2
        assert all(events[at + 1] == "no longer" for at, event in enumerate(events) if event == "alone")
        assert (await evaluator.evaluate(sums, "print(sum(map(int, input().split())))")).status is Status.ACCEPTED
