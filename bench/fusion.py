"""SandboxFusion's own server, from a checkout, asked the same as ours: ``python -m microcoder.bench.fusion``.

https://github.com/bytedance/SandboxFusion. In turn, round by round, in two ways; writes ``results/fusion.json``.

    run_code  one request a test, outputs compared here, as verl's client does; the same requests to both servers
    submit    one request a program with all its tests: their ``/submit`` (CommonOJ), our ``/v1/evaluate``

It runs as it is shipped: one process, isolation ``none``, no database. Its programs are started by the interpreter of
its virtual environment, which it takes for one of conda, so that needs a folder ``condabin``. Both servers have all
processors. docs/speed.md has the commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import aiohttp
import msgspec
import tyro
import uvloop

from ..evaluator import Problem
from ..evaluator.client import AsyncClient
from .load import TESTS, Work, pairs
from .machine import Machine, command_line, machine
from .served import Served

START_SECONDS = 120.0
ANSWER_SECONDS = 600.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """SandboxFusion's server, and ours."""

    checkout: Path
    """Of SandboxFusion."""
    python: Path
    """Interpreter of its virtual environment."""
    clients: tuple[int, ...] = (16, 64)
    """Clients at the same time, each with one program at a time. It starts whatever is asked of it at once."""
    programs: Annotated[int, msgspec.Meta(ge=1)] = 512
    """Programs of a round for our server. Each is another one."""
    theirs: Annotated[int, msgspec.Meta(ge=1)] = 64
    """Programs of a round for theirs, which takes longer."""
    rounds: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Rounds that count; one before them does not."""
    out: Path = Path(__file__).with_name("results")
    """Folder for fusion.json."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    programs: int
    seconds: float
    programs_per_second: float
    wrong: int
    """Verdicts that were not the expected ones, or did not come."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One round of one way to ask."""

    way: Literal["run_code", "submit"]
    clients: int
    ours: Rate
    theirs: Rate
    ratio: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What fusion.json holds."""

    command: str
    machine: Machine
    workers: int
    """Of our server."""
    tests: int
    """A program."""
    rounds: list[Compared]


class Fusion:
    """``with Fusion(checkout, python) as server``. The checkout is left as it is."""

    def __init__(self, checkout: Path, python: Path) -> None:
        if not (checkout / "sandbox/server/server.py").is_file():
            raise SystemExit(f"--checkout: {checkout} is no checkout of SandboxFusion")
        self._python = Path(shutil.which(python) or python).absolute()
        environment = self._python.parent.parent
        if not (environment / "condabin").is_dir():
            raise SystemExit(f"--python: SandboxFusion wants {environment / 'condabin'}: make that folder")
        self._checkout = checkout

    def __enter__(self) -> Fusion:
        self._folder = tempfile.TemporaryDirectory(prefix="fusion-")
        home = Path(self._folder.name)
        shutil.copytree(self._checkout / "sandbox", home / "sandbox")
        (home / "docs/build").mkdir(parents=True)  # its documentation, which it insists on
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [self._python, "-m", "uvicorn", "sandbox.server.server:app", "--host", "127.0.0.1", "--port", str(port)],
            cwd=home,
            # Its programs run what is called python, by a shell that reads the settings of its user: none of a wrapper
            # that happens to come first on this machine, nor settings that take longer than the program.
            env=os.environ
            | {
                "HOME": str(home),
                "PATH": f"{self._python.parent}:{os.defpath}",
                "PYTHONPATH": str(home),
                "SANDBOX_CONFIG": "local",
            },
            stdout=subprocess.DEVNULL,
            stderr=(home / "log").open("wb"),
            start_new_session=True,
        )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/v1/ping"):
                    return self
            except OSError:
                time.sleep(0.1)
        log = (home / "log").read_text()[-2000:]
        self.__exit__()
        raise SystemExit(f"SandboxFusion does not start:\n{log}")

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # with what its programs left
        self._process.wait()
        self._folder.cleanup()


def measure(options: Options, clients: int, workers: int) -> list[Compared]:
    compared: list[Compared] = []
    with (
        tempfile.TemporaryDirectory(prefix="fusion-") as folder,
        Fusion(options.checkout, options.python) as theirs,
        Served(Path(folder), "--workers", str(workers)) as ours,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        for number in range(options.rounds + 1):
            work = pairs(options.programs, number)
            few = pairs(options.theirs, number)
            for each in runner.run(compare(ours.address, theirs.address, work, few, clients)):
                rates = f"{each.ours.programs_per_second} by ours, {each.theirs.programs_per_second} by SandboxFusion"
                print(f"{each.way}, {clients} clients, round {number}: {rates} programs/s", flush=True)
                if number:
                    compared.append(each)
    return compared


async def compare(ours: str, theirs: str, mine: Work, few: Work, clients: int) -> list[Compared]:
    """``few``: the work for their server, which takes longer."""
    compared: list[Compared] = []
    for way in ("run_code", "submit"):
        rates = [await _rate(way, ours, mine, clients, own=True), await _rate(way, theirs, few, clients, own=False)]
        ratio = rates[0].programs_per_second / rates[1].programs_per_second
        compared.append(Compared(way=way, clients=clients, ours=rates[0], theirs=rates[1], ratio=round(ratio, 1)))
    return compared


async def _rate(way: str, address: str, work: Work, clients: int, *, own: bool) -> Rate:
    connector, timeout = aiohttp.TCPConnector(limit=clients), aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with (
        aiohttp.ClientSession(address, connector=connector, timeout=timeout) as http,
        AsyncClient(address, connections=clients) as client,
    ):
        judge = functools.partial(_run_code if way == "run_code" else _submit, http)
        if way == "submit" and own:
            judge = functools.partial(_evaluate, client)
        return await _timed(judge, work, clients)


async def _timed(judge: Callable[[Problem, str], Awaitable[bool]], work: Work, clients: int) -> Rate:
    left = iter(work)
    wrong = 0

    async def client() -> None:
        nonlocal wrong
        for problem, program, right in left:
            try:
                wrong += await judge(problem, program) is not right
            except (aiohttp.ClientError, TimeoutError):
                wrong += 1

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - began
    rate = round(len(work) / seconds, 2)
    return Rate(programs=len(work), seconds=round(seconds, 3), programs_per_second=rate, wrong=wrong)


async def _run_code(http: aiohttp.ClientSession, problem: Problem, code: str) -> bool:
    """All tests, at the same time: that is what verl does."""

    async def passes(stdin: str, expected: str) -> bool:
        answer = await _post(http, "/run_code", {"code": code, "language": "python", "stdin": stdin, "run_timeout": 60})
        return answer["status"] == "Success" and answer["run_result"]["stdout"].split() == expected.split()

    return all(await asyncio.gather(*(passes(test.input, test.output) for test in problem.tests)))


async def _submit(http: aiohttp.ClientSession, problem: Problem, code: str) -> bool:
    tests = [{"input": {"stdin": test.input}, "output": {"stdout": test.output}} for test in problem.tests]
    config = {"language": "python", "run_timeout": 60, "provided_data": {"test": tests}, "extra": {}}
    body = {"dataset": "code_contests", "id": 0, "completion": f"```python\n{code}\n```", "config": config}
    return (await _post(http, "/submit", body))["accepted"]


async def _evaluate(client: AsyncClient, problem: Problem, code: str) -> bool:
    return (await client.evaluate(problem, code)).accepted


async def _post(http: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
    async with http.post(path, json=body) as answer:
        answer.raise_for_status()
        return await answer.json()


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    here = machine()
    rounds = [each for clients in options.clients for each in measure(options, clients, here.cores_used)]
    result = Result(
        command=command_line("microcoder.bench.fusion"),
        machine=here,
        workers=here.cores_used,
        tests=TESTS,
        rounds=rounds,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "fusion.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    for way in ("run_code", "submit"):
        for clients in options.clients:
            some = [each for each in rounds if (each.way, each.clients) == (way, clients)]
            ratio = statistics.median(each.ratio for each in some)
            theirs = f"{sum(each.theirs.wrong for each in some)} of its verdicts wrong"
            print(f"{way}, {clients} clients: {ratio:.1f} times the throughput of SandboxFusion; {theirs}")
    raise SystemExit(1 if any(each.ours.wrong for each in rounds) else 0)


if __name__ == "__main__":
    main()
