"""What tests wait for: events that can be seen from outside, and never a time that a busy machine may need more of.

    until, wait_until     something has become true: asked again and again
    TELLS, running        a program has started: it says so itself, on its standard error, which is a file of its own
    HELD, let_go, finish  such a program, which then waits for a signal from here; so it runs exactly as long as a test
                          needs it

They work as root and as an ordinary user, for they ask /proc about processes that are the user's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import psutil

from microcoder.evaluator import Evaluator

T = TypeVar("T")

SECONDS = 120.0
"""What has not come by then will not come. pytest gives a test more."""
TURN = 0.01

TELLS = "import sys\nprint('running', file=sys.stderr, flush=True)\n"
"""A part of a program: where it stands, the program tells that it has come so far."""
HELD = (
    "import signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
    f"{TELLS}signal.sigwait([signal.SIGUSR1])\n"
)
"""The beginning of a program that tells that it runs, and goes on when it is let go."""
PATIENT: dict[str, Any] = {"idle_time": 600.0, "wall_time": 600.0}
"""Limits under which a program that is held may be so for as long as a test takes."""


async def until(seen: Callable[[], T]) -> T:
    """What ``seen`` returns, once that is true. Raises AssertionError when it never is."""
    end = time.monotonic() + SECONDS
    while not (found := seen()):
        assert time.monotonic() < end, f"not seen in {SECONDS:.0f} seconds"
        await asyncio.sleep(TURN)
    return found


def wait_until(seen: Callable[[], T]) -> T:
    """``until`` for tests without an event loop."""
    end = time.monotonic() + SECONDS
    while not (found := seen()):
        assert time.monotonic() < end, f"not seen in {SECONDS:.0f} seconds"
        time.sleep(TURN)
    return found


def running(*pids: int) -> list[psutil.Process]:
    """Test processes below these processes whose programs have told that they run."""
    return [process for pid in pids for process in descendants(pid) if _has_told(process.pid)]


def running_in(evaluator: Evaluator) -> list[psutil.Process]:
    return running(*evaluator.pool.pids())


def descendants(pid: int) -> list[psutil.Process]:
    """Parents come before their children."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _has_told(pid: int) -> bool:
    errors = f"/proc/{pid}/fd/2"
    try:
        return os.readlink(errors).startswith("/memfd:stderr ") and os.stat(errors).st_size > 0
    except OSError:  # it has ended
        return False


def let_go(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGUSR1)


async def finish(judging: asyncio.Future[T], evaluator: Evaluator) -> T:
    """What comes of judging programs that are held: let go, as often as they are run again."""
    while not judging.done():
        let_go(running_in(evaluator))
        await asyncio.sleep(TURN)
    return await judging
