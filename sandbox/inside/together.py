"""A test and the program in one process: for what only the program's own objects can decide.

The test's text comes when the program's module has run and all that it exchanged was put back (``exchanged``). What
decides is the report of this file after the last statement, which shows a word that came with the test and stays out of
memory meanwhile; never what is printed, nor the exit code alone. A program that knows all this can forge it. One that
does not know the right answers then passes the copies of the test with a wrong value, too, that the host has it tried
on (evaluator/asserts/perturb.py).

The request is that of ``trial``, with a ``word``. Back comes the word, a newline, and what ``trial`` tells, with
``exchanged``: what was put back.
"""

from __future__ import annotations

import json
import os
import resource
import sys

# Whatever the program makes of the builtins.
from builtins import OSError, int, isinstance, min, sorted, type, vars  # noqa: UP029
from collections.abc import Callable
from functools import partial
from types import CodeType, ModuleType
from typing import Any

from .ends import end_of
from .exchanged import Snapshot, Streams
from .suite import MODULE, Suite
from .values import seed_random

Write = Callable[[bytes], None]

_PRELUDE = "prelude"
"""What the prelude takes for its module's name where it is run for the test."""
_PLACES = 1000
"""Of which one is the descriptor that the word is kept at, where there may be as many."""
_MOST = 4096


class Kept:
    """A short text where no search of the memory finds it."""

    def __init__(self, text: bytes) -> None:
        reader, writer = os.pipe()
        high = min(_PLACES, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._place = high // 2 + int.from_bytes(os.urandom(4), "little") % (high - high // 2)
        os.dup2(reader, self._place, inheritable=False)
        os.write(writer, text)
        os.close(reader)
        os.close(writer)

    def text(self) -> bytes:
        """Once. Empty: somebody else has read it, or closed the file."""
        try:
            return os.read(self._place, _MOST)
        except OSError:
            return b""


def run(scope: dict[str, Any], prelude: CodeType, program: CodeType, ask: Callable[[], bytes], write: Write) -> None:
    """``scope``: of the program's module; ``ask`` tells that it has run and gives the request. What ends the program's
    module ends the process, as it would anywhere."""
    module, streams = sys.modules["solution"], Streams()
    seed_random()
    exec(prelude, scope)
    exec(program, scope)
    exchanged = _before.put_back(streams)
    seed_random()
    kept, asked = _read(ask())
    given = sorted({*scope} & {*asked["free"]})
    suite = Suite(asked["code"], module, partial(_run, prelude, program), scope_of(scope, prelude), asked["forced"])
    told = {**end_of(suite.run(asked["select"]), program.co_filename), "given": given, "exchanged": exchanged}
    write(kept.text() + b"\n" + json.dumps(told).encode())


def _run(prelude: CodeType, program: CodeType, module: ModuleType) -> None:
    exec(prelude, vars(module))
    exec(program, vars(module))


def _read(request: bytes) -> tuple[Kept, dict[str, Any]]:
    """Nothing else holds the word afterwards."""
    asked = json.loads(request)
    return Kept(asked.pop("word").encode()), asked


def scope_of(scope: dict[str, Any], prelude: CodeType) -> dict[str, Any]:
    """What the prelude gives the test: its own functions, which nothing that the program calls so stands for, but the
    program's classes and what is made of them, so that there is one of each."""
    given: dict[str, Any] = {"__name__": _PRELUDE}
    exec(prelude, given)
    for name, value in given.items():
        kind = value if isinstance(value, type) else type(value)
        if name in scope and vars(kind).get("__module__") == _PRELUDE:
            given[name] = scope[name]
    given["__name__"] = MODULE
    return given


_before = Snapshot()
"""Taken where this is imported first: in the zygote of tests. It has all of this file, so it stands at the end."""
