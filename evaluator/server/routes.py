"""The HTTP interface: requests to the service, results to answers."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from importlib import resources
from typing import TYPE_CHECKING

from litestar import Litestar, Response, get, post, put
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Stream

from ...sandbox.errors import HostShortage
from ...sandbox.shortage import in_thread, refused
from ..version import VERSION
from . import decode, pieces
from .asking import (
    Asking,
    answer,
    answer_media,
    body_of,
    client_of,
    gone,
    note,
    options_of,
    query_of,
    service_of,
    siblings_of,
)
from .errors import BadRequest, NotFound, Refused, TooLarge, Unavailable
from .messages import ErrorResponse, EvaluateResponse, Fault, Health, Registered, Version
from .metrics import CONTENT_TYPE
from .openapi import document
from .problems import kind
from .remote_rewards import get_reward, remote_rm
from .sandbox_fusion import ping, run_code
from .service import Service, until

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from .siblings import Siblings

ANSWER = 256 << 20
"""Bytes of an answer that is no stream. Problems with many tests make long reports."""
_PAGE = {"page.html": "text/html", "page.js": "text/javascript", "page.css": "text/css"}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"


def application(service: Service, siblings: Siblings) -> ASGIApp:
    """All routes."""
    folder = resources.files(__spec__.parent)
    assets = {name: folder.joinpath(name).read_bytes() for name in _PAGE}
    return Litestar(
        [
            evaluate,
            stream,
            register,
            registered,
            status,
            judgement,
            health,
            ready,
            version,
            metrics,
            schema,
            page,
            asset,
            ping,
            run_code,
            get_reward,
            remote_rm,
        ],
        state=State({"service": service, "siblings": siblings, "assets": assets}),
        exception_handlers={
            Refused: _refused,
            HTTPException: _http,
            HostShortage: _short,
            OSError: _refused_by_host,
            MemoryError: _short,
            Exception: _unexpected,
        },
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,  # the service counts
    )


# -------------------------------------------------------------------------------------------------------- judging


@post("/v1/evaluate", status_code=200)
async def evaluate(request: Asking) -> Response[bytes]:
    service, client = service_of(request), client_of(request)
    options = options_of(request, query_of(request))
    media = decode.media_type(request.headers.get("content-type"))
    asked, warnings = await service.read(await body_of(request).read(media), media, client, options)
    results = await until(gone(request), service.judge(client, asked))
    if results is None:
        return Response(b"", status_code=499)
    verdict = results[0].report.status.value if len(results) == 1 else None
    note(request, programs=len(results), verdict=verdict, warnings=warnings or None)
    written = await pieces.encoded(results, answer_media(request, media), most=ANSWER)
    if written is None:
        raise TooLarge(f"the answer has more than {ANSWER >> 20} MiB: ask for fewer programs at once, or for a stream")
    return answer(request, EvaluateResponse(results=written, warnings=warnings), media)


@post("/v1/evaluate/stream", status_code=200)
async def stream(request: Asking) -> Stream:
    service, client = service_of(request), client_of(request)
    options = options_of(request, query_of(request))
    media = decode.media_type(request.headers.get("content-type"))
    asked, warnings = await service.read(await body_of(request).read(media), media, client, options)
    note(request, programs=len(asked), warnings=warnings or None)

    async def lines() -> AsyncGenerator[bytes, None]:
        async for result in service.stream(client, asked):
            yield decode.encode(result, decode.JSON) + b"\n"
            await asyncio.sleep(0)

    return Stream(lines(), media_type=decode.NDJSON)


@put("/v1/problems/{digest:str}", status_code=200)
async def register(request: Asking, digest: FromPath[str]) -> Response[bytes]:
    media = decode.media_type(request.headers.get("content-type"))
    service = service_of(request)
    if service.draining:
        raise Unavailable("the server is going down", retry_after=1.0)
    data = await body_of(request).read(media)
    held, kept = await service.problems.register(digest, data, media, client_of(request).key)
    if not kept and "own" not in request.query_params:
        await siblings_of(request).register(digest, data, media)
    problem = held.problem
    made = Registered(
        digest=held.digest, problem_id=problem.problem_id, tests=len(problem.tests), warnings=held.warnings
    )
    return answer(request, made, media)


@get("/v1/problems/{digest:str}")
async def registered(request: Asking, digest: FromPath[str]) -> Response[bytes]:
    data = await service_of(request).problems.data(digest)
    return Response(data, media_type=kind(data))


# ------------------------------------------------------------------------------------------------------ how it is


@get("/v1/status")
async def status(request: Asking) -> Response[bytes]:
    own = service_of(request).status()
    if "own" in request.query_params:
        return answer(request, own)
    return answer(request, await siblings_of(request).status(own))


@get("/v1/judgements/{number:str}")
async def judgement(request: Asking, number: FromPath[str]) -> Response[bytes]:
    service = service_of(request)
    if not _NUMBER.fullmatch(number):
        raise BadRequest("engine.count, as in the latest judgements", path="number")
    engine = number.partition(".")[0]
    if engine != str(service.settings.engine):
        return await siblings_of(request).forward(engine, f"/v1/judgements/{number}")
    found = await service.judgement(number)
    if found is None:
        raise NotFound("this judgement is not remembered any more")
    return answer(request, found)


@get("/health")
async def health(request: Asking) -> Response[bytes]:
    """The process answers."""
    return answer(request, Health(status="ok", idle=service_of(request).idle))


@get("/ready")
async def ready(request: Asking) -> Response[bytes]:
    """Programs are taken in."""
    if service_of(request).draining:
        raise Unavailable("the server is going down", retry_after=1.0)
    return answer(request, Health(status="ready"))


@get("/version")
async def version(request: Asking) -> Response[bytes]:
    return answer(request, Version(version=VERSION))


@get("/metrics")
async def metrics(request: Asking) -> Response[bytes]:
    text = await in_thread(service_of(request).metrics.text)
    return Response(text, headers={"content-type": CONTENT_TYPE})


@get("/schema")
async def schema(request: Asking) -> Response[bytes]:
    return answer(request, document())


@get("/")
async def page(request: Asking) -> Response[bytes]:
    return _asset(request, "page.html")


@get("/page/{name:str}")
async def asset(request: Asking, name: FromPath[str]) -> Response[bytes]:
    if name not in _PAGE:
        raise NotFound("there is no such file")
    return _asset(request, name)


def _asset(request: Asking, name: str) -> Response[bytes]:
    headers = {"content-type": f"{_PAGE[name]}; charset=utf-8", "content-security-policy": _POLICY}
    return Response(request.app.state["assets"][name], headers=headers)


# --------------------------------------------------------------------------------------------------------- within


def _error(request: Asking, status: int, fault: Fault, retry_after: float | None = None) -> Response[bytes]:
    headers = {} if retry_after is None else {"retry-after": str(max(1, round(retry_after)))}
    state = request.scope["state"]
    note(request, error=fault.code)
    body = ErrorResponse(error=fault, request_id=state.get("request_id"))
    return Response(decode.encode(body, decode.JSON), status_code=status, media_type=decode.JSON, headers=headers)


def _refused(request: Asking, refusal: Refused) -> Response[bytes]:
    return _error(request, refusal.status, refusal.fault, refusal.retry_after)


def _http(request: Asking, error: HTTPException) -> Response[bytes]:
    """No such route, no such method, a path that is no path."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    response = _error(request, error.status_code, Fault(code=code, message=error.detail))
    if error.headers:
        response.headers.update(error.headers)
    return response


def _refused_by_host(request: Asking, error: OSError) -> Response[bytes]:
    if not refused(error) or error.errno is None:
        return _unexpected(request, error)
    return _short(request, HostShortage(os.strerror(error.errno)))


def _short(request: Asking, error: Exception) -> Response[bytes]:
    """For want of descriptors, threads or memory."""
    why = str(error) or "memory"
    service_of(request).troubles.met("host", why)
    return _refused(request, Unavailable(f"the host is short of something: {why}", retry_after=1.0))


def _unexpected(request: Asking, error: Exception) -> Response[bytes]:
    service_of(request).log.error("a fault of the server", exc_info=error)
    return _error(request, 500, Fault(code="internal", message="a fault of the server; its log has more"))
