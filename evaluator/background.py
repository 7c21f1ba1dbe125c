"""An event loop in a thread of its own, for callers that have none, or one that they must not block.

Threads do not survive ``fork``: in the child there is neither the thread nor anybody to answer. So `Background` knows
the process it belongs to, and begins anew in every other one that uses it (a worker of torch's DataLoader, of
multiprocessing), with an object of that process alone. What it has of its parent it leaves alone: closing a copy of the
parent's event loop would change what the parent waits for.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

import uvloop

S = TypeVar("S", bound=AbstractAsyncContextManager[Any])
T = TypeVar("T")


class Background(Generic[S]):
    """``open``, then ``submit`` and ``do`` from any thread, then ``close``; and again, if need be.

    ``make`` gives what is entered and used there. The object can be pickled if ``make`` can; open ones are open where
    they are unpickled, too.
    """

    def __init__(self, name: str, make: Callable[[], S]) -> None:
        make()  # says at once what is wrong with its options
        self._name = name
        self._make = make
        self._opened = False
        self._prepare()

    def _prepare(self) -> None:
        self._lock = threading.Lock()
        self._running: _Running[S] | None = None
        _all.add(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"_name": self._name, "_make": self._make, "_opened": self._opened}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def open(self) -> None:
        """Raises RuntimeError where it is open, and whatever entering raises."""
        with self._lock:
            if self._opened:
                raise RuntimeError(f"{self._name} is open already: enter it once")
            self._run()
            self._opened = True

    @property
    def used(self) -> S:
        """What is used there. Raises RuntimeError where it is not open."""
        return self._here().used

    def submit(self, work: Callable[[S], Coroutine[Any, Any, T]]) -> Future[T]:
        """Raises RuntimeError where it is not open."""
        running = self._here()
        return running.submit(work(running.used))

    def do(self, work: Callable[[S], Coroutine[Any, Any, T]]) -> T:
        """Its result. An interrupt while waiting cancels it."""
        return _result(self.submit(work))

    def stream(self, work: Callable[[S], AsyncGenerator[T, None]]) -> Iterator[T]:
        """What it gives, each when it is asked for. Raises RuntimeError where it is not open."""
        running = self._here()
        items = work(running.used)

        async def following() -> tuple[T, ...]:
            async for item in items:
                return (item,)
            return ()

        try:
            while found := _result(running.submit(following())):
                yield from found
        finally:
            _result(running.submit(items.aclose()))

    def close(self) -> None:
        """What still runs is cancelled: threads that wait for it get concurrent.futures.CancelledError."""
        with self._lock:
            running, self._running, self._opened = self._running, None, False
        if running is not None:
            self._forgotten.detach()
            running.close()

    def leave_to_parent(self) -> None:
        """In a child: what runs belongs to its parent."""
        if self._running is not None:
            self._forgotten.detach()
            _left.append(self._running)
        self._prepare()

    def _here(self) -> _Running[S]:
        with self._lock:
            if not self._opened:
                raise RuntimeError(f"{self._name} is not started: use it as `with ... as name:`")
            return self._running or self._run()  # in a child: its own

    def _run(self) -> _Running[S]:
        running = self._running = _Running(self._name, self._make)
        self._forgotten = weakref.finalize(self, running.abandon)
        self._forgotten.atexit = False
        return running


_all: weakref.WeakSet[Background[Any]] = weakref.WeakSet()
_left: list[_Running[Any]] = []
"""Of the parent: kept, so that nothing closes it."""


def _begin_anew() -> None:
    """In a child, which has one thread."""
    for each in [*_all]:
        each.leave_to_parent()


os.register_at_fork(after_in_child=_begin_anew)


class _Loop(uvloop.Loop):
    """Looks up addresses in threads of Python. Those of libuv would be waited for at the exit of a forked child, which
    does not have them: it would crash."""

    async def getaddrinfo(self, host: Any, port: Any, **how: Any) -> Any:
        return await self.run_in_executor(None, functools.partial(socket.getaddrinfo, host, port, **how))


class _Running(Generic[S]):
    """The loop and its thread, with what is used there."""

    def __init__(self, name: str, make: Callable[[], S]) -> None:
        self._loop = _Loop()
        self._thread = threading.Thread(target=self._turn, name=name, daemon=True)
        self._thread.start()
        try:
            self.used = make()
            _result(self.submit(self.used.__aenter__()))
        except BaseException:
            self._stop()
            raise

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if not self._thread.is_alive():
            work.close()
            raise RuntimeError(f"{self._thread.name} was closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        try:
            _result(self.submit(self._leave()))
        finally:
            self._stop()

    def abandon(self) -> None:
        """Nobody can close it any more. Waits for nothing."""
        self.submit(self._leave()).add_done_callback(lambda _: self._loop.stop())

    def _turn(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _leave(self) -> None:
        await self.used.__aexit__(None, None, None)

    def _stop(self) -> None:
        _result(self.submit(_cancel_others()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _result(future: Future[T]) -> T:
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
