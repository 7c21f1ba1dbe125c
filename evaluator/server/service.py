"""The work of a server, without HTTP: who may come in, what is judged, what is known already.

Equal programs of a problem are one judgement, shared by all who ask while it runs and remembered for a while after; so
a request that is sent twice costs nothing twice. When all who wait for a judgement are gone, it is cancelled.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ...sandbox.errors import HostShortage, LanguageUnavailable, SandboxError
from ...sandbox.execution import Execution
from ...sandbox.languages import CompileError
from ...sandbox.shared import Shared
from ...sandbox.shortage import in_thread, refusals
from ...sandbox.turns import Turns
from ..cluster import RayEvaluator
from ..datasets.formats import others, recognised
from ..datasets.misspelt import misspelt
from ..datasets.native import Native
from ..engine import Evaluator
from ..memory import Kept
from ..options import JudgeOptions, RewardOptions
from ..problem import Problem
from ..report import Report, packed, unpacked
from ..status import Status
from ..submission import Submission
from ..version import identity
from .decode import JSON, MSGPACK, Decoder, bad_field, encode
from .errors import BadRequest, Conflict, Refused, TooLarge, TooMany, Unavailable, WaitedTooLong
from .fair import FairQueue
from .history import History
from .labels import Made
from .messages import EngineStatus, EvaluateRequest, Failed, Judgement, Program, Result
from .metrics import Metrics
from .problems import Held, Problems, is_text
from .reading import Reading
from .settings import Settings
from .troubles import Troubles
from .verdicts import VERDICTS, Verdicts

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

TICK = 0.05
"""Seconds between two looks at the clock, for the lag of the event loop."""
DISK_SECONDS = 10.0
"""Between two looks at how much the state folder holds."""
LARGE = 256 * 1024
"""Characters of a program from which hashing leaves the event loop."""
RECENT = 10
"""Seconds that count as now."""
_requests = Decoder(EvaluateRequest)
_fields = Decoder(dict[str, msgspec.Raw])
_DIGEST = 64
"""Characters of one."""
_own: list[tuple[str, Any]] = [("submissions", list[Program]), ("problem", msgspec.Raw)]
_REQUEST = msgspec.defstruct("Request", _own)
_ROW = msgspec.defstruct("Row", _own + [(name, msgspec.Raw) for name in Problem.__struct_fields__])
"""What a request says, and one that is a row of ours; what its problems say is looked at where they are kept."""


class Client(msgspec.Struct, frozen=True):
    """Who asks. Clients with a name of their own have a turn of their own."""

    token: int
    """Which token let it in; -1 when none is needed."""
    name: str

    @property
    def key(self) -> str:
        return f"{self.token} {self.name}"

    @property
    def owner(self) -> str:
        """Whose its ids are: the token's, whoever sends it; without tokens the client's own."""
        return str(self.token) if self.token >= 0 else self.key


class Asked(msgspec.Struct, frozen=True):
    """One program of a request."""

    place: int
    submission: Submission
    held: Held
    options: RewardOptions
    id: str | None = None


class _Judged(msgspec.Struct, frozen=True):
    report: Report
    from_disk: bool = False


def _is_verdict(judged: _Judged) -> bool:
    return not judged.report.status.is_judge_failure


class Service:
    """``async with Service(...) as service``, inside that of its evaluator, which must have no cache of its own."""

    def __init__(
        self, settings: Settings, evaluator: Evaluator | RayEvaluator, metrics: Metrics, log: FilteringBoundLogger
    ) -> None:
        self.settings = settings
        self.evaluator = evaluator
        self.metrics = metrics
        self.log = log
        self.troubles = Troubles(metrics, log)
        state = Path(settings.state)
        budget = self._budget = settings.budget
        self.reading = Reading(settings)
        self.problems = Problems(
            state / "problems",
            settings.caps,
            settings.judging.checker,
            memory=budget.problems,
            disk=budget.problem_files,
            read=self.reading.problem,
            trouble=partial(self.troubles.tell, "problems"),
        )
        self.history = History(settings.history, settings.engine, budget.history)
        self.queue = FairQueue(places(evaluator))
        self.draining = False
        self._closed = False
        self._verdict_file = 0
        """Bytes of the verdict cache when it was looked at last."""
        self._verdicts: Verdicts | None = None
        if settings.verdicts:
            self._verdicts = Verdicts(
                state / VERDICTS,
                settings.verdicts,
                most=budget.verdict_file,
                damaged=self._damaged,
                trouble=partial(self.troubles.tell, "verdicts"),
            )
        self._judging: Shared[bytes, _Judged] = Shared(
            settings.remembered,
            worth=_is_verdict,
            size=len,
            most=budget.evaluator.verdicts,
            pack=lambda judged: packed(judged.report),
            unpack=lambda data: _Judged(unpacked(data)),
        )
        self._ids: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._body_bytes = 0
        self._bodies: Counter[str] = Counter()
        """The same by client."""
        self._started = time.monotonic()
        self._counts: Counter[Status] = Counter()
        self._judged = self._cached = self._ran = 0
        self._per_second: deque[int] = deque([0], maxlen=RECENT)
        self._lags: deque[float] = deque([0.0], maxlen=RECENT)
        # All that a verdict depends on, besides the problem, the program and how it is to be judged.
        decides = settings.running.python, settings.running.packages
        self._identity = f"{identity()}\n{decides}".encode()

    async def __aenter__(self) -> Service:
        await in_thread(others)  # looks into what is installed; asked for with every request
        if self._verdicts is not None:
            await self._verdicts.open()
        self._ticking = asyncio.gather(self._tick(), self._look_at_disk())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ticking.cancel()
        await asyncio.gather(self._ticking, self._judging.close(), self.reading.close(), return_exceptions=True)
        if self._verdicts is not None:
            await self._verdicts.close()

    # -- coming in

    @contextmanager
    def body(self, client: Client, announced: int) -> Generator[Callable[[int], None]]:
        """Account for the bytes of a request, from when they arrive to when it is answered.

        Gives what has to be told of every part that arrived; it raises what is due when the part is one too many. What
        is only announced takes no memory, but is refused at once where it could not be taken.
        """
        held = 0

        def check(size: int) -> None:
            most, together = self.settings.caps.body, self.settings.queue.body_bytes
            if size > most:
                raise TooLarge(f"the body has {size} bytes or more; this server allows {most}")
            theirs = self._bodies[client.key] - held
            if theirs and theirs + size > together // 2:
                raise self._later(TooMany("this client's requests in progress fill half of the memory set aside"))
            others = self._body_bytes - held
            if others and others + size > together:
                raise self._later(Unavailable("the requests in progress fill the memory that is set aside for them"))

        def arrived(size: int) -> None:
            nonlocal held
            check(held + size)
            held += size
            self._body_bytes += size
            self._bodies[client.key] += size

        check(announced)
        try:
            yield arrived
        finally:
            self._body_bytes -= held
            self._bodies[client.key] -= held
            if not self._bodies[client.key]:
                del self._bodies[client.key]

    async def read(
        self, data: bytes, media: str, client: Client, options: RewardOptions
    ) -> tuple[list[Asked], list[str]]:
        """The programs of a request, if all of them can be taken in. And what to say of fields that are not read."""
        try:
            request = _requests.decode(data, media)
        except BadRequest:
            if media != JSON or not (b"NaN" in data or b"Infinity" in data):
                raise
            made = await self.reading.read(client.key, "msgpack", media, data)
            data, media = made.problems[0].data, MSGPACK
            request = _requests.decode(data, media)
        row, form = row_of(request, data, media)
        fields = _ROW if form == Native.name else _REQUEST
        told = misspelt(fields, data, msgpack=media == MSGPACK, options=RewardOptions.__struct_fields__)
        own = [slip for slip in told if "." not in slip.field]
        if form is None and own:
            raise BadRequest(own[0].reason, path=f"$.{own[0].field}")
        # Beside the fields of a data set, others of its own may be called as options are.
        warnings = dict.fromkeys(str(slip) for slip in told if form == Native.name or slip not in own)
        if request.submissions is msgspec.UNSET:
            if row is None:
                raise BadRequest("missing", path="$.submissions")
            made = await self.reading.read(client.key, "row", media, row, options)
            if not made.programs:
                raise BadRequest("missing; the row holds no programs that can be judged, either", path="$.submissions")
            left_out = (
                f"left out: {count} programs in {language}, which is not supported"
                for language, count in made.left_out.items()
            )
            return await self.taken_in(client, made, options), [*warnings, *left_out]
        asked = await self._asked(request.submissions, request.problem, row, media, client, options)
        warnings |= dict.fromkeys(words for each in asked for words in each.held.warnings)
        return asked, list(warnings)

    async def _asked(
        self,
        programs: list[Program],
        problem: msgspec.Raw,
        row: bytes | None,
        media: str,
        client: Client,
        options: RewardOptions,
    ) -> list[Asked]:
        """``row``: instead of the problem of the request."""
        self._check_number(len(programs))
        files = sum(len(program.files) for program in programs)
        if files > (most := self.settings.caps.files):
            raise TooLarge(f"{files} files; this server allows {most} in a request", path="$.submissions[].files")
        self.admit(client, len(programs))
        asked: list[Asked] = []
        common: Held | None = None
        turns = Turns()
        for number, program in enumerate(programs):
            where = f"$.submissions[{number}]"
            if bytes(program.problem):
                held = await self.problems.named(program.problem, media, f"{where}.problem", client.key)
            elif row is not None:
                common = held = common or await self.problems.named(msgspec.Raw(row), media, "$", client.key)
            elif bytes(problem):
                common = held = common or await self.problems.named(problem, media, "$.problem", client.key)
            else:
                raise BadRequest("missing; the request has none for all, either", path=f"{where}.problem")
            try:
                if isinstance(program.completion, str | list):
                    submissions = await in_thread(program.submissions, held.problem, options)
                else:
                    submissions = program.submissions(held.problem, options)
            except ValueError as error:
                raise bad_field(error, where) from None
            name = program.id if program.pred_list is None else None  # there it is that of the problem
            if name is not None and len(submissions) != 1:
                raise BadRequest(f"stands for {len(submissions)} programs", path=f"{where}.id")
            asked += [Asked(place, each, held, options, name) for place, each in enumerate(submissions, len(asked))]
            self._check_number(len(asked))
            await turns.pass_on()
        return asked

    async def taken_in(self, client: Client, made: Made, options: RewardOptions) -> list[Asked]:
        """What a reader made of a request, if all of it can be taken in."""
        self.admit(client, len(made.programs))
        held = [
            await self.problems.named(msgspec.Raw(each.data), MSGPACK, each.path, client.key) for each in made.problems
        ]
        return [
            Asked(place, program.submission, held[program.problem], options)
            for place, program in enumerate(made.programs)
        ]

    def _check_number(self, programs: int) -> None:
        if programs > (most := self.settings.caps.submissions):
            raise TooLarge(f"{programs} programs; this server allows {most} in a request", path="$.submissions")

    def admit(self, client: Client, programs: int) -> None:
        """Raises what is due when so many more programs cannot wait."""
        queue = self.settings.queue
        if self.draining:
            raise Unavailable("the server is going down", retry_after=1.0)
        if self.queue.waiting + programs > queue.length and self.queue.waiting:
            raise self._later(Unavailable(f"{self.queue.waiting} programs wait already"))
        theirs = self.queue.waiting_of(client.key)
        if theirs + programs > queue.per_client and theirs:
            raise self._later(TooMany(f"{theirs} programs of this client wait already"))

    def _later(self, refusal: Refused) -> Refused:
        rate = max(self.per_second, 1.0)
        refusal.retry_after = min(60.0, max(1.0, self.queue.waiting / rate / 4))
        return refusal

    # -- judging

    async def judge(self, client: Client, asked: list[Asked]) -> list[Result]:
        """In the order of the request. Cancelling gives up what nobody else waits for."""
        if len(asked) == 1:
            return [await self._result(client, asked[0])]
        tasks = [asyncio.create_task(self._result(client, each)) for each in asked]
        try:
            return await asyncio.gather(*tasks)
        finally:
            await _end(tasks)

    async def stream(self, client: Client, asked: list[Asked]) -> AsyncGenerator[Result | Failed, None]:
        """As they finish."""

        async def result(each: Asked) -> Result | Failed:
            try:
                return await self._result(client, each)
            except Refused as refusal:
                return Failed(place=each.place, id=each.id, error=refusal.fault)
            except HostShortage as shortage:
                return Failed(place=each.place, id=each.id, error=Unavailable(str(shortage)).fault)

        tasks = [asyncio.create_task(result(each)) for each in asked]
        try:
            for finished in asyncio.as_completed(tasks):
                yield await finished
        finally:
            await _end(tasks)

    async def _result(self, client: Client, asked: Asked) -> Result:
        submission, held, judging = asked.submission, asked.held, asked.options.for_verdict
        decides = self._identity, judging.key, held.digest.encode()
        if submission.characters < LARGE:
            key = submission.fingerprint(*decides)
        else:
            key = await in_thread(submission.fingerprint, *decides)
        self._know(client, asked.id, key)
        cache = "memory" if key in self._judging else None
        try:
            judged = await self._judging.result(key, lambda: self._judge(client, key, held, submission, judging))
        except asyncio.CancelledError:
            if self._closed and not _cancelled():
                raise Unavailable("the server is going down", retry_after=1.0) from None
            raise
        report = judged.report.labelled(submission)
        cache = cache or ("disk" if judged.from_disk else None)
        self._count(client, asked, report, cache)
        reward = asked.options.worth(held.problem, report)
        return Result(place=asked.place, id=asked.id, reward=reward, report=report, cached=cache is not None)

    async def _judge(
        self, client: Client, key: bytes, held: Held, submission: Submission, judging: JudgeOptions
    ) -> _Judged:
        if self._verdicts is not None:
            known = await self._verdicts.get(key)
            if known is not None:
                return _Judged(known, from_disk=True)
        asked = time.monotonic()
        longest = self.settings.queue.seconds
        try:
            async with self.queue.turn(client.key, longest):
                waited = time.monotonic() - asked
                of_all = Submission(code=submission.code, language=submission.language, files=submission.files)
                with refusals("judging"):
                    report = await self.evaluator.evaluate(held.problem, of_all, judging)
                if report.judge_refused:
                    raise HostShortage(report.message)
        except TimeoutError:
            raise self._later(WaitedTooLong(f"no turn came within {longest:g} seconds")) from None
        except ValueError as error:  # the problem was looked at when it came; this is the second line
            raise bad_field(error, "$.problem") from None
        except HostShortage as error:
            self.troubles.met("host", str(error))
            raise Unavailable(f"the host is short of something: {error}", retry_after=1.0) from None
        except SandboxError as error:
            self.log.error("the sandbox failed", error=str(error))
            raise Unavailable(f"the sandbox failed: {error}", retry_after=1.0) from None
        report = msgspec.structs.replace(report, queue_time=report.queue_time + waited)
        lasting = not (report.status.is_judge_failure or report.sandbox_violation)
        if self._verdicts is not None and lasting:
            self._verdicts.put(key, report)
        return _Judged(report)

    async def execute(
        self, client: Client, submission: Submission, stdin: bytes, *, seconds: float, **about: Any
    ) -> Execution | CompileError:
        """Run a program once, when it is its turn. Raises TimeoutError when that does not come within so many seconds,
        and what Evaluator.execute raises. No verdict, so neither remembered nor in the history; but counted.
        """
        asked = time.monotonic()
        async with self.queue.turn(client.key, min(seconds, self.settings.queue.seconds)):
            started = time.monotonic()
            outcome, cpu_time = "sandbox_error", 0.0
            try:
                with refusals("running"):
                    ran = await self.evaluator.execute(submission, stdin, **about)
                if isinstance(ran, CompileError):
                    outcome = "compile_error"
                else:
                    outcome, cpu_time = ran.outcome.value, ran.cpu_time
                return ran
            except SandboxError as error:
                if isinstance(error, HostShortage):
                    self.troubles.met("host", str(error))
                elif not isinstance(error, LanguageUnavailable):
                    self.log.error("the sandbox failed", error=str(error))
                raise
            finally:
                if not _cancelled():
                    now = time.monotonic()
                    self._ran += 1
                    self._per_second[-1] += 1
                    self.metrics.ran(outcome, cpu_time=cpu_time, queue_time=started - asked, run_time=now - started)

    def _know(self, client: Client, name: str | None, key: bytes) -> None:
        if name is None:
            return
        known = self._ids.setdefault((client.owner, name), key)
        if known != key:
            raise Conflict(f"the id {name!r} stands for another program or problem", path="$.submissions[].id")
        if len(self._ids) > self.settings.remembered + self.settings.queue.length:
            self._ids.popitem(last=False)

    def _count(self, client: Client, asked: Asked, report: Report, cache: str | None) -> None:
        self._judged += 1
        self._per_second[-1] += 1
        self._counts[report.status] += 1
        self._cached += cache is not None
        self.metrics.verdict(report, cache)
        program = asked.submission
        self.history.add(
            client.name, asked.held.digest, program.code, program.language, report, cached=cache is not None
        )

    def _damaged(self, what: str) -> None:
        self.metrics.damaged.inc()
        self.log.warning("the verdict cache threw something away", what=what)

    # -- going down

    def drain(self) -> None:
        """Take nothing more in; what was taken in is finished, unless that takes too long."""
        if not self.draining:
            self.draining = True
            self.log.info("draining", waiting=self.queue.waiting, running=self.queue.inside)
            asyncio.get_running_loop().call_later(self.settings.drain_seconds, self.give_up)

    @property
    def finished(self) -> bool:
        """Whether nothing is judged, and nothing waits for it."""
        return not (self.queue.inside or self.queue.waiting)

    def give_up(self) -> None:
        """Whoever still waits is told that there will be no verdict."""
        self._closed = True
        if running := self._judging.running:
            self.log.warning("drained too long", given_up=running)
        self._judging.cancel()

    # -- how it is

    @property
    def per_second(self) -> float:
        return sum(self._per_second) / len(self._per_second)

    @property
    def waiting(self) -> int:
        """Programs without a worker, those that have their turn already included."""
        return self.queue.waiting + max(0, self.queue.inside - self.evaluator.busy)

    @property
    def idle(self) -> bool:
        """Whether a worker has nothing to do."""
        return not (self.draining or self.waiting) and self.evaluator.busy < self.evaluator.workers

    def status(self) -> EngineStatus:
        return EngineStatus(
            engine=self.settings.engine,
            pid=os.getpid(),
            seconds=time.monotonic() - self._started,
            draining=self.draining,
            jail=self.evaluator.jail,
            workers=self.evaluator.workers,
            busy=self.evaluator.busy,
            restarts=self.evaluator.restarts,
            waiting=self.waiting,
            clients=self.queue.clients,
            judged=self._judged,
            per_second=self.per_second,
            verdicts={status.value: self._counts[status] for status in Status if self._counts[status]},
            cached=self._cached,
            ran=self._ran,
            problems=len(self.problems),
            kept=self.kept(),
            loop_lag=max(self._lags),
            slowest=self.history.slowest(),
            latest=self.history.latest(),
        )

    async def judgement(self, number: str) -> Judgement | None:
        """One of the latest, with the tests of its problem as far as they are still held."""
        digest = self.history.digest(number)
        if digest is None:
            return None
        held = self.problems.held(digest)
        if held is None:
            try:
                held = await self.problems.get(digest)
            except Refused:
                held = None
        return self.history.judgement(number, held.problem if held else None)

    def kept(self) -> dict[str, Kept]:
        """By the names of budget.KINDS, those that concern this engine."""
        budget = self._budget
        kept = self.evaluator.kept | {
            "problems": Kept(self.problems.in_memory.bytes, budget.problems),
            "truths": Kept(self.reading.held, budget.truths),
            "verdicts": Kept(self._judging.bytes, budget.evaluator.verdicts),
            "history": Kept(self.history.bytes, budget.history),
        }
        if self.settings.engine == 0:  # which tells of what all share
            kept["problem_files"] = Kept(self.problems.on_disk, budget.problem_files)
            kept["verdict_file"] = Kept(self._verdict_file, budget.verdict_file)
        return kept

    async def _look_at_disk(self) -> None:
        """Now and then: what others wrote counts, too, and nobody but us removes what is left half written."""
        while True:
            with suppress(OSError, HostShortage):  # it is made with the first problem
                await in_thread(self.problems.make_room)
            if self._verdicts is not None:
                with suppress(HostShortage):
                    self._verdict_file = await in_thread(self._verdicts.size)
            await asyncio.sleep(DISK_SECONDS)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        second = loop.time() + 1
        while True:
            before = loop.time()
            await asyncio.sleep(TICK)
            now = loop.time()
            lag = max(0.0, now - before - TICK)
            self.metrics.lag(lag)
            self._lags[-1] = max(self._lags[-1], lag)
            if now >= second:
                second += 1
                self._per_second.append(0)
                self._lags.append(0.0)
                judge = self.evaluator
                self.queue.resize(places(judge))
                self.metrics.kept(self.kept())
                self.metrics.state(
                    busy=judge.busy, workers=judge.workers, waiting=self.waiting, restarts=judge.restarts
                )


def row_of(request: EvaluateRequest, data: bytes, media: str) -> tuple[bytes | None, str | None]:
    """The row that a request is, without the programs that are sent with it, and of which format. None: it is none, and
    of none."""
    fields = _fields.decode(data, media)
    form = recognised(fields.keys())
    if problem := bytes(request.problem):
        # In some data sets `problem` is the statement.
        statement = form is not None and is_text(problem, media) and len(problem) - 2 != _DIGEST
        if not statement:
            return None, None
    fields.pop("submissions", None)
    ours = Native.name if not fields.keys().isdisjoint(("problem_id", "tests")) else None
    return encode(fields, media) if fields else None, form.name if form else ours


def places(evaluator: Evaluator | RayEvaluator) -> int:
    """Programs that leave the queue at the same time: the next one is ready when a worker gets free. On a cluster some
    are on the way there and back.
    """
    return evaluator.workers + 1 if isinstance(evaluator, Evaluator) else evaluator.capacity


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(gone: Coroutine[Any, Any, object], work: Coroutine[Any, Any, Any]) -> Any:
    """The work's result; None when ``gone`` comes first, and the work is cancelled then."""
    leaving, working = asyncio.ensure_future(gone), asyncio.ensure_future(work)
    try:
        await asyncio.wait((leaving, working), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await _end([leaving, working])
