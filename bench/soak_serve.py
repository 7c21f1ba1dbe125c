"""Does the server lose or spoil a verdict when everything around it breaks? ``python -m microcoder.bench.soak_serve``.

Clients send ordinary and hostile programs, one at a time, to a server. Meanwhile jails are killed from outside, clients
are cut off in the middle of a request, and now and then the whole server is killed with -9 and started again. Every
program must get one verdict of the expected kind; at the end no process may be left, and the memory of the server must
not have grown. Prints the checks and writes ``results/soak_serve.json``.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from pathlib import Path
from typing import Annotated

import msgspec
import psutil
import tyro
import uvloop

from ..evaluator.client import AsyncClient, ClientError
from .machine import Machine, command_line, machine
from .served import Served, free_port
from .soak import (
    HOSTILE,
    MIB,
    ORDINARY,
    Check,
    Kind,
    Longest,
    adopt_orphans,
    alive,
    finish,
    flat,
    none_left,
    problems,
    until,
)

SHOWN = 20
DEADLINE = 1800.0
CUT_AFTER = 0.3
"""Most seconds that an impatient client waits."""
SAMPLE_SECONDS = 2.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Does the server lose or spoil a verdict when everything around it breaks?"""

    programs: Annotated[int, msgspec.Meta(ge=10)] = 5000
    """Programs to judge; those of clients that are cut off come on top."""
    hostile: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """Share of them that attack."""
    clients: Annotated[int, msgspec.Meta(ge=1)] = 64
    """At the same time."""
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Of the server."""
    engines: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Engine processes of the server."""
    server_kills: Annotated[int, msgspec.Meta(ge=0)] = 3
    """Times that the server is killed with -9, spread over the run."""
    worker_pause: Annotated[float, msgspec.Meta(gt=0)] = 4.0
    """Seconds between two killed jails."""
    cut: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    """For each program: how many are sent besides it by a client that goes before the answer."""
    seed: int = 1
    """Seed of the order of programs and of what is killed."""
    out: Path = Path(__file__).with_name("results")
    """Folder for soak_serve.json."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What soak_serve.json holds."""

    command: str
    machine: Machine
    programs: int
    hostile: int
    seconds: float
    programs_per_second: float
    server_kills: int
    jail_kills: int
    cut_off: int
    verdicts: dict[str, int]
    unexpected: list[str]
    checks: list[Check]
    memory_mib: list[float]
    """Of the engine processes together, since the last start of the server."""


class Soak:
    """One run."""

    def __init__(self, options: Options, folder: Path) -> None:
        self.options = options
        self.random = random.Random(options.seed)
        self.folder = folder
        self.problems = problems()
        self.judged = self.hostile = self.jail_kills = self.server_kills = self.cut_off = 0
        self.verdicts: dict[str, int] = {}
        self.unexpected: list[str] = []
        self.memory: list[float] = []
        self.longest = Longest()
        self.seen: set[psutil.Process] = set()
        self.server = Served(folder, *self._arguments(), port=free_port())
        self.left = iter(range(options.programs))

    def _arguments(self) -> tuple[str, ...]:
        options = self.options
        return ("--workers", str(options.workers), "--engines", str(options.engines), "--log-level", "info")

    def program(self, place: str) -> tuple[Kind, str]:
        kinds = HOSTILE if self.random.random() < self.options.hostile else ORDINARY
        kind = self.random.choice(kinds)
        return kind, f"{kind.source}\n# {place}\n"

    async def run(self) -> float:
        with self.server:
            address = self.server.address
            began = time.monotonic()
            async with AsyncClient(address, connections=self.options.clients, deadline=DEADLINE) as judge:
                around = [asyncio.create_task(each) for each in (self.kill_jails(), self.kill_server(), self.sample())]
                await asyncio.gather(*(self.client(judge) for _ in range(self.options.clients)))
                seconds = time.monotonic() - began
                for task in around:
                    task.cancel()
                await asyncio.gather(*around, return_exceptions=True)
            self.look()
        return seconds

    async def client(self, judge: AsyncClient) -> None:
        for place in self.left:
            kind, source = self.program(str(place))
            if self.random.random() < self.options.cut:
                await self.cut(judge, place)
            try:
                report = await judge.evaluate(self.problems[kind.problem], source)
            except ClientError as error:
                self.note(f"program {place} ({kind.name}): {error}")
                continue
            self.judged += 1
            self.longest.see(report, f"program {place} ({kind.name})")
            self.hostile += kind.hostile
            status = report.status.value
            self.verdicts[status] = self.verdicts.get(status, 0) + 1
            if status not in kind.verdicts.split():
                self.note(f"program {place} ({kind.name}): {status}: {report.message}")

    async def cut(self, judge: AsyncClient, place: int) -> None:
        kind, source = self.program(f"cut {place}")
        with contextlib.suppress(TimeoutError, ClientError):
            async with asyncio.timeout(self.random.uniform(0, CUT_AFTER)):
                await judge.evaluate(self.problems[kind.problem], source)
        self.cut_off += 1

    def note(self, what: str) -> None:
        self.unexpected.append(what)

    async def kill_jails(self) -> None:
        while True:
            await asyncio.sleep(self.options.worker_pause)
            with contextlib.suppress(psutil.Error, IndexError):
                engine = self.random.choice(self.server.engines)
                victim = self.random.choice(engine.children())
                self.seen.update((victim, *victim.children(recursive=True)))
                victim.kill()
                self.jail_kills += 1

    async def kill_server(self) -> None:
        kills = self.options.server_kills
        for number in range(1, kills + 1):
            wanted = number * self.options.programs // (kills + 1)
            while self.judged < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            self.look()
            self.server.process.kill()
            self.server.process.wait()
            port = int(self.server.address.rpartition(":")[2])
            self.server_kills += 1
            self.memory.clear()
            self.server = await asyncio.to_thread(Served(self.folder, *self._arguments(), port=port).__enter__)

    async def sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            self.look()

    def look(self) -> None:
        """At the processes of the server."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self.server.process.pid)
            self.seen.update((root, *root.children(recursive=True)))
            self.memory.append(sum(engine.memory_info().rss for engine in self.server.engines) / MIB)


async def soak(options: Options, folder: Path) -> Result:
    here = machine()
    run = Soak(options, folder)
    try:
        seconds = await run.run()
    finally:
        if run.server.process.poll() is None:  # one that was started after the first
            await asyncio.to_thread(run.server.__exit__)
    await until(lambda: not alive(run.seen), 20)
    exit_code = run.server.process.returncode
    checks = [
        Check(name="verdicts", passed=run.judged == options.programs, detail=f"{run.judged} of {options.programs}"),
        Check(name="as expected", passed=not run.unexpected, detail=f"{len(run.unexpected)} were not"),
        run.longest.check(),
        Check(name="end", passed=exit_code == 0, detail=f"exit code {exit_code} on SIGTERM"),
        none_left("processes", alive(run.seen)),
        flat("memory of the server", run.memory),
    ]
    return Result(
        command=command_line("microcoder.bench.soak_serve"),
        machine=here,
        programs=options.programs,
        hostile=run.hostile,
        seconds=round(seconds, 1),
        programs_per_second=round(options.programs / seconds, 1),
        server_kills=run.server_kills,
        jail_kills=run.jail_kills,
        cut_off=run.cut_off,
        verdicts=run.verdicts,
        unexpected=run.unexpected[:SHOWN],
        checks=checks,
        memory_mib=[round(each, 1) for each in run.memory],
    )


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    adopt_orphans()
    with (
        tempfile.TemporaryDirectory(prefix="soak-serve-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        result = runner.run(soak(options, Path(folder)))
    print(
        f"{result.programs} programs, {result.hostile} hostile, {result.cut_off} cut off, in {result.seconds} s;"
        f" {result.jail_kills} jails and {result.server_kills} servers killed"
    )
    finish(result, options.out / "soak_serve.json", result.unexpected, result.checks)


if __name__ == "__main__":
    main()
