"""Rows of data sets, judged; problems that ask for predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microcoder.evaluator import Evaluator, Problem, Report, TestCase
from microcoder.evaluator.datasets import Rows

DOUBLE = "def f(xs, k=2):\n    return [x * k for x in xs]\n"


async def told_apart(evaluator: Evaluator, file: Path, right: str, wrong: str) -> Report:
    """The report on the wrong program, which earns nothing; the right one is accepted. The file holds one problem."""
    ((_, example),) = Rows([file]).examples()
    report = await evaluator.evaluate(example.problem, right)
    assert report.accepted, report
    report = await evaluator.evaluate(example.problem, wrong)
    assert report.reward == 0, report
    return report


def output(expected: str, call: str = "f(3)", **fields: Any) -> Problem:
    return Problem(problem_id="o", mode="output_prediction", tests=(TestCase(call, expected),), **fields)


def inputs(code: str, expected: str, **fields: Any) -> Problem:
    """One whose function is ``f``."""
    return Problem(
        problem_id="i",
        mode="input_prediction",
        entry_point="f",
        prelude=code,
        tests=(TestCase(output=expected),),
        **fields,
    )
