"""Programs that bring scripts of a shell to be built and run by: validators of problem packages, never submissions.

A package may count on a shell and its tools, and on ``python3``, ``cc`` and ``c++``. So the jail shows what is
installed on the host (``/usr``), read-only, and its folders hold files that can be executed. Otherwise it is that of a
compiler.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property

from ..errors import ToolchainFailed
from ..jails.base import Mount
from ..kinds import Kind
from ..limits import MIB, Limits
from ..protocol import Command
from .base import COMPILER_STACK, Language, Program, Recipe
from .toolchain import ask, real

BUILD, RUN = "build", "run"
"""Which script comes first; the names of the languages, too."""
OUTPUT = ".built.tar"
_ABLE = "chmod -R u+x ./*"
_BUILT = f"{_ABLE} && ./build >&2 && test -f run && {_ABLE} && tar -cf {OUTPUT} ./*"
_START = {BUILD: f'tar -xf {OUTPUT} && exec ./run "$@"', RUN: f'{_ABLE} && exec ./run "$@"'}
_ENVIRONMENT = (("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/tmp"))


class Scripts(Language):
    """``source`` is the script called ``name``; the other one, and whatever they need, are files beside it."""

    smallest = b"#!/bin/sh\nprintf '#!/bin/sh\\n' >run\n"

    def __init__(self, name: str) -> None:
        self.name = name

    def missing(self) -> str | None:
        lacking = [name for name in ("sh", "tar", "chmod") if not real(name)]
        return f"no {', '.join(lacking)}: apt-get install coreutils dash tar" if lacking else None

    def version(self) -> str:
        found: list[str] = []
        for tool in ("cc", "c++", "python3", "java", "make"):
            try:
                found.append(ask(tool, "--version").partition("\n")[0])
            except ToolchainFailed:
                found.append(f"no {tool}")
        return " ".join(found)

    @cached_property
    def _kind(self) -> Kind:
        mounts = [Mount("bind", "/usr", "/usr")]
        for place in ("/bin", "/sbin", "/lib", "/lib64"):
            if os.path.islink(place):
                mounts.append(Mount("symlink", place, os.readlink(place)))
            elif os.path.isdir(place):
                mounts.append(Mount("bind", place, place))
        shown = [place for place in ("/etc/alternatives", "/etc/ld.so.cache") if os.path.exists(place)]
        mounts += [Mount("bind", place, place) for place in shown]
        return Kind("scripts", "processes", tuple(mounts), _ENVIRONMENT, tmpfs=128 * MIB, executables=True)

    def _command(self, script: str, *, stack: int | None = None) -> Command:
        shell = real("sh")
        assert shell is not None
        return Command(["sh", "-c", script, RUN], shell, dict(_ENVIRONMENT), address_space=False, stack=stack)

    def recipe(self, source: bytes, files: Mapping[str, bytes]) -> Recipe | None:
        if self.name == RUN:
            return None
        return Recipe(self._kind, self._command(_BUILT, stack=COMPILER_STACK), {**files, BUILD: source}, OUTPUT)

    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        found = {**files, RUN: source} if self.name == RUN else {OUTPUT: built}
        return Program(self._kind, b"", self._command(_START[self.name]), found)
