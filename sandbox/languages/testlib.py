"""testlib.h, which checkers of contests are compiled with. It is not part of this package."""

from __future__ import annotations

import os
from pathlib import Path

HEADER = "testlib.h"
VARIABLE = "MICROCODER_TESTLIB"
"""Names the file, or its folder."""
_PLACES = ("/usr/include/testlib.h", "/usr/local/include/testlib.h")


def header() -> Path | None:
    """The testlib.h of this host."""
    named = os.environ.get(VARIABLE)
    places = [Path(named)] if named else [Path(place) for place in _PLACES]
    found = next((place for place in places if place.exists()), None)
    return found / HEADER if found and found.is_dir() else found


def missing() -> str | None:
    """Why checkers cannot be compiled here; None: they can."""
    found = header()
    if found is not None and found.is_file():
        return None
    named = os.environ.get(VARIABLE)
    if named:
        return f"{VARIABLE} names no testlib.h: {named}"
    return f"no testlib.h: get it from github.com/MikeMirzayanov/testlib, name it with --testlib or {VARIABLE}"
