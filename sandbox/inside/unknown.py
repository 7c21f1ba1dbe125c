"""A test that is an assertion, run for any program: what it does by itself. No code of a program is in this process.

Names of the program stand for what fits anything, and the test comes in a form whose assertions only evaluate where
the program has to do with them (`evaluator/asserts/dependence.py`). What it raises here, or that it asks for nothing,
may be its own doing. Standard input holds

    {"code": text, "forced": [...], "select": null or text, "free": [...]}

the test; names that are the program's even where the prelude or Python has them; the one test function that is wanted;
and the names that nobody else gives. Back comes

    {"asks": bool, "runs": bool, "error": null or text, "caught": null or [text, places, names, names]}

whether it asked for anything of the program; whether anything of it ran, and nothing was missing for that; how it
failed; and what it raised. The places are those of `places_of`;
the first names stand for what the test has handed to the program, and the others for what holds such a thing, in the
innermost frame of the test.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterator
from symtable import symtable
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any, cast

from .ends import unfit
from .suite import FILE, MODULE, Names, Suite

Write = Callable[[bytes], None]

FRAMES = 64
"""Of an exception that is told of."""
LOOKED_AT = 10_000
"""Items of a value that may hold what the program has changed."""
OWN = frozenset(
    f"{MODULE} __main__ _collections_abc abc bisect builtins cmath collections copy dataclasses datetime decimal enum "
    "fractions functools heapq itertools json math numbers numpy operator pytest random re statistics string textwrap "
    "types typing unittest".split()
)
"""Modules of what only the test changes. What is of others may be changed by what a program does: files, streams,
mocks, the environment."""
FOR_BOTH = ("open", "input", "print")
"""Functions of Python's whose answers a program may change."""
GUESSES = 100_000
"""How often what is unknown is taken to be true: a loop as long as it is ends nowhere."""
ASKED = 20_000
"""How often something is asked for: a loop that waits for an answer asks for ever."""


class Stop(BaseException):
    """Ends the test, from inside a stand-in. No ``except Exception`` of a test holds it up."""


class Test:
    """State of one test."""

    __test__ = False  # not a pytest class

    def __init__(self) -> None:
        self.asked = self.guesses = 0
        self.handed: dict[int, Any] = {}
        """By identity, what the program may have changed."""
        self.called = False
        """The program has done something, or may have."""
        self.hands_over_code = False
        """Something that is no data: whatever that reaches may be changed by the program."""

    def asking(self) -> Test:
        self.asked += 1
        if self.asked > ASKED:
            raise Stop
        return self

    def guess(self) -> None:
        self.guesses += 1
        if self.guesses > GUESSES:
            raise Stop

    def hand(self, value: Any) -> None:
        """To the program, with all that it leads to."""
        waiting: list[Any] = [value]
        while waiting and len(self.handed) < LOOKED_AT:
            value = waiting.pop()
            kind = cast("Any", type(value))
            if id(value) in self.handed or kind is Unknown:
                continue
            if _is_changeable(value):
                self.handed[id(value)] = value
                waiting.append(_memory(value))
            if issubclass(kind, dict):
                waiting += [*value.keys(), *value.values()]
            elif issubclass(kind, (list, tuple, set, frozenset)):
                waiting += value
            elif type(state := getattr(value, "__dict__", None)) is dict and not issubclass(kind, type):
                self.handed[id(value)] = value
                waiting += cast("Any", state).values()
            self.hands_over_code = self.hands_over_code or callable(value) or _is_iterator(value)

    def caught(self, error: BaseException, code: CodeType) -> tuple[str, list[list[int]], list[str], list[str]] | None:
        """What the test raised, where it may be its own doing."""
        if self.hands_over_code or isinstance(error, MemoryError | RecursionError | KeyboardInterrupt):
            return None  # which depend on more than the test
        places, names = places_of(error, code)
        if not places:
            return None
        handed = [name for name, value in names.items() if id(_memory(value)) in self.handed]
        if self.called:
            handed += [*FOR_BOTH, *(name for name, value in names.items() if is_for_both(value))]
        holding = [name for name, value in names.items() if self.holds(value)]
        return words_of(error), places, handed, holding

    def holds(self, value: Any) -> bool:
        """Whether something that was handed to the program is in it."""
        if not issubclass(type(value), (list, tuple, dict)):
            return False
        items = value.values() if issubclass(type(value), dict) else value
        return any(id(item) in self.handed for item in itertools.islice(items, LOOKED_AT))


class Unknown:
    """What a program gives. Bears almost everything; what the test makes of it is not believed."""

    def __init__(self, test: Test, *, like_object: bool) -> None:
        """``like_object``: its attributes are others, and what it gives when it is called is like it."""
        object.__setattr__(self, "_test", test)
        object.__setattr__(self, "_like_object", like_object)

    def __getattr__(self, name: str) -> Any:
        return Unknown(self._test.asking(), like_object=True) if self._like_object else self

    def __setattr__(self, name: str, value: Any) -> None:
        self._test.hand(value)

    def __delattr__(self, name: str) -> None:
        pass

    def __call__(self, /, *args: Any, **keywords: Any) -> Any:
        self._test.called = True
        for value in (*args, *keywords.values()):
            self._test.hand(value)
        return Unknown(self._test.asking(), like_object=self._like_object)

    def __bool__(self) -> bool:
        self._test.guess()
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __index__(self) -> int:
        return 0

    def __float__(self) -> float:
        return 0.0

    def __complex__(self) -> complex:
        return 0j

    def __getitem__(self, place: Any) -> Any:
        return self

    def __setitem__(self, place: Any, value: Any) -> None:
        self._test.hand(value)

    def __delitem__(self, place: Any) -> None:
        pass

    def __contains__(self, item: Any) -> bool:
        return True

    def __str__(self) -> str:
        return ""

    def __format__(self, how: str) -> str:
        return ""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __await__(self) -> Iterator[Any]:
        yield from ()
        return self

    def __eq__(self, other: object) -> bool:
        self._test.guess()
        return True

    __hash__ = object.__hash__

    def _same(self, *_: Any) -> Any:
        return self

    def _divided(self, other: Any) -> Any:
        if isinstance(other, int | float) and not other:
            raise ZeroDivisionError("division by zero")  # whatever number it turns out to be
        return self

    __truediv__ = __floordiv__ = _divided
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __rtruediv__ = __rfloordiv__ = _same
    __mod__ = __rmod__ = __pow__ = __rpow__ = __and__ = __rand__ = _same
    __or__ = __ror__ = __xor__ = __rxor__ = __neg__ = __pos__ = __abs__ = __invert__ = __round__ = _same

    def _true(self, other: object) -> bool:
        self._test.guess()
        return True

    __lt__ = __le__ = __gt__ = __ge__ = __ne__ = _true


class Program(ModuleType):
    """The module of a program that is not there: it has whatever it is asked for."""

    def __init__(self, test: Test, without: Collection[str] = (), name: str = "solution") -> None:
        """``without``: what the test itself calls so."""
        super().__init__(name)
        super().__getattribute__("__dict__").update(_test=test, _without=without)

    def __getattribute__(self, name: str) -> Any:
        if name == "__doc__" or (name == "__dict__" and super().__getattribute__("__name__") != "__main__"):
            return Unknown(self._test.asking(), like_object=True)
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in self._without:
            raise AttributeError(name)
        return Unknown(self._test.asking(), like_object=name[:1].isupper())


def run(prelude: CodeType, given: bytes, write: Write) -> None:
    """Run the test once; see the top of the file for what is written."""
    asked: dict[str, Any] = json.loads(given)
    scope: dict[str, Any] = {"__name__": MODULE}
    exec(prelude, scope)
    test = Test()
    own = {each.get_name() for each in symtable(asked["code"], FILE, "exec").get_symbols() if each.is_assigned()}
    without = own.difference(asked["free"])
    main = Program(test, without, "__main__")
    suite = Suite(asked["code"], Program(test), lambda _: test.asking(), scope, asked["forced"], main)
    suite.names = Names(main, asked["forced"])
    told: dict[str, Any] = {"error": None, "caught": None}
    results = suite.run(asked["select"])
    for result in results:
        error = result.error
        if result.outcome in ("exited", "faulty", "failed") and not (
            isinstance(error, Stop) or (isinstance(error, SystemExit) and not error.code)
        ):
            caught = test.caught(error, suite.code) if error is not None else None
            told = {"error": result.words, "caught": caught}
            break
    write(json.dumps({"asks": test.asked > 0, "runs": unfit(results) is None, **told}).encode())


def places_of(error: BaseException, code: CodeType) -> tuple[list[list[int]], dict[str, Any]]:
    """Where in the test: line, last line, column and last column of what was being done in each of its frames, the
    outermost first; and the names of the innermost. Nothing where somebody else, who may catch it, is in between."""
    nothing: tuple[list[list[int]], dict[str, Any]] = [], {}
    frames: list[tuple[FrameType, int]] = []
    trace = error.__traceback__
    while trace is not None and len(frames) <= FRAMES:
        frames.append((trace.tb_frame, trace.tb_lasti))
        trace = trace.tb_next
    own = {id(each) for each in _all_code(code)}

    def is_own(each: tuple[FrameType, int]) -> bool:
        return id(each[0].f_code) in own

    inside = list(itertools.dropwhile(lambda each: not is_own(each), frames))  # after those of whoever runs the test
    ours = list(itertools.takewhile(is_own, inside))
    if not ours or len(frames) > FRAMES or any(map(is_own, inside[len(ours) :])):
        return nothing
    places = [next(itertools.islice(each.f_code.co_positions(), at // 2, None)) for each, at in ours]
    if any(None in place for place in places):
        return nothing
    innermost = ours[-1][0]
    return [list(cast("Any", place)) for place in places], {**innermost.f_globals, **innermost.f_locals}


def is_for_both(value: Any) -> bool:
    """Whether a program may change what comes of this without being given it."""
    if _is_of_others(value):
        return True
    state = getattr(value, "__dict__", None)
    return type(state) is dict and not isinstance(value, type | ModuleType) and any(map(_is_of_others, state.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def _is_changeable(value: Any) -> bool:
    kind = cast("Any", type(value))
    return issubclass(kind, set) or hasattr(kind, "__setitem__")


def _memory(value: Any) -> Any:
    """Whose memory it shows: its own, or that of which an array or a memoryview is a part."""
    kind = cast("Any", type(value))
    if kind is memoryview:
        return _memory(value.obj)
    if (kind.__module__, kind.__name__) == ("numpy", "ndarray") and value.base is not None:
        return _memory(value.base)
    return value


def _is_iterator(value: Any) -> bool:
    return hasattr(cast("Any", type(value)), "__next__")


def _is_of_others(value: Any) -> bool:
    if isinstance(value, Unknown | Program):
        return False
    if isinstance(value, ModuleType):
        module = value.__name__
    elif isinstance(value, type | FunctionType | BuiltinFunctionType):
        module = value.__module__ or "builtins"
    else:
        module = type(value).__module__
    return module == "unittest.mock" or module.partition(".")[0] not in OWN


def _all_code(code: CodeType) -> list[CodeType]:
    found = [code]
    for each in found:  # grows while it is read
        found += [constant for constant in each.co_consts if isinstance(constant, CodeType)]
    return found


def words_of(error: BaseException) -> str:
    """Of what is half of a surrogate pair, and no text to the reader, something that is."""
    try:
        text = str(error)
    except Exception:
        text = ""
    name = type(error).__name__
    words = f"{name}: {text}"[:300] if text else name
    return words.encode("utf-8", "backslashreplace").decode()
