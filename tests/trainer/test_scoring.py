"""Programs in responses, pass@k, the order of the data, metrics that survive a kill. No torch."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Problem, Report, RewardOptions, Status, TestCase
from microcoder.evaluator.problem import Group
from microcoder.evaluator.report import TestResult
from microcoder.trainer.collect import Answer
from microcoder.trainer.config import Judging
from microcoder.trainer.data import place, read
from microcoder.trainer.errors import DataError
from microcoder.trainer.evaluate import pass_at_k, summarize
from microcoder.trainer.metrics import lines
from microcoder.trainer.reward import open_judge, program
from microcoder.trainer.rollout.base import seeds

FENCE = "```"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (f"So:\n{FENCE}python\nprint(1)\n{FENCE}\nDone.", "print(1)"),
        (f"{FENCE}python\nprint(1)", ""),  # cut off
        ("I would add them.", ""),
        ("", ""),
    ],
)
def test_program_is_a_whole_block(response: str, expected: str) -> None:
    assert (program(response, RewardOptions()).code or "").strip() == expected
    assert program(response, RewardOptions(form="raw")).code == response


PLAIN = Problem(problem_id="p", tests=(TestCase(),))
POINTS = Problem(problem_id="p", tests=(TestCase(group="a"),), groups={"a": Group(max_score=1)})


def report(status: Status, passed: int, score: float | None = None) -> Report:
    return Report(problem_id="p", status=status, score=score, passed=passed, total=4, tests=())


@pytest.mark.parametrize(
    ("one", "binary", "fraction"),
    [
        (report(Status.ACCEPTED, 4), 1.0, 1.0),
        (report(Status.WRONG_ANSWER, 3), 0.0, 0.75),
        (report(Status.NO_CODE, 0), 0.0, 0.0),
        (report(Status.SYSTEM_ERROR, 2), None, None),
        (report(Status.CHECKER_ERROR, 2), None, None),
    ],
)
def test_failures_of_the_judge_are_no_reward(one: Report, binary: float | None, fraction: float | None) -> None:
    assert RewardOptions(reward="binary").worth(PLAIN, one) == binary
    assert RewardOptions(reward="fraction").worth(PLAIN, one) == fraction
    assert RewardOptions(reward="score").worth(PLAIN, one) == binary


def test_points_as_a_reward() -> None:
    assert RewardOptions(reward="score").worth(POINTS, report(Status.WRONG_ANSWER, 3, 0.6)) == 0.6
    assert RewardOptions(reward="binary").worth(POINTS, report(Status.WRONG_ANSWER, 3, 0.6)) == 0.0
    assert RewardOptions(reward="score").worth(POINTS, report(Status.SYSTEM_ERROR, 3)) is None
    failed = msgspec.structs.replace(
        report(Status.WRONG_ANSWER, 3),
        tests=(TestResult(status=Status.CHECKER_ERROR), TestResult(status=Status.SKIPPED)),
    )
    for reward in ("fraction", "score"):
        assert RewardOptions(reward=reward).worth(POINTS, failed) is None
    assert RewardOptions(reward="fraction").for_verdict.run_all
    assert RewardOptions(reward="score").for_verdict.scores


def test_judging_a_response() -> None:
    problem = Problem(problem_id="double", tests=(TestCase("2\n", "4\n"), TestCase("3\n", "6\n")))
    judge = open_judge(Judging(reward="fraction", workers=1))
    try:
        futures = [
            judge.submit(problem, f"{FENCE}python\nprint({text})\n{FENCE}") for text in ("2*int(input())", "4", "(")
        ]
        seen = [future.result() for future in [*futures, judge.submit(problem, "no idea")]]
    finally:
        judge.close()
    assert [one.status for one in seen] == ["accepted", "wrong_answer", "compile_error", "no_code"]
    assert [one.reward for one in seen] == [1.0, 0.5, 0.0, 0.0]


def test_pass_at_k_is_the_share_of_subsets_with_a_right_one() -> None:
    for n in range(1, 7):
        for correct in range(n + 1):
            for k in range(1, n + 1):
                subsets = list(itertools.combinations([True] * correct + [False] * (n - correct), k))
                assert pass_at_k(n, correct, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))
    with pytest.raises(ValueError, match="k: must be 1 to n"):
        pass_at_k(2, 1, 3)


def test_undecided_responses_count_neither_way() -> None:
    def answers(*statuses: Status) -> list[Answer]:
        return [Answer((), False, s, None if s.is_judge_failure else float(s is Status.ACCEPTED)) for s in statuses]

    right, wrong, failed = Status.ACCEPTED, Status.WRONG_ANSWER, Status.SYSTEM_ERROR
    result = summarize([("easy", answers(right, wrong, failed)), ("hard", answers(wrong, wrong, wrong))], (1, 3))
    assert result["easy"].pass_at == {"1": 0.5}
    assert result["hard"].pass_at == {"1": 0.0, "3": 0.0}
    assert result["all"].pass_at == {"1": 0.25, "3": 0.0}
    assert result["all"].undecided == 1


def test_every_epoch_asks_every_problem_once_in_an_order_of_its_own() -> None:
    epochs = [[place(5, cursor, 7) for cursor in range(first, first + 7)] for first in (0, 7, 14)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(7))] * 3
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert [place(5, cursor, 7) for cursor in range(21)] == [*epochs[0], *epochs[1], *epochs[2]]


def test_seeds_are_different_and_lasting() -> None:
    every = [seed for run in range(3) for number in range(20) for seed in seeds(run, number, 8)]
    assert len(set(every)) == len(every)
    assert max(every) < 2**63
    assert seeds(0, 1, 8)[:4] == seeds(0, 1, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"statement": None}, "statement"),
        ({"tests": []}, "tests"),
        ({"checker": {"flags": "no_such_flag"}}, "no_such_flag"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    row = {"problem_id": "p", "statement": "Add.", "tests": [{"input": "", "output": "1"}]}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n" + json.dumps(row | {"problem_id": "q"} | change) + "\n")
    with pytest.raises(DataError, match=rf"rows\.jsonl:2: .*{words}"):
        read([file])


def test_half_a_line_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(b'{"step":1}\n{"step":2}\n{"st')
    assert lines(file) == [b'{"step":1}', b'{"step":2}']


def test_scoring_needs_no_torch() -> None:
    modules = "advantages calibrate cli collect config data diversity errors evaluate metrics plot reward temperature rollout.base"
    free = [f"microcoder.trainer.{name}" for name in modules.split() if name != "calibrate"]
    code = f"import sys; sys.modules['torch'] = None; import {', '.join(free)}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=110, cwd="/")


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    row = {"problem_id": "p", "statement": "Add.", "time_limt": 1, "tests": [{"input": "", "output": "1"}]}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    assert read([file])[1] == [f"{file}:1: time_limt: there is no such field; did you mean time_limit?"]


@pytest.mark.parametrize("name", ["starter_code", "starter"])
def test_a_starter_is_asked_for_unless_the_statement_has_it(tmp_path: Path, name: str) -> None:
    row = {"problem_id": "p", "tests": [{"input": "", "output": "1"}], name: "def f():"}
    file = tmp_path / "rows.jsonl"
    for statement, starter in (("Write f.", "def f():"), ("Go on:\ndef f():\n", "")):
        file.write_text(json.dumps(row | {"statement": statement}) + "\n")
        (task,) = read([file])[0]
        assert (task.statement, task.starter) == (statement, starter)
