"""Rows of NeMo-Gym, as Nemotron-RL-coding-competitive_coding: ``verifier_metadata`` with ``unit_tests``, or with a task
of BigCodeBench."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public, Unusable, as_object, make_problem
from .bigcodebench import BigCodeBench, Task
from .cases import parse, read_cases
from .prompts import asked


class _Parameters(msgspec.Struct, frozen=True):
    input: Any = None


class _Row(msgspec.Struct):
    verifier_metadata: Any
    responses_create_params: _Parameters = _Parameters()
    source: str | None = None
    dataset: str | None = None
    difficulty: str | None = None


class NemoGym(Format[_Row]):
    name: ClassVar[str] = "nemo-gym"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("verifier_metadata",)
    public: ClassVar[tuple[Public, ...]] = (Public("NeMo-Gym, Nemotron", "trainers", "stdio, call, assert"),)

    def example(self, row: _Row, fallback_id: str) -> Example:
        metadata = as_object(parse(row.verifier_metadata, "verifier_metadata"))
        if metadata is None:
            raise Unusable("verifier_metadata", "not an object", row.verifier_metadata)
        asking = row.responses_create_params.input
        statement = asked(asking)
        if {"test", "entry_point", "code_prompt"} <= metadata.keys():
            return BigCodeBench().example(_task(metadata, statement), fallback_id)._replace(prompt=asking)
        if not metadata.get("unit_tests"):
            reason = "missing: the tests lie in the environment; judge the files of the data set that it reads"
            raise Unusable("verifier_metadata.unit_tests", reason, sorted(metadata))
        cases = read_cases(metadata["unit_tests"], "verifier_metadata.unit_tests", starter=statement)
        given = metadata.get("problem_id")
        problem = make_problem(
            problem_id=fallback_id if given is None else str(given),
            statement=statement,
            difficulty=row.difficulty,
            source=row.source or row.dataset,
            **cases.fields(),
        )
        return Example(problem, prompt=asking)


def _task(metadata: dict[str, Any], statement: str | None) -> Task:
    prompt = metadata["code_prompt"]
    given = metadata | {"complete_prompt": prompt, "instruct_prompt": statement}
    return msgspec.convert({name: given[name] for name in Task.__struct_fields__ if name in given}, Task)
