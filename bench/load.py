"""What does the server cost, over the library? ``python -m microcoder.bench.load``.

The same programs are judged by an Evaluator in this process and by a server that many clients ask for one program at a
time, in turn, round by round. The clients' processor time is told apart, and with --cores they have processors of their
own: then the library and the server with their workers have the very same ones. Writes ``results/load.json``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import tyro
import uvloop

from ..evaluator import Evaluator, Problem, Report, TestCase
from ..evaluator.client import AsyncClient
from .machine import Machine, command_line, machine
from .served import Served, cpu
from .workloads import Workload, corpus

PROBLEMS = 20
TESTS = 10


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What does the server cost, over the library?"""

    clients: tuple[int, ...] = (64, 512)
    """Clients at the same time, each with one program at a time."""
    programs: Annotated[int, msgspec.Meta(ge=10)] = 4000
    """Programs of a round. Each is another one, so nothing is known before it is judged."""
    rounds: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Rounds that count; one before them does not."""
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Of the library and of the server."""
    engines: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Engine processes of the server."""
    cores: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Processors of the library, and of the server, with the workers; the clients get the others. 0: all share all."""
    work: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] = (0,)
    """Rounds of an empty loop in each test; 100 000 take 2 ms or so."""
    corpus: Path | None = None
    """A labelled file, whose quick programs are asked for as well, see corpus-small in `workloads`."""
    out: Path = Path(__file__).with_name("results")
    """Folder for load.json."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One round; processor times are milliseconds a program."""

    seconds: float
    programs_per_second: float
    parent_cpu_ms: float
    """The library's process; the server's engines."""
    client_cpu_ms: float
    """0 for the library, whose caller is its process."""
    queue_p50: float
    """Seconds from the request to a worker; likewise the next."""
    queue_p99: float
    service_p50: float
    """Seconds from a worker to the verdict."""
    service_p99: float
    latency_p50: float
    """Seconds, as the caller sees it."""
    latency_p99: float
    wrong: int
    """Verdicts that were not the expected ones."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    clients: int
    work: str
    library: list[Round]
    served: list[Round]
    throughput_ratio: list[float]
    """The server's over the library's, round by round."""
    median_ratio: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What load.json holds."""

    command: str
    machine: Machine
    cores: int
    workers: int
    engines: int
    programs: int
    loads: list[Load]


class _Judged(msgspec.Struct):
    report: Report
    latency: float


Work = Sequence[tuple[Problem, str, bool]]
"""Problem, program, whether it is right."""


def mixes(options: Options) -> dict[str, Callable[[int], Work]]:
    """By name: the programs of a round, given its number."""
    found: dict[str, Callable[[int], Work]] = {
        f"{TESTS} tests of {work} rounds": functools.partial(pairs, options.programs, work=work)
        for work in options.work
    }
    if options.corpus is not None:
        drawn = corpus(options.corpus, options.programs, seed=0, small=True)
        found[drawn.about] = functools.partial(again, options, drawn)
    return found


def again(options: Options, drawn: Workload, number: int) -> Work:
    """As many as were asked for, each another text."""
    return [
        (drawn.problems[problem], f"{code}\n# {number} {n}\n", right)
        for n, ((problem, code), right) in zip(
            range(options.programs), itertools.cycle(zip(drawn.programs, drawn.labels, strict=True))
        )
    ]


def pairs(count: int, number: int, work: int = 0) -> Work:
    """No two rounds share a program."""
    problems = [
        Problem(problem_id=str(p), tests=tuple(TestCase(f"{n} {p}\n", f"{n + p}\n") for n in range(TESTS)))
        for p in range(PROBLEMS)
    ]
    before = f"for _ in range({work}): pass\n" if work else ""
    programs = {
        True: f"{before}a, b = map(int, input().split())\nprint(a + b)\n",
        False: f"{before}a, b = map(int, input().split())\nprint(a - b - 1)\n",
    }
    return [(problems[n % PROBLEMS], f"{programs[n % 3 > 0]}# {number} {n}\n", n % 3 > 0) for n in range(count)]


async def library(options: Options, clients: int, work: Work) -> Round:
    async with Evaluator(workers=options.workers, cache=0) as evaluator:
        return await _round(work, clients, evaluator, None)


async def served(clients: int, work: Work, server: Served) -> Round:
    async with AsyncClient(server.address, connections=clients) as client:
        return await _round(work, clients, client, server)


async def _round(work: Work, clients: int, judge: Evaluator | AsyncClient, server: Served | None) -> Round:
    left = iter(enumerate(work))
    judged: dict[int, _Judged] = {}

    async def client() -> None:
        for place, (problem, program, _) in left:
            asked = time.perf_counter()
            report = await judge.evaluate(problem, program)
            judged[place] = _Judged(report, time.perf_counter() - asked)

    engines = server.engines if server else []
    own, parents, began = _own_cpu(), cpu(engines), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - began
    own, parents = _own_cpu() - own, cpu(engines) - parents
    queue = [each.report.queue_time for each in judged.values()]
    service = [each.report.run_time for each in judged.values()]
    latency = [each.latency for each in judged.values()]
    return Round(
        seconds=round(seconds, 3),
        programs_per_second=round(len(work) / seconds, 1),
        parent_cpu_ms=round(1000 * (parents if server else own) / len(work), 3),
        client_cpu_ms=round(1000 * own / len(work), 3) if server else 0.0,
        queue_p50=_percentile(queue, 50),
        queue_p99=_percentile(queue, 99),
        service_p50=_percentile(service, 50),
        service_p99=_percentile(service, 99),
        latency_p50=_percentile(latency, 50),
        latency_p99=_percentile(latency, 99),
        wrong=sum(judged[place].report.accepted is not right for place, (_, _, right) in enumerate(work)),
    )


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _percentile(values: Sequence[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 5)


def measure(options: Options, clients: int, work: str, programs_of: Callable[[int], Work]) -> Load:
    ours: list[Round] = []
    theirs: list[Round] = []
    every = os.sched_getaffinity(0)
    judges = set(sorted(every)[: options.cores]) or every
    arguments = ("--workers", str(options.workers), "--engines", str(options.engines))
    with (
        tempfile.TemporaryDirectory(prefix="load-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        for number in range(options.rounds + 1):
            programs = programs_of(number)
            with _only(judges):
                ours.append(runner.run(library(options, clients, programs)))
                with Served(Path(folder), *arguments) as server, _only(every - judges or every):
                    theirs.append(runner.run(served(clients, programs, server)))
            rates = f"{ours[-1].programs_per_second} by the library, {theirs[-1].programs_per_second} served"
            about = f"{clients} clients, {work}, round {number} of {options.rounds}"
            print(f"{about}: {rates} programs/s", flush=True)
    ratios = [b.programs_per_second / a.programs_per_second for a, b in zip(ours[1:], theirs[1:], strict=True)]
    return Load(
        clients=clients,
        work=work,
        library=ours[1:],
        served=theirs[1:],
        throughput_ratio=[round(ratio, 3) for ratio in ratios],
        median_ratio=round(statistics.median(ratios), 3),
    )


@contextlib.contextmanager
def _only(cores: set[int]) -> Generator[None]:
    """What runs and starts meanwhile has these processors only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    if options.corpus is not None and not options.corpus.is_file():
        raise SystemExit(f"--corpus: {options.corpus} is not there")
    here = machine()
    if options.cores >= here.cores_used:
        raise SystemExit(f"--cores: {options.cores} leaves none for the clients; this machine has {here.cores_used}")
    options.out.mkdir(parents=True, exist_ok=True)
    result = Result(
        command=command_line("microcoder.bench.load"),
        machine=here,
        cores=options.cores,
        workers=options.workers,
        engines=options.engines,
        programs=options.programs,
        loads=[
            measure(options, clients, work, programs_of)
            for work, programs_of in mixes(options).items()
            for clients in options.clients
        ],
    )
    (options.out / "load.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    wrong = 0
    for load in result.loads:
        last = load.served[-1]
        wrong += sum(each.wrong for each in (*load.library, *load.served))
        print(
            f"{load.clients} clients, {load.work}: {load.median_ratio:.0%} of the library's throughput;"
            f" CPU a request: {last.parent_cpu_ms} ms in the server, {last.client_cpu_ms} ms in the clients,"
            f" {load.library[-1].parent_cpu_ms} ms in the library's process;"
            f" queue p50 {last.queue_p50:.3f} s, p99 {last.queue_p99:.3f} s;"
            f" service p50 {last.service_p50:.3f} s, p99 {last.service_p99:.3f} s"
        )
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
