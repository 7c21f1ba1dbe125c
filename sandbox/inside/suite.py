"""Runs the tests that a text has: its statements, classes of unittest, functions and classes of pytest.

Both ways in which a test is run with objects of a program use this: with stand-ins for them, and in the program's own
process. Each has a module object that stands for the program; the text finds it as ``solution``, and in it every name
that nobody else gives. So neither functions nor modules have to be named by hand.

A text that has test functions is a module that is imported, and then unittest or pytest runs them; ``if __name__ ==
"__main__"`` does not hold there, and a call of ``unittest.main`` or ``pytest.main`` means just that. Any other text is
a script, and its statements are the test.

The real pytest runs, made ready ahead (`pytests`), without files of configuration, conftest, cache, plugins that are
installed, and rewritten assertions. Nothing of it is read from a folder that a program can write to.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import sys
import unittest
from collections.abc import Callable, Collection, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any, Literal, NamedTuple, cast

from .outline import MODULE, PROGRAM_MODULES, Function, Outline, imported, mentions, outline, statements

Outcome = Literal["skipped", "xfailed", "passed", "empty", "exited", "faulty", "failed"]
"""passed     and "xfailed": failed, as the test itself expects
skipped    by the test itself
empty      there was nothing to run: no statement, no function, or not the one that was asked for
exited     the text ended itself by SystemExit
faulty     the test cannot run: a fixture that nobody gives, arguments that nothing takes, a module that is missing
failed     with any other exception; whose it is, `error` tells"""
ORDER: tuple[Outcome, ...] = ("skipped", "xfailed", "passed", "empty", "exited", "faulty", "failed")
"""From the best to the worst: of several runs of one function, the worst counts."""

FILE = "<test>"
WORDS = 300
LINE = 120
"""Characters of a line that is told of."""


class Result(NamedTuple):
    """What came of one test function; of one with parameters, or subtests, with all of them."""

    name: str
    """``test_f`` or ``TestC.test_m``. Empty: of the text as a whole."""
    outcome: Outcome
    words: str = ""
    error: BaseException | None = None


def _never() -> bool:
    return False


class Suite:
    """The tests of one text. Raises SyntaxError, or ValueError, where it is none."""

    def __init__(
        self,
        text: str,
        program: ModuleType,
        run: Callable[[ModuleType], object],
        scope: dict[str, Any] | None = None,
        forced: Collection[str] = (),
        main: ModuleType | None = None,
    ) -> None:
        """``run``: runs the program in a module, for a text that reloads it, or imports it anew. ``scope``: what the
        prelude gives. ``forced``: names that are the program's even if the prelude or Python has them, too. ``main``:
        what stands for the program as ``__main__``, if it is not the same module."""
        tree = ast.parse(text)
        found = outline(tree)
        nodes = found.nodes
        self.outline: Outline = found._replace(nodes=())  # nobody holds the tree any longer
        self.code: CodeType = compile(text, FILE, "exec")
        self.program = program
        self._main = main or program
        self._finder = _Finder(run)
        self.names = Names(program, forced)
        self.script = self.outline.kind == "script"
        self.uses_pytest = self.outline.kind == "pytest" or mentions(nodes, "pytest")
        self.uses_asyncio = mentions(nodes, "pytest_asyncio")
        nothing = all(isinstance(node, _Defining) or _is_text(node) for node in tree.body)
        self._ends = Result("", "empty", "the test only defines and imports") if nothing else Result("", "passed")
        self._imported = {name.partition(".")[0] for name, _ in imported(nodes)}
        self.of_program = {name for name, module in imported(nodes) if module in PROGRAM_MODULES}
        """What the module has of the program, as far as it says so."""
        self._bound = _bound(tree)
        self._given = {name: value for name, value in (scope or {}).items() if name not in forced}
        self.module = ModuleType("__main__" if self.script else MODULE)
        linecache.cache[FILE] = len(text), None, text.splitlines(keepends=True), FILE

    def run(self, select: str | None = None, done: Callable[[], bool] = _never) -> list[Result]:
        """``select``: the one function that is wanted. No further one is begun once it is ``done``."""
        scope = self.module.__dict__
        own = {"__name__": self.module.__name__, "__builtins__": self.names, "__file__": f"/{MODULE}.py"}
        scope |= self._given | own
        sys.modules |= dict(zip(PROGRAM_MODULES, (self.program, self._main), strict=True))
        self.program.__spec__ = self._finder.find_spec(PROGRAM_MODULES[0])
        sys.meta_path.insert(0, self._finder)  # pyright: ignore[reportArgumentType]
        if self.script:
            return [self._statements()]
        sys.modules[MODULE] = self.module
        if (failed := self._import()) is not None:
            return [failed._replace(name=select or "")]
        tally = Tally(self.wanted(select))
        try:
            if self.outline.kind == "unittest":
                run_unittest(self, tally, done)
            else:
                from . import pytests

                pytests.run(self, tally, done)
        except BaseException as error:  # what no test function holds up
            tally.add(tally.last() or select or "", "failed", words_of(error), error)
        return tally.results() or [Result(select or "", "empty", "there is no such test function")]

    def functions(self, within: str) -> list[str]:
        """Those of a class, or all, as far as they are known beforehand; or else what holds them."""
        found = self.outline.functions
        return [name for name in found if not within or name.startswith(f"{within}.")] or [within]

    def wanted(self, select: str | None) -> Callable[[str], bool]:
        """Which functions are to be run."""
        if select is not None:
            return lambda name: name == select
        return lambda name: name not in self.outline.helpers

    def own(self, name: str) -> bool:
        """Whether the text itself has made what the module calls so: all else is the program's, or of other modules."""
        if self.module.__dict__[name] is self._given.get(name, self.names):
            return False
        return name in self._bound if "*" in self._imported else name not in self._imported

    def _statements(self) -> Result:
        return self._execute() or self._ends

    def _import(self) -> Result | None:
        """None: it came to its end."""
        main = _Main(exits=True), _Main(exits=False)
        kept = unittest.main
        unittest.__dict__["main"] = main[0]
        pytest: Any = None
        if self.uses_pytest:
            import pytest
        kept_too = pytest and pytest.main
        try:
            if pytest:
                pytest.main = main[1]
            failed = self._execute()
        finally:
            unittest.__dict__["main"] = kept
            if pytest:
                pytest.main = kept_too
        return None if failed and failed.outcome == "exited" and any(each.called for each in main) else failed

    def _execute(self) -> Result | None:
        try:
            exec(self.code, self.module.__dict__)
        except BaseException as error:
            return Result("", outcome_of(error, importing=True), words_of(error), error)
        return None


class _Finder:
    """Of the program's module, where that is not in ``sys.modules``, or is to run again."""

    def __init__(self, run: Callable[[ModuleType], object]) -> None:
        self.exec_module = run

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in PROGRAM_MODULES else None  # pyright: ignore[reportArgumentType]

    def create_module(self, spec: ModuleSpec) -> None:
        pass


_Defining = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Pass


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class Names(dict[str, Any]):
    """Where names are looked up last: what Python has, then what the program has, each time anew."""

    def __init__(self, program: ModuleType, forced: Collection[str]) -> None:
        super().__init__((name, value) for name, value in vars(builtins).items() if name not in forced)
        self._program = program

    def __missing__(self, name: str) -> Any:
        try:
            return getattr(self._program, name)
        except AttributeError:
            raise KeyError(name) from None


class _Main:
    """In the place of what runs the tests of a module: that is done anyway, when the module has come to its end."""

    def __init__(self, *, exits: bool) -> None:
        self.exits = exits
        self.called = False

    def __call__(self, *_: Any, exit: bool = True, **__: Any) -> Any:
        self.called = True
        if self.exits and exit:
            raise SystemExit(0)
        return SimpleNamespace(result=unittest.TestResult()) if self.exits else 0


class Tally:
    """What comes of the functions that are wanted."""

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self.wants = wanted
        self._found: dict[str, Result] = {}

    def add(self, name: str, outcome: Outcome, words: str = "", error: BaseException | None = None) -> None:
        known = self._found.get(name)
        if known is None or ORDER.index(outcome) > ORDER.index(known.outcome):
            self._found[name] = Result(name, outcome, words, error)

    def has(self, name: str) -> bool:
        return name in self._found

    def last(self) -> str:
        """The function that was run last."""
        return next(reversed(self._found), "")

    def results(self) -> list[Result]:
        return list(self._found.values())


# ------------------------------------------------------------------------------------------------------------ unittest


def run_unittest(suite: Suite, tally: Tally, done: Callable[[], bool]) -> None:
    loader = unittest.TestLoader()
    names: dict[int, str] = {}
    found: list[unittest.TestCase] = []
    scope = suite.module.__dict__
    for place in sorted(scope):
        kind: Any = scope[place]
        if not (suite.own(place) and isinstance(kind, type) and issubclass(kind, unittest.TestCase)):
            continue
        for method in loader.getTestCaseNames(kind) or (["runTest"] if hasattr(kind, "runTest") else []):
            if tally.wants(name := f"{place}.{method}"):
                found.append(kind(method))
                names[id(found[-1])] = name
    tests: unittest.TestSuite = loader.suiteClass(found)
    if "load_tests" in scope and suite.own("load_tests"):
        tests = scope["load_tests"](loader, tests, None)
    tests.run(_UnittestResult(tally, names, done))


class _UnittestResult(unittest.TestResult):
    def __init__(self, tally: Tally, names: dict[int, str], done: Callable[[], bool]) -> None:
        super().__init__()
        self._tally = tally
        self._names = names
        self._done = done

    def _add(self, test: Any, outcome: Outcome, words: str = "", error: BaseException | None = None) -> None:
        for name in self._names_of(test):
            self._tally.add(name, outcome, words, error)

    def _names_of(self, test: Any) -> Sequence[str]:
        if isinstance(test, unittest.TestCase):
            return [self._names.get(id(test), ".".join(test.id().split(".")[-2:]))]
        # Of a class or a module as a whole: of what it kept from running, or else of what ran last.
        within = str(test.id()).partition("(")[2].removesuffix(")").removeprefix(f"{MODULE}.")
        whole = within == MODULE
        waiting = [name for name in self._names.values() if not self._tally.has(name)]
        return [name for name in waiting if whole or name.startswith(f"{within}.")] or [self._tally.last()]

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().stopTest(test)
        if self._done():
            self.stop()

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self._add(test, "passed")

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self._add(test, outcome_of(err[1]), words_of(err[1]), err[1])

    addFailure = addError  # noqa: N815

    def addSubTest(self, test: unittest.TestCase, subtest: Any, err: Any) -> None:  # noqa: N802
        if err is not None:
            told = str(subtest).partition(") ")[2]
            self._add(test, outcome_of(err[1]), f"{told} {words_of(err[1])}".strip(), err[1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        self._add(test, "skipped", reason, sys.exc_info()[1])

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self._add(test, "xfailed", words_of(err[1]), err[1])

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self._add(test, "failed", "the test passed, and says that it would not")


# -------------------------------------------------------------------------------------------------------------- errors


def outcome_of(error: BaseException, *, importing: bool = False) -> Outcome:
    """Of an exception that went through the test, or through its text as a whole."""
    if isinstance(error, unittest.SkipTest) or _is_of_pytest(error, "Skipped"):
        return "skipped"
    if importing and isinstance(error, SystemExit):
        return "exited"
    if importing and isinstance(error, ModuleNotFoundError) and error.name not in PROGRAM_MODULES:
        return "faulty" if _of_the_text(error) else "failed"
    return "failed"


def _is_of_pytest(error: BaseException, name: str) -> bool:
    kind = type(error)
    return kind.__name__ == name and kind.__module__ in ("builtins", "_pytest.outcomes")


def _of_the_text(error: BaseException) -> bool:
    """Whether the module that is missing is one that the text imports itself."""
    trace = error.__traceback__
    files = set[str]()
    while trace is not None:
        files.add(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    return all(file in (FILE, __file__) or file.startswith("<frozen importlib") for file in files)


def words_of(error: BaseException) -> str:
    """What it says and where in the test, with what stands there where it says nothing."""
    try:
        text = str(error)
    except BaseException:
        text = ""
    name = cast("Any", type(error)).__name__
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    if not text and line is not None:
        text = linecache.getline(FILE, line).strip()[:LINE]
    told = f"{name}: {text}"[:WORDS] if text else name
    return told if line is None else f"{told} (line {line})"


def _bound(tree: ast.Module) -> frozenset[str]:
    """What the text defines or sets at its top, as far as it is seen."""
    nodes = list(statements(tree.body))
    names = {node.name for node in nodes if isinstance(node, ast.ClassDef | Function)}
    targets = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    return frozenset(names | {target.id for target in targets if isinstance(target, ast.Name)})
