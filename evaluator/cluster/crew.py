"""The actors of one evaluator, and the queue in front of them, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from ...sandbox.errors import JailUnavailable, MicrocoderError, WorkerFailure
from ...sandbox.execution import Execution
from ...sandbox.languages import CompileError
from ...sandbox.shared import Shared
from ..memory import Kept
from ..options import JudgeOptions, RunOptions
from ..problem import Problem
from ..report import Report, not_run
from ..status import Status
from ..submission import Submission
from . import library
from .connection import Connection, Disconnected
from .host import Host
from .library import ClusterUnavailable
from .member import Member, Waiting
from .messages import Answer, Started
from .options import RayOptions
from .parcels import Parcels
from .placement import Node, Place, Reservations, told

LOOK = 1.0
"""Seconds between two looks at which nodes there are."""
PAUSE = 5.0
"""Seconds before a node whose actor did not start is tried again, and a cluster that was lost."""
TELL = 5.0
"""Seconds of waiting for the first actor, before and between words about it."""
GONE = 40.0
"""Seconds without a word of the head until the cluster is lost. Ray would end this process after 60."""
STOP = 10.0
"""Seconds for an actor to end in order."""
TRIES = 2
log = logging.getLogger(__name__)


class Crew:
    """``await start()``, then ``judge`` and ``execute``, then ``close()``, all on one event loop."""

    def __init__(self, options: RayOptions, running: RunOptions, identity: str) -> None:
        self._options = options
        self._running = running
        """Options of Evaluator, for each actor."""
        self._most = running.memory.prepared
        self._ray = library.load()
        self._parcels = Parcels(self._ray, self._most)
        self._identity = identity
        """Of the code that judges."""
        self.loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self.members: dict[Place, Member] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        """One for each actor, from before it starts to after its end."""
        self._actors: set[Any] = set()
        self._nodes: list[Node] = []
        """As they were when they were looked at."""
        self._failures: dict[str, tuple[float, Exception]] = {}
        """When and why actors did not start, by node."""
        self._nowhere = False
        """No actor is there or starts, since no node is free for one."""
        self._queue: deque[Waiting] = deque()
        self._numbers = itertools.count()
        self._lost_workers = 0
        self._changed = asyncio.Event()
        """An actor came or went, or nodes were looked at."""
        self._alone_since = self._needed_at = time.monotonic()
        self._silent_since: float | None = None
        """When the head was first asked in vain."""
        self._silence: ClusterUnavailable | None = None
        self._lost: asyncio.Future[ClusterUnavailable] = self.loop.create_future()
        self._looking: asyncio.Task[None] | None = None
        self._executing: Shared[object, Execution | CompileError] = Shared()
        self._unplaced = 0
        """Workers, when that was last told."""

    async def start(self) -> None:
        """Until an actor is there. Raises ClusterUnavailable or JailUnavailable."""
        await self._connect()
        self._looking = asyncio.create_task(self._look())
        began = waited = told_at = time.monotonic()
        while not self.members:
            self._changed.clear()
            await self._changed.wait()
            now = time.monotonic()
            if self._silence is not None:
                raise self._silence
            if not self._nowhere:
                waited = now
            if self._nowhere and (self._failures or now - waited >= self._options.actor_wait):
                raise self._failure()
            if now - began >= self._options.nobody:
                raise self._failure()
            if now - told_at >= TELL and not self.members:
                told_at = now
                starting = ", ".join(sorted({place.node.name for place in self._tasks}))
                log.warning("waiting for an actor to start on %s", starting or f"any node: {self._having()}")

    async def close(self) -> None:
        """Whoever waits gets CancelledError. Actors end in order."""
        for waiting in (*self._queue, *self._held()):
            waiting.future.cancel()
        self._queue.clear()
        async with AsyncExitStack() as ends:
            if self._looking is not None:
                ends.push_async_callback(self._connection.close)
                ends.callback(self._let_go)
                ends.push_async_callback(self._give_back)
            ends.push_async_callback(self._end_tasks, self._looking)
            ends.push_async_callback(self._executing.close)

    @property
    def problems(self) -> Kept:
        """In the object store."""
        return Kept(self._parcels.bytes, self._most)

    def abandon(self) -> None:
        """Nobody can close it any more. Waits for nothing; may be called wherever objects are collected."""
        if os.getpid() == self._pid:
            threading.Thread(target=self._abandon, name="microcoder-ray", daemon=True).start()

    def _abandon(self) -> None:
        if self.loop.is_running():
            with contextlib.suppress(RuntimeError):  # it was closed just now
                asyncio.run_coroutine_threadsafe(self.close(), self.loop)
                return
        if self._looking is not None:
            for actor in self._actors:
                self._kill(actor)
            with contextlib.suppress(Exception):  # the head may be gone
                self._reservations.close()
            self._connection.leave()

    @property
    def restarts(self) -> int:
        return self._lost_workers + sum(member.restarts for member in self.members.values())

    # -- judging

    async def judge(self, problem: Problem, submission: Submission, judging: JudgeOptions, nobody: float) -> Report:
        """The verdict. ``nobody``: seconds to wait while no actor is there."""
        self._check_lost()
        parcel = self._parcels.parcel(problem)
        waiting = Waiting(next(self._numbers), parcel, submission, judging, time.monotonic(), nobody)
        self._queue.append(waiting)
        self._dispatch()
        try:
            return await waiting.future
        except asyncio.CancelledError:
            waiting.future.cancel()  # one that still waits is passed over
            if waiting.member is not None and waiting.asked.number in waiting.member.held:
                waiting.member.cancel(waiting)
            raise
        finally:
            del waiting  # of Ray, too; an exception would keep it

    async def execute(self, *about: Any, nobody: float) -> Execution | CompileError:
        """What Host.execute returns, on the node with the least to do. ``nobody`` as above."""
        return await self._executing.alone(self._execute(about, nobody))

    async def _execute(self, about: tuple[Any, ...], nobody: float) -> Execution | CompileError:
        failure: Exception | None = None
        for _ in range(TRIES):
            member = await self._somebody(nobody)
            member.executing += 1
            call = None
            try:
                self._check_lost()
                call = self._connection.submit(member.actor.execute, *about)
                return await self._unless_lost(call)
            except MicrocoderError:  # of the evaluator there, or of here; Ray's own come below
                raise
            except Exception as error:
                failure = error
            except asyncio.CancelledError:
                self._ray.cancel(call)
                raise
            finally:
                member.executing -= 1
                self._dispatch()
                del member, call  # likewise
        raise WorkerFailure(f"two nodes failed on this program: {_words(failure)}")

    async def _unless_lost(self, call: Any) -> Any:
        async def answer() -> Any:
            return await call

        answering = asyncio.create_task(answer())
        try:
            await asyncio.wait((answering, self._lost), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self._check_lost()
            return await answering
        finally:
            answering.cancel()

    async def _somebody(self, nobody: float) -> Member:
        """The member with the least to do, when there is one."""
        since = time.monotonic()
        while not self.members:
            self._check_lost()
            if self._alone(since) >= nobody:
                raise self._failure()
            self._changed.clear()
            await self._changed.wait()
        return min(self.members.values(), key=lambda member: member.load)

    def _alone(self, since: float) -> float:
        """Seconds that somebody who came then waits while nobody is there."""
        return time.monotonic() - max(since, self._alone_since)

    def _check_lost(self) -> None:
        if not self._lost.done():
            try:
                self._connection.check()
            except Disconnected as error:
                self._lose_cluster(error)
        if self._lost.done():
            raise ClusterUnavailable(str(self._lost.result()))

    # -- within: who gets what

    def _dispatch(self) -> None:
        while self._queue:
            waiting = self._queue[0]
            if not waiting.future.done():
                member = self._choice(waiting)
                if member is None:
                    return
                member.give(waiting)
            self._queue.popleft()

    def _choice(self, waiting: Waiting) -> Member | None:
        """Whoever is free, best of all where the problem is already; else the one with the least to do."""
        digest = waiting.parcel.digest
        able = [member for member in self.members.values() if member.room]
        return min(
            able,
            key=lambda member: (member.load >= 1, digest not in member.digests, member.load),
            default=None,
        )

    def _answered(self, member: Member, answers: list[Answer]) -> None:
        now = time.monotonic()
        for answer in answers:
            waiting = member.held.pop(answer.number, None)
            if waiting is None or waiting.future.done():
                continue  # cancelled
            report = answer.report
            if report is not None:
                member.took(report.run_time)
                elsewhere = now - waiting.asked_at - report.run_time
                report = msgspec.structs.replace(report, queue_time=max(report.queue_time, elsewhere))
                waiting.future.set_result(report)
            elif answer.failure == "bad_problem":
                waiting.future.set_exception(ValueError(answer.message))
            elif answer.failure == "unknown_problem":
                member.digests.discard(waiting.parcel.digest)
                member.give(waiting)
            else:
                self._again(waiting, answer.message)
        self._dispatch()

    def _again(self, waiting: Waiting, reason: str) -> None:
        waiting.member = None
        waiting.losses.append(reason)
        if len(waiting.losses) < TRIES:
            self._queue.appendleft(waiting)
            return
        told = f"two nodes failed on this program: {'; '.join(waiting.losses)}"
        waiting.future.set_result(not_run(waiting.parcel.problem, Status.SYSTEM_ERROR, told))

    def _held(self) -> Iterator[Waiting]:
        return (waiting for member in self.members.values() for waiting in member.held.values())

    # -- within: who is there

    async def _connect(self, *, join: bool = True) -> None:
        self._connection = await Connection.open(self._ray, self._options.address, join=join)
        self._reservations = Reservations(self._ray)
        self._parcels = Parcels(self._ray, self._most)

    async def _look(self) -> None:
        """Starts what should be there and is not, for as long as this lasts."""
        while True:
            try:
                await self._employ_more()
                self._silent_since = self._silence = None
            except ClusterUnavailable as error:
                now = time.monotonic()
                if self._silent_since is None:
                    self._silent_since = now
                    log.warning("%s", error)
                self._silence = error
                if not self._lost.done() and (isinstance(error, Disconnected) or now - self._silent_since >= GONE):
                    self._lose_cluster(error)
            except Exception:  # a defect of ours, or an answer of Ray that is new: those who wait have their limits
                log.exception("the nodes were not looked at")
            if self._lost.done():
                await self._start_over()
            if not self.members:
                self._give_up(self._failure())
            self._changed.set()
            await asyncio.sleep(LOOK)

    async def _employ_more(self) -> None:
        options, now = self._options, time.monotonic()
        if self._queue or all(member.load >= 1 for member in self.members.values()):  # or nobody is there
            self._needed_at = now
        missing = None
        if options.workers is not None:
            missing = options.workers - sum(place.workers for place in self._tasks)
            if options.idle is not None:
                self._dismiss(now - options.idle)
                if now - self._needed_at >= options.idle:
                    missing = 0
        avoid = {node for node, (failed_at, _) in self._failures.items() if now - failed_at < PAUSE}
        used = set(self._tasks)
        self._nodes, found = await self._connection.ask(
            lambda: self._reservations.look(used, missing, options.actor_workers, avoid)
        )
        there = {node.id for node in self._nodes}
        self._failures = {node: failure for node, failure in self._failures.items() if node in there}
        for place in found:
            self._tasks[place] = asyncio.create_task(self._employ(place))
        self._nowhere = not self._tasks
        if missing is not None:
            self._tell(missing - sum(place.workers for place in found))

    def _tell(self, missing: int) -> None:
        """About workers that have no place, when there are more or fewer than before."""
        if missing not in (0, self._unplaced):
            log.warning("no place for %d of %s workers: %s", missing, self._options.workers, self._having())
        self._unplaced = missing

    def _dismiss(self, before: float) -> None:
        """End the actors that have had no program since; all but one."""
        idle = [place for place, member in self.members.items() if member.idle and member.used_at < before]
        for place in idle[len(idle) == len(self.members) :]:
            del self.members[place]  # nothing is given to it any more
            self._tasks[place].cancel()

    async def _employ(self, place: Place) -> None:
        """One actor, from its start to its end."""
        actor = self._remote(place)
        self._actors.add(actor)
        member, reason = None, "the actor ended"
        try:
            started = msgspec.msgpack.decode(await self._connection.submit(actor.start), type=Started)
            if started.identity != self._identity:
                raise ClusterUnavailable("a node has another microcoder or Python than this process")
            member = self.members[place] = Member(place, actor, started.jail, self._connection)
            self._failures.pop(place.node.id, None)
            self._changed.set()
            self._dispatch()
            await member.run(self._answered)
        except asyncio.CancelledError:
            if member is not None and not self._lost.done():
                with contextlib.suppress(Exception, asyncio.CancelledError):
                    await asyncio.wait_for(self._connection.submit(actor.stop), STOP)
            raise
        except Exception as error:  # of Ray, of the evaluator there, or because this process left the cluster
            reason = _words(error)
            log.warning("an actor on %s was lost: %s", place.node.name, reason)
            if member is None:
                self._failures[place.node.id] = time.monotonic(), error
        finally:
            self._kill(actor)  # it may only be out of reach; nobody will listen to it any more
            self._actors.discard(actor)
            del self._tasks[place]
            if member is not None:
                self._lose(place, member, reason)
            self._changed.set()

    def _kill(self, actor: Any) -> None:
        if self._ray.is_initialized():  # it would be, by itself, to a cluster of its own
            with contextlib.suppress(Exception):  # whatever it is, Ray ends actors that nobody knows
                self._ray.kill(actor)

    def _lose(self, place: Place, member: Member, reason: str) -> None:
        if self.members.pop(place, None) is None:
            return  # dismissed
        if not self.members:
            self._alone_since = time.monotonic()
        self._lost_workers += member.restarts + place.workers
        for waiting in reversed(member.held.values()):
            if not waiting.future.done():
                self._again(waiting, reason)
        member.held.clear()
        self._dispatch()

    def _remote(self, place: Place) -> Any:
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        options: dict[str, Any] = {
            "num_cpus": place.workers,
            "max_restarts": 0,
            "scheduling_strategy": strategies.PlacementGroupSchedulingStrategy(place.group, 0),
        }
        if self._options.runtime_env is not None:
            options["runtime_env"] = self._options.runtime_env
        running = msgspec.structs.replace(self._running, workers=place.workers)
        return self._ray.remote(Host).options(**options).remote(running)

    # -- within: nobody is there

    def _give_up(self, error: ClusterUnavailable | JailUnavailable) -> None:
        """Tell those who have waited long enough with nobody there."""
        for waiting in self._queue:
            if not waiting.future.done() and self._alone(waiting.asked_at) >= waiting.nobody:
                waiting.future.set_exception(type(error)(*error.args))
        self._queue = deque(waiting for waiting in self._queue if not waiting.future.done())

    def _lose_cluster(self, reason: ClusterUnavailable) -> None:
        """Nobody waits for it, or is given to it."""
        error = ClusterUnavailable(f"the Ray cluster was lost: {reason}")
        log.error("%s", error)
        self._lost.set_result(error)
        for waiting in (*self._queue, *self._held()):
            if not waiting.future.done():
                waiting.future.set_exception(ClusterUnavailable(str(error)))
        self._queue.clear()
        self.members.clear()
        self._changed.set()

    async def _start_over(self) -> None:
        """The cluster is lost. When there is one again, it is used."""
        await self._end_tasks()
        self._let_go()
        own = self._connection.own
        await self._connection.close()
        while True:
            await asyncio.sleep(PAUSE)
            with contextlib.suppress(ClusterUnavailable):
                await self._connect(join=own)
                break
        self._nodes = []
        self._silent_since = self._silence = None
        self._alone_since = self._needed_at = time.monotonic()
        self._lost = self.loop.create_future()

    async def _end_tasks(self, *others: asyncio.Task[None] | None) -> None:
        tasks = [*filter(None, others), *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _let_go(self) -> None:
        """Of what is Ray's. If it were collected while this process leaves the cluster, Ray would end the process."""
        self.members.clear()
        self._failures.clear()
        self._parcels = Parcels(self._ray, self._most)

    async def _give_back(self) -> None:
        with contextlib.suppress(ClusterUnavailable):
            await self._connection.ask(self._reservations.close)

    def _having(self) -> str:
        return told(self._nodes, self._options.actor_workers)

    def _failure(self) -> ClusterUnavailable | JailUnavailable:
        """Why nobody is there."""
        failure = next((failure for _, failure in self._failures.values()), None)
        for kind in (JailUnavailable, ClusterUnavailable):
            if isinstance(failure, kind):
                return kind(_words(failure))
        reason = f"; the last one said: {_words(failure)}" if failure else ""
        starting = sorted({place.node.name for place in self._tasks})
        said = f"those on {', '.join(starting)} have not yet" if starting else self._having()
        return ClusterUnavailable(f"no actor started: {said}{reason}")


def _words(error: Exception | None) -> str:
    """The reason without the traceback of another machine."""
    cause = getattr(error, "cause", None) or error
    return " ".join(str(cause).split())[:500] or type(cause).__name__
