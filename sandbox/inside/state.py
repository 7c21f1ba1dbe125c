"""What a process has besides its modules, and importing a package may change for everybody: put back afterwards.

Left as packages leave it is what belongs to them or adds to the interpreter without being seen: their own modules, exit
handlers, importers, codecs.
"""

from __future__ import annotations

import _locale
import builtins
import functools
import gc
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

_OF_SYS = (
    "__stderr__", "__stdin__", "__stdout__", "breakpointhook", "displayhook", "dont_write_bytecode", "excepthook",
    "getrecursionlimit", "setrecursionlimit", "stderr", "stdin", "stdout", "unraisablehook",
)  # fmt: skip
_LISTS: tuple[Any, ...] = sys.path, sys.argv, sys.warnoptions, warnings.filters
_LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))
_TIMERS = signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF
_UNCAUGHT = signal.SIGKILL, signal.SIGSTOP


class State:
    """Taken when it is made."""

    def __init__(self) -> None:
        self._put = [functools.partial(put, get()) for get, put in _PARTS]

    def put_back(self) -> None:
        for put in self._put:
            put()
        _module("warnings")._filters_mutated()
        if (logging := _module("logging")) is not None:
            logging.root.handlers.clear()
            logging.root.setLevel(logging.WARNING)
            logging.disable(logging.NOTSET)
        if (threading := _module("threading")) is not None:
            threading.excepthook = threading.__excepthook__


def _module(name: str) -> Any:
    """Where something has imported it; else None."""
    return sys.modules.get(name)


def _put_environment(variables: dict[str, str]) -> None:
    if dict(os.environ) != variables:
        os.environ.clear()
        os.environ.update(variables)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals() if number not in _UNCAUGHT}


def _put_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _put_limits(limits: list[tuple[int, int]]) -> None:
    for which, limit in zip(_LIMITS, limits, strict=True):
        if resource.getrlimit(which) != limit:
            resource.setrlimit(which, limit)


def _put_attributes(thing: ModuleType, values: dict[str, Any]) -> None:
    held = vars(thing)
    for name in held.keys() - values.keys():
        delattr(thing, name)
    for name, value in values.items():
        if name not in held or held[name] is not value:
            setattr(thing, name, value)


def _put_of_sys(values: list[Any]) -> None:
    for name, value in zip(_OF_SYS, values, strict=True):
        setattr(sys, name, value)


def _put_lists(contents: list[list[Any]]) -> None:
    for held, content in zip(_LISTS, contents, strict=True):
        held[:] = content


def _put_timers(timers: list[tuple[float, float]]) -> None:
    for which, (delay, interval) in zip(_TIMERS, timers, strict=True):
        signal.setitimer(which, delay, interval)


_PARTS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (lambda: dict(os.environ), _put_environment),
    (os.getcwd, os.chdir),
    (_umask, os.umask),
    (lambda: _locale.setlocale(_locale.LC_ALL), lambda name: _locale.setlocale(_locale.LC_ALL, name)),
    (_handlers, _put_handlers),
    (
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
    ),
    (lambda: [signal.getitimer(which) for which in _TIMERS], _put_timers),
    (lambda: [resource.getrlimit(which) for which in _LIMITS], _put_limits),
    (lambda: [getattr(sys, name) for name in _OF_SYS], _put_of_sys),
    (lambda: [list(held) for held in _LISTS], _put_lists),
    (lambda: dict(vars(builtins)), functools.partial(_put_attributes, builtins)),
    (lambda: dict(vars(warnings)), functools.partial(_put_attributes, warnings)),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.getswitchinterval, sys.setswitchinterval),
    (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    (sys.gettrace, sys.settrace),
    (sys.getprofile, sys.setprofile),
    (gc.get_threshold, lambda thresholds: gc.set_threshold(*thresholds)),
    (gc.get_debug, gc.set_debug),
    (gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()),
)
"""How each part is taken, and how it is put back."""
