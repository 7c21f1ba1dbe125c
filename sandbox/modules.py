"""Which modules a program names, so that they are imported once per program instead of once per test.

Only a head start: a name that is missed is imported by the program itself, one that is not used costs a little time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([\w., \t]+))", re.MULTILINE)

_NOT_AHEAD = frozenset("__main__ antigravity idlelib lib2to3 pdb site test this tkinter turtle".split())
"""Importing these does something, or is never worth it."""

_STANDARD = frozenset(sys.stdlib_module_names) - _NOT_AHEAD


def named_modules(source: str, packages: Collection[str] = ()) -> list[str]:
    """Dotted names of the standard and allowed modules that ``source`` imports, in order of appearance."""
    found: dict[str, None] = {}
    for match in _IMPORT.finditer(source):
        if match[1]:
            names = [match[1]]
        else:
            names = [part.split()[0] for part in match[2].split(",") if part.strip()]
        for name in names:
            root = name.partition(".")[0]
            if (root in _STANDARD or root in packages) and not name.endswith("__main__"):
                found[name] = None
    return list(found)
