"""One side of the link: what it says and is told, whatever it stands for.

A message is one of

    {"ask": operation, "of": [value, ...], "with": {name: value}}      something to do with the other side's objects
    {"answer": value}            {"raised": value}                     what came of that
    {"ready": true}                                                    the program's module has run
    {"busy": true}                                                     the answer will take its time

and may carry with it what the other side has to know before it goes on: "things", "forget" (things), "new" and "gone"
(objects), "state" (``surroundings``), "output". While a side waits for an answer it does what it is asked, so that
answers come in the opposite order of what was asked for.

Values are as in ``values``; what stands in {"other": ...} there is one of

    ["#", number]                  a list, dict, set, array, an object of the prelude's classes: ``things``
    ["p", number]                  an object of the program             ["t", number]       an object of the test
    ["py", module, name]           what a module of Python calls so     ["module", name]    a module of Python
    ["constant", name]             NotImplemented, Ellipsis             ["view", name, thing]       of a dict
    ["made", module, name, args]   an object of a class of Python that is data (a date), as a pickle would make it
    ["number", type, bytes]        a number of numpy                    ["dtype", type]
    ["member", class, value]       a member of an enum, or several of a flag

"new" introduces the objects of the sender that the message mentions: [number, {"class": description}] or
[number, {"of": class}], with the ``exceptions.facts`` of an exception as "error".
"""

from __future__ import annotations

from _thread import RLock

# Whatever the program, or the test, makes of the builtins.
from builtins import BaseException, dict, getattr, id, isinstance, len, list, str, tuple, type  # noqa: UP029
from collections import deque
from collections.abc import Callable
from enum import Enum
from types import ModuleType
from typing import Any, cast
from weakref import ref

from .. import values
from . import arrays, exceptions
from .awaiting import Awaiting
from .classes import Classes, describe
from .data import constant, data_of, is_scalar, made, make, native_of, new_native, view
from .enums import member, member_of
from .names import of_python
from .surroundings import Surroundings
from .things import KINDS, Things, base_of, in_order
from .wire import Wire

Operation = Callable[..., Any]
KEPT = 10_000
"""Numbers and the like of the other side's classes that are known: nobody can watch them for their end."""
RAISED = 4
"""The same of exceptions of Python's own classes."""
NOT_HANDED_OVER = "a value that cannot be handed over"
TOO_DEEP = "values that are nested too deep to be handed over"


class Peer:
    mine: str
    """What stands for this side's objects; and the other's."""
    theirs: str
    other: str
    """What people call the other side."""

    def __init__(self, fd: int, scope: dict[str, Any], shared: frozenset[str]) -> None:
        self.wire = Wire(fd)
        self.lock = RLock()
        """Held from a question to its answer."""
        self.classes = Classes(self)
        self.things = Things(int(self.mine == "p"), scope, shared, self.encode, self.decode, self.replaced)
        self.surroundings = Surroundings()
        self.awaiting = Awaiting()
        self.handed: set[tuple[str, str]] = set()
        """What of Python's the test has handed to the program."""
        self._exports: dict[int, Any] = {}
        self._export_numbers: dict[int, int] = {}
        self._next = 0
        self._standins: dict[int, Any] = {}
        """By number: a weak reference, or what cannot have one in a tuple."""
        self._standin_numbers: dict[int, int] = {}
        self._kept: deque[int] = deque()
        self._raised_kept: deque[int] = deque()
        self._gone: list[int] = []
        self._new: list[list[Any]] = []
        self._mentioned: set[int] = set()
        self._described: set[int] = set()

    # -- asking and being asked

    def ask(self, operation: str, *given: Any, keywords: dict[str, Any] | None = None) -> Any:
        """What came of it on the other side. Raises what was raised there."""
        with self.lock:
            message: dict[str, Any] = {"ask": operation, "of": [self.told(value) for value in given]}
            if keywords:
                message["with"] = {name: self.told(value) for name, value in keywords.items()}
            self.send(message)
            while True:
                message = self.receive()
                if "answer" in message:
                    return self.understand(message, "answer")
                if "raised" in message:
                    raise self.raised(message)
                self.serve(message)

    def serve(self, message: dict[str, Any]) -> None:
        """Do what the other side asks for, and tell it what came of it."""
        try:
            operation, given, keywords = self.request(message)
            value = operation(*given, **keywords)
        except BaseException as error:
            if self.passes(error):
                raise
            told = "raised"
            value = error.with_traceback(None)  # which would hold all that it has passed
        else:
            told = "answer"
        with self.lock:
            self.send({told: self.told(value)})

    def told(self, value: Any) -> Any:
        """The value as the other side is told it."""
        try:
            return self.encode(value)
        except RecursionError:
            return self.cannot(TOO_DEEP)
        except (ValueError, TypeError) as error:
            return self.cannot(f"{NOT_HANDED_OVER}: {error}")

    def cannot(self, what: str) -> Any:
        """The test is undecided."""
        raise NotImplementedError

    def replaced(self, what: str) -> None:
        """The other side has put something in the place of a method of a thing."""

    def get(self, thing: Any, name: str) -> Any:
        """An attribute of a stand-in."""
        raise NotImplementedError

    def says(self, name: str) -> bool:
        """Whether a stand-in for a class says itself what its attribute of this name is."""
        raise NotImplementedError

    def special(self, name: str, kind: str) -> Any:
        """What the stand-ins for objects of the other side's class of that name have as a special method."""
        raise NotImplementedError

    def request(self, message: dict[str, Any]) -> tuple[Operation, list[Any], dict[str, Any]]:
        given = [self.decode(value) for value in message["of"]]
        keywords = {name: self.decode(value) for name, value in message.get("with", {}).items()}
        return self.operation(message["ask"], given), given, keywords

    def operation(self, name: Any, given: list[Any]) -> Operation:
        raise NotImplementedError

    def passes(self, error: BaseException) -> bool:
        """Whether it is nothing to tell the other side."""
        raise NotImplementedError

    def understand(self, message: dict[str, Any], part: str) -> Any:
        return self.decode(message[part])

    def raised(self, message: dict[str, Any]) -> BaseException:
        error = self.understand(message, "raised")
        if not isinstance(error, BaseException):
            raise ValueError("what was raised is no exception")
        return error

    def send(self, message: dict[str, Any]) -> None:
        try:
            self._send(message)
        except RecursionError:
            self.cannot(TOO_DEEP)
        except (ValueError, TypeError) as error:
            self.cannot(f"{NOT_HANDED_OVER}: {error}")

    def _send(self, message: dict[str, Any]) -> None:
        self.things.write(message)
        self.surroundings.write(message)
        if self._gone:
            message["gone"], self._gone = self._gone, []
        if self._new:
            message["new"], self._new = self._new, []
            self._mentioned.clear()
        self.wire.send(message)

    def receive(self) -> dict[str, Any]:
        message = self.wire.receive()
        for known, most in ((self._kept, KEPT), (self._raised_kept, RAISED)):
            while len(known) > most:  # but all that a message has brought while it is read
                self._lose(known.popleft())
        if "new" in message:
            message["alive"] = self._meet(message["new"])
        self.things.read(message)
        if "new" in message:
            self._complete(message["new"])
        for number in message.get("gone", ()):  # what things have held until they were told
            if (thing := self._exports.pop(number, self)) is not self:
                del self._export_numbers[id(thing)]
                self._described.discard(number)
        self.surroundings.read(message)
        return message

    # -- values, to the other side

    def encode(self, value: Any) -> Any:
        kind = cast("Any", type(value))
        if value is None or kind is str or kind is bool:
            return value
        if (number := self._standin_numbers.get(id(value))) is not None:
            return {"other": [self.theirs, number]}
        if is_scalar(kind):
            return values.encode(value)
        if kind is tuple:
            return {"tuple": [self.encode(item) for item in value]}
        if (name := self.things.kind(value)) is not None:
            return {"other": ["#", self.things.number(value, name)]}
        if kind is frozenset:
            return {"frozenset": in_order(value, self.encode)}
        return {"other": self._other(value, kind)}

    def _other(self, value: Any, kind: Any) -> list[Any]:
        if (name := constant(value)) is not None:
            return ["constant", name]
        if (place := self.place(value)) is not None:
            return ["py", *place]
        if isinstance(value, Enum):
            return member(value, self.encode)
        if isinstance(value, ModuleType) and of_python(value.__name__, "__name__") is not None:
            return ["module", value.__name__]
        if arrays.is_number(value, kind):
            return ["number", *arrays.number(value)]
        if arrays.is_dtype(value, kind):
            return ["dtype", value.str]
        if arrays.is_other(value, kind):
            self.cannot("an array of a type that consists of others")
        if (parts := made(value, kind)) is not None:
            return ["made", *parts[:2], self.encode(parts[2])]
        if (parts := view(value, kind)) is not None:
            return ["view", parts[0], self.encode(parts[1])]
        return [self.mine, self._export(value, kind)]

    def place(self, value: Any) -> tuple[str, str] | None:
        """Module and name of what the other side has, too."""
        raise NotImplementedError

    def _export(self, value: Any, kind: Any) -> int:
        number = self._export_numbers.get(id(value))
        if number is None:
            number, self._next = self._next, self._next + 1
            self._exports[number] = value
            self._export_numbers[id(value)] = number
        if number in self._mentioned:
            return number
        self._mentioned.add(number)
        if isinstance(value, type):
            if number not in self._described:
                self._described.add(number)
                described = describe(value, self.encode)
                self._new.append([number, {"class": described}])
            return number
        if not isinstance(value, BaseException):
            told: dict[str, Any] = {"of": {"other": [self.mine, self._export(kind, type(kind))]}}
            if (base := base_of(kind)) is not None:
                told["thing"] = [self.things.number(value, base), base]
            elif (native := native_of(kind)) is not None:
                told["data"] = self.encode(data_of(value, native))
            self._new.append([number, told])
            return number
        if self.classes.made(kind):
            self.cannot(f"an exception of {self.other} that is no longer known")
        told = {"of": self.encode(kind)}
        if number not in self._described:
            self._described.add(number)
            told["error"] = exceptions.facts(value, self.encode)
        self._new.append([number, told])
        return number

    # -- values, from the other side

    def decode(self, data: Any) -> Any:
        """Raises anything that is an Exception where the data are of no form."""
        if type(data) is dict or type(data) is list:
            return values.decode(data, self._decode_other)
        return data

    def _decode_other(self, inner: Any) -> Any:
        tag, first, *rest = inner
        if tag == "#":
            return self.things.thing(first)
        if tag == self.mine:
            return self._exports[first]
        if tag == self.theirs:
            return self.standin(first)
        if tag == "py":
            return self.known(first, *rest)
        if tag == "module":
            return self.module_of_python(first)
        if tag == "made":
            return make(first, rest[0], self.decode(rest[1]))
        if tag == "number":
            return arrays.make_number(first, *rest)
        if tag == "dtype":
            return arrays.dtype_of(first)
        if tag == "member":
            return member_of(self.decode(first), *rest)
        if tag == "view":
            return getattr(dict, {"keys": "keys", "values": "values", "items": "items"}[first])(self.decode(rest[0]))
        return {"NotImplemented": NotImplemented, "Ellipsis": ...}[first]

    def known(self, module: str, name: str) -> Any:
        """What both sides have by that name. Raises ValueError."""
        if (thing := of_python(module, name)) is None:
            raise ValueError(f"no {name!r} in a module {module!r} here")
        return thing

    def module_of_python(self, name: str) -> Any:
        if of_python(name, "__name__") is None:
            raise ValueError(f"no module {name!r} here")
        return __import__(name, fromlist=("",))

    def standin(self, number: int) -> Any:
        held = self._standins[number]
        return held[0] if cast("Any", type(held)) is tuple else held()

    def stands_for(self, value: Any) -> bool:
        """Whether something of the other side."""
        return id(value) in self._standin_numbers

    def _meet(self, records: list[Any]) -> list[Any]:
        """Stand-ins for what is introduced, to be held until somebody else holds them."""
        return [self._introduced(number, told) for number, told in records]

    def _introduced(self, number: Any, told: dict[str, Any]) -> Any:
        if type(number) is not int:
            raise ValueError("an object of no number")
        if number in self._standins and (held := self.standin(number)) is not None:
            return held
        if "class" in told:
            return self._keep(number, self.classes.make(told["class"]), weakly=False)
        if told["of"]["other"][0] == self.mine:
            raise ValueError("an object of a class that is not the other side's")
        kind = self.decode(told["of"])
        if "thing" in told:
            thing, base = told["thing"]
            standin = KINDS[base].type.__new__(kind)
            self.things.adopt(thing, base, standin)
            return self._keep(number, standin, weakly=True)
        if "error" in told:
            error = self.classes.exception(kind, told["error"])
            return self._keep(number, error, weakly=self.classes.made(kind), among=self._raised_kept)
        if "data" in told:
            return self._keep(number, new_native(kind, self.decode(told["data"])), weakly=False, among=self._kept)
        return self._keep(number, self.classes.instance(kind), weakly=True)

    def _complete(self, records: list[Any]) -> None:
        """What has to wait until all that is introduced is there."""
        for number, told in records:
            if "error" in told:
                exceptions.fill(self.standin(number), told["error"], self.decode)

    def _keep(self, number: int, standin: Any, *, weakly: bool, among: deque[int] | None = None) -> Any:
        if number in self._gone:
            self._gone.remove(number)
        self._standin_numbers[id(standin)] = number
        if not weakly:
            self._standins[number] = (standin,)
            if among is not None:
                among.append(number)
            return standin
        place = id(standin)

        def gone(_: object) -> None:
            if self._standin_numbers.get(place) == number:
                del self._standin_numbers[place], self._standins[number]
                self._gone.append(number)

        self._standins[number] = ref(standin, gone)
        return standin

    def _lose(self, number: int) -> None:
        held = self._standins.pop(number)
        del self._standin_numbers[id(held[0])]
        self._gone.append(number)
