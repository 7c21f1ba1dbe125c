"""Rows whose tests stand in ``ground_truth``: open-instruct (RLVR, Dolci), rLLM, TRL.

Of open-instruct, ``dataset`` names the verifiers that a row is for; where there are several, there is a truth for each.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public, Unusable, as_list, as_object, make_problem
from .cases import parse, read_cases
from .input_output import solutions
from .native import own_problem
from .prompts import asked

VERIFIERS = ("code", "code_stdio")


class _Row(msgspec.Struct):
    ground_truth: Any
    messages: Any = None
    prompt: Any = None
    question: str | None = None
    dataset: Any = None
    id: str | int | None = None
    uid: str | None = None
    data_source: str | None = None
    starter_code: str | None = None
    metadata: Any = None
    solution: str | None = None


class OpenInstruct(Format[_Row]):
    name: ClassVar[str] = "open-instruct"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("ground_truth", ("messages", "prompt", "question"))
    public: ClassVar[tuple[Public, ...]] = (
        Public("Dolci, open-instruct, rLLM, TRL", "trainers", "stdio, call, assert", "one right, in some"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        truth, prompt = _truth(row), row.messages or row.prompt
        programs = solutions(row.solution, name="solution")
        if (own := own_problem(truth, "ground_truth")) is not None:
            return Example(own, programs, prompt)
        statement = row.question or asked(row.messages) or asked(row.prompt)
        metadata = as_object(parse(row.metadata or {}, "metadata")) or {}
        cases = read_cases(
            truth,
            "ground_truth",
            starter=row.starter_code or statement,
            fn_name=metadata.get("func_name"),
        )
        given = row.uid if row.id is None else row.id
        problem = make_problem(
            problem_id=fallback_id if given is None else str(given),
            statement=statement,
            starter_code=row.starter_code or None,
            source=row.data_source or (row.dataset if isinstance(row.dataset, str) else None),
            **cases.fields(),
        )
        return Example(problem, programs, prompt)


def _truth(row: _Row) -> Any:
    """Of the verifier of programs. Raises Unusable: there is none."""
    verifiers = as_list(row.dataset) or ([] if row.dataset is None else [row.dataset])
    place = next((at for at, name in enumerate(verifiers) if name in VERIFIERS), None)
    if verifiers and place is None:
        known = ", ".join(VERIFIERS)
        raise Unusable("dataset", f"not a verifier of programs; those are {known}: leave such rows out", row.dataset)
    truths = as_list(row.ground_truth)
    if place is not None and truths and len(verifiers) > 1 and len(truths) == len(verifiers):
        return truths[place]
    return row.ground_truth
