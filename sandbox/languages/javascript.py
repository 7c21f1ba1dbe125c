"""JavaScript by Node.js, run as it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from ..kinds import Kind
from ..limits import MIB, Limits
from ..protocol import Command
from .base import Language, Program, names_streams
from .toolchain import ask, libraries, real, shown

_FILE = "main.js"
_STACK = 64 * MIB
"""Of every thread, also those that node starts for itself; an eighth of the memory where that is less."""


class JavaScript(Language):
    name = "javascript"
    tags = ("js", "node", "nodejs", "mjs", "cjs", "es", "ecmascript")
    starts_at_main = False

    def missing(self) -> str | None:
        return None if real("node") else "no node: apt-get install nodejs"

    def version(self) -> str:
        return ask(self._node, "--version").strip()

    @cached_property
    def _node(self) -> str:
        return real("node") or "node"

    @cached_property
    def _kind(self) -> Kind:
        modules = ["/usr/share/nodejs"]  # Debian keeps some of node's own modules there
        mounts = shown(modules, [self._node, *libraries([self._node]), "/etc/ssl/openssl.cnf"])
        return Kind("javascript", "program", mounts)

    def recipe(self, source: bytes, files: Mapping[str, bytes]) -> None:
        return None

    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        heap = max(16, limits.memory // MIB - 32)
        stack = min(_STACK, limits.memory // 8)
        command = Command(
            argv=["node", f"--max-old-space-size={heap}", f"--stack-size={stack * 15 // 16 // 1024}", _FILE],
            executable=self._node,
            address_space=False,
            stack=stack,
            memory_words=["JavaScript heap out of memory"],
            named_streams=names_streams(source, files),
        )
        return Program(self._kind, b"", command, {**files, _FILE: source})
