"""Whether a text looks like a program: asked only of text that does not say what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PROGRAM = re.compile(
    r"^[ \t]*+(?:(?:import|from)[ \t]++[\w.]++|(?:async[ \t]++)?def[ \t]++\w++[ \t]*+\("
    r"|class[ \t]++\w[^\n]{0,200}[:{][ \t]*+$"
    r"|@\w|(?:print|input|sys\.\w++|main|solve|console\.\w++)[ \t]*+[(.]|return\b"
    r"|(?:(?:const|let|var|auto|int|long)[ \t]++)?\w++(?>(?:[ \t]*+,[ \t]*+\w++){0,20})[ \t]*+=[^=\n]"
    r"|(?:for|while|if|with)\b[^\n]{0,200}[:{][ \t]*+$"
    r"|#!|#include\b|using namespace\b|int main\b|public (?:final )?class\b|package main\b|fn main\b"
    r"|use std\b|function[ \t]++\w++[ \t]*+\()",
    re.MULTILINE,
)
WINDOW = 1 << 16
"""Characters that a pattern is looked for in at once: other threads have to wait meanwhile."""


def is_program(text: str) -> bool:
    """Whether a line of it looks like code."""
    return any(_PROGRAM.search(text, begin, end) for begin, end in windows(text))


def begins_as_program(text: str) -> bool:
    """Whether the first line of it that is not blank does."""
    return _PROGRAM.match(text.lstrip("\r\n")) is not None


def windows(text: str) -> Iterator[tuple[int, int]]:
    """Where parts of whole lines begin and end."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + WINDOW) + 1 or len(text)
        yield begin, end
        begin = end
