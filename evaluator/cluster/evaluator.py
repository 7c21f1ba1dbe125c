"""RayEvaluator: judges on all nodes of a Ray cluster what is asked here.

What an actor held when it, or its node, was lost is run once more elsewhere; after the second loss the verdict is
system_error, as when two workers break. New nodes are used when they are there; nodes may go at any time.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ...sandbox.execution import Execution
from ...sandbox.languages import CompileError
from ...sandbox.limits import Limits
from ..memory import Kept
from ..options import JudgeOptions, RunOptions, check_names, pick
from ..problem import Problem
from ..report import Report
from ..streams import Program, Streams
from ..submission import Submission
from ..version import identity
from .crew import Crew
from .library import ClusterUnavailable
from .member import Member
from .options import RayOptions


class RayEvaluator(Streams):
    """``async with RayEvaluator() as evaluator``, then as Evaluator: ``evaluate``, ``evaluate_many``, ``stream``.

    address     of the cluster (host:port); None: the one this process is connected to, or that this machine belongs to
    workers     processors to ask for, wherever they are, also of nodes that an autoscaler has yet to start;
                None: all processors of all nodes that are free, as nodes come and go
    actor_workers  at most so many workers in one actor; each actor is one event loop, as an engine of the server is.
                An actor has fewer where its node has fewer processors free
    actor_wait  seconds to wait on entering while no node has a processor free, before ClusterUnavailable
    idle        with a number of workers: seconds without a program after which an actor gives its processors back,
                until programs wait again; one actor stays. None: never
    nobody      seconds that a program waits while no actor is there, before ClusterUnavailable
    runtime_env of Ray, for the actors
    options     of Evaluator, for each actor: jail, python, packages, lanes, run_all, scores, preset, keep_outputs, ...
                Of ``memory``, ``prepared`` also bounds the problems in the object store

    Raises ValueError that names an argument that makes no sense, and TypeError for one that there is not; on entering
    ClusterUnavailable or JailUnavailable, when there is no cluster, or no actor can judge. The methods raise what those
    of Evaluator do, and ClusterUnavailable. Nodes with another microcoder are left out.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        actor_workers: int = 16,
        actor_wait: float = 10.0,
        idle: float | None = 600.0,
        nobody: float = 300.0,
        runtime_env: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._options = RayOptions(
            address=address,
            workers=workers,
            actor_workers=actor_workers,
            actor_wait=actor_wait,
            idle=idle,
            nobody=nobody,
            runtime_env=runtime_env,  # type: ignore[arg-type]
        )
        self._nobody = self._options.nobody
        check_names(options, RayOptions, RunOptions, JudgeOptions)
        self.judging = pick(JudgeOptions, options)
        self.running = pick(RunOptions, options)
        self._crew: Crew | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a RayEvaluator lives in one process: pass its arguments")

    async def __aenter__(self) -> RayEvaluator:
        if self._crew is not None and not self._crew.loop.is_closed():
            raise RuntimeError("this RayEvaluator is open already: enter it once")
        if self._crew is not None:
            self._forget()
        crew = self._crew = Crew(self._options, self.running, identity())
        self._forgotten = weakref.finalize(self, crew.abandon)
        self._forgotten.atexit = False  # Ray ends the actors of a process that has ended
        try:
            await crew.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._crew is not None:
            crew = self._opened()
            self._crew = None
            self._forgotten.detach()
            await crew.close()

    # -- how it is

    @property
    def members(self) -> Sequence[Member]:
        return [] if self._crew is None else list(self._crew.members.values())

    @property
    def workers(self) -> int:  # type: ignore[override]
        """Of all actors that are there."""
        return max(1, sum(member.place.workers for member in self.members))

    @property
    def capacity(self) -> int:
        """Programs that fill all workers, with those on the way to them."""
        return max(1, sum(member.capacity for member in self.members))

    @property
    def busy(self) -> int:
        """Workers that have a program."""
        return sum(min(len(member.held) + member.executing, member.place.workers) for member in self.members)

    @property
    def restarts(self) -> int:
        """Workers that broke and were replaced; those of lost actors are counted once each."""
        return 0 if self._crew is None else self._crew.restarts

    @property
    def kept(self) -> dict[str, Kept]:
        """What it keeps for later itself, by the names of Memory: problems, in the object store."""
        return {} if self._crew is None else {"prepared": self._crew.problems}

    @property
    def jail(self) -> str:
        """Names of the jails in use."""
        return ", ".join(sorted({member.jail for member in self.members})) or "none yet"

    # -- judging

    async def evaluate(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> Report:
        """The verdict on one program. Cancelling frees the worker."""
        submission = Submission.of(program)
        judging = self.judging if judging is None else judging.for_verdict
        report = await self._opened().judge(problem, submission, judging, self._nobody)
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
        return await self._opened().execute(submission, stdin, limits, files, collect, nobody=self._nobody)

    # -- within

    def _opened(self) -> Crew:
        if self._crew is None:
            raise ClusterUnavailable("the evaluator is not started: use it as an async context manager")
        if self._crew.loop is not asyncio.get_running_loop():
            raise RuntimeError("this RayEvaluator was started on another event loop: start one on each")
        return self._crew

    def _forget(self) -> None:
        """Of another event loop, which has ended."""
        self._forgotten()
        self._crew = None
