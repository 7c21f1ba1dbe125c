"""What was started and then dropped: it is closed when it is collected, on the event loop that it lives on."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Sequence
from typing import Any, Protocol

from ..sandbox.closing import Closing, close_all


class Part(Closing, Protocol):
    """Of what was dropped."""

    def kill(self) -> None:
        """End its processes now. From any thread; nothing is waited for, and ``close`` or ``bury`` follows."""
        ...

    def bury(self) -> None:
        """As ``close``, where the event loop has ended."""
        ...


def when_dropped(owner: object, parts: Sequence[Part]) -> weakref.finalize[..., Any]:
    """To be detached when the owner is closed. The list may grow until then. At the exit of the interpreter there is
    nothing to do: jails end with the process that holds their sockets."""
    finalizer = weakref.finalize(owner, _end, os.getpid(), asyncio.get_running_loop(), parts)
    finalizer.atexit = False
    return finalizer


_closing: set[asyncio.Task[None]] = set()


def _end(process: int, loop: asyncio.AbstractEventLoop, parts: Sequence[Part]) -> None:
    if os.getpid() != process:  # a copy, in a forked child
        return
    for part in parts:
        part.kill()
    try:
        loop.call_soon_threadsafe(_close_soon, parts)
    except RuntimeError:  # it has ended
        for part in parts:
            part.bury()


def _close_soon(parts: Sequence[Part]) -> None:
    task = asyncio.get_running_loop().create_task(close_all(parts))
    _closing.add(task)
    task.add_done_callback(_closing.discard)
