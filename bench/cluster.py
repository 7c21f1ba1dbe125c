"""What does a Ray cluster cost, over one machine? ``python -m microcoder.bench.cluster``.

The same programs are judged by an Evaluator in this process and by a RayEvaluator whose one actor has as many workers,
on the same cores, in turn, round by round. Ray runs on the loopback interface and ends with the bench. Writes
``results/cluster.json``.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psutil
import tyro
import uvloop

from ..evaluator import Evaluator, Problem, TestCase
from ..evaluator.cluster import ClusterUnavailable, RayEvaluator, library
from ..evaluator.cluster.member import Member
from .machine import Machine, command_line, machine
from .served import cpu

PROBLEMS = 20
INPUT = 200
"""Bytes of the input of a test."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What does a Ray cluster cost, over one machine?"""

    tests: tuple[int, ...] = (1, 20)
    """Tests of a problem; a load each."""
    programs: Annotated[int, msgspec.Meta(ge=10)] = 2000
    """Programs of a round."""
    rounds: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Rounds that count; one before them does not."""
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    work: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Processor seconds that each test takes beyond next to nothing."""
    out: Path = Path(__file__).with_name("results")
    """Folder for cluster.json."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One round; processor times are milliseconds a program."""

    programs_per_second: float
    here_cpu_ms: float
    """This process, which asks."""
    actor_cpu_ms: float = 0.0
    """The actor's process, without its workers."""
    sent: float = 0.0
    """Bytes a program, to the actor."""
    received: float = 0.0
    """Bytes a program, back."""
    wrong: int
    """Verdicts that were not the expected ones."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    tests: int
    problem_bytes: float
    """Of a problem as it travels once to a node."""
    local: list[Round]
    cluster: list[Round]
    share: float
    """Of the local throughput: the median of the rounds."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What cluster.json holds."""

    command: str
    machine: Machine
    workers: int
    programs: int
    work: float
    loads: list[Load]


def problems(tests: int) -> list[Problem]:
    return [
        Problem(
            problem_id=str(p),
            tests=tuple(TestCase(f"{n} {p}\n".rjust(INPUT), f"{n + p}\n") for n in range(tests)),
        )
        for p in range(PROBLEMS)
    ]


async def measured(judge: Evaluator | RayEvaluator, options: Options, tests: int, number: int) -> Round:
    known = problems(tests)
    work = f"import time\nwhile time.process_time() < {options.work}: pass\n" if options.work else ""
    code = f"{work}a, b = map(int, input().split())\nprint(a + b)\n"
    pairs = [(known[n % PROBLEMS], f"{code}# {number} {n}\n") for n in range(options.programs)]
    members: Sequence[Member] = judge.members if isinstance(judge, RayEvaluator) else []
    actors = [psutil.Process((await member.actor.counted.remote())[0]) for member in members]
    bytes_before = sum(member.sent for member in members), sum(member.received for member in members)
    there, here, began = cpu(actors), time.process_time(), time.perf_counter()
    wrong = 0
    async for _, report in judge.stream(pairs):
        wrong += not report.accepted
    seconds, here, there = time.perf_counter() - began, time.process_time() - here, cpu(actors) - there
    each = options.programs
    return Round(
        programs_per_second=round(each / seconds, 1),
        here_cpu_ms=round(1000 * here / each, 3),
        actor_cpu_ms=round(1000 * there / each, 3),
        sent=round((sum(member.sent for member in members) - bytes_before[0]) / each, 1),
        received=round((sum(member.received for member in members) - bytes_before[1]) / each, 1),
        wrong=wrong,
    )


async def load(options: Options, address: str, tests: int) -> Load:
    local: list[Round] = []
    cluster: list[Round] = []
    for number in range(options.rounds + 1):
        async with Evaluator(workers=options.workers, cache=0) as evaluator:
            local.append(await measured(evaluator, options, tests, number))
        async with RayEvaluator(address, cache=0) as evaluator:
            cluster.append(await measured(evaluator, options, tests, number))
        rates = f"{local[-1].programs_per_second} here, {cluster[-1].programs_per_second} on the cluster"
        print(f"{tests} tests, round {number} of {options.rounds}: {rates} programs/s", flush=True)
    local, cluster = local[1:], cluster[1:]
    shares = [b.programs_per_second / a.programs_per_second for a, b in zip(local, cluster, strict=True)]
    size = statistics.mean(len(msgspec.msgpack.encode(problem)) for problem in problems(tests))
    share = round(statistics.median(shares), 3)
    return Load(tests=tests, problem_bytes=round(size, 1), local=local, cluster=cluster, share=share)


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    # Ray takes the address of the machine for its own unless it believes that there can be no cluster.
    os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    try:
        library.load()
    except ClusterUnavailable as error:
        raise SystemExit(str(error)) from None
    utilities: Any = importlib.import_module("ray.cluster_utils")
    here = machine()
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        os.environ["RAY_TMPDIR"] = folder
        os.mkdir(f"{folder}/ray")  # which Ray takes for granted
        head = {"include_dashboard": False, "node_ip_address": "127.0.0.1"}
        running = utilities.Cluster(initialize_head=True, head_node_args=head | {"num_cpus": options.workers})
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                loads = [runner.run(load(options, running.address, tests)) for tests in options.tests]
        finally:
            running.shutdown()
    result = Result(
        command=command_line("microcoder.bench.cluster"),
        machine=here,
        workers=options.workers,
        programs=options.programs,
        work=options.work,
        loads=loads,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "cluster.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    for each in loads:
        last = each.cluster[-1]
        cpu_times = f"{last.here_cpu_ms} ms where it is asked, {last.actor_cpu_ms} ms in the actor"
        print(
            f"{each.tests} tests: {each.share:.0%} of one machine's throughput; CPU a program: {cpu_times},"
            f" {each.local[-1].here_cpu_ms} ms without a cluster; bytes: {last.sent:.0f} a program there,"
            f" {last.received:.0f} back, {each.problem_bytes:.0f} a problem"
        )
    raise SystemExit(1 if any(each.wrong for found in loads for each in (*found.local, *found.cluster)) else 0)


if __name__ == "__main__":
    main()
