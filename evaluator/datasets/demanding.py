"""Tasks of HumanEval+ and MBPP+ that ask more of right programs than others do, or cannot be passed, by their names.

Found out with ``inspect --verify`` on HumanEvalPlus v0.1.10 and MbppPlus v0.2.0, in both forms of each.
"""

from __future__ import annotations

from ...sandbox.limits import MIB, Limits
from .base import Unusable

_NEEDS = {
    "HumanEval/15": Limits(output=256 * MIB),  # 141 MiB
    "HumanEval/130": Limits(output=256 * MIB),  # 109 MiB
    "Mbpp/599": Limits(cpu_time=60.0),  # 15 s
}
_BEYOND = {
    "HumanEval/32": (
        "_poly(*candidate(*inp), inp)",
        "unpacks the number that right programs return, which raises; the form with base_input has a right test",
    ),
    "Mbpp/255": (
        "['Dog', 'Cat', 'CatBird', 'Bird', 'Fish'], 77]",
        "holds an input to which right programs return 1.6 million tuples of 77 items, several gigabytes",
    ),
}
"""What no right program can pass, as it stands in the input or in the test, and what there is to say."""


def limits_of(task: str) -> Limits:
    """What its tests may use."""
    return _NEEDS.get(task, Limits())


def check_demand(task: str, field: str, inputs: str) -> None:
    """Raises Unusable where no limits would do. ``inputs``: as Python writes them, alone or in a test."""
    beyond, reason = _BEYOND.get(task, ("", ""))
    if beyond and beyond in inputs:
        raise Unusable(field, reason)
