"""One test of assertions, ready for judging."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ...sandbox.inside import values
from ...sandbox.worker import Inputs
from ..status import Status
from .expressions import Outside
from .lift import Lifted, lift
from .speculation import asserted_builtins, called_names, free_names, innermost_calls, provided_names, speculative

if TYPE_CHECKING:
    from ..problem import Problem

KEPT = 32
"""Rulings on what programs returned that a replayed test remembers: rollouts often return the same."""
CALL_SHOWN = 100


class Ruling(msgspec.Struct, frozen=True):
    """What the test says of one program."""

    status: Status
    rule: str | None = None
    message: str | None = None


class Reading:
    """What can be said of a test before anything runs. Raises ValueError for one that no program could pass."""

    def __init__(self, code: str, prelude: str, entry_point: str | None) -> None:
        with warnings.catch_warnings(action="ignore"):  # of strange escapes and the like, in what others wrote
            tree = _parse(code)
            provided = provided_names(prelude)
            self.source = code
            self.names = free_names(code)
            self.entry_point = entry_point or _entry_point(tree, self.names, provided)
            self.stops = not any(isinstance(node, ast.Try | ast.With) for node in ast.walk(tree))
            self.lifted: Lifted | None = None
            self.outside: str | None = None
            """Why it is not lifted."""
            try:
                self.lifted = lift(tree, self.entry_point, provided)
            except Outside as reason:
                self.outside = str(reason)
            self.speculative = "" if self.lifted else speculative(tree)


read = functools.lru_cache(maxsize=512)(Reading)


class Assertion:
    """A test and what was found out about it. Raises ValueError, naming what is wrong, as Reading does."""

    def __init__(self, code: str, prelude: str, entry_point: str | None) -> None:
        self.reading = read(code, prelude, entry_point)
        self.lifted = self.reading.lifted
        self.request = self.ask(self.lifted.operations) if self.lifted else b""
        """Lifted: standard input for the program's side."""
        self.operations: list[list[Any]] | None = None
        """Replayed: what the test is known to ask for when nothing is known; None until that was found out."""
        self.speculates = True
        """Replayed: whether the rewritten test comes to an end."""
        self.inputs: Inputs | None = None
        """The same as inputs, once it has been sent."""
        self.rulings: OrderedDict[bytes, Any] = OrderedDict()

    def ask(self, operations: Sequence[Any]) -> bytes:
        """Standard input for the program's side."""
        request = {"ops": operations, "stop": self.reading.stops, "mutations": self.lifted is None}
        return json.dumps(request).encode()

    def replay(self, operations: Sequence[Any], records: Sequence[Any], *, decide: bool) -> bytes:
        """Standard input for the test's side."""
        forced = [entry_point] if (entry_point := self.reading.entry_point) else []
        request = {
            "names": [*self.reading.names, *(name for name in forced if name not in self.reading.names)],
            "forced": forced,
            "decide": decide,
            "ops": operations,
            "records": records,
        }
        return json.dumps(request).encode()

    def rule(self, result: bytes) -> Ruling:
        """Lifted: what came back, compared. Never raises, whatever the program wrote."""
        assert self.lifted is not None
        try:
            records = read_records(result, len(self.lifted.operations))
        except ValueError as error:
            return Ruling(Status.WRONG_ANSWER, message=f"what came back is no record of calls: {error}")
        known: list[Any] = []
        for needed, check in self.lifted.checks:
            while len(known) < needed:
                place = len(known)
                if place >= len(records):
                    return Ruling(Status.RUNTIME_ERROR, message=f"the process ended during {self._call(place)}")
                failed, value, rest = records[place]
                if failed:
                    return Ruling(Status.RUNTIME_ERROR, message=f"{self._call(place)}: {rest}")
                try:
                    known.append(values.decode(value, _other))
                except (ValueError, TypeError, OverflowError, ArithmeticError, RecursionError) as error:
                    return Ruling(Status.WRONG_ANSWER, message=f"{self._call(place)}: {error}")
            try:
                difference = check.difference(known)
            except Exception as error:  # of comparing what the program returned, as the assertion would raise it
                difference = f"{type(error).__name__}: {error}"
            if difference is not None:
                return Ruling(Status.WRONG_ANSWER, message=f"{self._call(needed - 1)}: {difference}"[:400])
        for place in range(len(known), len(self.lifted.operations)):  # calls that nothing is asked about: they return
            if place >= len(records) or records[place][0]:
                return Ruling(Status.RUNTIME_ERROR, message=f"the process ended during {self._call(place)}")
        return Ruling(Status.ACCEPTED, "assert")

    def _call(self, place: int) -> str:
        assert self.lifted is not None
        if place < 0:
            return "the test"
        return show_call(self.lifted.operations[place])

    def remembered(self, operations: Sequence[Any], records: Sequence[Any]) -> tuple[bytes, Any]:
        key = hashlib.sha256(json.dumps([operations, records]).encode()).digest()
        if key in self.rulings:
            self.rulings.move_to_end(key)
        return key, self.rulings.get(key)

    def remember(self, key: bytes, reply: Any) -> None:
        self.rulings[key] = reply
        if len(self.rulings) > KEPT:
            self.rulings.popitem(last=False)


def assertions(problem: Problem) -> list[Assertion]:
    """The tests of a problem. Raises ValueError, naming the field."""
    try:
        ast.parse(problem.prelude)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"prelude: {_words(error)}") from None
    found: list[Assertion] = []
    for number, test in enumerate(problem.tests):
        try:
            found.append(Assertion(test.code or "", problem.prelude, problem.entry_point))
        except ValueError as error:
            raise ValueError(f"tests[{number}].code: {error}") from None
    return found


def read_records(result: bytes, most: int) -> list[Any]:
    """Lines of the result file. Raises ValueError for what calls.py does not write."""
    records: list[Any] = []
    for line in result.split(b"\n", most)[:most]:
        if not line:
            break
        try:
            record = json.loads(line)
        except RecursionError:
            raise ValueError("nested too deep") from None
        if not isinstance(record, list) or len(record) != 3 or type(record[0]) is not int or record[0] not in (0, 1):  # pyright: ignore[reportUnknownArgumentType]
            raise ValueError("a line of another form")
        if record[0] and not (isinstance(record[1], list) and isinstance(record[2], str)):
            raise ValueError("an exception of another form")
        records.append(record)
    return records


def show_call(operation: Sequence[Any]) -> str:
    """For people."""
    kind, target, *rest = operation
    if kind != "call":
        return f"{kind} of an object of the program"
    try:
        args = [repr(values.decode(arg, _other)) for arg in rest[0]]
        args += [f"{key}={values.decode(item, _other)!r}" for key, item in rest[1].items()]
        text = f"{target}({', '.join(args)})"
    except ValueError:
        text = f"{target}(...)"
    return text if len(text) <= CALL_SHOWN else f"{text[:CALL_SHOWN]}...)"


def _other(inner: Any) -> Any:
    kind = inner.get("type", "object") if isinstance(inner, dict) else "object"  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    raise ValueError(f"a {str(kind)[:40]}, which is no plain data")  # pyright: ignore[reportUnknownArgumentType]


def _entry_point(tree: ast.Module, names: list[str], provided: frozenset[str]) -> str | None:
    """What the test calls and nothing else gives; or else the one thing that it calls with arguments from a list.

    Or else, as the test has to ask for something: what it calls although the prelude or Python has something by that
    name, too. In Python, where the program comes after both, the name is the program's.
    """
    called = called_names(tree)
    own = [name for name in names if name in called and name not in provided]
    if own:
        return own[0]
    bound = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    spread = set(called_names(tree, spread=True)) - bound
    if len(spread) == 1:
        return spread.pop()
    if not provided.issuperset(names):
        return None
    shared = [name for name in innermost_calls(tree) if name in names]
    return next(iter([*shared, *asserted_builtins(tree)]), None)


def _parse(code: str) -> ast.Module:
    try:
        tree = ast.parse(code)
        compile(tree, "<test>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(_words(error)) from None
    if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
        raise ValueError("the test calls nothing")
    return tree


def _words(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno})"
    return f"{type(error).__name__}: {error}"
