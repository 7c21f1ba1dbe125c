"""A problem: tests, limits, and how outputs are compared. The same type in files, on the wire and in the API."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..sandbox.limits import Limits, Seconds

Mode = Literal["stdio", "call"]
CheckerType = Literal["default", "python_eq"]
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[^\W\d]\w*$")]


class TestCase(msgspec.Struct, frozen=True):
    """One test. stdio: text for standard input and the expected text on standard output.

    call: ``input`` is a JSON list of arguments, ``output`` the JSON value that must come back.
    """

    __test__ = False  # not a pytest class

    input: str
    output: str


class Checker(msgspec.Struct, frozen=True, kw_only=True):
    """Which comparison decides, with its options.

    default    bytes, then tokens, then decimals; ``flags`` are Kattis validator flags
    python_eq  call mode: values equal, floats within ``float_tol``
    """

    type: CheckerType = "default"
    flags: str = ""
    float_tol: Annotated[float, msgspec.Meta(ge=0)] | None = None
    note: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Tests, limits and comparison of one problem. Rows of data sets may carry more fields; they are left alone."""

    problem_id: str
    tests: Annotated[tuple[TestCase, ...], msgspec.Meta(min_length=1)]
    mode: Mode = "stdio"
    time_limit: Seconds | None = None
    """Processor seconds per test. Short for ``limits.cpu_time``; wins over it."""
    limits: Limits = Limits()
    checker: Checker = Checker()
    entry_point: Identifier | None = None
    """call: name of the function or method. Required there."""
    entry_class: Identifier | None = None
    """call: class to instantiate, without arguments, for every test."""
    prelude: str = ""
    """Source that the data set assumes before the program: imports, helper classes."""

    def __post_init__(self) -> None:
        if self.mode == "call" and self.entry_point is None:
            raise ValueError("entry_point: required when mode is call")

    @property
    def effective_limits(self) -> Limits:
        """``limits`` with ``time_limit`` in it."""
        if self.time_limit is None:
            return self.limits
        return msgspec.structs.replace(self.limits, cpu_time=self.time_limit)
