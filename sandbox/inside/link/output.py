"""What a program prints, on its way to the test's standard output and error."""

from __future__ import annotations

import sys
from builtins import Exception, getattr
from io import BytesIO, TextIOWrapper
from typing import Any

NAMES = ("stdout", "stderr")


class Stream(TextIOWrapper):
    """Keeps what is written until it is taken."""

    def __init__(self, name: str, like: Any) -> None:
        self._bytes = BytesIO()
        super().__init__(self._bytes, "utf-8", "backslashreplace", newline="\n", write_through=True)
        self.mode = "w"  # pyright: ignore[reportAttributeAccessIssue]
        self._name = name
        self._like = like

    @property
    def name(self) -> str:
        return f"<{self._name}>"

    def fileno(self) -> int:
        return self._like.fileno()

    def isatty(self) -> bool:
        return False

    def take(self) -> str:
        self.flush()
        text = self._bytes.getvalue()
        if text:
            self._bytes.seek(0)
            self._bytes.truncate()
        return text.decode("utf-8", "backslashreplace")


class Captured:
    """The program's streams, from the time on that the test runs."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._before: dict[str, Any] = {}

    def begin(self) -> None:
        for name in NAMES:
            before = getattr(sys, name)
            try:
                before.flush()
            except Exception:
                pass
            self._before[name] = before
            self._streams[name] = stream = Stream(name, before)
            setattr(sys, name, stream)

    def write(self, message: dict[str, Any]) -> None:
        """What has been printed since the last message."""
        for name, stream in self._streams.items():
            try:
                text = stream.take()
            except ValueError:  # the program has closed it
                continue
            if text:
                message.setdefault("output", []).append([name, text])

    def end(self) -> None:
        """What comes from here on is in nobody's way."""
        rest: dict[str, Any] = {}
        self.write(rest)
        for name, stream in self._streams.items():
            if getattr(sys, name) is stream:
                setattr(sys, name, self._before[name])
        for name, text in rest.get("output", ()):
            try:
                self._before[name].write(text)
            except Exception:
                pass


def deliver(message: dict[str, Any]) -> None:
    """To whatever the test's standard output is now."""
    for name, text in message.get("output", ()):
        if name not in NAMES or type(text) is not str:
            raise ValueError("output of no stream")
        try:
            getattr(sys, name).write(text)
        except Exception:  # closed, or an encoding without these characters
            continue
