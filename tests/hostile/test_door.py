"""Clients that attack the server as a whole: many at a time, under names that are not its own, with odd values."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import socket
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psutil
import pytest

from microcoder.evaluator.server.connections import room_for
from microcoder.evaluator.server.host import host_of

from ..events import wait_until
from ..serve.conftest import ADD, SUMS, WRONG, Server

HALF_OPEN = 5000
PROBLEM = msgspec.to_builtins(SUMS)
MANY = "9" * 5000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("door"))
    yield running
    running.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A server that no other test uses."""
    servers: list[Server] = []

    def start(*arguments: str) -> Server:
        servers.append(Server(tmp_path, *arguments))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def judged(server: Server, code: str, **more: Any) -> Any:
    """The reward that an ordinary client gets."""
    with server.http(**more) as http:
        answer = http.post("/v1/evaluate", json={"problem": PROBLEM, "submissions": [{"code": code}]})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"][0]["reward"]


def port(server: Server) -> int:
    return int(server.address.rpartition(":")[2])


def raw(server: Server, request: bytes) -> bytes:
    """The whole answer to a request that says that it is the last."""
    with socket.create_connection(("127.0.0.1", port(server)), 60) as sock:
        sock.sendall(request)
        got = b""
        while part := sock.recv(65536):
            got += part
        return got


@contextlib.contextmanager
def connections(server: Server, count: int, sends: bytes) -> Generator[list[socket.socket]]:
    """So many, as far as this process may have them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    socks: list[socket.socket] = []
    try:
        for _ in range(min(count, before[1] - 1000)):
            sock = socket.socket()
            socks.append(sock)
            sock.connect(("127.0.0.1", port(server)))
            sock.sendall(sends)
        yield socks
    finally:
        for sock in socks:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("sends", [b"", b"GET /health HTTP/1.1\r\nhost: loc"], ids=["silent", "half a head"])
def test_half_open_connections_disturb_nobody(own: Callable[..., Server], sends: bytes) -> None:
    server = own()
    with connections(server, HALF_OPEN, sends):
        for number in range(3):
            assert judged(server, f"{ADD}# {number}") == 1.0
            assert judged(server, f"{WRONG}# {number}") == 0.0


def test_bodies_that_do_not_come_take_no_memory(own: Callable[..., Server]) -> None:
    head = b"POST /v1/evaluate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    server = own()
    with (
        connections(server, 40, head + b"transfer-encoding: chunked\r\n\r\n"),
        connections(server, 40, head + b"transfer-encoding: chunked\r\n\r\n5\r\n{    \r\n"),
        connections(server, 40, head + b"content-length: 67000000\r\n\r\n{"),
    ):
        assert judged(server, ADD) == 1.0


TINY = 500_000
BODIES = {
    "tests": (b'{"problem":{"problem_id":"p","tests":[' + b"{}," * TINY, b'{}]},"submissions":[{"code":""}]}'),
    "programs": (b'{"submissions":[' + b'{"code":""},' * TINY, b'{"code":""}]}'),
    "numbers nobody reads": (b'{"x":[' + b"0," * 2 * TINY, b"0]}"),
    "lists": (b'{"x":' + b"[],[]," * TINY, b"[]}"),
    "fields": (b"{" + b"".join(b'"%d":0,' % number for number in range(2 * TINY)), b'"x":0}'),
    "beside text with commas": (b'{"y":"' + b"," * 2 * TINY + b'","x":[' + b"0," * 2 * TINY, b"0]}"),
    "msgpack": (b"\x81\xa1x\xdd" + (2 * TINY).to_bytes(4, "big"), b"\x80" * 2 * TINY),
}


@pytest.mark.parametrize("name", BODIES)
def test_tiny_values_are_counted_before_they_take_memory(server: Server, name: str) -> None:
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    media = "application/msgpack" if name == "msgpack" else "application/json"
    for path in ("/v1/evaluate", "/v1/evaluate/stream", "/run_code", "/get_reward", "/remote_rm"):
        with server.http() as http:
            answer = http.post(path, content=b"".join(BODIES[name]), headers={"content-type": media})
        assert (answer.status_code, "values" in answer.text) == (413, True), (path, answer.text)
    assert process.memory_info().rss - before < 100 << 20


def tiny(count: int) -> str:
    return "[" + "0," * count + "0]"


CALLS = {"problem_id": "p", "mode": "call", "entry_point": "f"}
IN_TEXT: dict[str, dict[str, Any]] = {
    "arguments": {"tests": [{"input": tiny(2 * TINY), "output": "0"}]},
    "expected": {"tests": [{"input": "[]", "output": tiny(2 * TINY)}]},
    "several tests": {"tests": [{"input": tiny(TINY // 2), "output": tiny(TINY // 2)}] * 3},
    "lists": {"tests": [{"input": "[]", "output": "[" * TINY + "]" * TINY}] * 2},
}


@pytest.mark.parametrize("name", IN_TEXT)
def test_tiny_values_in_texts_are_counted_too(server: Server, name: str) -> None:
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    problem = CALLS | IN_TEXT[name]
    request = {"problem": problem, "submissions": [{"code": ""}]}
    digest = hashlib.sha256(msgspec.json.encode(problem)).hexdigest()
    with server.http() as http:
        for method, path, body in (
            ("POST", "/v1/evaluate", request),
            ("POST", "/v1/evaluate/stream", problem | {"submissions": [{"code": ""}]}),
            ("PUT", f"/v1/problems/{digest}", problem),
            ("POST", "/get_reward", {"query": ["x"], "labels": [problem]}),
            ("POST", "/remote_rm", {"response": "x", "label": msgspec.json.encode(problem).decode()}),
        ):
            more = {"content": msgspec.json.encode(body), "headers": {"content-type": "application/json"}}
            answer = http.request(method, path, **more)
            # Labels are read, within limits, before values are counted.
            label = name == "lists" and path in ("/get_reward", "/remote_rm")
            status, word = (400, "recursion") if label else (413, "values")
            assert (answer.status_code, word in answer.text) == (status, True), (path, answer.text)
    assert process.memory_info().rss - before < 100 << 20


def test_a_string_that_never_ends_is_read_once(server: Server) -> None:
    string = b'["' + b"," * 2 * TINY + b'\\"' * TINY
    with server.http() as http:
        for body in (string, string + b'"'):
            answer = http.post("/v1/evaluate", content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


def test_files_without_end_are_refused(server: Server) -> None:
    files = {str(number): None for number in range(TINY)}
    process = psutil.Process(server.process.pid)
    before = process.cpu_times().user
    with server.http() as http:
        for some in (files, dict([*files.items()][:20_000])):
            answer = http.post("/run_code", json={"code": "", "language": "python", "files": some})
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large"), answer.text
    assert process.cpu_times().user - before < 1


def test_what_msgpack_announces_takes_no_memory(server: Server) -> None:
    with server.http() as http:
        for head in (b"\xdd\x7f\xff\xff\xff", b"\xdf\x7f\xff\xff\xff"):
            for name in (b"labels", b"query", b"submissions", b"tests", b"files", b"x"):
                body = b"\x81" + bytes([0xA0 + len(name)]) + name + head
                for path in ("/v1/evaluate", "/run_code", "/get_reward", "/remote_rm"):
                    answer = http.post(path, content=body, headers={"content-type": "application/msgpack"})
                    assert answer.status_code == 400, (path, name, answer.text)
    assert psutil.Process(server.process.pid).memory_info().rss < 1 << 30


def test_long_texts_are_no_values(server: Server) -> None:
    text = '[{",' * 500_000
    problem = {"problem_id": "long", "tests": [{"input": text, "output": "3"}]}
    with server.http() as http:
        answer = http.post("/v1/evaluate", json={"problem": problem, "submissions": [{"code": "print(3)"}]})
    assert answer.json()["results"][0]["reward"] == 1.0


def test_what_says_nothing_is_closed(server: Server) -> None:
    """The clock of the server itself; what is cut when is tested in test_connections.py."""
    with connections(server, 5, b"") as silent, connections(server, 5, b"GET /health HTTP/1.1\r\nx: ") as slow:
        for sock in (*silent, *slow):
            sock.settimeout(60)
        while True:  # a byte now and then
            try:
                for sock in slow:
                    sock.sendall(b"y")
            except OSError:
                break
            time.sleep(0.1)
        assert [sock.recv(1) for sock in silent] == [b""] * 5
    with server.http() as http:
        assert http.get("/health").status_code == 200
        assert 'connections_dropped_total{waited_for="head"}' in http.get("/metrics").text


def test_a_server_without_descriptors_goes_on(own: Callable[..., Server]) -> None:
    server = own()
    assert judged(server, ADD) == 1.0
    process = psutil.Process(server.process.pid)
    left = process.num_fds() + 20
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (left, left))
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            sock = stack.enter_context(socket.socket())
            sock.connect(("127.0.0.1", port(server)))
        before = process.cpu_times()
        time.sleep(1)
        after = process.cpu_times()
        assert after.user + after.system - before.user - before.system < 0.5  # it does not try again and again

    def answers() -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return judged(server, f"{ADD}# again") == 1.0
        return False

    wait_until(answers)


def test_a_jail_that_finds_no_descriptor_is_no_verdict_but_503(own: Callable[..., Server]) -> None:
    server = own("--workers", "1")
    assert judged(server, ADD) == 1.0
    process = psutil.Process(server.process.pid)
    body = {"problem": PROBLEM, "submissions": [{"code": f"{ADD}# again"}]}
    with server.http() as http:
        assert http.get("/health").status_code == 200
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        jails = process.children()
        for jail in jails:
            jail.kill()
        wait_until(lambda: not set(jails) & set(process.children()))
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        answer = http.post("/v1/evaluate", json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), answer.text
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
        assert http.post("/v1/evaluate", json=body).json()["results"][0]["reward"] == 1.0


ROUTES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "evaluate": ("POST", "/v1/evaluate", {"json": {"problem": PROBLEM, "submissions": [{"code": ADD}]}}),
    "several": (
        "POST",
        "/v1/evaluate",
        {"json": {"problem": PROBLEM, "submissions": [{"code": ADD}, {"code": WRONG}]}},
    ),
    "stream": ("POST", "/v1/evaluate/stream", {"json": {"problem": PROBLEM, "submissions": [{"code": f"{ADD}#"}]}}),
    "digest": ("POST", "/v1/evaluate", {"json": {"problem": "0" * 64, "submissions": [{"code": ADD}]}}),
    "completion": (
        "POST",
        "/v1/evaluate",
        {"json": {"problem": PROBLEM, "submissions": [{"completion": f"```python\n{ADD}```"}]}},
    ),
    "register": (
        "PUT",
        f"/v1/problems/{hashlib.sha256(msgspec.json.encode(SUMS)).hexdigest()}",
        {"content": msgspec.json.encode(SUMS), "headers": {"content-type": "application/json"}},
    ),
    "registered": ("GET", f"/v1/problems/{'0' * 64}", {}),
    "run_code": ("POST", "/run_code", {"json": {"code": "print(1)", "language": "python"}}),
    "run_code C++": ("POST", "/run_code", {"json": {"code": "int main() {}", "language": "cpp"}}),
    "get_reward": ("POST", "/get_reward", {"json": {"query": ["print(1)"], "labels": ['{"inputs":[],"outputs":[]}']}}),
    "remote_rm": ("POST", "/remote_rm", {"json": {"prompt": "", "response": "print(1)", "label": "assert f() == 1"}}),
    **{
        path: ("GET", path, {})
        for path in ("/metrics", "/v1/status", "/v1/judgements/0.1", "/v1/judgements/1.1", "/", "/schema", "/health")
    },
}


@pytest.mark.parametrize("engines", [1, 2])
def test_no_descriptor_left_is_no_fault_of_the_server(own: Callable[..., Server], engines: int) -> None:
    server = own("--engines", str(engines), "--verdict-cache", "10")
    with contextlib.ExitStack() as stack:
        https = {name: stack.enter_context(server.http()) for name in ROUTES}
        for http in https.values():  # their connections stay open
            assert http.get("/health").status_code == 200
        ours = psutil.Process(server.process.pid)
        for process in [ours] if engines == 1 else ours.children():
            used = max(int(fd) for fd in os.listdir(f"/proc/{process.pid}/fd")) + 1
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (used, used))
            free = used - process.num_fds()
            for _ in range(free * (engines == 1)):  # with several nobody says who takes it
                stack.enter_context(socket.create_connection(("127.0.0.1", port(server))))
        for name, (method, path, more) in ROUTES.items():
            answer = https[name].request(method, path, **more)
            assert answer.status_code < 500 or answer.status_code in (503, 504), (name, answer.text)
            assert answer.status_code < 500 or int(answer.headers["retry-after"]) > 0, name
    assert not [line for line in server.log() if line.get("event") == "a fault of the server"]


def test_connections_leave_descriptors_to_the_jails() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for limit in (64, 256, 1024, 4096):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard), hard))
            assert 0 < room_for(8) < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8080", "localhost"),
        ("localhost.", "localhost"),
        ("localhost:", "localhost"),
        ("127.0.0.1:65535", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]:80", "[::1]"),
        ("localhost.evil.com", "localhost.evil.com"),
        ("127.0.0.1.evil.com:80", "127.0.0.1.evil.com"),
        ("", None),
        (".", None),
        (":80", None),
        ("localhost:65536", None),
        ("localhost:evil.com", None),
        ("localhost:80:80", None),
        ("localhost:80@evil.com", None),
        ("localhost@evil.com", None),
        ("evil.com@localhost", None),
        ("[::1", None),
        ("[::1]evil.com", None),
        ("[::1].evil.com", None),
        ("[evil.com]", None),
        ("::1", None),
        ("localhost/", None),
        ("localhost, evil.com", None),
        ("localhost\tevil.com", None),
        ("localhost\n", None),
        ("löcalhost", None),
        ("localhost:٣", None),
        ("a" * 300, None),
    ],
)
def test_an_authority_is_read_to_its_end(authority: str, host: str | None) -> None:
    assert host_of(authority) == host


@pytest.mark.parametrize(
    ("target", "hosts", "status"),
    [
        ("/health", ["localhost"], 200),
        ("/health", ["LOCALHOST.:1"], 200),
        ("/health", ["127.0.0.1:1"], 200),
        ("/health", ["[::1]:1"], 200),
        ("/health", ["[0:0::1]:1"], 200),
        ("/health", [], 403),
        ("/health", [""], 403),
        ("/health", ["localhost.evil.com"], 403),
        ("/health", ["127.0.0.1.evil.com"], 403),
        ("/health", ["localhost:evil.com"], 403),
        ("/health", ["localhost:80@evil.com"], 403),
        ("/health", ["evil.com:localhost"], 403),
        ("/health", ["[::1].evil.com"], 403),
        ("/health", ["[::2]"], 403),
        ("/health", ["2130706433"], 403),
        ("/health", ["localhost", "evil.com"], 400),
        ("/health", ["evil.com", "localhost"], 400),
        ("/health", ["localhost", "localhost"], 400),
        ("http://localhost:1/health", ["evil.com"], 200),  # the target counts, as RFC 9112 says
        ("http://localhost", ["evil.com"], 200),
        ("http://evil.com/health", ["localhost"], 403),
        ("HTTP://evil.com?/health", ["localhost"], 403),
        ("http://localhost@evil.com/health", ["localhost"], 403),
        ("http://evil.com#@localhost/health", ["localhost"], 400),
        ("http://localhost.evil.com/health", ["localhost"], 403),
        ("ftp://evil.com/health", ["localhost"], 403),
        ("//evil.com/health", ["localhost"], 404),
    ],
)
def test_it_answers_under_its_own_names_only(server: Server, target: str, hosts: list[str], status: int) -> None:
    fields = "".join(f"Host: {host}\r\n" for host in hosts)
    answer = raw(server, f"GET {target} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n".encode())
    assert answer.split(maxsplit=2)[1] == b"%d" % status, answer


ODD = [
    MANY,
    f"{MANY}.{MANY}",
    f"0.{MANY}",
    f"{MANY}.0",
    "0",
    "0.",
    ".0",
    "-1.0",
    "1.0",
    "0.-1",
    "1e9.1",
    "0x0.1",
    "0.1.1",
    "٣.٣",
    "²",
    "%00",
    "%ff",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%0d%0aset-cookie:x",
    "null",
    "nan",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "é" * 100,
    "x" * 20_000,
]


@pytest.mark.parametrize("path", ["/v1/judgements/{}", "/v1/problems/{}", "/page/{}", "/{}", "/v1/status?own={}"])
def test_odd_values_in_a_path_are_no_fault_of_the_server(server: Server, path: str) -> None:
    with server.http() as http:
        for odd in ODD:
            status = http.get(path.format(odd)).status_code
            assert status in ((200,) if "?" in path else (400, 404)), odd
        assert http.get(f"/v1/judgements/{MANY}").status_code == 404
        assert http.get(f"/v1/judgements/{MANY}.{MANY}").status_code == 404
        assert http.get(f"/v1/status?{'&'.join(f'a{n}={n}' for n in range(5000))}").status_code in (200, 431)
    assert not [line for line in server.log() if line.get("event") == "a fault of the server"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-request-id", "é"),
        ("x-request-id", "x" * 10_000),
        ("x-client-id", "a b"),
        ("x-client-id", "x" * 10_000),
        ("accept", "," * 10_000),
        ("accept", "*/*;q=nan"),
        ("authorization", "Basic " + "=" * 1000),
        ("authorization", "Bearer é"),
        ("cookie", "a=b;" * 2000),
        ("range", "bytes=0-" + MANY),
        ("if-modified-since", "never"),
        ("x-http-method-override", "DELETE"),
        ("transfer-encoding", "chunked"),
        ("expect", "the unexpected"),
        ("connection", "upgrade, " * 100),
        ("upgrade", "websocket"),
        ("content-type", "application/json; charset=\x80"),
        ("origin", "null"),
    ],
)  # fmt: skip
def test_odd_fields_are_no_fault_of_the_server(server: Server, name: str, value: str) -> None:
    head = f"GET /v1/status HTTP/1.1\r\nhost: localhost\r\n{name}: {value}\r\nconnection: close\r\n\r\n0\r\n\r\n"
    status = int(raw(server, head.encode("latin-1")).split(maxsplit=2)[1])
    assert 200 <= status < 500
    assert not [line for line in server.log() if line.get("event") == "a fault of the server"]


def test_without_tokens_ids_are_each_client_s_own(server: Server) -> None:
    def ask(client: str, code: str) -> httpx2.Response:
        with server.http(headers={"x-client-id": client}) as http:
            body = {"problem": PROBLEM, "submissions": [{"code": code, "id": "the same"}]}
            return http.post("/v1/evaluate", json=body)

    assert ask("alice", ADD).json()["results"][0]["reward"] == 1.0
    assert ask("bob", WRONG).json()["results"][0]["reward"] == 0.0
    assert ask("alice", ADD).json()["results"][0]["reward"] == 1.0
    assert ask("bob", ADD).status_code == 409
