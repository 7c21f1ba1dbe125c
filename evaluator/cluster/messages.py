"""What goes between RayEvaluator and its actors, as msgpack."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..report import Report


class Started(msgspec.Struct, frozen=True):
    """An actor is ready."""

    jail: str
    identity: str
    """Of the code that judges there."""


class Asked(msgspec.Struct, frozen=True, array_like=True):
    number: int
    """Of the program, in the process that asks."""
    digest: str
    """Of the problem."""
    language: str
    code: bytes | None
    """UTF-8, with surrogates as Python's ``surrogatepass`` has them."""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    programs: list[Asked]
    cancelled: list[int]


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What became of a program: a report, or why there is none."""

    number: int
    report: Report | None
    failure: Literal["unknown_problem", "bad_problem", "failed"] | None = None
    """unknown_problem: it has to be sent again; bad_problem: ValueError; failed: the sandbox of that node did."""
    message: str = ""


class Answers(msgspec.Struct, frozen=True, array_like=True):
    answers: list[Answer]
    restarts: int
    """Workers of the actor that broke, so far."""
