"""Rust, a single file, linked statically against the C library."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from ..jails.base import Mount
from ..kinds import NATIVE, Kind
from ..limits import MIB, Limits
from ..protocol import Command
from .base import COMPILER_STACK, Language, Program, Recipe, names_streams
from .gcc import PARTS, toolchain_mounts
from .toolchain import ask, libraries, real, shown

FLAGS = ("--edition", "2021", "-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "--color", "never")
OUTPUT = "program"
_FILE = "main.rs"


class Rust(Language):
    name = "rust"
    tags = ("rs", "rustlang")
    smallest = b"fn main() {}"

    def missing(self) -> str | None:
        if not real("rustc"):
            return "no rustc: apt-get install rustc, or rustup"
        return None if real("gcc") else "rustc links with gcc: apt-get install gcc libc6-dev"

    def version(self) -> str:
        return ask(self._rustc, "--version").strip()

    @cached_property
    def _sysroot(self) -> str:
        return ask("rustc", "--print", "sysroot").strip()

    @property
    def _rustc(self) -> str:
        """Not the one on PATH, which may be a stand-in that looks for a home folder."""
        inner = Path(self._sysroot, "bin/rustc")
        return str(inner) if inner.exists() else real("rustc") or "rustc"

    @cached_property
    def _kind(self) -> Kind:
        linker = toolchain_mounts("gcc", PARTS)
        own = shown([f"{self._sysroot}/lib/rustlib"], [self._rustc, *libraries([self._rustc])])
        taken = {mount.target for mount in linker}
        itself = Mount("symlink", "/proc/self/exe", os.path.abspath(self._rustc))  # which older versions look up
        mounts = (*linker, *(mount for mount in own if mount.target not in taken), itself)
        environment = {"LD_LIBRARY_PATH": f"{self._sysroot}/lib", "TMPDIR": "/tmp"}
        return Kind("compile rust", "processes", mounts, tuple(environment.items()), tmpfs=256 * MIB)

    def recipe(self, source: bytes, files: Mapping[str, bytes]) -> Recipe:
        linker = shutil.which("gcc")
        argv = [self._rustc, *FLAGS, "-C", f"linker={linker}", "--sysroot", self._sysroot, "-o", OUTPUT, _FILE]
        return Recipe(
            self._kind,
            Command(argv, os.path.abspath(self._rustc), stack=COMPILER_STACK),
            {**files, _FILE: source},
            OUTPUT,
        )

    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        words = ["memory allocation of"]
        return Program(NATIVE, built, Command([OUTPUT], named_streams=names_streams(source, files), memory_words=words))
