"""Whether anybody would see the interpreter end.

At its end an interpreter waits for threads, calls exit handlers, flushes its streams, destroys all that it holds, and
flushes again. In a fork that takes many milliseconds, because every page of the zygote is written to; and of nearly all
programs nothing can be seen of it but the first flush. So a test process looks at all that the program has made and
still holds. Where everything is of a type that does nothing when it is destroyed, it flushes and leaves; otherwise, and
wherever this is in doubt, the interpreter ends like any other. Some programs do so in any case: compiler.ENDED_NAMES.
Of others their code says that they make nothing but data (eligibility.inert): nothing of theirs is looked at.

What the zygote holds is most of the work, and nobody sees how it is destroyed. So it is left out where all that acts is
held by things of the program alone: that is gone once the interpreter has let go of the modules and has collected what
nobody holds, and there the process leaves.

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
from _weakrefset import WeakSet

# Whatever the program makes of the builtins.
from builtins import BaseException, all, any, dict, getattr, id, issubclass, len, list, map, set, type, vars, zip  # noqa: UP029
from collections.abc import Callable
from itertools import chain
from os import _exit
from sys import getrefcount
from types import BuiltinFunctionType, CodeType, FunctionType, GeneratorType, ModuleType
from typing import Any, cast

LOOKED_AT = 20_000
"""Objects that are looked at one by one."""
LAST = "<last>"

_bases: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_attributes: Callable[[type], Any] = type.__dict__["__dict__"].__get__
_callback: Callable[[ref[Any]], Any] = ref.__dict__["__callback__"].__get__


class Ending:
    """Made by a zygote that holds all that its test processes are to have in common."""

    def __init__(self) -> None:
        kinds = (kind for kind in every_type() if not issubclass(kind, type) and not acts(kind))
        self._idle: frozenset[Any] = frozenset(kinds)
        self._handlers = atexit._ncallbacks()  # pyright: ignore[reportPrivateUsage]
        self.take_streams()
        self.begin()

    def take_streams(self) -> None:
        """The present ones are those that the interpreter has made itself."""
        self._stdout: Any = sys.stdout
        self._stderr: Any = sys.stderr

    def begin(self) -> None:
        """Of a test. What the one before left is nothing to it."""
        self._mark = Mark()
        self._flushed = False
        self._nothing_else = False
        """It has been seen that there are no handlers, threads and the like."""

    def frozen(self) -> bool:
        """Whether the program has taken what there is away from the collector; at the end it leaves that alone."""
        return all(thing is not self._mark for thing in gc.get_objects())

    def flush(self) -> None:
        """As the interpreter does, once, after the last line of a file, before it looks at how that ended."""
        if not self._flushed:
            self._flushed = True
            for name in ("stderr", "stdout"):
                try:
                    getattr(sys, name).flush()
                except BaseException:
                    pass

    def flushes(self) -> bool:
        """Flush the streams of the interpreter: whether that went well, where nothing else is to be seen."""
        try:
            self._stderr.flush()
            self._stdout.flush()
        except BaseException:  # the disk is full
            return False
        return True

    def unseen(self, traced: bool) -> bool:
        """Whether that is so; then the streams are flushed. What the zygote holds is not looked at: it is frozen.
        ``traced``: the program would see what runs in Python.

        Each object that is used here is a page that the test process has to copy: as few as possible."""
        try:
            if (
                atexit._ncallbacks() != self._handlers  # pyright: ignore[reportPrivateUsage]
                or gc.callbacks
                or ("threading" in sys.modules and not self._joined(sys.modules["threading"], traced))
                or threads()
            ):
                return False
            self._nothing_else = True
            if not (sys.stdout is self._stdout is sys.__stdout__ and sys.stderr is self._stderr is sys.__stderr__):
                return False
            things = gc.get_objects()
            kinds: set[Any] = set(map(type, things))
            if Mark in kinds and (kinds <= self._idle or all(map(_rests, self._doubtful(things, kinds)))):
                return self.flushes()
        except BaseException:  # whatever the program has put in the place of something
            pass
        return False

    def leave_out(self, main: ModuleType, code: int) -> bool:
        """What the zygote holds, of the end that comes now. False: that may be seen. ``main``: the program's module;
        ``code``: what it ends with."""
        if not self._nothing_else or self._held_elsewhere(main):
            return False
        if sys.stdout is self._stdout and sys.stderr is self._stderr:  # others have a say in what the code will be
            self._stdout.flush()
            self._stderr.flush()
            last = sys.modules[LAST] = ModuleType(LAST)
            last.__dict__["last"] = Last(self, code)
            _kept.append(last)  # until the interpreter clears the modules that are left, the newest first
        return True

    def _held_elsewhere(self, main: ModuleType) -> bool:
        """Whether anything that acts may be reached from what the program has not made, its module apart. That is found
        as the collector finds it: what has more references than can be seen is held by somebody else."""
        things = gc.get_objects()
        things.append([])
        if len(things) > LOOKED_AT:
            return True
        seen = dict.fromkeys(map(id, things), 0)
        for thing in (sys.stdin, sys.stdout, sys.stderr):  # which are put back at the end
            if id(thing) in seen:
                seen[id(thing)] += 1
        for thing in chain.from_iterable(map(gc.get_referents, things)):
            if id(thing) in seen:
                seen[id(thing)] += 1
        del thing
        counts = [*map(getrefcount, things)]  # the last one is what nobody but the list holds
        held = {id(thing) for thing, count in zip(things, counts, strict=True) if count - seen[id(thing)] != counts[-1]}
        held -= {id(main), id(main.__dict__)}
        reached = [thing for thing in things if id(thing) in held]
        acting = [thing for thing in self._doubtful(things, {*map(type, things)}) if not _rests(thing)]
        if any(issubclass(type(thing), _TELLING) for thing in acting):  # of what others hold, perhaps
            return True
        ids, left = {id(main), id(main.__dict__), *map(id, acting)}, {*seen}
        for thing in reached:  # grows while it is read
            if id(thing) in ids:
                return True
            if id(thing) in left:
                left.remove(id(thing))
                reached += [inner for inner in gc.get_referents(thing) if id(inner) in left]
        return False

    def _joined(self, threading: Any, traced: bool) -> bool:
        """Wait for the program's threads, with what the interpreter does first at its end, and only once: whether
        there was nothing else to do."""
        if threading._threading_atexits or (traced and threads()):
            return False
        if threads():
            self.flush()
            threading._shutdown()
        return atexit._ncallbacks() == self._handlers  # pyright: ignore[reportPrivateUsage]

    def _doubtful(self, things: list[Any], kinds: set[Any]) -> list[Any]:
        """Those of a type that may act, and classes. ``kinds``: of the things."""
        doubtful = {kind for kind in kinds - self._idle if issubclass(kind, type) or acts(kind)}
        found = [thing for thing in things if type(thing) in doubtful] if doubtful else []
        if len(found) > LOOKED_AT:
            raise ValueError("too many")
        return found


class Mark:
    """Is among what the collector looks at, unless the program has frozen that."""


class Last:
    """Is destroyed when nothing is left but what the zygote holds: then the process leaves."""

    def __init__(self, ending: Ending, code: int) -> None:
        self._ending = ending
        self._code = code

    def __del__(self) -> None:
        if self._ending.unseen(traced=False):
            _exit(self._code)
        gc.unfreeze()


def own_methods() -> bool:
    """Whether the standard streams that the interpreter has made have their own. False where that is not known."""
    try:
        for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
            if type(stream) is not io.TextIOWrapper or not vars(stream).keys() <= {"mode"}:
                return False
            buffer = cast("Any", stream).buffer
            if [*vars(buffer), *vars(buffer.raw)] not in ([], ["name"]):
                return False
    except BaseException:  # it has been closed
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
    return any("__del__" in _attributes(base) or base in _TELLING for base in _bases(kind))


def _rests(thing: Any) -> bool:
    """Whether an object whose type may act, or a class, has nothing to do. False where that is not known."""
    kind: Any = type(thing)  # pyright: ignore[reportUnknownVariableType]
    if issubclass(kind, type):
        return not acts(thing)
    look = _LOOKS.get(kind)
    return look is not None and look(thing)


def _reference(thing: ref[Any]) -> bool:
    """The one that has its class of C code call back removes an entry of an abstract class's cache; that of a WeakSet,
    in which threads are, its own."""
    call = _callback(thing)
    if type(call) is FunctionType:
        return call.__code__ is _FORGET and _usual(call.__defaults__)
    return call is None or (type(call) is BuiltinFunctionType and call.__name__ == "_destroy" and not call.__module__)


def _usual(defaults: tuple[Any, ...] | None) -> bool:
    """Of a WeakSet's callback: whether it finds what the WeakSet was made with."""
    reference: Any = defaults[0] if defaults else None
    whose = reference() if cast("Any", type(reference)) is ref else None
    if cast("Any", type(whose)) is not WeakSet:
        return False
    held = vars(whose)
    return type(held["data"]) is set and type(held["_pending_removals"]) is list and type(held["_iterating"]) is set


def _generator(thing: GeneratorType[Any, Any, Any]) -> bool:
    """One that was not run to its end goes on where a handler or a ``with`` waits, and closes what it yields from.
    Since Python 3.12 each has a handler."""
    if thing.gi_frame is None:
        return True
    inner = thing.gi_yieldfrom
    return not (thing.gi_running or thing.gi_code.co_exceptiontable) and (inner is None or type(inner) is GeneratorType)


def _memory(thing: io.BytesIO | io.StringIO) -> bool:
    return not vars(thing)


def _file(thing: io.FileIO) -> bool:
    return vars(thing).keys() <= {"name"} and (thing.closed or not thing.writable())


def _reader(thing: io.BufferedReader) -> bool:
    return not vars(thing) and type(thing.raw) in (io.FileIO, io.BytesIO)


def _text(thing: io.TextIOWrapper) -> bool:
    return vars(thing).keys() <= {"mode"} and type(thing.buffer) in (io.BufferedReader, io.BytesIO)


_making: Any = WeakSet[Any].__init__
_FORGET = next(constant for constant in _making.__code__.co_consts if isinstance(constant, CodeType))
_kept: list[ModuleType] = []
_TELLING: tuple[Any, ...] = ref, ProxyType, CallableProxyType, CFuncPtr
_LOOKS: dict[type, Callable[[Any], bool]] = {
    ref: _reference,
    GeneratorType: _generator,
    Last: lambda _: True,
    io.BytesIO: _memory,
    io.StringIO: _memory,
    io.FileIO: _file,
    io.BufferedReader: _reader,
    io.TextIOWrapper: _text,
}
"""By exact type. A stream is closed by its own ``close``, where the program has given it one."""
