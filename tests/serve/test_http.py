"""The HTTP interface: what is answered to what is asked."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec
import pytest

from microcoder.evaluator import Problem, TestCase
from microcoder.evaluator.server.budget import KINDS
from microcoder.evaluator.server.messages import EvaluateResponse, StatusResponse

from ..events import HELD, PATIENT, TELLS, let_go, running, wait_until
from .conftest import ADD, SUMS, WRONG, Server

SUMS_TEXT = msgspec.json.encode(SUMS)
SLEEPER = {
    "problem_id": "sleeper",
    "tests": [{"input": "", "output": ""}],
    "limits": {"cpu_time": 1, **PATIENT},
}


def judge(http: httpx2.Client, **request: Any) -> httpx2.Response:
    return http.post("/v1/evaluate", json=request)


@pytest.fixture
def http(server: Server) -> Any:
    with server.http() as client:
        yield client


def test_programs_of_one_request_are_judged_in_order(http: httpx2.Client) -> None:
    submissions = [{"code": ADD, "id": "first"}, {"code": WRONG, "name": "second"}, {"code": None}, {"code": ADD}]
    answer = judge(http, problem=json.loads(SUMS_TEXT), submissions=submissions)
    results = msgspec.json.decode(answer.content, type=EvaluateResponse).results
    assert [result.reward for result in results] == [1.0, 0.0, 0.0, 1.0]
    assert [result.place for result in results] == [0, 1, 2, 3]
    assert [result.report.status.value for result in results] == ["accepted", "wrong_answer", "no_code", "accepted"]
    assert (results[0].id, results[1].report.name) == ("first", "second")
    assert answer.headers["x-request-id"]


def test_a_row_of_a_file_is_a_request(http: httpx2.Client) -> None:
    said = f"So:\n```python\n{ADD}\n```"
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": said}]
    programs = [
        {"code": ADD, "verdict": "OK", "accept": True, "published": 2024, "problem_id": "sums"},
        {"completion": said, "name": "said"},
        {"completion": chat, "timing_sensitive": True},
        {"completion": "no program"},
    ]
    row = {**json.loads(SUMS_TEXT), "rating": 800, "submissions": programs}
    answers = [judge(http, **row), judge(http, problem=json.loads(SUMS_TEXT), submissions=programs)]
    sent = msgspec.msgpack.encode(row)
    answers.append(
        http.post(
            "/v1/evaluate", content=sent, headers={"content-type": "application/msgpack", "accept": "application/json"}
        )
    )
    for answer in answers:
        results = msgspec.json.decode(answer.content, type=EvaluateResponse).results
        assert [result.report.status.value for result in results] == ["accepted"] * 3 + ["no_code"]
        assert [result.report.found for result in results] == [None, "tagged", "tagged", "nothing"]
        assert (results[0].report.accept, results[1].report.name, results[2].report.timing_sensitive) == (
            True,
            "said",
            True,
        )
        assert "warnings" not in answer.json()


@pytest.mark.parametrize("media", ["json", "msgpack"])
def test_a_field_that_is_almost_one_is_told(http: httpx2.Client, media: str) -> None:
    encode = getattr(msgspec, media).encode
    problem = {**json.loads(SUMS_TEXT), "time_limt": 3}
    del problem["time_limit"]
    request = {"problem": problem, "submissions": [{"code": ADD, "langauge": "cpp"}]}
    headers = {"content-type": f"application/{media}", "accept": "application/json"}
    limit = "time_limt: there is no such field; did you mean time_limit?"
    language = "submissions[].langauge: there is no such field; did you mean language?"
    for _ in range(2):
        answer = http.post("/v1/evaluate", content=encode(request), headers=headers).json()
        assert (answer["results"][0]["reward"], answer["warnings"]) == (1.0, [language, limit])
    text = encode(problem)
    put = http.put(f"/v1/problems/{hashlib.sha256(text).hexdigest()}", content=text, headers=headers)
    assert put.json()["warnings"] == [limit]


def test_msgpack_in_and_out(http: httpx2.Client) -> None:
    body = msgspec.msgpack.encode({"problem": SUMS, "submissions": [{"code": ADD}]})
    answer = http.post("/v1/evaluate", content=body, headers={"content-type": "application/msgpack"})
    assert answer.headers["content-type"] == "application/msgpack"
    assert msgspec.msgpack.decode(answer.content, type=EvaluateResponse).results[0].reward == 1.0


def test_a_stream_has_a_line_for_each_as_it_finishes(server: Server, http: httpx2.Client) -> None:
    problem = json.loads(SUMS_TEXT) | {"tests": [{"input": "1 2\n", "output": "3\n"}], "limits": PATIENT}
    request = {"problem": problem, "submissions": [{"code": HELD + ADD}, {"code": ADD + "# s"}, {"code": ""}]}
    with http.stream("POST", "/v1/evaluate/stream", json=request) as answer:
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines = answer.iter_lines()
        assert {json.loads(next(lines))["place"] for _ in range(2)} == {1, 2}
        let_go(wait_until(lambda: running(server.process.pid)))
        assert [json.loads(line)["place"] for line in lines] == [0]


def test_a_registered_problem_is_named_by_its_digest(http: httpx2.Client) -> None:
    text = SUMS_TEXT + b"\n"  # other bytes, another digest
    digest = hashlib.sha256(text).hexdigest()
    unknown = judge(http, problem=digest, submissions=[{"code": ADD}])
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_problem")
    assert unknown.json()["error"]["digests"] == [digest]
    as_json = {"content-type": "application/json"}
    put = http.put(f"/v1/problems/{digest}", content=text, headers=as_json)
    assert put.json() == {"digest": digest, "problem_id": "sums", "tests": 3}
    assert judge(http, problem=digest, submissions=[{"code": ADD}]).json()["results"][0]["reward"] == 1.0
    assert http.get(f"/v1/problems/{digest}").content == text
    wrong = http.put(f"/v1/problems/{'0' * 64}", content=text, headers=as_json)
    assert wrong.status_code == 409


def test_an_id_stands_for_one_program(http: httpx2.Client) -> None:
    code = f"import time\ntime.sleep(0.3)\n{ADD}# {time.time()}"
    answers: list[httpx2.Response] = []

    def send() -> None:
        answers.append(judge(http, problem=json.loads(SUMS_TEXT), submissions=[{"code": code, "id": "twice"}]))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send()
    reports = [answer.json()["results"][0]["report"] for answer in answers]
    assert all(report == reports[0] for report in reports)  # one judgement, to the microsecond
    assert answers[-1].json()["results"][0]["cached"]
    other = judge(http, problem=json.loads(SUMS_TEXT), submissions=[{"code": ADD, "id": "twice"}])
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"submissions": []}, "$.submissions"),
        ({"submissions": [{"code": 1}]}, "$.submissions[0].code"),
        ({"submissions": [{}]}, "$.submissions[0].code"),
        ({"submissions": [{"code": "", "accept": "yes"}]}, "$.submissions[0].accept"),
        ({"submissions": [{"completion": 5}]}, "$.submissions[0].completion"),
        ({"problem": msgspec.UNSET, "problem_id": "p", "tests": []}, "$.tests"),
        ({"submissions": [{"code": "", "language": "cobol"}]}, "$.submissions[0].language"),
        ({"submissions": [{"code": ""}, {"code": "", "problem": "x"}]}, "digest"),
        ({"submissions": [{"code": ""}, {"code": "", "problem": {"problem_id": "p"}}]}, "$.submissions[1].problem.tests"),
        ({"problem": {"problem_id": "p", "tests": [{"input": 1, "output": ""}]}}, "$.problem.tests[0].input"),
        ({"problem": {"problem_id": "p", "tests": []}}, "$.problem.tests"),
        ({"problem": None}, "$.problem"),
        ({"problem": 7}, "$.problem"),
        ({"problem": {"problem_id": "p", "tests": [{"input": "", "output": ""}], "limits": {"cpu_time": 21}}}, "$.problem.limits.cpu_time"),
        ({"problem": {"problem_id": "p", "tests": [{"input": "", "output": ""}], "limits": {"memory": 1 << 33}}}, "$.problem.limits.memory"),
        ({"problem": {"problem_id": "p", "tests": [{"input": "", "output": ""}], "limits": {"wall_time": 3601}}}, "$.problem.limits"),
        ({"problem": {"problem_id": "p", "tests": [{"input": "", "output": ""}] * 51}}, "$.problem.tests"),
        ({"problem": {"problem_id": "p", "tests": [{"input": "", "output": ""}], "checker": {"flags": "no_such"}}}, "$.problem.checker.flags"),
        ({"problem": {"problem_id": "p", "tests": [{"input": "1", "output": "1"}], "mode": "call", "entry_point": "f"}}, "$.problem.tests[0].input"),
        ({"problem": {"problem_id": "p", "tests": [{"code": "assert f("}], "mode": "assert", "checker": {"type": "assert"}}}, "$.problem.tests[0].code"),
        ({"problem": {"problem_id": "p", "tests": [{"input": "", "output": ""}], "checker": {"type": "default", "limits": {"memory": 1 << 33}}}}, "$.problem.checker.limits.memory"),
        ({"problem": {"problem_id": "p", "tests": [{"input": "1", "ouput": "1"}]}}, "$.problem.tests[0].output"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named(http: httpx2.Client, change: dict[str, Any], path: str) -> None:
    good = {"problem": json.loads(SUMS_TEXT), "submissions": [{"code": ADD}]}
    asked = {name: value for name, value in (good | change).items() if value is not msgspec.UNSET}
    answer = judge(http, **asked)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "bad_request"), error
    assert error["path"].startswith(path)
    assert error["message"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"content-type": "application/json"}, 400),
        (b"[" * 100_000, {"content-type": "application/json"}, 400),
        (b'{"submissions": [{"code": "\\ud800"}]}', {"content-type": "application/json"}, 400),
        (b"\x81", {"content-type": "application/msgpack"}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {}, 415),
        (b"{}", {"content-type": "application/json", "content-encoding": "gzip"}, 400),
        (b" " * 200_001, {"content-type": "application/json"}, 413),
        (json.dumps({"submissions": [{"code": ""}] * 9}).encode(), {"content-type": "application/json"}, 413),
    ],
)
def test_a_body_that_cannot_be_used_is_refused(
    http: httpx2.Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = http.post("/v1/evaluate", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_body_without_length_may_not_grow_beyond_the_cap(http: httpx2.Client) -> None:
    pieces = (b" " * 50_000 for _ in range(10))
    answer = http.post("/v1/evaluate", content=pieces, headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_a_client_that_goes_frees_its_worker(server: Server, http: httpx2.Client) -> None:
    asleep = [{"code": f"{TELLS}import time\ntime.sleep(999)\n# {n}"} for n in range(4)]
    body = json.dumps({"problem": SLEEPER, "submissions": asleep}).encode()
    head = f"POST /v1/evaluate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + body)
        wait_until(lambda: len(running(server.process.pid)) == 2)
    assert judge(http, problem=json.loads(SUMS_TEXT), submissions=[{"code": ADD + "# after"}]).json()
    status = msgspec.json.decode(http.get("/v1/status").content, type=StatusResponse)
    assert status.waiting == 0


def test_waiting_is_charged_to_nobody(http: httpx2.Client) -> None:
    """Two at a time: the last of them waits for longer than any limit allows."""
    limits = {"cpu_time": 1, "idle_time": 2.5, "wall_time": 2.9}
    problem = {"problem_id": "nap", "tests": [{"input": "", "output": ""}], "limits": limits}
    naps = [{"code": f"import time\ntime.sleep(1)\n# {n}"} for n in range(8)]
    results = judge(http, problem=problem, submissions=naps).json()["results"]
    assert {result["reward"] for result in results} == {1.0}
    assert max(result["report"]["queue_time"] for result in results) > limits["wall_time"]


def test_the_status_tells_what_was_judged(http: httpx2.Client) -> None:
    code = f"print('<b>&')\n# {time.time()}"
    judge(http, problem=json.loads(SUMS_TEXT), submissions=[{"code": code}])
    status = msgspec.json.decode(http.get("/v1/status").content, type=StatusResponse)
    latest = status.latest[0]
    assert (latest.problem_id, latest.status, latest.client) == ("sums", "wrong_answer", "127.0.0.1")
    judgement = http.get(f"/v1/judgements/{latest.number}").json()
    assert judgement["code"] == code
    numbers = [test["test"] for test in judgement["tests"]]
    assert judgement["report"]["message"].startswith(f"test {numbers[0]}: ")
    assert judgement["tests"][0]["expected"] == "1\n"
    assert judgement["tests"][0]["actual"] == "<b>&\n"
    assert http.get("/v1/judgements/0.99999999").status_code == 404
    assert http.get("/v1/judgements/x").status_code == 400


def test_metrics_have_closed_labels(http: httpx2.Client) -> None:
    judge(http, problem=json.loads(SUMS_TEXT), submissions=[{"code": ADD, "id": "m<>\"'"}])
    http.get("/no/such/path")
    text = http.get("/metrics").text
    assert 'microcoder_verdicts_total{status="accepted"}' in text
    for name in ("queue_seconds", "run_seconds", "event_loop_lag_seconds"):
        assert f"microcoder_{name}_bucket" in text
    for name in ("workers", "worker_restarts_total", "program_cpu_seconds_total", "cache_hits_total", "queue_length"):
        assert f"\nmicrocoder_{name}" in text
    for what in KINDS:
        assert f'microcoder_kept_bytes{{what="{what}"}}' in text
    assert "sums" not in text and "such" not in text


def test_runs_without_verdict_are_counted_apart(http: httpx2.Client) -> None:
    def counted(outcome: str) -> tuple[float, int, int]:
        line = next(
            line for line in http.get("/metrics").text.splitlines() if f'runs_total{{outcome="{outcome}"}}' in line
        )
        status = http.get("/v1/status").json()
        return float(line.split()[-1]), status["ran"], status["judged"]

    for code, outcome in (("print(1)", "finished"), ("1 / 0", "crashed"), ("def", "compile_error")):
        before = counted(outcome)
        assert http.post("/run_code", json={"code": code, "language": "python"}).status_code == 200
        assert counted(outcome) == (before[0] + 1, before[1] + 1, before[2])


def test_small_pages(http: httpx2.Client) -> None:
    assert http.get("/health").json()["status"] == "ok"
    assert http.get("/ready").json() == {"status": "ready"}
    assert http.get("/version").json()["version"]
    assert http.get("/schema").json()["openapi"] == "3.1.0"
    assert http.get("/v1/evaluate").status_code == 405
    assert http.get("/nowhere").status_code == 404


def test_web_pages_elsewhere_cannot_use_the_server(server: Server) -> None:
    """Their names may point to the loopback; what they may send unasked is no JSON."""
    with server.http(headers={"host": "evil.example"}) as http:
        assert http.get("/v1/status").status_code == 403


def test_a_large_problem_does_not_fit(http: httpx2.Client) -> None:
    text = msgspec.json.encode(Problem(problem_id="large", tests=(TestCase("x" * 200_000, ""),)))
    digest = hashlib.sha256(text).hexdigest()
    answer = http.put(f"/v1/problems/{digest}", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_files_of_a_request_are_counted_before_anything_else(start: Callable[..., Server]) -> None:
    limited = start("--max-files", "1000")
    files = {f"f{number}": "" for number in range(501)}
    with limited.http() as http:
        one = {"problem": msgspec.to_builtins(SUMS), "submissions": [{"code": ADD, "files": files}]}
        report = http.post("/v1/evaluate", json=one).json()["results"][0]["report"]
        assert report["status"] == "compile_error" and "501 files" in report["message"]
        two = one | {"submissions": one["submissions"] * 2}
        refused = http.post("/v1/evaluate", json=two)
        assert refused.status_code == 413
        assert refused.json()["error"]["path"] == "$.submissions[].files"
