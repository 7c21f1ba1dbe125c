"""Rows whose tests are modules of functions, judged: each function by itself, in the jail."""

from __future__ import annotations

from pathlib import Path

import pytest

from microcoder.evaluator import Evaluator
from microcoder.evaluator.datasets import Rows

from .judging import told_apart
from .test_datasets import ACECODE, AUTOCODEBENCH, AUTOEVAL, BIGCODEBENCH, KODCODE, VERIFIABLE, VERL, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADD, WRONG = "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return 3\n"
AREA = "def task_func(r):\n    return PI * r * r\n", "def task_func(r):\n    return math.pi - math.pi + 3\n"
ASSERTIONS = VERIFIABLE | {"verification_info": {"language": "python", "test_cases": ACECODE["test_cases"]}}
ROWS = {
    "kodcode": (KODCODE, ADD, WRONG),
    "bigcodebench": (BIGCODEBENCH, *AREA),
    "acecode": (ACECODE, ADD, WRONG),
    "autocodebench": (AUTOCODEBENCH, ADD, WRONG),
    "sandbox-fusion": (AUTOEVAL, ADD, "def add(a, b):\n    return 4\n"),
    "verification_info": (ASSERTIONS, ADD, WRONG),
    "verl": (VERL | {"reward_model": {"style": "rule", "ground_truth": {"pytest": KODCODE["test"]}}}, ADD, WRONG),
}


@pytest.mark.parametrize("name", ROWS)
async def test_right_and_wrong_programs(evaluator: Evaluator, tmp_path: Path, name: str) -> None:
    row, right, wrong = ROWS[name]
    report = await told_apart(evaluator, write(tmp_path / "rows.jsonl", row), right, wrong)
    failed = [test.status for test in report.tests]
    assert len(failed) == report.total
    if len(failed) == 2:
        assert failed[0] == "accepted" and failed[1] == "wrong_answer"  # both give 3 for the first


async def test_reference_programs_of_rows(evaluator: Evaluator, tmp_path: Path) -> None:
    rows = [row for row, *_ in ROWS.values() if row is not ASSERTIONS]
    for number, row in enumerate(rows):
        for problem, program in Rows([write(tmp_path / f"{number}.jsonl", row)]):
            assert (await evaluator.evaluate(problem, program)).accepted, problem
