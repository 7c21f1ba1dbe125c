"""What an answer to a prediction says: the value that a call returns, or the call that returns a value.

An answer is an assertion, or one side of it: ``assert f(3) == 4``, ``f(3) == 4``, ``4``; ``f(3)``. Words may follow it,
behind an empty line or in the next one. Nothing of it is run; what it takes to read one grows with its length alone.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from typing import Any, TypeGuard

from .asserts.expressions import CONSTANT_FUNCTIONS, FUNCTIONS, Names, Outside, dotted, evaluate
from .asserts.syntax import parse
from .digits import LONG, has_digits
from .problem import Problem


class NoAnswer(Exception):
    """The text says nothing that can be judged. The words say why."""


def value_of(text: str) -> Any:
    """The value that an answer says: a literal, or an expression of the closed language of constants
    (``asserts/expressions``). Raises NoAnswer."""
    try:
        expression, names = _with_long_integers(text)
        match expression:
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[value]) if _calls_other(value):
                return evaluate(left, names)
            case ast.Compare(ops=[ast.Eq() | ast.Is(), *_], comparators=[value, *_]):
                return evaluate(value, names)
            case _:
                return evaluate(expression, names)
    except Outside as outside:
        raise NoAnswer(f"no constant, for it has {outside}") from None
    except (RecursionError, MemoryError):
        raise NoAnswer("nested too deep, or too large") from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from None


def _calls_other(node: ast.expr) -> bool:
    """Whether it is a call, and the closed language lacks the function."""
    return isinstance(node, ast.Call) and dotted(node.func) not in {**FUNCTIONS, **CONSTANT_FUNCTIONS}


def call_in(text: str, function: str) -> ast.Call:
    """The call of the function. An answer may be its arguments alone. Raises NoAnswer."""
    said = text.strip()
    try:
        expression = _parsed(said)
    except NoAnswer:
        expression = None  # 1, key=2
    sides = [expression.left, *expression.comparators] if isinstance(expression, ast.Compare) else [expression]
    for side in sides:
        if side is not None and _calls(side, function):
            return side
    try:
        call = parse(f"{function}(\n{said}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        call = None
    if call is None or not _calls(call, function):
        raise NoAnswer(f"neither a call of {function} nor its arguments")
    return call


def _calls(node: ast.expr, function: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function


def _parsed(text: str) -> ast.expr:
    """The expression: of the last assertion, where there are any. Raises NoAnswer."""
    reason = "it is empty"
    for part in _parts(text):
        try:
            with warnings.catch_warnings(action="ignore"):  # of strange escapes
                body = parse(part).body
        except (SyntaxError, ValueError) as error:
            reason = f"no Python: {error.msg if isinstance(error, SyntaxError) else error}"
            continue
        except (RecursionError, MemoryError):
            raise NoAnswer("nested too deep, or too large") from None
        said = [node.test for node in body if isinstance(node, ast.Assert)][-1:]
        said = said or [node.value for node in body if isinstance(node, ast.Expr)]
        if len(said) == 1:
            return said[0]
        reason = "no expression, and no assertion"
    raise NoAnswer(reason)


def _parts(text: str) -> Iterator[str]:
    """The text, and where it goes on with words what stands before them."""
    text = text.strip()
    parts = text, text.partition("\n\n")[0], text.partition("\n")[0]
    yield from dict.fromkeys(part for part in parts if part)


def _with_long_integers(text: str) -> tuple[ast.expr, Names]:
    """An interpreter refuses integers of thousands of digits: names stand for them."""
    text = text.strip()
    if not has_digits(text):
        return _parsed(text), {}
    lines, names = text.splitlines(keepends=True), dict[str, int]()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return _parsed(text), {}
    for token in reversed(tokens):
        if token.type == tokenize.NUMBER and len(token.string) > LONG and token.string.isdecimal():
            (row, begin), (_, end), name = token.start, token.end, f"_{len(names)}"
            names[name] = _integer(token.string)
            line = lines[row - 1]
            lines[row - 1] = f"{line[:begin]}{name}{line[end:]}"
    return _parsed("".join(lines)), names


def _integer(digits: str) -> int:
    """In less than quadratic time."""
    if len(digits) <= LONG:
        return int(digits)
    half = len(digits) // 2
    return _integer(digits[:-half]) * 10**half + _integer(digits[-half:])


def given_in(problem: Problem) -> str:
    """What a prompt has of the assertion: the call, or the value."""
    (test,) = problem.tests
    return f"{test.input}==" if problem.mode == "output_prediction" else f"=={test.output}"
