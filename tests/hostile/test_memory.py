"""What is remembered of programs takes no memory that they choose."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from microcoder.evaluator import Evaluator, Problem, Report, Status, TestCase
from microcoder.evaluator.memory import Memory
from microcoder.evaluator.prepared import Prepared
from microcoder.evaluator.report import TestResult, packed, unpacked
from microcoder.evaluator.server.budget import KINDS, divided
from microcoder.evaluator.server.history import History
from microcoder.sandbox.bounded import Bounded
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


async def test_reports_are_remembered_up_to_so_many_bytes(jail: str) -> None:
    problem = Problem(problem_id="p", tests=tuple(TestCase(f"{number}\n", "5\n") for number in range(20)))
    program = "import random\nprint(*random.choices(range(10 ** 9), k=999))\n#"
    async with Evaluator(jail=jail, workers=1, run_all=True, memory=Memory(verdicts=MIB // 8)) as evaluator:
        first, *_, last = [await evaluator.evaluate(problem, f"{program}{number}") for number in range(6)]
        assert first.status is Status.WRONG_ANSWER and MIB // 60 < len(packed(first)) < evaluator.kept["verdicts"].bytes
        assert evaluator.kept["verdicts"].bytes <= MIB // 8
        assert await evaluator.evaluate(problem, f"{program}5") == last
        assert await evaluator.evaluate(problem, f"{program}0") != first  # judged again: its times are others


async def test_the_history_of_a_server_is_bounded_in_bytes() -> None:
    kept = History(500, 0, MIB)
    for number in range(100):
        result = TestResult(status=Status.WRONG_ANSWER, stdout=random.Random(number).randbytes(50_000).hex())
        report = Report(problem_id="p", status=Status.WRONG_ANSWER, passed=0, total=1, tests=(result,))
        kept.add("client", "digest", f"# {number}", "python", report, cached=False)
    assert 5 < len(kept.latest()) <= 20 and kept.bytes <= MIB
    assert kept.digest("0.100") and not kept.digest("0.1")


def made(tests: int, seed: int = 0) -> Report:
    chance = random.Random(seed)
    each = (
        TestResult(
            status=Status.ACCEPTED,
            rule="exact",
            cpu_time=chance.random() / 100,
            wall_time=chance.random() / 100,
            memory=chance.randrange(2000, 3000) * 4096,
        )
        for _ in range(tests)
    )
    return Report(problem_id="p", status=Status.ACCEPTED, passed=tests, total=tests, tests=tuple(each))


@pytest.mark.parametrize(("tests", "most"), [(1, 300), (20, 80), (1000, 40), (20_000, 100)])
async def test_a_packed_report_is_small_and_the_same(tests: int, most: int) -> None:
    report = made(tests)
    assert unpacked(packed(report)) == report
    assert len(packed(report)) < most * tests


def taken(make: Callable[[], Any]) -> tuple[int, Any]:
    """Bytes of memory of what it makes."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        value = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, value
    finally:
        tracemalloc.stop()


async def test_what_is_held_is_counted_as_it_is() -> None:
    """Not more than a third off."""

    def fill() -> Bounded[bytes, bytes]:
        held: Bounded[bytes, bytes] = Bounded(1 << 30)
        for number in range(2000):
            data = packed(made(1 + number % 30, number))
            held[b"%064d" % number] = data, len(data)
        return held

    real, held = taken(fill)
    assert 2 / 3 < held.bytes / real < 3 / 2


TEXTS: dict[str, Callable[[int], Problem]] = {
    "short": lambda n: Problem(problem_id="p", tests=tuple(TestCase(f"{k} {n}\n", f"{k + n}\n") for k in range(1000))),
    "long": lambda n: Problem(
        problem_id="p", tests=tuple(TestCase(f"{k} {n}\n" * 900, "1\n" * 900) for k in range(90))
    ),
    "wide": lambda n: Problem(problem_id="p", tests=tuple(TestCase(f"😀{k} {n}\n" * 900, "") for k in range(90))),
    "calls": lambda n: Problem(
        problem_id="p", mode="call", entry_point="f", tests=tuple(TestCase(f"[{k}]", f"{n}") for k in range(500))
    ),
    "lifted": lambda n: Problem(
        problem_id="p",
        mode="assert",
        tests=tuple(TestCase(code=f"assert f([{k}, {n}], 'abc') == [{k}]") for k in range(99)),
    ),
    "replayed": lambda n: Problem(
        problem_id="p",
        mode="assert",
        tests=tuple(TestCase(code=f"for x in f({k}, {n}):\n  assert x > 3") for k in range(99)),
    ),
}


@pytest.mark.parametrize("kind", TEXTS)
async def test_a_problem_is_counted_as_it_is(kind: str) -> None:
    """Not more than half off, also where its texts take four bytes for each character."""
    make = TEXTS[kind]
    Prepared(make(0))  # what is made once for all
    real, prepared = taken(lambda: Prepared(make(1)))
    assert 2 / 3 < prepared.size / real < 2


async def test_an_evaluator_keeps_no_more_problems_than_it_may(jail: str) -> None:
    async with Evaluator(jail=jail, workers=1, memory=Memory(prepared=MIB)) as evaluator:
        for number in range(6):
            problem = Problem(problem_id="p", tests=(TestCase("x" * 100_000, f"{number}\n"),))
            assert (await evaluator.evaluate(problem, f"print({number})")).accepted
        assert 0 < evaluator.kept["prepared"].bytes <= MIB


async def test_the_budget_is_divided_and_nothing_is_left_out() -> None:
    budget = divided(1 << 30, 1 << 20, 4)
    evaluator = budget.evaluator
    memory = (evaluator.prepared, evaluator.verdicts, evaluator.checkers)
    shares = (*memory, budget.problems, budget.truths, budget.history)
    assert 0.999 < sum(shares) * 4 / (1 << 30) <= 1
    assert 0.999 < (budget.problem_files + budget.verdict_file) / (1 << 20) <= 1
    assert len(KINDS) == len(shares) + 2 and all(shares)


async def test_the_latest_is_held_whatever_its_size() -> None:
    held: Bounded[int, str] = Bounded(10_000, entries=3)
    for number, size in enumerate((100, 50_000, 200, 300, 400, 500)):
        held[number] = str(number), size
        assert (held.get(number) == str(number) and held.bytes <= 10_000) or len(held) == 1
    assert [*held] == ["3", "4", "5"]
    held[5] = "again", 1
    assert (held.get(5), len(held)) == ("again", 3)
    held.clear()
    assert (held.bytes, len(held), held.get(5)) == (0, 0, None)
