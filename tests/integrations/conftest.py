"""Fixtures for tests of adapters. A framework that is not installed skips its tests.

framework   imports a module of a framework, whatever it warns of
serving     a server, shared by the tests of a process; its address is also in MICROCODER_SERVER during a test
start       starts another server, as in tests/serve
judge       a Judge with an evaluator of its own, shared likewise
"""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from microcoder.evaluator.integrations import Judge

from ..serve.conftest import ADD, Server
from ..serve.conftest import start as start

PEERS = "installed by MICROCODER_EXTRAS=train,peers make setup"
LACKS = {"lcb_runner": "LiveCodeBench's checkout is no package of a registry; name it in PYTHONPATH"}
TRUTH = {"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"]}
VERIFICATION = {
    "language": "python",
    "test_cases": [{"input": "1 2\n", "output": "3\n", "type": "stdin_stdout", "fn_name": None}],
}
CALL = {"inputs": ["[1, 2]\n3"], "outputs": ["[1, 2, 3]"], "fn_name": "put"}
RIGHT = f"So:\n```python\n{ADD}```\n"
WRONG = "```python\nprint(1)\n```"
NONE = "I do not know."
METHOD = "```python\nclass Solution:\n    def put(self, a, b):\n        return a + [b]\n```"


@pytest.fixture(scope="session")
def framework() -> Callable[[str], Any]:
    def imported(name: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip(name.partition(".")[0], reason=f"{name}: {LACKS.get(name, PEERS)}")
            return importlib.import_module(name)

    return imported


@pytest.fixture(scope="session")
def serving_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("integrations"), "--no-history")
    yield running
    running.close()


@pytest.fixture
def serving(serving_all: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("MICROCODER_SERVER", serving_all.address)
    return serving_all


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    with Judge(workers=1) as running:
        yield running


def text(truth: Any) -> str:
    return json.dumps(truth)
