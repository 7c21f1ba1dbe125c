"""A fixed number of places, each held by one running program, and the workers that serve them.

Workers come in kinds: one for Python programs, others for executables, compilers and the runtimes of other languages.
Those for Python start with the pool, the others when they are first needed.

Where the host was too short of something for all of them, one program can have the pool to itself: ``alone``.

Giving a worker back means: ended and healthy, or killed. There is no third way.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from . import capacity
from .errors import JailUnavailable, SandboxError
from .interpreter import Interpreter
from .jails.base import Jail
from .kinds import PYTHON, Kind
from .launcher import Launcher
from .places import Places
from .shortage import Shortages
from .worker import Inputs, Worker

RECYCLE_AFTER = 2000


class Pool:
    """``async with Pool(launcher, places) as pool``; then ``async with pool.worker(inputs) as worker``."""

    def __init__(self, launcher: Launcher, places: int, *, recycle_after: int = RECYCLE_AFTER) -> None:
        if places < 1:
            raise SandboxError(f"workers: must be at least 1, not {places}")
        self.launcher = launcher
        self.places = places
        self.recycle_after = recycle_after
        self.restarts = 0
        """Workers that broke and were replaced."""
        self.shortages = Shortages()
        self._free = Places(places)
        self._idle: defaultdict[Kind, list[Worker]] = defaultdict(list)
        self._busy: set[Worker] = set()
        self._starting: set[Worker] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._running = 0
        self._one_alone = asyncio.Lock()
        self._admits = asyncio.Event()
        self._admits.set()
        self._quiet = asyncio.Event()
        """No program runs."""
        self._quiet.set()

    @classmethod
    async def open(cls, jails: list[Jail], interpreter: Interpreter, places: int) -> Pool:
        """A started pool with the first of these jails that starts. Raises JailUnavailable with what each one said."""
        capacity.make_room(places)
        failures: list[str] = []
        for jail in jails:
            try:
                return await cls(Launcher(jail, interpreter), places).__aenter__()
            except JailUnavailable as failure:
                failures.append(str(failure))
        raise JailUnavailable("\n".join(failures))

    async def __aenter__(self) -> Pool:
        async def start() -> None:
            self._idle[PYTHON].append(await self._start(PYTHON))

        try:
            results = await asyncio.gather(*(start() for _ in range(self.places)), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        for worker in (*self._busy, *self._starting):
            worker.kill()
        for kind in self._idle.values():
            while kind:
                self._retire(kind.pop())
        try:
            while self._starting:  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # whoever starts one is told, and hands it over to be closed
            while closing := tuple(self._closing):
                await asyncio.wait(closing)  # who gives up here cancels none of them
                self._closing.difference_update(closing)  # where all were done, nobody had a turn
        finally:
            self.shortages.close()

    def kill(self) -> None:
        """End all jails now, from any thread. ``close`` still has to be awaited, or ``bury`` called."""
        for worker in (*self._workers(), *self._starting):
            worker.kill_jail()

    def bury(self) -> None:
        """``close``, where the event loop has ended."""
        for worker in (*self._workers(), *self._starting):
            worker.bury()
        self.shortages.close()

    def pids(self) -> list[int]:
        """Outermost processes of the running jails. Of one that broke, the number may be another process's by now."""
        return [worker.pid for worker in self._workers() if worker.healthy]

    def _workers(self) -> list[Worker]:
        return [*self._busy, *(worker for kind in self._idle.values() for worker in kind)]

    @property
    def busy(self) -> int:
        """Places that are held."""
        return len(self._busy)

    @property
    def spare(self) -> int:
        """Places that nobody holds or waits for."""
        return 0 if self._waiting else self.places - len(self._busy)

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None, None]:
        """Before all that wait: no program runs meanwhile but those of ``worker(alone=True)``, and of the idle workers
        one of each kind is left."""
        async with self._one_alone:
            self._admits.clear()
            try:
                await self._quiet.wait()
                for idle in self._idle.values():
                    while len(idle) > 1:
                        self._retire(idle.pop(0))
                if self._closing:
                    await asyncio.wait(self._closing)  # as above
                yield
            finally:
                self._admits.set()

    def worker(
        self, inputs: Inputs, *, kind: Kind = PYTHON, new: bool = False, alone: bool = False, ahead: bool = False
    ) -> _Place:
        """``async with``: a worker for one program, one that already holds the inputs if there is one, or a
        ``new`` one.

        ``alone``: within ``alone()``. ``ahead``: before programs that have not begun. Raises JailUnavailable,
        HostShortage where none can be started any more."""
        return _Place(self, inputs, kind, new=new, alone=alone, ahead=ahead)

    async def enter(self, *, alone: bool, ahead: bool) -> None:
        """Wait for a place, and while another program is alone."""
        if not alone:
            self._waiting += 1
            try:
                await self._free.acquire(ahead=ahead)
            finally:
                self._waiting -= 1
            try:
                while not self._admits.is_set():
                    await self._admits.wait()
            except BaseException:
                self._free.release()
                raise
        self._running += 1
        self._quiet.clear()

    def leave(self, *, alone: bool) -> None:
        """The place is free."""
        self._running -= 1
        if not self._running:
            self._quiet.set()
        if not alone:
            self._free.release()

    async def take(self, inputs: Inputs, kind: Kind, *, new: bool) -> Worker:
        """Who has a place gets a worker."""
        idle = self._idle[kind]
        while idle and not new:
            place = next((at for at, w in enumerate(idle) if w.has(inputs)), -1)
            worker = idle.pop(place)
            if worker.healthy:
                break
            self.restarts += 1
            self._retire(worker)
        else:
            worker = await self._start(kind)
        self._busy.add(worker)
        return worker

    async def _start(self, kind: Kind) -> Worker:
        worker = Worker(self.launcher, kind)
        self._starting.add(worker)
        try:
            await worker.start()
        except BaseException:
            self._retire(worker)
            raise
        finally:
            self._starting.discard(worker)
        return worker

    def give_back(self, worker: Worker) -> None:
        self._busy.discard(worker)
        worker.end()
        idle = self._idle[worker.kind]
        if worker.healthy and not worker.worn and worker.jobs < self.recycle_after and len(idle) < self.places:
            idle.append(worker)
            return
        if not worker.healthy:
            self.restarts += 1
            worker.kill()
        self._retire(worker)

    def _retire(self, worker: Worker) -> None:
        task = asyncio.get_running_loop().create_task(worker.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Place:
    """Of a pool, held for one program with a worker on it. A class, since a generator costs every program more."""

    def __init__(self, pool: Pool, inputs: Inputs, kind: Kind, *, new: bool, alone: bool, ahead: bool) -> None:
        self._pool = pool
        self._inputs = inputs
        self._kind = kind
        self._new = new
        self._alone = alone
        self._ahead = ahead

    async def __aenter__(self) -> Worker:
        pool = self._pool
        await pool.enter(alone=self._alone, ahead=self._ahead)
        try:
            self._worker = await pool.take(self._inputs, self._kind, new=self._new)
        except BaseException:
            pool.leave(alone=self._alone)
            raise
        return self._worker

    async def __aexit__(self, *_: object) -> None:
        # Whatever went wrong, what the program left behind does not meet the next one: the worker is ended first.
        try:
            self._pool.give_back(self._worker)
        finally:
            self._pool.leave(alone=self._alone)
