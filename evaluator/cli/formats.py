"""``microcoder-eval formats``: which data sets are read, and which are refused."""

from __future__ import annotations

from ..datasets import table
from .errors import DONE
from .options import Formats


def main(_: Formats) -> int:
    """The whole command; returns the exit code."""
    for each in table.read():
        print(each.names)
        known = table.told(each.known_by)
        print(f"    --format {each.format}; known by {known}; judged: {each.judged}; programs in it: {each.programs}")
    print("\nrefused:\n")
    for each in table.not_read():
        print(f"{each.name}\n    known by {table.told(each.known_by)}; {each.field}: {each.reason}")
    return DONE
