"""Rows as verl and SkyRL train on them: ``prompt``, ``reward_model.ground_truth`` (verl) or
``reward_spec.ground_truth`` (SkyRL), ``data_source``, ``extra_info``."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from .base import Example, Fields, Format, Public, Unusable, as_object, make_problem
from .cases import parse, read_cases
from .native import own_problem
from .prompts import asked


class _Reward(msgspec.Struct):
    ground_truth: Any


class _Row(msgspec.Struct):
    reward_model: str | _Reward | None = None
    reward_spec: str | _Reward | None = None
    data_source: str | None = None
    prompt: Any = None
    extra_info: Any = None


class Verl(Format[_Row]):
    name: ClassVar[str] = "verl"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = (("reward_model", "reward_spec"),)
    public: ClassVar[tuple[Public, ...]] = (
        Public("Code-R1, Klear, SkyRL, Skywork, verl", "verl", "stdio, call, assert"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        name = "reward_model" if row.reward_spec is None else "reward_spec"
        reward = row.reward_model if row.reward_spec is None else row.reward_spec
        if isinstance(reward, str):
            fields = as_object(parse(reward, name))
            if fields is None:
                raise Unusable(name, "not an object", reward)
            if "ground_truth" not in fields:
                raise Unusable(f"{name}.ground_truth", "missing")
            reward = _Reward(fields["ground_truth"])
        if reward is None:
            raise Unusable(name, "missing")
        field = f"{name}.ground_truth"
        if (own := own_problem(reward.ground_truth, field)) is not None:
            return Example(own, prompt=row.prompt)
        statement = asked(row.prompt)
        info = as_object(row.extra_info) or {}
        cases = read_cases(reward.ground_truth, field, starter=statement)
        if cases.mode == "assert" and isinstance(prefix := info.get("prefix"), str):
            cases = cases._replace(prelude=f"{prefix}\n{cases.prelude}")
        problem = make_problem(
            problem_id=_name(row.data_source, info) or fallback_id,
            statement=statement,
            source=row.data_source,
            **cases.fields(),
        )
        return Example(problem, prompt=row.prompt)


def _name(source: str | None, info: dict[str, Any]) -> str | None:
    """Data source, split and index; the split counts its rows anew."""
    index = info.get("index")
    if not isinstance(index, str | int) or index == "":
        return None
    return "/".join(str(part) for part in (source, info.get("split"), index) if part not in (None, ""))
