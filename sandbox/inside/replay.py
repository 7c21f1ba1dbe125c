"""The test's side of a test that is an assertion. No code of a program is in this process, only what it returned.

The test runs with stand-ins for what it uses of the program. A stand-in answers from the record of what the program did
(``calls``), as long as the test asks for exactly that, in that order. The test passes when it ends having seen only
recorded answers. When it asks for something that is not in the record, it either stops (``decide``), or goes on with
an answer that fits anything (otherwise), in order to learn what more it will ask for.

Standard input holds ``{"names": [...], "forced": [...], "values": [...], "decide": bool, "stop": bool, "ops": number}``
on a line: names that stand for functions of the program where the prelude gives none, or even then; names that the test
reads without calling them; whether the first exception was to be the last answer; a line for each operation that was
asked; and the answers, as the program's side wrote them. Nobody has read them before. Back comes one of

    {"end": "passed", "place": number}      having asked for so many operations
    {"end": "failed", "error": text}        an assertion, or any other exception of the test
    {"end": "raised", "error": text}        an exception of the program that went through the test
    {"end": "asks"}                         the test asks for more
    {"end": "stopped"}                      ... but there are no more answers, because one is an exception
    {"end": "ended", "place": number}       ... but there the program's process ended
    {"end": "unsupported", "error": text}   the test hands on something of its own that cannot travel
    {"end": "garbled", "error": text}       the answers are none

and with it "missing", a name that the test asked for and the program does not define.

Before ``asks`` there is a line for each operation that the test asked for. Where it does not decide, they come as it
asks: what ends the process early leaves what came before. With it comes "caught", what the test raised while
nothing was known: [text, places, names, names]. The places are those of `places_of`; the first names stand for what the
test has handed to the program, and the others for what holds such a thing, in the innermost frame of the test.

Whatever an answer holds can be handed on: its types are those of arguments, arguments may be nested deeper, what the
program raised is its own object again, and views of dicts and what Python's modules raise over an answer travel, too.
So ``unsupported`` is not for what a program returned, but where the test makes something else of it (a bound method).
"""

from __future__ import annotations

import builtins
import itertools
import json
import sys
from collections.abc import Callable
from functools import partial
from types import CodeType, FrameType
from typing import Any, cast

from .codes import all_code
from .objects import Objects, classes_in
from .values import DEPTH, HANDED, decode, encode, read_record, seed_random, undefined

Write = Callable[[bytes], None]

AHEAD = 2000
"""Operations that are asked for before anything is known of them, besides twice those that are: a loop that waits for
an answer asks for ever, and a long one shall not take many rounds."""
FRAMES = 64
"""Of an exception that is told of."""
LOOKED_AT = 10_000
"""Items of a value that may hold what the program has changed."""
CHANGEABLE = (list, dict, set, bytearray)
"""What `_become` changes."""
GUESSES = 100_000
"""How often what is unknown is taken to be true: a loop as long as it is ends nowhere."""
_VIEWS: dict[str, Any] = {name: type(getattr({}, name)()) for name in ("keys", "values", "items")}
"""By the method of a dict that gives them."""


class Stop(BaseException):
    """Ends the test, from inside a stand-in. No ``except Exception`` of a test holds it up."""


class Test:
    """State of one test: what it asked for so far, and what it may know."""

    __test__ = False

    def __init__(
        self,
        decide: bool,
        operations: list[Any],
        records: list[Any],
        write: Write,
        code: CodeType,
        shared: Callable[[], Objects],
    ) -> None:
        self.write = write
        self.shared = shared
        self.objects = shared()
        """Of the next operation, with those that it hands over."""
        self.decide = decide
        self.records = records
        self.known: list[Any] = [self.known_as(operation) for operation in operations]
        self.asked: list[Any] = []
        self.guesses = 0
        self.raised: list[tuple[BaseException, int, str]] = []
        """Exceptions of the program, with the number of the operation and its words."""
        self.unsupported: str | None = None
        self.garbled: str | None = None
        """What is wrong with an answer: the test, which might catch it, does not get to see it."""
        self.missing: str | None = None
        """A name that the program does not define."""
        self.code = code
        self.caught: tuple[str, list[list[int]], list[str], list[str]] | None = None
        self.handed: dict[int, Any] = {}
        """By identity, what the program may have changed."""

    def with_results(self, data: Any) -> Any:
        """An operation as it is asked for once the plain results that it names are known."""
        kind = cast("Any", type(data))
        if kind is list:
            return [self.with_results(item) for item in data]
        if kind is not dict:
            return data
        if "other" in data and "ref" in data["other"]:
            number, place = data["other"]["ref"]
            record = self.records[number] if number < len(self.records) else None
            if place == 0 and record and not record[0] and not _holds_objects(record[1]):
                return record[1]
            return data
        return {key: self.with_results(item) for key, item in data.items()}

    def known_as(self, operation: list[Any]) -> list[Any]:
        """An operation with what it names. The names of keyword arguments are the test's, and may be any."""
        *head, last = operation
        if type(last) is dict and operation[0] in ("call", "call_of"):
            last = {key: self.with_results(item) for key, item in cast("Any", last).items()}
            return [*self.with_results(head), last]
        return self.with_results(operation)

    def ask(self, operation: list[Any], args: tuple[Any, ...] = (), *, like_object: bool = False) -> Any:
        number = len(self.asked)
        objects, self.objects = self.objects, self.shared()
        if not self.decide and number >= 2 * len(self.known) + AHEAD:
            raise Stop
        self.asked.append(operation)
        if not self.decide:
            self.write(line(operation))
        if number < len(self.records) and self.known[number] == operation:
            return self.answer(number, args, objects)
        self.records = self.records[:number]
        if self.decide:
            raise Stop
        return Unknown(self, (number, 0), like_object)

    def answer(self, number: int, args: tuple[Any, ...], objects: Objects) -> Any:
        failed, value, rest = self.records[number]

        def other(inner: Any) -> Any:
            return None if inner is None else objects.decode(inner, self.object)

        try:
            if not failed:
                answer = decode(value, other, DEPTH)
                if rest is not None:
                    for mine, after in zip(args, decode(rest, other, DEPTH - 1), strict=False):
                        _become(mine, after)
                return answer
            kind, target, *_ = self.known[number]
            if kind in ("call", "name") and rest == f"NameError: {undefined(target)}":
                self.missing = target
            names, given = value
            error = _exception(names, None if given is None else decode(given, other, DEPTH), rest)
        except Exception as fault:
            self.garbled = _text(fault)
            raise Stop from None
        self.raised.append((error, number, rest))
        raise error

    def value(self, name: str) -> Any:
        """What the program calls so. Where that is a module of Python, the test has its own."""
        number = len(self.asked)
        value = self.ask(["name", name], like_object=True)
        if number < len(self.records) and _is_module(self.records[number][1]) and name in sys.stdlib_module_names:
            return __import__(name)
        return value

    def note(self, error: BaseException) -> None:
        """What the test raised while nothing was known."""
        if self.records or isinstance(error, MemoryError | RecursionError | KeyboardInterrupt):
            return  # which depend on more than the test
        places, names = places_of(error, self.code)
        if places:
            handed = [name for name, value in names.items() if id(value) in self.handed]
            holding = [name for name, value in names.items() if self.holds(value)]
            self.caught = _readable(_text(error)), places, handed, holding

    def holds(self, value: Any) -> bool:
        """Whether something that was handed to the program is in it."""
        items = cast("Any", value.values() if isinstance(value, dict) else value)
        if not isinstance(value, list | tuple | dict):
            return False
        return any(id(item) in self.handed for item in itertools.islice(items, LOOKED_AT))

    def object(self, inner: Any) -> Any:
        number, place = inner["ref"]
        if type(number) is not int or type(place) is not int:
            raise ValueError("an object of no number")
        return Remote(self, (number, place))

    def travel(self, value: Any) -> object:
        """What is no data, on its way to the program."""
        if isinstance(value, Remote):
            return {"other": {"ref": list(object.__getattribute__(value, "_ref"))}}
        if isinstance(value, Named):
            return {"other": {"name": value.__name__}}
        for error, number, _ in self.raised:
            if value is error:
                return {"other": {"ref": [number, 0]}}
        kind = cast("Any", type(value))
        if isinstance(value, BaseException) and (parts := _parts(value)) is not None:
            module, name, args = parts
            try:
                sent = encode(args, depth=HANDED)
            except (TypeError, ValueError):
                sent = self.sent(args) if module == "builtins" else [str(value)]
            return {"other": {"error": [module, name, sent]}}
        for name, view in _VIEWS.items():
            if kind is view:
                return {"other": {"view": [name, self.sent(dict(cast("Any", value).mapping))]}}
        self.unsupported = f"the test passes a {kind.__name__} to the program, which is no plain data"
        raise Stop

    def sent(self, value: Any) -> object:
        """On its way to the program."""
        try:
            return encode(value, lambda part: self.objects.encode(part, self.travel), HANDED)
        except ValueError as error:
            self.unsupported = f"the test passes on: {error}"
            raise Stop from None

    def call(self, kind: str, target: Any, args: tuple[Any, ...], keywords: dict[str, Any], like_object: bool) -> Any:
        sent = self.sent(list(args))
        sent_keywords = {key: self.sent(value) for key, value in keywords.items()}
        if not self.decide:
            handed = [value for value in (*args, *keywords.values()) if type(value) in CHANGEABLE]
            self.handed |= {id(value): value for value in (*handed, *self.objects.held)}
        return self.ask([kind, target, sent, sent_keywords], args, like_object=like_object)


class Builtins(dict[str, Any]):
    """Where names are looked up last: what Python has, then what the program has."""

    def __init__(self, test: Test, names: list[str]) -> None:
        super().__init__(vars(builtins))
        self.test = test
        self.names = frozenset(names)

    def __missing__(self, name: str) -> Any:
        if name in self.names:
            return self.test.value(name)
        raise KeyError(name)


class Named:
    """A function or class of the program."""

    def __init__(self, test: Test, name: str) -> None:
        self.test = test
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.test.call("call", self.__name__, args, keywords, self.__name__[:1].isupper())


class Remote:
    """An object that the program keeps. Equal to itself alone: what its class says does not count."""

    def __init__(self, test: Test, ref: tuple[int, ...]) -> None:
        object.__setattr__(self, "_test", test)
        object.__setattr__(self, "_ref", ref)

    def __getattr__(self, name: str) -> Any:
        return self._test.ask(["get", list(self._ref), name], like_object=True)

    def __setattr__(self, name: str, value: Any) -> None:
        self._test.ask(["set", list(self._ref), name, self._test.sent(value)])

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._test.call("call_of", list(self._ref), args, keywords, False)

    def __iter__(self) -> Any:
        return iter(self._test.ask(["iter", list(self._ref)]))

    def __len__(self) -> Any:
        return self.__getattr__("__len__")()

    def __getitem__(self, place: Any) -> Any:
        return self.__getattr__("__getitem__")(place)

    def __setitem__(self, place: Any, value: Any) -> None:
        self.__getattr__("__setitem__")(place, value)

    def __contains__(self, item: Any) -> bool:
        return self.__getattr__("__contains__")(item)

    def __str__(self) -> str:
        return self.__getattr__("__str__")()

    def __bool__(self) -> bool:
        return True


class Unknown(Remote):
    """What will be known in the next round. Bears almost everything; what the test makes of it is not believed."""

    def __init__(self, test: Test, ref: tuple[int, ...], like_object: bool) -> None:
        super().__init__(test, ref)
        object.__setattr__(self, "_like_object", like_object)

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name) if self._like_object else self

    def __setattr__(self, name: str, value: Any) -> None:
        if self._like_object:
            super().__setattr__(name, value)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return super().__call__(*args, **keywords) if self._like_object else self

    def __bool__(self) -> bool:
        self._test.guesses += 1
        if self._test.guesses > GUESSES:
            raise Stop
        return True

    def __iter__(self) -> Any:
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
        pass

    def __contains__(self, item: Any) -> bool:
        return True

    def __str__(self) -> str:
        return ""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = Remote.__hash__

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
        return True

    __lt__ = __le__ = __gt__ = __ge__ = __ne__ = _true


def run(scope: dict[str, Any], prelude: CodeType, code: CodeType, given: bytes, write: Write) -> None:
    """Run the test once; see the top of the file for what is written."""
    end = outcome(scope, prelude, code, given, write)
    if "error" in end:
        end["error"] = _readable(end["error"])
    write(json.dumps(end).encode())


def outcome(scope: dict[str, Any], prelude: CodeType, code: CodeType, given: bytes, write: Write) -> dict[str, Any]:
    head, _, given = given.partition(b"\n")
    request: dict[str, Any] = json.loads(head)
    *asked, answers = given.split(b"\n", request["ops"])
    operations = [json.loads(operation) for operation in asked]
    try:
        records = read_records(answers, len(operations))
        shared = partial(Objects, scope, classes_in(prelude), DEPTH)
        test = Test(request["decide"], operations, records, write, code, shared)
    except (ValueError, RecursionError) as error:
        return _garbled(error)
    exec(prelude, scope)
    for name in request["names"]:
        if name in request["forced"] or not (name in scope or hasattr(builtins, name)):
            scope[name] = Named(test, name)
    if request["values"]:
        scope["__builtins__"] = Builtins(test, request["values"])
    seed_random()  # so that the next round asks for the same
    end: dict[str, Any] = {"end": "passed"}
    try:
        exec(code, scope)
    except Stop:
        pass
    except BaseException as error:
        if not test.decide:
            test.note(error)
        words = next((words for one, _, words in test.raised if one is error), None)
        end = {"end": "failed", "error": _text(error)} if words is None else {"end": "raised", "error": words}
    if test.garbled:
        return _garbled(test.garbled)
    if test.unsupported:
        return {"end": "unsupported", "error": test.unsupported}
    if len(test.asked) > len(test.records) or not test.decide:
        if test.decide:
            if len(test.asked) == len(records) + 1 and len(records) < len(operations):
                if request["stop"] and records and records[-1][0]:
                    return {"end": "stopped"}
                return {"end": "ended", "place": len(records)}
            write(b"".join(map(line, test.asked)))
        return {"end": "asks", "caught": test.caught}
    if test.missing:
        end["missing"] = test.missing
    if end["end"] == "passed":
        end["place"] = len(test.asked)
    return end


def places_of(error: BaseException, code: CodeType) -> tuple[list[list[int]], dict[str, Any]]:
    """Where in the test: line, last line, column and last column of what was being done in each of its frames, the
    outermost first; and the names of the innermost. Nothing where somebody else, who may catch it, is in between."""
    nothing: tuple[list[list[int]], dict[str, Any]] = [], {}
    if not hasattr(code, "co_positions"):  # before Python 3.11
        return nothing
    frames: list[tuple[FrameType, int]] = []
    trace = error.__traceback__.tb_next if error.__traceback__ else None  # after that of `outcome`
    while trace is not None and len(frames) <= FRAMES:
        frames.append((trace.tb_frame, trace.tb_lasti))
        trace = trace.tb_next
    own = {id(each) for each in all_code(code)}
    ours = list(itertools.takewhile(lambda each: id(each[0].f_code) in own, frames))
    if not ours or len(frames) > FRAMES or any(id(each.f_code) in own for each, _ in frames[len(ours) :]):
        return nothing
    places = [next(itertools.islice(each.f_code.co_positions(), at // 2, None)) for each, at in ours]
    if any(None in place for place in places):
        return nothing
    innermost = ours[-1][0]
    return [list(cast("Any", place)) for place in places], {**innermost.f_globals, **innermost.f_locals}


def _is_module(data: Any) -> bool:
    other: Any = cast("Any", data).get("other") if type(data) is dict else None
    return type(other) is dict and cast("Any", other).get("type") == "module"


def _garbled(why: object) -> dict[str, Any]:
    return {"end": "garbled", "error": f"what came back is no record of calls: {why}"[:300]}


def line(operation: list[Any]) -> bytes:
    return json.dumps(operation).encode() + b"\n"


def read_records(answers: bytes, most: int) -> list[Any]:
    """As far as they go. Raises ValueError."""
    lines = itertools.takewhile(bool, answers.split(b"\n", most)[:most])
    return [read_record(each) for each in lines]


def _parts(error: BaseException) -> tuple[str, str, list[Any]] | None:
    """Module and name of the class of an exception of Python's modules, and what it is made of, as a pickle has it."""
    kind = type(error)
    if kind.__module__.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        made, args, *_ = error.__reduce__()
    except Exception:
        return None
    module = sys.modules.get(kind.__module__)
    if made is kind is getattr(module, kind.__name__, None):
        return kind.__module__, kind.__name__, list(args)
    return None


def _holds_objects(data: Any) -> bool:
    kind = cast("Any", type(data))
    if kind is list:
        return any(_holds_objects(item) for item in data)
    return kind is dict and ("other" in data or any(_holds_objects(item) for item in data.values()))


def _exception(names: list[str], args: list[Any] | None, words: str) -> BaseException:
    """Of the first of these classes that the interpreter has itself, with these arguments where they say the same."""
    text = words.partition(": ")[2]
    for name in names:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            for given in ([] if args is None else [args]) + [[text]]:
                try:
                    error = kind(*given)
                    if str(error)[: len(text)] == text:
                        return error
                except Exception:  # it takes others
                    continue
            break
    return Exception(text)


def _become(mine: Any, after: Any) -> None:
    """Let an argument be what the program made of it."""
    kind = cast("Any", type(mine))
    if kind is not type(after):
        return
    if kind is list or kind is bytearray:
        mine[:] = after
    elif kind is dict or kind is set:
        mine.clear()
        mine.update(after)


def _readable(text: str) -> str:
    """Words of a program, perhaps: what is half of a surrogate pair is no text to the reader."""
    return text.encode("utf-8", "backslashreplace").decode()


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    name = type(error).__name__
    return f"{name}: {text}"[:300] if text else name
