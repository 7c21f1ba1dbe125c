"""Kinds of workers: what a jail shows besides the interpreter of the runner, and what its test processes may start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .jails.base import Mount
from .limits import MIB

Starts = Literal["nothing", "program", "processes"]
"""What a test process may execute.

nothing     Python programs run in the test process itself
program     the test process becomes another program, once
processes   that program may start others: compilers
"""


@dataclass(frozen=True)
class Kind:
    """Workers of one kind can replace one another."""

    name: str
    starts: Starts = "nothing"
    mounts: tuple[Mount, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    """More than, or instead of, what every program sees."""
    tmpfs: int = 64 * MIB
    """Bytes that each of the two temporary folders may hold."""
    executables: bool = False
    """Whether files in these folders can be executed."""


PYTHON = Kind("python")
"""Python programs."""
NATIVE = Kind("native", starts="program")
"""Executables that need no file of the host."""
