"""``/run_code`` as its own clients see it: the PyPI package sandbox-fusion, and verl's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..events import HELD, let_go, running, wait_until
from ..serve.conftest import ADD, Server

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(400)]  # importing takes long

PROGRAMS: dict[str, tuple[str, str, int | None]] = {
    "print(input()[::-1])": ("Success", "Finished", 0),
    "import sys\nsys.exit(3)": ("Failed", "Finished", 3),
    "1 / 0": ("Failed", "Finished", 1),
    "def f(:": ("Failed", "Finished", 1),
    "while True: pass": ("Failed", "TimeLimitExceeded", None),
    "import time\ntime.sleep(60)": ("Failed", "TimeLimitExceeded", None),
    "x = bytearray(300 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1": ("Failed", "Finished", 137),
    "while True: print('x' * 100000)": ("Failed", "Finished", 153),
    "import os, signal\nos.kill(os.getpid(), signal.SIGABRT)": ("Failed", "Finished", -6),
}


def ask(server: Server, code: str, **more: Any) -> tuple[int, Any]:
    body = {"code": code, "language": "python", "stdin": "abc\n", "run_timeout": 1, "memory_limit_MB": 128} | more
    with server.http() as http:
        answer = http.post("/run_code", json=body)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("code", PROGRAMS, ids=lambda code: code[:20])
def test_how_a_program_ends(serving: Server, code: str) -> None:
    status, answer = ask(serving, code)
    result = answer["run_result"]
    assert status == 200
    assert (answer["status"], result["status"], result["return_code"]) == PROGRAMS[code]
    assert answer["compile_result"] is None
    if code.startswith("print"):
        assert result["stdout"] == "cba\n"


def test_large_output_partial_output_and_files(serving: Server) -> None:
    _, large = ask(serving, "print('x' * 1000000)")
    assert len(large["run_result"]["stdout"]) == 1_000_001
    _, partial = ask(serving, "print('begun', flush=True)\nwhile True: pass")
    assert partial["run_result"]["stdout"] == "begun\n"
    code = "open('out.bin', 'wb').write(open('in.bin', 'rb').read() * 2)"
    files = {"in.bin": base64.b64encode(b"\0\xff").decode()}
    _, kept = ask(serving, code, files=files, fetch_files=["out.bin", "none"])
    assert kept["files"] == {"out.bin": base64.b64encode(b"\0\xff\0\xff").decode()}


@pytest.mark.usefixtures("cpp")
def test_compiled_programs(serving: Server) -> None:
    good = "#include <iostream>\nint main() { std::string s; std::cin >> s; std::cout << s; }"
    _, ran = ask(serving, good, language="cpp", compile_timeout=20)
    assert (ran["status"], ran["compile_result"]["return_code"], ran["run_result"]["stdout"]) == ("Success", 0, "abc")
    _, failed = ask(serving, "int main( {", language="cpp")
    assert (failed["status"], failed["compile_result"]["return_code"], failed["run_result"]) == ("Failed", 1, None)
    assert "error" in failed["compile_result"]["stderr"]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"language": "cobol"}, "$.language"),
        ({"run_timeout": 1e3}, "$.run_timeout"),
        ({"run_timeout": -1}, "$.run_timeout"),
        ({"memory_limit_MB": 1 << 20}, "$.memory_limit_MB"),
        ({"files": {"../x": ""}}, "$"),
        ({"files": {"x": "?"}}, "$.files.x"),
        ({"fetch_files": ["/etc/passwd"]}, "$.fetch_files"),
    ],
    ids=str,
)
def test_bad_requests_name_the_field(serving: Server, more: dict[str, Any], path: str) -> None:
    status, answer = ask(serving, "1", **more)
    assert status == 400
    assert answer["error"]["path"].startswith(path)


def test_an_overloaded_server_says_504_which_verl_tries_again(start: Callable[..., Server]) -> None:
    server = start("--workers", "1", "--max-wait", "1")
    codes = [f"{HELD}# {number}" for number in range(2)]
    with ThreadPoolExecutor() as threads, server.http() as http:
        asked = [threads.submit(ask, server, code, run_timeout=100) for code in codes]
        wait_until(lambda: http.get("/v1/status").json()["waiting"])
        assert ask(server, "1")[0] == 504

        def answered() -> bool:
            let_go(running(server.process.pid))
            return all(each.done() for each in asked)

        wait_until(answered)
        assert [each.result()[0] for each in asked] == [200, 200]


def test_the_package_sandbox_fusion(serving: Server, framework: Callable[[str], Any]) -> None:
    library = framework("sandbox_fusion")

    def run(code: str, **more: Any) -> Any:
        request = library.RunCodeRequest(code=code, language="python", run_timeout=1, **more)
        return library.run_code(request, endpoint=serving.address, max_attempts=1)

    assert run(ADD, stdin="1 2").run_result.stdout == "3\n"
    mapping = library.SummaryMapping(Success="ok", Failed="bad", RunTimeout="slow", RunFailed="crash")
    summary = library.client.summary_run_code_result
    assert [summary(run(code), mapping) for code in ("1", "1 / 0", "while True: pass")] == ["ok", "crash", "slow"]
    with serving.http() as http:
        assert http.get("/v1/ping").json() == "pong"


def test_verls_own_client(serving: Server, framework: Callable[[str], Any]) -> None:
    verl = framework("verl.utils.reward_score.sandbox_fusion.utils")
    tests = {"inputs": ["1 2", "3 4"], "outputs": ["3\n", "7"]}

    def check(code: str, **truth: Any) -> tuple[list[Any], list[str]]:
        codes, metadata = verl.check_correctness(f"{serving.address}/run_code", tests | truth, code, timeout=1)
        return codes, [each["status"] for each in metadata]

    assert check(ADD) == ([True, True], ["success"] * 2)
    assert check("print(3)") == ([True, False], ["success", "wrong_answer"])
    assert check("1 / 0") == ([-2, -2], ["runtime_error"] * 2)
    assert check("while True: pass") == ([-3, -3], ["timeout"] * 2)
    function = {"fn_name": "put", "inputs": ["[1]\n2"], "outputs": ["[1, 2]"]}
    assert check("class Solution:\n    def put(self, a, b):\n        return a + [b]", **function)[0] == [True]
    codes, metadata = verl.check_correctness("http://127.0.0.1:9/run_code", tests, ADD, timeout=2)
    assert codes == [-1, -1] and metadata[0]["status"] == "api_error"
