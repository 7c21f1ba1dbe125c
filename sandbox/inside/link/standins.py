"""The test's side: what a test uses of the program stands here for it, and behaves like it.

Nothing that the program's side says is believed beyond what a program could honestly return, and it gets hold of
nothing here but what the test has handed to it. Where a special method of the program would decide a comparison, a
truth value or a hash, or a stand-in cannot do a thing, the test is undecided: that is noted, and raised past every
``except Exception`` of the test.
"""

from __future__ import annotations

import inspect
from builtins import BaseException, Exception, isinstance, type  # noqa: UP029
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn
from weakref import ref

from .awaiting import awaited, is_running
from .classes import Special, forwarded
from .guard import allowed, place_of_target
from .names import ARITHMETIC, DECIDING, DIFFERENCES, NAMED, of_libraries, place_of, shared
from .operations import Operation
from .output import deliver
from .patches import Patches
from .peer import TOO_DEEP, Peer
from .wire import Closed, Garbled

_OF_DIFFERENCES = ("__abs__", "__float__", "__int__", "__index__", "__round__")
_DECIDED = frozenset({*_OF_DIFFERENCES, "__exit__", "__aexit__"})
"""Special methods of which some results are looked at."""
_OF_CLASSES = frozenset("__doc__ __module__ __name__ __qualname__".split())
"""What a stand-in for a class has been told, or was made with."""
_COMPARISONS = ("__eq__", "__ne__")
PLAIN: tuple[Any, ...] = (
    bool,
    bytes,
    bytearray,
    complex,
    dict,
    float,
    frozenset,
    int,
    list,
    range,
    set,
    str,
    tuple,
    type(None),
)
_OF_NOTHING = ("step", "finish", "cancel")
"""What a program may ask for that has to do with a task, which it knows by number."""
_DATA = frozenset(("bytearray", "dict", "list", "set"))
"""Kinds of things that are the same on both sides."""
_SAYING_NO_MORE = frozenset("alive answer ask forget gone new of raised ready state things with".split())
"""Parts of messages."""
PATIENCE = 1.0
"""Seconds that a thread waits for the answer to another's question."""


class Stop(BaseException):
    """Ends a test from inside of a stand-in."""


class Undecided(Stop):
    """These two processes cannot tell what the test would do beside the program."""


class Ended(Stop):
    """The program's process is gone, or does not speak as it should."""


class _TooDeep(BaseException):
    """The interpreter's stack ends here."""


class Link(Peer):
    mine, theirs, other = "t", "p", "the program"

    def __init__(
        self,
        fd: int,
        scope: dict[str, Any] | None = None,
        classes: frozenset[str] = frozenset(),
        named: frozenset[str] | None = None,
    ) -> None:
        """``scope``: where the test has its classes of the prelude; ``classes``: the names of these; ``named``: all
        names that the test's text has, or None for any."""
        super().__init__(fd, {} if scope is None else scope, classes)
        self.undecided: str | None = None
        """Why. It stays, whatever the test makes of it."""
        self.ended: str | None = None
        """What the program was asked for when its process ended."""
        self.garbled: str | None = None
        """What is wrong with what the program's side has said."""
        self.differences = _Differences()
        """What has come of subtracting."""
        self._named = named
        self._doing = "the start of the program"
        self._modules: dict[str, ModuleType] = {}
        self.plain = True
        """Nothing but data has come and gone, for calls of the program's functions: no stand-in had any part in what
        came of the test then."""
        self.unequal = False
        """An object of the program was compared with plain data, and so is not equal to it, whatever it says."""
        self._function: Any = None
        """How the program's side speaks of the class of functions, and the numbers of some."""
        self._functions: set[Any] = set()
        self._patches = Patches(self)
        self._identified: list[Any] = []
        self._awaited = self.awaiting.operations()

    # -- for what runs the test

    def wait_until_ready(self) -> None:
        """Raises what the program's module has raised; Ended."""
        message = self._heard(self.receive)
        if "raised" in message:
            raise self.raised(message)

    def begin(self) -> None:
        """From here on what the test sets in modules is set in the program's process, too."""
        self._patches.begin()
        self.plain = True

    def end(self) -> None:
        self._patches.end()

    def module(self, name: str = "solution") -> ModuleType:
        """Stands for the program's. As ``__main__`` its namespace is its own: code of the test may run there."""
        if name not in self._modules:
            self._modules[name] = _Module(self, name)
        return self._modules[name]

    def run_again(self, module: ModuleType) -> NoReturn:
        """An import, or a reload, wants the program's module."""
        self.cannot("the module of the program, which has run")

    def identity(self, value: Any) -> int:
        """``id``. What the test has asked for once stays the same for good."""
        if self.stands_for(value):
            self._identified.append(value)
        return id(value)

    def close(self) -> None:
        """The test has come to its end, perhaps because what it waited for a thread of the program had yet to do."""
        if self.undecided is None and self.wire.has_message():
            self.undecided = "a thread of the program that uses something of the test while that does something else"
        self.wire.close()

    # -- for stand-ins

    def ask(self, operation: str, *given: Any, keywords: dict[str, Any] | None = None) -> Any:
        self.check()
        if not self.lock.acquire(timeout=PATIENCE):
            self.wire.end()
            self.cannot("several threads of the test that wait for each other")
        try:
            self._doing = _shown(operation, given)
            return self._heard(lambda: super(Link, self).ask(operation, *given, keywords=keywords))
        finally:
            self.lock.release()

    def check(self) -> None:
        if self.undecided is not None:
            raise Undecided(self.undecided)
        if self.ended is not None or self.garbled is not None:
            raise Ended(self.ended or self.garbled)

    def _heard(self, what: Any) -> Any:
        try:
            return what()
        except _TooDeep:
            return self.cannot(TOO_DEEP)
        except Closed:
            if self.undecided is not None:
                raise Undecided(self.undecided) from None
            self.ended = self._doing
            raise Ended(self.ended) from None
        except Garbled as error:
            self.garbled = str(error)
            raise Ended(self.garbled) from None

    def get(self, thing: Any, name: str) -> Any:
        if name in DECIDING or name in ARITHMETIC:
            self.cannot(f"{name} of the program's {type(thing).__name__}")
        if name == "__signature__":
            return self._signature(thing)
        if name == "__dataclass_fields__":
            return self._fields(thing)
        value = self.ask("get", thing, name)
        if of_libraries(name) and not self.is_named(name):
            self.cannot(f"{name} of the program's {type(thing).__name__}")
        return value

    def says(self, name: str) -> bool:
        return name in _OF_CLASSES or name in DECIDING or name in ARITHMETIC or name in _DECIDED

    def cannot(self, what: str) -> NoReturn:
        """The test is undecided."""
        if self.undecided is None:
            self.undecided = what
        raise Undecided(self.undecided)

    def replaced(self, what: str) -> None:
        self.cannot(f"a program that replaces {what}")

    def special(self, name: str, kind: str) -> Any:
        """The special method of a stand-in for an object of the program's class of that name."""
        if name in _COMPARISONS:
            return _comparison(self, name, kind)
        if name in DECIDING:
            return _undecided(self, name, kind)
        if name in ARITHMETIC:
            return _arithmetic(self, name, kind)
        if name in _OF_DIFFERENCES:
            return _of_difference(self, name, kind)
        if name == "__exit__":
            return _exit(self)
        if name == "__aexit__":
            return _aexit(self)
        if name == "__await__":
            return awaited(self)
        return Special(self, name)

    def is_named(self, name: str) -> bool:
        """Whether the test's text has this name."""
        return self._named is None or name in self._named

    # -- as a side of the link

    def send(self, message: dict[str, Any]) -> None:
        self._patches.write(message)
        super().send(message)
        self._look_at(message)

    def operation(self, name: Any, given: list[Any]) -> Operation:
        if name == "cannot":
            return self.cannot
        if type(name) is str and name in self._awaited:
            return self._awaited[name]
        operation, why = allowed(name, given)
        if operation is None:
            self.cannot(why)
        return operation

    def passes(self, error: BaseException) -> bool:
        return isinstance(error, Stop | Closed | Garbled | _TooDeep)

    def request(self, message: dict[str, Any]) -> Any:
        try:
            self._check_target(message)
            return super().request(message)
        except RecursionError:
            raise _TooDeep from None
        except Exception as error:
            raise Garbled(f"a question that cannot be read: {_text(error)}") from None

    def _check_target(self, message: dict[str, Any]) -> None:
        """Only what the test has handed over can be asked for anything. Raises ValueError."""
        if (name := message["ask"]) == "cannot" or name in _OF_NOTHING:
            return
        tag, first, *_ = message["of"][place_of_target(name)]["other"]
        if tag == "member":  # of an enum of the test
            tag, *_ = first["other"]
        if tag != self.mine:
            raise ValueError("something that is not the test's")

    def understand(self, message: dict[str, Any], part: str) -> Any:
        try:
            return super().understand(message, part)
        except RecursionError:
            raise _TooDeep from None
        except Exception as error:
            raise Garbled(f"an answer that cannot be read: {_text(error)}") from None

    def raised(self, message: dict[str, Any]) -> BaseException:
        try:
            error = super().raised(message)
        except ValueError as fault:
            raise Garbled(str(fault)) from None
        if type(error) is RuntimeError and error.args == ("no running event loop",) and is_running():
            self.cannot("a function of the program that needs the test's event loop")
        return error

    def receive(self) -> dict[str, Any]:
        try:
            plain = self.plain
            while "busy" in (message := super().receive()):
                if message != {"busy": True}:
                    raise ValueError("more than that the answer will take its time")
                self.plain = False
            self.plain = plain
            self._look_at(message)
            deliver(message)
        except (Closed, Garbled):
            raise
        except RecursionError:
            raise _TooDeep from None
        except Exception as error:
            raise Garbled(f"a message that cannot be read: {_text(error)}") from None
        return message

    def _look_at(self, message: dict[str, Any]) -> None:
        """Whether it changes what ``plain`` says."""
        match message:
            case {"ask": "global" | "defined"}:
                plain = True
            case {"ask": "special", "of": ["__call__", {"other": [self.theirs, number]}, *_]}:
                plain = number in self._functions
            case {"ask": "python", "of": ["warnings", *_]}:  # as pytest does around each test
                return
            case _:
                plain = "ask" not in message
        for number, told in message.get("new", ()):
            if "class" in told and told["class"]["qualname"] == "function":
                self._function = {"other": [self.theirs, number]}
            elif told.get("of") == self._function:
                self._functions.add(number)
            elif "error" not in told or told["of"]["other"][:2] != ["py", "builtins"]:
                plain = False
        for _, kind, _ in message.get("things", ()):
            plain = plain and kind in _DATA
        self.plain = self.plain and plain and message.keys() <= _SAYING_NO_MORE

    def place(self, value: Any) -> tuple[str, str] | None:
        place = place_of(value) if type(value) in NAMED or isinstance(value, type) else None
        if place is not None:
            self.handed.add(place)
        return place

    def known(self, module: str, name: str) -> Any:
        thing = super().known(module, name)
        if (module, name) in self.handed:
            return thing
        if type(thing) is not type and not isinstance(thing, type):
            raise ValueError(f"{name!r} of {module!r}, which is no class")
        if not shared(thing, module):
            raise ValueError(f"the class {name!r} of {module!r}")
        return thing

    def _signature(self, thing: Any) -> inspect.Signature:
        told = self.ask("parameters", thing)
        if told is None:
            raise AttributeError("__signature__")
        empty = inspect.Parameter.empty
        *parameters, (_, _, _, returned) = told
        kinds: Any = type(inspect.Parameter.VAR_KEYWORD)
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    kinds(kind),
                    default=default[0] if default else empty,
                    annotation=annotation[0] if annotation else empty,
                )
                for name, kind, default, annotation in parameters
            ],
            return_annotation=returned[0] if returned else empty,
        )

    def _fields(self, thing: Any) -> dict[str, Any]:
        import dataclasses as module

        dataclasses: Any = module
        told = self.ask("fields", thing)
        if told is None:
            raise AttributeError("__dataclass_fields__")
        found: dict[str, Any] = {}
        for name, kind, default, factory, flags, which in told:
            field: Any = dataclasses.Field(
                *(part[0] if part else dataclasses.MISSING for part in (default, factory)),
                *flags[:3], flags[3], None, flags[4],
            )  # fmt: skip
            field.name, field.type = name, kind
            field._field_type = {"_FIELD_CLASSVAR": dataclasses._FIELD_CLASSVAR}.get(which, dataclasses._FIELD)
            found[name] = field
        return found


_own: Callable[[ModuleType], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__
_OF_MODULES = frozenset(
    "__class__ __dict__ __loader__ __name__ __package__ __path__ __spec__ __warningregistry__".split()
)
"""What belongs to the module as an import made it."""


class _Module(ModuleType):
    """Stands for the program's module: has what it has."""

    def __init__(self, link: Link, name: str) -> None:
        super().__init__(name)
        _own(self)["__link__"] = link

    def __getattribute__(self, name: str) -> Any:
        link: Link = _own(self)["__link__"]
        if name == "__dict__" and super().__getattribute__("__name__") != "__main__":
            return link.ask("scope")
        if name in _OF_MODULES:
            return super().__getattribute__(name)
        try:
            if name == "__path__":  # it is no package
                raise NameError(name)
            return link.ask("global", name)
        except NameError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OF_MODULES:
            return super().__setattr__(name, value)
        return _own(self)["__link__"].ask("define", name, value)

    def __delattr__(self, name: str) -> None:
        _own(self)["__link__"].ask("define", name)

    def __dir__(self) -> Any:
        return [*_own(self)["__link__"].ask("defined")]


def _undecided(link: Link, name: str, kind: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        link.cannot(f"{name} of the program's {kind}")

    method.__name__ = method.__qualname__ = name
    return method


def _comparison(link: Link, name: str, kind: str) -> Any:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, PLAIN) and not link.is_named(kind):
            link.unequal = link.unequal or other is not None
            return NotImplemented
        return link.cannot(f"{name} of the program's {kind}")

    method.__name__ = method.__qualname__ = name
    return method


def _arithmetic(link: Link, name: str, kind: str) -> Any:
    """The program is told the other operand, so it could answer what fits: no number may come of a difference, nor of
    what is plain. What is itself an object of the program's shows later what it is."""

    def method(self: Any, other: Any, *more: Any) -> Any:
        value = link.ask("special", name, self, other, *more)
        told = value is not NotImplemented and not link.stands_for(value)
        if told and (name in DIFFERENCES or not link.stands_for(other)):
            link.cannot(f"{name} of the program's {kind}")
        if name in DIFFERENCES:
            link.differences.add(value)
        return value

    method.__name__ = method.__qualname__ = name
    return method


def _of_difference(link: Link, name: str, kind: str) -> Any:
    """How large a difference is."""
    forward = forwarded(link, name)

    def method(self: Any, *args: Any) -> Any:
        if self in link.differences:
            link.cannot(f"{name} of the program's {kind}")
        return forward(self, *args)

    method.__name__ = method.__qualname__ = name
    return method


class _Differences:
    """Of objects of the program."""

    def __init__(self) -> None:
        self._held: dict[int, Any] = {}

    def add(self, value: Any) -> None:
        try:
            self._held[id(value)] = ref(value)
        except TypeError:
            pass

    def __contains__(self, value: Any) -> bool:
        held = self._held.get(id(value))
        return held is not None and held() is value


def _exit(link: Link) -> Any:
    def __exit__(self: Any, kind: Any, error: Any, trace: Any) -> Any:  # noqa: N807
        value = link.ask("special", "__exit__", self, kind, error, None)
        if kind is not None and value:
            link.cannot("an exception that the program's __exit__ swallows")
        return value

    return __exit__


def _aexit(link: Link) -> Any:
    async def __aexit__(self: Any, kind: Any, error: Any, trace: Any) -> Any:  # noqa: N807
        value = await link.ask("special", "__aexit__", self, kind, error, None)
        if kind is not None and value:
            link.cannot("an exception that the program's __aexit__ swallows")
        return value

    return __aexit__


def _shown(operation: str, given: tuple[Any, ...]) -> str:
    """What the test asks the program for, in a few words."""
    match operation:
        case "call":
            return "a call"
        case "special":
            return "a call" if given[0] == "__call__" else f"{given[0]}"
        case "get" | "set" | "del":
            return f"the use of an attribute {given[1]!r}"
        case "global" | "define":
            return f"the use of {given[0]}"
        case "start" | "step" | "finish" | "cancel":
            return "an await"
        case "copy" | "deepcopy":
            return f"copy.{operation}"
        case _:
            return "a question of the test"


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except Exception:
        return type(error).__name__
