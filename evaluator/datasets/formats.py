"""The formats, and which one a row is of: one of ours, or else one that an installed package brings."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Set
from typing import Any

from . import foreign
from .acecode import AceCode
from .autocodebench import AutoCodeBench
from .base import BadRow, Format, InputError, Row, decode, names_of
from .bigcodebench import BigCodeBench
from .code_contests import CodeContests
from .code_contests_o import CodeContestsO
from .code_contests_plus import CodeContestsPlus
from .codeforces import Codeforces
from .cruxeval import CruxEvalI, CruxEvalO
from .deepcoder import DeepCoder
from .evalplus import EvalPlus
from .evolvecoder import EvolveCoder
from .hardtests import HardTests
from .humaneval import HumanEval
from .humaneval_x import HumanEvalX
from .input_output import InputOutput
from .intellect import Intellect
from .kattis import Kattis
from .kodcode import KodCode
from .livebench import LiveBench
from .livecodebench import LiveCodeBench
from .livecodebench_execution import LiveCodeBenchExecution
from .livecodebench_test_output import LiveCodeBenchTestOutput
from .mbpp import Mbpp
from .native import Native
from .nemo_gym import NemoGym
from .open_instruct import OpenInstruct
from .programs import HELD, NAMED
from .refused import refuse
from .rstar_coder import RStarCoder
from .sandbox_fusion import SandboxFusion
from .verification_info import VerificationInfo
from .verl import Verl

# In this order: rows of LeetCodeDataset have input_output besides a test, and some rows are in two forms at once.
_ALL: tuple[Format[Any], ...] = (
    Native(),
    HardTests(),
    LiveCodeBench(),
    LiveBench(),
    LiveCodeBenchExecution(),
    LiveCodeBenchTestOutput(),
    CruxEvalO(),
    CruxEvalI(),
    EvalPlus(),
    BigCodeBench(),
    KodCode(),
    HumanEvalX(),
    HumanEval(),
    Mbpp(),
    VerificationInfo(),
    Verl(),
    Codeforces(),
    CodeContests(),
    CodeContestsPlus(),
    CodeContestsO(),
    RStarCoder(),
    InputOutput(),
    DeepCoder(),
    AceCode(),
    EvolveCoder(),
    AutoCodeBench(),
    SandboxFusion(),
    NemoGym(),
    Intellect(),
    OpenInstruct(),
    Kattis(),
)
FORMATS: dict[str, Format[Any]] = {each.name: each for each in _ALL}


def format_named(name: str) -> Format[Any]:
    """Raises InputError."""
    found = FORMATS.get(name) or others().get(name)
    if found is None:
        raise InputError(f"no format {name}; there are {_names()}")
    return found


@functools.cache
def others() -> dict[str, Format[Any]]:
    """Those of installed packages, by name; loaded when they are first asked for."""
    return foreign.load(FORMATS)


def recognised(names: Set[str]) -> Format[Any] | None:
    """The first that knows a row with fields of these names."""
    return next((each for each in _every() if each.recognises(names)), None)


def _every() -> Iterator[Format[Any]]:
    yield from _ALL
    yield from others().values()


def _names() -> str:
    return ", ".join((*FORMATS, *others()))


def format_of(row: Row) -> Format[Any]:
    """What the row looks like by the names of its fields. Raises BadRow."""
    names = names_of(row.content)
    if names is None:
        decode(dict[str, Any], row.content, row.place)  # says why
        raise BadRow(row.place, None, "expected object")
    refuse(names, row)
    if (found := recognised(names)) is not None:
        return found
    fields = ", ".join(sorted(names)[:10])
    if not names.isdisjoint(HELD) and not names.isdisjoint(NAMED) and "tests" not in names:
        words = "if this is a program, --submissions names its file"
        raise BadRow(row.place, None, f"of no known format of problems, by its fields: {fields}; {words}")
    if names & {"problem_id", "tests"}:
        return FORMATS["microcoder"]  # says what is missing
    raise BadRow(row.place, None, f"of no known format, by its fields: {fields}; known: {_names()}")


def columns_of(names: Collection[str], form: Format[Any] | None) -> Collection[str]:
    """Which of these columns are looked at in this format. None: in the one that they belong to; all, when they belong
    to none."""
    found = form or recognised(set(names))
    if found is None or isinstance(found, Native):
        return names
    return set(found.row.__struct_fields__)
