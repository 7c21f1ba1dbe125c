"""What a program may have done with what the test has handed to it: what an honest one would do, and nothing that
leads from there to the rest of the test's process."""

from __future__ import annotations

import sys
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any

from .names import ALWAYS, SPECIAL
from .operations import OPERATIONS, Operation
from .things import is_method

_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)
_RUNNING: dict[Any, tuple[str, ...]] = {
    GeneratorType: ("send", "throw", "close"),
    CoroutineType: ("send", "throw", "close"),
    AsyncGeneratorType: ("asend", "athrow", "aclose"),
}
_CLOSED = (ModuleType, FrameType, CodeType, TracebackType)
"""Nothing of these is for a program."""
_OF_TESTS = frozenset({"fields", "raw", "raws"})
"""Operations that only a test asks for."""
_SPECIAL = SPECIAL.union(ALWAYS)
_NAMES = frozenset({"__name__", "__qualname__", "__doc__", "__module__", "__class__", "__wrapped__", "__args__"})


def allowed(name: Any, given: list[Any]) -> tuple[Operation | None, str]:
    """What does it; or why nothing does."""
    operation = OPERATIONS.get(name) if type(name) is str and name not in _OF_TESTS else None
    if operation is None or (name == "special" and given[0] not in _SPECIAL):
        return None, f"a program that asks a test for {name!r}"
    thing = given[place_of_target(name)]
    if isinstance(thing, _CLOSED):
        return None, f"a program that uses a {type(thing).__name__} of the test"
    if name == "get" and not _readable(thing, given[1]):
        return None, f"a program that reads {given[1]} of a {type(thing).__name__} of the test"
    if name in ("set", "del") and not _writable(thing, given[1]):
        return None, f"a program that changes {given[1]} of a {type(thing).__name__} of the test"
    return operation, ""


def place_of_target(name: Any) -> int:
    """Where in what is given the object is that is asked."""
    return 1 if name == "special" else 0


def _readable(thing: Any, name: Any) -> bool:
    if type(name) is not str:
        return False
    if name in _NAMES:
        return True
    for kind, names in _RUNNING.items():
        if isinstance(thing, kind):
            return name in names or not hasattr(thing, name)
    if isinstance(thing, _FUNCTIONS):
        return not hasattr(thing, name)
    if name.startswith("_"):
        return not hasattr(thing, name)
    return not _of_mocks(thing, name) and not isinstance(_value(thing, name), _CLOSED)


def _value(thing: Any, name: str) -> Any:
    """Without asking the object itself."""
    return vars(type(thing)).get(name) if isinstance(thing, type) else None


def _writable(thing: Any, name: Any) -> bool:
    """Of objects, not of what the test itself consists of."""
    unittest: Any = sys.modules.get("unittest")
    if type(name) is not str or name.startswith("_") or is_method(thing, name) or _of_mocks(thing, name):
        return False
    if isinstance(thing, (*_FUNCTIONS, *_RUNNING, type)):
        return False
    return unittest is None or not isinstance(thing, unittest.TestCase)


def _of_mocks(thing: Any, name: str) -> bool:
    """Whether it is what a mock says of how it was used, or can be told."""
    mock: Any = sys.modules.get("unittest.mock")
    if mock is None or not isinstance(thing, mock.NonCallableMock):
        return False
    return name in dir(mock.Mock) or name.startswith("assert") or name in ("side_effect", "return_value")
