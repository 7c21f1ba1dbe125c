"""The interface as OpenAPI 3.1, made from the types that decode and encode it."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from ..options import RewardOptions
from ..problem import Problem
from ..version import VERSION
from .decode import JSON, MSGPACK, NDJSON
from .labels import GetRewardRequest, RemoteRmRequest
from .messages import (
    ErrorResponse,
    EvaluateRequest,
    EvaluateResponse,
    Failed,
    Health,
    Judgement,
    Registered,
    Result,
    StatusResponse,
    Version,
)
from .remote_rewards import GetRewardResponse
from .sandbox_fusion import RunCodeRequest, RunCodeResponse

_TYPES = (
    Problem,
    EvaluateRequest,
    EvaluateResponse,
    Result,
    Failed,
    Registered,
    StatusResponse,
    Judgement,
    Health,
    Version,
    ErrorResponse,
    RunCodeRequest,
    RunCodeResponse,
    GetRewardRequest,
    GetRewardResponse,
    RemoteRmRequest,
)
_TAKEN = (400, 401, 403, 404, 408, 409, 413, 415, 429, 431, 503, 504)
_LATER = (429, 503, 504)
_DIGEST = {"name": "digest", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
_NUMBER = {
    "name": "number",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9]+[.][0-9]+$"},
}
_FAILURES = {
    "name": "failures",
    "in": "query",
    "required": False,
    "description": "What a program without verdict gets: the reward NaN, or 503 for the request. Without it: NaN beside"
    " programs that have one, else 503.",
    "schema": {"enum": ["nan", "raise"]},
}
_CLIENT = {
    "name": "X-Client-Id",
    "in": "header",
    "required": False,
    "description": "Clients with a name of their own take turns.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.:@/-]{1,100}$"},
}


@cache
def document() -> dict[str, Any]:
    _, components = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    both = (JSON, MSGPACK)
    line = {"anyOf": [_ref("Result"), _ref("Failed")]}
    judged = _operation(
        "Judge programs", _ref("EvaluateResponse"), both, body="EvaluateRequest", parameters=[_CLIENT, *_options()]
    )
    streamed = _operation(
        "Judge programs; a line for each as it finishes", line, (NDJSON,), body="EvaluateRequest", parameters=_options()
    )
    put = _operation("Register a problem under its SHA-256", _ref("Registered"), both, body="Problem")
    return {
        "openapi": "3.1.0",
        "info": {"title": "microcoder-eval serve", "version": VERSION},
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
        "paths": {
            "/v1/evaluate": {"post": judged},
            "/v1/evaluate/stream": {"post": streamed},
            "/v1/problems/{digest}": {
                "parameters": [_DIGEST],
                "put": put,
                "get": _operation("The problem as it was registered", _ref("Problem"), both),
            },
            "/v1/status": {"get": _operation("How the server is", _ref("StatusResponse"), both)},
            "/v1/judgements/{number}": {
                "parameters": [_NUMBER],
                "get": _operation("One of the latest judgements", _ref("Judgement"), both),
            },
            "/run_code": {"post": _operation("As SandboxFusion", _ref("RunCodeResponse"), both, body="RunCodeRequest")},
            "/get_reward": {
                "post": _operation(
                    "As OpenRLHF asks",
                    _ref("GetRewardResponse"),
                    both,
                    body="GetRewardRequest",
                    parameters=[_FAILURES, *_options()],
                )
            },
            "/remote_rm": {
                "post": _operation(
                    "As slime asks; the reward",
                    {"type": "number"},
                    both,
                    body="RemoteRmRequest",
                    parameters=[_FAILURES, *_options()],
                )
            },
            "/v1/ping": {"get": _operation("pong", {"type": "string"}, both)},
            "/health": {"get": _operation("The process answers", _ref("Health"), both)},
            "/ready": {"get": _operation("Programs are taken in", _ref("Health"), both)},
            "/version": {"get": _operation("Which version", _ref("Version"), both)},
            "/metrics": {"get": _operation("For Prometheus", {"type": "string"}, ("text/plain",))},
            "/schema": {"get": _operation("This document", {"type": "object"}, both)},
        },
    }


def _options() -> list[dict[str, Any]]:
    """How programs are to be judged, as parameters of the query."""
    fields = msgspec.json.schema(RewardOptions)["$defs"]["RewardOptions"]["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": field} for name, field in fields.items()]


def _operation(
    summary: str,
    answer: dict[str, Any],
    media: tuple[str, ...],
    *,
    body: str | None = None,
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "200": {"description": "Done", "content": {each: {"schema": answer} for each in media}}
    }
    for status in _TAKEN:
        responses[str(status)] = {
            "description": f"No verdict: {status}",
            "content": {JSON: {"schema": _ref("ErrorResponse")}},
        }
        if status in _LATER:
            retry = {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}
            responses[str(status)]["headers"] = {"Retry-After": retry}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if body is not None:
        content = {each: {"schema": _ref(body)} for each in (JSON, MSGPACK)}
        operation["requestBody"] = {"required": True, "content": content}
    if parameters:
        operation["parameters"] = parameters
    return operation


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
