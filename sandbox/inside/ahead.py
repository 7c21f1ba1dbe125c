"""Which modules are imported ahead of the programs: fixed sets and the operator's packages, never names from a program.

Every page in memory makes a fork dearer, and some modules register work to be done after every fork. So there are
several sets; a zygote holds each, and a program gets the smallest that has all it certainly imports. Whatever else a
program imports, it imports itself: in its test process, under its filter and its limits.
"""

from __future__ import annotations

from collections.abc import Sequence

USUAL = (
    "__future__", "_sitebuiltins", "abc", "collections", "collections.abc", "copy", "functools", "heapq",
    "io", "itertools", "json", "math", "operator", "os", "os.path", "re", "string", "sys", "time", "types", "typing",
)  # fmt: skip
"""What most programs import, and no more: shared objects are five mappings each that every fork has to copy."""

COMMON = ("array", "bisect", "cmath", "datetime", "queue", "random", "threading")
"""Imported within 2 ms. threading makes their forks dearer; random seeds itself anew after every fork."""

WIDE = (
    "calendar", "contextlib", "dataclasses", "decimal", "enum", "fractions", "hashlib", "inspect", "numbers", "pprint",
    "statistics", "textwrap", "traceback",
)  # fmt: skip
"""Imported within 15 ms, and seldom needed."""

TESTING = (
    "unittest", "unittest.mock", "asyncio", "contextlib", "inspect", "logging", "pytest", "tempfile",
    *(f"{__package__}.{name}" for name in ("trial", "unknown", "ready", "together")),
)  # fmt: skip
"""What the processes of tests use besides, wherever pytest is installed."""


OWNER = f"{__package__}.link.owner"
"""What the process of a program needs that is linked to that of a test."""


def sets(packages: Sequence[str]) -> list[tuple[str, ...]]:
    """Each holds the ones before, too. The last is there only where the operator allows packages."""
    found: list[tuple[str, ...]] = [(), COMMON, (*COMMON, *WIDE, OWNER)]
    return [*found, (*found[-1], *packages)] if packages else found
