"""A program does here what a plain process does, to its last byte and its exit code: bench/differential in small."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from microcoder.bench import odd
from microcoder.bench.differential import LINES, Plain, ours
from microcoder.evaluator import Evaluator

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROGRAMS = odd.programs()
CPU_TIME = 10.0


@pytest.fixture(scope="module")
def plain() -> Iterator[Plain]:
    with tempfile.TemporaryDirectory() as folder:
        yield Plain(Path(folder), cpu_time=CPU_TIME)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evaluator() -> AsyncIterator[Evaluator]:
    async with Evaluator(workers=1, cache=0) as running:
        yield running


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_does_what_a_plain_process_does(evaluator: Evaluator, plain: Plain, name: str) -> None:
    code, given = PROGRAMS[name], LINES[0]
    real = await asyncio.to_thread(plain.run, code, given)
    found = [
        end
        for lanes in (True, False)
        for end in await ours(evaluator, code, [given] * 2, lanes=lanes, cpu_time=CPU_TIME)
    ]
    if any(end.seen != real.seen for end in found):
        again = await asyncio.to_thread(plain.run, code, given, installed=True)
        assert again.seen != real.seen, (real, found)  # else it is no program that always does the same


async def test_there_are_as_many_odd_programs_as_documented() -> None:
    assert len(PROGRAMS) > 700
