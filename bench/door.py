"""What do clients that attack the server cost the others? ``python -m microcoder.bench.door``.

Opens thousands of connections that do one hostile thing each, and meanwhile asks as an ordinary client: /health, and a
program to judge, on a new connection every time. Every verdict must be right. Prints a line for each attack and writes
``results/hostile.json``, under ``door``. What programs in completions cost to extract is there, too.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import selectors
import socket
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tyro

from ..evaluator.extract import extract
from .machine import Machine, command_line, machine
from .record import record
from .served import Served, cpu

MIB = 1 << 20
OWN = 500
"""Descriptors that this process keeps for other things."""
POST = b"POST /v1/evaluate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
ATTACKS = {
    "nothing": b"",
    "silence": b"",
    "half a head": b"GET /health HTTP/1.1\r\nhost: loc",
    "31 KiB of a head": b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 31_000,
    "a body announced": POST + b"content-length: 67000000\r\n\r\n",
    "chunks announced": POST + b"transfer-encoding: chunked\r\n\r\n",
    "64 KiB of a body": POST + b"content-length: 67000000\r\n\r\n" + b" " * 65_536,
    "idle after an answer": b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "100 requests at once": b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n" * 100,
    "an answer not taken": b"GET /schema HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
HALF_OPEN = ("silence", "half a head", "31 KiB of a head")
"""Those that send no request: even the first answer is prompt. Requests are answered in turn."""
TEXTS = {
    "backticks": "`",
    "fences": "```\n",
    "inline fences": "``` ",
    "think sections in a line": "<think></think> ",
    "think sections": "<think>\n</think>\n",
    "white space": " ",
    "empty lines": "\n",
    "special tokens": "<|im_end|> ",
}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What do clients that attack the server cost the others?"""

    connections: Annotated[int, msgspec.Meta(ge=1)] = 5000
    """Of each attack, as far as the limit on open files goes."""
    requests: Annotated[int, msgspec.Meta(ge=2)] = 40
    """Of the ordinary client during each attack."""
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Of the server."""
    out: Path = Path(__file__).with_name("results")
    """Folder for hostile.json."""


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    attack: str
    connections: int
    first_ms: float
    """The first /health: behind all that the connections had sent at that time."""
    health_median_ms: float
    health_worst_ms: float
    judged_median_ms: float
    judged_worst_ms: float
    wrong: int
    memory_growth_mib: float
    """Of the server, from before the first attack to the end of this one."""
    server_cpu_seconds: float
    """Of the server itself, while the connections were opened and the ordinary client asked."""


class Extracted(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    seconds_1_mb: float
    seconds_4_mb: float
    growth: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What hostile.json holds under ``door``."""

    command: str
    machine: Machine
    niceness: int
    """Of this process and the server: below 0 where the machine was busy with other things."""
    workers: int
    attacks: list[Attack]
    silence_closed_after_seconds: tuple[float, float]
    """The first and the last of the silent connections."""
    extraction: list[Extracted]


@contextlib.contextmanager
def _connections(address: tuple[str, int], count: int, sends: bytes) -> Generator[list[socket.socket]]:
    socks: list[socket.socket] = []
    try:
        for _ in range(count):
            sock = socket.create_connection(address, 60)
            socks.append(sock)
            with contextlib.suppress(OSError):  # of those that are refused at once
                sock.sendall(sends)
        yield socks
    finally:
        for sock in socks:
            sock.close()


def _ask(address: tuple[str, int], method: str, path: str, body: Any = None) -> tuple[float, Any]:
    began = time.perf_counter()
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
        headers = {"content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status}: {found}")
    return 1000 * (time.perf_counter() - began), found


def _attack(name: str, address: tuple[str, int], server: Served, options: Options, before: int) -> Attack:
    count = min(options.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OWN) if name != "nothing" else 0
    engines = server.engines
    spent = cpu(engines)
    health: list[float] = []
    judged: list[float] = []
    wrong = 0
    with _connections(address, count, ATTACKS[name]):
        first, _ = _ask(address, "GET", "/health")
        for number in range(options.requests):
            health.append(_ask(address, "GET", "/health")[0])
            code = f"a, b = map(int, input().split())\nprint(a {'+-'[number % 2]} b)\n# {name} {number}"
            problem = {"problem_id": "sums", "tests": [{"input": "1 2\n", "output": "3\n"}]}
            took, found = _ask(address, "POST", "/v1/evaluate", {"problem": problem, "submissions": [{"code": code}]})
            judged.append(took)
            wrong += found["results"][0]["reward"] != 1.0 - number % 2
        growth = sum(engine.memory_info().rss for engine in engines) - before
    health.sort()
    judged.sort()
    return Attack(
        attack=name,
        connections=count,
        first_ms=round(first, 1),
        health_median_ms=round(health[len(health) // 2], 1),
        health_worst_ms=round(health[-1], 1),
        judged_median_ms=round(judged[len(judged) // 2], 1),
        judged_worst_ms=round(judged[-1], 1),
        wrong=wrong,
        memory_growth_mib=round(growth / MIB, 1),
        server_cpu_seconds=round(cpu(engines) - spent, 2),
    )


def _closed_after(address: tuple[str, int]) -> tuple[float, float]:
    after: list[float] = []
    with _connections(address, 100, b"") as socks, selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for sock in socks:
            selector.register(sock, selectors.EVENT_READ)
        while selector.get_map() and time.perf_counter() - began < 60:
            for key, _ in selector.select(1):
                after.append(time.perf_counter() - began)
                selector.unregister(key.fileobj)
    if len(after) < 100:
        raise SystemExit(f"{100 - len(after)} of 100 silent connections are still open")
    return round(after[0], 1), round(after[-1], 1)


def _extracted(name: str, piece: str) -> Extracted:
    seconds: list[float] = []
    for size in (1_000_000, 4_000_000):
        text = piece * (size // len(piece))
        began = time.process_time()
        extract(text)
        extract(f"```python\n{text}")
        seconds.append(time.process_time() - began)
    few, many = seconds
    return Extracted(text=name, seconds_1_mb=round(few, 4), seconds_4_mb=round(many, 4), growth=round(many / few, 1))


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    options.out.mkdir(parents=True, exist_ok=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    here = machine()
    attacks: list[Attack] = []
    with (
        tempfile.TemporaryDirectory(prefix="door-") as folder,
        Served(Path(folder), "--workers", str(options.workers)) as server,
    ):
        address = ("127.0.0.1", int(server.address.rpartition(":")[2]))
        before = sum(engine.memory_info().rss for engine in server.engines)
        for name in ATTACKS:
            attacks.append(_attack(name, address, server, options, before))
            print(attacks[-1], flush=True)
        closed = _closed_after(address)
    result = Result(
        command=command_line("microcoder.bench.door"),
        machine=here,
        niceness=os.nice(0),
        workers=options.workers,
        attacks=attacks,
        silence_closed_after_seconds=closed,
        extraction=[_extracted(name, piece) for name, piece in TEXTS.items()],
    )
    record(options.out / "hostile.json", "door", result)
    print(f"silent connections are closed after {closed[0]} to {closed[1]} s")
    for each in result.extraction:
        print(each)
    late = [
        each.attack
        for each in attacks
        if max(each.health_worst_ms, each.judged_worst_ms, each.first_ms if each.attack in HALF_OPEN else 0) > 1000
    ]
    wrong = sum(each.wrong for each in attacks)
    print(f"{wrong} wrong; answered later than after a second: {', '.join(late) or 'never'}")
    raise SystemExit(1 if wrong or late else 0)


if __name__ == "__main__":
    main()
