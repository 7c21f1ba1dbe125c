"""What the evaluator and a comparing process say to each other, over one stream socket.

evaluator ──▶ process     a length, a Request as msgpack, the expected output, the actual one
process ──▶ evaluator     a length, an Answer as msgpack; an empty one first, when it is ready
"""

from __future__ import annotations

import msgspec

from ..compare import Match
from ..encodable import Encodable


class Request(msgspec.Struct, frozen=True):
    """Compare two outputs."""

    comparison: bytes
    """The Comparison, pickled. It comes from the evaluator; nothing of a program's is ever unpickled."""
    expected: int
    """Bytes that follow."""
    actual: int | None
    """Bytes after them. None: the expected output is compared with itself, to learn what that takes."""
    seconds: float
    """Of processor time."""
    memory: int
    """Bytes of address space besides what the process has."""


class Compared(msgspec.Struct, frozen=True, tag="compared"):
    match: Match
    seconds: float
    """Processor time that it took."""
    last: bool = False
    """The process holds much memory and ends."""


class Exceeded(Encodable, frozen=True, tag="exceeded"):
    """There was no end to it within the limits."""

    what: str
    """The limit, or how it ended."""
    last: bool = False


Answer = Compared | Exceeded


def over(seconds: float) -> Exceeded:
    return Exceeded(f"{seconds:.3g} s of processor time")
