"""One test of assertions, ready for judging."""

from __future__ import annotations

import ast
import asyncio
import builtins
import functools
import json
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...sandbox.inside import values
from ..encodable import Encodable
from ..status import Status
from .dependence import Caught, assuming, names_program, own_doing, program_names, statements
from .expressions import Outside
from .faults import is_asked_for, judged_by_program
from .functions import check as check_function
from .lift import Lifted, Raises, lift
from .names import (
    ANY,
    asserted_builtins,
    called_names,
    defined_names,
    free_names,
    innermost_calls,
    module_attributes,
    names_libraries,
    provided_names,
)
from .syntax import parse

if TYPE_CHECKING:
    from ..problem import Problem

READ, READ_CODE = 512, 8 * 1024
"""Tests whose reading is remembered, and characters of such a test: its reading takes a hundred times as many bytes."""
LINE = 8 * 1024
"""Bytes of what one call of a lifted test returned that are looked at here; the worst take a few milliseconds."""
HELD = json.dumps({values.HELD: 0}, separators=(",", ":"))[:-2].encode()
"""In a line that tells of an object of a subclass; within a text its quotes are escaped."""
LARGE = 256 * 1024
"""The same for all calls of a test."""
LOOKED_INTO = 32 * 1024
"""Characters of a test that is searched for what it does by itself: in less than half a second, beside others."""
PATIENCE = 0.02
"""Processor seconds that all checks of a test may take here."""
PAUSE = 0.002
CALL_SHOWN = 100


class Ruling(Encodable, frozen=True):
    """What the test says of one program."""

    status: Status
    rule: str | None = None
    message: str | None = None


class Reading:
    """What can be said of a test before anything runs. Raises ValueError for one that no program could pass."""

    def __init__(self, code: str, prelude: str, entry_point: str | None, function: str | None = None) -> None:
        """``function``: the one test function that is wanted."""
        with warnings.catch_warnings(action="ignore"):  # of strange escapes and the like, in what others wrote
            tree = _parse(code)
            self.provided = provided = provided_names(prelude)
            """Names that the prelude gives."""
            called, imported = called_names(tree), program_names(tree)
            self.source, self._prelude = code, prelude
            self.named = entry_point if entry_point in set(_names(tree)) else None
            """What the problem calls the entry point, where the test asks for it."""
            self.free = list(dict.fromkeys([*free_names(code), *imported]))
            """Names that the test, and Python, do not give."""
            self.entry_point = entry_point or _entry_point(tree, called, self.free, provided)
            self.attributes = sorted(module_attributes(tree).difference(self.free))
            """Names that it reads of the program as of a module."""
            self.asked = {*self.free, self.entry_point, *self.attributes}
            """Names that it may ask the program for."""
            functions = {*called, *imported, self.entry_point}
            self.of_program = [*self.free, *([self.entry_point] if self.entry_point else [])]
            self.names = [name for name in self.free if name in functions]
            """Of them, those that are called or imported."""
            self.defined = defined_names(prelude)
            """Names that the prelude defines."""
            self.fault = judged_by_program(tree, {*self.free, self.entry_point} - provided)
            """Why no program can have a verdict."""
            self.lifted: Lifted | None = None
            self.outside: str | None = None
            """Why it is not lifted."""
            self.raises: str | None = None
            """What it raises by itself, as far as it is read."""
            try:
                if self.fault is None:
                    self.lifted = lift(tree, self.entry_point, provided, function)
            except Outside as reason:
                self.outside = str(reason)
                self.raises = str(reason) if isinstance(reason, Raises) and reason.certain else None

    @functools.cached_property
    def uses_libraries(self) -> bool:
        """Whether anything is imported that may compare in a way of its own. Of no interest where a test is lifted."""
        with warnings.catch_warnings(action="ignore"):
            return any(names_libraries(parse(text)) for text in (self.source, self._prelude))

    def owes(self, name: str) -> bool:
        """Whether a program without this name is wrong, whatever else it has."""
        return name == self.named or (self.free == [name] and self.named is None)

    def assuming(self) -> str | None:
        """The test in the form that tells what it does by itself. None: it is too long for that, or nested too deep."""
        if len(self.source) > LOOKED_INTO:
            return None
        try:
            return assuming(parse(self.source), self._of_the_program)
        except RecursionError:
            return None

    def own_doing(self, source: str, caught: Caught) -> str | None:
        """What it does by itself, whatever a program returns, if this is what the source in that form raised."""
        lines = [node.lineno for node in statements(parse(self.source))]
        try:
            return own_doing(source, self._of_the_program, caught, lines)
        except RecursionError:
            return None

    @property
    def _of_the_program(self) -> set[str]:
        """Names whose values may come from the program."""
        return {*self.free, *self.defined, *([self.entry_point] if self.entry_point else [])}


_remembered = functools.lru_cache(READ)(Reading)


def read(code: str, prelude: str, entry_point: str | None, function: str | None = None) -> Reading:
    """Raises ValueError, as Reading does."""
    remember = len(code) + len(prelude) <= READ_CODE
    return (_remembered if remember else Reading)(code, prelude, entry_point, function)


class Assertion:
    """A test and what was found out about it. Raises ValueError, naming what is wrong, as Reading does."""

    def __init__(
        self,
        code: str,
        prelude: str,
        entry_point: str | None,
        told: tuple[str | None, ...] = (),
        function: str | None = None,
    ) -> None:
        """``told`` is what the problem says to who solves it; ``function`` the one test function that is wanted."""
        self.reading = read(code, prelude, entry_point, function)
        self.told = told
        self.function = function
        self.fault = self.reading.fault
        """Why no program can have a verdict, as far as it is known."""
        self.lifted = self.reading.lifted
        calls = self.lifted.operations if self.lifted is not None else []
        self.request = b"".join(json.dumps(call).encode() + b"\n" for call in calls)
        """Lifted: standard input for the program's side."""
        self.known_alone = False
        """Whether what it does by itself was found out."""
        self.crashes = False
        """Whether it crashes its process then."""
        self.runs = self.lifted is not None
        """Whether any of it runs then, and nothing that it needs is missing: whatever a process tells that holds code
        of a program."""

    def request_of(self, source: str, **more: object) -> bytes:
        """For a process that runs a form of it."""
        reading = self.reading
        forced = [reading.entry_point] if reading.entry_point else []
        asked: dict[str, object] = {"code": source, "forced": forced, "select": self.function}
        asked["free"] = reading.free + reading.attributes
        return json.dumps(asked | more).encode()

    async def rule(self, answers: bytes) -> Ruling | None:
        """Lifted: what came back, compared, where it is small: lines of at most LINE bytes, of plain data alone. None:
        it is not, or takes longer than PATIENCE. Then the test is to run. Never raises, whatever the program
        wrote; others get their turn meanwhile.

        Functions of the test get values of the program as what they are about, never as how much (`lift`), so that
        what they do is bounded by the size of the values.
        """
        assert self.lifted is not None
        operations = self.lifted.operations
        if len(answers) > LARGE:
            return None
        lines = iter(answers.split(b"\n", len(operations)))
        begun = paused = time.thread_time()
        known: list[Any] = []
        held = False
        for needed, check in (*self.lifted.checks, (len(operations), None)):
            for place in range(len(known), needed):
                line = next(lines, b"")
                if not line:
                    return Ruling(Status.RUNTIME_ERROR, message=f"the process ended during {self._call(place)}")
                if len(line) > LINE:
                    return None
                try:
                    failed, data = values.read_record(line)
                except ValueError as error:
                    return Ruling(Status.WRONG_ANSWER, message=f"what came back is no record of calls: {error}")
                if failed:
                    if self._lacks(place, data):
                        return None
                    return Ruling(Status.RUNTIME_ERROR, message=f"{self._call(place)}: {data}")
                if check is None:  # calls that nothing is asked about: they return
                    data = None
                else:
                    held |= HELD in line
                if not is_plain(data):
                    return None
                try:
                    known.append(values.decode(data))
                except (ValueError, TypeError) as error:
                    return Ruling(Status.WRONG_ANSWER, message=f"{self._call(place)}: {error}")
            now = time.thread_time()
            if now > begun + PATIENCE:
                return None
            if now > paused + PAUSE:
                await asyncio.sleep(0)
                paused = time.thread_time()
                begun += paused - now  # what others did meanwhile
            if check is None:
                break
            try:
                difference = check.difference(known)
            except Outside:
                return None
            except Exception as error:  # of comparing what the program returned, as the assertion would raise it
                difference = f"{type(error).__name__}: {error}"
            if difference is not None and held:  # its class may see it otherwise
                return None
            if difference is not None:
                return Ruling(Status.WRONG_ANSWER, message=f"{self._call(needed - 1)}: {difference}"[:400])
        return Ruling(Status.ACCEPTED, "assert")

    def _lacks(self, place: int, words: str) -> bool:
        """Whether the call failed for want of a name that the program may not owe."""
        assert self.lifted is not None
        name = str(self.lifted.operations[place][0])
        return words == f"NameError: {values.undefined(name)}" and not self.reading.owes(name)

    def fault_of_lacking(self, name: str, given: set[str]) -> str | None:
        """Whether it is the test that is at fault where a program does not give this name, but those, and why: the
        program has what the problem asks for, as far as the problem tells."""
        reading = self.reading
        if name not in reading.asked:
            return None  # nobody but the program speaks of it
        lacks_all = reading.named not in given if reading.named else not given
        builtin = hasattr(builtins, name)
        if name == reading.named or is_asked_for(name, self.told) or (lacks_all and not builtin):
            return None
        if builtin:
            return f"the test asks nothing of the program: {name} is Python's"
        if ANY in reading.free:  # imported from the program, as far as the test says
            return None
        return f"{name} is given neither by the test nor by the prelude, and the problem asks for no such thing"

    def _call(self, place: int) -> str:
        assert self.lifted is not None
        return show_call(*self.lifted.operations[place]) if place >= 0 else "the test"


def is_plain(data: Any, depth: int = 0) -> bool:
    """Whether it is, in the form of ``values``, None, a bool, an int or a float, text or bytes, or lists, tuples, dicts
    and sets of them: nothing that is larger than it is written, and no class of its own."""
    if type(data) is list:
        return depth < values.DEPTH and all(is_plain(item, depth + 1) for item in data)  # pyright: ignore[reportUnknownVariableType]
    if type(data) is not dict:
        return True
    if len(data) != 1:  # pyright: ignore[reportUnknownArgumentType]
        return False
    name, inner = next(iter(data.items()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if name in ("tuple", "dict", "set", "frozenset"):
        return type(inner) is list and is_plain(inner, depth)  # pyright: ignore[reportUnknownArgumentType]
    if name == values.HELD:
        return depth < values.DEPTH and is_plain(inner, depth + 1)
    return name in ("float", "bytes") and type(inner) is str  # pyright: ignore[reportUnknownArgumentType]


def read_assertions(problem: Problem) -> Iterator[Assertion]:
    """The tests of a problem whose mode is assert, one at a time, for each takes a while. Raises ValueError, naming the
    field."""
    if problem.mode != "assert":
        return
    try:
        parse(problem.prelude)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"prelude: {_words(error)}") from None
    told = problem.statement, problem.starter_code, f"class {problem.entry_class}" if problem.entry_class else None
    for number, test in enumerate(problem.tests):
        if test.function is not None:
            try:
                check_function(test.code or "", test.function)
            except ValueError as error:
                raise ValueError(f"tests[{number}].function: {error}") from None
        try:
            yield Assertion(test.code or "", problem.prelude, problem.entry_point, told, test.function)
        except ValueError as error:
            raise ValueError(f"tests[{number}].code: {error}") from None


def show_call(name: str, args: list[Any], keywords: dict[str, Any]) -> str:
    """For people."""
    text = f"{name}(...)"
    given = [*args, *keywords.values()]
    if is_plain(given) and len(json.dumps(given)) <= LINE:
        shown = [repr(values.decode(arg)) for arg in args]
        shown += [f"{key}={values.decode(item)!r}" for key, item in keywords.items()]
        text = f"{name}({', '.join(shown)})"
    return text if len(text) <= CALL_SHOWN else f"{text[:CALL_SHOWN]}...)"


def _entry_point(tree: ast.Module, called: list[str], names: list[str], provided: frozenset[str]) -> str | None:
    """What the test calls and nothing else gives; or else the one thing that it calls with arguments from a list.

    Or else, as the test has to ask for something: what it calls although the prelude or Python has something by that
    name, too. In Python, where the program comes after both, the name is the program's, if it gives it.
    """
    own = [name for name in names if name in called and name not in provided]
    if own:
        return own[0]
    bound = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    spread = set(called_names(tree, spread=True)) - bound
    if len(spread) == 1:
        return spread.pop()
    if not provided.issuperset(names) or names_program(tree):
        return None
    shared = [name for name in innermost_calls(tree) if name in names]
    return next(iter([*shared, *asserted_builtins(tree)]), None)


def _names(tree: ast.Module) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def _parse(code: str) -> ast.Module:
    try:
        tree = parse(code)
        compile(tree, "<test>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(_words(error)) from None
    if not any(isinstance(node, ast.Call | ast.Assert) for node in ast.walk(tree)):
        raise ValueError("the test calls nothing, and asserts nothing")
    return tree


def _words(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno})"
    return f"{type(error).__name__}: {error}"
