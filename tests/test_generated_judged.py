"""Data sets whose tests and checkers a model made, judged: what they call right is accepted, what they call wrong is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from microcoder.evaluator import Evaluator
from microcoder.evaluator.datasets import Rows
from microcoder.sandbox.languages import testlib

from .judging import told_apart
from .test_datasets import CONTESTS_PLUS, EVOLVECODER, HARDTESTS, RSTAR, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

CASES = Path(__file__).resolve().parent.parent.parent / "shared/cases/formats"
ADD, WRONG = "print(sum(map(int, input().split())))", "print(3)"
SWAPPED, FIRST = "print(*reversed(input().split()))", "print(input().split()[0])"
CALL = {"inputs": '["[1, 2]\\n3"]', "outputs": '["4"]', "func_name": "f", "class_name": "Solution"}
METHOD = "class Solution:\n    def f(self, xs, k):\n        return xs[0] + k\n"
ROWS = {
    "code_contests_plus": (CONTESTS_PLUS | {"checker": ""}, ADD, WRONG),
    "hardtests": (HARDTESTS, SWAPPED, FIRST),
    "rstar": (RSTAR, ADD, WRONG),
    "rstar, a method": (RSTAR | CALL, METHOD, METHOD.replace("[0]", "[1]")),
    "evolvecoder": (EVOLVECODER, "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return 3\n"),
}


@pytest.mark.parametrize("name", ROWS)
async def test_right_and_wrong_programs(evaluator: Evaluator, tmp_path: Path, name: str) -> None:
    row, right, wrong = ROWS[name]
    await told_apart(evaluator, write(tmp_path / "rows.jsonl", row), right, wrong)


@pytest.mark.parametrize("name", ["code_contests_plus", "hardtests", "rstar_seed_testcase"])
async def test_the_cases(evaluator: Evaluator, name: str) -> None:
    if not CASES.is_dir() or (name == "code_contests_plus" and testlib.missing()):
        pytest.skip("no cases here, or no testlib.h")
    pairs = list(Rows([CASES / f"{name}.jsonl"], [CASES / f"{name}-subs.jsonl"])) + list(
        Rows([CASES / f"{name}.jsonl"])
    )
    assert pairs
    for problem, program in pairs:
        report = await evaluator.evaluate(problem, program)
        assert report.reward == float(program.accept is True), (program, report)


async def test_what_stands_before_a_judging_function(evaluator: Evaluator, tmp_path: Path) -> None:
    judge = (
        "def check(x):\n    return x\n\ndef output_judging_function(input_str, candidate_output, reference_output):\n"
    )
    judge += "    return check(json.loads(candidate_output) == json.loads(reference_output) and sys.maxsize > 0)\n"
    row = HARDTESTS | {
        "test_cases_kit": {"output_judging_function": judge},
        "test_cases": [{"input": "1", "output": "[1]"}],
    }
    await told_apart(evaluator, write(tmp_path / "rows.jsonl", row), "print('[ 1 ]')", "print('no JSON')")
