"""Python's parser, for threads: up to Python 3.12 it counts the depth of all trees that are being built together, and
raises SystemError where two threads are at it."""

from __future__ import annotations

import ast
import threading
from typing import Literal, overload

_building = threading.Lock()


@overload
def parse(source: str | bytes, mode: Literal["exec"] = "exec") -> ast.Module: ...
@overload
def parse(source: str | bytes, mode: Literal["eval"]) -> ast.Expression: ...
def parse(source: str | bytes, mode: Literal["exec", "eval"] = "exec") -> ast.AST:
    """As ``ast.parse``."""
    with _building:
        return ast.parse(source, mode=mode)
