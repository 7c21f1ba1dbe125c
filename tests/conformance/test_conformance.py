"""Every trap of examples/conformance is judged right, and no hack is paid. The table with other judges beside ours is
`python -m microcoder.bench.conformance`; docs/conformance.md has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from microcoder.evaluator import Evaluator, Problem, Submission
from microcoder.evaluator.extract import extract

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "conformance"
pytestmark = pytest.mark.asyncio(loop_scope="session")


def rows(table: str) -> Iterator[object]:
    for line in (FOLDER / f"{table}.jsonl").read_bytes().splitlines():
        row = msgspec.json.decode(line)
        problem = msgspec.convert(row, Problem)
        (program,) = row["submissions"]
        code = program["code"] if "code" in program else extract(program["completion"]).code
        yield pytest.param(problem, Submission(code=code, accept=program["accept"]), id=problem.problem_id)


@pytest.mark.parametrize(("problem", "program"), [*rows("traps"), *rows("hacks")])
async def test_verdict(evaluator: Evaluator, problem: Problem, program: Submission) -> None:
    report = await evaluator.evaluate(problem, program)
    assert not report.status.is_judge_failure, report
    assert report.accepted is program.accept, report
