"""Which names a test uses, and what gives them: the test, its prelude, Python, or else the program."""

from __future__ import annotations

import ast
import builtins
import importlib
import symtable
import sys

from ...sandbox.inside.outline import PROGRAM_MODULES
from .syntax import parse

STAR_MODULES = frozenset(
    "bisect builtins collections copy datetime fractions functools heapq itertools json math operator os random re "
    "statistics string sys time typing".split()
)
"""Modules of the standard library that are looked at for ``from module import *``: importing them does nothing."""
ANY = "*"
"""Stands for names that are not known."""


def free_names(source: str) -> list[str]:
    """Global names that the test reads and does not bind, other than builtins."""
    top = symtable.symtable(source, "<test>", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    found: dict[str, None] = {}
    tables = [top]
    for table in tables:  # grows while it is read
        tables += table.get_children()
        for symbol in table.get_symbols():
            name = symbol.get_name()
            is_global = symbol.is_global() or (table is top and symbol.is_referenced())
            if is_global and symbol.is_referenced() and name not in bound and not hasattr(builtins, name):
                found[name] = None
    return list(found)


def called_names(tree: ast.Module, *, spread: bool = False) -> list[str]:
    """Names that are called; only those with arguments from a list, ``f(*inp)``, when ``spread``."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if spread:
        calls = [node for node in calls if any(isinstance(arg, ast.Starred) for arg in node.args)]
    return [node.func.id for node in calls if isinstance(node.func, ast.Name)]


def module_attributes(tree: ast.AST) -> set[str]:
    """What is read of the program as of a module: ``f`` of ``solution.f``."""
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if alias.name in PROGRAM_MODULES}
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id in modules}


def names_libraries(tree: ast.AST) -> bool:
    """Whether it imports anything but the program, pytest and what comes with Python."""
    roots: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                roots |= {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module)):
                roots.add(module.partition(".")[0])
            case _:
                pass
    return not roots <= {*sys.stdlib_module_names, *PROGRAM_MODULES, "pytest"}


def innermost_calls(tree: ast.AST) -> list[str]:
    """Names that are called with arguments that call nothing by name, in the order of the source."""
    found: list[tuple[int, int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            within = (inner for argument in node.args for inner in ast.walk(argument))
            if not any(isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) for inner in within):
                found.append((node.lineno, node.col_offset, node.func.id))
    return [name for *_, name in sorted(found)]


def asserted_builtins(tree: ast.Module) -> list[str]:
    """Those of them that are builtin functions, in assertions, and not bound by the test."""
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    names = [name for node in ast.walk(tree) if isinstance(node, ast.Assert) for name in innermost_calls(node)]
    return [name for name in names if isinstance(getattr(builtins, name, None), type(len)) and name not in bound]


def provided_names(prelude: str) -> frozenset[str]:
    """What a prelude binds, as far as it can be known without running it; ANY where it may be more."""
    return _bound(parse(prelude))


def _bound(tree: ast.Module) -> frozenset[str]:
    found: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Import(names=modules):
                found |= {alias.asname or alias.name.partition(".")[0] for alias in modules}
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    if alias.name == "*":
                        found |= _public(module) if module in STAR_MODULES else {ANY}
                    else:
                        found.add(alias.asname or alias.name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case _:
                found |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return frozenset(found)


def defined_names(prelude: str) -> frozenset[str]:
    """Of them, those that the prelude does not import."""
    tree = parse(prelude)
    tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return _bound(tree)


def _public(module: str) -> set[str]:
    loaded = importlib.import_module(module)
    return set(getattr(loaded, "__all__", None) or (name for name in vars(loaded) if not name.startswith("_")))
