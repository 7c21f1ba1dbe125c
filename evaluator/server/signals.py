"""What signals ask of a process of the server. Between them and a process that has something to leave stands only this.

SIGTERM, SIGINT   to end in order; the second one, to end at once
SIGHUP            to read the tokens again; where there is no file of them, to end in order
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Generator
from types import FrameType

ONE_BLOW = 0.02
"""Seconds within which two signals are one: `timeout` and terminals send both the process and its group one."""
AT_ONCE = 5
"""Seconds after which a process that should end at once does, whatever it is at."""


class Signals:
    """Handlers do no more than note what is asked; ``notice``, called by them, has it looked at."""

    def __init__(self) -> None:
        self.end = False
        """To end in order."""
        self.at_once: int | None = None
        """The signal that asked to end at once."""
        self._reload = False
        self._asked_at = 0.0
        self._notice: Callable[[], object] = lambda: None

    @property
    def exit_code(self) -> int:
        """What a process says that has ended because of them."""
        return 0 if self.at_once is None else 128 + self.at_once

    def reload(self) -> bool:
        """Whether the tokens are to be read again. Asked once, said once."""
        wanted, self._reload = self._reload, False
        return wanted

    @contextlib.contextmanager
    def watched(self, notice: Callable[[], object]) -> Generator[None]:
        """Within, ``notice`` is called in the main thread when there is something to look at; now, if there is."""
        self._notice = notice
        try:
            if self.end or self._reload:
                notice()
            yield
        finally:
            self._notice = lambda: None

    def of_server(self, *, reloads: bool) -> None:
        """Take the signals of a server that has been started by somebody, from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end_or_at_once)
        if reloads:
            signal.signal(signal.SIGHUP, self._read_again)
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(signal.SIGHUP, self._in_order)

    def of_engine(self) -> None:
        """Take those of an engine process. Its supervisor asks by SIGTERM for an end in order, and by SIGINT for one at
        once; what others send to all processes of the server changes nothing of it."""
        signal.signal(signal.SIGTERM, self._in_order)
        signal.signal(signal.SIGINT, self._now)
        signal.signal(signal.SIGHUP, self._nothing)

    def _end_or_at_once(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.end:
            self._asked_at = now
            self._in_order(number, frame)
        elif now - self._asked_at > ONE_BLOW:
            self._now(number, frame)

    def _in_order(self, number: int, frame: FrameType | None) -> None:
        self.end = True
        self._notice()

    def _now(self, number: int, frame: FrameType | None) -> None:
        if self.at_once is None:
            self.at_once = number
            signal.signal(signal.SIGALRM, self._exit)
            signal.alarm(AT_ONCE)
        self._in_order(number, frame)

    def _exit(self, number: int, frame: FrameType | None) -> None:
        os._exit(self.exit_code)

    def _nothing(self, number: int, frame: FrameType | None) -> None:
        pass  # and no child inherits that, as it would inherit that a signal is ignored

    def _read_again(self, number: int, frame: FrameType | None) -> None:
        self._reload = True
        self._notice()
