"""What is said on standard error of the rows that were read."""

from __future__ import annotations

from ..datasets import Rows
from .terminal import say

SHOWN_BAD_ROWS = 10


def tell_misspelt(rows: Rows) -> None:
    """Once for each."""
    for told, misspelt in rows.misspelt.items():
        if not misspelt.told:
            misspelt.told = True
            file, line = misspelt.first
            say(f"warning: {file}:{line}: {told}")


def no_programs(rows: Rows) -> str:
    """Of rows of which none holds a program that can be used."""
    return f"{', '.join(map(str, rows.without_programs))}: {_without_programs(rows)}"


def tell_of_rows(rows: Rows) -> None:
    """What was left out of them, and what was not understood."""
    tell_misspelt(rows)
    for error in rows.bad[:SHOWN_BAD_ROWS]:
        say(f"left out: {error}")
    if rows.skipped > SHOWN_BAD_ROWS:
        say(f"left out: {rows.skipped - SHOWN_BAD_ROWS} more bad rows")
    for language, count in rows.left_out.items():
        say(f"left out: {count} programs in {language}, which is not supported")


def tell_of_files(rows: Rows) -> None:
    """Where some of them, which were read to their ends, held no programs."""
    for file in rows.without_programs:
        say(f"warning: {file}: {_without_programs(rows)}")


def _without_programs(rows: Rows) -> str:
    words = "no row holds a program that can be used"
    return words if rows.separate else f"{words}; --submissions names files of programs"
