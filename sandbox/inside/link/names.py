"""Special methods, and what of Python's own both sides have by name."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable
from importlib.util import find_spec
from types import BuiltinFunctionType, FunctionType
from typing import Any

from ..outline import MODULE, PROGRAM_MODULES
from .arrays import is_type

DECIDING = frozenset("__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __bool__ __contains__ __hash__".split())
"""What comes of them is a truth value, or decides one."""
_OPERATORS = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or".split()
ARITHMETIC = frozenset(f"__{prefix}{name}__" for name in _OPERATORS for prefix in ("", "r", "i"))
DIFFERENCES = frozenset({"__sub__", "__rsub__", "__isub__"})
SPECIAL = frozenset(
    [
        *DECIDING,
        *ARITHMETIC,
        *"__call__ __len__ __length_hint__ __getitem__ __setitem__ __delitem__ __missing__ __iter__ __next__".split(),
        *"__reversed__ __bytes__ __int__ __float__ __complex__ __index__ __round__ __trunc__ __floor__".split(),
        *"__neg__ __pos__ __abs__ __invert__ __enter__ __exit__ __aenter__ __aexit__ __await__ __aiter__".split(),
        *"__ceil__ __anext__ __get__ __set__ __delete__ __fspath__".split(),
    ]
)
"""Those that a stand-in has where the class it stands for has them."""
ALWAYS = ("__repr__", "__str__", "__format__", "__dir__")
"""Those that every object has."""

own_of: Callable[[type], Any] = type.__dict__["__dict__"].__get__
"""The attributes that a class has itself, whatever its metaclass says."""
mro_of: Callable[[Any], tuple[Any, ...]] = type.__dict__["__mro__"].__get__
"""Its method resolution order, likewise."""

NAMED = (FunctionType, BuiltinFunctionType)
"""What may go by the name that a module of Python has for it, besides classes."""
DATA_MODULES = frozenset(
    "abc array asyncio collections collections.abc copy dataclasses datetime decimal enum fractions functools "
    "ipaddress itertools numbers pathlib queue random re string threading time typing uuid".split()
)
"""Their classes are the same on both sides, and may be called on either whatever they are called with."""
_DATA = frozenset(
    {
        bool, bytearray, bytes, complex, dict, enumerate, filter, float, frozenset, int, list, map, object, property,
        range, reversed, set, slice, str, tuple, type, zip, type(None),
    }
)  # fmt: skip
_OWN_EXCEPTIONS = frozenset({"unittest", "pytest", "_pytest", "bdb", "doctest"})
"""Modules whose exceptions tell what runs a test something."""
PYTHONS = frozenset(
    [
        *SPECIAL,
        *ALWAYS,
        *(name for kind in (*vars(builtins).values(), *vars(types).values()) for name in dir(kind)),
        *"__copy__ __deepcopy__ __match_args__ __orig_bases__ __orig_class__ __post_init__ __set_name__".split(),
        *"__dataclass_params__ __getnewargs__ __getnewargs_ex__ __setstate__ __slots__ __wrapped__".split(),
    ]
)
"""Names with two underscores at both ends that Python itself gives a meaning."""
_NEVER_IMPORTED = frozenset({"antigravity", "this", "idlelib", "lib2to3", "turtledemo", "test", "__main__"})
_ONE_SIDED = frozenset({*PROGRAM_MODULES, MODULE, "_pytest", "pluggy", "pytest", __name__.partition(".")[0]})
"""Modules that are others on the other side, or that only one side has."""


def of_python(module: Any, name: Any) -> Any:
    """What a module of Python calls so, or one of a library that is loaded; None where there is no such thing."""
    if type(module) is not str or type(name) is not str:
        return None
    parts = module.split(".")
    root = parts[0]
    if root in _ONE_SIDED or not _NEVER_IMPORTED.isdisjoint(parts):
        return None
    thing: Any = sys.modules.get(module)
    try:
        if thing is None and root in sys.stdlib_module_names:
            thing = __import__(module, fromlist=("",))
    except ImportError:
        return None
    for part in name.split("."):
        thing = getattr(thing, "__dict__", {}).get(part)
    return thing


def place_of(thing: Any) -> tuple[str, str] | None:
    """Module and name, by which ``of_python`` finds it."""
    module: Any = getattr(thing, "__module__", None)
    name: Any = getattr(thing, "__qualname__", None)
    if thing is type(None):
        return "types", "NoneType"
    if of_python(module, name) is thing:
        return module, name
    return None


def of_libraries(name: str) -> bool:
    """Whether it is a special name that means nothing to Python: a library asks with it what to do."""
    return name[:2] == name[-2:] == "__" and name not in PYTHONS


def installed(module: Any) -> bool:
    """Whether it belongs to a library that was installed: neither to Python, nor to the program or the test."""
    root = str(module).partition(".")[0]
    if root in sys.stdlib_module_names or root in _ONE_SIDED:
        return False
    try:
        return find_spec(root) is not None
    except (ImportError, ValueError):  # a module that nobody has imported
        return False


def shared(kind: Any, module: str) -> bool:
    """Whether a class of Python may go to the test as itself."""
    if issubclass(kind, BaseException):
        return module.partition(".")[0] not in _OWN_EXCEPTIONS
    return kind in _DATA or module in DATA_MODULES or is_type(kind)
