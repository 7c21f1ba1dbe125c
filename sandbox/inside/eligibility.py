"""What the compiled code says about a program before it runs."""

from __future__ import annotations

import bisect
import builtins
import collections
import heapq
import io
import itertools
import marshal
import math
import sys
from collections.abc import Iterable
from opcode import hasjabs, hasjrel, opmap
from types import CodeType, FrameType, FunctionType, GeneratorType, MethodType, ModuleType, TracebackType
from typing import Any

# What a lane cannot restore, or would be slow to check. Such programs get a process a test; that is never wrong.
LANE_MODULES = frozenset(
    "__future__ abc array bisect builtins cmath collections copy dataclasses datetime enum fractions functools heapq "
    "io itertools json math numbers numpy operator os queue random re sortedcontainers statistics string sys time "
    "types typing".split()
)
LANE_NAMES = frozenset(
    "RecursionError "  # the interpreter has learnt more in later tests, and counts fewer levels
    "__builtins__ __del__ __dict__ __import__ __subclasses__ _exit _getframe abort addaudithook breakpointhook chdir "
    "chmod closerange compile delattr displayhook dup dup2 environ environb eval excepthook exec execv fchdir fdopen "
    "ftruncate kill lockf mkdir mkfifo modules path_hooks pipe process_cpu_count putenv rename rmdir "
    "sched_getaffinity set_printoptions setattr seterr setitimer setprofile setswitchinterval settrace stack_size "
    "symlink truncate umask unlink unraisablehook unsetenv update_wrapper vars".split()
)
STREAMS = frozenset({"stdin", "stdout", "stderr"})
"""Attributes of sys that programs like to replace, and that every test gets anew."""

_DATA = (bool, bytearray, bytes, complex, dict, float, frozenset, int, list, range, set, slice, str, tuple)
_REACHED = (
    CodeType, FrameType, FunctionType, GeneratorType, MethodType, ModuleType, TracebackType,
    io.BufferedReader, io.BufferedWriter, io.FileIO, io.TextIOWrapper,
)  # fmt: skip
"""Types of what any program has, besides data."""
_MAKERS = (
    "__name__ abs all any ascii bin callable chr divmod enumerate exit filter format hash hex id input isinstance "
    "issubclass iter len map max min next object oct ord pow print quit repr reversed round sorted sum zip"
)
_OF_SYS = frozenset(
    "sys stdin stdout stderr readline readlines read write writelines flush buffer exit setrecursionlimit "
    "getrecursionlimit maxsize".split()
)
_MAKING = {module.__name__: module for module in (bisect, collections, heapq, itertools, math)}
"""Modules in which nothing but makes data, but for their own imports."""
_INERT = frozenset(
    [*_MAKERS.split(), *(kind.__name__ for kind in _DATA)]
    + [name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)]
    + [name for kind in _DATA for name in dir(kind) if not name.startswith("_")]
    + [*_MAKING]
    + [name for module in _MAKING.values() for name in getattr(module, "__all__", dir(module)) if name[0] != "_"]
)
"""Of builtins and these modules what makes data, and what data has."""
_MEANING = frozenset(dir(builtins)).union(*map(dir, (sys, *_MAKING.values(), *_DATA, *_REACHED)))


def imports(codes: list[CodeType]) -> frozenset[str]:
    """Modules of every import statement. This and what follows wants ``all_code``."""
    return frozenset(name for code in codes for _, name in _imports(code))


def certain_imports(code: CodeType) -> frozenset[str]:
    """Modules that the program imports whenever it runs that far: before anything that may jump or return. With their
    packages: importing a.b is importing a."""
    operations = code.co_code[::2]
    turn = next((place for place, operation in enumerate(operations) if operation in _TURNS), len(operations))
    found = [name for place, name in _imports(code) if place <= turn]
    return frozenset(found) | roots_of(found)


def taken_from(code: CodeType) -> frozenset[str]:
    """Modules of ``from x import …`` and ``import x.y as z``: what is in them has other names in the program."""
    return frozenset(name for place, name in _imports(code) if code.co_code[2 * place + 2] not in _STORES)


def loses_order(codes: list[CodeType]) -> bool:
    """Whether the program goes through a constant set whose order is not that in which it would be read again."""
    return any(_loses_order(code) for code in codes)


def exchanges_methods(codes: list[CodeType], names: frozenset[str]) -> bool:
    """Whether it may give a standard stream a ``close`` or ``flush`` of its own."""
    written = {name for code in codes for _, name in attribute_writes(code)}
    return not written.isdisjoint(("close", "flush")) or not names.isdisjoint(("__dict__", "vars"))


def names_random(names: frozenset[str], modules: frozenset[str]) -> bool:
    """Whether a program that mentions these names, and imports these modules, may use a random generator."""
    return "random" in names or any("random" in module.split(".") for module in modules)


def roots_of(modules: Iterable[str]) -> frozenset[str]:
    return frozenset(module.partition(".")[0] for module in modules)


def lane_allowed(codes: list[CodeType], names: frozenset[str], roots: frozenset[str]) -> bool:
    """Whether all that the program may change outside of its own globals can be restored, as far as the code shows.
    ``roots``: top-level modules that it imports, its prelude included."""
    if not (roots <= LANE_MODULES and names.isdisjoint(LANE_NAMES)):
        return False
    writes = [write for code in codes for write in attribute_writes(code) if write[1] not in STREAMS]
    if not writes:
        return True
    own = frozenset[str]().union(*map(_own_names, codes))
    return all(root is None or root in own for root, _ in writes)


def inert(codes: list[CodeType], names: frozenset[str], modules: frozenset[str]) -> bool:
    """Whether all that the program can make, or reach besides the standard streams, is data and functions: nobody sees
    how these are destroyed, and nothing else is there that acts at the end. A name that means nothing of Python's is
    the program's own, or an error. ``modules``: its imports."""
    left = names.difference(_INERT, _OF_SYS if "sys" in modules else ())
    return (
        modules <= {"sys", *_MAKING}
        and left.isdisjoint(_MEANING)
        and not any(name.startswith("__") for name in left)
        and all(code.co_flags & _SUSPENDED == (0x20 if code.co_name == "<genexpr>" else 0) for code in codes)
        and not any(attribute_writes(code) for code in codes)
    )


def attribute_writes(code: CodeType) -> list[tuple[str | None, str]]:
    """(x, name) for every ``x.name = …``, ``x.a.b.name = …`` and ``del x.name``; x is None unless it is a global."""
    if not any(operation in code.co_code[::2] for operation in _WRITES):
        return []
    found: list[tuple[str | None, str]] = []
    root: str | None = None
    for operation, name in _steps(code):
        if operation in _WRITES:
            found.append((root, name))
        elif operation in _GLOBAL_LOADS:
            root = name
        elif operation not in _ATTRIBUTE_LOADS:
            root = None
    return found


def _keeps_order(constant: Any) -> bool:
    return [*marshal.loads(marshal.dumps(constant))] == [*constant]


def _loses_order(code: CodeType) -> bool:
    places = {
        place
        for place, constant in enumerate(code.co_consts)
        if type(constant) is frozenset and not _keeps_order(constant)
    }
    if not places:
        return False
    loaded = False
    for operation, argument in _instructions(code):
        if loaded and operation != _CONTAINS:
            return True
        loaded = operation == _LOAD_CONST and argument in places
    return False


def _own_names(code: CodeType) -> set[str]:
    """Globals that the code binds to anything but what it imports."""
    found: set[str] = set()
    imported = False
    for operation, name in _steps(code):
        if operation in _GLOBAL_STORES and not imported:
            found.add(name)
        imported = operation in _IMPORTS
    return found


def _imports(code: CodeType) -> list[tuple[int, str]]:
    """(number of the instruction, module) of each import statement; the module is empty in ``from . import x``."""
    raw, operations, found = code.co_code, code.co_code[::2], list[tuple[int, str]]()
    place = operations.find(_IMPORT_NAME)
    while place >= 0:
        argument, before, shift = raw[2 * place + 1], place - 1, 8
        while before >= 0 and operations[before] == _EXTENDED_ARG:
            argument |= raw[2 * before + 1] << shift
            before, shift = before - 1, shift + 8
        found.append((place, code.co_names[argument]))
        place = operations.find(_IMPORT_NAME, place + 1)
    return found


def _steps(code: CodeType) -> list[tuple[int, str]]:
    """(operation, the name it works on or an empty text) without inline caches."""
    names = code.co_names
    found: list[tuple[int, str]] = []
    for operation, argument in _instructions(code):
        index = argument >> 1 if operation in _SHIFTED else argument
        found.append((operation, names[index] if operation in _NAMED and index < len(names) else ""))
    return found


def _instructions(code: CodeType) -> list[tuple[int, int]]:
    """(operation, argument) without inline caches."""
    raw, extended = code.co_code, 0
    found: list[tuple[int, int]] = []
    for at in range(0, len(raw), 2):
        operation, argument = raw[at], raw[at + 1] | extended << 8
        if operation == _EXTENDED_ARG:
            extended = argument
            continue
        extended = 0
        if operation == _CACHE:
            continue
        found.append((operation, argument))
    return found


def _numbers(*names: str) -> frozenset[int]:
    return frozenset(opmap[name] for name in names if name in opmap)


_WRITES = _numbers("STORE_ATTR", "DELETE_ATTR")
_GLOBAL_LOADS = _numbers("LOAD_NAME", "LOAD_GLOBAL")
_GLOBAL_STORES = _numbers("STORE_NAME", "STORE_GLOBAL")
_STORES = _GLOBAL_STORES | _numbers("STORE_FAST", "STORE_DEREF")
_ATTRIBUTE_LOADS = _numbers("LOAD_ATTR", "LOAD_METHOD")
_IMPORTS = _numbers("IMPORT_NAME", "IMPORT_FROM")
_NAMED = _WRITES | _GLOBAL_LOADS | _GLOBAL_STORES | _ATTRIBUTE_LOADS
_SHIFTED = _numbers("LOAD_GLOBAL", "LOAD_ATTR") if sys.version_info >= (3, 12) else _numbers("LOAD_GLOBAL")
_LOAD_CONST, _CONTAINS = opmap["LOAD_CONST"], opmap["CONTAINS_OP"]
_EXTENDED_ARG, _CACHE, _IMPORT_NAME = opmap["EXTENDED_ARG"], 0, opmap["IMPORT_NAME"]
_SUSPENDED = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR of inspect
_TURNS = frozenset(hasjrel) | frozenset(hasjabs) | _numbers("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
