"""Fixtures for tests that run programs.

    jail        "nsjail", then "bubblewrap"; skips where that jail cannot work; "auto", for whichever can, on request
    evaluator   a running Evaluator with one worker in that jail, shared by all tests of a process
    problem     builds a stdio problem: ``problem(("1 2\\n", "3\\n"), ("2 3\\n", "5\\n"), cpu_time=0.5)``
    cpp         skips where C++ cannot be judged
    call        builds a call-based problem: ``call("add", ([1, 2], 3), cpu_time=0.5)``
    mounting, mounts_alike
                nobody else mounts, or looks at what is mounted, while this test runs; and the other way round
    warned      environment for processes of which each warning is to be recorded, and what these say: tests/warned.py

The evaluator lives on the event loop of the session, so a module that uses it says
``pytestmark = pytest.mark.asyncio(loop_scope="session")``. It has no verdict cache: every program really runs, and
with its one worker the next program meets what the one before may have left.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib.util
import json
import os
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from microcoder.evaluator import Evaluator, Problem, TestCase
from microcoder.sandbox.errors import JailUnavailable
from microcoder.sandbox.jails import candidates
from microcoder.sandbox.languages import LANGUAGES
from microcoder.sandbox.limits import MIB, Limits

from .warned import Warned

# How long an example takes is up to whatever else runs.
hypothesis_settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("busy")

os.environ.setdefault("MICROCODER_CACHE", f"{tempfile.gettempdir()}/microcoder-tests-{os.getuid()}")
if (spec := importlib.util.find_spec("rbx")) and spec.origin:  # rbx.cp brings a testlib.h
    os.environ.setdefault("MICROCODER_TESTLIB", str(Path(spec.origin).parent / "resources/predownloaded/testlib.h"))

SMALL: dict[str, Any] = {
    "cpu_time": 1.0,
    "idle_time": 0.5,
    "wall_time": 60.0,
    "memory": 256 * MIB,
    "output": MIB,
    "stderr": MIB // 4,
    "file_size": MIB,
    "threads": 8,
    "compile_time": 1.0,
}
"""Limits of the problems built here, so that no attack takes long. Any may be given by name."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What a test that failed, or one that forgives its libraries, has left open is nobody else's failure."""
    failed = item.session.testsfailed
    result = yield
    if item.session.testsfailed > failed or item.get_closest_marker("filterwarnings"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in ("last_exc", "last_value", "last_traceback"):  # where pytest keeps the frames of a failure
                sys.__dict__.pop(name, None)
            gc.collect()
    return result


@pytest.fixture(scope="session", params=["nsjail", "bubblewrap"])
def jail(request: pytest.FixtureRequest) -> str:
    try:
        candidates(request.param)
    except JailUnavailable as error:
        pytest.skip(str(error))
    return request.param


@contextlib.contextmanager
def locked(factory: pytest.TempPathFactory, how: int) -> Iterator[None]:
    """While a lock is held that the tests of all processes of a run share."""
    with (factory.getbasetemp().parent / "mounts.lock").open("w") as file:
        fcntl.flock(file, how)
        yield


@pytest.fixture
def mounting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For who mounts something that other tests would see."""
    with locked(tmp_path_factory, fcntl.LOCK_EX):
        yield


@pytest.fixture
def mounts_alike(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For who asks whether anything was mounted: no test does meanwhile."""
    with locked(tmp_path_factory, fcntl.LOCK_SH):
        yield


@pytest.fixture(scope="session")
def cpp() -> None:
    if (lack := LANGUAGES["cpp"].missing()) is not None:
        pytest.skip(lack)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def evaluator(jail: str) -> AsyncIterator[Evaluator]:
    async with Evaluator(jail=jail, workers=1, cache=0) as running:
        yield running


@pytest.fixture(scope="session")
def problem() -> Callable[..., Problem]:
    def build(*tests: tuple[str, str], **limits: Any) -> Problem:
        cases = tuple(TestCase(input=given, output=expected) for given, expected in tests)
        return Problem(problem_id="stdio", tests=cases, limits=Limits(**(SMALL | limits)))

    return build


@pytest.fixture(scope="session")
def call() -> Callable[..., Problem]:
    def build(
        entry_point: str, *tests: tuple[list[object], object], entry_class: str | None = None, **limits: Any
    ) -> Problem:
        cases = tuple(TestCase(input=json.dumps(given), output=json.dumps(expected)) for given, expected in tests)
        return Problem(
            problem_id="call",
            mode="call",
            tests=cases,
            entry_point=entry_point,
            entry_class=entry_class,
            limits=Limits(**(SMALL | limits)),
        )

    return build


@pytest.fixture
def warned(tmp_path_factory: pytest.TempPathFactory) -> Warned:
    return Warned(tmp_path_factory.mktemp("warned"))
