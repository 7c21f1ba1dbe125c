"""Records each warning of a Python process, and of those that it starts: tests/warned.py puts this folder on PYTHONPATH.

What a library logs at level WARNING or above counts as well, since some deprecate in their log. A record is a line of
JSON, see ``Record`` there. A process that ends by itself warns a last time, so that a library that hides all warnings
is found out.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import warnings
from typing import Any


def record(category: str, message: str, attributed: str = "", place: tuple[str, int] | None = None) -> None:
    frames: list[tuple[str, str, int]] = []
    frame = sys._getframe(2)
    while frame is not None:
        frames.append((frame.f_globals.get("__name__", ""), frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    attributed = next((name for name, *each in frames if tuple(each) == place), attributed)
    line_of_json = json.dumps({"category": category, "message": message, "attributed": attributed, "frames": frames})
    with open(f"{os.environ['MICROCODER_TEST_WARNINGS']}/{os.getpid()}.jsonl", "a") as records:
        records.write(line_of_json + "\n")


def show(message: Warning | str, category: type[Warning], file: str, line: int, *_: Any) -> None:
    known = next(kind.__name__ for kind in category.__mro__ if kind.__module__ == "builtins")
    record(known, str(message), place=(file, line))


def make_record(*arguments: Any, **named: Any) -> logging.LogRecord:
    made = make(*arguments, **named)
    if made.levelno >= logging.WARNING:
        record("", f"{made.name}: {made.getMessage()}", made.name)
    return made


make = logging.getLogRecordFactory()
logging.setLogRecordFactory(make_record)
warnings.showwarning = show
warnings.simplefilter("always")
atexit.register(warnings.warn, "the recorder ends", DeprecationWarning)
