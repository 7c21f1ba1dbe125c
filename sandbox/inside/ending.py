"""Whether anybody would see the interpreter end.

At its end an interpreter waits for threads, calls exit handlers, flushes its streams, destroys all that it holds, and
flushes again. In a fork that takes some milliseconds, because every page of the zygote is written to; and of nearly all
programs nothing can be seen of it but the first flush. So a test process looks at all that the program has made and
still holds. Where everything is of a type that does nothing when it is destroyed, it flushes and leaves; otherwise, and
wherever this is in doubt, the interpreter ends like any other. Some programs do so in any case: compiler.ENDED_NAMES.

Python says itself which types do something then: they have a ``__del__``, those that are written in C as well. Nothing
of the program's runs to find that out.
"""

from __future__ import annotations

import atexit
import gc
import io
import sys
from _ctypes import CFuncPtr
from _thread import _count as threads  # pyright: ignore[reportPrivateUsage]
from _weakref import CallableProxyType, ProxyType, ref

# Whatever the program makes of the builtins.
from builtins import BaseException, any, issubclass, len, map, set, type, vars  # noqa: UP029
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from types import BuiltinFunctionType, GeneratorType
from typing import Any

HELD = 32 << 10
"""KiB that a program may have come to use beyond its zygote: with more, looking at what it holds takes as long as
destroying it."""
LOOKED_AT = 20_000
"""Objects that are looked at one by one."""

_bases: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_attributes: Callable[[type], Any] = type.__dict__["__dict__"].__get__
_callback: Callable[[ref[Any]], Any] = ref.__dict__["__callback__"].__get__


class Ending:
    """Made by a zygote that holds all that its test processes are to have in common."""

    def __init__(self) -> None:
        kinds = (kind for kind in every_type() if not issubclass(kind, type) and not acts(kind))
        self._idle: frozenset[Any] = frozenset(kinds)
        self._handlers = atexit._ncallbacks()  # pyright: ignore[reportPrivateUsage]
        self._most = getrusage(RUSAGE_SELF).ru_maxrss + HELD
        self.take_streams()

    def take_streams(self) -> None:
        """The present ones are those that the interpreter has made itself."""
        self._stdout: Any = sys.stdout
        self._stderr: Any = sys.stderr

    def unseen(self) -> bool:
        """Whether that is so; then the streams are flushed. What the zygote holds is not looked at: it is frozen.

        Each object that is used here is a page that the test process has to copy: as few as possible."""
        try:
            if (
                threads()
                or atexit._ncallbacks() != self._handlers  # pyright: ignore[reportPrivateUsage]
                or gc.callbacks
                or not (sys.stdout is (stdout := self._stdout) is sys.__stdout__)
                or not (sys.stderr is (stderr := self._stderr) is sys.__stderr__)
                or ("threading" in sys.modules and sys.modules["threading"]._threading_atexits)
                or getrusage(RUSAGE_SELF).ru_maxrss > self._most
            ):
                return False
            things = gc.get_objects()
            if self._idle.issuperset(map(type, things)) or self._nothing_acts(things):
                stdout.flush()
                stderr.flush()
                return True
        except BaseException:  # whatever the program has put in the place of something
            pass
        return False

    def _nothing_acts(self, things: list[Any]) -> bool:
        """Of these, not all of which are of a type that never does."""
        if len(things) > LOOKED_AT:
            return False
        idle, found = self._idle, set[Any]()
        for thing in things:
            kind: Any = type(thing)  # pyright: ignore[reportUnknownVariableType]
            if kind in idle or kind in found:
                continue
            if issubclass(kind, type):
                if acts(thing):
                    return False
            elif not acts(kind):
                found.add(kind)
            elif not _rests(thing, kind):
                return False
        return True


def every_type() -> list[Any]:
    """All that there are."""
    found: dict[int, Any] = {id(object): object}
    waiting: list[Any] = [object]
    while waiting:
        for kind in type.__subclasses__(waiting.pop()):
            if id(kind) not in found:
                found[id(kind)] = kind
                waiting.append(kind)
    return [*found.values()]


def acts(kind: Any) -> bool:
    """Whether its objects may do something when they are destroyed: they have a ``__del__``, or tell others (weak
    references), or call functions of C, which may write to streams of C."""
    bases = _bases(kind)
    return any("__del__" in _attributes(base) for base in bases) or any(base in _TELLING for base in bases)


def _rests(thing: Any, kind: Any) -> bool:
    """Whether an object whose type may act has nothing to do. False where that is not known."""
    look = _LOOKS.get(kind)
    return look is not None and look(thing)


def _reference(thing: ref[Any]) -> bool:
    """The one that has its class of C code call back removes an entry of an abstract class's cache."""
    call = _callback(thing)
    return call is None or (type(call) is BuiltinFunctionType and call.__name__ == "_destroy" and not call.__module__)


def _generator(thing: GeneratorType[Any, Any, Any]) -> bool:
    """One that was not run to its end goes on where a handler or a ``with`` waits. Since Python 3.12 each has one."""
    return thing.gi_frame is None or not (thing.gi_running or thing.gi_code.co_exceptiontable)


def _memory(thing: io.BytesIO | io.StringIO) -> bool:
    return not vars(thing)


def _file(thing: io.FileIO) -> bool:
    return len(vars(thing)) <= 1 and (thing.closed or not thing.writable())


def _reader(thing: io.BufferedReader) -> bool:
    return not vars(thing) and type(thing.raw) in (io.FileIO, io.BytesIO)


def _text(thing: io.TextIOWrapper) -> bool:
    return len(vars(thing)) <= 1 and type(thing.buffer) in (io.BufferedReader, io.BytesIO)


_TELLING: tuple[Any, ...] = ref, ProxyType, CallableProxyType, CFuncPtr
_LOOKS: dict[type, Callable[[Any], bool]] = {
    ref: _reference,
    GeneratorType: _generator,
    io.BytesIO: _memory,
    io.StringIO: _memory,
    io.FileIO: _file,
    io.BufferedReader: _reader,
    io.TextIOWrapper: _text,
}
"""By exact type. A stream is closed by its own ``close``, where the program has given it one."""
