"""``microcoder-eval formats``: which data sets are read, and which are refused."""

from __future__ import annotations

from ..datasets import table
from ..datasets.formats import others
from .errors import DONE
from .options import Formats


def main(_: Formats) -> int:
    """The whole command; returns the exit code."""
    for each in table.read():
        print(each.names)
        known = table.told(each.known_by)
        print(f"    --format {each.format}; known by {known}; judged: {each.judged}; programs in it: {each.programs}")
    for form in others().values():
        known = f"known by {table.told(form.known_by)}; " if form.known_by else ""
        print(f"{form.name}\n    --format {form.name}; {known}of an installed package")
    print("\nrefused:\n")
    for each in table.not_read():
        print(f"{each.name}\n    known by {table.told(each.known_by)}; {each.field}: {each.reason}")
    return DONE
