"""Sizes in bytes, as people write them."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(-?[0-9]{1,15})(\.[0-9]{1,15}(?=[ \t]*[KMGT]))?[ \t]*(?:([KMGT])I?)?B?", re.IGNORECASE | re.ASCII)
_UNITS = "KMGT"
SHOWN = 40


def bytes_of(text: str) -> int:
    """``268435456``, ``256MB``, ``256 MiB`` and ``0.25g`` are the same: units are powers of 1024, as contests,
    container engines and virtual machines have them for memory. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        raise ValueError(
            f"must be bytes, or a number with KB, MB, GB or TB, which are powers of 1024 (found {shown!r})"
        )
    whole, part, unit = found.groups()
    factor = 1024 ** (_UNITS.index(unit.upper()) + 1) if unit else 1
    return int(float(whole + part) * factor) if part else int(whole) * factor
