"""Data sets that cannot be judged, by the fields of their rows: what they lack, and what there is instead."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, NamedTuple

import msgspec

from .base import BadRow, Row, as_object, shorten


class Refused(NamedTuple):
    name: str
    fields: frozenset[str]
    """Which a row has, besides others."""
    field: str
    """That the reason is about."""
    reason: str


_NOT_HERE = "make rows of our own from them (docs/run.md)"
REFUSED = (
    Refused(
        "MultiPL-E",
        frozenset({"language", "prompt", "tests", "stop_tokens"}),
        "language",
        "its tests are programs in that language, not Python: judge HumanEval and MBPP, which it translates",
    ),
    Refused(
        "DS-1000",
        frozenset({"code_context", "reference_code"}),
        "code_context",
        "its tests execute an answer within themselves and could be forged by it: use the runner of DS-1000",
    ),
    Refused(
        "IOI of open-r1",
        frozenset({"subtask", "test_names", "problem_name"}),
        "test_names",
        "its tests and graders lie in data sets of their own: judge such problems as Kattis packages "
        "(docs/datasets/kattis.md)",
    ),
    Refused(
        "ioi-test-cases of open-r1",
        frozenset({"test_name", "test_input", "test_output"}),
        "test_name",
        "one test of a problem, without the grader that programs are compiled with: judge such problems as Kattis "
        "packages (docs/datasets/kattis.md)",
    ),
    Refused(
        "competitive coding challenges of NeMo-Gym",
        frozenset({"competition_id", "problem_id", "subtask_score"}),
        "problem_id",
        "its tests and graders lie in the environment: judge such problems as Kattis packages "
        "(docs/datasets/kattis.md)",
    ),
    Refused(
        "LiveCodeBench-Pro",
        frozenset({"problem_id", "problem_title", "problem_statement", "platform"}),
        "tests",
        f"missing: they lie in a data set of their own; {_NOT_HERE}",
    ),
    Refused(
        "OpenCodeReasoning",
        frozenset({"input", "output", "solution", "license"}),
        "tests",
        "missing: its rows are answers to learn from; judge the data set that its field dataset names "
        "(APPS, TACO, CodeContests, open-r1/codeforces)",
    ),
    Refused(
        "OpenCodeReasoning-2",
        frozenset({"question", "r1_generation", "dataset"}),
        "tests",
        "missing: its rows are answers to learn from; judge the data set that its field dataset names "
        "(APPS, TACO, CodeContests, open-r1/codeforces)",
    ),
    Refused(
        "SciCode",
        frozenset({"problem_id", "problem_name", "sub_steps"}),
        "sub_steps",
        "steps that need each other, with values from a file of its own: use the runner of SciCode",
    ),
    Refused(
        "SWE-bench",
        frozenset({"instance_id", "base_commit", "patch"}),
        "instance_id",
        "a task in a repository; judged are programs: use the runner of SWE-bench",
    ),
)


def refuse(names: Set[str], row: Row) -> None:
    """Raises BadRow for a row of one of these."""
    for each in REFUSED:
        if each.fields <= names:
            content: Any = msgspec.json.decode(row.content) if isinstance(row.content, bytes) else row.content
            fields = as_object(content) or {}
            value = shorten(fields[each.field]) if each.field in fields else None
            raise BadRow(row.place, each.field, f"{each.name}: {each.reason}", value)
