"""What is seen of a run while it lasts, on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from .summary import Tally
from .terminal import say

LINE_EVERY = 10.0
BAR_EVERY = 0.1


class Progress(Protocol):
    """A context manager that is told of every report."""

    def __enter__(self) -> Progress: ...

    def __exit__(self, *_: object) -> None: ...

    def update(self, tally: Tally, share: float) -> None:
        """``share``: how much of the input has been judged, in bytes on disk, 0 to 1."""
        ...


def progress(*, quiet: bool) -> Progress:
    if quiet:
        return Silence()
    return Bar() if sys.stderr.isatty() else LinesNowAndThen()


class Silence:
    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, tally: Tally, share: float) -> None:
        pass


class LinesNowAndThen(Silence):
    def __enter__(self) -> LinesNowAndThen:
        self._next = time.monotonic() + LINE_EVERY
        return self

    def update(self, tally: Tally, share: float) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LINE_EVERY
            say(f"{share:4.0%}  {describe(tally)}")


class Bar(Silence):
    def __enter__(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("starting the workers", total=1.0)
        self._next = 0.0
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, tally: Tally, share: float) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + BAR_EVERY
            self._bar.update(self._task, completed=share, description=describe(tally))


def describe(tally: Tally) -> str:
    counts = ", ".join(f"{count:,} {status}" for status, count in tally.verdicts.most_common(3))
    return f"{tally.programs:,} programs  {tally.rate:,.1f}/s  {counts}"
