"""Modules of this package that few test processes need. Until one does, each is its code in one piece: a fork copies
some pages of it instead of thousands of objects, and what it imports is not there."""

from __future__ import annotations

import marshal
import os
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any


class Late:
    """One of them, to be loaded at most once in a process. Programs do not find it among the modules."""

    def __init__(self, *names: str) -> None:
        """The last of these, which imports those before."""
        self._codes: list[tuple[str, str, bytes]] = []
        for name in names:
            path = os.path.join(os.path.dirname(__file__), f"{name}.py")
            name = f"{__package__}.{name}"
            self._codes.append((name, path, marshal.dumps(SourceFileLoader(name, path).get_code(name))))
        self._module: Any = None

    def load(self) -> Any:
        """The module."""
        if self._module is None:
            for name, path, code in self._codes:
                self._module = sys.modules[name] = ModuleType(name)
                self._module.__dict__.update(__package__=__package__, __file__=path)
                exec(marshal.loads(code), self._module.__dict__)
            for name, _, _ in self._codes:
                del sys.modules[name]
        return self._module
