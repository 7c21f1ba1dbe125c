"""What the sandbox saw when one test ran. No opinion about whether the output is right."""

from __future__ import annotations

import enum

import msgspec


class Outcome(enum.StrEnum):
    """How the process of one test ended."""

    FINISHED = "finished"
    """Exit code 0, inside every limit. Only now is the output worth comparing."""
    CRASHED = "crashed"
    """Another exit code, a signal, or an uncaught exception."""
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one program, as wait4 and the runner's clocks saw it."""

    test: int
    """Index of the test in its problem."""
    outcome: Outcome
    limit: str | None = None
    """The field of Limits that stopped it: cpu_time, idle_time, wall_time, memory, output."""
    exit_code: int | None = None
    signal: int | None = None
    cpu_time: float
    """Processor seconds, user and system, all threads."""
    wall_time: float
    """Seconds from the start of the test to its end; no queueing in it."""
    memory: int
    """Peak resident bytes. In a lane: the peak of the lane so far, an upper bound."""
    fresh: bool
    """True when the test had a process of its own, or was the first one in its lane."""
    stdout: bytes = b""
    stderr: bytes = b""
    result: bytes = b""
    """Call mode: JSON text of the returned value."""
