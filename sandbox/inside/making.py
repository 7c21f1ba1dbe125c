"""What a test hands to the program besides data: by its name in a module, or by what makes it, as pickle has it.

    {"global": [module, name]}                      a function, class or other object of a module that both can import
    {"made": [function, args, state, items, pairs]} what the function gives; then its state, its items as a list has
                                                    them, its pairs of key and item

Of the test's own there is nothing in the program's process: what it defines itself cannot travel.
"""

from __future__ import annotations

import copyreg
import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

Encode = Callable[[Any], object]

_VIEWS: dict[Any, Any] = {type(getattr({}, name)()): getattr(dict, name) for name in ("keys", "values", "items")}
"""What gives them."""
_NAMELESS: dict[Any, Any] = {type(one): one for one in (None, iter([]), *(method({}) for method in _VIEWS.values()))}
"""Classes that no module has by name, and an object of each."""


def taken_apart(value: Any, encode: Encode) -> object:
    """Raises TypeError (ValueError, RecursionError, what ``encode`` raises) where it cannot travel."""
    kind = cast("Any", type(value))
    if kind in _VIEWS:
        return _made(encode, _VIEWS[kind], [dict(value.mapping)])
    if kind is ModuleType and _shared(value.__name__) and sys.modules[value.__name__] is value:
        return _made(encode, importlib.import_module, [value.__name__])
    if (name := _name(value)) is not None:
        return {"global": name}
    if isinstance(value, type):
        if value in _NAMELESS:
            return _made(encode, type, [_NAMELESS[value]])
        raise TypeError(f"no module has the class {value.__name__}")
    try:
        reduce = copyreg.dispatch_table.get(kind)
        parts: Any = value.__reduce_ex__(2) if reduce is None else reduce(value)
    except Exception as error:
        raise TypeError(f"a {kind.__name__} is no plain data: {error}") from None
    if isinstance(parts, str):
        if (module := _module_of(value, parts)) is None:
            raise TypeError(f"no module has {parts}")
        return {"global": [module, parts]}
    try:
        return _made(encode, *parts)
    except (TypeError, ValueError):
        if not isinstance(value, BaseException) or kind.__module__ == "builtins":
            raise
        return _made(encode, kind, [str(value)])  # what a module puts into its own exceptions may have no name


def put_together(inner: Any, decode: Callable[[Any], Any]) -> Any:
    """The object. Raises whatever making it raises, KeyError where this is neither."""
    if "global" in inner:
        module, name = inner["global"]
        __import__(module)
        return functools.reduce(getattr, name.split("."), sys.modules[module])
    function, args, state, items, pairs = map(decode, inner["made"])
    value = function(*args)
    if state is not None:
        _set_state(value, state)
    for item in items:
        value.append(item)
    for key, item in pairs:
        value[key] = item
    return value


def _made(
    encode: Encode, function: Any, args: Any, state: Any = None, items: Any = None, pairs: Any = None, *_: Any
) -> object:
    parts = function, list(args), state, list(items or ()), [list(pair) for pair in pairs or ()]
    return {"made": [encode(part) for part in parts]}


def _name(value: Any) -> list[str] | None:
    """Module and name, where this module has exactly this object by this name."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if type(name) is not str:
        return None
    module = getattr(value, "__module__", None) or _module_of(value, name)
    if type(module) is not str or not _shared(module):
        return None
    try:
        found = functools.reduce(getattr, name.split("."), sys.modules[module])
    except AttributeError:
        return None
    return [module, name] if found is value else None


def _module_of(value: Any, name: str) -> str | None:
    """Of what does not say so itself."""
    return next((key for key in [*sys.modules] if _shared(key) and vars(sys.modules[key]).get(name) is value), None)


def _shared(module: str) -> bool:
    """Whether it is none of the test's own, by whatever name, nor of the judge's."""
    held = sys.modules.get(module)
    own = module.partition(".")[0] == __name__.partition(".")[0]
    return isinstance(held, ModuleType) and held is not sys.modules.get("__main__") and not own


def _set_state(value: Any, state: Any) -> None:
    """As pickle does."""
    if hasattr(value, "__setstate__"):
        value.__setstate__(state)
        return
    parts = cast("tuple[Any, ...]", state if type(state) is tuple else (state,))
    if parts[0]:
        value.__dict__.update(parts[0])
    for slots in parts[1:]:
        for name, item in slots.items():
            setattr(value, name, item)
