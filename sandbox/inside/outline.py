"""Which tests the text of a test has: as unittest and pytest would find them, by its syntax alone.

The host imports this file, too: both sides have to call the same things by the same names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

PROGRAM_MODULES = ("solution", "__main__")
"""What the module of the program is called."""
MODULE = "test_solution"
"""What a text with test functions is called as a module."""
FIXTURES = frozenset(
    "caplog capfd capfdbinary capsys capsysbinary capteesys doctest_namespace monkeypatch pytestconfig record_property "
    "record_testsuite_property record_xml_attribute recwarn request subtests testdir tmp_path tmp_path_factory tmpdir "
    "tmpdir_factory".split()
)
"""What pytest has of its own."""
CASES = ("TestCase", "IsolatedAsyncioTestCase")
"""Of unittest."""

Kind = Literal["script", "unittest", "pytest"]
Function = ast.FunctionDef | ast.AsyncFunctionDef
_Group = ast.If | ast.Try | ast.With


class Outline(NamedTuple):
    kind: Kind
    """script      its statements are the test
    unittest    classes of unittest, and nothing of pytest
    pytest      functions and classes that pytest finds"""
    functions: list[str]
    """The tests, as ``test_f`` or ``TestC.test_m``. A script has none."""
    helpers: frozenset[str]
    """What is called like a test, but takes what only the text itself gives it."""
    classes: frozenset[str]
    """Of the top of the module, those that are unittest's."""
    nodes: Sequence[ast.AST]
    """All of the tree."""


def outline(tree: ast.Module) -> Outline:
    nodes = [*ast.walk(tree)]
    module = _Module(tree, nodes)
    functions = list(module.tests())
    if not functions or module.calls_all(functions):
        return Outline("script", [], frozenset(module.helpers), frozenset(module.cases), nodes)
    only_cases = all(name.partition(".")[0] in module.cases for name in functions)
    kind = "unittest" if only_cases and not mentions(nodes, "pytest") else "pytest"
    return Outline(kind, functions, frozenset(module.helpers), frozenset(module.cases), nodes)


def mentions(nodes: Iterable[ast.AST], name: str) -> bool:
    """Whether a module is imported."""
    for node in nodes:
        if isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == name for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == name:
            return True
    return False


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of a module or a class, those in its blocks too."""
    for node in body:
        yield node
        if isinstance(node, _Group) and not is_guard(node):
            yield from statements(node.body)
            if not isinstance(node, ast.With):
                yield from statements(node.orelse)
            if isinstance(node, ast.Try):
                for handler in node.handlers:
                    yield from statements(handler.body)


def is_guard(node: ast.stmt) -> bool:
    """``if __name__ == "__main__":``"""
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test)
    )


def imported(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str | None]]:
    """(name, module) of all imports."""
    for node in nodes:
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            yield alias.asname or alias.name, node.module if isinstance(node, ast.ImportFrom) else alias.name


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of a name with attributes, called or not; nothing of anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            before = dotted(value)
            return f"{before}.{name}" if before else ""
        case ast.Call(func=function):
            return dotted(function)
        case _:
            return ""


def is_fixture(node: ast.AST) -> bool:
    return isinstance(node, Function) and any(
        dotted(each) in ("fixture", "pytest.fixture", "pytest_asyncio.fixture") for each in node.decorator_list
    )


class _Module:
    """What is found at the top of a text."""

    def __init__(self, tree: ast.Module, nodes: Sequence[ast.AST]) -> None:
        self.tree = tree
        self.top = list(statements(tree.body))
        self.bodies = {node.name: node for node in self.top if isinstance(node, ast.ClassDef)}
        self.cases = {name for name in self.bodies if self.is_case(name)}
        self.fixtures = FIXTURES.union(_fixture_names(nodes))
        self.called = {
            call.func.id if isinstance(call.func, ast.Name) else call.func.attr
            for call in nodes
            if isinstance(call, ast.Call) and (call.args or call.keywords)
            if isinstance(call.func, ast.Name | ast.Attribute)
        }
        """Functions and methods that the text gives arguments."""
        self.helpers: set[str] = set()

    def tests(self) -> Iterator[str]:
        found: set[str] = set()
        for node in self.top:
            names: Iterable[str] = ()
            if isinstance(node, Function):
                names = (node.name,) if self.is_test(node, "") else ()
            elif isinstance(node, ast.ClassDef) and self.bodies[node.name] is node:
                names = self.methods(node, node.name)
            for name in names:
                if name not in found:
                    found.add(name)
                    yield name

    def is_test(self, node: Function, within: str) -> bool:
        """Whether it runs by itself; what is called like a test and does not is a helper."""
        if not node.name.startswith("test") or is_fixture(node):
            return False
        if node.name in self.called and not self.gets_arguments(node, 1 if within else 0):
            self.helpers.add(within + node.name)
            return False
        return True

    def gets_arguments(self, node: Function, first: int) -> bool:
        """Whether fixtures, marks or decorators give all that it takes."""
        given = node.args
        wanted = [*given.posonlyargs, *given.args][
            first : len(given.posonlyargs) + len(given.args) - len(given.defaults)
        ]
        wanted += [arg for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
        return bool(node.decorator_list) or all(arg.arg in self.fixtures for arg in wanted)

    def is_case(self, name: str) -> bool:
        return any(
            dotted(base).rpartition(".")[2] in CASES for each in self.line(name) for base in self.bodies[each].bases
        )

    def line(self, name: str) -> list[str]:
        """A class and those of the text that it inherits from."""
        found = [name]
        for each in found:  # grows while it is read
            bases = [base.id for base in self.bodies[each].bases if isinstance(base, ast.Name)]
            found += [base for base in bases if base in self.bodies and base not in found]
        return found

    def methods(self, node: ast.ClassDef, name: str) -> Iterator[str]:
        case = name in self.cases
        if not case and not node.name.startswith("Test"):
            return
        bodies = [self.bodies[each] for each in self.line(name)] if node is self.bodies.get(name) else [node]
        inside = [part for body in bodies for part in statements(body.body)]
        if any(_sets(part, "__test__") for part in statements(node.body)):
            return
        made = ("__init__", "__new__")
        if not case and any(isinstance(part, Function) and part.name in made for part in inside):
            return
        for part in inside:
            if isinstance(part, Function) and self.is_test(part, f"{name}."):
                yield f"{name}.{part.name}"
            elif isinstance(part, ast.ClassDef) and not case:
                yield from self.methods(part, f"{name}.{part.name}")

    def calls_all(self, tests: list[str]) -> bool:
        """Whether plain statements of the text call all of them: then those decide, and nobody else has to."""
        functions = {node.name: node for node in self.top if isinstance(node, Function)}
        reached = list(_called([node for node in self.tree.body if isinstance(node, _Plain)]))
        for name in reached:  # grows while it is read
            if (node := functions.get(name)) and not any(isinstance(part, ast.Try) for part in ast.walk(node)):
                reached += [each for each in _called(node.body) if each not in reached]
        return set(tests) <= set(reached)


_Plain = ast.Expr | ast.Assign | ast.Assert | ast.For


def _called(body: Iterable[ast.AST]) -> Iterator[str]:
    """Functions that are called by their names, or out of a list of them."""
    for node in body:
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
                yield part.func.id
                continue
            match part:
                case ast.For(target=ast.Name(id=name), iter=ast.List(elts=each) | ast.Tuple(elts=each), body=inner):
                    if name in _called(inner):
                        yield from (node.id for node in each if isinstance(node, ast.Name))
                case _:
                    pass


def _sets(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(each, ast.Name) and each.id == name for each in node.targets)


def _fixture_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Function) and is_fixture(node):
            yield node.name
            for decorator in node.decorator_list:
                for word in decorator.keywords if isinstance(decorator, ast.Call) else ():
                    if word.arg == "name" and isinstance(word.value, ast.Constant):
                        yield str(word.value.value)
