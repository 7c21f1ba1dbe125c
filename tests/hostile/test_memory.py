"""What is remembered of programs takes no memory that they choose."""

from __future__ import annotations

import gc

import psutil
import pytest

from microcoder.evaluator import Evaluator, Problem, Report, Status, TestCase, engine
from microcoder.evaluator.report import TestResult
from microcoder.evaluator.server import history
from microcoder.evaluator.server.history import History
from microcoder.sandbox.limits import MIB

pytestmark = pytest.mark.asyncio(loop_scope="session")


def resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


async def test_sources_are_not_kept_for_verdicts_that_are_remembered(jail: str) -> None:
    problem = Problem(problem_id="p", tests=(TestCase("", "5\n"),))
    padding = "#" + "x" * 2_000_000
    async with Evaluator(jail=jail, workers=1) as evaluator:
        assert (await evaluator.evaluate(problem, f"print(5)\n{padding}")).accepted
        before = resident()
        for number in range(40):
            assert (await evaluator.evaluate(problem, f"print(5)\n#{number}\n{padding}")).accepted
        assert resident() - before < 40 * MIB


async def test_reports_are_remembered_up_to_so_many_bytes(jail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(problem_id="p", tests=tuple(TestCase(f"{number}\n", "5\n") for number in range(20)))
    program = "import os\nos.write(1, b'\\xff' * 9999); os.write(2, b'\\x01' * 9999)\n#"
    monkeypatch.setattr(engine, "REMEMBERED_BYTES", MIB // 4)
    async with Evaluator(jail=jail, workers=1, run_all=True) as evaluator:
        first, *_, last = [await evaluator.evaluate(problem, f"{program}{number}") for number in range(6)]
        assert first.status is Status.WRONG_ANSWER and first.size > 20 * 2 * 2048
        assert await evaluator.evaluate(problem, f"{program}5") == last
        assert await evaluator.evaluate(problem, f"{program}0") != first  # judged again: its times are others


async def test_the_history_of_a_server_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "BYTES", MIB)
    kept = History(500, 0)
    for number in range(100):
        result = TestResult(status=Status.WRONG_ANSWER, stdout="x" * 100_000)
        report = Report(problem_id="p", status=Status.WRONG_ANSWER, passed=0, total=1, tests=(result,))
        kept.add("client", "digest", f"# {number}", "python", report, cached=False)
    assert 5 < len(kept.latest()) <= 10
    assert kept.digest("0.100") and not kept.digest("0.1")
