"""Modules of this package that only some test processes need. Until one does, each is its code in one piece: a fork
copies some pages of it instead of thousands of objects, and what it imports is not there."""

from __future__ import annotations

import marshal
import os
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType


class Late:
    """Some of them. Within it they can be imported; before and after, programs do not find them among the modules."""

    def __init__(self, *names: str) -> None:
        """Those that others import come first."""
        self._codes: list[tuple[str, str, bytes]] = []
        for name in names:
            path = os.path.join(os.path.dirname(__file__), f"{name}.py")
            name = f"{__package__}.{name}"
            self._codes.append((name, path, marshal.dumps(SourceFileLoader(name, path).get_code(name))))
        self._modules: dict[str, ModuleType] = {}
        self._shown: list[str] = []

    def __enter__(self) -> None:
        if not self._modules:
            for name, path, code in self._codes:
                module = self._modules[name] = ModuleType(name)
                module.__dict__.update(__package__=__package__, __file__=path)
                self._show(name)
                exec(marshal.loads(code), module.__dict__)
        else:
            for name in self._modules:
                self._show(name)

    def __exit__(self, *_: object) -> None:
        for name in self._shown:
            del sys.modules[name]
        self._shown.clear()

    def _show(self, name: str) -> None:
        if name not in sys.modules:  # as one that the zygote holds
            sys.modules[name] = self._modules[name]
            self._shown.append(name)
