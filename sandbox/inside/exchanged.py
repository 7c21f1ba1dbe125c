"""What a program may exchange of the interpreter that a test relies on, and its restoration.

``Snapshot`` is taken before the program's module runs, best by the zygote: its copies cost a test process nothing then,
and the collector, which has them frozen, shows them to nobody. Put back are, wherever they stood: functions, classes
and modules that modules hold, the code and the defaults of functions, and of ``MACHINERY`` all there is: attributes of
its classes and instances, its lists, its names. What a program sets up for itself stays: limits, seeds, its own
modules, attributes of other classes, names that nobody had.
"""

from __future__ import annotations

import builtins
import gc
import os
import signal
import sys

# Whatever the program makes of the builtins.
from builtins import (  # noqa: UP029
    BaseException,
    ValueError,
    all,
    callable,
    classmethod,
    dict,
    getattr,
    id,
    isinstance,
    len,
    list,
    map,
    property,
    range,
    repr,
    set,
    staticmethod,
    str,
    type,
    vars,
    zip,
)
from collections.abc import Callable, Iterable, Iterator
from ctypes import py_object, pythonapi
from itertools import chain
from sys import getprofile, gettrace, setprofile, settrace
from types import CellType, FunctionType, ModuleType
from typing import Any, NamedTuple, cast

from .ending import every_type

OWN = __name__.rpartition(".")[0]
MACHINERY = frozenset((
    "_pytest", "abc", "ast", "builtins", "contextlib", "difflib", "importlib", "inspect", "operator", "pluggy",
    "pprint", "pytest", "reprlib", "sys", "traceback", "types", "unittest", OWN.partition(".")[0],
))  # fmt: skip
"""Packages that say whether a test passes."""
PROGRAM_MODULES = frozenset(("__main__", "solution"))
VARIABLES = ("PYTEST", "PYTHON")
"""How the names of variables begin that these packages read."""
_STREAMS = "stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"
_FREE = frozenset(
    (
        *_STREAMS,
        "argv",
        "last_exc",
        "last_traceback",
        "last_type",
        "last_value",
        "modules",
        "path",
        "path_importer_cache",
    )
)
"""Names in ``sys`` that programs may have otherwise, or that are put back by themselves."""
_OPEN = frozenset(("builtins", "sys"))
"""Modules that keep what was added."""
_STATEFUL = frozenset(("importlib", OWN.partition(".")[0]))
"""Packages whose lists and instances change by themselves."""
_TOLD = 20
"""Names of exchanged things that are told."""
_ABSENT: Any = object()
_IMMUTABLE, _HEAP = 1 << 8, 1 << 9
"""Py_TPFLAGS_IMMUTABLETYPE, Py_TPFLAGS_HEAPTYPE."""
_TIMERS = signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF
_UNCAUGHT = signal.SIGKILL, signal.SIGSTOP

_set_of_type = type.__setattr__
_delete_of_type = type.__delattr__
_attributes: Callable[[type], Any] = type.__dict__["__dict__"].__get__
_flags: Callable[[type], int] = type.__dict__["__flags__"].__get__
_modified = pythonapi.PyType_Modified
_set_of_module = ModuleType.__setattr__


class _Names(NamedTuple):
    """Names of a module, a class or an instance."""

    title: str
    held: dict[str, Any]
    keys: list[str]
    values: list[Any]
    ids: list[int]
    """Of the values."""
    owner: type | None
    """The class."""
    wholly: bool
    """Whatever it holds is put back, and what was added taken away."""


class Snapshot:
    """Taken when it is made. What is exchanged later, `put_back` puts back."""

    def __init__(self) -> None:
        self._registry = sys.modules
        self._modules = {name: module for name, module in sys.modules.items() if name not in PROGRAM_MODULES}
        self._kinds = [(module, type(module)) for module in self._modules.values()]
        self._names: list[_Names] = []
        self._lists: list[tuple[Any, Any]] = []
        for name, module in self._modules.items():
            if type(vars(module)) is dict:
                self._look_at_module(name, module)
        kinds = every_type()
        for kind in kinds:
            if _root(_module_of(kind)) in MACHINERY or not _is_changeable(kind):
                self._names.append(_names(_title(kind), _dict_of(kind), kind, wholly=True))
        functions = _functions_in(chain(map(vars, self._modules.values()), map(_dict_of, kinds)))
        self._functions = [(thing, thing.__code__, thing.__defaults__, thing.__kwdefaults__) for thing in functions]
        cells = [(cell, _content(cell)) for thing in functions for cell in thing.__closure__ or ()]
        self._cells = [(cell, content) for cell, content in cells if callable(content)]
        self._lists += [(held, _copy(held)) for held in (sys.meta_path, sys.path_hooks, gc.callbacks)]
        self._path = list(sys.path)
        self._writable = [place for place in self._path if os.access(place or ".", os.W_OK)]
        self._variables = _variables()
        self._handlers = _handlers()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def _look_at_module(self, name: str, module: ModuleType) -> None:
        wholly = _root(name) in MACHINERY
        self._names.append(_names(name, vars(module), None, wholly=wholly))
        if not wholly or name in _OPEN or _root(name) in _STATEFUL:
            return
        for attribute, value in vars(module).items():
            if type(value) in (list, dict, set) and attribute != "__builtins__":
                self._lists.append((value, _copy(value)))
            elif (
                not isinstance(value, type | ModuleType | FunctionType) and type(getattr(value, "__dict__", 0)) is dict
            ):
                self._names.append(_names(f"{name}.{attribute}", value.__dict__, None, wholly=True))

    def put_back(self, streams: Streams) -> list[str]:
        """Of what the program has done to the interpreter. What was exchanged, as far as that is worth telling."""
        told = [*_stop_watching()]
        sys.__dict__["modules"] = self._registry
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                self._registry[name] = module
                told.append(f"sys.modules[{name!r}]")
        for module, kind in self._kinds:
            if type(module) is not kind:
                _set_of_module(module, "__class__", kind)
                told.append(repr(kind))
        for names in self._names:
            if [*map(id, names.held.values())] != names.ids or [*names.held] != names.keys:
                told += _put_back(names)
        for thing, code, defaults, keywords in self._functions:
            if thing.__code__ is not code or thing.__defaults__ is not defaults or thing.__kwdefaults__ is not keywords:
                thing.__code__, thing.__defaults__, thing.__kwdefaults__ = code, defaults, keywords
                told.append(f"{thing.__module__}.{thing.__qualname__}")
        for cell, content in self._cells:
            if _content(cell) is not content:
                cell.cell_contents = content
                told.append("a closure")
        for held, content in self._lists:
            _fill(held, content)
        streams.put_back()
        self._put_path_back()
        _put_variables_back(self._variables)
        told += _put_handlers_back(self._handlers)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return told[:_TOLD]

    def _put_path_back(self) -> None:
        """Packages come before what the program may have written or put there."""
        present = list(sys.path) if type(sys.path) is list else []
        added = [place for place in present if type(place) is str and place not in self._path]
        packages = [place for place in self._path if place not in self._writable]
        sys.__dict__["path"] = [*packages, *self._writable, *added]


class Streams:
    """The present standard streams."""

    def __init__(self) -> None:
        self._present = {name: getattr(sys, name) for name in _STREAMS}
        self._exchanged: list[Any] = []
        """Kept: one that wraps another closes that when it goes."""

    def put_back(self) -> None:
        for name, stream in self._present.items():
            present = getattr(sys, name, None)
            if present is not stream and _is_open(stream):
                self._exchanged.append(present)
                try:
                    present.flush()  # pyright: ignore[reportOptionalMemberAccess]
                except BaseException:  # whatever the program has put there
                    pass
                sys.__dict__[name] = stream


def _names(title: str, held: dict[str, Any], owner: type | None, *, wholly: bool) -> _Names:
    values = list(held.values())
    return _Names(title, held, list(held), values, [*map(id, values)], owner, wholly)


def _put_back(names: _Names) -> Iterator[str]:
    before, held = dict(zip(names.keys, names.values, strict=True)), names.held
    for name, value in before.items():
        if held.get(name, _ABSENT) is value or (names.title == "sys" and name in _FREE):
            continue
        if names.wholly or callable(value) or isinstance(value, ModuleType) or name == "__builtins__":
            _put(names, name, value)
            yield f"{names.title}.{name}"
    if names.wholly:
        for name in held.keys() - before.keys():
            # In a module it makes a difference where a builtin, or nothing by rule, was found before.
            if not _is_lazy(name) and (names.owner is not None or _is_hidden(name, names.title)):
                _put(names, name, _ABSENT)
                yield f"{names.title}.{name}"


def _put(names: _Names, name: str, value: Any) -> None:
    owner = names.owner
    if owner is not None and _is_changeable(owner):
        if value is _ABSENT:
            _delete_of_type(owner, name)
        else:
            _set_of_type(owner, name, value)
        return
    if value is _ABSENT:
        del names.held[name]
    else:
        names.held[name] = value
    if owner is not None:
        _modified(py_object(owner))


def _stop_watching() -> Iterator[str]:
    """Nothing of the program follows what runs."""
    if gettrace() is not None:
        settrace(None)
        yield "a trace function"
    if getprofile() is not None:
        setprofile(None)
        yield "a profile function"
    if (threading := sys.modules.get("threading")) is not None:
        vars(threading).update(_trace_hook=None, _profile_hook=None)
    monitoring: Any = getattr(sys, "monitoring", None)
    for tool in range(6 if monitoring else 0):
        if monitoring.get_tool(tool) is not None:
            monitoring.set_events(tool, 0)
            monitoring.free_tool_id(tool)
            yield "a monitoring tool"


def _functions_in(namespaces: Iterable[dict[str, Any]]) -> list[FunctionType]:
    """With those that they wrap."""
    found: dict[int, FunctionType] = {}
    waiting = [value for held in namespaces for value in held.values()]
    while waiting:
        value = waiting.pop()
        kind = cast("Any", type(value))
        if kind is FunctionType and id(value) not in found:
            found[id(value)] = value
            waiting += map(_content, value.__closure__ or ())
        elif kind in (classmethod, staticmethod):
            waiting.append(value.__func__)
        elif kind is property:
            waiting += [value.fget, value.fset, value.fdel]
    return [*found.values()]


def _copy(held: Any) -> Any:
    """Of a list, dict or set."""
    return cast("Any", type(held))(held)


def _fill(held: Any, content: Any) -> None:
    kind = cast("Any", type(held))
    if kind is list:
        if [*map(id, held)] != [*map(id, content)]:
            held[:] = content
    elif kind is dict:
        if [*map(id, held.values())] != [*map(id, content.values())] or [*held] != [*content]:
            held.clear()
            held.update(content)
    elif len(held) != len(content) or not all(item in content for item in held):
        held.clear()
        held.update(content)


def _is_lazy(name: str) -> bool:
    """Whether the interpreter adds such names by itself."""
    return name.startswith("__") and "annot" in name


def _is_hidden(name: str, module: str) -> bool:
    return module not in _OPEN and (name in vars(builtins) or name.startswith("__"))


def _is_changeable(kind: type) -> bool:
    return _flags(kind) & (_IMMUTABLE | _HEAP) == _HEAP


def _dict_of(kind: type) -> dict[str, Any]:
    """What its mapping shows."""
    return gc.get_referents(_attributes(kind))[0]


def _module_of(kind: type) -> str:
    name = _attributes(kind).get("__module__", "builtins")
    return name if type(name) is str else "builtins"


def _root(name: str) -> str:
    return name.partition(".")[0]


def _title(kind: type) -> str:
    return f"{_module_of(kind)}.{kind.__qualname__}"


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _is_open(stream: Any) -> bool:
    try:
        return stream is not None and not stream.closed
    except BaseException:  # it was detached
        return False


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}


def _put_variables_back(variables: dict[str, str]) -> None:
    for name in _variables().keys() - variables.keys():
        del os.environ[name]
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.valid_signals() if number not in _UNCAUGHT}


def _put_handlers_back(handlers: dict[int, Any]) -> Iterator[str]:
    for which in _TIMERS:
        signal.setitimer(which, 0)
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)
            yield f"the handler of signal {number}"
