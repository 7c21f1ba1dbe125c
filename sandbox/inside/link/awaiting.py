"""Coroutines of one side that the other awaits: each runs in an event loop of its own side, a bit at a time.

Who awaits starts a task there, and asks again and again whether it is done; meanwhile the tasks of its own loop go on.
So what both sides do at the same time takes the time of the longest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .peer import Peer

PATIENCE = 0.002
"""Seconds that one question waits for the end of a task."""
OPERATIONS = ("start", "step", "finish", "cancel")


class Awaiting:
    """The tasks of one side that the other has started."""

    def __init__(self) -> None:
        self._loop: Any = None
        """Where no other is running."""
        self._tasks: dict[int, Any] = {}
        self._next = 0

    def operations(self) -> dict[str, Callable[..., Any]]:
        return {name: getattr(self, name) for name in OPERATIONS}

    def start(self, awaitable: Any) -> int:
        async def awaited() -> Any:
            return await awaitable

        number, self._next = self._next, self._next + 1
        self._tasks[number] = (_running() or self._own()).create_task(awaited())
        return number

    def step(self, number: int, patience: float) -> bool:
        """Whether it is done, after so many seconds at most."""
        import asyncio

        task = self._tasks[number]
        if not task.done() and _running() is None:
            self._own().run_until_complete(asyncio.wait({task}, timeout=patience))
        return task.done()

    def finish(self, number: int) -> Any:
        return self._tasks.pop(number).result()

    def cancel(self, number: int) -> None:
        self._tasks[number].cancel()

    def _own(self) -> Any:
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop


def _running() -> Any:
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def is_running() -> bool:
    return "asyncio" in sys.modules and _running() is not None


def steps(peer: Peer, awaitable: Any) -> Generator[Any, Any, Any]:
    """What awaits it on this side."""
    number = peer.ask("start", awaitable)
    patience = 0.0
    cancelled: BaseException | None = None
    while not peer.ask("step", number, patience):
        patience = PATIENCE
        try:
            yield
        except BaseException as error:
            if cancelled is not None:
                raise
            cancelled = error
            peer.ask("cancel", number)
    return peer.ask("finish", number)


def awaited(peer: Peer) -> Callable[[Any], Generator[Any, Any, Any]]:
    """The ``__await__`` of stand-ins."""

    def __await__(self: Any) -> Generator[Any, Any, Any]:  # noqa: N807
        return steps(peer, self)

    return __await__


async def coroutine() -> None:
    """One of no content."""


_SHOWN = {"cr_await": None, "cr_code": coroutine.__code__, "cr_frame": None, "cr_running": False}
"""What an event loop looks at to tell of a coroutine."""


def of_coroutines(peer: Peer, local: frozenset[str]) -> dict[str, Any]:
    """What a stand-in for a coroutine has besides, for who drives it without ``await``."""
    names = local | _SHOWN.keys() | {"send", "throw", "close"}

    def __getattribute__(self: Any, name: str) -> Any:  # noqa: N807
        return object.__getattribute__(self, name) if name in names else peer.get(self, name)

    def begun(self: Any) -> Generator[Any, Any, Any]:
        own: dict[str, Any] = object.__getattribute__(self, "__dict__")
        return own.setdefault("steps", None) or own.update(steps=steps(peer, self)) or own["steps"]

    def send(self: Any, value: Any) -> Any:
        return begun(self).send(value)

    def throw(self: Any, *error: Any) -> Any:
        return begun(self).throw(*error)

    def close(self: Any) -> None:
        if object.__getattribute__(self, "__dict__").get("steps") is None:
            return peer.get(self, "close")()
        return begun(self).close()

    return {
        **_SHOWN,
        "__getattribute__": __getattribute__, "send": send, "throw": throw, "close": close,
        "__await__": awaited(peer),
    }  # fmt: skip
