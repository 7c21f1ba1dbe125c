"""One computation for all who wait for its result, which is remembered for those who ask later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from .bounded import ENTRY, Bounded

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Shared(Generic[K, T]):
    """``await shared.result(key, compute)``: equal keys at the same time are one computation.

    Any of those who wait may give up, and the computation goes on for the others. It is cancelled when nobody waits
    any more; the last to give up sees it end. What it raises is told to all who wait, and not remembered. When it is
    cancelled from here (``cancel``, ``close``) all who wait get CancelledError.

    remembered  results kept, those that were asked for last; 0: none
    worth       whether a result is to be remembered
    size        bytes of a result, of which at most ``most`` are remembered together; a larger one is not
    pack        makes of a result what is remembered of it, ``unpack`` the result again
    """

    def __init__(
        self,
        remembered: int = 0,
        *,
        worth: Callable[[T], bool] | None = None,
        size: Callable[[Any], int] | None = None,
        most: int = 0,
        pack: Callable[[T], Any] = lambda result: result,
        unpack: Callable[[Any], T] = lambda kept: kept,
    ) -> None:
        self.remembered = remembered
        self._worth = worth
        self._size = size
        self._pack, self._unpack = pack, unpack
        self._results: Bounded[K, Any] = Bounded(most, remembered)
        self._running: dict[K, _Computation[T]] = {}
        """Those that may be joined."""
        self._tasks: set[asyncio.Task[T]] = set()
        """These, and those that were cancelled and have not ended yet."""
        self._alone: set[_Alone] = set()

    def __contains__(self, key: K) -> bool:
        """Whether its result is remembered."""
        return key in self._results

    def __len__(self) -> int:
        """Results that are remembered."""
        return len(self._results)

    @property
    def bytes(self) -> int:
        """Of results that are remembered."""
        return self._results.bytes

    @property
    def running(self) -> int:
        """Computations that somebody waits for."""
        return len(self._running) + len(self._alone)

    async def result(self, key: K, compute: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What is remembered, what comes of the computation that is under way, or what comes of a new one."""
        if key in self._results:
            return self._unpack(self._results.get(key))
        computation = self._running.get(key) or self._start(key, compute)
        task, waiting = computation.task, computation.waiting
        waiter = asyncio.get_running_loop().create_future()
        waiting.add(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if len(waiting) == 1 and not task.done() and self._leave(key, computation):
                task.cancel()
                await asyncio.wait((task,))
            raise
        finally:
            waiting.discard(waiter)
        if computation.cancelled:  # whatever it made of that
            raise asyncio.CancelledError
        return task.result()

    async def alone(self, computation: Coroutine[Any, Any, T]) -> T:
        """What comes of one that nobody else can ask for. It needs no task but that of who waits."""
        task = asyncio.current_task()
        assert task is not None  # there is a running loop
        alone = _Alone(task)
        self._alone.add(alone)
        try:
            return await computation
        finally:
            self._alone.discard(alone)
            if alone.ended is not None:  # cancelled from here; who waits was not
                alone.ended.set_result(None)
                task.uncancel()
                raise asyncio.CancelledError

    def forget(self) -> None:
        """All results. What is under way goes on."""
        self._results.clear()

    def cancel(self) -> None:
        """All that is under way. Results stay."""
        for computation in self._running.values():
            computation.cancelled = True
            computation.task.cancel()
        self._running.clear()
        for alone in self._alone:
            alone.cancel()

    async def close(self) -> None:
        """Cancel what is under way, forget what is remembered, and wait until nothing is left. May be used again."""
        self.cancel()
        if left := {*self._tasks, *(alone.ended for alone in self._alone if alone.ended is not None)}:
            await asyncio.wait(left)
        self.forget()

    def _start(self, key: K, compute: Callable[[], Coroutine[Any, Any, T]]) -> _Computation[T]:
        task = asyncio.create_task(compute())
        computation = self._running[key] = _Computation(task)
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._done(key, computation))
        return computation

    def _done(self, key: K, computation: _Computation[T]) -> None:
        task = computation.task
        self._tasks.discard(task)
        for waiter in computation.waiting:
            if not waiter.done():
                waiter.set_result(None)
        if task.cancelled() or task.exception() is not None:  # who waits is told; perhaps nobody does
            self._leave(key, computation)
        elif self._leave(key, computation) and self.remembered and (self._worth is None or self._worth(task.result())):
            self._remember(key, task.result())

    def _remember(self, key: K, result: T) -> None:
        kept = self._pack(result)
        size = self._size(kept) if self._size else -ENTRY
        if size <= self._results.most:
            self._results[key] = kept, size

    def _leave(self, key: K, computation: _Computation[T]) -> bool:
        """Nobody can join it any more. Whether that was possible until now."""
        if self._running.get(key) is not computation:
            return False
        del self._running[key]
        return True


class _Computation(Generic[T]):
    def __init__(self, task: asyncio.Task[T]) -> None:
        self.task = task
        self.waiting: set[asyncio.Future[None]] = set()
        """One for each who waits, to be told that it has ended."""
        self.cancelled = False
        """All at once, not because nobody waited."""


class _Alone:
    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.ended: asyncio.Future[None] | None = None
        """Since it was cancelled."""

    def cancel(self) -> None:
        if self.ended is None:
            self.ended = asyncio.get_running_loop().create_future()
            self.task.cancel()
