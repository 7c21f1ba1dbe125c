"""Copies of a test that tell whether a program passed it for its answers.

A program that passes a test beside which it runs may have done so without the right answers: it equals everything,
leaves assertions out, ends early, reads what is expected. Then it also passes a copy in which one thing that the test
expects is another, chosen by a secret seed. What can be changed, the best first:

value     a literal that the test compares with what comes of the program: `== 3`, `assertEqual(x, [1, 2])`,
          `pytest.approx(0.5)`, `match="negative"`, `assert_called_with("x")`, an exception; also where it has a
          name (`expected = 3`, `for given, wanted in cases`, `parametrize`, arguments of the test's own functions). The
          type stays the same, and the new value is further off than tolerances that are seen
objects   where neither side is data (`Vec(1, 2) + Vec(3, 4) == Vec(4, 6)`), all literals of one side; the sides of `<`
negation  of an assertion that expects no literal
stop      an assertion that never holds, after the last statement

What is an argument for the program is never changed, objects apart. The last two tell only whether failing is noticed.
And one copy right programs pass as well:

inverted  all assertions that can be, with other values, and each the other way round: `assert not (f(2) == 5)`. A
          program that cheats at one of many fails it
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import itertools
import math
import random
import re
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from .dependence import PROGRAM_MODULES
from .expressions import Outside, dotted, evaluate, limited_time
from .syntax import parse, unparse

COPIES = 2
"""On which an accepted program is tried."""
LEAVES = 400
"""Literals of one assertion among which is chosen."""
_DEPTH = 6
"""How many names stand for another."""
_PATIENCE = 0.05
"""Seconds for the value of an expected expression."""
KINDS = "value", "objects", "negation", "stop"
INVERTED = "inverted"

_LIBRARIES = frozenset(("numpy", "np", "pandas", "pd", "pytest", "scipy", "sklearn", "sortedcontainers", "torch"))
_KEEPING = frozenset((
    "Counter", "DataFrame", "Decimal", "Fraction", "OrderedDict", "Path", "PurePath", "Series", "array", "bytearray",
    "bytes", "call", "date", "datetime", "dedent", "deque", "dict", "dumps", "encode", "frozenset", "join", "list",
    "loads", "set", "sorted", "splitlines", "strip", "timedelta", "tuple",
))  # fmt: skip
"""Functions that give different values for different arguments, mostly."""
_NUMBERS = frozenset(("complex", "float", "int"))
"""Functions whose texts are not changed: what comes of that may be no number."""
_EQUAL = frozenset((
    "assertEqual", "assertEquals", "assertListEqual", "assertTupleEqual", "assertDictEqual", "assertSetEqual",
    "assertSequenceEqual", "assertCountEqual", "assertMultiLineEqual", "assertAlmostEqual", "assertAlmostEquals",
    "assertItemsEqual", "assert_equal", "assert_array_equal", "assert_allclose", "assert_almost_equal",
    "assert_array_almost_equal", "assert_frame_equal", "assert_series_equal", "assertArrayEqual",
))  # fmt: skip
_CLOSE = frozenset(("allclose", "array_equal", "equal", "isclose", "equals"))
_CALLED = frozenset(("assert_any_call", "assert_called_once_with", "assert_called_with", "assert_has_calls"))
_AMONG = frozenset(("assert_any_call", "assert_has_calls"))
"""Of them, those that other calls may fulfil."""
_REGEX = frozenset(("assertRegex", "assertRegexpMatches"))
_RAISES = frozenset(("assertRaises", "assertRaisesRegex", "assertRaisesRegexp", "raises", "assertWarns", "warns"))
_CATCHING = _RAISES | {"suppress"}
_ENDING = frozenset(("exit", "importorskip", "quit", "skip", "skipTest", "_exit"))
_LEAVING = _ENDING | {"main"}
_MATCHES = frozenset(("search", "match", "fullmatch"))
_TOLERANCES = frozenset(("abs", "abs_tol", "atol", "delta", "rel", "rel_tol", "rtol"))
_OPPOSITE = {
    "assertTrue": "assertFalse", "assertFalse": "assertTrue", "assertIsNone": "assertIsNotNone",
    "assertIsNotNone": "assertIsNone", "assertEqual": "assertNotEqual", "assertNotEqual": "assertEqual",
    "assertIn": "assertNotIn", "assertNotIn": "assertIn", "assertIs": "assertIsNot", "assertIsNot": "assertIs",
    "assertIsInstance": "assertNotIsInstance", "assertNotIsInstance": "assertIsInstance",
    "assertLess": "assertGreaterEqual", "assertGreaterEqual": "assertLess", "assertGreater": "assertLessEqual",
    "assertLessEqual": "assertGreater", "assertAlmostEqual": "assertNotAlmostEqual",
}  # fmt: skip
_INVERTED = frozenset(("assertAlmostEqual", "assertEqual", "assertTrue"))
"""Those that an inverted copy turns round."""
_OTHERS = "BufferError", "ChildProcessError", "StopAsyncIteration", "UnicodeTranslateError"
"""Exceptions that no program is expected to raise."""
_PAIRS = ("yes", "no"), ("true", "false"), ("none", "some"), ("even", "odd"), ("win", "lose"), ("valid", "invalid")
_WORDS = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
_SKIPPED = ("skip", "xfail", "expectedfailure")
_PLAIN_WORD = re.compile(r"[A-Za-z]{4,}")


class Copy(NamedTuple):
    """A test with one change."""

    code: str
    line: int
    """Of the change."""
    change: str
    """In words. It tells what the test expects."""
    kind: str
    """One of KINDS, or INVERTED."""
    sure: bool
    """No right program passes it, as far as can be read; of an inverted one, all do."""
    runs: bool = True
    """What is changed certainly runs, and nothing hides that it fails."""


class _Edit(NamedTuple):
    start: int
    """Place in the bytes of the source."""
    end: int
    text: str


class _Change(NamedTuple):
    edits: tuple[_Edit, ...]
    line: int
    kind: str
    sure: bool
    runs: bool
    statement: int
    """Where the assertion begins: changes of different ones come first."""
    part: int = -1
    """Where the expected expression begins: one of what the assertion compares with."""


def trials(code: str, seed: bytes, names: Collection[str] = (), select: str | None = None) -> list[Copy]:
    """The copies on which a program is tried that has passed the test; see `passes_rightly`.

    ``names``: what is the program's, besides names that nobody gives; ``select``: the one function that is run.
    """
    found = [*perturbed(code, seed, names, select)]
    objects = [copy for copy in found if copy.kind == "objects"][:COPIES]
    others = [copy for copy in found if copy.kind != "objects"][:COPIES]
    inverse = inverted(code, seed, names, select)
    return [*others, *objects, *([inverse] if inverse else [])]


def values(
    code: str, seed: bytes, names: Collection[str], select: str | None = None, certain: bool = False
) -> list[Copy]:
    """Copies with another value, for a test that no program can forge: no right program passes any of them.

    ``certain``: that can be said of all values of this test, whatever is read here.
    """
    found = (copy for copy in perturbed(code, seed, names, select) if copy.kind == "value" and (copy.sure or certain))
    return list(itertools.islice(found, COPIES))


def passes_rightly(copies: Sequence[Copy], passed: Sequence[bool | None]) -> bool | None:
    """Whether a program that has passed the test, and so of these copies, did so for its answers.

    One copy that no right program passes is enough to say no, and so is failing the inverted one. Of others it takes
    all, with objects or without. None: it passes all, but what is changed may not run. A copy of which it is not known
    says nothing.
    """
    by_kind: dict[str, list[tuple[Copy, bool]]] = {"objects": [], "": []}
    for copy, each in zip(copies, passed, strict=True):
        if copy.kind == INVERTED:
            if each is False:
                return False
        elif each and copy.sure:
            return False
        else:
            by_kind["objects" if copy.kind == "objects" else ""].append((copy, bool(each)))
    all_passed = [tried for tried in by_kind.values() if len(tried) >= COPIES and all(each for _, each in tried)]
    if any(copy.runs for tried in all_passed for copy, _ in tried):
        return False
    return None if all_passed else True


def perturbed(code: str, seed: bytes, names: Collection[str] = (), select: str | None = None) -> Iterator[Copy]:
    """Copies that right programs fail, the best first; the same for the same seed. None where the test does not parse
    or has no statement."""
    found = _found(code, seed, names, select)
    if found is not None:
        finder, changes = found
        for change in _ordered(changes, finder.chance):
            told = "; ".join(f"{finder.text(edit)} -> {edit.text}" for edit in change.edits)
            copy = Copy(finder.changed(change.edits), change.line, told, change.kind, change.sure, change.runs)
            if _parses(copy.code):
                yield copy


def inverted(code: str, seed: bytes, names: Collection[str] = (), select: str | None = None) -> Copy | None:
    """The copy that right programs pass. None: no assertion can be inverted."""
    found = _found(code, seed, names, select)
    if found is None:
        return None
    finder, changes = found
    statements = finder.invertible(changes)
    edits = {edit for change in statements.values() for edit in change}
    copy = Copy(finder.changed(edits), 1, f"{len(statements)} assertions", INVERTED, sure=True)
    return copy if statements and _parses(copy.code) else None


def _found(code: str, seed: bytes, names: Collection[str], select: str | None) -> tuple[_Finder, list[_Change]] | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            finder = _Finder(code, seed, names, select)
            return finder, finder.changes()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _parses(code: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _ordered(changes: list[_Change], chance: random.Random) -> Iterator[_Change]:
    """By what they are worth; within that by chance, each from another assertion as long as there is one."""
    chance.shuffle(changes)
    for kind, *known in itertools.product(KINDS, (True, False), (True, False)):
        by_statement: dict[int, list[_Change]] = {}
        for change in changes:
            if change.kind == kind and [change.sure, change.runs] == known:
                by_statement.setdefault(change.statement, []).append(change)
        for row in itertools.zip_longest(*by_statement.values()):
            yield from (change for change in row if change is not None)


_Function = ast.FunctionDef | ast.AsyncFunctionDef


_Scope = ast.AST | None
"""The function or class that names are bound in; None: the module."""


class _Binding(NamedTuple):
    """What a name stands for: these expressions, or each item of them."""

    values: tuple[ast.expr, ...]
    each: bool = False
    path: tuple[Any, ...] = ()
    """Places, or keys, within."""


class _Bound(NamedTuple):
    binding: _Binding | None
    """None: it is not read."""
    position: tuple[int, int]
    block: tuple[int, ...]
    """The statements that it is within."""


class _Finder:
    def __init__(self, code: str, seed: bytes, names: Collection[str], select: str | None) -> None:
        self.tree = parse(code)
        if not self.tree.body:
            raise ValueError("no statement")
        self.source = code.encode()
        lines = self.source.splitlines(keepends=True)
        self.starts = [0, *itertools.accumulate(map(len, lines))]
        self.chance = random.Random(hashlib.sha256(seed + self.source).digest())
        self.names = {*names, *PROGRAM_MODULES}
        self.select = select
        self.given: set[str] = set()
        """Names that are no program's: imported from libraries."""
        self.bindings: dict[tuple[_Scope, str], list[_Bound]] = {}
        self.loads: dict[str, list[ast.Name]] = {}
        self.places: dict[int, tuple[_Scope, tuple[int, ...]]] = {}
        """By identity of a name that is read: where it stands."""
        self.outer: dict[_Scope, _Scope] = {}
        self.keys: dict[int, object] = {}
        """By identity of a name that is read, where only a part is: the key of that."""
        self.calls: dict[str, list[ast.Call]] = {}
        """By name of the function."""
        self.functions = {node.name: node for node in ast.walk(self.tree) if isinstance(node, _Function)}
        self.pool: dict[type, list[Any]] = {}
        """Expected values by type, for others of the kind."""
        self.expected: set[int] = set()
        """Identities of names that stand where something is expected."""
        self.within = False
        """What is expected is only a part: another value may be one as well, but hardly one with another letter."""
        self.found: list[_Change] = []
        self.runs = True
        """Of what is looked at: Copy.runs."""
        self.parts: dict[int, set[int]] = {}
        """By where an assertion begins: what it compares with, whatever name that has."""
        self.inverse: dict[int, tuple[_Edit, ...]] = {}
        """By where an assertion begins: what turns it round."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Call(func=ast.Name(id=name)):
                    self.calls.setdefault(name, []).append(node)
                case ast.Subscript(value=ast.Name() as whole, slice=ast.Constant(value=key)):
                    self.keys[id(whole)] = key
                case _:
                    pass
        self.quiet = {id(part) for node in ast.walk(self.tree) for part in _messages(node)}
        for node in self.tree.body:
            self._bind(node, None, ())

    # -- source

    def span(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset

    def segment(self, node: ast.expr) -> str:
        start, end = self.span(node)
        return self.source[start:end].decode()

    def text(self, edit: _Edit) -> str:
        return self.source[edit.start : edit.end].decode()

    def changed(self, edits: Iterable[_Edit]) -> str:
        source = self.source
        for edit in sorted(edits, reverse=True):
            source = source[: edit.start] + edit.text.encode() + source[edit.end :]
        return source.decode()

    # -- names

    def _bind(self, node: ast.AST, scope: _Scope, block: tuple[int, ...]) -> None:
        """Note what this binds and reads."""
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    if _is_library(alias.name):
                        self.given.add(alias.asname or _root(alias.name))
            case ast.ImportFrom(module=module, names=aliases, level=level):
                if not level and module and _is_library(module):
                    self.given.update(alias.asname or alias.name for alias in aliases)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind_target(target, _Binding((value,)), scope, block)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind_target(target, _Binding((value,)), scope, block)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                self._bind_loop(node.target, node.iter, scope, block)
            case (
                ast.AugAssign(target=target)
                | ast.NamedExpr(target=target)
                | ast.withitem(optional_vars=ast.expr() as target)
            ):
                self._bind_target(target, None, scope, block)
            case ast.ExceptHandler(name=str() as name):
                self._bind_name(name, None, node, scope, block)
            case ast.Name(id=name, ctx=ast.Load()):
                self.places[id(node)] = scope, block
                if id(node) not in self.quiet:
                    self.loads.setdefault(name, []).append(node)
            case _:
                pass
        if isinstance(node, _Function | ast.ClassDef):
            for part in (*node.decorator_list, *(node.bases if isinstance(node, ast.ClassDef) else ())):
                self._bind(part, scope, block)
            self.outer[node] = self.outer.get(scope) if isinstance(scope, ast.ClassDef) else scope
            if not isinstance(node, ast.ClassDef):
                self._bind_parameters(node)
            for part in node.body:
                self._bind(part, node, ())
            return
        for field, value in ast.iter_fields(node):
            parts = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
            inside = (*block, id(node), hash(field)) if field in ("body", "orelse", "handlers", "finalbody") else block
            for part in parts:  # pyright: ignore[reportUnknownVariableType]
                if isinstance(part, ast.AST):
                    loops = isinstance(node, ast.For | ast.AsyncFor) and field == "target"
                    self._bind(part, scope, block if loops else inside)

    def _bind_name(self, name: str, binding: _Binding | None, node: Any, scope: _Scope, block: tuple[int, ...]) -> None:
        bound = _Bound(binding, (node.lineno, node.col_offset), block)
        self.bindings.setdefault((scope, name), []).append(bound)

    def _bind_target(self, target: ast.expr, binding: _Binding | None, scope: _Scope, block: tuple[int, ...]) -> None:
        match target:
            case ast.Name(id=name):
                self._bind_name(name, binding, target, scope, block)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for place, part in enumerate(parts):
                    inner = None if binding is None else binding._replace(path=(*binding.path, place))
                    self._bind_target(part, inner, scope, block)
            case ast.Starred(value=value):
                self._bind_target(value, None, scope, block)
            case _:
                pass

    def _bind_loop(self, target: ast.expr, items: ast.expr, scope: _Scope, block: tuple[int, ...]) -> None:
        match items, target:
            case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]), ast.Tuple(elts=[number, item]):
                self._bind_target(number, None, scope, block)
                self._bind_loop(item, inner, scope, block)
            case ast.Call(func=ast.Name(id="zip"), args=args), ast.Tuple(elts=parts) if len(args) == len(parts):
                for part, each in zip(parts, args, strict=True):
                    self._bind_loop(part, each, scope, block)
            case ast.Call(func=ast.Attribute(value=mapping, attr="items"), args=[]), ast.Tuple(elts=[key, value]):
                self._bind_target(key, None, scope, block)
                self._bind_target(value, _Binding((mapping,), each=True), scope, block)
            case _:
                self._bind_target(target, _Binding((items,), each=True), scope, block)

    def _bind_parameters(self, function: _Function) -> None:
        known = dict[str, _Binding]()
        for decorator in function.decorator_list:
            match decorator:
                case ast.Call(func=ast.Attribute(attr="parametrize"), args=[words, values, *_]):
                    named = _parameters(words)
                    for place, name in enumerate(named):
                        known[name] = _Binding((values,), each=True, path=(place,) if len(named) > 1 else ())
                case _:
                    pass
        calls = self.calls.get(function.name, [])
        for place, parameter in enumerate([*function.args.posonlyargs, *function.args.args]):
            binding = known.get(parameter.arg)
            handed = [_argument(call, place, parameter.arg) for call in calls]
            if binding is None and handed and all(handed):
                binding = _Binding(tuple(value for value in handed if value is not None))
            self._bind_name(parameter.arg, binding, parameter, function, ())

    def bound(self, node: ast.Name) -> tuple[_Scope, _Bound | None, bool] | None:
        """Where a name that is read is bound, to what, and whether that is certain. None: nowhere."""
        scope, block = self.places.get(id(node), (None, ()))
        here = scope
        while (here, node.id) not in self.bindings:
            if here is None:
                return None
            here = self.outer.get(here)
        all_bound = self.bindings[here, node.id]
        if here is not scope:
            return here, all_bound[-1], len(all_bound) == 1 and not all_bound[0].block
        before = [each for each in all_bound if each.position <= (node.lineno, node.col_offset)]
        if not before:  # of a comprehension, perhaps
            return here, all_bound[0] if len(all_bound) == 1 else None, True
        last = before[-1]
        return here, last, block[: len(last.block)] == last.block

    def meanings(self, node: ast.expr, depth: int = 0) -> list[ast.expr]:
        """What an expression is written as, where it is a name for something. Itself, if not; nothing where it is
        unknown."""
        match node:
            case ast.Name():
                found = self.bound(node)
                if found is None:
                    return [node]
                binding = found[1].binding if found[1] is not None else None
                return [] if binding is None or depth > _DEPTH else self._values(binding, depth + 1)
            case ast.Subscript(value=value, slice=ast.Constant(value=key)):
                inner = [_within(part, (key,)) for part in self.meanings(value, depth + 1)] if depth <= _DEPTH else []
                return [part for part in inner if part is not None] if inner and all(inner) else []
            case _:
                return [node]

    def _values(self, binding: _Binding, depth: int) -> list[ast.expr]:
        found: list[ast.expr] = []
        for value in binding.values:
            for meaning in self.meanings(value, depth):
                items = _items(meaning) if binding.each else [meaning]
                for item in items:
                    inner: ast.expr | None = item
                    for key in binding.path:
                        whole = self.meanings(inner, depth)
                        inner = _within(whole[0], (key,)) if len(whole) == 1 else None
                        if inner is None:
                            return []
                    found += self.meanings(inner, depth)
                if not items or len(found) > 20 * LEAVES:
                    return []
        return found

    def is_closed(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether nothing of the program is in it."""
        stored = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        for part in ast.walk(node):
            if isinstance(part, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
                return False
            if isinstance(part, ast.Name) and part.id not in stored and not self._is_given(part, depth):
                return False
        return True

    def _is_given(self, name: ast.Name, depth: int) -> bool:
        if name.id in self.names:
            return False
        if self.bound(name) is None:
            return name.id in self.given or (name.id not in self.functions and hasattr(builtins, name.id))
        meanings = self.meanings(name) if depth <= _DEPTH else []
        return bool(meanings) and all(self.is_closed(each, depth + 1) for each in meanings[:LEAVES])

    def is_shared(self, whole: ast.expr, key: object = None) -> bool:
        """Whether it names something that is not only expected, or that may stand for something else. ``key``: only
        the part of it with this key."""
        for part in ast.walk(whole):
            if isinstance(part, ast.Name) and (found := self.bound(part)) is not None:
                scope, _, certain = found
                others = (load for load in self.loads.get(part.id, ()) if id(load) not in self.expected)
                if key is not None:
                    others = (load for load in others if self.keys.get(id(load), key) == key)
                if not certain or any((there := self.bound(load)) and there[0] is scope for load in others):
                    return True
        return False

    def _is_asked(self, node: ast.expr) -> bool:
        """Whether it is a name that `is_shared`, or a part of such a thing that is: a program may be asked about that,
        too, and then right ones pass with any other value."""
        match node:
            case ast.Name():
                return self.is_shared(node)
            case ast.Subscript(value=ast.Name() as whole, slice=ast.Constant(value=key)):
                return self.is_shared(whole, key)
            case _:
                return isinstance(node, ast.Subscript) and self.is_shared(node)

    # -- what may be changed

    def changes(self) -> list[_Change]:
        statements = [*self._within(self.tree.body, True, ())]
        for node, runs in statements:  # once to see which names stand where something is expected
            self._look(node, runs)
        self.found.clear()
        for node, runs in statements:
            self.runs = runs
            self._look(node, runs)
        self._stops()
        return self.found

    def _within(self, body: Sequence[ast.stmt], runs: bool, path: tuple[str, ...]) -> Iterator[tuple[ast.stmt, bool]]:
        for node in body:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    if not _is_skipped(node) and self._is_selected((*path, node.name)):
                        called = node.name.lower().startswith(("test", "setup")) or node.name in self.loads
                        yield from self._within(node.body, runs and called, (*path, node.name))
                case ast.ClassDef():
                    if not _is_skipped(node):
                        yield from self._within(node.body, runs, (*path, node.name))
                case ast.If():
                    yield from self._within([*node.body, *node.orelse], False, path)
                case ast.For() | ast.AsyncFor():
                    known = self.is_closed(node.iter) and not _leaves_loop(node)
                    yield from self._within(node.body, runs and known, path)
                case ast.While():
                    yield from self._within(node.body, False, path)
                case ast.Try():
                    yield from self._within(node.body, runs and not node.handlers, path)
                    for handler in node.handlers:
                        yield from self._within(handler.body, False, path)
                    yield from self._within(node.orelse, False, path)
                    yield from self._within(node.finalbody, runs, path)
                case ast.With() | ast.AsyncWith():
                    yield node, runs
                    yield from self._within(node.body, runs and not any(map(self._may_swallow, node.items)), path)
                case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
                    return
                case ast.Expr(value=ast.Call(func=func)) if _name(func) in _ENDING:
                    runs = False
                case _:
                    yield node, runs

    def _may_swallow(self, item: ast.withitem) -> bool:
        """Whether what is within may fail, and nobody sees it."""
        entered = _called(item.context_expr)
        if _name(entered) in _CATCHING:
            return True
        of_the_test_case = isinstance(entered, ast.Attribute) and dotted(entered).startswith("self.")
        return not (of_the_test_case or self.is_closed(item.context_expr))

    def _is_selected(self, path: tuple[str, ...]) -> bool:
        """Whether this function may run. Those that are no tests may be called."""
        if self.select is None or not path[-1].startswith("test"):
            return True
        return ".".join(path).startswith(self.select) or self.select.startswith(".".join(path))

    def _look(self, node: ast.stmt, sure: bool) -> None:
        match node:
            case ast.Assert(test=test):
                self._claims(test, node, sure)
                if isinstance(test, ast.Constant):
                    return
                start, end = self.span(test)
                self._add(node, "negation", sure, _Edit(start, end, f"not ({self.segment(test)})"))
                if sure and _is_whole(test):
                    self.inverse[self._place(node)] = _Edit(start, start, "not ("), _Edit(end, end, ")")
            case ast.Expr(value=ast.Call() as call):
                self._call(call, node, sure)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if isinstance(item.context_expr, ast.Call):
                        self._raises(item.context_expr, node, sure)
            case _:
                pass

    def _add(self, node: ast.stmt, kind: str, sure: bool, *edits: _Edit, part: int = -1) -> None:
        if edits and all(self.text(edit) != edit.text for edit in edits):
            line = self.source.count(b"\n", 0, edits[0].start) + 1
            self.found.append(_Change(edits, line, kind, sure, self.runs, self._place(node), part))

    def _place(self, node: ast.stmt) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def _call(self, call: ast.Call, node: ast.stmt, sure: bool) -> None:
        name, args = _name(call.func), call.args
        if name in _EQUAL and len(args) >= 2:
            self._equal(args[0], args[1], node, sure, _slack(call))
        elif name == "assertTrue" and args:
            self._claims(args[0], node, sure)
        elif name == "assertIs" and len(args) >= 2 and _is_single(args[1]):
            self._equal(args[0], args[1], node, sure)
        elif name == "assertIn" and len(args) >= 2:
            self._contains(args[0], args[1], node, sure)
        elif name in _REGEX and len(args) >= 2:
            self._pattern(args[1], node, sure)
        elif name in _CALLED:
            for arg in (*args, *(word.value for word in call.keywords)):
                if self.is_closed(arg):
                    self._literals(arg, node, sure and name not in _AMONG)
        elif name in _RAISES:
            self._raises(call, node, sure)
        if name in _OPPOSITE and isinstance(call.func, ast.Attribute):
            _, end = self.span(call.func)
            opposite = _Edit(end - len(name), end, _OPPOSITE[name])
            sure = sure and b"addTypeEqualityFunc" not in self.source  # which only equality uses
            self._add(node, "negation", sure, opposite)
            if sure and name in _INVERTED and (name != "assertTrue" or (args and _is_whole(args[0]))):
                self.inverse[self._place(node)] = (opposite,)

    def _raises(self, call: ast.Call, node: ast.stmt, sure: bool) -> None:
        name = _name(call.func)
        if name not in _RAISES:
            return
        regex = call.args[1] if "Regex" in name and len(call.args) >= 2 else None
        for pattern in (regex, *(word.value for word in call.keywords if word.arg == "match")):
            if pattern is not None:
                self._pattern(pattern, node, sure)
        if call.args and "arns" not in name:
            start, end = self.span(call.args[0])
            self._add(node, "value", sure, _Edit(start, end, self.chance.choice(_OTHERS)))

    def _claims(self, test: ast.expr, node: ast.stmt, sure: bool) -> None:
        """What an expression says that must be true."""
        match test:
            case ast.BoolOp(op=ast.And(), values=values):
                for value in values:
                    self._claims(value, node, sure)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                for one, op, other in zip((left, *comparators), ops, comparators, strict=False):
                    self._comparison(one, op, other, node, sure, alone=len(ops) == 1)
            case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp() | ast.ListComp() as inner]):
                self._claims(inner.elt, node, sure and not any(each.ifs for each in inner.generators))
            case (
                ast.Call(func=ast.Attribute(value=ast.Compare() | ast.Call() as inner, attr="all"), args=[])
                | ast.Call(func=ast.Name(id="all") | ast.Attribute(attr="all"), args=[ast.Compare() as inner])
            ):
                self._claims(inner, node, sure)
            case ast.Call(func=func, args=args):
                name = _name(func)
                if name in _CLOSE and len(args) >= 2:
                    self._equal(args[0], args[1], node, sure, _slack(test))
                elif (
                    isinstance(func, ast.Attribute) and len(args) == 1 and name in ("startswith", "endswith", "equals")
                ):
                    self.within = name != "equals"
                    self._equal(func.value, args[0], node, sure)
                    self.within = False
                elif name in _MATCHES and dotted(func) and len(args) >= 2:
                    self._pattern(args[0], node, sure)
            case _:
                pass

    def _comparison(
        self, one: ast.expr, op: ast.cmpop, other: ast.expr, node: ast.stmt, sure: bool, *, alone: bool
    ) -> None:
        match op:
            case ast.Eq():
                self._equal(one, other, node, sure)
            case ast.Is() if _is_single(other):
                self._equal(one, other, node, sure)
            case ast.In():
                self._contains(one, other, node, sure)
            case ast.Lt() | ast.LtE() if (sides := _difference(one)) is not None:
                slack = self._number(other)
                self._equal(*sides, node, sure and slack is not None, (slack or 0.0, 0.0))
            case ast.Lt() | ast.Gt() if alone and not (self.is_closed(one) or self.is_closed(other)):
                places = self.span(one), self.span(other)
                texts = self.segment(other), self.segment(one)
                swapped = (_Edit(*place, text) for place, text in zip(places, texts, strict=True))
                self._add(node, "objects", sure and isinstance(one, ast.Name) and isinstance(other, ast.Name), *swapped)
            case _:
                pass

    def _number(self, node: ast.expr) -> float | None:
        meanings = self.meanings(node)
        return _finite(_value(meanings[0])) if len(meanings) == 1 else None

    def _equal(
        self,
        one: ast.expr,
        other: ast.expr,
        node: ast.stmt,
        sure: bool,
        slack: tuple[float, float] | None = (0.0, 0.0),
    ) -> None:
        """``slack``: how far apart they may be, and that as a share; None: unknown."""
        closed = self.is_closed(one), self.is_closed(other)
        if all(closed):
            return
        if any(closed):
            self.expected |= {id(part) for part in ast.walk(one if closed[0] else other) if isinstance(part, ast.Name)}
            self._literals(one if closed[0] else other, node, sure and slack is not None, slack or (0.0, 0.0))
            return
        if _made_otherwise(one, other):
            return
        for side in (other, one):
            changes = [self._edits_of_object(side) for _ in range(COPIES)]
            if all(changes):
                for edits in changes:
                    self._add(node, "objects", False, *edits)
                return

    def _edits_of_object(self, side: ast.expr) -> list[_Edit]:
        """All literals that an object is made of."""
        meanings = self.meanings(side)
        if len(meanings) != 1 or not isinstance(made := meanings[0], ast.Call) or _name(made.func)[:1].islower():
            return []
        leaves = [
            leaf for arg in (*made.args, *(word.value for word in made.keywords)) for leaf, _ in self._leaves(arg, True)
        ]
        return [_Edit(*self.span(leaf), text) for leaf in leaves for text in (self._other(leaf, (0.0, 0.0)),) if text]

    def _contains(self, one: ast.expr, other: ast.expr, node: ast.stmt, sure: bool) -> None:
        closed = self.is_closed(one), self.is_closed(other)
        if closed == (True, False):
            word = _value(one)
            certain = sure and isinstance(word, str) and len(word) > 3
            self.within = True
            self._literals(one, node, certain)
            self.within = False
        elif closed == (False, True):
            for whole in self.meanings(other):
                items = _items(whole)
                values = [_value(item) for item in items]
                if not items or any(type(value) not in (int, str) for value in values):
                    continue
                words = [str(value) + "x" if isinstance(value, str) else value + 7919 + len(values) for value in values]
                self._add(
                    node,
                    "value",
                    sure,
                    *(_Edit(*self.span(item), repr(word)) for item, word in zip(items, words, strict=True)),
                )

    def _literals(self, whole: ast.expr, node: ast.stmt, sure: bool, slack: tuple[float, float] = (0.0, 0.0)) -> None:
        """Changes of what is expected."""
        leaves: list[tuple[ast.expr, ast.expr, bool]] = []
        meanings = self.meanings(whole)
        if sure:
            self.parts.setdefault(self._place(node), set()).update(self.span(meaning)[0] for meaning in meanings)
        for meaning in [] if self._is_asked(whole) else meanings:
            leaves += [(leaf, meaning, kept) for leaf, kept in self._leaves(meaning, True)]
        if len(leaves) > LEAVES:
            leaves = self.chance.sample(leaves, LEAVES)
        sure = sure and not self.is_shared(whole)
        for leaf, meaning, kept in leaves:
            near = _slack(meaning) if isinstance(meaning, ast.Call) and _name(meaning.func) == "approx" else slack
            if (text := self._other(leaf, near or slack)) is not None:
                edit = _Edit(*self.span(leaf), text)
                differs = self._differs(meaning, edit)
                if differs is not False:
                    certain = sure and near is not None and (kept or differs is True)
                    # What nobody has evaluated may be nothing: Decimal("no").
                    known = differs is True or (near is not slack and isinstance(_value(leaf), int | float))
                    self._add(node, "value", certain, edit, part=self.span(meaning)[0] if known else -1)

    def _leaves(self, node: ast.expr, kept: bool, depth: int = 0) -> Iterator[tuple[ast.expr, bool]]:
        """Literals, and whether the whole is another one with another value of them."""
        match node:
            case ast.Constant(value=value) if value is not Ellipsis:
                yield node, kept and value is not None
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() | complex())):
                yield node, kept
            case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
                yield node, kept
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                for part in parts:
                    yield from self._leaves(part, kept, depth)
            case ast.Dict(keys=keys, values=values):
                for part in (*keys, *values):
                    if part is not None:
                        yield from self._leaves(part, kept, depth)
            case ast.Starred(value=value):
                yield from self._leaves(value, kept, depth)
            case ast.BinOp(left=left, op=op, right=right):
                for part in (left, right):
                    yield from self._leaves(part, kept and isinstance(op, ast.Add | ast.Sub), depth)
            case ast.Name() | ast.Subscript() if depth <= _DEPTH:
                for meaning in [] if self._is_asked(node) else self.meanings(node):
                    if meaning is not node:
                        yield from self._leaves(meaning, kept, depth + 1)
            case ast.Call(func=func, args=args):
                name = _name(func)
                if name in _NUMBERS:
                    return
                if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Constant):
                    yield from self._leaves(func.value, kept and name in _KEEPING, depth)
                taken = args[:1] if name == "approx" else args
                words = [] if name == "approx" else [word.value for word in node.keywords]
                for part in (*taken, *words):
                    is_type = name == "array" and isinstance(_value(part), str)  # one that may hold the same numbers
                    keeps = not is_type and (name in _KEEPING or name == "approx")
                    yield from self._leaves(part, kept and keeps, depth)
            case _:
                pass

    def _differs(self, whole: ast.expr, edit: _Edit) -> bool | None:
        """Whether the expected value is another one then. None: it is not known here."""
        start, end = self.span(whole)
        if not start <= edit.start <= edit.end <= end or end - start > 20_000:
            return None
        changed = self.source[start : edit.start] + edit.text.encode() + self.source[edit.end : end]
        try:
            with limited_time(_PATIENCE):
                return bool(evaluate(whole, {}) != evaluate(parse(b"(" + changed + b"\n)", mode="eval").body, {}))
        except (Outside, SyntaxError):
            return None
        except Exception:  # as Python raises it: then the test would
            return False

    def _pattern(self, node: ast.expr, statement: ast.stmt, sure: bool) -> None:
        """A regular expression that has to be found."""
        for meaning in self.meanings(node):
            if isinstance(meaning, ast.Constant) and isinstance(pattern := meaning.value, str) and pattern:
                words = [] if re.search(r"[\[(|?*{]", pattern) else [*_PLAIN_WORD.finditer(pattern)]
                words = [word for word in words if not word.start() or pattern[word.start() - 1] != "\\"]
                if words:
                    place = self.chance.randrange(*self.chance.choice(words).span())
                    changed = pattern[:place] + self._letter(pattern[place]) + pattern[place + 1 :]
                else:
                    changed = pattern + "(?!)"
                self._add(statement, "value", sure, _Edit(*self.span(meaning), repr(changed)))

    def invertible(self, changes: list[_Change]) -> dict[int, list[_Edit]]:
        """By where they begin, the assertions that hold the other way round once all that they compare with is another
        value; with the edits for that."""
        literals: dict[int, _Edit] = {}
        users: dict[int, set[int]] = {}
        chosen: dict[int, dict[int, int]] = {}
        for change in changes:
            if change.kind == "value":
                start = change.edits[0].start
                users.setdefault(start, set()).add(change.statement)
                if change.sure and change.part >= 0:
                    literals.setdefault(start, change.edits[0])
                    chosen.setdefault(change.statement, {}).setdefault(change.part, start)
        kept = {place for place, parts in chosen.items() if place in self.inverse and parts.keys() == self.parts[place]}
        while mixed := {place for place in kept if any(not users[start] <= kept for start in chosen[place].values())}:
            kept -= mixed
        return {
            place: [*(literals[start] for start in chosen[place].values()), *self.inverse[place]]
            for place in sorted(kept)
        }

    def _stops(self) -> None:
        """After what runs last, where that is certain."""
        bodies: list[Sequence[ast.stmt]] = []
        for node in ast.walk(self.tree):
            for inner in node.body if isinstance(node, ast.Module | ast.ClassDef) else ():
                if isinstance(inner, _Function) and inner.name.startswith("test") and not _is_skipped(inner):
                    path = (node.name, inner.name) if isinstance(node, ast.ClassDef) else (inner.name,)
                    if self._is_selected(path):
                        bodies.append(inner.body)
        for body in bodies or [self.tree.body]:
            last = body[-1]
            if last.end_lineno is None or isinstance(last, ast.Return | ast.Raise):
                continue
            if self.source[self.starts[last.lineno - 1] :][: last.col_offset].strip():
                continue  # on the line of something else
            end = self.starts[last.end_lineno - 1] + (last.end_col_offset or 0)
            indent = " " * last.col_offset
            if b"\t" in self.source[self.starts[last.lineno - 1] :][: last.col_offset]:
                indent = self.source[self.starts[last.lineno - 1] :][: last.col_offset].decode()
            self.runs = not any(
                isinstance(part, ast.Return) or (isinstance(part, ast.Call) and _name(part.func) in _LEAVING)
                for statement in body
                for part in ast.walk(statement)
            )
            self._add(last, "stop", self.runs, _Edit(end, end, f"\n{indent}assert not True"))

    # -- other values

    def _other(self, leaf: ast.expr, slack: tuple[float, float]) -> str | None:
        """In the place of this literal."""
        match leaf:
            case ast.List():
                return "[0]"
            case ast.Tuple():
                return "(0,)"
            case ast.Dict():
                return "{0: 0}"
            case _:
                value = _value(leaf)
        pool = self.pool.setdefault(cast("Any", type(value)), [])
        others = [each for each in pool if each != value]
        if not any(each == value for each in pool) and len(pool) < LEAVES:
            pool.append(value)
        if isinstance(value, bool):
            return repr(not value)
        if isinstance(value, int | float):
            return self._other_number(value, others, slack)
        if isinstance(value, complex):
            return repr(value + self.chance.randint(1, 9))
        if isinstance(value, str):
            if others and not self.within and self.chance.random() < 0.5:
                return repr(self.chance.choice(others))
            return repr(self._other_text(value))
        if isinstance(value, bytes):
            return repr(self._other_text(value.decode("latin-1")).encode("latin-1"))
        return "0" if value is None else None

    def _other_number(self, value: float, others: list[Any], slack: tuple[float, float]) -> str | None:
        if (number := _finite(value)) is None:
            return unparse(ast.Constant(value + 1)) if isinstance(value, int) and not slack[1] else None
        size = abs(number)
        least = 3 * (slack[0] + slack[1] * size)
        if not math.isfinite(least):
            return None
        if isinstance(value, int):
            if others and not least and self.chance.random() < 0.3:
                return unparse(ast.Constant(self.chance.choice(others)))
            step = math.ceil(least) + self.chance.choice((1, 1, 2, 3, max(1, int(min(size, 10**6)) // 3)))
            down = self.chance.random() < 0.5 and (value < 0 or value >= step)
            return unparse(ast.Constant(value - step if down else value + step))
        step = least + max(size, 1.0) * self.chance.uniform(0.3, 1.0)
        digits = len(repr(value).partition(".")[2]) if "e" not in repr(value) else 15
        changed = round(value + (step if self.chance.random() < 0.5 or value >= 0 else -step), min(digits, 15) or 1)
        return repr(changed) if math.isfinite(changed) and changed != value else None

    def _other_text(self, value: str) -> str:
        opposite = _WORDS.get(value.lower())
        if opposite is not None and not self.within:
            return opposite.upper() if value.isupper() else opposite.title() if value[:1].isupper() else opposite
        places = [place for place, letter in enumerate(value) if letter.isascii() and letter.isalnum()]
        if not places:
            return value + self._letter("x")
        place = self.chance.choice(places)
        return value[:place] + self._letter(value[place]) + value[place + 1 :]

    def _letter(self, letter: str) -> str:
        """Another one like it."""
        if letter.isdigit():
            return self.chance.choice([digit for digit in "123456789" if digit != letter])
        other = self.chance.choice([each for each in "abcdefghijklmnopqrstuvwxyz" if each != letter.lower()])
        return other.upper() if letter.isupper() else other


def _root(module: str) -> str:
    return module.partition(".")[0]


def _is_library(module: str) -> bool:
    root = _root(module)
    return root not in PROGRAM_MODULES and (root in sys.stdlib_module_names or root in _LIBRARIES)


def _name(func: ast.expr) -> str:
    match func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _value(node: ast.expr) -> Any:
    """Of a literal; None where it is none."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() | complex() as value)):
            return -value
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=int() | float() | complex() as value)):
            return value
        case _:
            return None


def _finite(value: Any) -> float | None:
    """Of a number that a float can be about."""
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_single(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _items(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [] if any(isinstance(item, ast.Starred) for item in items) else items
        case ast.Dict(values=values):
            return values
        case _:
            return []


def _within(node: ast.expr, path: tuple[Any, ...]) -> ast.expr | None:
    """The part at these places or keys."""
    found: ast.expr | None = node
    for key in path:
        match found:
            case ast.List(elts=items) | ast.Tuple(elts=items) if isinstance(key, int) and -len(items) <= key < len(
                items
            ):
                found = items[key]
            case ast.Dict(keys=keys, values=values):
                places = [at for at, each in enumerate(keys) if isinstance(each, ast.Constant) and each.value == key]
                found = values[places[-1]] if places else None
            case ast.Call(func=func, args=args) if _name(func) == "param" and isinstance(key, int) and key < len(args):
                found = args[key]
            case _:
                return None
    return found


def _parameters(words: ast.expr) -> list[str]:
    match words:
        case ast.Constant(value=str() as text):
            return [name.strip() for name in text.split(",") if name.strip()]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        case _:
            return []


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    if any(isinstance(arg, ast.Starred) for arg in call.args[: place + 1]):
        return None
    if place < len(call.args):
        return call.args[place]
    return next((word.value for word in call.keywords if word.arg == name), None)


def _messages(node: ast.AST) -> Iterator[ast.AST]:
    """What is only said: of an assertion that fails, or printed."""
    match node:
        case ast.Assert(msg=ast.expr() as words):
            yield from ast.walk(words)
        case ast.JoinedStr():
            yield from ast.walk(node)
        case ast.Call(func=ast.Name(id="print")):
            yield from ast.walk(node)
        case _:
            pass


def _difference(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    match node:
        case ast.Call(func=func, args=[ast.BinOp(left=left, op=ast.Sub(), right=right)]) if _name(func) in (
            "abs",
            "fabs",
        ):
            return left, right
        case _:
            return None


def _is_whole(test: ast.expr) -> bool:
    """Whether all of it is evaluated, whatever comes of its parts."""
    parts = [part for part in ast.walk(test) if isinstance(part, ast.BoolOp | ast.IfExp | ast.GeneratorExp)]
    return not parts and not any(isinstance(part, ast.Compare) and len(part.ops) > 1 for part in ast.walk(test))


def _made_otherwise(one: ast.expr, other: ast.expr) -> bool:
    """Whether the same class is called on both sides with different arguments: which of them count is the class's
    affair."""
    match one, other:
        case ast.Call(func=func), ast.Call(func=other_func) if ast.dump(func) == ast.dump(other_func):
            return _name(func)[:1].isupper() and ast.dump(one) != ast.dump(other)
        case _:
            return False


def _slack(call: ast.Call) -> tuple[float, float] | None:
    """How far apart the values may be, absolutely and as a share, where a call says so. None: it is not read."""
    absolute = relative = 0.0
    for word in call.keywords:
        if word.arg in _TOLERANCES:
            if (value := _finite(_value(word.value))) is None:
                return None
            if word.arg in ("rel", "rel_tol", "rtol"):
                relative = value
            else:
                absolute = value
        elif word.arg == "places":
            value = _value(word.value)
            if not isinstance(value, int) or value < -9:
                return None
            absolute = 10.0 ** -min(value, 300)
    if len(call.args) > 2 and (value := _finite(_value(call.args[2]))) is not None:
        absolute, relative = max(absolute, min(value, 1.0)), max(relative, min(abs(value), 1.0))
    return absolute, relative


def _is_skipped(node: _Function | ast.ClassDef) -> bool:
    return any(part in unparse(each).lower() for each in node.decorator_list for part in _SKIPPED)


def _leaves_loop(node: ast.For | ast.AsyncFor) -> bool:
    return any(isinstance(part, ast.Break | ast.Continue | ast.Return) for part in ast.walk(node))
