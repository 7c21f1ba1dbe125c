"""What files and programs say, on a terminal: it is text, and moves no cursor, changes no title, clears no screen."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """With something visible in the place of each character that is not printed: controls, changes of direction."""
    return text if text.isprintable() else "".join(map(_visible, text))


def say(text: str) -> None:
    """On standard error."""
    print(plain(text), file=sys.stderr, flush=True)


def show(*parts: RenderableType, wrap: bool = True) -> None:
    """On standard output, as rich renders it."""
    from rich.console import Console
    from rich.segment import Segment, Segments

    console = Console(highlight=False, soft_wrap=not wrap)
    for part in parts:
        segments = console.render(part, console.options.update(no_wrap=not wrap, overflow=None if wrap else "ignore"))
        told = [Segment(plain(segment.text), segment.style, segment.control) for segment in segments]
        console.print(Segments(told), end="")


def grid(title: str | None = None) -> Table:
    """A table without lines and heads of columns."""
    from rich.table import Table

    return Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), show_header=False)


def _visible(character: str) -> str:
    shown = character.isprintable() or character in "\n\t" or unicodedata.category(character) == "Zs"
    return character if shown else _INSTEAD
