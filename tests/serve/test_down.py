"""How a server goes down, and what cannot keep it from that: signals at any moment, readers of the log, kills."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
import msgspec
import psutil
import pytest

from microcoder.evaluator.client import Client
from microcoder.evaluator.server.outlet import Outlet

from ..events import HELD, PATIENT, SECONDS, descendants, let_go, running, wait_until
from .conftest import ADD, SUMS, Server

Start = Callable[..., Server]
ENGINES = pytest.mark.parametrize("engines", ["1", "2"])
SERVE = [sys.executable, "-m", "microcoder.evaluator.cli", "serve", "--workers", "2"]
HELD_SUMS = {"problem": msgspec.to_builtins(SUMS) | {"limits": PATIENT}, "submissions": [{"code": HELD + ADD}]}
OLD, NEW = "a-token-of-good-length", "another-token-of-good-length"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of servers that this test starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


def ask(server: Server, request: dict[str, Any]) -> threading.Thread:
    """One that asks, and takes any answer."""

    def send() -> None:
        with server.http() as http:
            http.post("/v1/evaluate", json=request)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


# ---------------------------------------------------------------------------------------------------------- signals


@ENGINES
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(start: Start, temporary: Path, engines: str, number: signal.Signals) -> None:
    server = start("--engines", engines, "--drain", "600")
    asking = ask(server, HELD_SUMS)
    wait_until(lambda: running(server.process.pid))
    below = descendants(server.process.pid)
    server.process.send_signal(number)
    server.wait_for("draining")
    time.sleep(0.1)  # two at the same time are one
    assert server.process.poll() is None
    server.process.send_signal(number)
    assert server.process.wait(SECONDS) == 128 + number
    assert alive(below) == []
    assert list(temporary.iterdir()) == []
    assert "Traceback" not in server.log_file.read_text()
    asking.join(SECONDS)


@pytest.mark.parametrize("engines", ["1", "2"])
@pytest.mark.parametrize("state", [False, True])
def test_sigterm_at_any_moment_of_the_start(temporary: Path, tmp_path: Path, engines: str, state: bool) -> None:
    path = tmp_path / "judge.sock"
    arguments = ["--engines", engines, "--unix", str(path), *(["--state", str(tmp_path / "state")] if state else [])]
    for moment in (0.0, 0.3, *(random.uniform(0.3, 2) for _ in range(4))):
        with subprocess.Popen([*SERVE, *arguments], stderr=subprocess.PIPE, text=True) as process:
            time.sleep(moment)  # whatever it is at by then
            below = descendants(process.pid)
            process.terminate()
            assert process.stderr is not None
            told = process.stderr.read()
        assert process.returncode in (0, -signal.SIGTERM), told
        assert "Traceback" not in told
        assert list(temporary.iterdir()) == []
        assert not path.exists()
        assert list(tmp_path.glob("state/*.sock")) == []
        wait_until(lambda: not alive(below))  # noqa: B023


@ENGINES
def test_while_it_drains_it_still_says_that_it_is_there(start: Start, engines: str) -> None:
    """A client that waits asks for that, and would give up a server that says nothing."""
    server = start("--engines", engines)
    problem = msgspec.structs.replace(SUMS, limits=msgspec.convert(PATIENT, type(SUMS.limits)))
    with Client(server.address, deadline=SECONDS) as judge:
        reward = judge.submit(problem, HELD + ADD)
        wait_until(lambda: running(server.process.pid))
        server.process.terminate()
        server.wait_for("draining")
        with server.http() as http:
            assert http.get("/health").status_code == 200
            answer = http.post("/v1/evaluate", json=HELD_SUMS)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        wait_until(lambda: let_go(running(server.process.pid)) or reward.done())
        assert reward.result().reward == 1.0
    assert server.process.wait(SECONDS) == 0


def test_the_end_of_a_terminal_is_the_end_of_the_server_unless_nohup_says_otherwise(start: Start) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    try:
        server = start()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        other = start()
    finally:
        signal.signal(signal.SIGHUP, before)
    server.process.send_signal(signal.SIGHUP)
    assert server.process.wait(SECONDS) == 0
    other.process.send_signal(signal.SIGHUP)
    with other.http() as http:
        assert http.get("/health").status_code == 200
    other.close()
    assert other.process.returncode == 0


@ENGINES
def test_sighup_reads_the_tokens_again(start: Start, tmp_path: Path, engines: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{OLD}\n")
    server = start("--engines", engines, "--token-file", str(file))

    def statuses(token: str) -> set[int]:
        """New connections, so that all engines get some."""
        found: set[int] = set()
        for _ in range(12):
            with server.http(headers={"authorization": f"Bearer {token}"}) as http:
                found.add(http.get("/v1/status").status_code)
        return found

    answers: list[httpx2.Response] = []

    def send() -> None:
        with server.http(headers={"authorization": f"Bearer {OLD}"}) as http:
            answers.append(http.post("/v1/evaluate", json=HELD_SUMS))

    asking = threading.Thread(target=send)
    asking.start()
    wait_until(lambda: running(server.process.pid))
    file.write_text(f"{NEW}\n")
    server.process.send_signal(signal.SIGHUP)
    assert server.wait_for("the tokens were read again")["tokens"] == 1
    wait_until(lambda: statuses(OLD) == {401})
    assert statuses(NEW) == {200}
    if engines == "2":  # they know each other by the new one
        with server.http(headers={"authorization": f"Bearer {NEW}"}) as http:
            wait_until(lambda: len(http.get("/v1/status").json()["engines"]) == 2)
    wait_until(lambda: let_go(running(server.process.pid)) or not asking.is_alive())
    assert answers[0].json()["results"][0]["reward"] == 1.0

    for content, reason in (("short\n", "16 characters"), ("", "holds no token"), (None, "not there any more")):
        file.unlink() if content is None else file.write_text(content)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any(reason in line.get("reason", "") for line in server.log()))  # noqa: B023
        assert statuses(NEW) == {200}
    if engines == "2":
        old = {engine.pid for engine in psutil.Process(server.process.pid).children()}
        os.kill(min(old), signal.SIGKILL)  # the one in its place has the new tokens, too
        server.wait_for("an engine ended")
        wait_until(lambda: len({c.pid for c in psutil.Process(server.process.pid).children()} - old) == 1)
        assert statuses(NEW) == {200}
        assert statuses(OLD) == {401}


# ------------------------------------------------------------------------------------------------- readers of the log


def served(port: int, process: subprocess.Popen[bytes]) -> httpx2.Client:
    http = httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=SECONDS)

    def ready() -> bool:
        assert process.poll() is None
        try:
            return http.get("/ready").status_code == 200
        except httpx2.TransportError:
            return False

    wait_until(ready)
    return http


@ENGINES
@pytest.mark.parametrize("reader", ["none", "gone", "full"])
def test_a_reader_of_the_log_that_does_not_read_stops_nothing(temporary: Path, engines: str, reader: str) -> None:
    read, write = os.pipe()
    if reader == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), write)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([*SERVE, "--engines", engines, "--port", str(port)], stderr=write)
    os.close(write)
    if reader == "gone":
        os.close(read)
    try:
        with contextlib.closing(served(port, process)) as http:
            for _ in range(600):  # a pipe holds some 300 lines
                assert http.get("/health").status_code == 200
            if reader == "full":
                text = http.get("/metrics").text
                (lines,) = re.findall(r"^microcoder_log_lines_dropped_total (\d+)", text, re.MULTILINE)
                assert int(lines) > 100
        process.terminate()
        assert process.wait(SECONDS) == 0
        assert list(temporary.iterdir()) == []
    finally:
        process.kill()
        process.wait()
        if reader != "gone":
            os.close(read)


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, int]]:
    read, write = os.pipe()
    with open(read, "rb", buffering=0) as reader:
        yield reader, write
    os.close(write)


def test_what_is_dropped_is_counted_and_told_when_the_reader_reads_again(pipe: tuple[BinaryIO, int]) -> None:
    reader, write = pipe
    counts: list[int] = []
    outlet = Outlet(write, b"%d were dropped\n".__mod__, room=200_000)
    outlet.dropped = counts.append
    lines = [b"%06d %s\n" % (number, b"x" * 93) for number in range(10_000)]
    for line in lines:
        outlet.write(line)
    told = b""
    while b"were dropped\n" not in told or sum(counts) + told.count(b" x") < len(lines):
        told += reader.read(1 << 16)
    kept = [line for line in told.splitlines(keepends=True) if b"dropped" not in line]
    assert kept == lines[: len(kept)]  # the first, whole, in their order
    assert told.count(b"dropped") == 1
    assert b"%d were dropped\n" % (len(lines) - len(kept)) in told
    assert sum(counts) == len(lines) - len(kept)
    outlet.write(b"afterwards\n")
    assert reader.read(1 << 16) == b"afterwards\n"


def test_a_descriptor_that_does_not_block_loses_nothing(pipe: tuple[BinaryIO, int]) -> None:
    reader, write = pipe
    os.set_blocking(write, False)
    outlet = Outlet(write, b"%d were dropped\n".__mod__)
    text = b"x" * 999 + b"\n"
    for _ in range(1000):
        outlet.write(text)
    read = b""
    while len(read) < 1_000_000:
        read += reader.read(1 << 16)
    assert read == text * 1000


@pytest.mark.parametrize("form", ["json", "text"])
def test_at_the_end_nothing_that_waits_is_lost(form: str) -> None:
    code = (
        "import logging, sys, warnings\nfrom microcoder.evaluator.server.logs import logger, outlet\n"
        f"outlet('{form}')\nlog = logger('{form}', 'info')\n"
        "for n in range(5000): log.info('line', n=n, more='x' * 100)\n"
        "warnings.warn('a warning'); logging.getLogger('library').error('from a library'); print('printed', file=sys.stderr)\n"
        "raise RuntimeError('the last word')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        time.sleep(1)  # a reader that comes late
        told = process.stderr.read().decode()
    assert told.count('xxx"' if form == "json" else "more=") == 5000
    for word in ("a warning", "library: from a library", "printed\n", "RuntimeError: the last word"):
        assert word in told


# ------------------------------------------------------------------------------------------------------------- kills


@ENGINES
def test_what_a_killed_server_left_is_removed_at_the_next_start(start: Start, temporary: Path, engines: str) -> None:
    neighbour = start()
    (used,) = temporary.iterdir()
    killed = start("--engines", engines)
    (left,) = set(temporary.iterdir()) - {used}
    below = descendants(killed.process.pid)
    killed.process.kill()
    killed.process.wait()
    wait_until(lambda: not alive(below))
    assert left.exists()
    later = start()
    assert not left.exists()
    assert used.exists()
    for server in (neighbour, later):
        with server.http() as http:
            request = {"problem": msgspec.to_builtins(SUMS), "submissions": [{"code": ADD}]}
            assert http.post("/v1/evaluate", json=request).json()["results"][0]["reward"] == 1.0
        server.close()
    assert list(temporary.iterdir()) == []


def test_engines_that_outlive_their_parent_keep_their_folder(start: Start, temporary: Path) -> None:
    server = start("--engines", "2")
    (used,) = temporary.iterdir()
    ask(server, HELD_SUMS)
    wait_until(lambda: running(server.process.pid))
    below = descendants(server.process.pid)
    (held,) = running(server.process.pid)
    server.process.kill()
    server.process.wait()
    other = start()
    assert used.exists()
    let_go([held])
    wait_until(lambda: let_go([held] if held.is_running() else []) or not alive(below))
    other.close()
    start()
    assert not used.exists()


def test_a_unix_socket_of_a_live_server_is_not_taken_away(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "judge.sock"
    server = start("--unix", str(path))
    done = subprocess.run([*SERVE, "--unix", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, f"{path} is in use by another server" in done.stderr) == (2, True)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    server.process.kill()
    server.process.wait()
    assert path.exists()
    assert start("--unix", str(path)).address == f"unix:{path}"
