"""Which test of a problem runs first, and what a program that is wrong is not made to wait for."""

from __future__ import annotations

import asyncio

import pytest

from microcoder.evaluator import Evaluator, Problem, Report, Status, TestCase
from microcoder.evaluator.prepared import FEW, FIRST, FLAGS, Prepared
from microcoder.evaluator.report import TestResult
from microcoder.sandbox.execution import Execution
from microcoder.sandbox.limits import Limits
from microcoder.sandbox.worker import LANE_TESTS, Inputs, Work, Worker

THREE = Problem(
    problem_id="three",
    tests=tuple(TestCase(input=f"{n}\n", output=f"{n}\n") for n in range(3)),
    limits=Limits(cpu_time=300, wall_time=600),
)


def prepared(*programs: list[tuple[Status, float]]) -> Prepared:
    """After these programs: status and seconds of each test."""
    found = Prepared(THREE)
    for tests in programs:
        results = [TestResult(status=status, cpu_time=seconds) for status, seconds in tests]
        failed = next((n for n, (status, _) in enumerate(tests) if status is not Status.ACCEPTED), None)
        found.judged(results, failed)
    return found


OK, WRONG = Status.ACCEPTED, Status.WRONG_ANSWER


def test_tests_keep_their_order_until_one_fails() -> None:
    assert prepared([(OK, 0.9), (OK, 0.1), (OK, 0.2)]).order() == [0, 1, 2]


def test_different_flags_are_as_many_as_can_be_made_ready() -> None:
    def flagged(count: int) -> Problem:
        tests = tuple(TestCase(flags=f"float_tolerance 1e-{n}") for n in range(count) for _ in range(3))
        return Problem(problem_id="flags", tests=tests)

    found = Prepared(flagged(FLAGS))
    assert [each.compare(b"0.001", b"0").accepted for each in found.comparisons[3:15:3]] == [True, True, True, False]
    with pytest.raises(ValueError, match=f"^tests: {FLAGS + 1} different flags; {FLAGS} at most$"):
        Prepared(flagged(FLAGS + 1))


def test_what_failed_comes_first() -> None:
    assert prepared([(OK, 0.001), (OK, 0.001), (WRONG, 0.001)]).order() == [2, 0, 1]


def test_what_failed_once_and_takes_long_comes_after_what_costs_nothing() -> None:
    assert prepared([(OK, 0.001), (OK, 0.001), (WRONG, 2.0)]).order() == [0, 1, 2]


def test_tests_that_take_long_share_no_process() -> None:
    assert prepared([(OK, 0.001), (OK, 0.5), (OK, 0.001)]).alone() == [1]


def test_of_many_tests_a_few_come_first_while_nothing_is_known() -> None:
    tests = tuple(TestCase(f"{n}\n", f"{n}\n") for n in range(FEW + 1))
    assert Prepared(Problem(problem_id="many", tests=tests)).first_lane == FIRST


@pytest.mark.parametrize("lanes", [True, False])
async def test_where_a_failure_is_likely_nothing_runs_before_it_is_looked_at(lanes: bool) -> None:
    inputs = Inputs([f"{n}\n".encode() for n in range(6)])
    async with Evaluator(workers=1) as evaluator, evaluator.pool.worker(inputs) as worker:
        for first, seen in ((2, 2 if lanes else 1), (LANE_TESTS, 6)):
            limits = Limits(cpu_time=5)
            work = Work(
                inputs=inputs,
                source=b"print(input())",
                tests=range(6),
                limits=limits,
                lanes=lanes,
                first_lane=first,
            )
            worker.begin(work)
            outputs: list[bytes] = []
            while len(outputs) < seen:
                outputs += [execution.stdout for execution in await received(worker)]
            if seen < 6:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(worker.receive(), 0.5)
            assert len(outputs) == seen
            worker.go_on([])
            while len(outputs) < 6:
                outputs += [execution.stdout for execution in await received(worker)]
            assert outputs == [f"{n}\n".encode() for n in range(6)]
            worker.end()


async def received(worker: Worker) -> list[Execution]:
    found = await worker.receive()
    assert not isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("passed", "failed", "first"), [(0, 0, FEW), (1, 0, LANE_TESTS), (1, 1, LANE_TESTS), (1, 2, 1)]
)
def test_a_test_that_most_programs_fail_is_not_run_twice(passed: int, failed: int, first: int) -> None:
    right, wrong = [(OK, 0.001)] * 3, [(WRONG, 0.001)]
    assert prepared(*[right] * passed, *[wrong] * failed).first_lane == first


async def test_a_test_that_takes_long_does_not_keep_a_failure_waiting() -> None:
    """The last test is known to take long. When it runs without end, the failure before it is looked at nonetheless."""
    long = "n = input()\nif n == '2':\n    sum(range(3_000_000))\nprint(n)\n"
    endless = "n = input()\nwhile n == '2':\n    pass\nprint(n + '1')\n"
    async with Evaluator(workers=1) as evaluator:
        assert (await evaluator.evaluate(THREE, long)).accepted
        report: Report = await evaluator.evaluate(THREE, endless)
    assert report.status is Status.WRONG_ANSWER
    assert report.tests[2].status is Status.SKIPPED


async def test_a_test_that_was_put_off_runs_after_what_was_doubted() -> None:
    """The second test fails only because it shares a process with the first."""
    program = (
        "import heapq\nn = input()\nif n == '2':\n    sum(range(3_000_000))\n"
        "print('x' if 1 in heapq.__all__ else n)\nheapq.__all__.append(1)\n"
    )
    async with Evaluator(workers=1, run_all=True) as evaluator:
        for number in range(3):
            report = await evaluator.evaluate(THREE, f"{program}# {number}")
            assert (report.status, report.passed) == (Status.ACCEPTED, 3)
