"""What holds for every request: the OpenAPI document is true, nothing is a 500, the event loop is never blocked."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from blockbuster import blockbuster_ctx

from microcoder.evaluator import Evaluator
from microcoder.evaluator.server.gate import Gate
from microcoder.evaluator.server.logs import logger
from microcoder.evaluator.server.metrics import Metrics
from microcoder.evaluator.server.routes import application
from microcoder.evaluator.server.service import Service
from microcoder.evaluator.server.settings import Queue, Settings
from microcoder.evaluator.server.siblings import Siblings
from microcoder.evaluator.server.tokens import Tokens

from ..events import HELD, PATIENT, finish, until
from .conftest import ADD, SUMS, WRONG, Server

SCHEMATHESIS = """
import sys, schemathesis
from hypothesis import HealthCheck, settings
schema = schemathesis.openapi.from_url(sys.argv[1] + "/schema")
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance, content_type_conformance
for operation in schema.get_all_operations():
    operation = operation.ok()
    strategy = operation.as_strategy()
    from hypothesis import given
    @settings(max_examples=int(sys.argv[2]), deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=strategy)
    def test(case):
        response = case.call()
        assert response.status_code not in (500, 502), response.text
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance])
    test()
    print(operation.label)
"""


def test_every_answer_is_one_that_the_document_names(server: Server) -> None:
    """In a process of its own: the library brings plugins and warnings of its own."""
    done = subprocess.run([sys.executable, "-c", SCHEMATHESIS, server.address, "25"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "POST /v1/evaluate" in done.stdout


def settings(tmp_path: Path, **more: object) -> Settings:
    return msgspec.structs.replace(Settings(state=str(tmp_path), log_level="error"), **more)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[tuple[Service, httpx2.AsyncClient]]:
    chosen = settings(tmp_path, verdicts=100, queue=Queue(length=6, per_client=3, seconds=5))
    log = logger("json", "error")
    metrics, tokens = Metrics(), Tokens(())
    async with (
        Evaluator(workers=1, cache=0) as evaluator,
        Siblings(chosen, tokens) as siblings,
        Service(chosen, evaluator, metrics, log) as service,
    ):
        gate: Any = Gate(application(service, siblings), chosen, tokens, metrics, log)
        transport = httpx2.ASGITransport(gate)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield service, http


async def test_the_event_loop_is_never_blocked(app: tuple[Service, httpx2.AsyncClient]) -> None:
    _, http = app
    request = {"problem": msgspec.to_builtins(SUMS), "submissions": [{"code": ADD}]}
    await http.post("/v1/evaluate", json=request)  # a worker that has to be started first may block
    with blockbuster_ctx():
        for code in (ADD, WRONG, "x = 1", "def f(:", "1 / 0"):
            request["submissions"] = [{"code": f"{code}\n# once more", "id": code}]
            answer = await http.post("/v1/evaluate", json=request)
            assert answer.status_code == 200
        body = msgspec.json.encode(SUMS)
        for path in (
            "/v1/status",
            "/metrics",
            "/schema",
            "/",
            "/page/page.js",
            "/v1/judgements/0.1",
            "/v1/problems/" + "0" * 64,
        ):
            assert (await http.get(path)).status_code in (200, 404)
        digest = hashlib.sha256(body).hexdigest()
        put = await http.put(f"/v1/problems/{digest}", content=body, headers={"content-type": "application/json"})
        assert put.status_code == 200
        assert (await http.get(f"/v1/problems/{digest}")).content == body


async def test_a_full_queue_is_told_and_waiting_ends(app: tuple[Service, httpx2.AsyncClient]) -> None:
    service, http = app
    problem = msgspec.to_builtins(SUMS) | {"limits": PATIENT}

    async def ask(client: str, number: int, programs: int = 1) -> httpx2.Response:
        code = f"{HELD}# {client} {number}"
        submissions = [{"code": f"{code} {n}"} for n in range(programs)]
        return await http.post(
            "/v1/evaluate", json={"problem": problem, "submissions": submissions}, headers={"x-client-id": client}
        )

    waiting = []
    for number in range(5):  # one runs, one is next, three wait
        waiting.append(asyncio.create_task(ask("a", number)))
        await until(lambda number=number: service.queue.inside + service.queue.waiting > number)
    too_many = await ask("a", 5)
    other = asyncio.create_task(ask("b", 0))
    await until(lambda: service.queue.waiting == 4)
    full = await ask("c", 0, 3)
    assert (too_many.status_code, full.status_code) == (429, 503)
    assert int(too_many.headers["retry-after"]) >= 1 and int(full.headers["retry-after"]) >= 1
    late = await asyncio.gather(*waiting[2:], other)
    assert isinstance(service.evaluator, Evaluator)
    answers = [*await finish(asyncio.gather(*waiting[:2]), service.evaluator), *late]
    assert [answer.status_code for answer in answers] == [200, 200, 504, 504, 504, 504]
    assert answers[-1].headers["retry-after"]
