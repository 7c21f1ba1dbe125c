"""What tests do with programs is judged as Python judges it: no right program is rejected, no wrong one accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from microcoder.bench.idioms import idioms
from microcoder.evaluator import Evaluator

pytestmark = pytest.mark.asyncio(loop_scope="session")

IDIOMS = {idiom.name: idiom for idiom in idioms()}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evaluator() -> AsyncIterator[Evaluator]:
    async with Evaluator(workers=1, cache=0) as running:
        yield running


@pytest.mark.parametrize("name", IDIOMS)
async def test_idiom(evaluator: Evaluator, name: str) -> None:
    idiom = IDIOMS[name]
    for which, source, right in idiom.programs:
        report = await evaluator.evaluate(idiom.problem, source)
        assert report.reward == float(right), (which, report.tests)
