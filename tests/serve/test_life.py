"""How a server begins and ends: addresses, tokens, drain, engines that die, verdicts that survive."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import msgspec
import psutil
import pytest

from microcoder.evaluator.client import Client
from microcoder.evaluator.server import supervisor
from microcoder.evaluator.server.figures import SIZE, Figures
from microcoder.evaluator.server.supervisor import LOOK, MOST, SILENCE, STOPPED, Listened, Pulse

from ..events import HELD, PATIENT, SECONDS, descendants, let_go, running, wait_until
from .conftest import ADD, SUMS, Server
from .test_down import alive

Start = Callable[..., Server]
TOKEN = "a-token-of-good-length"
REQUEST: dict[str, Any] = {"problem": msgspec.to_builtins(SUMS), "submissions": [{"code": ADD}]}
PATIENT_SUMS = REQUEST["problem"] | {"limits": PATIENT}


def serve(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "microcoder.evaluator.cli", "serve", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "needs a token"),
        (["--host", "nowhere.invalid", "--insecure"], "nowhere.invalid"),
        (["--port", "65536"], "65535"),
        (["--engines", "3", "--workers", "2"], "--engines 3"),
        (["--token-file", "/no/such/file"], "/no/such/file"),
        (["--jail", "none"], "--unsafe-no-jail"),
        (["--unix", "/"], "is no socket"),
        (["--state", "/dev/null/x"], "--state"),
        (["--max-cpu-time", "0"], "max-cpu-time"),
        (["--preset", "nobody"], "nobody"),
    ],
)
def test_a_bad_command_line_is_a_sentence(arguments: list[str], words: str) -> None:
    done = serve(*arguments)
    assert done.returncode == 2
    assert words in done.stderr.replace("│", "").replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_a_short_token_is_refused() -> None:
    done = serve(MICROCODER_TOKEN="short")
    assert (done.returncode, "16 characters" in done.stderr) == (2, True)


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['litestar'] = None; sys.modules['uvicorn'] = None\n"
        "from microcoder.evaluator import Evaluator\n"
        "from microcoder.evaluator.cli import main; sys.exit(main(['serve']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "microcoder[serve]" in done.stderr) == (2, True)


def test_a_token_is_needed_where_one_is_set(start: Start) -> None:
    server = start("--host", "0.0.0.0", MICROCODER_TOKEN=TOKEN)
    port = server.address.rpartition(":")[2]
    basic = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=SECONDS) as http:
        for path in ("/", "/page/page.js", "/v1/status", "/metrics", "/schema", "/v1/judgements/0.1"):
            assert http.get(path).status_code == 401, path
        assert http.post("/v1/evaluate", json=REQUEST).headers["www-authenticate"].startswith("Basic")
        for bad in (f"Bearer {TOKEN}x", "Bearer", "Basic !", f"Basic {basic[:-4]}", TOKEN, "Bearer ä"):
            assert http.get("/v1/status", headers=[(b"authorization", bad.encode("latin-1"))]).status_code == 401
        for good in (f"Bearer {TOKEN}", f"basic {basic}"):
            assert http.get("/v1/status", headers={"authorization": good}).status_code == 200
        assert http.get("/health").status_code == http.get("/ready").status_code == 200
    environment = psutil.Process(server.process.pid).children(recursive=True)
    assert all(TOKEN not in " ".join(child.cmdline()) for child in environment)


def test_a_unix_socket_is_its_owner_s(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "judge.sock"
    server = start("--unix", str(path))
    assert server.address == f"unix:{path}"
    assert path.stat().st_mode & 0o777 == 0o600
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path)), base_url="http://anything") as http:
        assert http.post("/v1/evaluate", json=REQUEST).json()["results"][0]["reward"] == 1.0
    server.close()
    assert server.process.returncode == 0
    assert not path.exists()


def test_sigterm_finishes_what_was_taken_in(start: Start) -> None:
    server = start("--drain", str(SECONDS))
    answers: list[httpx2.Response] = []

    def send(number: int) -> None:
        request = {"problem": PATIENT_SUMS, "submissions": [{"code": f"{HELD}{ADD}# {number}"}]}
        with server.http() as http:
            answers.append(http.post("/v1/evaluate", json=request))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    with server.http() as http:
        wait_until(lambda: sum(http.get("/v1/status").json()[key] for key in ("busy", "waiting")) == 6)
    jails = descendants(server.process.pid)
    server.process.send_signal(signal.SIGTERM)

    def finished() -> bool:
        let_go(running(server.process.pid))
        return not any(thread.is_alive() for thread in threads)

    wait_until(finished)
    assert server.process.wait(SECONDS) == 0
    assert [answer.json()["results"][0]["reward"] for answer in answers] == [1.0] * 6
    assert not [jail for jail in jails if jail.is_running() and jail.status() != psutil.STATUS_ZOMBIE]


def test_a_drain_that_takes_too_long_is_told_to_the_clients(start: Start) -> None:
    server = start("--drain", "0.5")
    answers: list[httpx2.Response] = []

    def send() -> None:
        with server.http() as http:
            request = {"problem": PATIENT_SUMS, "submissions": [{"code": HELD}]}
            answers.append(http.post("/v1/evaluate", json=request))

    thread = threading.Thread(target=send)
    thread.start()
    wait_until(lambda: running(server.process.pid))
    server.process.send_signal(signal.SIGTERM)
    thread.join()
    assert (answers[0].status_code, answers[0].json()["error"]["code"]) == (503, "unavailable")
    assert int(answers[0].headers["retry-after"]) >= 1
    assert server.process.wait(SECONDS) == 0


def engines(server: Server) -> list[dict[str, Any]]:
    """What the status says of each, once both are there."""

    def both() -> list[dict[str, Any]]:
        with contextlib.suppress(httpx2.TransportError), server.http() as http:
            found = http.get("/v1/status").json()["engines"]
            return found if len(found) == 2 else []
        return []

    return wait_until(both)


def test_engines_are_one_server_and_are_started_again(start: Start) -> None:
    server = start("--engines", "2")
    status = engines(server)
    for number in range(20):  # new connections, so both engines get some
        with server.http() as http:
            code = f"{ADD}# {number}"
            answer = http.post("/v1/evaluate", json=REQUEST | {"submissions": [{"code": code}]})
            assert answer.json()["results"][0]["reward"] == 1.0
    with server.http() as http:
        whole = http.get("/v1/status").json()
        assert (whole["judged"], whole["workers"]) == (20, 2)
        assert sum(engine["judged"] for engine in whole["engines"]) == 20
        assert 'microcoder_verdicts_total{status="accepted"} 20.0' in http.get("/metrics").text
        for latest in whole["latest"]:
            assert http.get(f"/v1/judgements/{latest['number']}").json()["latest"] == latest
    text = msgspec.json.encode(SUMS)
    digest = hashlib.sha256(text).hexdigest()
    with server.http() as http:
        http.put(f"/v1/problems/{digest}", content=text, headers={"content-type": "application/json"})
    for _ in range(10):  # whoever answers knows it
        with server.http() as http:
            assert http.get(f"/v1/problems/{digest}").content == text
    os.kill(status[1]["pid"], signal.SIGKILL)
    wait_until(lambda: {engine["pid"] for engine in engines(server)} != {engine["pid"] for engine in status})
    assert server.wait_for("an engine ended")["engine"] == 1
    with server.http() as http:
        assert 'microcoder_verdicts_total{status="accepted"} 20.0' in http.get("/metrics").text  # counts go on
    children = psutil.Process(server.process.pid).children(recursive=True)
    server.close()
    assert server.process.returncode == 0
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_the_budget_is_that_of_the_whole_server(start: Start) -> None:
    most = 64 << 20
    server = start("--engines", "2", "--cache-memory", str(most), "--cache-disk", str(most))
    engines(server)
    with Client(server.address, deadline=100) as judge:
        assert all(each.accepted for each in judge.evaluate_many((SUMS, f"{ADD}# {number}") for number in range(20)))

    def kept(http: httpx2.Client, name: str) -> dict[str, float]:
        found = re.findall(rf'microcoder_{name}{{what="(\w+)"}} (\S+)', http.get("/metrics").text)
        return {what: float(value) for what, value in found}

    with server.http() as http:
        wait_until(lambda: kept(http, "kept_bytes")["problem_files"] and kept(http, "kept_bytes")["verdicts"])
        wait_until(lambda: sum(kept(http, "kept_allowed_bytes").values()) > 2 * most - 200)  # both have told theirs
        allowed = kept(http, "kept_allowed_bytes")
        disk = allowed.pop("problem_files") + allowed.pop("verdict_file")
        assert most - 100 < disk <= most and most - 100 < sum(allowed.values()) <= most
        status = http.get("/v1/status").json()["engines"]
        assert sum(engine["kept"]["history"]["most"] for engine in status) == allowed["history"]
    server.close()


def test_a_stopped_engine_is_replaced_and_its_calls_are_judged_by_others(start: Start) -> None:
    server = start("--engines", "2", "--workers", "2")
    status = engines(server)
    pairs = [(SUMS, f"{ADD}# {number}") for number in range(16)]
    with Client(server.address, deadline=100) as judge:  # connections of both engines stay open
        assert all(report.accepted for report in judge.evaluate_many(pairs))
        stopped = psutil.Process(status[1]["pid"])
        stopped.suspend()
        assert all(report.accepted for report in judge.evaluate_many((p, f"{c} again") for p, c in pairs))
        assert server.wait_for("an engine is silent, and is ended")["pid"] == stopped.pid
        wait_until(lambda: {engine["pid"] for engine in engines(server)} - {engine["pid"] for engine in status})
    server.close()
    assert server.process.returncode == 0


def test_a_process_that_only_works_for_long_is_not_taken_for_stopped() -> None:
    pulse = Pulse()
    with subprocess.Popen(["sleep", "1000"], pass_fds=[pulse.beats]) as process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        beats = os.dup(pulse.beats)
        pulse.is_of(process.pid)
        pulse.heard(10 * SILENCE)
        assert not pulse.missing  # it is not ready
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: pulse.missing)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: not pulse.missing)
        os.write(beats, b".")
        os.close(beats)
        assert (pulse.heard(LOOK), pulse.heard(SILENCE - 1)) == (True, False)
        assert not pulse.missing
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: pulse.missing)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: not pulse.missing)
        pulse.heard(2.0)
        assert pulse.missing
    pulse.close()


def test_time_in_which_the_parent_was_stopped_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: now))
    listened = Listened()
    now += LOOK
    assert listened.since() == pytest.approx(LOOK)
    now += 3600  # stopped, or the machine was
    assert listened.since() <= 2 * LOOK
    now += LOOK
    assert listened.since() == pytest.approx(LOOK)


def test_an_engine_that_does_not_read_holds_up_nobody(start: Start, tmp_path: Path) -> None:
    """What it is told fills the pipe to it."""
    file = tmp_path / "tokens"
    file.write_text("\n".join(f"{TOKEN}-{number}" for number in range(2000)))
    server = start("--engines", "2", "--token-file", str(file))
    stopped = psutil.Process(max(child.pid for child in psutil.Process(server.process.pid).children()))
    stopped.suspend()
    for count in range(1, 5):
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: sum(line["event"] == "the tokens were read again" for line in server.log()) >= count)  # noqa: B023
    assert server.wait_for("an engine is silent, and is ended")["pid"] == stopped.pid
    with server.http(headers={"authorization": f"Bearer {TOKEN}-1999"}) as http:
        wait_until(lambda: len(http.get("/v1/status").json()["engines"]) == 2)
    server.close()
    assert server.process.returncode == 0


def test_an_engine_that_cannot_be_started_again_is_tried_again(start: Start) -> None:
    server = start("--engines", "2", "--workers", "2")
    before = {engine["pid"] for engine in engines(server)}
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    os.kill(max(before), signal.SIGKILL)
    assert "Too many open files" in server.wait_for("an engine cannot be started")["why"]
    wait_until(lambda: judged(server)["reward"] == 1.0)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)
    wait_until(lambda: {engine["pid"] for engine in engines(server)} - before)
    server.close()
    assert server.process.returncode == 0


def test_an_engine_that_is_stopped_while_it_drains_ends(start: Start) -> None:
    server = start("--engines", "2", "--workers", "2", "--drain", "3600")
    problem = msgspec.structs.replace(SUMS, limits=msgspec.convert(PATIENT, type(SUMS.limits)))
    with Client(server.address, deadline=SECONDS) as judge:
        judge.submit(problem, HELD + ADD)
        (held,) = wait_until(lambda: running(server.process.pid))
        (holder,) = [
            engine
            for engine in psutil.Process(server.process.pid).children()
            if held.pid in {each.pid for each in descendants(engine.pid)}
        ]
        server.process.terminate()
        server.wait_for("draining")
        holder.suspend()
        assert server.process.wait(SECONDS) == 0
    assert server.wait_for("an engine did not end")


def test_a_stopped_engine_makes_way_too_when_its_parent_is_killed(start: Start) -> None:
    first = start("--engines", "2")
    port = first.address.rpartition(":")[2]
    engines(first)  # both are there
    children = psutil.Process(first.process.pid).children()
    for child in children:
        child.suspend()
    first.process.kill()
    first.process.wait()
    second = wait_until(lambda: started_at(start, port))
    assert second is not None
    assert judged(second)["reward"] == 1.0
    wait_until(lambda: not alive(children))


def test_sigterm_while_an_engine_is_started_again(start: Start) -> None:
    for _ in range(4):
        server = start("--engines", "2", "--workers", "2")
        (one, _) = psutil.Process(server.process.pid).children()
        one.kill()
        time.sleep(random.uniform(0, 1.5))  # whatever it is at by then
        below = descendants(server.process.pid)
        server.process.terminate()
        assert server.process.wait(SECONDS) == 0
        wait_until(lambda: not alive(below))  # noqa: B023
        assert "Traceback" not in server.log_file.read_text()


def test_an_engine_that_is_killed_often_is_started_again_each_time(start: Start) -> None:
    server = start("--engines", "2", "--workers", "2")
    for _ in range(MOST + 1):
        before = {engine["pid"] for engine in engines(server)}
        os.kill(max(before), signal.SIGKILL)
        wait_until(lambda: len({engine["pid"] for engine in engines(server)} - before) == 1)  # noqa: B023
    assert judged(server)["reward"] == 1.0
    server.close()
    assert server.process.returncode == 0


def test_a_server_that_was_stopped_as_a_whole_goes_on(start: Start) -> None:
    server = start("--engines", "2", "--workers", "2")
    before = {engine["pid"] for engine in engines(server)}
    whole = [psutil.Process(pid) for pid in (*before, server.process.pid)]
    for process in whole:
        process.suspend()
    time.sleep(STOPPED + 0.5)
    for process in reversed(whole):  # the one that would miss the others comes first
        process.resume()
    time.sleep(3 * LOOK)
    assert judged(server)["reward"] == 1.0
    assert {engine["pid"] for engine in engines(server)} == before


def test_figures_have_their_space_before_they_are_needed(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    figures = Figures(folder, 2)
    code = """if True:
        import sys
        from microcoder.evaluator.server.metrics import Metrics
        metrics = Metrics(1)
        metrics.state(busy=1, workers=3, waiting=5, restarts=0)
        for number in range(300):
            metrics.requests.labels(f"an endpoint with a long name {number}", "200").inc()
        sys.stdout.buffer.write(metrics.text())
    """

    def text() -> str:
        environ = os.environ | figures.environment
        return subprocess.check_output([sys.executable, "-c", code], env=environ, text=True)

    assert 'microcoder_workers{state="busy"} 1.0' in text()
    assert 'endpoint="an endpoint with a long name 299",status="200"} 2.0' in text()  # another process of that engine
    figures.forget(1)
    for file in folder.iterdir():
        assert file.stat().st_size == SIZE <= file.stat().st_blocks * 512


def test_a_server_that_is_killed_leaves_its_address_to_the_next_while_its_engines_finish(start: Start) -> None:
    first = start("--engines", "2")
    port = first.address.rpartition(":")[2]
    engines_of_first = psutil.Process(first.process.pid).children()
    answers: list[httpx2.Response] = []

    def send() -> None:  # and does not ask for its health, as a Client would
        with first.http() as http:
            request = {"problem": PATIENT_SUMS, "submissions": [{"code": HELD + ADD}]}
            answers.append(http.post("/v1/evaluate", json=request))

    asking = threading.Thread(target=send)
    asking.start()
    wait_until(lambda: running(first.process.pid))
    first.process.kill()
    first.process.wait()
    second = wait_until(lambda: started_at(start, port))
    assert second is not None
    assert judged(second)["reward"] == 1.0
    assert alive(engines_of_first)
    wait_until(lambda: let_go(running(*(engine.pid for engine in engines_of_first))) or not asking.is_alive())
    assert answers[0].json()["results"][0]["reward"] == 1.0


def started_at(start: Start, port: str) -> Server | None:
    """None: the address is taken."""
    try:
        return start("--engines", "2", "--port", port)
    except AssertionError as error:
        if "already in use" not in str(error):
            raise
        return None


def test_engines_end_when_their_parent_is_killed(start: Start) -> None:
    server = start("--engines", "2", "--drain", "1")
    engines(server)
    children = psutil.Process(server.process.pid).children(recursive=True)
    server.process.kill()
    _, left = psutil.wait_procs(children, timeout=SECONDS)
    assert not [child for child in left if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def judged(server: Server) -> dict[str, Any]:
    with server.http() as http:
        return http.post("/v1/evaluate", json=REQUEST).json()["results"][0]


def test_verdicts_survive_a_restart_and_damage_is_noticed(start: Start, tmp_path: Path) -> None:
    arguments = ("--state", str(tmp_path / "state"), "--verdict-cache", "100")
    first = start(*arguments)
    fresh = judged(first)
    busy = serve("--port", "0", *arguments)
    assert (busy.returncode, "in use by another server" in busy.stderr) == (2, True)
    first.close()
    second = start(*arguments)
    known = judged(second)
    assert (fresh["cached"], known["cached"]) == (False, True)
    assert known["report"] == fresh["report"]
    second.close()

    file = tmp_path / "state" / "verdicts.sqlite"
    with sqlite3.connect(file) as database:
        (report,) = database.execute("SELECT report FROM verdicts").fetchone()
        forged = report.replace(b"accepted", b"aCcepted", 1)
        assert forged != report
        database.execute("UPDATE verdicts SET report = ?", (forged,))
    database.close()
    third = start(*arguments)
    assert judged(third)["cached"] is False
    assert third.wait_for("the verdict cache threw something away")
    third.close()

    file.write_bytes(b"not a database" * 1000)
    fourth = start(*arguments)
    assert judged(fourth)["reward"] == 1.0
    assert fourth.wait_for("the verdict cache threw something away")
    fourth.close()
    assert judged(start(*arguments))["cached"] is True


def test_a_preset_decides_for_all_problems(start: Start) -> None:
    server = start("--preset", "kattis")
    problem = {"problem_id": "case", "tests": [{"input": "", "output": "Yes\n"}]}
    with server.http() as http:
        answer = http.post("/v1/evaluate", json={"problem": problem, "submissions": [{"code": "print('YES')"}]}).json()
    assert answer["results"][0]["reward"] == 1.0


def test_secrecy_keeps_nothing_to_read(start: Start) -> None:
    server = start("--no-history")
    judged(server)
    with server.http() as http:
        status = http.get("/v1/status").json()
    assert (status["history"], status["judged"], status["latest"], status["slowest"]) == (False, 1, [], [])
    assert "print" not in json.dumps(server.log())
