"""Does a client lose a verdict, or wait for nothing, while its servers fail? ``python -m microcoder.bench.chaos``.

Two servers of two engines each, with a proxy in front of each, and many calls of one client at the same time. Servers,
engines and jails are killed with -9, or stopped for ten seconds; the proxies refuse, drip, reset and fall silent; disks
fill up and descriptors run out: of each server one after the other, at random. Every program must get one verdict, the
right one; or none, after its deadline. No server that is well may be idle for more than three seconds while a call
waits. At the end nothing may be left. Prints the checks and writes ``results/chaos.json``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import psutil
import tyro
import uvloop

from ..evaluator.client import AsyncClient, JudgeUnavailable
from ..evaluator.problem import Problem
from .machine import Machine, command_line, machine
from .proxy import Mood, Proxy
from .served import Served, free_port
from .soak import HOSTILE, ORDINARY, Check, Kind, Longest, adopt_orphans, alive, finish, none_left, problems, until

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 1 << 14, 1 << 18
SHOWN = 20
IDLE_SECONDS = 3.0
"""That a server which is well may be idle while a call waits."""
LOOK = 0.2
"""Seconds between two looks at a server."""
DISK = 64 << 20
PROBLEMS = 200
"""Programs after which problems get new names, which no server knows."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Does a client lose a verdict, or wait for nothing, while its servers fail?"""

    programs: Annotated[int, msgspec.Meta(ge=10)] = 20_000
    """Programs to judge."""
    hostile: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    """Share of them that attack."""
    calls: Annotated[int, msgspec.Meta(ge=1)] = 64
    """At the same time."""
    servers: Annotated[int, msgspec.Meta(ge=1)] = 2
    engines: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Engine processes of each server."""
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Of each server."""
    deadline: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Seconds of a call."""
    calm: Annotated[float, msgspec.Meta(gt=0)] = 6.0
    """Most seconds of a server between two faults."""
    spell: Annotated[float, msgspec.Meta(gt=0)] = 8.0
    """Most seconds of a fault that lasts."""
    stopped: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """Seconds for which what is stopped does not go on."""
    faults: tuple[str, ...] = ()
    """Only these faults. Default: all."""
    seed: int = 1
    """Seed of the programs and of what fails when."""
    out: Path = Path(__file__).with_name("results")
    """Folder for chaos.json."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What chaos.json holds."""

    command: str
    machine: Machine
    programs: int
    hostile: int
    seconds: float
    programs_per_second: float
    faults: dict[str, int]
    left_out: list[str]
    """Faults that could not be made here."""
    without_verdict: int
    longest_call: float
    """Seconds."""
    longest_idle: float
    """Seconds of a server that was well, while a call waited."""
    verdicts: dict[str, int]
    unexpected: list[str]
    checks: list[Check]


class Server:
    """One of the servers, with its proxy, and what can befall it."""

    def __init__(self, options: Options, folder: Path, seed: str) -> None:
        self._options = options
        self._folder = folder
        self._state = folder / "state"
        self._random = random.Random(seed)
        self._served = Served(folder, *self._arguments(), port=free_port())
        self.seen: set[psutil.Process] = set()
        self.well_since: float | None = None
        self.idle_since: float | None = None
        self.left_out: list[str] = []
        self.faults: Counter[str] = Counter()
        self._all: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "server killed": self._kill_server,
            "engine killed": self._kill_engine,
            "jail killed": self._kill_jail,
            "server stopped": self._stop_server,
            "engine stopped": self._stop_engine,
            "disk full": self._fill_disk,
            "no descriptors": self._take_descriptors,
            **{mood.value: lambda mood=mood: self._mood(mood) for mood in Mood if mood is not Mood.OPEN},
        }

    def _arguments(self) -> tuple[str, ...]:
        options = self._options
        sizes = "--workers", str(options.workers), "--engines", str(options.engines)
        return (*sizes, "--state", str(self._state), "--verdict-cache", "1000", "--log-level", "info")

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Server]:
        self._state.mkdir()
        with _disk(self._state) as is_one:
            if not is_one:
                self._leave_out("disk full", "only root can mount a small one")
            await self._start()
            async with Proxy(int(self._served.address.rpartition(":")[2])) as self._proxy:
                try:
                    yield self
                finally:
                    self.look()
                    await asyncio.to_thread(self._served.__exit__)

    @property
    def address(self) -> str:
        return self._proxy.address

    @property
    def exit_code(self) -> int | None:
        return self._served.process.poll()

    async def trouble(self, over: asyncio.Event) -> None:
        """One fault after the other. It is there again when this returns."""
        wanted = self._options.faults or self._all
        names = [name for name in self._all if name in wanted and name not in self.left_out]
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), self._random.uniform(0, self._options.calm))
            if over.is_set():
                return
            name = self._random.choice(names)
            self.faults[name] += 1
            self.well_since = self.idle_since = None
            try:
                await self._all[name]()
            finally:
                self.well_since = time.monotonic()

    async def watch(self) -> None:
        """Since when it is well and idle."""
        judged = -1
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session:
            while True:
                await asyncio.sleep(LOOK)
                self.look()
                try:
                    async with session.get(f"{self._served.address}/v1/status") as answer:
                        status = await answer.json()
                except (aiohttp.ClientError, TimeoutError):
                    self.idle_since = None
                    continue
                idle = not status["busy"] and not status["waiting"] and status["judged"] == judged
                judged = status["judged"]
                if not idle or self.well_since is None:
                    self.idle_since = None
                elif self.idle_since is None:
                    self.idle_since = time.monotonic()

    def look(self) -> None:
        """At its processes."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._served.process.pid)
            self.seen.update((root, *root.children(recursive=True)))

    # -- faults

    async def _start(self) -> None:
        await asyncio.to_thread(self._served.__enter__)
        self.well_since = time.monotonic()

    async def _kill_server(self) -> None:
        self.look()
        self._served.process.kill()
        await asyncio.to_thread(self._served.process.wait)
        await asyncio.sleep(self._random.uniform(0, 3))
        await self._start()

    async def _kill_engine(self) -> None:
        with contextlib.suppress(psutil.Error, IndexError):
            self._random.choice(self._served.engines).kill()

    async def _kill_jail(self) -> None:
        with contextlib.suppress(psutil.Error, IndexError):
            jail = self._random.choice(self._random.choice(self._served.engines).children())
            self.seen.update((jail, *jail.children(recursive=True)))
            jail.kill()

    async def _stop_server(self) -> None:
        with self._stopped(psutil.Process(self._served.process.pid), *self._served.engines):
            await asyncio.sleep(self._options.stopped)

    async def _stop_engine(self) -> None:
        with self._stopped(*self._served.engines[-1:]):
            await asyncio.sleep(self._options.stopped)

    @contextmanager
    def _stopped(self, *processes: psutil.Process) -> Generator[None]:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    process.resume()

    async def _fill_disk(self) -> None:
        full = self._state / "full"
        with contextlib.suppress(OSError), full.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        await self._for_a_spell()
        full.unlink()

    async def _take_descriptors(self) -> None:
        held: list[tuple[psutil.Process, tuple[int, int]]] = []
        for engine in self._served.engines:
            with contextlib.suppress(psutil.Error):
                before = engine.rlimit(psutil.RLIMIT_NOFILE)
                engine.rlimit(psutil.RLIMIT_NOFILE, (engine.num_fds() + self._random.randrange(4), before[1]))
                held.append((engine, before))
        await self._for_a_spell()
        for engine, before in held:
            with contextlib.suppress(psutil.Error):
                engine.rlimit(psutil.RLIMIT_NOFILE, before)

    async def _mood(self, mood: Mood) -> None:
        self._proxy.become(mood)
        await self._for_a_spell()
        self._proxy.become(Mood.OPEN)

    async def _for_a_spell(self) -> None:
        await asyncio.sleep(self._random.uniform(0, self._options.spell))

    def _leave_out(self, fault: str, why: str) -> None:
        if fault not in self.left_out:
            self.left_out.append(fault)
            print(f"left out: {fault}: {why}")


@contextmanager
def _disk(folder: Path) -> Generator[bool]:
    """A small disk there, if one can be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Chaos:
    """One run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.random = random.Random(options.seed)
        self.names: dict[tuple[str, int], Problem] = {}
        self.judged = self.hostile = self.without_verdict = 0
        self.verdicts: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self.longest = Longest()
        self.longest_call = self.longest_idle = 0.0
        self.idle: str | None = None
        self.waiting: dict[int, float] = {}
        self.left = iter(range(options.programs))

    def problem(self, kind: Kind, place: int) -> Problem:
        key = kind.problem, place // PROBLEMS
        if key not in self.names:
            given = problems()[kind.problem]
            self.names[key] = msgspec.structs.replace(given, problem_id=f"{kind.problem} {key[1]}")
        return self.names[key]

    async def run(self, servers: list[Server]) -> float:
        options = self.options
        began = time.monotonic()
        addresses = [server.address for server in servers]
        async with AsyncClient(addresses, connections=options.calls, deadline=options.deadline) as judge:
            over = asyncio.Event()
            troubles = [asyncio.create_task(server.trouble(over)) for server in servers]
            beside = [asyncio.create_task(each) for each in (self.compare(servers), *(s.watch() for s in servers))]
            calls = asyncio.create_task(self.calls(judge))
            # What is around the calls ends only by a fault of its own.
            done, _ = await asyncio.wait([calls, *troubles, *beside], return_when=asyncio.FIRST_COMPLETED)
            seconds = time.monotonic() - began
            over.set()
            for task in (calls, *beside):
                task.cancel()
            await asyncio.gather(calls, *troubles, *beside, return_exceptions=True)
            for task in done:
                task.result()
        return seconds

    async def calls(self, judge: AsyncClient) -> None:
        await asyncio.gather(*(self.call(judge) for _ in range(self.options.calls)))

    async def call(self, judge: AsyncClient) -> None:
        for place in self.left:
            kind = self.random.choice(HOSTILE if self.random.random() < self.options.hostile else ORDINARY)
            began = self.waiting[place] = time.monotonic()
            try:
                report = await judge.evaluate(self.problem(kind, place), f"{kind.source}\n# {place}\n")
            except JudgeUnavailable as error:
                self.without_verdict += 1
                if time.monotonic() - began < self.options.deadline:
                    self.unexpected.append(f"program {place} ({kind.name}): before its deadline: {error}")
                continue
            finally:
                del self.waiting[place]
                self.longest_call = max(self.longest_call, time.monotonic() - began)
            self.judged += 1
            self.hostile += kind.hostile
            self.longest.see(report, f"program {place} ({kind.name})")
            status = report.status.value
            self.verdicts[status] += 1
            if status not in kind.verdicts.split():
                self.unexpected.append(f"program {place} ({kind.name}): {status}: {report.message}")

    async def compare(self, servers: list[Server]) -> None:
        """Calls that wait with servers that are idle."""
        while True:
            await asyncio.sleep(LOOK / 2)
            since = min(self.waiting.values(), default=None)
            for number, server in enumerate(servers):
                if since is not None and server.idle_since is not None:
                    idle = time.monotonic() - max(since, server.idle_since)
                    if idle > self.longest_idle:
                        self.longest_idle = idle
                        self.idle = f"server {number}, while {len(self.waiting)} calls waited"


async def chaos(options: Options, folder: Path) -> Result:
    here = machine()
    run = Chaos(options)
    own = psutil.Process()
    places = [folder / f"server{number}" for number in range(options.servers)]
    temporary = folder / "tmp"
    temporary.mkdir()
    os.environ["TMPDIR"] = str(temporary)
    async with AsyncExitStack() as stack:
        servers: list[Server] = []
        for number, place in enumerate(places):
            place.mkdir()
            servers.append(
                await stack.enter_async_context(Server(options, place, f"{options.seed} {number}").running())
            )
        descriptors = own.num_fds()
        seconds = await run.run(servers)
        await until(lambda: own.num_fds() <= descriptors, 5)
        more = own.num_fds() - descriptors
    seen = {process for server in servers for process in server.seen}
    await until(lambda: not alive(seen), 20)
    finished = run.judged + run.without_verdict
    idle = f"at most {run.longest_idle:.2f} s" + (f": {run.idle}" if run.idle else "")
    checks = [
        Check(name="programs", passed=finished == options.programs, detail=f"{finished} of {options.programs}"),
        Check(name="as expected", passed=not run.unexpected, detail=f"{len(run.unexpected)} were not"),
        Check(name="no verdict", passed=True, detail=f"{run.without_verdict} after their deadline"),
        Check(name="idle beside a call", passed=run.longest_idle <= IDLE_SECONDS, detail=idle),
        run.longest.check(),
        Check(
            name="end",
            passed=all(server.exit_code == 0 for server in servers),
            detail=f"exit codes {[server.exit_code for server in servers]} on SIGTERM",
        ),
        none_left("processes", alive(seen)),
        none_left("temporary files", sorted(os.listdir(temporary))),
        Check(name="descriptors of the client", passed=more <= 0, detail=f"{max(more, 0)} more than before"),
    ]
    return Result(
        command=command_line("microcoder.bench.chaos"),
        machine=here,
        programs=options.programs,
        hostile=run.hostile,
        seconds=round(seconds, 1),
        programs_per_second=round(options.programs / seconds, 1),
        faults=dict(sum((server.faults for server in servers), Counter[str]())),
        left_out=sorted({fault for server in servers for fault in server.left_out}),
        without_verdict=run.without_verdict,
        longest_call=round(run.longest_call, 2),
        longest_idle=round(run.longest_idle, 2),
        verdicts=dict(run.verdicts),
        unexpected=run.unexpected[:SHOWN],
        checks=checks,
    )


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    adopt_orphans()
    libc = ctypes.CDLL(None)
    # Its disks are mounted where only it and its children see them.
    if libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        result = runner.run(chaos(options, Path(folder)))
    print(f"{result.programs} programs, {result.hostile} hostile, in {result.seconds} s; the longest call took")
    print(f"{result.longest_call} s; faults: {result.faults}")
    finish(result, options.out / "chaos.json", result.unexpected, result.checks)


if __name__ == "__main__":
    main()
