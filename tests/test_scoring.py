"""Points: what a program gets of them, and which tests need not run for that."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microcoder.evaluator import Evaluator, Problem, Status, TestCase
from microcoder.evaluator.cli import main
from microcoder.evaluator.problem import Group
from microcoder.evaluator.report import TestResult
from microcoder.evaluator.scoring import Scoring
from microcoder.sandbox.limits import Limits

OK, WRONG, FAILED, NOT_RUN = Status.ACCEPTED, Status.WRONG_ANSWER, Status.CHECKER_ERROR, Status.SKIPPED
HOW = ("pass-fail", "min", "sum")


def scoring(groups: dict[str, Any], *tests: str) -> Scoring:
    cases = [{"input": "", "output": "", "group": group} for group in tests]
    return Scoring(msgspec.convert({"problem_id": "p", "tests": cases, "groups": groups}, Problem))


def results(*tests: Status | float | None) -> dict[int, TestResult]:
    """Statuses; numbers are scores; None: not run."""
    return {
        number: TestResult(status=test)
        if isinstance(test, Status)
        else TestResult(status=OK if test == 1 else WRONG, score=test)
        for number, test in enumerate(tests)
        if test is not None
    }


@pytest.mark.parametrize(
    ("how", "tests", "score"),
    [
        ("pass-fail", (OK, OK), 1.0),
        ("pass-fail", (OK, 0.5), 0.0),
        ("pass-fail", (None, WRONG), 0.0),
        ("min", (OK, 0.5), 0.5),
        ("min", (WRONG, None), 0.0),
        ("min", (0.5, None), None),
        ("sum", (OK, WRONG), 0.5),
        ("sum", (0.25, OK), 0.625),
        ("sum", (WRONG, None), None),
        ("sum", (WRONG, NOT_RUN), None),
        ("pass-fail", (OK, FAILED), None),
        ("pass-fail", (WRONG, FAILED), 0.0),
    ],
)
def test_one_group(how: str, tests: tuple[Any, ...], score: float | None) -> None:
    one = scoring({"a": {"max_score": 20, "score_aggregation": how}}, "a", "a")
    assert one.score(results(*tests)) == score


def test_groups_add_up_and_other_tests_are_worth_nothing() -> None:
    two = scoring({"a": {"max_score": 30}, "b": {"max_score": 10}}, "sample", "a", "a", "b")
    assert two.score(results(WRONG, OK, OK, WRONG)) == 0.75
    assert two.score(results(None, OK, WRONG, OK)) == 0.25


def test_a_group_that_requires_others_gets_nothing_without_them() -> None:
    groups = {
        "a": {"max_score": 20, "require_pass": ["sample"]},
        "b": {"max_score": 30, "require_pass": ["a"]},
        "c": {"max_score": 50},
    }
    three = scoring(groups, "sample", "a", "b", "c")
    assert three.score(results(OK, OK, OK, OK)) == 1.0
    assert three.score(results(WRONG, OK, OK, OK)) == 0.5
    assert three.score(results(OK, WRONG, None, OK)) == 0.5
    assert three.score(results(None, OK, OK, OK)) is None
    assert three.moot(results(WRONG, None, None, None)) == {0, 1, 2}
    assert three.moot(results(OK, WRONG, None, None)) == {0, 1, 2}
    assert three.moot(results(None, None, None, WRONG)) == {3}


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(HOW), st.integers(1, 9), st.booleans()), min_size=1, max_size=3),
    st.lists(st.sampled_from([OK, WRONG, 0.5]), min_size=4, max_size=4),
)
def test_what_is_moot_changes_nothing(groups: list[tuple[Any, int, bool]], tests: list[Status | float]) -> None:
    """With every way in which the moot tests could end, and without them, the score is the same."""
    made = {
        str(number): {"max_score": most, "score_aggregation": how, "require_pass": ["s"] if number and requires else []}
        for number, (how, most, requires) in enumerate(groups)
    }
    one = scoring(made, "s", *(str(number % len(groups)) for number in range(3)))
    for shown in itertools.product([True, False], repeat=4):
        seen = results(*(test if here else None for test, here in zip(tests, shown, strict=True)))
        moot = sorted(one.moot(seen) - seen.keys())
        rest = {number: result for number, result in results(*tests).items() if number not in moot}
        scores = {one.score(rest)}
        for ends in itertools.product([OK, WRONG, 0.5], repeat=len(moot)):
            scores.add(one.score(rest | dict(zip(moot, results(*ends).values(), strict=True))))
        assert len(scores) == 1


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ({"b": {"max_score": 1}}, "groups: no test is of the group 'b'"),
        ({"a": {"max_score": 1, "require_pass": ["b"]}}, r"groups\['a'\].require_pass: no test is of the group 'b'"),
        ({"a": {"max_score": 1, "require_pass": ["a"]}}, r"groups\['a'\].require_pass: 'a' does not come before it"),
        ({"a": {"max_score": 0}}, r"`float` > 0.*\$.groups\[...\].max_score"),
        ({"a": {"max_score": 1, "score_aggregation": "max"}}, "Invalid enum value 'max'"),
    ],
)
def test_mistakes(groups: dict[str, Any], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        scoring(groups, "a")


# ---------------------------------------------------------------------------------------------------- with programs


def squares(cpu_time: float = 10.0) -> Problem:
    """Ten tests that want the square of 0 … 9, 20 points for the first three, 80 for the others."""
    return Problem(
        problem_id="squares",
        tests=tuple(TestCase(f"{n}\n", f"{n * n}\n", group="small" if n < 3 else "large") for n in range(10)),
        groups={"small": Group(max_score=20), "large": Group(max_score=80)},
        limits=Limits(cpu_time=cpu_time),
    )


@pytest.mark.parametrize("lanes", [True, False])
async def test_only_the_group_that_failed_is_left(lanes: bool) -> None:
    async with Evaluator(workers=1, scores=True, lanes=lanes) as evaluator:
        report = await evaluator.evaluate(squares(), "n = int(input())\nprint(n * n if n != 1 else 3)")
        assert (report.status, report.score, report.reward) == (WRONG, 0.8, 0.0)
        assert [test.status for test in report.tests] == [OK, WRONG, OK if lanes else NOT_RUN, *[OK] * 7]
        for n, (code, score) in enumerate([("print(int(input()) ** 2)", 1.0), ("print(", 0.0), ("", 0.0), ("x", 0.0)]):
            assert (await evaluator.evaluate(squares(), f"{code}")).score == score, n


async def test_without_asking_the_first_failure_ends_it() -> None:
    wrong = "n = int(input())\nprint(n * n if n != 1 else 3)"
    async with Evaluator(workers=1, lanes=False) as evaluator:
        report = await evaluator.evaluate(squares(), wrong)
        assert (report.score, report.tests[3].status) == (None, NOT_RUN)
        assert (await evaluator.evaluate(squares(), "print(int(input()) ** 2)")).score == 1.0
    async with Evaluator(workers=1, run_all=True) as evaluator:
        assert (await evaluator.evaluate(squares(), wrong)).score == 0.8


async def test_problems_without_points_have_no_score() -> None:
    problem = msgspec.structs.replace(squares(), groups={})
    async with Evaluator(workers=1, scores=True, lanes=False) as evaluator:
        report = await evaluator.evaluate(problem, "print(1)")
    assert report.score is None
    assert [test.status for test in report.tests] == [WRONG, *[NOT_RUN] * 9]


async def test_an_endless_group_costs_one_time_limit() -> None:
    """The other tests of the group are not run; those of the other group are, in a process of their own each."""
    program = "n = int(input())\nwhile n > 2:\n    pass\nprint(n * n)"
    async with Evaluator(workers=1, scores=True) as evaluator:
        report = await evaluator.evaluate(squares(cpu_time=0.5), program)
    assert (report.status, report.score) == (Status.TIME_LIMIT_EXCEEDED, 0.2)
    assert sum(test.status is Status.TIME_LIMIT_EXCEEDED for test in report.tests) == 1


async def test_a_program_that_lanes_misjudge_gets_its_points() -> None:
    """Every test after the first of a lane would fail, and fails alone where the number is odd."""
    program = "import heapq\nn = int(input())\nprint('x' if 1 in heapq.__all__ or n == 5 else n * n)\nheapq.__all__.append(1)\n"
    async with Evaluator(workers=1, scores=True) as evaluator:
        report = await evaluator.evaluate(squares(), program)
    assert (report.status, report.score) == (WRONG, 0.2)
    assert report.tests[5].status is WRONG


async def test_parts_on_several_workers_make_one_score() -> None:
    tests = tuple(TestCase(f"{n}\n", f"{n}\n", group=str(n % 5)) for n in range(100))
    groups = {str(n): Group(max_score=10) for n in range(5)}
    problem = Problem(problem_id="parts", tests=tests, groups=groups)
    async with Evaluator(workers=3, scores=True) as evaluator:
        report = await evaluator.evaluate(problem, "n = int(input())\nprint(n if n % 5 != 3 or n < 50 else 0)")
    assert report.score == 0.8
    assert all(test.status is OK for n, test in enumerate(report.tests) if n % 5 != 3)


def test_the_command_sums_up_and_rejudges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    programs = [
        {"code": "print(int(input()) ** 2)"},
        {"code": "n = int(input())\nprint(n * n if n > 2 else n * n + 1e-9)"},
    ]
    rows, out, summary = tmp_path / "p.jsonl", tmp_path / "out.jsonl", tmp_path / "summary.json"
    rows.write_text(json.dumps(msgspec.to_builtins(squares()) | {"submissions": programs}) + "\n")
    arguments = ["run", rows, "-o", out, "--json", summary, "--scores", "--keep-outputs", 100, "--preset", "strict"]
    assert main([*map(str, arguments), "--unsafe-no-jail"]) == 0
    assert "mean score of 2 programs: 90.0%" in capsys.readouterr().out
    assert json.loads(summary.read_text())["mean_score"] == 0.9
    again = ["rejudge", rows, "--reports", out, "-o", tmp_path / "again.jsonl", "--preset", "lenient", "-q"]
    assert main([*map(str, again)]) == 0
    scores = [json.loads(line).get("score") for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert scores == [1.0, None]  # what was not run is not guessed
