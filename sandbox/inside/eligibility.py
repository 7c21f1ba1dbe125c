"""What the compiled code says about a program before it runs."""

from __future__ import annotations

import sys
from opcode import opmap
from types import CodeType

# What a lane cannot restore, or would be slow to check. Such programs get a process a test; that is never wrong.
LANE_MODULES = frozenset(
    "__future__ abc array bisect builtins cmath collections copy dataclasses datetime enum fractions functools heapq "
    "io itertools json math numbers numpy operator os queue random re sortedcontainers statistics string sys time "
    "types typing".split()
)
LANE_NAMES = frozenset(
    "__builtins__ __del__ __dict__ __import__ __subclasses__ _exit _getframe abort addaudithook breakpointhook chdir "
    "chmod closerange compile delattr displayhook dup dup2 environ environb eval excepthook exec execv fchdir fdopen "
    "ftruncate kill lockf mkdir mkfifo modules path_hooks pipe putenv rename rmdir set_printoptions setattr seterr "
    "setitimer setprofile setswitchinterval settrace stack_size symlink truncate umask unlink unraisablehook unsetenv "
    "vars".split()
)
STREAMS = frozenset({"stdin", "stdout", "stderr"})
"""Attributes of sys that programs like to replace, and that every test gets anew."""

TEARDOWN_NAMES = frozenset(
    "open fdopen FileIO BufferedWriter BufferedRandom TextIOWrapper __del__ finalize exec eval __import__ "
    "import_module codecs tempfile".split()
)
"""Names of things whose destructors may still write when the program's last line is done."""

_ATTRIBUTE_WRITES = opmap["STORE_ATTR"], opmap["DELETE_ATTR"]
_EXTENDED_ARG = opmap["EXTENDED_ARG"]


def all_code(code: CodeType) -> list[CodeType]:
    """The code object and every one within it."""
    found = [code]
    for current in found:  # grows while it is read
        found += [constant for constant in current.co_consts if type(constant) is CodeType]
    return found


def names_in(code: CodeType) -> frozenset[str]:
    """Every global, attribute and module name that the program's code objects mention."""
    return frozenset(name for current in all_code(code) for name in current.co_names)


def needs_teardown(names: frozenset[str]) -> bool:
    return not names.isdisjoint(TEARDOWN_NAMES)


def lane_allowed(code: CodeType, names: frozenset[str], modules: list[str]) -> bool:
    """Whether all that the program may change outside of its own globals can be restored."""
    roots = {module.partition(".")[0] for module in modules}
    if not (roots <= LANE_MODULES and names.isdisjoint(LANE_NAMES)):
        return False
    stored = stored_attributes(code) - STREAMS
    return not any(name in vars(sys.modules[root]) for root in roots if root in sys.modules for name in stored)


def stored_attributes(code: CodeType) -> set[str]:
    """Names in ``x.name = …`` and ``del x.name``, whatever x is."""
    found: set[str] = set()
    for current in all_code(code):
        raw = current.co_code
        operations = raw[::2]
        for operation in _ATTRIBUTE_WRITES:
            at = operations.find(operation)
            while at >= 0:
                argument, shift, before = raw[2 * at + 1], 8, at - 1
                while before >= 0 and operations[before] == _EXTENDED_ARG:
                    argument |= raw[2 * before + 1] << shift
                    shift, before = shift + 8, before - 1
                if argument < len(current.co_names):  # else these bytes are an inline cache that looks like one
                    found.add(current.co_names[argument])
                at = operations.find(operation, at + 1)
    return found
