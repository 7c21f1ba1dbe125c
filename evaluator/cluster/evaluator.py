"""RayEvaluator: judges on all nodes of a Ray cluster what is asked here.

What an actor held when it, or its node, was lost is run once more elsewhere; after the second loss the verdict is
system_error, as when two workers break. New nodes are used when they are there; nodes may go at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ...sandbox.errors import JailUnavailable, MicrocoderError, WorkerFailure
from ...sandbox.execution import Execution
from ...sandbox.languages import CompileError
from ...sandbox.limits import Limits
from ...sandbox.shared import Shared
from ..compare import preset as find_preset
from ..problem import Problem
from ..report import Report, not_run
from ..status import Status
from ..streams import Program, Streams
from ..submission import Submission
from ..version import identity
from . import library
from .host import Host
from .library import ClusterUnavailable
from .member import Member, Waiting
from .messages import Answer, Started
from .parcels import Parcels
from .placement import Place, places

LOOK = 1.0
"""Seconds between two looks at which nodes there are."""
PAUSE = 5.0
"""Seconds before an actor that did not start is tried again."""
STOP = 10.0
"""Seconds for an actor to end in order."""
TRIES = 2
log = logging.getLogger(__name__)


class RayEvaluator(Streams):
    """``async with RayEvaluator() as evaluator``, then as Evaluator: ``evaluate``, ``evaluate_many``, ``stream``.

    address     of the cluster (host:port); None: the one this process is connected to, or that this machine belongs to
    workers     processors to ask for, wherever they are, also of nodes that an autoscaler has yet to start;
                None: all processors of all nodes, as nodes come and go
    actor_workers  at most so many workers in one actor; each actor is one event loop, as an engine of the server is
    idle        with a number of workers: seconds without a program after which an actor gives its processors back,
                until programs wait again; one actor stays. None: never
    nobody      seconds that programs wait while no actor is there, before ClusterUnavailable
    runtime_env of Ray, for the actors
    options     of Evaluator, for each actor: jail, python, packages, lanes, run_all, scores, preset, keep_outputs, ...

    Raises ClusterUnavailable or JailUnavailable on entering when there is no cluster, or no actor can judge. The
    methods raise what those of Evaluator do, and ClusterUnavailable. Nodes with another microcoder are left out.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        actor_workers: int = 16,
        idle: float | None = 600.0,
        nobody: float = 300.0,
        runtime_env: Mapping[str, Any] | None = None,
        preset: str | None = None,
        **options: Any,
    ) -> None:
        for name, value in (("workers", workers), ("actor_workers", actor_workers)):
            if value is not None and value < 1:
                raise ClusterUnavailable(f"{name}: must be at least 1, not {value}")
        self.preset = find_preset(preset) if preset else None
        self._options = options | {"preset": preset}
        self._address = address
        self._wanted = workers
        self._most = actor_workers
        self._idle = idle if workers is not None else None
        self._nobody = nobody
        self._runtime_env = runtime_env
        self._members: dict[Place, Member] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        """One for each actor, from before it starts to after its end."""
        self._failed_at: dict[Place, float] = {}
        self._failures: dict[Place, Exception] = {}
        """Why the actors that are not there are not."""
        self._queue: deque[Waiting] = deque()
        self._numbers = itertools.count()
        self._restarts = 0
        self._changed = asyncio.Event()
        """An actor came or went."""
        self._alone_since = 0.0
        self._connected = False
        self._looking: asyncio.Task[None] | None = None
        """Which nodes there are; None: not started, or closed."""
        self._executing: Shared[object, Execution | CompileError] = Shared()

    async def __aenter__(self) -> RayEvaluator:
        self._ray = library.load()
        self._identity = identity()
        self._connected = library.connect(self._ray, self._address)
        self._parcels = Parcels(self._ray)
        self._alone_since = time.monotonic()
        self._looking = asyncio.create_task(self._look())
        try:
            await self._somebody()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        looking, self._looking = self._looking, None
        held = (waiting for member in self._members.values() for waiting in member.held.values())
        for waiting in (*self._queue, *held):
            waiting.future.cancel()
        self._queue.clear()
        await self._executing.close()
        tasks = [*filter(None, [looking]), *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._connected:
            self._connected = False
            await asyncio.to_thread(self._ray.shutdown)

    # -- how it is

    @property
    def workers(self) -> int:  # type: ignore[override]
        """Of all actors that are there."""
        return max(1, sum(place.workers for place in self._members))

    @property
    def capacity(self) -> int:
        """Programs that fill all workers, with those on the way to them."""
        return max(1, sum(member.capacity for member in self._members.values()))

    @property
    def busy(self) -> int:
        """Workers that have a program."""
        return sum(min(len(member.held) + member.executing, place.workers) for place, member in self._members.items())

    @property
    def restarts(self) -> int:
        """Workers that broke and were replaced; those of lost actors are counted once each."""
        return self._restarts + sum(member.restarts for member in self._members.values())

    @property
    def jail(self) -> str:
        """Names of the jails in use."""
        return ", ".join(sorted({member.jail for member in self._members.values()})) or "none yet"

    @property
    def members(self) -> Sequence[Member]:
        return list(self._members.values())

    # -- judging

    async def evaluate(self, problem: Problem, program: Program) -> Report:
        """The verdict on one program. Cancelling frees the worker."""
        submission = Submission.of(program)
        self._check_started()
        parcel = self._parcels.parcel(problem)
        waiting = Waiting(next(self._numbers), parcel, submission, time.monotonic())
        self._queue.append(waiting)
        self._dispatch()
        try:
            report = await waiting.future
        except asyncio.CancelledError:
            waiting.future.cancel()  # one that still waits is passed over
            if waiting.member is not None and waiting.asked.number in waiting.member.held:
                waiting.member.cancel(waiting)
            raise
        return report.labelled(submission)

    async def execute(
        self,
        program: Program,
        stdin: bytes = b"",
        *,
        limits: Limits | None = None,
        files: Mapping[str, bytes] | None = None,
        collect: Sequence[str] = (),
    ) -> Execution | CompileError:
        """As Evaluator.execute, on the node with the least to do."""
        submission = Submission.of(program)
        self._check_started()
        return await self._executing.alone(self._execute(submission, stdin, limits, files, collect))

    async def _execute(self, *about: Any) -> Execution | CompileError:
        failure: Exception | None = None
        for _ in range(TRIES):
            member = await self._somebody()
            member.executing += 1
            call = member.actor.execute.remote(*about)
            try:
                return await call
            except MicrocoderError:  # of the evaluator there; Ray's own come below
                raise
            except self._ray.exceptions.RayError as error:
                failure = error
            except asyncio.CancelledError:
                self._ray.cancel(call)
                raise
            finally:
                member.executing -= 1
                self._dispatch()
        raise WorkerFailure(f"two nodes failed on this program: {_words(failure)}")

    # -- within: who gets what

    def _check_started(self) -> None:
        if self._looking is None:
            raise ClusterUnavailable("the evaluator is not started: use it as an async context manager")

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
        able = [member for member in self._members.values() if member.room]
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

    def _give_up(self, error: Exception) -> None:
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.future.done():
                waiting.future.set_exception(error)

    async def _somebody(self) -> Member:
        """The member with the least to do, when there is one. Raises when none starts, or all that were tried fail."""
        try:
            async with asyncio.timeout(self._nobody):
                while not self._members:
                    self._changed.clear()
                    await self._changed.wait()
                    if self._failures and not self._tasks:
                        raise self._failure()
        except TimeoutError:
            raise self._failure() from None
        return min(self._members.values(), key=lambda member: member.load)

    # -- within: who is there

    async def _look(self) -> None:
        """Starts what should be there and is not, for as long as this lasts."""
        while True:
            nodes = await asyncio.to_thread(self._ray.nodes)
            wanted = places(nodes, self._wanted, self._most)
            now = time.monotonic()
            full = all(member.load >= 1 for member in self._members.values())  # or nobody is there
            if self._idle is not None and not self._queue and not full:
                wanted = []
                self._dismiss(now - self._idle)
            for place in wanted:
                if place not in self._tasks and now - self._failed_at.get(place, -PAUSE) >= PAUSE:
                    self._tasks[place] = asyncio.create_task(self._employ(place))
            if not self._members and now - self._alone_since > self._nobody:
                self._give_up(self._failure())
            await asyncio.sleep(LOOK)

    def _dismiss(self, before: float) -> None:
        """End the actors that have had no program since; all but one."""
        idle = [place for place, member in self._members.items() if member.idle and member.used_at < before]
        for place in idle[len(idle) == len(self._members) :]:
            del self._members[place]  # nothing is given to it any more
            self._tasks[place].cancel()

    async def _employ(self, place: Place) -> None:
        """One actor, from its start to its end."""
        actor = self._remote(place)
        member = None
        try:
            started = msgspec.msgpack.decode(await actor.start.remote(), type=Started)
            if started.identity != self._identity:
                raise ClusterUnavailable("a node has another microcoder or Python than this process")
            member = self._members[place] = Member(place, actor, started.jail)
            self._failures.pop(place, None)
            self._changed.set()
            self._dispatch()
            await member.run(self._answered)
        except asyncio.CancelledError:
            if member is not None:
                with contextlib.suppress(self._ray.exceptions.RayError, TimeoutError, asyncio.CancelledError):
                    await asyncio.wait_for(actor.stop.remote(), STOP)
            self._ray.kill(actor)
            raise
        except (self._ray.exceptions.RayError, MicrocoderError) as error:
            log.warning("an actor was lost: %s", _words(error))
            self._failures[place] = error
            self._ray.kill(actor)  # it may only be out of reach; nobody will listen to it any more
        finally:
            del self._tasks[place]
            self._changed.set()
            if member is None:
                self._failed_at[place] = time.monotonic()
            else:
                self._lose(place, member)

    def _lose(self, place: Place, member: Member) -> None:
        if self._members.pop(place, None) is None:
            return  # dismissed
        if not self._members:
            self._alone_since = time.monotonic()
        self._restarts += member.restarts + place.workers
        reason = _words(self._failures.get(place))
        for waiting in reversed(member.held.values()):
            if not waiting.future.done():
                self._again(waiting, reason)
        member.held.clear()
        self._dispatch()

    def _remote(self, place: Place) -> Any:
        options: dict[str, Any] = {"num_cpus": place.workers, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        if place.node is not None:
            strategies = importlib.import_module("ray.util.scheduling_strategies")
            options["scheduling_strategy"] = strategies.NodeAffinitySchedulingStrategy(place.node, soft=False)
        if self._runtime_env is not None:
            options["runtime_env"] = dict(self._runtime_env)
        return self._ray.remote(Host).options(**options).remote(self._options | {"workers": place.workers})

    def _failure(self) -> Exception:
        """Why nobody is there."""
        failure = next(iter(self._failures.values()), None)
        for kind in (JailUnavailable, ClusterUnavailable):
            if isinstance(failure, kind):
                return kind(_words(failure))
        total = self._ray.cluster_resources().get("CPU", 0)
        free = self._ray.available_resources().get("CPU", 0)
        reason = f"; the last one said: {_words(failure)}" if failure else ""
        return ClusterUnavailable(f"no actor started: the cluster has {total:g} CPUs, {free:g} of them free{reason}")


def _words(error: Exception | None) -> str:
    """The reason without the traceback of another machine."""
    if error is None:
        return "the actor ended"
    cause = getattr(error, "cause", None) or error
    return " ".join(str(cause).split())[:500] or type(cause).__name__
