"""Python by PyPy, run as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property

import msgspec

from ..kinds import Kind
from ..limits import Limits
from ..protocol import Command
from .base import Language, Program, names_streams
from .toolchain import ask, libraries, real, shown

_FILE = "main.py"
_LAYOUT = "import sys, sysconfig, json; print(json.dumps([sysconfig.get_path('stdlib'), sys.version]))"
_ALONE = "-I"
"""It looks at nothing of the host's user. Programs are started without, which would also hide the hash seed."""
_ARGUMENTS = ("-s", "-S", "-B")


class PyPy(Language):
    name = "pypy"
    tags = ("python", "py", "cpython", "ipython", "sage")
    starts_at_main = False

    def missing(self) -> str | None:
        return None if real("pypy3") else "no pypy3: apt-get install pypy3, or from pypy.org"

    def version(self) -> str:
        return " ".join(self._layout[1].split())

    @cached_property
    def _pypy(self) -> str:
        return real("pypy3") or "pypy3"

    @cached_property
    def _layout(self) -> tuple[str, str]:
        """Folder of the standard library, version."""
        return msgspec.json.decode(ask(self._pypy, _ALONE, *_ARGUMENTS, "-c", _LAYOUT), type=tuple[str, str])

    @cached_property
    def _kind(self) -> Kind:
        beside = os.path.dirname(self._pypy)
        own = [name for name in os.listdir(beside) if name.startswith("libpypy")]
        loaded = [self._pypy, *(f"{beside}/{name}" for name in own)]
        environment = (("LD_LIBRARY_PATH", beside),)
        return Kind("pypy", "program", shown([self._layout[0]], [*loaded, *libraries(loaded)]), environment)

    def recipe(self, source: bytes, files: Mapping[str, bytes]) -> None:
        return None

    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        command = Command(
            argv=[self._pypy, *_ARGUMENTS, _FILE],
            executable=self._pypy,
            environment={"PYTHONHASHSEED": "0", "PYTHONINTMAXSTRDIGITS": str(limits.int_digits)},
            memory_words=["MemoryError"],
            named_streams=names_streams(source, files),
        )
        return Program(self._kind, b"", command, {**files, _FILE: source})
