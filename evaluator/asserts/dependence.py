"""Whether an exception is the test's own doing: whatever the program returns, no run of the test gets past it.

The test runs once while nothing is known of any program, with answers that fit anything and assertions that hold where
the program has to do with them (`assuming`). What it raises then is its own doing where neither what raised nor whether
it came to that can depend on the program. That is read off the syntax tree, never run, and errs in favour of the test:
it is blamed where it is certain.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ...sandbox.inside.outline import PROGRAM_MODULES, imported
from .syntax import parse, unparse

ROUNDS = 16
"""How often a test is gone through for names that depend on others. Then all do."""

PATCHING = frozenset("AsyncMock MagicMock Mock PropertyMock create_autospec patch setattr setitem".split())
"""What is called to see what a program does."""
READING = frozenset(
    "exists getsize glob is_dir is_file isdir isfile iterdir listdir open read_bytes read_text rglob stat".split()
)
"""What is called to look at a file, which may be one that a program has written."""

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Leaving = ast.Return | ast.Break | ast.Continue | ast.Yield | ast.YieldFrom | ast.Await
_WORD = re.compile(r"\w+")
_MODULE = re.compile(rf"^{PROGRAM_MODULES[0]}(\.|$)|\b(from|import) {PROGRAM_MODULES[0]}\b")


class Caught(NamedTuple):
    """What the rewritten test raised, as sandbox/inside/unknown.py tells it."""

    words: str
    places: list[tuple[int, int, int, int]]
    """Line, last line, column, last column of what each frame of the test was doing, the outermost first."""
    handed: list[str]
    """Names of the innermost frame that stand for what the program may have changed: what was handed to it and, once
    it was called, files, streams, mocks and all else that is there for both."""
    holding: list[str]
    """Names of it that stand for what holds such an object."""


def assuming(tree: ast.Module, names: set[str]) -> str:
    """Source of the test with assertions that only evaluate where they may depend on these names of the program."""
    dependence = Dependence(tree, names)

    class Evaluate(ast.NodeTransformer):
        def visit_Assert(self, node: ast.Assert) -> ast.stmt:
            return ast.Expr(node.test) if dependence.depends(node.test) else node

    return unparse(ast.fix_missing_locations(Evaluate().visit(tree)))


def own_doing(source: str, names: set[str], caught: Caught, lines: Sequence[int]) -> str | None:
    """The exception that the test in that form raised, with its line, if that is its own doing. ``lines`` are those of
    the statements before, in the order of `statements`."""
    tree = parse(source)
    place = Dependence(tree, names.union(caught.handed)).own(caught)
    if place is None:
        return None
    return f"{caught.words} (line {dict(zip(statements(tree), lines, strict=True))[place]})"


def statements(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]


class Dependence:
    """Of the parts of a test on the program, whose names these are."""

    def __init__(self, tree: ast.Module, names: set[str]) -> None:
        self.tree = tree
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self.at: dict[tuple[int | None, ...], ast.AST] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt | ast.expr):
                self.at[node.lineno, node.end_lineno, node.col_offset, node.end_col_offset] = node
        names = names | program_names(tree)
        given = {name for name, module in imported(ast.walk(tree)) if module not in PROGRAM_MODULES}
        self.names = names | {"solution"}
        stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        self.fixed = ({*vars(builtins)} | given) - stored - names
        """Names that always stand for the same, which nothing changes."""
        self.defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        self.functions = self.defined - stored
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and node.decorator_list):
                self.functions.discard(node.name)
        self.handed: set[object] = set()
        """Names and texts in calls of the program's functions."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and any(name in self.names for name in _roots(node.func)):
                self.handed |= {*_names(node), *_texts(node)} - self.names
        self.found = set(names)
        """Names whose values may depend on the program, and those of attributes, with a dot: whose they are, is not
        asked, as one of a class is that of its instances."""
        for _ in range(ROUNDS):
            before = len(self.found)
            for node in ast.walk(tree):
                followed = set(self.follow(node))
                if isinstance(self.parents.get(node), ast.ClassDef):
                    followed |= {f".{name}" for name in followed}
                self.found |= followed - self.fixed
            if len(self.found) == before:
                break
        else:
            self.found |= set(_names(tree))

    def depends(self, *nodes: ast.AST, more: Iterable[str] = ()) -> bool:
        names = self.found.union(more)
        return any(
            part.id in names
            if isinstance(part, ast.Name)
            else _attribute(part) in names or self.is_told(part) or self.is_seen(part)
            for node in nodes
            for part in ast.walk(node)
        )

    def is_told(self, node: ast.AST) -> bool:
        """Whether it is text that names something of the program, or such an attribute: somebody may look that up."""
        text = node.value if isinstance(node, ast.Constant) else None
        return isinstance(text, str) and (f".{text}" in self.found or not self.names.isdisjoint(_WORD.findall(text)))

    def is_seen(self, node: ast.AST) -> bool:
        """Whether it is a call that shows what the program has done: to what was patched, or to a file."""
        if not isinstance(node, ast.Call):
            return False
        called = set(_parts(node.func))
        if not PATCHING.isdisjoint(called):
            return True
        return not READING.isdisjoint(called) and not self.handed.isdisjoint((*_names(node), *_texts(node)))

    def follow(self, node: ast.AST) -> Iterator[str]:
        """Names that may depend on the program because others do."""
        match node:
            case ast.Assign(targets=targets, value=value) if self.depends(value):
                yield from _roots(*targets)
            case ast.Assign(targets=[ast.Attribute() as target], value=value) if self.fixed.intersection(
                _roots(target)
            ):
                yield from _roots(value)
            case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
                if self.depends(value):
                    yield from _roots(target)
            case ast.AnnAssign(target=target, value=ast.expr() as value) if self.depends(value):
                yield from _roots(target)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                if self.depends(node.iter):
                    yield from _names(node)
            case ast.withitem(context_expr=given, optional_vars=ast.expr() as target) if self.depends(given):
                yield from _roots(target)
            case ast.If(test=test) | ast.While(test=test) | ast.Match(subject=test) if self.depends(test):
                yield from _names(node)
            case ast.Try() | ast.TryStar() if self.depends(node):
                yield from _names(node)
            case ast.With(body=body) | ast.AsyncWith(body=body) if self.depends(*body):
                # What it is there for may be to see what the program does, or to let no exception through.
                yield from (name for name in _names(node) if name != "self")
            case ast.Call(func=function) if self.depends(node):
                if not (isinstance(function, ast.Name) and function.id in self.found - self.defined):
                    called = function.value if isinstance(function, ast.Attribute) else function
                    yield from _roots(called, *node.args, *(word.value for word in node.keywords))
                    yield from (f".{text}" for text in _texts(node))  # setattr
            case ast.ClassDef(name=name) if self.depends(*node.body):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name in self.found or self.depends(*node.body):
                    yield from (name, *(part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)))
            case ast.Lambda() if self.depends(node.body):
                yield from (part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg))
            case _:
                pass

    def own(self, caught: Caught) -> ast.stmt | None:
        """The statement that raised, if no program has to do with it."""
        nodes = [self.at.get(tuple(place)) for place in caught.places]
        raised = nodes[-1] if nodes else None
        if raised is None or any(node is None or self.is_conditional(node) for node in nodes):
            return None
        holding = set(caught.holding)
        if isinstance(raised, ast.Subscript) and isinstance(raised.value, ast.Name):
            holding.discard(raised.value.id)  # which keeps its items, whatever becomes of them
        if self.depends(raised, more=holding) and not self.is_certain(raised, caught.words):
            return None
        while not isinstance(raised, ast.stmt):
            raised = self.parents[raised]
        return raised

    def is_certain(self, node: ast.AST, words: str) -> bool:
        """Whether this raises although it depends on the program: whatever number that returns is divided by zero, or a
        function of the test gets too few or too many arguments."""
        match node:
            case ast.BinOp(op=ast.Div() | ast.FloorDiv(), right=right):
                return words.startswith("ZeroDivisionError") and not self.depends(right)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in self.functions:
                spread = any(isinstance(arg, ast.Starred) for arg in args) or any(word.arg is None for word in keywords)
                return words.startswith("TypeError") and not spread
            case _:
                return False

    def is_conditional(self, node: ast.AST) -> bool:
        """Whether what the program returned may decide if this is done, or if an exception of it counts."""
        while (parent := self.parents.get(node)) is not None:
            if isinstance(parent, _Scope):
                return node is parent.args or node not in _body(parent) or self.may_leave(parent)
            if self.is_chosen(node, parent):
                return True
            node = parent
        return self.may_leave(self.tree)

    def is_chosen(self, node: ast.AST, parent: ast.AST) -> bool:
        """Whether the parent may do without this part of it, or does not let its exceptions through."""
        match parent:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                return node is not test and self.depends(test)
            case ast.BoolOp(values=values):
                return self.depends(*values[: _place(node, values)])
            case ast.Compare(left=left, comparators=others):
                return node in others[1:] and self.depends(left, *others[: _place(node, others)])
            case ast.For() | ast.AsyncFor():
                return node in parent.orelse or (node is not parent.iter and self.depends(parent.iter))
            case ast.ListComp() | ast.SetComp() | ast.DictComp():
                return self.depends(*parent.generators)
            case ast.GeneratorExp():  # whoever takes the items may take some of them only
                return self.depends(parent)
            case ast.Try(body=body) | ast.TryStar(body=body) | ast.With(body=body) | ast.AsyncWith(body=body):
                return self.depends(*body[: _place(node, body) + 1 if node in body else None])
            case ast.Match():
                return True
            case _:
                return False

    def may_leave(self, scope: ast.AST) -> bool:
        """Whether the program may decide that what comes later is not done."""
        for node in ast.walk(scope):
            if not isinstance(node, _Leaving):
                continue
            inner: ast.AST | None = node
            while inner is not None and inner is not scope:
                parent = self.parents.get(inner)
                if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await):
                    return True
                if parent is not None and parent is not scope and isinstance(parent, _Scope):
                    break  # that one's affair
                if parent is not None and self.is_chosen(inner, parent):
                    return True
                inner = parent
        return False


def _body(scope: _Scope) -> Sequence[ast.AST]:
    return [scope.body] if isinstance(scope, ast.Lambda) else scope.body


def _place(node: ast.AST, among: Sequence[ast.AST]) -> int:
    return next((place for place, each in enumerate(among) if each is node), 0)


def program_names(tree: ast.Module) -> set[str]:
    """Names that the test imports from the program, as from a module."""
    return {name for name, module in imported(ast.walk(tree)) if module in PROGRAM_MODULES}


def names_program(tree: ast.Module) -> bool:
    """Whether it has the name of the program's module as text: in ``import_module("solution")``, ``patch(…)``, or in
    an import of a text that is to run."""
    return any(map(_MODULE.search, _texts(tree)))


def _names(node: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def _attribute(node: ast.AST) -> str | None:
    return f".{node.attr}" if isinstance(node, ast.Attribute) else None


def _texts(node: ast.AST) -> Iterator[str]:
    values = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return (value for value in values if isinstance(value, str))


def _parts(node: ast.AST) -> Iterator[str]:
    """Names and attributes of what is called."""
    while isinstance(node, ast.Attribute):
        yield node.attr
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _roots(*nodes: ast.AST) -> Iterator[str]:
    """Names whose objects these may be, or be held by, or hold, and of attributes, with a dot."""
    for node in nodes:
        match node:
            case ast.Name(id=name):
                yield name
            case ast.Attribute(value=value, attr=name):
                yield f".{name}"
                yield from _roots(value)
            case ast.Subscript(value=value) | ast.Starred(value=value):
                yield from _roots(value)
            case ast.Constant() | ast.Compare() | ast.JoinedStr() | ast.expr_context() | ast.operator():
                pass
            case ast.Call(func=function):
                inner = [function.value] if isinstance(function, ast.Attribute) else []
                yield from _roots(*inner, *node.args, *(word.value for word in node.keywords))
            case _:
                yield from _roots(*ast.iter_child_nodes(node))
