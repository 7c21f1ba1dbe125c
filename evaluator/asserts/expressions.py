"""A closed part of Python's expressions, evaluated over its syntax tree. Nothing of a test is ever executed here.

Bounded: no power, product, sum or repetition makes a value of more than MOST bits, characters or items, what is shared
counts as often as it stands somewhere, and within ``limited_time`` there is an end to constants.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

MOST = 1_000_000
MOST_TEXT = 1 << 26
"""Most characters of all texts in a value."""
TEXT = 1000
"""Most characters of text that are read as a number."""

Names = Mapping[str, Any]


class Outside(Exception):
    """The expression is not in the language. The text says what is not."""


class Slot(int):
    """Stands for what a call of the program returned: the n-th operation."""


class _Folded:
    """The value of a part without slots, which stands at its node as ``folded``."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __deepcopy__(self, _: object) -> _Folded:
        return self


def folded(node: ast.expr) -> tuple[Any] | None:
    """The value of a part without slots, once `check` has seen it."""
    found = getattr(node, "folded", None)
    return None if found is None else (found.value,)


_clock = threading.local()


@contextmanager
def limited_time(seconds: float) -> Generator[None]:
    """Within it, in this thread, ``evaluate`` raises Outside when that much processor time is over."""
    _clock.until = time.thread_time() + seconds
    try:
        yield
    finally:
        _clock.until = math.inf


def _look_at_the_clock() -> None:
    if time.thread_time() > getattr(_clock, "until", math.inf):
        raise Outside("constants that take long")


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **keywords: Any) -> Any:
        for arg in args:
            _check_size(arg)
        return function(*args, **keywords)

    return call


def _check_size(value: object) -> None:
    if type(value) is range and len(value) > MOST:
        raise Outside("a range too long to walk")
    if type(value) is str and len(value) > MOST:
        raise Outside("a text too long to walk")


_HOLDING = frozenset((list, tuple, set, frozenset, dict))


def _weigh(*values: object) -> int:
    """Characters of all texts in them. Raises Outside for values that hold too much when they are written out, or
    looked at item by item."""
    known: dict[int, tuple[int, int]] = {}
    return sum(_weight(value, known)[1] for value in values)


def _weight(value: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """(items, characters). ``known``: those of what holds others, by id, while that lives."""
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is str or kind is bytes:
        return 1, len(value)
    if kind not in _HOLDING:
        return 1, 0
    if (found := known.get(id(value))) is not None:
        return found
    items, characters = 1, 0
    for part in itertools.chain(value, value.values()) if kind is dict else value:
        more, longer = _weight(part, known)
        items, characters = items + more, characters + longer
        if items > MOST or characters > MOST_TEXT:
            raise Outside("constants that hold more than a million items")
    known[id(value)] = items, characters
    return items, characters


def _number(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(value: Any = 0, *base: Any) -> Any:
        if isinstance(value, str) and len(value) > TEXT:
            raise Outside("a text too long for a number")
        return function(value, *base)

    return call


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f.__name__: _bounded(f) for f in (all, any, dict, frozenset, len, list, max, min, set, sorted, sum, tuple)},
    **{f.__name__: f for f in (abs, bool, isinstance, round)},
    "str": str,
    "float": _number(float),
    "int": _number(int),
    "isclose": math.isclose,
    "math.isclose": math.isclose,
}
"""Those that may be applied to what a program returned: as the first argument, what the function is about. Further ones
may say how much (``round(1, -10**9)``), and then no size of values bounds what the function does."""

_ALIKE = frozenset(("isclose", "math.isclose", "max", "min"))
"""Those whose arguments are all what they are about."""

CONSTANT_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "range": range,
    "zip": zip,
    "enumerate": enumerate,
    "reversed": reversed,
    "complex": complex,
    "math.sqrt": math.sqrt,
}
"""Those for constants only."""

CONSTANTS: dict[str, Any] = {
    "math.inf": math.inf, "math.pi": math.pi, "math.e": math.e, "math.nan": math.nan, "inf": math.inf,
    "np.inf": math.inf, "np.nan": math.nan, "float": float, "int": int, "str": str, "bool": bool, "list": list,
    "tuple": tuple, "dict": dict, "set": set, "complex": complex,
}  # fmt: skip

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda item, items: item in items, ast.NotIn: lambda item, items: item not in items,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert,
}  # fmt: skip
_operator: Any = operator
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _operator.add, ast.Sub: _operator.sub, ast.Mult: _operator.mul, ast.Div: _operator.truediv,
    ast.FloorDiv: _operator.floordiv, ast.Mod: _operator.mod, ast.Pow: _operator.pow, ast.BitOr: _operator.or_,
    ast.BitAnd: _operator.and_,
}  # fmt: skip
_ON_RESULTS = (ast.Add, ast.Sub, ast.Div)
_LEAVES = (ast.Constant, ast.Name, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
_NODES = (
    ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Subscript, ast.Slice,
    ast.Starred, ast.keyword, ast.Attribute, *_LEAVES,
)  # fmt: skip


def evaluate(node: ast.expr, names: Names, results: Sequence[Any] | None = None) -> Any:
    """The value. Raises Outside; and whatever Python raises for these values.

    ``results`` is what slots stand for: ``check`` has seen the expression. Without it, a slot is outside of the
    language.
    """
    value = _evaluate(node, names, results)
    if results is None and not isinstance(node, ast.Constant):
        _weigh(value)
    return value


def _evaluate(node: ast.expr, names: Names, results: Sequence[Any] | None) -> Any:
    if results is not None and (folded := getattr(node, "folded", None)) is not None:
        return folded.value
    match node:
        case ast.Constant(value=Slot() as slot):
            if results is None:
                raise Outside("a value of the program where a constant must stand")
            return results[slot]
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name in names:
                return names[name]
            if name in CONSTANTS:
                return CONSTANTS[name]
            raise Outside(f"the name {name}")
        case ast.List() | ast.Tuple() | ast.Set():
            items = _items(node.elts, names, results)
            if isinstance(node, ast.Set):
                if results is None:
                    _weigh(items)
                return set(frozenset(items))  # as Python makes it of constants: the order of a small set depends on it
            return items if isinstance(node, ast.List) else tuple(items)
        case ast.Dict(keys=keys, values=values):
            if None in keys:
                raise Outside("** in a dictionary")
            known = [_evaluate(key, names, results) for key in keys if key is not None]
            if results is None:
                _weigh(known)
            return dict(zip(known, (_evaluate(value, names, results) for value in values), strict=True))
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](_evaluate(operand, names, results))
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(type(op), _evaluate(left, names, results), _evaluate(right, names, results))
        case ast.Compare():
            return _compare(node, names, results)
        case ast.BoolOp(op=op, values=values):
            value = None
            for part in values:
                value = _evaluate(part, names, results)
                if bool(value) is isinstance(op, ast.Or):
                    break
            return value
        case ast.IfExp(test=test, body=body, orelse=other):
            return _evaluate(body if _evaluate(test, names, results) else other, names, results)
        case ast.Subscript(value=value, slice=place):
            return _evaluate(value, names, results)[_evaluate(place, names, results)]
        case ast.Slice(lower=lower, upper=upper, step=step):
            return slice(*(None if part is None else _evaluate(part, names, results) for part in (lower, upper, step)))
        case ast.Attribute():
            name = dotted(node)
            if name in CONSTANTS:
                return CONSTANTS[name]
            raise Outside(f"the attribute {node.attr}")
        case ast.Call():
            return _call(node, names, results)
        case _:
            raise Outside(f"a {type(node).__name__}")


def check(node: ast.AST, names: Names) -> None:
    """Raises Outside unless the expression, with slots in it, can be evaluated once they are known. What is known
    already is evaluated here, once for all programs."""
    if not _has_slot(node):
        if isinstance(node, ast.expr):
            value = evaluate(node, names)
            if hasattr(value, "__next__"):
                raise Outside("an iterator, which every program would have to find unused")
            node.folded = _Folded(value)  # type: ignore[attr-defined]
        return
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        if name not in FUNCTIONS or name in names or any(word.arg is None for word in node.keywords):
            raise Outside(f"{name or 'something'}() of a value of the program")
        for place, part in enumerate((*node.args, *(word.value for word in node.keywords))):
            if place and name not in _ALIKE and _has_slot(part):
                raise Outside(f"a value of the program as a further argument of {name}()")
            check(part, names)
        return
    if isinstance(node, ast.BinOp):
        if not isinstance(node.op, _ON_RESULTS):
            raise Outside(f"{type(node.op).__name__} of a value of the program")
        if isinstance(node.op, ast.Div) and not _has_slot(node.right) and not evaluate(node.right, names):
            raise ZeroDivisionError("division by zero")
    elif not isinstance(node, _NODES):
        raise Outside(f"a {type(node).__name__}")
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _LEAVES) or isinstance(child, ast.expr):
            check(child, names)


def _has_slot(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Constant) and isinstance(part.value, Slot) for part in ast.walk(node))


def dotted(node: ast.expr) -> str:
    """``name`` or ``module.name``; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return f"{'np' if module == 'numpy' else module}.{name}"
        case _:
            return ""


def _items(nodes: Sequence[ast.expr], names: Names, results: Sequence[Any] | None) -> list[Any]:
    items: list[Any] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            _look_at_the_clock()
            items += _evaluate(node.value, names, results)
        else:
            items.append(_evaluate(node, names, results))
    return items


def _compare(node: ast.Compare, names: Names, results: Sequence[Any] | None) -> Any:
    left, value = _evaluate(node.left, names, results), None
    for op, part in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(part, names, results)
        _look_at_the_clock()
        if isinstance(op, ast.In | ast.NotIn):
            _check_size(right)
        if results is None:
            _weigh(left, right)
        value = _COMPARE[type(op)](left, right)
        if not value:
            return value
        left = right
    return value


def _call(node: ast.Call, names: Names, results: Sequence[Any] | None) -> Any:
    name = dotted(node.func)
    function = FUNCTIONS.get(name) or (CONSTANT_FUNCTIONS.get(name) if results is None else None)
    if function is None or name in names:
        raise Outside(f"a call of {name or 'something'}")
    keywords: dict[str, Any] = {}
    for word in node.keywords:
        if word.arg is None or word.arg == "key":
            raise Outside(f"a call of {name} with a function")
        keywords[word.arg] = _evaluate(word.value, names, results)
    args = _items(node.args, names, results)
    if results is None:
        characters = _weigh(*args, *keywords.values())
        if function is str and characters > MOST:
            raise Outside("a text too long to write out")  # which may be twice as long each time
    _look_at_the_clock()
    return function(*args, **keywords)


def _binary(op: type[ast.operator], left: Any, right: Any) -> Any:
    if op not in _BINARY:
        raise Outside(op.__name__)
    size = 0
    if op is ast.Pow and isinstance(left, int) and isinstance(right, int):
        size = left.bit_length() * right
    elif op is ast.Mult:
        one, other = (left, right) if isinstance(right, int) else (right, left)
        if isinstance(one, (str, bytes, list, tuple)) and isinstance(other, int):
            size = len(one) * other  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(one, int) and isinstance(other, int):
            size = one.bit_length() + other.bit_length()
    elif op is ast.Add and isinstance(left, (str, bytes, list, tuple)) and isinstance(right, type(left)):  # pyright: ignore[reportUnknownArgumentType]
        size = len(left) + len(right)  # pyright: ignore[reportUnknownArgumentType]
    elif op is ast.Mod and isinstance(left, (str, bytes)):
        raise Outside("formatting with %")
    if size > MOST:
        raise Outside("a constant of more than a million bits or items")
    _look_at_the_clock()
    return _BINARY[op](left, right)
