"""Python's parser, for threads, and its way back, for all integers.

Up to Python 3.12 the parser counts the depth of all trees that are being built together, and raises SystemError where
two threads are at it. And what it reads, in hexadecimal, may have more decimal digits than Python writes.
"""

from __future__ import annotations

import ast
import copy
import threading
from typing import Literal, overload

LONG = 2000
"""Bits of an integer that Python writes in decimal whatever its limit is."""
_building = threading.Lock()


@overload
def parse(source: str | bytes, mode: Literal["exec"] = "exec") -> ast.Module: ...
@overload
def parse(source: str | bytes, mode: Literal["eval"]) -> ast.Expression: ...
def parse(source: str | bytes, mode: Literal["exec", "eval"] = "exec") -> ast.AST:
    """As ``ast.parse``."""
    with _building:
        return ast.parse(source, mode=mode)


def unparse(tree: ast.AST) -> str:
    """As ``ast.unparse``. Raises RecursionError for what is nested too deep."""
    try:
        return ast.unparse(tree)
    except ValueError:
        return ast.unparse(_Hexadecimal().visit(copy.deepcopy(tree)))


class _Hexadecimal(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        match node.value:
            case int() as value if value.bit_length() > LONG:
                return ast.Name(hex(value), ast.Load())
            case _:
                return node
