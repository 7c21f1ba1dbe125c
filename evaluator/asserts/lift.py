"""A test read as calls of the program and checks on what they return. The test is never executed.

Understood are: assignments of constants, functions that the test defines and calls itself (``def check(candidate)``),
or that pytest would call (``def test_it()``), loops over constants, assertions in the language of ``expressions``, and
the ``assertion`` function of EvalPlus.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ...sandbox.inside.outline import PROGRAM_MODULES, is_guard, outline
from ...sandbox.inside.values import encode
from .checks import Check, EvalPlus, Holds
from .expressions import CONSTANTS, FUNCTIONS, Names, Outside, Slot, check, evaluate, folded, limited_time
from .names import ANY
from .syntax import parse, unparse

MOST = 10_000
"""Operations of a test, and turns of all its loops."""
SECONDS = 0.5
"""Processor time for all constants of a test."""
DEPTH = 5
"""Functions of a test within each other."""


class Lifted(msgspec.Struct, frozen=True):
    operations: list[list[Any]]
    """In the words of sandbox/inside/calls.py, in order."""
    checks: list[tuple[int, Check]]
    """(operations before it, check), in order."""


def lift(tree: ast.Module, entry_point: str | None, provided: frozenset[str], function: str | None = None) -> Lifted:
    """``provided`` are the names that the prelude gives; ``function`` is the one test function that is wanted. Raises
    Outside, saying what cannot be read."""
    lifter = _Lifter(entry_point, provided)
    try:
        with limited_time(SECONDS):
            lifter.module(tree, function)
            lifter.check_imports()
    except (RecursionError, MemoryError) as error:
        raise Outside(f"{type(error).__name__} in a constant") from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise Raises(f"{type(error).__name__}: {error}", lifter.at) from None
    if not lifter.operations:
        raise Outside("no call of the program")
    return Lifted(lifter.operations, lifter.checks)


class Raises(Outside):
    """What the test does by itself raises."""

    def __init__(self, words: str, at: ast.stmt) -> None:
        super().__init__(f"{words} (line {at.lineno})")
        self.certain = not any(map(_may_be_left_out, ast.walk(at)))
        """Whether it is so whatever the program returns; there is no part that may be left out."""


def _may_be_left_out(node: ast.AST) -> bool:
    return isinstance(node, ast.BoolOp | ast.IfExp) or (isinstance(node, ast.Compare) and len(node.ops) > 1)


class _Program:
    """A function of the program, by name."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Module:
    """An imported module. Its attributes are those that ``expressions`` knows."""


class _Lifter:
    def __init__(self, entry_point: str | None, provided: frozenset[str]) -> None:
        self.entry_point = entry_point
        self.provided = provided
        self.operations: list[list[Any]] = []
        self.checks: list[tuple[int, Check]] = []
        self.at: ast.stmt = ast.Pass(lineno=1)
        """What is being read."""
        self.imported: set[str] = set()
        """Names that are left to the language."""
        self.of_program: set[str] = set()
        """What is imported of the program."""
        self._turns = 0
        self._depth = 0
        self._given: set[int] = set()
        """Identities of mutable constants that the program was given by name: it may have changed them."""
        self._alive: list[Any] = []

    def module(self, tree: ast.Module, function: str | None) -> None:
        """A script; or all of a module, then what pytest would call."""
        names: dict[str, Any] = {}
        found = outline(tree)
        if found.kind == "script":
            self.block(_unguarded(tree.body), names)
            return
        self.block((node for node in tree.body if not is_guard(node)), names)
        for name in found.functions:
            if function not in (None, name):
                continue
            node = names.get(name)
            if not isinstance(node, ast.FunctionDef) or unparse(node.args):
                raise Outside(f"the test function {name}")
            self.block(node.body, dict(names))

    def check_imports(self) -> None:
        """A program that lacks what is imported fails, whether that is called or not."""
        if lacking := self.of_program - {operation[0] for operation in self.operations}:
            raise Outside(f"the import of {min(lacking)}, which is not called")

    def block(self, body: Iterable[ast.stmt], names: dict[str, Any]) -> None:
        for statement in body:
            self.statement(statement, names)

    def statement(self, node: ast.stmt, names: dict[str, Any]) -> None:
        self.at = node
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant() | ast.Name()):
                pass
            case ast.Return(value=None):
                pass
            case ast.Import(names=modules):
                for alias in modules:
                    names[alias.asname or alias.name] = _Module()
            case ast.ImportFrom(module=module, names=imported) if module in PROGRAM_MODULES:
                for alias in imported:
                    names[alias.asname or alias.name] = _Program(alias.name)
                    self.of_program.add(alias.name)
            case ast.ImportFrom(names=imported):
                for alias in imported:
                    name = alias.asname or alias.name
                    if alias.asname or name not in FUNCTIONS | CONSTANTS:
                        names[name] = _Module()
                    else:
                        self.imported.add(name)
            case ast.FunctionDef(name=name):
                if node.decorator_list or any(isinstance(part, ast.Call) for part in ast.walk(node.args)):
                    raise Outside(f"what comes with the definition of {name}")
                names[name] = node
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call) if self.program_of(call.func, names):
                names[name] = Slot(self.operation(call, names))
            case ast.Assign(targets=[target], value=value):
                self.bind(target, self.constant(value, names), names)
            case ast.For(target=target, iter=items, body=body, orelse=[]):
                for item in self.constant(items, names):
                    self._turns += 1
                    self.at = node
                    if self._turns > MOST:
                        raise Outside(f"more than {MOST} turns of loops")
                    self.bind(target, item, names)
                    self.block(body, names)
            case ast.Assert(test=test):
                self.assertion(test, names)
            case ast.Expr(value=ast.Call() as call):
                self.call(call, names)
            case _:
                raise Outside(f"a {type(node).__name__}")

    def bind(self, target: ast.expr, value: Any, names: dict[str, Any]) -> None:
        match target:
            case ast.Name(id=name):
                names[name] = value
            case ast.Tuple(elts=parts):
                for part, item in zip(parts, value, strict=True):
                    self.bind(part, item, names)
            case _:
                raise Outside("an assignment to a part of something")

    def constant(self, node: ast.expr, names: dict[str, Any]) -> Any:
        return evaluate(node, self.visible(node, names))

    def visible(self, node: ast.AST, names: dict[str, Any]) -> Names:
        """The constants that the expression uses; whatever else a name stands for is outside of the language."""
        found: dict[str, Any] = {}
        for part in ast.walk(node):
            if not isinstance(part, ast.Name):
                continue
            if part.id not in names:
                if not (part.id in self.provided or part.id in self.imported or hasattr(builtins, part.id)):
                    raise Outside(f"the name {part.id}")
                continue
            value = names[part.id]
            if isinstance(value, ast.FunctionDef | _Program):
                raise Outside(f"the function {part.id}")
            if isinstance(value, Slot):
                raise Outside(f"{part.id}, which the program returned, where a constant must stand")
            if isinstance(value, _Module):
                continue
            if id(value) in self._given:
                raise Outside(f"{part.id} after the program may have changed it")
            found[part.id] = value
        return found

    def program_of(self, function: ast.expr, names: dict[str, Any]) -> str | None:
        """The name in the program, when it is the program that is called."""
        if not isinstance(function, ast.Name):
            return None
        name = function.id
        if name in names:
            value = names[name]
            return value.name if isinstance(value, _Program) else None
        if name == self.entry_point:
            return name
        if ANY in self.provided:
            raise Outside(f"{name}, which the prelude may give")
        if not (name in self.provided or name in self.imported or hasattr(builtins, name)):
            return name
        return None

    def operation(self, node: ast.Call, names: dict[str, Any]) -> int:
        name = self.program_of(node.func, names)
        args: list[Any] = []
        for part in node.args:
            inner = part.value if isinstance(part, ast.Starred) else part
            value = self.constant(inner, names)
            args += value if isinstance(part, ast.Starred) else [value]
        if any(word.arg is None for word in node.keywords):
            raise Outside("** in a call")
        keywords = {str(word.arg): self.constant(word.value, names) for word in node.keywords}
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(names.get(part.id), list | dict | set):
                self._given.add(id(names[part.id]))
                self._alive.append(names[part.id])  # an id is only as good as its object
        if len(self.operations) >= MOST:
            raise Outside(f"more than {MOST} calls")
        try:
            sent = [encode(arg) for arg in args], {key: encode(value) for key, value in keywords.items()}
        except (TypeError, ValueError) as error:
            raise Outside(f"an argument: {error}") from None
        self.operations.append([name, *sent])
        return len(self.operations) - 1

    def assertion(self, test: ast.expr, names: dict[str, Any]) -> None:
        expression = _Calls(self, names).visit(copy.deepcopy(test))
        visible = self.visible_after(expression, names)
        check(expression, visible)
        if (known := folded(expression)) is not None and not known[0]:
            raise Raises("AssertionError", self.at)
        self.checks.append((len(self.operations), Holds(expression, visible)))

    def visible_after(self, node: ast.expr, names: dict[str, Any]) -> Names:
        if isinstance(node, ast.Constant):
            return {}
        return self.visible(node, names)

    def call(self, node: ast.Call, names: dict[str, Any]) -> None:
        """A call that stands alone: of the program, or of a function of the test."""
        if self.program_of(node.func, names):
            self.operation(node, names)
            return
        function = names.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if not isinstance(function, ast.FunctionDef):
            raise Outside("a call of something that is not the program")
        if form := _evalplus(function):
            self.evalplus(node, names, as_sets=form == "sets")
            return
        given = function.args
        plain = [arg.arg for arg in given.args]
        if given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs or given.defaults or node.keywords:
            raise Outside(f"the parameters of {function.name}")
        if len(plain) != len(node.args):
            raise Outside(f"the call of {function.name}")
        inner = dict(names)
        for name, part in zip(plain, node.args, strict=True):
            known = names.get(part.id, self) if isinstance(part, ast.Name) else None
            if isinstance(part, ast.Name) and (isinstance(known, _Program) or self.program_of(part, names)):
                inner[name] = _Program(self.program_of(part, names) or part.id)
            else:
                inner[name] = self.constant(part, names)
        self._depth += 1
        if self._depth > DEPTH:
            raise Outside("functions of the test within each other")
        self.block(function.body, inner)
        self._depth -= 1

    def evalplus(self, node: ast.Call, names: dict[str, Any], *, as_sets: bool) -> None:
        match node.args:
            case [ast.Call() as out, exp, atol] if self.program_of(out.func, names) and not node.keywords:
                slot = self.operation(out, names)
                expected, tolerance = self.constant(exp, names), self.constant(atol, names)
                if not isinstance(tolerance, int | float):
                    raise Outside("a tolerance that is no number")
                self.checks.append((slot + 1, EvalPlus(slot, expected, float(tolerance), as_sets)))
            case _:
                raise Outside("the call of assertion")


def _unguarded(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """With what is done where the module is the one that was started."""
    for node in body:
        if isinstance(node, ast.If) and unparse(node.test) == "__name__ == '__main__'" and not node.orelse:
            yield from node.body
        else:
            yield node


class _Calls(ast.NodeTransformer):
    """Puts slots where the program is called, and where a name stands for what it returned."""

    def __init__(self, lifter: _Lifter, names: dict[str, Any]) -> None:
        self.lifter = lifter
        self.names = names

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if self.lifter.program_of(node.func, self.names):
            return ast.copy_location(ast.Constant(Slot(self.lifter.operation(node, self.names))), node)
        node.args = [self.visit(arg) for arg in node.args]
        node.keywords = [self.visit(word) for word in node.keywords]
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.names.get(node.id)
        return ast.copy_location(ast.Constant(value), node) if isinstance(value, Slot) else node


def as_calls(node: ast.expr) -> ast.expr:
    """For people: slots as ``result(n)``."""

    class Named(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            return ast.Name("result") if isinstance(node.value, Slot) else node

    return Named().visit(copy.deepcopy(node))


_EQUAL = """
def assertion(out, exp, atol):
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if out != exp and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert out == exp, f"out: {out}, exp: {exp}"
"""
_SETS = _EQUAL.replace("    if out != exp", "    out = set(out)\n    exp = set(exp)\n    if out != exp")
_MATCH = """
def assertion(out, exp, atol):
    exact_match = out == exp
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert exact_match
"""


def _body(function: ast.FunctionDef) -> str:
    return ast.dump(ast.Module([*function.body], [])) + ast.dump(function.args)


def _function(source: str) -> ast.FunctionDef:
    statement = parse(source).body[0]
    assert isinstance(statement, ast.FunctionDef)
    return statement


_FORMS = {_body(_function(_EQUAL)): "equal", _body(_function(_MATCH)): "equal", _body(_function(_SETS)): "sets"}


def _evalplus(function: ast.FunctionDef) -> str | None:
    """Which ``assertion`` of EvalPlus this is."""
    return _FORMS.get(_body(function))
