"""What is wrong with tests themselves, as far as it can be read off: no program can do anything about it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .checks import Check, EvalPlus, Holds, close, show
from .dependence import program_names
from .expressions import Slot, folded
from .functions import silent
from .lift import Lifted
from .names import ANY
from .syntax import parse

if TYPE_CHECKING:
    from .assertion import Assertion

HELD = 4
"""Different claims on one call that are kept: two are enough to contradict."""
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_WORD = re.compile(r"\w+")


def judged_by_program(tree: ast.Module, names: Collection[str | None]) -> str | None:
    """Why the test decides nothing, where it only hands functions of the program to functions of the program: there is
    a ``check(f)`` and no ``def check``. ``names`` are the program's."""
    judges: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert | ast.Raise):
            return None
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Name) or node.func.id not in names:
                return None
            if any(isinstance(part, ast.Name) and part.id in names for part in node.args):
                judges.append(node.func.id)
    return f"the test asserts nothing: it leaves that to {judges[0]}, which it does not define" if judges else None


def is_asked_for(name: str, told: Sequence[str | None]) -> bool:
    """Whether the texts say that the program is to define it: as code, or as a name alone in backticks."""
    word = re.escape(name)
    written = re.compile(rf"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+{word}\b|`{word}(?:\([^`\n]*\))?`", re.MULTILINE)
    return any(written.search(text) for text in told if text)


# ------------------------------------------------------------------------------------------------------ contradictions


class _Claim(NamedTuple):
    """What a check says of what a call returns."""

    test: int
    line: int | None
    call: str
    form: str
    """``==``, ``!=``, ``bool``."""
    value: Any

    def __str__(self) -> str:
        form = {"==": "", "!=": "not ", "bool": "as true as "}[self.form]
        where = f"tests[{self.test}]" + (f" (line {self.line})" if self.line else "")
        return f"{where} wants {form}{show(self.value)}"


def contradiction(tests: Sequence[Lifted | None]) -> str | None:
    """Two assertions on the same call that no value fulfils, of these tests, in words. A program that returns something
    else each time may pass them all the same, if they are of one test."""
    known: dict[str, list[_Claim]] = {}
    for claim in _claims(tests):
        others = known.setdefault(claim.call, [])
        for other in others:
            if _contradict(other, claim):
                return f"{other}, and {claim}, of the same call"
        if len(others) < HELD:
            others.append(claim)
    return None


def _contradict(one: _Claim, other: _Claim) -> bool:
    """Whether no value can be both."""
    if one.form == other.form == "!=":
        return False
    if "bool" in (one.form, other.form):
        return "!=" not in (one.form, other.form) and bool(one.value) is not bool(other.value)
    try:
        same = one.value == other.value or repr(one.value) == repr(other.value) or close(one.value, other.value, 0.0)
    except Exception:  # a very long integer has no repr
        return False
    return not same if one.form == other.form else bool(same)


def _claims(tests: Sequence[Lifted | None]) -> Iterator[_Claim]:
    for number, lifted in enumerate(tests):
        for _, check in lifted.checks if lifted else ():
            for line, slot, form, value in _told(check):
                yield _Claim(number, line, json.dumps(lifted.operations[slot]) if lifted else "", form, value)


def _told(check: Check) -> Iterator[tuple[int | None, int, str, Any]]:
    """Line, operation, form and value."""
    if isinstance(check, EvalPlus):
        if not check.as_sets:
            yield None, check.slot, "==", check.expected
        return
    if not isinstance(check, Holds):
        return
    match check.expression:
        case ast.Constant(value=Slot() as slot):
            yield check.expression.lineno, slot, "bool", True
        case ast.UnaryOp(op=ast.Not(), operand=ast.Constant(value=Slot() as slot)):
            yield check.expression.lineno, slot, "bool", False
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is() | ast.NotEq() as op], comparators=[right]):
            for one, wanted in ((left, right), (right, left)):
                if isinstance(one, ast.Constant) and isinstance(one.value, Slot) and (known := folded(wanted)):
                    yield check.expression.lineno, one.value, "!=" if isinstance(op, ast.NotEq) else "==", known[0]
        case _:
            pass


# ------------------------------------------------------------------------------------------------------------- to tell


def suspicions(test: Assertion, right: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(what looks wrong, where in the test), for the reader of a data set. ``right``: sources of right programs."""
    reading = test.reading
    tree = parse(reading.source)
    if reading.fault is not None:
        yield "a test that asserts nothing", reading.fault
    elif not _asks(tree, _of_the_program(tree, test, right)):
        yield "a test that asks nothing of the program", ""
    for name, line in silent(reading.source).items():
        if test.function in (None, name):
            yield "a test function that asserts nothing", f"{name} (line {line})"
    if reading.raises is not None:
        yield "a test that raises by itself", reading.raises
    for name in _not_given(test, right):
        line = min(node.lineno for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name)
        yield "a name that nothing gives", f"{name} (line {line})"


def _of_the_program(tree: ast.Module, test: Assertion, right: Sequence[str]) -> set[str]:
    reading = test.reading
    names = set(reading.free)
    if reading.entry_point and is_asked_for(reading.entry_point, (*right, *test.told)):  # also one of Python's
        names.add(reading.entry_point)
    bound = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    bound |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    if reading.named and reading.named not in bound:
        names.add(reading.named)
    return names | program_names(tree)


def _asks(tree: ast.Module, names: set[str]) -> bool:
    """Whether anything that runs when the test does mentions one of the names."""
    functions = {node.name: node for node in tree.body if isinstance(node, FUNCTION)}
    reached: list[ast.AST] = [node for node in tree.body if not isinstance(node, FUNCTION) or _is_collected(node)]
    for node in reached:  # grows while it is read
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in names:
                return True
            if isinstance(part, ast.Name) and part.id in functions:
                reached.append(functions.pop(part.id))
    return False


def _is_collected(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether pytest has it run."""
    return node.name.startswith("test") or bool(node.decorator_list)


def _not_given(test: Assertion, right: Sequence[str]) -> list[str]:
    reading = test.reading
    if ANY in reading.provided:
        return []
    given = {*reading.provided, reading.named, reading.named if right else reading.entry_point}
    texts = [set(_WORD.findall(text)) for text in right]
    return [
        name
        for name in reading.free
        if name not in given and not is_asked_for(name, test.told) and not any(name in text for text in texts)
    ]
