"""The runner's side of tests that have a process of their own beside the program's, or share the program's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from microcoder.sandbox.errors import JailUnavailable
from microcoder.sandbox.execution import Outcome
from microcoder.sandbox.interpreter import PACKAGES, probe
from microcoder.sandbox.jails import candidates
from microcoder.sandbox.pool import Pool

from .linking import Linking

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["nsjail", "bubblewrap", "none"])
async def linking(request: pytest.FixtureRequest) -> AsyncIterator[Linking]:
    try:
        jails = candidates(request.param, unsafe_no_jail=True)
    except JailUnavailable as error:
        pytest.skip(str(error))
    async with await Pool.open(jails, probe(None, PACKAGES), 1) as pool:
        yield Linking(pool)


FIND = """
import os, stat
LINK = next(fd for fd in range(1000, 1024) if os.path.exists('/dev/null') and is_socket(fd))
"""
ECHO = """
import os, stat
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
link = next(fd for fd in range(1000, 1024) if is_socket(fd))
while data := os.read(link, 1 << 16): os.write(link, data.upper())
print('closed')
"""


async def test_two_processes_talk(linking: Linking) -> None:
    program, test = await linking.linked(ECHO, "import os; os.write(link, b'hello'); assert os.read(link, 9) == b'HELLO'")
    assert (program.test, program.outcome, program.stdout) == (0, Outcome.FINISHED, b"closed\n"), program
    assert (test.test, test.outcome, json.loads(test.result)) == (1, Outcome.FINISHED, {"end": "passed"}), test
