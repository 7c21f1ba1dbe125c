"""A client that does not lose a verdict, and does not make one up.

Every call has an id of its own, so that sending it again is safe. It is sent again after a lost connection, 429, 503
and 504, and only then, with growing pauses, until the deadline. A problem travels to each server once: calls name its
digest, and a server that does not know it is sent the problem first.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import uuid
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from typing import Any, Literal

import aiohttp
import msgspec
import stamina

from ...sandbox.shared import Shared
from ..problem import Problem
from ..report import Report, not_run
from ..server.messages import ErrorResponse, EvaluateResponse
from ..status import Status
from ..submission import Submission
from .endpoints import Answer, Endpoint, Endpoints
from .errors import JudgeFailed, JudgeUnavailable, RequestRefused

PROBLEMS = 1024
"""Problems whose digest is remembered."""
REGISTRATIONS = 5
"""Times that one call sends a problem to a server that keeps forgetting it."""
_LATER = (429, 503, 504)
_MSGPACK = {"content-type": "application/msgpack", "accept": "application/msgpack"}
_responses = msgspec.msgpack.Decoder(EvaluateResponse)
_errors = msgspec.json.Decoder(ErrorResponse)

Program = Submission | str
Pairs = Iterable[tuple[Problem, Program]] | AsyncIterable[tuple[Problem, Program]]


class AsyncClient:
    """``async with AsyncClient("http://127.0.0.1:8080") as judge``, then ``evaluate``, ``reward`` or ``evaluate_many``.

    endpoints    one address or several: http://host:port, unix:/path
    token        of servers that need one
    name         under which the servers give this client turns of its own; None: its network address
    deadline     seconds for a call, retries and time in the queue included; None: none
    failures     none: ``reward`` is None where there is no verdict; raise: it raises. ``evaluate`` always raises
    connections  open at the same time to each server; further calls wait for one
    """

    def __init__(
        self,
        endpoints: str | Sequence[str],
        *,
        token: str | None = None,
        name: str | None = None,
        deadline: float | None = 600.0,
        failures: Literal["none", "raise"] = "none",
        connections: int = 512,
        connect_seconds: float = 10.0,
    ) -> None:
        headers = dict(_MSGPACK)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if name is not None:
            headers["x-client-id"] = name
        addresses = [endpoints] if isinstance(endpoints, str) else endpoints
        self._endpoints = Endpoints(
            [
                Endpoint(address, headers=headers, connections=connections, connect_seconds=connect_seconds)
                for address in addresses
            ]
        )
        self._deadline = deadline
        self._failures = failures
        self._connections = connections
        self._written: OrderedDict[int, _Written] = OrderedDict()
        self._registering: Shared[tuple[Endpoint, str], None] = Shared()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._registering.close()
        for endpoint in self._endpoints.all:
            await endpoint.close()

    async def evaluate(self, problem: Problem, program: Program) -> Report:
        """The verdict on one program. Raises JudgeUnavailable or RequestRefused. Cancelling cancels on the server."""
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
        response = await self._evaluate(written, msgspec.msgpack.encode(request))
        return response.results[0].report.labelled(submission)

    async def reward(self, problem: Problem, program: Program) -> float | None:
        """1.0 or 0.0; None when the judge failed or no server answered, or an exception, as ``failures`` says."""
        try:
            report = await self.evaluate(problem, program)
            if report.reward is None:
                raise JudgeFailed(report)
        except (JudgeFailed, JudgeUnavailable):
            if self._failures == "raise":
                raise
            return None
        return report.reward

    async def evaluate_many(self, pairs: Pairs) -> AsyncGenerator[Report, None]:
        """Reports in the order of the pairs, which are read as they are needed."""
        waiting: deque[asyncio.Task[Report]] = deque()
        try:
            async for problem, program in _each(pairs):
                waiting.append(asyncio.create_task(self.evaluate(problem, program)))
                while len(waiting) >= self._connections:
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
            if len(self._written) > PROBLEMS:
                self._written.popitem(last=False)
        else:
            self._written.move_to_end(id(problem))
        return written

    async def _evaluate(self, written: _Written, body: bytes) -> EvaluateResponse:
        last: Exception | None = None
        try:
            async with asyncio.timeout(self._deadline):
                # The pauses grow; the deadline, not their number, ends them.
                async for attempt in stamina.retry_context(_pause, attempts=None, timeout=None, wait_max=10.0):
                    with attempt:
                        try:
                            return await self._once(written, body)
                        except _Again as again:
                            last = again
                            raise
        except TimeoutError:
            why = f": {last}" if last else ""
            raise JudgeUnavailable(f"no verdict within {self._deadline:g} seconds{why}") from last
        raise AssertionError("the retries ended without an end")

    async def _once(self, written: _Written, body: bytes) -> EvaluateResponse:
        endpoint = self._endpoints.choose(written.digest)
        for _ in range(REGISTRATIONS):
            answer = await _send(endpoint, "POST", "/v1/evaluate", body)
            if answer.status == 200:
                try:
                    return _responses.decode(answer.body)
                except msgspec.MsgspecError as error:
                    raise RequestRefused(200, "no_verdict", f"the answer cannot be read: {error}", None) from None
            refused = _refused(answer)
            if refused.code != "unknown_problem":
                raise refused
            # Once for all calls that wait for it.
            key = endpoint, written.digest
            await self._registering.result(key, lambda: _register(endpoint, written))
        raise _Again("the server forgets the problem as soon as it was sent")


class _Written:
    """A problem as it travels."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.data = msgspec.msgpack.encode(problem)
        self.digest = hashlib.sha256(self.data).hexdigest()


class _Again(Exception):
    """Worth another try."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


def _pause(error: Exception) -> bool | float:
    """What stamina asks: whether to try again; or the seconds to wait before, where the server named some."""
    if isinstance(error, _Again):
        return True if error.pause is None else error.pause * random.uniform(0.5, 1.5)
    return False


async def _register(endpoint: Endpoint, written: _Written) -> None:
    answer = await _send(endpoint, "PUT", f"/v1/problems/{written.digest}", written.data)
    if answer.status != 200:
        raise _refused(answer)


async def _send(endpoint: Endpoint, method: str, path: str, body: bytes) -> Answer:
    try:
        answer = await endpoint.request(method, path, body)
    except aiohttp.ClientError as error:
        endpoint.rest()
        raise _Again(f"{endpoint.address}: {str(error) or type(error).__name__}") from None
    if answer.status in _LATER:
        if answer.status == 503:
            endpoint.rest()
        raise _Again(f"{endpoint.address}: {answer.status}", answer.retry_after)
    return answer


def _refused(answer: Answer) -> RequestRefused:
    try:
        fault = _errors.decode(answer.body).error
    except msgspec.MsgspecError:  # not our server
        return RequestRefused(answer.status, "unknown", answer.body[:200].decode(errors="replace"), None)
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
