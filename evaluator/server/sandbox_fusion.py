"""SandboxFusion's ``POST /run_code``: runs a program once and says what it did. https://github.com/bytedance/SandboxFusion

Answers with what its clients read, verl's and the PyPI package sandbox-fusion among them:

    exit code 0                  Success, Finished
    another, or a signal         Failed, Finished, with the code, or minus the signal
    run_timeout                  Failed, TimeLimitExceeded, with the output until then
    memory, output               Failed, Finished with 137 or 153, as after SIGKILL and SIGXFSZ; stderr says why
    does not compile             Failed, compile_result with code 1, or TimeLimitExceeded
    the sandbox failed           SandboxError

Time-outs are processor seconds, and the same again for sleeping, so that load changes no answer. verl tries again after
504 only, and takes everything else for a wrong program; it waits ten seconds longer than compile and run may take. So a
request that cannot be run within WAIT seconds, for whatever reason, is answered 504.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import msgspec
from litestar import Response, get, post

from ...sandbox.errors import SandboxError
from ...sandbox.execution import Execution, Outcome
from ...sandbox.languages import LANGUAGES, NAMES, CompileError
from ...sandbox.limits import MIB, Limits, Seconds
from ...sandbox.protocol import collected
from ...sandbox.validated import Validated
from ..submission import Submission
from . import decode, pieces
from .asking import Asking, answer, answer_media, body_of, client_of, gone, note, query_of, service_of
from .decode import Decoder
from .errors import BadRequest, TooLarge, TooMany, Unavailable, WaitedTooLong
from .service import Client, Service, until
from .settings import Caps

WAIT = 8.0
"""Seconds that a request may wait for its turn."""
LANGUAGE_NAMES = {name: name for name in NAMES} | {"nodejs": "javascript", "pypy3": "pypy"}
"""SandboxFusion's and ours."""
OTHERS = 4096
"""Values of a request besides names of files and what is in them."""
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}(?![\s\S])")]


class RunCodeRequest(Validated, frozen=True, kw_only=True):
    code: str
    language: str
    stdin: str | None = None
    compile_timeout: Seconds = 10.0
    run_timeout: Seconds = 10.0
    memory_limit_MB: Annotated[int, msgspec.Meta(ge=-1)] = -1  # noqa: N815
    """-1: ours."""
    files: dict[FileName, str | None] = msgspec.field(default_factory=dict[str, str | None])
    """In the folder of the program; contents in base64."""
    fetch_files: Annotated[list[FileName], msgspec.Meta(max_length=64)] = msgspec.field(default_factory=list[str])


class CommandRunResult(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    execution_time: float | None = None
    cpu_time: float | None = None
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class RunCodeResponse(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    message: str = ""
    compile_result: CommandRunResult | None = None
    run_result: CommandRunResult | None = None
    executor_pod_name: str | None = None
    files: dict[str, str] = {}


_requests = Decoder(RunCodeRequest)


@get("/v1/ping")
async def ping(request: Asking) -> Response[bytes]:
    """For SandboxFusion's clients."""
    return answer(request, "pong")


@post("/run_code", status_code=200)
async def run_code(request: Asking) -> Response[bytes]:
    for name in query_of(request):
        raise BadRequest("a program is run, not judged: there are no options", path=name)
    service, client = service_of(request), client_of(request)
    media = decode.media_type(request.headers.get("content-type"))
    try:
        caps = service.settings.caps
        asked = _requests.decode(await body_of(request).read(media, most=2 * caps.files + OTHERS), media)
        if len(asked.files) > caps.files:
            raise TooLarge(f"{len(asked.files)} files; this server allows {caps.files} in a request", path="$.files")
        service.admit(client, 1)
        result = await until(gone(request), run(service, client, asked, answer_media(request, media)))
    except (TooMany, Unavailable, TimeoutError) as error:
        raise WaitedTooLong(str(error) or f"no turn came within {WAIT:g} seconds", retry_after=1.0) from None
    if result is None:
        return Response(b"", status_code=499)
    note(request, programs=1, verdict=result.status)
    return answer(request, result, media)


async def run(service: Service, client: Client, asked: RunCodeRequest, media: str) -> RunCodeResponse:
    """To be encoded as this media type. Raises BadRequest, and TimeoutError when no turn came."""
    language = LANGUAGE_NAMES.get(asked.language)
    if language is None:
        raise BadRequest(f"{asked.language!r} is not supported; known: {', '.join(LANGUAGE_NAMES)}", path="$.language")
    limits = limits_of(asked, service.settings.caps)
    files = {name: _content(name, content) for name, content in asked.files.items()}
    try:
        stdin, source = (asked.stdin or "").encode(), Submission(code=asked.code, language=language)
        asked.code.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"not Unicode text: {error.reason}", path="$.code") from None
    try:
        ran = await service.execute(
            client, source, stdin, seconds=WAIT, limits=limits, files=files, collect=asked.fetch_files
        )
    except SandboxError as error:
        return RunCodeResponse(status="SandboxError", message=str(error))
    return await response_of(ran, media, compiled=language in LANGUAGES, fetch=asked.fetch_files)


def limits_of(asked: RunCodeRequest, caps: Caps) -> Limits:
    """Raises BadRequest for more than the server allows."""
    ours = Limits()
    memory = asked.memory_limit_MB * MIB if asked.memory_limit_MB > 0 else ours.memory
    for name, value, most in (
        ("run_timeout", asked.run_timeout, caps.cpu_time),
        ("compile_timeout", asked.compile_timeout, caps.cpu_time),
        ("memory_limit_MB", memory / MIB, caps.memory / MIB),
    ):
        if value > most:
            raise BadRequest(f"{value:g} is more than this server allows ({most:g})", path=f"$.{name}")
    return Limits(
        cpu_time=asked.run_timeout,
        idle_time=asked.run_timeout,
        compile_time=asked.compile_timeout,
        memory=memory,
        output=min(ours.output, caps.output),
        stderr=min(ours.stderr, caps.output),
        file_size=min(ours.file_size, caps.output),
    )


async def response_of(
    ran: Execution | CompileError, media: str, *, compiled: bool, fetch: list[str]
) -> RunCodeResponse:
    """In SandboxFusion's words."""
    if isinstance(ran, CompileError):
        how = "TimeLimitExceeded" if ran.timed_out else "Finished"
        code = None if ran.timed_out else 1
        failed = CommandRunResult(status=how, return_code=code, stdout="", stderr=ran.words, execution_time=0.0)
        # Python has no compile_result there: what does not compile ends with an error when it is run.
        return RunCodeResponse(
            status="Failed", compile_result=failed if compiled else None, run_result=None if compiled else failed
        )
    stderr = ran.stderr
    timed_out = ran.outcome is Outcome.TIME_LIMIT
    code = ran.exit_code if ran.signal is None else -ran.signal
    if ran.outcome in (Outcome.MEMORY_LIMIT, Outcome.OUTPUT_LIMIT):
        code = 137 if ran.outcome is Outcome.MEMORY_LIMIT else 153
        stderr += f"\n{ran.limit or ran.outcome} exceeded".encode()
    result = CommandRunResult(
        status="TimeLimitExceeded" if timed_out else "Finished",
        execution_time=ran.wall_time,
        cpu_time=ran.cpu_time,
        return_code=None if timed_out else code,
        stdout=await pieces.text(ran.stdout, media),
        stderr=await pieces.text(stderr, media),
    )
    files = collected(ran.result, fetch) if fetch else {}
    return RunCodeResponse(
        status="Success" if ran.outcome is Outcome.FINISHED else "Failed",
        compile_result=CommandRunResult(status="Finished", return_code=0, stdout="", stderr="", execution_time=0.0)
        if compiled
        else None,
        run_result=result,
        files={name: await pieces.in_base64(data, media) for name, data in files.items()},
    )


def _content(name: str, content: str | None) -> bytes:
    try:
        return base64.b64decode(content or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"not base64: {error}", path=f"$.files.{name}") from None
