"""Requests and answers. JSON or msgpack, as Content-Type and Accept say."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ...sandbox.validated import Validated
from ..datasets.programs import ProgramRow
from ..memory import Kept
from ..report import Report

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?![\s\S])")]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Named = Annotated[
    msgspec.Raw,
    msgspec.Meta(
        description="A problem, a row of a data set, or the digest of one that was registered.",
        extra_json_schema={
            "anyOf": [
                {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                {"$ref": "#/components/schemas/Problem"},
                {"type": "object"},
            ]
        },
    ),
]


class Program(ProgramRow, frozen=True, kw_only=True):
    """A program to judge, as it may stand in a row of a file, and what a request says of it besides."""

    id: Identifier | None = None
    """Chosen by the client. The same id again is the same judgement, as long as the server remembers it."""
    problem: Named = msgspec.field(default_factory=msgspec.Raw)
    """Instead of the problem of the request."""


class EvaluateRequest(Validated, frozen=True, kw_only=True):
    """Programs, and the problem they are for. Without ``problem`` the request is a row of a file, a problem with its
    programs."""

    submissions: Annotated[list[Program], msgspec.Meta(min_length=1)] | msgspec.UnsetType = msgspec.UNSET
    """Without it: the programs that a row of a data set holds."""
    problem: Named = msgspec.field(default_factory=msgspec.Raw)
    """For all submissions that name none of their own."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one program."""

    place: int
    """Of the program in the request, from 0."""
    id: str | None = None
    reward: float | None
    """1.0 or 0.0, or what the options of the request say; null when the judge itself failed. Never 0 for that."""
    report: Report
    cached: bool = False
    """The verdict was known: an equal program had been judged."""


class EvaluateResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    results: list[Result]
    """In the order of the request."""
    warnings: list[str] = []
    """Fields that are not read, but are called almost like one."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why there is no verdict."""

    code: str
    """One of a closed set, see docs/serve.md."""
    message: str
    path: str | None = None
    """The field that is to blame, as $.submissions[0].code."""
    digests: list[str] = []
    """unknown_problem: what has to be registered first."""


class ErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    error: Fault
    request_id: str | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a stream, for a program that could not be judged."""

    place: int
    id: str | None = None
    error: Fault


class Registered(Validated, frozen=True, kw_only=True, omit_defaults=True):
    digest: Digest
    problem_id: str
    tests: int
    warnings: tuple[str, ...] = ()
    """Fields that are not read, but are called almost like one."""


class Slow(msgspec.Struct, frozen=True, kw_only=True):
    """A problem, and what its programs cost."""

    digest: str
    problem_id: str
    programs: int
    accepted: int
    cpu_time: float
    """Processor seconds, all programs."""
    slowest: float
    """Processor seconds of the dearest program."""


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the latest judgements."""

    number: str
    """engine.count; opens the judgement."""
    time: float
    """Seconds since 1970."""
    client: str
    problem_id: str
    digest: str
    name: str | None
    language: str
    status: str
    passed: int
    total: int
    cpu_time: float
    queue_time: float
    run_time: float
    cached: bool


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One engine process."""

    engine: int
    pid: int
    seconds: float
    """Since it started."""
    draining: bool
    jail: str
    workers: int
    busy: int
    restarts: int
    waiting: int
    """Programs in the queue."""
    clients: int
    """Clients that have programs in the queue."""
    judged: int
    per_second: float
    """Programs judged or run in the last ten seconds, for each of them."""
    verdicts: dict[str, int]
    cached: int
    ran: int
    """Programs of /run_code, which have no verdict."""
    problems: int
    """Held in memory."""
    kept: dict[str, Kept]
    """What is kept for later, and may be, by the names of `budget.KINDS`; what is on the disk, by engine 0."""
    loop_lag: float
    """Longest delay of the event loop in the last ten seconds, in seconds."""
    slowest: list[Slow]
    latest: list[Latest]


class StatusResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The server: its engine processes together, and each one."""

    version: str
    history: bool
    workers: int
    busy: int
    restarts: int
    waiting: int
    judged: int
    per_second: float
    verdicts: dict[str, int]
    cached: int
    ran: int
    """Programs of /run_code, which have no verdict."""
    slowest: list[Slow]
    latest: list[Latest]
    engines: list[EngineStatus]


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement with all that is known of it."""

    latest: Latest
    code: str | None
    report: Report
    tests: list[Shown]
    """Only those that were run."""
    held: bool
    """False: the problem is not held any more, so inputs and expected outputs are missing."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A test of a judgement. Texts are cut."""

    test: int
    """Counted from 1, as in the message of the report."""
    input: str | None
    expected: str | None
    actual: str | None
    stderr: str | None
    result: dict[str, Any]
    """The TestResult, without its texts."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    version: str


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    status: str
    idle: bool | None = None
    """Whether a worker of this engine has nothing to do."""
