"""Names to rivals. The first two are ours; ``before`` was."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec

from .base import Rival

Name = Literal["ours", "ours-forks", "before", "floor", "lcb", "lcb-command", "prime-code", "subprocess"]
NAMES: tuple[Name, ...] = get_args(Name)

LABELS: dict[str, str] = {
    "ours": "microcoder",
    "ours-forks": "microcoder (forks)",
    "before": "microcoder, before",
    "floor": "floor (bare forks)",
    "lcb": "LiveCodeBench, lean",
    "lcb-command": "LiveCodeBench, its command",
    "prime-code": "verl prime_code",
    "subprocess": "subprocess per test",
}


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Where the user says that code from elsewhere lies."""

    before: str | None = None
    """Another checkout of this project. Its own bench starts its own evaluator."""
    lcb: str | None = None
    verl: str | None = None


def make(name: Name, sources: Sources) -> Rival:
    """The rival, not yet set up. Imports nothing of the others: what a process has loaded makes its forks dearer."""
    match name:
        case "ours" | "ours-forks" | "before":
            from .ours import Ours

            return Ours(lanes=name != "ours-forks")
        case "floor":
            from .floor import Floor

            return Floor()
        case "lcb" | "lcb-command":
            from .lcb import LiveCodeBench

            return LiveCodeBench(Path(sources.lcb) if sources.lcb else None, command=name == "lcb-command")
        case "prime-code":
            from .prime_code import PrimeCode

            return PrimeCode(Path(sources.verl) if sources.verl else None)
        case "subprocess":
            from .subprocess_per_test import SubprocessPerTest

            return SubprocessPerTest()
