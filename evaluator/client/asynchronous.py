"""A client that does not lose a verdict, and does not make one up.

Every call has an id of its own, so that sending it again is safe. A server that is lost, silent or overloaded (429,
502, 503, 504) is asked again, with growing pauses, until the deadline, while all others are asked at once. One that
gives an answer which is none (500, no verdict, a page of others), or refuses the call, is not asked again by that call;
when none is left, there is no verdict. Nor is one whose judge failed on the program. A problem travels to each server
once: calls name its digest, and a server that does not know it is sent the problem first.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import math
import os
import uuid
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from ...sandbox.closing import close_all
from ...sandbox.shared import Shared
from ..options import ClientOptions, Failures, JudgeOptions, changed, check_names
from ..problem import Problem
from ..report import Report, not_run
from ..server.messages import ErrorResponse, EvaluateResponse
from ..status import Status
from ..submission import Submission
from .call import Calls, Later, Undecided, Unusable
from .endpoints import Answer, Endpoint, Endpoints, NoAnswer, TooLarge
from .errors import JudgeFailed, JudgeUnavailable, RequestRefused

PROBLEMS = 1024
PROBLEM_BYTES = 1 << 30
"""Problems that are remembered as they travel, and their bytes; the latest is kept whatever its size."""
REGISTRATIONS = 5
"""Times that one call sends a problem to a server that keeps forgetting it."""
ANSWER_BYTES = 512 << 20
"""Of an answer are read; twice what our server sends."""
_LATER = (429, 502, 503, 504)
_MSGPACK = {"content-type": "application/msgpack", "accept": "application/msgpack"}
_responses = msgspec.msgpack.Decoder(EvaluateResponse)
_errors = msgspec.json.Decoder(ErrorResponse)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Program = Submission | str
Pairs = Iterable[tuple[Problem, Program]] | AsyncIterable[tuple[Problem, Program]]


class AsyncClient:
    """``async with AsyncClient("http://127.0.0.1:8080") as judge``, then ``evaluate``, ``reward`` or ``evaluate_many``.

    endpoints    one address or several: http://host:port, unix:/path
    token        of servers that need one
    name         under which the servers give this client turns of its own; None: its network address
    deadline     seconds for a call, retries and time in the queue included; None: none
    failures     none, nan, raise: without a verdict ``reward`` is None, is NaN, or raises. ``evaluate`` always raises
    connections  open at the same time to each server; further calls wait for one
    judging      fields of JudgeOptions, for programs that come without: what differs from their defaults is asked for;
                 the rest is as the server was started

    Raises ValueError that names an argument that makes no sense, and TypeError for one that there is not.
    """

    def __init__(
        self,
        endpoints: str | Sequence[str],
        *,
        token: str | None = None,
        name: str | None = None,
        deadline: float | None = 600.0,
        failures: Failures = "none",
        connections: int = 512,
        connect_seconds: float = 10.0,
        **judging: Any,
    ) -> None:
        check_names(judging, JudgeOptions)
        self.judging = JudgeOptions(**judging)
        self._options = ClientOptions(
            token=token,
            name=name,
            deadline=deadline,
            failures=failures,
            connections=connections,
            connect_seconds=connect_seconds,
        )
        headers = dict(_MSGPACK)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if name is not None:
            headers["x-client-id"] = name
        addresses = [endpoints] if isinstance(endpoints, str) else endpoints
        self._endpoints = Endpoints(
            [
                Endpoint(
                    address,
                    headers=headers,
                    connections=connections,
                    connect_seconds=connect_seconds,
                    most=ANSWER_BYTES,
                )
                for address in addresses
            ]
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        """On which, and in which, it has connections."""
        self._written: OrderedDict[int, _Written] = OrderedDict()
        self._written_bytes = 0
        self._registering: Shared[tuple[Endpoint, str], None] = Shared()
        self._calls: Calls[EvaluateResponse] = Calls(self._endpoints)
        self._calling: Shared[None, EvaluateResponse] = Shared()

    def __reduce__(self) -> tuple[Any, ...]:
        """One that connects anew."""
        addresses = [endpoint.address for endpoint in self._endpoints.all]
        options = msgspec.structs.asdict(self._options) | msgspec.structs.asdict(self.judging)
        return functools.partial(AsyncClient, addresses, **options), ()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Those who still wait get CancelledError. Nothing of a parent ends."""
        if self._loop is not None and self._process != os.getpid():
            return
        self._calls.close()
        self._loop = None
        await close_all([*self._endpoints.all, self._registering, self._calling])

    async def evaluate(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> Report:
        """The verdict on one program. Raises JudgeUnavailable or RequestRefused. Cancelling cancels on the server."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._process = loop, os.getpid()
        elif self._loop is not loop or self._process != os.getpid():
            raise RuntimeError(
                "this AsyncClient was used on another event loop, or before a fork: make one on each, or use Client"
            )
        submission = Submission(code=program) if isinstance(program, str) else program
        try:
            "".join((submission.code or "", *submission.files.values())).encode()
        except UnicodeEncodeError as error:
            return _not_text(problem, submission, error.reason)
        written = self._write(problem)
        one: dict[str, Any] = {"code": submission.code, "language": submission.language, "id": uuid.uuid4().hex}
        if submission.files:
            one["files"] = submission.files
        request = {"problem": written.digest, "submissions": [one]}
        body = msgspec.msgpack.encode(request)
        path = _path(self.judging if judging is None else judging.for_verdict)
        answer = self._calls.answer(
            written.digest, lambda server: self._once(server, written, path, body), self._options.deadline
        )
        response = await self._calling.alone(answer)
        return response.results[0].report.labelled(submission)

    async def reward(self, problem: Problem, program: Program, judging: JudgeOptions | None = None) -> float | None:
        """1.0 or 0.0; None, NaN or an exception, as ``failures`` says, when the judge failed or no server answered."""
        try:
            report = await self.evaluate(problem, program, judging)
            if report.reward is None:
                raise JudgeFailed(report)
        except (JudgeFailed, JudgeUnavailable):
            if self._options.failures == "raise":
                raise
            return math.nan if self._options.failures == "nan" else None
        return report.reward

    async def evaluate_many(self, pairs: Pairs, judging: JudgeOptions | None = None) -> AsyncGenerator[Report, None]:
        """Reports in the order of the pairs, which are read as they are needed."""
        waiting: deque[asyncio.Task[Report]] = deque()
        try:
            async for problem, program in _each(pairs):
                waiting.append(asyncio.create_task(self.evaluate(problem, program, judging)))
                while len(waiting) >= self._options.connections:
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    # -- within

    def _write(self, problem: Problem) -> _Written:
        written = self._written.get(id(problem))
        if written is None:  # the entry keeps the problem alive, so its id stays its own
            written = self._written[id(problem)] = _Written(problem)
            self._written_bytes += len(written.data)
            while len(self._written) > 1 and (len(self._written) > PROBLEMS or self._written_bytes > PROBLEM_BYTES):
                self._written_bytes -= len(self._written.popitem(last=False)[1].data)
        else:
            self._written.move_to_end(id(problem))
        return written

    async def _once(self, endpoint: Endpoint, written: _Written, path: str, body: bytes) -> EvaluateResponse:
        for _ in range(REGISTRATIONS):
            answer = await _send(endpoint, "POST", path, body)
            if answer.status == 200:
                return _response(endpoint, answer)
            refused = _refused(endpoint, answer)
            if refused.code != "unknown_problem":
                raise refused
            # Once for all calls that wait for it.
            key = endpoint, written.digest
            await self._registering.result(key, lambda: _register(endpoint, written))
        raise Later(f"{endpoint.address}: the server forgets the problem as soon as it was sent")


def _path(judging: JudgeOptions) -> str:
    """Of a request to be judged like that."""
    asked = {name: value if isinstance(value, str) else str(value).lower() for name, value in changed(judging).items()}
    return f"/v1/evaluate?{urlencode(asked)}" if asked else "/v1/evaluate"


class _Written:
    """A problem as it travels."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.data = msgspec.msgpack.encode(problem)
        self.digest = hashlib.sha256(self.data).hexdigest()


async def _register(endpoint: Endpoint, written: _Written) -> None:
    answer = await _send(endpoint, "PUT", f"/v1/problems/{written.digest}", written.data)
    if answer.status != 200:
        raise _refused(endpoint, answer)


async def _send(endpoint: Endpoint, method: str, path: str, body: bytes) -> Answer:
    try:
        answer = await endpoint.request(method, path, body)
    except NoAnswer as failure:
        raise Later(str(failure)) from None
    except TooLarge as fault:
        raise Unusable(str(fault)) from None
    if answer.status in _LATER:
        raise Later(f"{endpoint.address}: {answer.status}", answer.retry_after)
    return answer


def _response(endpoint: Endpoint, answer: Answer) -> EvaluateResponse:
    """With the verdict on one program. Raises Undecided, Unusable."""
    try:
        response = _responses.decode(answer.body)
    except _UNREADABLE as error:
        raise Unusable(f"{endpoint.address}: the answer cannot be read: {error}") from None
    if len(response.results) != 1:
        raise Unusable(f"{endpoint.address}: the answer holds {len(response.results) or 'no'} verdicts, not one")
    result = response.results[0]
    report = result.report
    if result.place != 0 or result.reward != report.reward or not report.consistent:
        raise Unusable(f"{endpoint.address}: the answer contradicts itself")
    if report.status is Status.SYSTEM_ERROR:
        raise Undecided(f"{endpoint.address}: {report.message}", response)
    return response


def _refused(endpoint: Endpoint, answer: Answer) -> RequestRefused:
    """Why our server does not take the request. Raises Unusable where it is the server that fails, or not ours."""
    try:
        fault = _errors.decode(answer.body).error
    except _UNREADABLE:
        words = answer.body[:200].decode(errors="replace")
        raise Unusable(f"{endpoint.address}: {answer.status}, no answer of a judge: {words!r}") from None
    if answer.status >= 500:
        raise Unusable(f"{endpoint.address}: {answer.status} {fault.code}: {fault.message}")
    return RequestRefused(answer.status, fault.code, fault.message, fault.path)


def _not_text(problem: Problem, submission: Submission, reason: str) -> Report:
    """What the engine says of such a program, which cannot travel."""
    words = f"the source is not Unicode text: {reason}"
    return not_run(problem, Status.COMPILE_ERROR, words).labelled(submission)


async def _each(pairs: Pairs) -> AsyncGenerator[tuple[Problem, Program], None]:
    if isinstance(pairs, AsyncIterable):
        async for pair in pairs:
            yield pair
    else:
        for pair in pairs:
            yield pair
