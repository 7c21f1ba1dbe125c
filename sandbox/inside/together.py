"""A test and the program in one process: for what only the program's own objects can decide.

The test's text comes when the program's module has run and all that it exchanged was put back (``exchanged``). What
decides is the report of this file after the last statement, which shows a word that came with the test and stays out of
memory meanwhile; never what is printed, nor the exit code alone. A program that knows all this can forge it. One that
does not know the right answers then passes the copies of the test with a wrong value, too, that the host has it tried
on (evaluator/asserts/perturb.py).

The request is that of `trial`, with "word". The result file gets the word, a newline and

    {"end": one of `ends`, "words": text, "missing": null or name, "given": [...], "exchanged": [what was put back, ...]}
"""

from __future__ import annotations

import builtins
import json
import os
import sys

# Whatever the program makes of the builtins.
from builtins import BaseException, OSError, dict, getattr, isinstance, type  # noqa: UP029
from collections.abc import Callable
from types import CodeType
from typing import Any

from .ends import end_of
from .exchanged import Snapshot, Streams
from .suite import Suite

_PRELUDE = "prelude"
"""What the prelude takes for its module's name where it is run for the test."""
_PLACES = 200, 1000
"""Of the descriptor that the word is kept at."""


class Kept:
    """A short text where no search of the memory finds it."""

    def __init__(self, text: bytes) -> None:
        low, high = _PLACES
        reader, writer = os.pipe()
        self._place = low + int.from_bytes(os.urandom(4), "little") % (high - low)
        os.dup2(reader, self._place, inheritable=False)
        os.write(writer, text)
        os.close(reader)
        os.close(writer)

    def text(self) -> bytes:
        """Once. Empty: somebody else has read it, or closed the file."""
        try:
            return os.read(self._place, 4096)
        except OSError:
            return b""


def serve(
    scope: dict[str, Any],
    prelude: CodeType,
    program: CodeType,
    before: Snapshot,
    ask: Callable[[], bytes],
    result: int,
) -> None:
    """``scope``: of the program's module; ``ask`` tells that it has run and gives the request; ``result``: the
    descriptor of the file for it. What ends the program's module ends the process, as it would anywhere."""
    streams = Streams()
    module = sys.modules[scope["__name__"]]
    exec(prelude, scope)
    exec(program, scope)
    exchanged = before.put_back(streams)
    kept, asked = _read(ask())
    suite = Suite(asked["code"], module, test_scope(scope, prelude), asked["forced"])
    end = end_of(suite.run(asked["select"]), program.co_filename)
    given = [name for name in asked["free"] if name in scope]
    _tell(result, kept.text(), json.dumps({**end, "given": given, "exchanged": exchanged}).encode())


def _read(request: bytes) -> tuple[Kept, dict[str, Any]]:
    """Nothing else holds the word afterwards."""
    asked = json.loads(request)
    return Kept(asked.pop("word").encode()), asked


def test_scope(scope: dict[str, Any], prelude: CodeType) -> dict[str, Any]:
    """What the prelude gives the test, as it gives it; but classes that it defines, and what it makes of them, are the
    program's, so that there is one of each."""
    given: dict[str, Any] = {"__name__": _PRELUDE, "__builtins__": builtins}
    exec(prelude, given)
    for name, own in [*given.items()]:
        if getattr(own if isinstance(own, type) else type(own), "__module__", "") == _PRELUDE:
            given[name] = scope.get(name, own)
    return given


def _tell(result: int, word: bytes, text: bytes) -> None:
    """Once, and then nobody can write to the file."""
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:  # whatever the program or the test has put there
        pass
    os.ftruncate(result, 0)
    os.lseek(result, 0, os.SEEK_SET)
    rest = word + b"\n" + text
    while rest:
        rest = rest[os.write(result, rest) :]
    os.close(result)
