"""The program's side: does what the test asks for.

All that this process says it could say whatever its program is; nothing is decided here.
"""

from __future__ import annotations

import sys
from builtins import (  # noqa: UP029
    BaseException,
    Exception,
    MemoryError,
    RecursionError,
    dict,
    isinstance,
    len,
    list,
    set,
    tuple,
    type,
)
from collections.abc import Callable
from typing import Any, NoReturn

from .awaiting import awaited
from .classes import Special
from .names import NAMED, place_of, shared
from .operations import OPERATIONS, Operation
from .output import Captured
from .peer import NOT_HANDED_OVER, TOO_DEEP, Peer
from .wire import Closed

PATIENCE = 0.05
"""Seconds that a thread waits for its turn before it looks whether any will come."""


MANY = 1000
"""Items of an answer."""


class Owner(Peer):
    mine, theirs, other = "p", "t", "the test"

    def __init__(self, scope: dict[str, Any], fd: int, classes: frozenset[str] = frozenset()) -> None:
        super().__init__(fd, scope, classes)
        self._scope = scope
        self._idle = False
        """Waits for a question."""
        self._captured = Captured()
        self._originals: dict[tuple[str, str], list[Any]] = {}
        """Of what the test has patched: the value, or nothing."""
        self._operations: dict[str, Operation] = {
            **OPERATIONS,
            "global": self._global,
            "define": self._define,
            "defined": lambda: [*self._scope],
            "scope": lambda: self._scope,
            **self.awaiting.operations(),
            "python": self._python,
        }

    def serve_all(self) -> None:
        """Until the test is done."""
        self._captured.begin()
        try:
            self.send({"ready": True})
            while True:
                with self.lock:
                    self._idle = True
                    message = self.receive()
                    self._idle = False
                self.serve(message)
        except Closed:
            pass
        finally:
            self._captured.end()
            for place in [*self._originals]:
                self._patch(*place)

    def ask(self, operation: str, *given: Any, keywords: dict[str, Any] | None = None) -> Any:
        told = False
        while not self.lock.acquire(timeout=PATIENCE):
            if self._idle and not told:  # the test asks for nothing, and so answers nothing
                self.wire.send({"ask": "cannot", "of": ["a thread of the program that waits for the test"]})
                told = True
        try:
            return super().ask(operation, *given, keywords=keywords)
        finally:
            self.lock.release()

    def let_go(self) -> None:
        """Of everything, so that nothing but the program's own is left for the end of its process."""
        self._standins.clear()
        for part in (self.classes, self.things, self.surroundings, self.wire, self._captured, self):
            part.__dict__.clear()

    def fail(self, error: BaseException) -> None:
        """The program's module has failed with this exception."""
        try:
            self.send({"raised": self.told(error)})
        except Closed:
            pass

    def operation(self, name: Any, given: list[Any]) -> Operation:
        return self._operations[name]

    def told(self, value: Any) -> Any:
        if type(value) in (dict, list, set, tuple) and len(value) > MANY:  # which takes the time of the program
            self.wire.send({"busy": True})
        return super().told(value)

    def request(self, message: dict[str, Any]) -> Any:
        return self._heard(super().request, message)

    def understand(self, message: dict[str, Any], part: str) -> Any:
        return self._heard(super().understand, message, part)

    def receive(self) -> dict[str, Any]:
        return self._heard(self._receive)

    def _receive(self) -> dict[str, Any]:
        message = super().receive()
        for module, name, *value in message.get("patches", ()):
            self._patch(module, name, *([self.decode(part) for part in held] for held in value))
        return message

    def _heard(self, what: Callable[..., Any], *given: Any) -> Any:
        """What the test says is true: where it cannot be made here, that is no doing of the program."""
        try:
            return what(*given)
        except (Closed, MemoryError):
            raise
        except RecursionError:
            self.cannot(TOO_DEEP)
        except Exception as error:
            self.cannot(f"{NOT_HANDED_OVER}: {type(error).__name__}: {error}")

    def passes(self, error: BaseException) -> bool:
        return isinstance(error, Closed | MemoryError)

    def place(self, value: Any) -> tuple[str, str] | None:
        if type(value) not in NAMED and not isinstance(value, type):
            return None
        place = place_of(value)
        if place is None or place in self.handed:
            return place
        return place if isinstance(value, type) and shared(value, place[0]) else None

    def known(self, module: str, name: str) -> Any:
        self.handed.add((module, name))
        self._module(module)
        return super().known(module, name)

    def send(self, message: dict[str, Any]) -> None:
        self._captured.write(message)
        super().send(message)

    def special(self, name: str, kind: str) -> Any:
        return awaited(self) if name == "__await__" else Special(self, name)

    def says(self, name: str) -> bool:
        return name.startswith("__")

    def get(self, thing: Any, name: str) -> Any:
        return self.ask("get", thing, name)

    def cannot(self, what: str) -> NoReturn:
        """The test is told, and ends."""
        self.wire.send({"ask": "cannot", "of": [what]})
        raise Closed

    def _patch(self, module: str, name: str, value: Any = None) -> None:
        """An attribute of a module becomes what the list holds. An empty one: it is taken away; None: it becomes again
        what it was."""
        try:
            target = self._module(module)
        except ImportError:  # only the test has it
            return
        self._originals.setdefault((module, name), [vars(target)[name]] if name in vars(target) else [])
        if value is None:
            value = self._originals.pop((module, name))
        if value:
            setattr(target, name, value[0])
        elif name in vars(target):
            delattr(target, name)

    # -- what only a program is asked for

    def _global(self, name: str) -> Any:
        if name not in self._scope:
            raise NameError(f"name {name!r} is not defined")
        return self._scope[name]

    def _define(self, name: str, *value: Any) -> None:
        """What the program calls so becomes this, or nothing."""
        if value:
            self._scope[name] = value[0]
        else:
            del self._scope[name]

    def _python(self, module: str, name: str, /, *args: Any, **keywords: Any) -> None:
        """Have a function of Python do here what it did there."""
        getattr(self._module(module), name)(*args, **keywords)

    def _module(self, name: str) -> Any:
        return sys.modules.get(name) or __import__(name, fromlist=("",))


def serve(scope: dict[str, Any], fd: int, classes: frozenset[str] = frozenset()) -> None:
    """Until the test is done. ``scope``: of the program's module, which has run; ``classes``: those that the prelude
    defines, ``objects.classes_in``."""
    owner = Owner(scope, fd, classes)
    owner.serve_all()
    owner.let_go()


def fail(error: BaseException, fd: int) -> None:
    """Tell the test that the program's module has failed with this exception."""
    Owner({}, fd).fail(error)
