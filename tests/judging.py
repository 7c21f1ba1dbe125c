"""Rows of data sets, judged."""

from __future__ import annotations

from pathlib import Path

from microcoder.evaluator import Evaluator, Report
from microcoder.evaluator.datasets import Rows


async def told_apart(evaluator: Evaluator, file: Path, right: str, wrong: str) -> Report:
    """The report on the wrong program, which earns nothing; the right one is accepted. The file holds one problem."""
    ((_, example),) = Rows([file]).examples()
    report = await evaluator.evaluate(example.problem, right)
    assert report.accepted, report
    report = await evaluator.evaluate(example.problem, wrong)
    assert report.reward == 0, report
    return report
