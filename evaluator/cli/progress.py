"""What is seen of a command while it lasts, on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol

from .terminal import say

LINE_EVERY = 10.0
BAR_EVERY = 0.1


class Progress(Protocol):
    """A context manager that is told of every step."""

    def __enter__(self) -> Progress: ...

    def __exit__(self, *_: object) -> None: ...

    def update(self, share: float, describe: Callable[[], str]) -> None:
        """``share``: how much of the input is done, in bytes on disk, 0 to 1."""
        ...


def progress(*, quiet: bool, beginning: str = "starting the workers") -> Progress:
    if quiet:
        return Silence()
    return Bar(beginning) if sys.stderr.isatty() else LinesNowAndThen()


class Silence:
    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, share: float, describe: Callable[[], str]) -> None:
        pass


class LinesNowAndThen(Silence):
    def __enter__(self) -> LinesNowAndThen:
        self._next = time.monotonic() + LINE_EVERY
        return self

    def update(self, share: float, describe: Callable[[], str]) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LINE_EVERY
            say(f"{share:4.0%}  {describe()}")


class Bar(Silence):
    def __init__(self, beginning: str) -> None:
        self._beginning = beginning

    def __enter__(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._beginning, total=1.0)
        self._next = 0.0
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, share: float, describe: Callable[[], str]) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + BAR_EVERY
            self._bar.update(self._task, completed=share, description=describe())
