"""What belongs to a process, and both sides find alike: environment, working directory, recursion limit."""

from __future__ import annotations

import os
import sys
from os import environ, fsdecode, getcwd
from sys import getrecursionlimit
from typing import Any, cast

_variables: dict[bytes, bytes] = cast("Any", environ)._data
_LEFT_OUT = ("PYTHON", "LD_", "MALLOC_")
"""Variables that say how programs are run."""


class Surroundings:
    def __init__(self) -> None:
        self._data = dict(_variables)
        """As the process has them; comparing these is quick."""
        self._folder = _folder()
        self._depth = getrecursionlimit()

    def write(self, message: dict[str, Any]) -> None:
        """What has changed since."""
        changed: dict[str, Any] = {}
        if self._data != _variables:
            before, self._data = self._data, dict(_variables)
            changed["environment"] = {
                fsdecode(name): None if (value := self._data.get(name)) is None else fsdecode(value)
                for name in before | self._data
                if self._data.get(name) != before.get(name)
            }
        if (folder := _folder()) not in (None, self._folder):
            changed["folder"] = self._folder = folder
        if (depth := getrecursionlimit()) != self._depth:
            changed["depth"] = self._depth = depth
        if changed:
            message["state"] = changed

    def read(self, message: dict[str, Any]) -> None:
        """Raises anything that is an Exception."""
        changed: dict[str, Any] | None = message.get("state")
        if changed is None:
            return
        for name, value in changed.get("environment", {}).items():
            if name.startswith(_LEFT_OUT):
                continue
            if value is None:
                environ.pop(name, None)
            else:
                environ[name] = value
        if "folder" in changed:
            os.chdir(changed["folder"])
        if "depth" in changed:
            sys.setrecursionlimit(changed["depth"])
        self.__init__()


def _folder() -> str | None:
    """None: it is gone."""
    try:
        return getcwd()
    except OSError:
        return None
