"""The test functions of a module, as tests of their own.

Each then runs in processes of its own, alone: with imports, definitions and constants of the module made anew, with
fixtures, ``setUp``, ``setUpClass`` and the like of its own. A test with parameters stays one, as does one with
subtests.

That is the same test only where no function needs what another has left behind. `split` says so where it sees nothing
that could be left; whatever it does not understand keeps the module one test. These keep it one:

* fixtures of a wider scope than the function, ``setUpClass``, ``setup_module`` and the like, and test classes whose
  attributes are no constants: they are there to be shared
* a value at the top of the module that more than one function uses, unless it is a constant, or data that nothing in
  the module changes
* ``global``; what a function sets on a module, a class or ``os.environ``
* state of the program's own, as far as it shows: one of its functions is called for no value, with nothing but
  constants (``add_user("x")``), or by several test functions without any argument (``next_id()``); what it keeps in its
  module or in a class
* a file that one function writes and another names
* anything that may be skipped: alone it would judge nobody
* marks that say so (``order``, ``dependency``), ``load_tests``, ``pytest_generate_tests``, and statements at the top
  that ask something of the program
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from ...sandbox.inside.outline import (
    PROGRAM_MODULES,
    Function,
    dotted,
    imported,
    is_fixture,
    is_guard,
    outline,
    statements,
)
from .syntax import parse

SHARED = frozenset(
    "setUpClass tearDownClass setUpModule tearDownModule setup_module teardown_module setup_class teardown_class "
    "load_tests pytest_generate_tests".split()
)
"""Functions that are called once for several tests, or make tests."""
EACH = frozenset(
    "setUp tearDown asyncSetUp asyncTearDown setup_method teardown_method setup_function teardown_function".split()
)
"""Functions that are called for each test."""
SKIPPING = frozenset("SkipTest importorskip skip skipIf skipTest skipUnless skipif".split())
ORDERED = frozenset("order run dependency depends incremental".split())
"""Marks, after ``pytest.mark.``"""
RUNNERS = frozenset("unittest.main pytest.main main".split())
CAPTURES = frozenset(
    "capsys capfd redirect_stdout redirect_stderr StringIO patch mock Mock MagicMock monkeypatch".split()
)
"""A function that mentions one of these may well call something for what it prints, or calls."""
RAISES = frozenset(
    "raises warns assertRaises assertRaisesRegex assertWarns assertWarnsRegex assertLogs assertNoLogs".split()
)
WRITING = frozenset("open write_text write_bytes makedirs mkdir touch savefig to_csv".split())
LASTING = frozenset("os.environ.update os.environ.setdefault os.environ.pop os.putenv os.chdir".split())
MODE = 3
"""Characters of the longest mode of a file."""
CHANGING = frozenset("add append clear discard extend insert pop popitem remove reverse setdefault sort update".split())
"""Methods of lists, dicts and sets."""
ASSERTING = re.compile("assert|check|exit|expect|fail|raises|should|skip|test|valid|verify|warns", re.IGNORECASE)
"""In the names of functions that may well assert."""
SHOWN = 5
"""Names that a message tells."""
CONSTANT_KINDS = frozenset(
    "Decimal Fraction Path TypeVar complex compile date datetime float frozenset getLogger int namedtuple range str "
    "timedelta tuple".split()
)
"""What is called for something that nobody changes."""


def functions(code: str) -> list[str]:
    """All test functions of a module, as ``test_f`` or ``TestC.test_m``. What is no Python has none."""
    return _read(code)[1]


def split(code: str, prelude: str = "") -> list[str]:
    """The test functions that may each be a test of their own. None: the module is one test, or no Python. ``prelude``:
    where names come from that the module does not import."""
    tree, names = _read(code)
    return names if len(names) > 1 and _Module(tree, names, _read(prelude)[0]).are_independent() else []


def silent(code: str) -> dict[str, int]:
    """The test functions in which nothing says what is right, with their lines: no assertion, nothing that is called
    like one, no exception that is awaited. They pass with whatever does not raise."""
    tree, names = _read(code)
    parts_of = _Module(tree, names, ast.Module([], [])).parts
    found = {name: parts for name, parts in parts_of.items() if parts}
    return {
        name: parts[0].lineno
        for name, parts in found.items()
        if not any(_says(node) for part in parts for node in ast.walk(part))
    }


def _says(node: ast.AST) -> bool:
    match node:
        case ast.Assert() | ast.Raise():
            return True
        case ast.Call(func=function):
            return ASSERTING.search(dotted(function).rpartition(".")[2]) is not None
        case _:
            return False


def _read(code: str) -> tuple[ast.Module, list[str]]:
    try:
        tree = parse(code)
        return tree, outline(tree).functions
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], []), []


def check(code: str, function: str) -> None:
    """Raises ValueError where the code has no test function of this name."""
    if function not in (known := functions(code)):
        has = f"; it has {', '.join(known[:SHOWN])}" if known else ", and no other"
        raise ValueError(f"the code has no test function of this name{has} (found {function!r})")


class _Module:
    """A module with test functions of these names."""

    def __init__(self, tree: ast.Module, names: list[str], prelude: ast.Module) -> None:
        self.tree = tree
        self.names = names
        top = list(statements(tree.body))
        brought = [*imported(ast.walk(prelude)), *imported(ast.walk(tree))]
        self.imported = {name for name, module in brought if module not in PROGRAM_MODULES}
        self.definitions = _definitions(top)
        self.values = {name: value for node in top for name, value in _assigned(node)}
        """What stands at the top."""
        bound = {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        }
        bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
        bound |= {*self.definitions, *self.imported, *vars(builtins)}
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        asked = {name for name, module in brought if module in PROGRAM_MODULES}
        self.program = asked | (read - bound)
        """Names that the program gives, its module among them."""
        self.modules = asked.intersection(PROGRAM_MODULES) | _aliases(tree)
        self.called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self.parts = {name: self.parts_of(name) for name in names}
        """What belongs to each function: itself first, and what it uses of its module and class."""

    def are_independent(self) -> bool:
        if not SKIPPING.isdisjoint(_mentioned(self.tree)):
            return False
        several = any(self.is_for_several(node) for node in ast.walk(self.tree))
        if several or any(self.does_something(node) for node in self.tree.body):
            return False
        if any(self.is_shared(name) for name in self.values):
            return False
        if any(self.leaves_something(part) for parts in self.parts.values() for part in parts):
            return False
        return not (self.ask_for_state() or self.share_files())

    def parts_of(self, name: str) -> list[ast.ClassDef | Function]:
        *places, method = name.split(".")
        known = dict(self.definitions)
        inside = known
        classes: list[ast.ClassDef] = []
        for place in places:
            node = inside.get(place)
            classes = self.line(node) if isinstance(node, ast.ClassDef) else []
            inside = {key: value for each in reversed(classes) for key, value in _definitions(each.body).items()}
        known |= inside
        found = [known[each] for each in (method, *EACH) if each in known]
        found += [node for node in known.values() if is_fixture(node) and node not in found]
        for node in found:  # grows while it is read
            for each in _mentioned(node):
                if (other := known.get(each)) and other not in found and other not in classes:
                    found.append(other)
        return found

    def line(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        """A class and those of the module that it inherits from."""
        found = [node]
        for each in found:  # grows while it is read
            bases = [self.definitions.get(base.id) for base in each.bases if isinstance(base, ast.Name)]
            found += [base for base in bases if isinstance(base, ast.ClassDef) and base not in found]
        return found

    # -- what keeps it one test

    def is_for_several(self, node: ast.AST) -> bool:
        """Whether it is there for more than one function, or for their order."""
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                return name in SHARED
            case ast.Call(func=function, keywords=words) if dotted(function).endswith("fixture"):
                scopes = [word.value for word in words if word.arg == "scope"]
                return any(not isinstance(each, ast.Constant) or each.value != "function" for each in scopes)
            case ast.Attribute(attr=name):
                return name in ORDERED and dotted(node).startswith("pytest.mark.")
            case ast.ClassDef(name=name, body=body):
                values = [value for each in statements(body) for _, value in _assigned(each)]
                tests = any(name in test.split(".")[:-1] for test in self.names)
                return tests and not all(map(self.is_constant, values))
            case ast.Global():
                return True
            case _:
                return False

    def does_something(self, node: ast.stmt) -> bool:
        """Whether a statement at the top does more than to make what functions use."""
        match node:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return False
            case ast.Assign() | ast.AnnAssign() | ast.Pass() | ast.Expr(value=ast.Constant()):
                return False
            case ast.Expr(value=ast.Call(func=function)) if dotted(function):
                return dotted(function) not in RUNNERS and self.is_of_program(function)
            case ast.If() | ast.Try() | ast.With():
                inner = [] if is_guard(node) else [part for part in statements([node]) if part is not node]
                return any(self.does_something(part) for part in inner)
            case _:
                return True

    def is_shared(self, name: str) -> bool:
        """Whether what a name at the top stands for may carry something from one function to another."""
        value = self.values[name]
        if self.is_constant(value):
            return False
        users = sum(any(name in _mentioned(part) for part in parts) for parts in self.parts.values())
        return users > 1 and (not self.is_data(value) or self.is_changed(name))

    def leaves_something(self, part: ast.AST) -> bool:
        """Whether it sets what outlives it, or tells the program something and asks for nothing."""
        lasting = {*self.imported, *self.program, *self.definitions, "cls", "type"}
        captures = not CAPTURES.isdisjoint(_mentioned(part))
        raising = {id(inner) for node in ast.walk(part) if _awaits_exception(node) for inner in ast.walk(node)}
        for node in ast.walk(part):
            match node:
                case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                    if _root(node) in lasting or dotted(node.value).endswith("__class__"):
                        return True
                case ast.Call(func=function) if dotted(function) in LASTING:
                    return True
                case ast.Expr(value=ast.Call(func=function, args=args, keywords=words)):
                    given = [*args, *(word.value for word in words)]
                    told = self.is_of_program(function) and all(map(self.is_constant, given))
                    if told and not captures and id(node) not in raising:
                        return True
                case _:
                    pass
        return False

    def ask_for_state(self) -> bool:
        """Whether functions ask the program for something that another may have changed."""
        asking = 0
        for parts in self.parts.values():
            nodes = [node for part in parts for node in ast.walk(part)]
            if any(self.is_state(node) for node in nodes):
                return True
            asking += any(
                isinstance(node, ast.Call)
                and not (node.args or node.keywords)
                and self.is_of_program(node.func)
                and dotted(node.func).rpartition(".")[2][:1].islower()
                for node in nodes
            )
        return asking > 1

    def is_state(self, node: ast.AST) -> bool:
        """Whether it is a value in the program's module, or in one of its classes."""
        match node:
            case ast.Subscript(value=ast.Name(id=name)):
                return name in self.program
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in self.program:
                is_function = id(node) in self.called and (name in self.modules or name[:1].isupper())
                return not is_function and attr[:1].islower()
            case _:
                return False

    def share_files(self) -> bool:
        """Whether one function writes what another names."""
        own = [parts[0] for parts in self.parts.values() if parts]
        written = [_texts(*(node for node in ast.walk(each) if _writes(node))) for each in own]
        return any(
            written[one] & _texts(other) for one in range(len(own)) for place, other in enumerate(own) if place != one
        )

    # -- values

    def is_of_program(self, node: ast.expr) -> bool:
        return _root(node) in self.program

    def is_constant(self, value: ast.expr | None) -> bool:
        """Whether it is certain that nobody changes it."""
        match value:
            case None | ast.Constant() | ast.Lambda() | ast.JoinedStr():
                return True
            case ast.Tuple(elts=parts):
                return all(map(self.is_constant, parts))
            case ast.UnaryOp(operand=part):
                return self.is_constant(part)
            case ast.BinOp(left=left, right=right):
                return self.is_constant(left) and self.is_constant(right)
            case ast.Name(id=name):
                return self.is_constant(self.values[name]) if name in self.values else name in vars(builtins)
            case ast.Attribute():
                return _root(value) in self.imported
            case ast.Call(func=function, args=args):
                kind = dotted(function).rpartition(".")[2]
                return kind in CONSTANT_KINDS and not self.is_of_program(function) and all(map(self.is_data, args))
            case _:
                return False

    def is_data(self, value: ast.expr | None) -> bool:
        """Whether it is written out, as lists and the like, with nothing of the program in it."""
        match value:
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return all(map(self.is_data, parts))
            case ast.Dict(keys=keys, values=values):
                return all(map(self.is_data, [*keys, *values]))
            case ast.ListComp() | ast.SetComp() | ast.DictComp():
                return not any(isinstance(part, ast.Name) and part.id in self.program for part in ast.walk(value))
            case _:
                return self.is_constant(value)

    def is_changed(self, name: str) -> bool:
        for node in ast.walk(self.tree):
            match node:
                case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                    changed = _root(node) == name
                case ast.AugAssign(target=ast.Name(id=other)):
                    changed = other == name
                case ast.Call(func=ast.Attribute(attr=method) as function):
                    changed = method in CHANGING and _root(function) == name
                case _:
                    continue
            if changed:
                return True
        return False


def _definitions(body: list[ast.stmt]) -> dict[str, ast.ClassDef | Function]:
    return {node.name: node for node in statements(body) if isinstance(node, ast.ClassDef | Function)}


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Names, and what they are set to."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from ((part.id, node.value) for part in ast.walk(target) if isinstance(part, ast.Name))


def _aliases(tree: ast.Module) -> set[str]:
    """What the program's module is called after ``import solution as s``."""
    modules = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return {alias.asname for alias in modules if alias.asname and alias.name in PROGRAM_MODULES}


def _mentioned(node: ast.AST) -> set[str]:
    """Names, attributes and arguments."""
    found: set[str] = set()
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                found.add(name)
            case _:
                pass
    return found


def _root(node: ast.AST) -> str:
    """The name that a chain of attributes, items and calls begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _awaits_exception(node: ast.AST) -> bool:
    match node:
        case ast.With(items=items) | ast.AsyncWith(items=items):
            calls = [item.context_expr for item in items]
        case ast.Try():
            return bool(node.handlers)
        case _:
            return False
    return any(dotted(call).rpartition(".")[2] in RAISES for call in calls)


def _writes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = dotted(node.func).rpartition(".")[2]
    modes = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return name in WRITING and (
        name != "open" or any(mode[:1] in ("w", "a", "x") and len(mode) <= MODE for mode in modes)
    )


def _texts(*nodes: ast.AST) -> set[str]:
    """Names of files, perhaps."""
    parts = [part for node in nodes for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return {part.value for part in parts if isinstance(part.value, str) and len(part.value) > MODE}
