"""The engine: programs in, reports out, as many at a time as there are workers.

A program takes a place in the pool, its tests travel as one batch, and executions are compared here as they come back
while the next test already runs. The first failure ends it, unless all tests are wanted. A worker that breaks costs the
program nothing: it is run again on new ones. Where they break as well, a control says whether the program did it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from ..sandbox.bounded import Bounded
from ..sandbox.closing import close_all
from ..sandbox.errors import JailUnavailable, LanguageUnavailable, MicrocoderError, SandboxError, WorkerFailure
from ..sandbox.execution import Execution, Outcome
from ..sandbox.interpreter import PACKAGES as PROGRAM_PACKAGES
from ..sandbox.interpreter import probe
from ..sandbox.jails import candidates
from ..sandbox.kinds import PYTHON
from ..sandbox.languages import LANGUAGES, Builder, CompileError
from ..sandbox.languages import Program as RunnableProgram
from ..sandbox.languages.builder import MEMORY as COMPILER_MEMORY
from ..sandbox.languages.cache import sweep_all
from ..sandbox.limits import Limits
from ..sandbox.names import FILES, unplaceable
from ..sandbox.pool import Pool
from ..sandbox.protocol import Mode
from ..sandbox.shared import Shared
from ..sandbox.shortage import in_thread
from ..sandbox.turns import Turns
from ..sandbox.worker import Inputs, Work, Worker
from .answer import NoAnswer
from .asserts.session import CompileFailed, Session
from .attempt import Attempt, Broken
from .checkers import Checkers
from .comparing import Comparing
from .dropped import Part, when_dropped
from .included import with_included
from .input_prediction import program_of
from .judgement import Judgement
from .memory import Kept, Memory
from .options import AssertTrust, JudgeOptions, RunOptions
from .prepared import Prepared
from .problem import Problem, TestCase
from .report import VIOLATION, Report, not_run, packed, told, unpacked
from .starter import entry_class
from .status import Status
from .streams import Program, Streams
from .submission import Submission
from .violations import keep

log = logging.getLogger(__name__)

SOURCE_BYTES = 4 << 20
_OF_A_PRELUDE = (Status.RUNTIME_ERROR, Status.COMPILE_ERROR)
"""What becomes of every program when the prelude fails."""
_TOO_LONG = f"the source and its files are longer than {SOURCE_BYTES} bytes"
PREPARED = 512
"""Problems kept ready, and in memory, for their next program."""
SPLIT_TESTS = 32
"""A program is split over idle workers when each part has at least so many tests."""

_Way = tuple[int, str | None]
"""A problem and the preset that it is judged by."""


class Evaluator(Streams):
    """Judges programs. ``async with Evaluator() as evaluator``, then ``evaluate``, ``evaluate_many`` or ``stream``.

    workers     programs judged at the same time; None: one for each processor this process may use
    jail        auto, nsjail, bubblewrap, or none (which needs ``unsafe_no_jail`` as well)
    python      interpreter that runs the programs; None: the one that runs the evaluator
    packages    installed packages that programs may import, besides the standard library; None: numpy, sortedcontainers
    lanes       run quick tests of a program in turn in one process; False: always a process for each test
    run_all     go on after the first failure
    scores      go on as long as it takes to know the score, where tests are worth points
    preset      rule that replaces that of every problem without a checker program: kattis, lcb, codeforces:rcmp6, ...
    keep_outputs  bytes of each output that reports keep, so that rejudge can compare them again; 0: none
    benefit_of_doubt  no verdict instead of a rejection where a program broke its worker, or made a checker crash
    assert_trust  any, or sealed: no verdict on a test of assertions that only the program's process could judge
    cache       verdicts remembered, so that identical programs of a problem are judged once; 0: none
    memory      bytes that are kept of problems, verdicts and checkers

    run_all, scores, preset, benefit_of_doubt and assert_trust are for programs that come without JudgeOptions of their
    own.

    Raises ValueError that names an option that makes no sense; on entering JailUnavailable when this host cannot
    isolate programs, and SandboxError. The methods raise ValueError for a problem that makes no sense; whatever a
    program does becomes a Report. On exit those who still wait get CancelledError. An Evaluator that is dropped instead
    ends its processes when it is collected.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        jail: str = "auto",
        python: str | os.PathLike[str] | None = None,
        packages: Sequence[str] | None = None,
        lanes: bool = True,
        run_all: bool = False,
        scores: bool = False,
        preset: str | None = None,
        keep_outputs: int = 0,
        benefit_of_doubt: bool = False,
        assert_trust: AssertTrust = "any",
        cache: int = 4096,
        memory: Memory | None = None,
        unsafe_no_jail: bool = False,
    ) -> None:
        self.judging = JudgeOptions(
            preset=preset,
            run_all=run_all,
            scores=scores,
            benefit_of_doubt=benefit_of_doubt,
            assert_trust=assert_trust,
        )
        self.running = running = RunOptions(
            workers=workers,
            jail=jail,  # type: ignore[arg-type]  # what is given is looked at
            unsafe_no_jail=unsafe_no_jail,
            python=python,  # type: ignore[arg-type]
            packages=packages,  # type: ignore[arg-type]
            lanes=lanes,
            keep_outputs=keep_outputs,
            cache=cache,
            memory=Memory() if memory is None else memory,
        )
        self.workers = len(os.sched_getaffinity(0)) if running.workers is None else running.workers
        self._comparing = Comparing()
        self._answers = asyncio.Semaphore(self.workers)
        """For those that are compared at the same time: without a worker, nothing else limits how many."""
        memory = running.memory
        self._cache: Shared[object, Report] = Shared(
            running.cache, worth=_is_verdict, size=len, most=memory.verdicts, pack=packed, unpack=unpacked
        )
        self._executing: Shared[object, Execution | CompileError] = Shared()
        self._preparing: Shared[_Way, Prepared] = Shared()
        self._prepared: Bounded[_Way, Prepared] = Bounded(memory.prepared, PREPARED)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._pool: Pool | None = None
        self._builder: Builder | None = None
        self._checkers: Checkers | None = None
        self._parts: list[Part] = []
        """What has processes."""
        self._dropped: weakref.finalize[..., Any] | None = None

    @property
    def pool(self) -> Pool:
        if self._pool is None:
            raise SandboxError("the evaluator is not started: use it as an async context manager")
        return self._pool

    @property
    def busy(self) -> int:
        """Workers that have a program."""
        return self.pool.busy

    @property
    def restarts(self) -> int:
        """Workers that broke and were replaced."""
        return self.pool.restarts

    @property
    def builder(self) -> Builder:
        """Compiles, in the same pool."""
        if self._builder is None or self._builder.pool is not self.pool:
            self._builder = Builder(self.pool)
        return self._builder

    @property
    def checkers(self) -> Checkers:
        """Runs checkers, in a pool of their own that starts with the first of them."""
        if self._checkers is None:
            self._checkers = Checkers(self.pool.launcher, self.workers, self.running.memory.checkers)
            self._parts.append(self._checkers)
        return self._checkers

    @property
    def jail(self) -> str:
        """Name of the jail in use."""
        return self.pool.launcher.jail.name

    @property
    def kept(self) -> dict[str, Kept]:
        """What it keeps for later, by the names of Memory."""
        memory = self.running.memory
        return {
            "prepared": Kept(self._prepared.bytes, memory.prepared),
            "verdicts": Kept(self._cache.bytes, memory.verdicts),
            "checkers": Kept(self._checkers.bytes if self._checkers else 0, memory.checkers),
        }

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Evaluator lives in one process: pass its options, or a SyncEvaluator, which starts anew")

    async def __aenter__(self) -> Evaluator:
        if self._pool is not None:
            raise RuntimeError("the evaluator is started already: enter it once")
        await in_thread(sweep_all)
        running = self.running
        jails = candidates(running.jail, unsafe_no_jail=running.unsafe_no_jail)
        interpreter = probe(running.python, PROGRAM_PACKAGES if running.packages is None else running.packages)
        interpreter.require_packages()
        self._pool = await Pool.open(jails, interpreter, self.workers)
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        self._parts = [self._pool, self._comparing]
        self._dropped = when_dropped(self, self._parts)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Everything ends, the last first, also where a part fails or the caller gives up; but nothing of a parent."""
        parts, self._parts = self._parts, []
        self._pool = self._checkers = None
        self._comparing = Comparing()
        if self._dropped is not None:
            self._dropped.detach()
        if self._process != os.getpid():
            return
        await close_all([*parts, self._preparing, self._executing, self._cache])

    # -- judging

    async def evaluate(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> Report:
        """The verdict on one program. Cancelling frees the worker."""
        self._check_loop()
        submission = Submission.of(program)
        judging = self.judging if judging is None else judging.for_verdict
        prepared = await self._prepare(problem, judging)
        if self._cache.remembered and _too_much(submission) is None:
            key = submission.fingerprint(b"%d" % prepared.inputs.key, judging.key)
            report = await self._cache.result(key, lambda: self._judge_or_tell(prepared, submission, judging))
        else:
            report = await self._cache.alone(self._judge_or_tell(prepared, submission, judging))
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
        """Run a program once, with files in its folder, and say what it did: no expected output, no opinion.

        ``collect`` names files that are wanted back, see `sandbox.protocol.collected`. Raises LanguageUnavailable, and
        WorkerFailure when three workers broke. Cancelling frees the worker.
        """
        self._check_loop()
        submission = Submission.of(program)
        prepared = _under(limits or Limits())
        return await self._executing.alone(self._execute(submission, prepared, Inputs([stdin]), files or {}, collect))

    # -- within

    def _check_loop(self) -> None:
        if self._pool is None:
            return
        if self._loop is not asyncio.get_running_loop() or self._process != os.getpid():
            started = "this Evaluator was started on another event loop, or before a fork"
            raise RuntimeError(f"{started}: start one on each, or use SyncEvaluator")

    async def _execute(
        self,
        submission: Submission,
        prepared: Prepared,
        inputs: Inputs,
        files: Mapping[str, bytes],
        collect: Sequence[str],
    ) -> Execution | CompileError:
        attempt = Attempt(self.pool, prepared.limits.memory, prepared.limits.threads)
        while True:
            try:
                async with attempt.ground():
                    ran = await self._execute_once(submission, prepared, attempt, inputs, files, collect)
            except (WorkerFailure, JailUnavailable) as failure:
                attempt = attempt.after(failure)
                continue
            except LanguageUnavailable:
                if not attempt.again_alone():
                    raise
                attempt = attempt.by_itself()
                continue
            fine = isinstance(ran, Execution) and ran.outcome is Outcome.FINISHED
            if fine or not attempt.short():
                return ran
            if not attempt.alone:
                attempt = attempt.by_itself()
            else:
                return attempt.outcome(ran)

    async def _execute_once(
        self,
        submission: Submission,
        prepared: Prepared,
        attempt: Attempt,
        inputs: Inputs,
        files: Mapping[str, bytes],
        collect: Sequence[str],
    ) -> Execution | CompileError:
        source = (submission.code or "").encode()
        program = await self._program(submission.language, source, prepared, attempt, files=files)
        if isinstance(program, CompileError):
            attempt.memory = COMPILER_MEMORY
            return program
        work = Work(
            inputs=inputs,
            source=program.source,
            tests=[0],
            limits=prepared.limits,
            command=program.command,
            files={**files, **program.files},
            collect=collect,
            guarded=attempt.new,
            lanes=False,
        )
        async with self.pool.worker(inputs, kind=program.kind, new=attempt.new, alone=attempt.alone) as worker:
            attempt.start(program.kind, work)
            worker.begin(work)
            received = await worker.receive()
            return CompileError(received) if isinstance(received, str) else received[0]

    async def _prepare(self, problem: Problem, judging: JudgeOptions) -> Prepared:
        way = id(problem), judging.preset
        prepared = self._prepared.get(way)
        if prepared is not None:
            return prepared
        if problem.mode == "stdio":
            return self._keep(way, Prepared(problem, judging.checker))

        async def prepare() -> Prepared:
            return self._keep(way, await Prepared.in_turns(problem, judging.checker))

        return await self._preparing.result(way, prepare)

    def _keep(self, way: _Way, prepared: Prepared) -> Prepared:
        """It keeps the problem alive, so its id stays its own."""
        self._prepared[way] = prepared, prepared.size
        return prepared

    async def _judge_or_tell(self, prepared: Prepared, submission: Submission, judging: JudgeOptions) -> Report:
        """A defect of ours costs one program its verdict, and nobody else anything. Raises what is none: this process
        lacks something."""
        try:
            return await self._judge(prepared, submission, judging)
        except (MicrocoderError, OSError, MemoryError):
            raise
        except Exception as error:
            log.exception("a defect of the judge, met with problem %s", prepared.problem.problem_id)
            return not_run(prepared.problem, Status.SYSTEM_ERROR, f"a defect of the judge: {error!r:.200}")

    async def _judge(self, prepared: Prepared, submission: Submission, judging: JudgeOptions) -> Report:
        language, source = submission.language, submission.code or ""
        if not source.strip():
            return not_run(prepared.problem, Status.NO_CODE, "there is no program")
        if (lack := _too_much(submission)) is not None:
            return not_run(prepared.problem, Status.COMPILE_ERROR, lack)
        try:
            code = source.encode()
            files = {name: text.encode() for name, text in submission.files.items()}
        except UnicodeEncodeError as error:
            return not_run(prepared.problem, Status.COMPILE_ERROR, f"the source is not Unicode text: {error.reason}")
        if len(code) + sum(map(len, files.values())) > SOURCE_BYTES:
            return not_run(prepared.problem, Status.COMPILE_ERROR, _TOO_LONG)
        if prepared.problem.include:
            whole = with_included(submission, prepared.problem.include)
            if isinstance(whole, str):
                return not_run(prepared.problem, Status.SYSTEM_ERROR, whole)
            code = (whole.code or "").encode()
            files = {name: text.encode() for name, text in whole.files.items()}
        if language in LANGUAGES and prepared.problem.mode != "stdio":
            lack = f"language: {prepared.problem.mode} problems are for Python, not {language!r}"
            return not_run(prepared.problem, Status.SYSTEM_ERROR, lack)
        if files and prepared.problem.mode != "stdio":
            lack = f"files: programs of {prepared.problem.mode} problems are one file"
            return not_run(prepared.problem, Status.SYSTEM_ERROR, lack)
        if prepared.given.mode == "output_prediction":
            return await self._compare_answer(prepared, code, judging)
        if prepared.given.mode == "input_prediction":
            try:
                answer, literal = program_of(prepared.given, source)
            except NoAnswer as why:
                return not_run(prepared.problem, Status.WRONG_ANSWER, f"the answer is no input: {why}"[:400])
            code = answer.encode()
            prepared = await prepared.for_literals() if literal else prepared
        processes, limits = prepared.processes, prepared.limits
        attempt = Attempt(self.pool, processes * limits.memory, processes * limits.threads, lanes=self.running.lanes)
        asked = attempt.asked
        while True:
            judgement = Judgement(
                prepared,
                code,
                judging,
                keep_outputs=self.running.keep_outputs,
                comparing=self._comparing,
                checkers=lambda: self.checkers,
            )
            try:
                async with attempt.ground():
                    program = await self._program(language, code, prepared, attempt, files=files)
                    if isinstance(program, CompileError):
                        attempt.memory = COMPILER_MEMORY
                        judgement.compile_error(program.words)
                    else:
                        await self._run(judgement, program, attempt)
            except LanguageUnavailable as lack:
                if attempt.again_alone():
                    attempt = attempt.by_itself()
                    continue
                return not_run(prepared.problem, Status.SYSTEM_ERROR, str(lack))
            except (WorkerFailure, JailUnavailable) as failure:
                try:
                    attempt = attempt.after(failure)
                except Broken as broken:
                    found = await self._held_against(prepared.problem, submission, judging, attempt, broken)
                    if isinstance(found, Report):
                        return found
                    attempt = found
                except WorkerFailure as last:
                    return not_run(prepared.problem, Status.SYSTEM_ERROR, str(last))
                continue
            if judgement.unfaithful:
                attempt = attempt.without_lanes()
                continue
            report = judgement.report()
            if not report.accepted and (attempt.short() or await attempt.crowded(report)):
                if not attempt.alone:
                    attempt = attempt.by_itself()
                    continue
                report = await attempt.verdict(report, prepared.problem)
            if report.status in _OF_A_PRELUDE and (fault := await self._fault_of_prelude(prepared)) is not None:
                report = not_run(prepared.problem, Status.CHECKER_ERROR, fault)
            now = time.monotonic()
            started = attempt.started or now
            return msgspec.structs.replace(report, queue_time=started - asked, run_time=now - started)

    async def _compare_answer(self, prepared: Prepared, answer: bytes, judging: JudgeOptions) -> Report:
        """Of an output prediction, without a worker."""
        asked = time.monotonic()
        judgement = Judgement(
            prepared, answer, judging, keep_outputs=self.running.keep_outputs, comparing=self._comparing
        )
        async with self._answers:
            started = time.monotonic()
            try:
                await judgement.compare_answer()
            except (WorkerFailure, JailUnavailable) as failure:
                return not_run(prepared.problem, Status.SYSTEM_ERROR, told(failure, str(failure)))
        report = judgement.report()
        return msgspec.structs.replace(report, queue_time=started - asked, run_time=time.monotonic() - started)

    async def _fault_of_prelude(self, prepared: Prepared) -> str | None:
        """Why no program can be judged: what comes before each of them fails by itself."""
        prelude = prepared.problem.prelude
        if prelude.strip() and prepared.prelude_fault is None:
            try:
                ran = await self.execute(prelude, limits=prepared.limits)
            except (WorkerFailure, JailUnavailable):
                return None
            if isinstance(ran, CompileError):
                prepared.prelude_fault = ran.words
            else:
                words = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"exit code {ran.exit_code}"
                prepared.prelude_fault = words[:300] if ran.outcome is Outcome.CRASHED else ""
        return f"the prelude fails by itself: {prepared.prelude_fault}" if prepared.prelude_fault else None

    async def _held_against(
        self, problem: Problem, submission: Submission, judging: JudgeOptions, attempt: Attempt, broken: Broken
    ) -> Report | Attempt:
        """The verdict on a program that new workers broke on, or the attempt that says more."""
        failure = await attempt.control()
        if failure is None:
            await asyncio.to_thread(keep, problem, submission)
            status = Status.SYSTEM_ERROR if judging.benefit_of_doubt else Status.RUNTIME_ERROR
            return not_run(problem, status, f"{VIOLATION}: {broken}; a control ran well there")
        if attempt.again_alone():
            return attempt.by_itself()
        return not_run(problem, Status.SYSTEM_ERROR, f"{broken}; nor did a control run well: {failure}")

    async def _program(
        self,
        language: str,
        code: bytes,
        prepared: Prepared,
        attempt: Attempt,
        *,
        files: Mapping[str, bytes] | None = None,
    ) -> RunnableProgram | CompileError:
        """What the tests run: the source itself, or what a compiler makes of it."""
        if language in LANGUAGES:
            return await self.builder.program(
                LANGUAGES[language],
                code,
                prepared.limits,
                files=files,
                new=attempt.new,
                alone=attempt.alone,
                started=attempt.start,
            )
        if (lack := unplaceable(files or {})) is not None:
            return CompileError(lack)
        return RunnableProgram(PYTHON, code, files=files or {})

    async def _run(self, judgement: Judgement, program: RunnableProgram, attempt: Attempt) -> None:
        """All tests on one worker, or in parts on several when they would be idle otherwise."""
        parts = max(1, min(self.pool.spare, len(judgement.prepared) // SPLIT_TESTS))
        if judgement.prepared.unread or attempt.alone:
            parts = 1
        if parts == 1:
            await self._run_part(judgement, program, attempt, None)
            return
        order = judgement.prepared.order()
        shares = [order[part::parts] for part in range(parts)]
        tasks = [asyncio.create_task(self._run_part(judgement, program, attempt, share)) for share in shares]
        try:
            for task in asyncio.as_completed(tasks):
                await task
                if judgement.decided:
                    break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_part(
        self,
        judgement: Judgement,
        program: RunnableProgram,
        attempt: Attempt,
        tests: list[int] | None,
    ) -> None:
        prepared = judgement.prepared
        problem = prepared.problem
        place = self.pool.worker(
            prepared.inputs,
            kind=program.kind,
            new=attempt.new,
            alone=attempt.alone,
            ahead=attempt.started is not None,  # it has been compiled, or a part of its tests has begun
        )
        async with place as worker:
            # Made only now: what was judged while this program waited says which tests come first.
            order = prepared.order() if tests is None else tests
            while wanted := judgement.wanted(order):
                work = Work(
                    inputs=prepared.inputs,
                    source=program.source,
                    prelude=prepared.prelude,
                    tests=wanted,
                    limits=prepared.limits,
                    mode=prepared.job_mode,
                    entry_class=entry_class(problem, program.source),
                    entry_point=problem.entry_point if problem.mode == "call" else None,
                    signature=prepared.starter.signature,
                    command=program.command,
                    files=program.files,
                    guarded=attempt.new,
                    lanes=attempt.lanes and (program.command is not None or not program.files),
                    first_lane=prepared.first_lane,
                    alone=prepared.alone(),
                )
                attempt.start(program.kind, work)
                worker.begin(work)
                await self._take(judgement, worker, wanted)
                worker.end()
            unread = [*prepared.unread, *(test for test in order if test in judgement.not_plain)]
            if unread and not judgement.decided:
                await self._judge_assertions(judgement, unread, program.source, worker, attempt)

    async def _take(self, judgement: Judgement, worker: Worker, wanted: Sequence[int]) -> None:
        """What comes of these tests, until there is nothing left of them or something that need not run any more."""
        left, turns = set(wanted), Turns()
        while left and left.isdisjoint(judgement.moot()):
            received = await worker.receive()
            if isinstance(received, str):
                judgement.compile_error(received)
                return
            if any(execution.test not in left for execution in received):
                raise worker.reject(WorkerFailure("a second result for a test that was not asked for again"))
            again = await judgement.take(received)
            left.difference_update(execution.test for execution in received)
            left.update(again)
            if not judgement.decided:
                worker.go_on(again)
            await turns.pass_on()  # nothing above waits where results come faster than they are taken

    async def _judge_assertions(
        self, judgement: Judgement, tests: Sequence[int], code: bytes, worker: Worker, attempt: Attempt
    ) -> None:
        """The tests that cannot be decided by comparing, one after the other on one worker."""
        prepared = judgement.prepared

        def work(mode: Mode, inputs: Inputs, source: bytes, tests: Sequence[int]) -> Work:
            made = Work(
                inputs=inputs,
                source=source,
                prelude=prepared.prelude,
                tests=tests,
                limits=prepared.limits,
                mode=mode,
            )
            attempt.start(PYTHON, made)
            return made

        trust = "sealed" if prepared.sealed else judgement.judging.assert_trust
        session = Session(worker, code, work, trust, gives=prepared.gives)
        for test in tests:
            if judgement.decided:
                break
            try:
                await judgement.settle(test, *await session.judge(prepared.assertions[test]))
            except CompileFailed as failed:
                judgement.compile_error(str(failed))


@functools.lru_cache(64)
def _under(limits: Limits) -> Prepared:
    """For a program that is run, not judged."""
    return Prepared(Problem(problem_id="-", tests=(TestCase(input="-"),), limits=limits))


def _too_much(submission: Submission) -> str | None:
    """Why it is nothing to compile, seen without looking into it."""
    if len(submission.files) > FILES:
        return unplaceable(dict.fromkeys(submission.files, b""))
    return _TOO_LONG if submission.characters > SOURCE_BYTES else None


def _is_verdict(report: Report) -> bool:
    return not report.status.is_judge_failure
