"""The process of a test that has a link to the program's.

The request is ``{"code": text, "forced": [...], "select": null or text, "free": [...]}``: the test; names that are the
program's even where the prelude or Python has them; the one test function that is wanted; and names of which the host
wants to know whether the program gives them. Back comes ``{"end": ..., "words": text, "given": [...]}``, where the end is

    passed       all that ran
    failed       by an assertion, or any other exception of the test
    raised       by an exception of the program that went through the test
    faulty       the test cannot run, whatever the program gives
    empty        nothing ran
    ended        there the program's process ended
    garbled      what came from there is no answer
    undecided    a stand-in cannot do what the test asks, or the program's own code would decide it
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import CodeType
from typing import Any

from . import guard
from .link.standins import Link
from .objects import classes_in
from .suite import MODULE, Result, Suite

Write = Callable[[bytes], None]


def run(request: bytes, prelude: CodeType, fd: int, folders: tuple[str, str], write: Write) -> None:
    asked: dict[str, Any] = json.loads(request)
    scope: dict[str, Any] = {"__name__": MODULE}
    exec(prelude, scope)
