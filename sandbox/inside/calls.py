"""The program's side of a test that is an assertion: does what the test asked for, in turn, and tells what came of it.

Standard input holds ``{"stop": bool, "mutations": bool, "seed": bool}`` on a line, and a line for each operation,
which is one of

    ["call", name, args, keywords]     a function or class of the program
    ["name", name]                     what the program calls so
    ["call_of", ref, args, keywords]   an object that an operation before gave
    ["get", ref, attribute]            ["set", ref, attribute, value]            ["iter", ref]

with values as in ``values``; ``{"other": {"ref": [operation, n]}}`` is the n-th object in the result of an operation,
or the result itself where that is plain data; ``{"other": {"name": f}}`` is what the program calls f, ``objects`` are
those of classes that the prelude defines,
``{"other": {"error": [module, class, arguments]}}`` an exception of a module of Python, and ``{"other": {"view": [name,
dict]}}`` what the dict's method of that name gives. Of each operation one line goes to the
result file as soon as it is done, so that what ends the process early leaves what came before:

    [0, value, changed]         ``changed``, with "mutations" on: the arguments afterwards, where the call changed
                                them, and the objects of the prelude's classes that it changed
    [1, [classes, args], text]  an exception: the built-in classes it is one of, the nearest first; its arguments, null
                                where they are no data

With "stop" the first exception is the last line. With "seed" the random numbers of the program are those of every other
such process; it answers alike then, unless it means not to.

The program could write these lines itself. Then it has to know what the test wants to see.
"""

from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Callable, Iterable
from functools import partial
from types import CodeType
from typing import Any, cast

from .objects import Objects, classes_in
from .values import HANDED, decode, encode, seed_random, undefined

TEXT = 300

Write = Callable[[bytes], None]


def serve(scope: dict[str, Any], prelude: CodeType, lines: Iterable[bytes], write: Write) -> None:
    """SystemExit and the like go on through: they end the process, as they would anywhere."""
    request, *operations = map(json.loads, lines)
    objects: dict[tuple[int, int], Any] = {}
    if request["seed"]:
        seed_random()
    classes = classes_in(prelude)
    shared = Objects(scope, classes)

    def known(inner: Any) -> Any:
        if "objects" in inner or "object" in inner:
            return shared.decode(inner, known)
        if "name" in inner:
            return _named(scope, inner["name"])
        if "error" in inner:
            module, kind, args = inner["error"]
            __import__(module)
            return getattr(sys.modules[module], kind)(*decode(args, known))
        if "view" in inner:
            name, items = inner["view"]
            return getattr(dict, name)(decode(items, known))
        try:
            return objects[tuple(inner["ref"])]
        except KeyError:
            raise LookupError("the program returned no such object") from None

    for number, operation in enumerate(operations):
        count = 0
        shared = Objects(scope, classes)

        def refer(value: Any, number: int = number) -> object:
            nonlocal count
            objects[number, count] = value
            count += 1
            return {"other": {"ref": [number, count - 1], "type": type(value).__name__}}

        name = partial(shared.encode, other=refer)
        changed = None
        try:
            kind, target, *rest = operation
            if kind == "call" or kind == "call_of":
                function = _named(scope, target) if kind == "call" else known({"ref": target})
                args, keywords = decode(rest[0], known), {key: decode(item, known) for key, item in rest[1].items()}
                value = function(*args, **keywords)
                told = encode(value, name)
                if request["mutations"]:
                    after: Any = encode([*map(_changeable, args)], partial(shared.encode, other=_unchanged), HANDED)
                    objects_after = shared.changes(refer)
                    if after != rest[0] or objects_after is not None:
                        changed = [*after, objects_after]
            elif kind == "name":
                value = _named(scope, target)
                told = encode(value, name)
            else:
                value = _attribute(kind, known({"ref": target}), [decode(part, known) for part in rest])
                told = encode(value, name)
            record: list[Any] = [0, told, changed]
            objects.setdefault((number, 0), value)  # what was asked before the answer was known may name it
        except MemoryError:
            raise
        except Exception as error:
            record = [1, [_builtin_classes(type(error)), _arguments(error)], _text(error)]
            objects[number, 0] = error.with_traceback(None)  # the test may hand it on
        write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        if record[0] and request["stop"]:
            break


def _named(scope: dict[str, Any], name: str) -> Any:
    if name not in scope:
        raise NameError(undefined(name))
    return scope[name]


def _attribute(kind: str, thing: Any, rest: list[Any]) -> Any:
    if kind == "get":
        return getattr(thing, rest[0])
    if kind == "set":
        return setattr(thing, *rest)
    return list(thing)


def _changeable(argument: Any) -> Any:
    """To look at an iterator is to use it up."""
    return None if hasattr(cast("Any", type(argument)), "__next__") else argument


def _unchanged(value: Any) -> object:
    """An argument that is no data: what the program does to it is its own affair."""
    return {"other": None}


def _builtin_classes(kind: type) -> list[str]:
    return [base.__name__ for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base][:-1]


def _arguments(error: BaseException) -> object:
    try:
        return encode([*error.args])
    except Exception:
        return None


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:TEXT]
    except Exception:
        return type(error).__name__
