"""SandboxFusion's own server, from a checkout, asked the same as ours. https://github.com/bytedance/SandboxFusion

    run_code  one request a test, outputs compared here, as verl's client does; the same requests to both servers
    submit    one request a program with all its tests: their ``/submit`` (CommonOJ), our ``/v1/evaluate``

It runs as it is shipped: one process, isolation ``none``, no database. Its programs are started by the interpreter of
its virtual environment, which it takes for one of conda, so that needs a folder ``condabin``. docs/speed.md has the
commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import aiohttp
import msgspec

from ..evaluator import Problem
from ..evaluator.client import AsyncClient

START_SECONDS = 120.0
ANSWER_SECONDS = 600.0
Work = Sequence[tuple[Problem, str, bool]]
"""Problem, program, whether it is right."""


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


class Fusion:
    """``with Fusion(checkout, python) as server``. The checkout is left as it is."""

    def __init__(self, checkout: Path, python: Path) -> None:
        if not (checkout / "sandbox/server/server.py").is_file():
            raise SystemExit(f"--sandbox-fusion: {checkout} is no checkout of SandboxFusion")
        self._python = Path(shutil.which(python) or python).absolute()
        environment = self._python.parent.parent
        if not (environment / "condabin").is_dir():
            raise SystemExit(
                f"--sandbox-fusion-python: SandboxFusion wants {environment / 'condabin'}: make that folder"
            )
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
            # Its programs run what is called python: not a wrapper of it that happens to come first on this machine.
            env=os.environ
            | {"PYTHONPATH": str(home), "SANDBOX_CONFIG": "local", "PATH": f"{self._python.parent}:{os.defpath}"},
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
