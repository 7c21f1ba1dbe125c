"""C and C++ by gcc. Programs are linked statically: their jail needs no file of the host.

``bits/stdc++.h`` is compiled ahead, once for each version of the compiler and set of flags: it is most of the time that
a short program takes to compile (1.6 s without, 0.4 s with).
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

import msgspec

from ..jails.base import Mount
from ..kinds import NATIVE, Kind
from ..limits import MIB, Limits
from ..protocol import Command
from ..temporary import TemporaryFolder
from .base import COMPILER_STACK, Language, Program, Recipe, names_streams, path_of
from .cache import HEADERS, folder
from .toolchain import ask, inside, libraries, real, shown

FLAGS = ("-O2", "-pipe", "-static", "-s", "-DONLINE_JUDGE", "-fmax-errors=10", "-fdiagnostics-color=never")
OUTPUT = "program"
_OWN = ".microcoder"
_HEADERS_UNUSED = 30 * 24 * 3600.0
"""Seconds after which compiled headers that no evaluator has asked for are removed."""
PARTS = ("crt1.o", "libc.a", "libm.a", "libgcc.a", "libgcc_eh.a")
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)
_SYSTEM = re.compile(rb"^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>", re.MULTILINE)
_CLASH = re.compile(
    rb"^/[^\n]*: note: (?:from )?(?:previous|old) declaration [^'\n]*'(?:[^'(\[\n]*\(\* *)?([^'(\[\n]*)", re.MULTILINE
)
"""Of a name of the program with one in a header of the system, in the words of gcc."""
_TYPE = re.compile(rb"\b(?:struct|union|(?:enum\s+)?class|enum)\s+(\w+)")
"""Of C++. A function of the same name hides it, of which gcc says nothing."""
_libc = ctypes.CDLL(None)
_RENAMED = f"{_OWN}/names.h"
_THREADS = b"""
#include <pthread.h>
__attribute__((constructor)) static void set_default_stack_of_threads(void) {
  pthread_attr_t a;
  if (pthread_attr_init(&a)) return;
  pthread_attr_setstacksize(&a, 8 << 20);
  pthread_setattr_default_np(&a);
}
"""
"""Linked into every program: the stack of the main thread may be as large as the memory limit, and without this every
thread would reserve as much."""


class Gcc(Language):
    """One of the two languages in one standard."""

    smallest = b"int main(void) { return 0; }"

    def __init__(self, name: str, standard: str) -> None:
        self.name = name
        self._plus = "++" in standard
        self.tags = ("cpp", "c++", "cc", "cxx", "g++", "gnu++", "cplusplus") if self._plus else ("c", "gcc", "gnu")
        self._driver = "g++" if self._plus else "gcc"
        self._flags = (*FLAGS, f"-std={standard}")
        self._file = "main.cpp" if self._plus else "main.c"

    def missing(self) -> str | None:
        if not real(self._driver):
            return f"no {self._driver}: apt-get install {'g++' if self._plus else 'gcc libc6-dev'}"
        lack = [part for part in self._parts if not Path(_file_of(self._driver, part)).is_file()]
        if lack:
            return f"{self._driver} cannot link statically, it lacks {', '.join(lack)}: install the static libraries"
        return None

    @property
    def _parts(self) -> tuple[str, ...]:
        return (*PARTS, "libstdc++.a") if self._plus else PARTS

    def version(self) -> str:
        return _version(self._driver)

    def prepare(self) -> None:
        place = self._headers
        if place is None or (place / "bits/stdc++.h.gch").exists():
            return
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # without it compiling is slow, not wrong
            _compile_headers(self._driver, [f for f in self._flags if f not in ("-static", "-s")], place)

    @cached_property
    def _headers(self) -> Path | None:
        """The folder of the compiled header. None: there is none, or no room for it."""
        if not self._plus:
            return None
        text = "\0".join((self.version(), real(self._driver) or "", *self._flags))
        place = folder() / HEADERS / hashlib.sha256(text.encode()).hexdigest()[:24]
        return place if _kept(place) else None

    @cached_property
    def _kind(self) -> Kind:
        mounts, place = toolchain_mounts(self._driver, self._parts), self._headers
        headers = () if place is None else (Mount("bind", inside(place), str(place)),)
        return Kind(f"compile {self._driver}", "processes", (*mounts, *headers), tmpfs=128 * MIB)

    def recipe(self, source: bytes, files: Mapping[str, bytes]) -> Recipe:
        driver = shutil.which(self._driver)
        assert driver is not None
        threads = f"{_OWN}/threads.o"
        include = [] if self._headers is None else ["-I", inside(self._headers)]
        if self._headers is not None:
            _kept(self._headers)
        main = self._file if self._file not in files else f"_{self._file}"
        argv = [driver, *self._flags, *include, "-o", OUTPUT, main, threads]
        argv += _further_sources(source, files)
        if not self._plus:
            argv.append("-lm")
        command = Command(argv, driver, {"LC_ALL": "C"}, stack=COMPILER_STACK)
        return Recipe(self._kind, command, {**files, main: source, threads: _threads()}, OUTPUT)

    def another(self, recipe: Recipe, said: bytes) -> Recipe | None:
        """Where the program gives a name to something of its own that a header has taken: with another name.

        Headers declare more than the language says, on every system something else: here those of C++ have all POSIX,
        and a global ``link`` or ``read`` that compiles elsewhere does not."""
        known = recipe.files.get(_RENAMED)
        texts = b"\n".join(recipe.files.values())
        names = {words[-1] for clash in _CLASH.findall(said) if (words := re.findall(rb"\w+", clash))}
        if self._plus:
            names |= {name for name in _TYPE.findall(texts) if hasattr(_libc, name.decode())}
        lines = [b"#define %b %b_of_the_program\n" % (name, name) for name in sorted(names)]
        lines = [line for line in lines if line not in (known or b"")]
        if not lines:
            return None
        argv = recipe.command.argv
        if known is None:  # the names of the headers stay as they are
            headers = dict.fromkeys(_SYSTEM.findall(texts))
            argv = [argv[0], "-include", _RENAMED, *argv[1:]]
            known = b"".join(b"#if __has_include(<%b>)\n#include <%b>\n#endif\n" % (name, name) for name in headers)
        command = msgspec.structs.replace(recipe.command, argv=argv)
        return dataclasses.replace(recipe, command=command, files={**recipe.files, _RENAMED: known + b"".join(lines)})

    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        streams = names_streams(source, files)
        words = ["std::bad_alloc"] if self._plus else []
        return Program(NATIVE, built, Command([OUTPUT], named_streams=streams, memory_words=words))


def _further_sources(source: bytes, files: Mapping[str, bytes]) -> list[str]:
    """Files to be compiled as well: sources that no other file includes."""
    texts = b"\n".join((source, *files.values()))
    included = {name.decode(errors="replace") for name in _INCLUDE.findall(texts)}
    return sorted(
        path_of(name)
        for name in files
        if name.endswith((".c", ".cc", ".cpp", ".cxx", ".c++", ".C")) and name not in included
    )


@cache
def toolchain_mounts(driver: str, parts: tuple[str, ...]):
    """What a compile jail shows: the compiler's programs, headers, and the folders of the libraries that it links."""
    path = shutil.which(driver)
    assert path is not None
    names = ("as", "ld", "collect2", "cc1", "cc1plus", "lto1", "lto-wrapper")
    found = {name: ask(driver, f"-print-prog-name={name}").strip() for name in names}
    programs = [path, *filter(None, map(shutil.which, found.values()))]
    said = ask(driver, "-E", "-v", "-x", "c++" if "++" in driver else "c", "/dev/null")
    listed = re.search(r"#include <\.\.\.> search starts here:\n(.*?)End of search list", said, re.DOTALL)
    headers = [line.strip() for line in listed[1].splitlines()] if listed else []
    linked = [os.path.dirname(_file_of(driver, part)) for part in parts]
    # The linker loads a plugin that lies in one of these: where the libraries are, or beside the programs.
    own = [os.path.dirname(file) for file in (_file_of(driver, "libgcc.a"), found["collect2"]) if os.path.isabs(file)]
    return shown([*headers, *linked, *own], [*programs, *libraries(programs)])


@cache
def _version(driver: str) -> str:
    first = ask(driver, "--version").splitlines()[0]
    return f"{first} {ask(driver, '-dumpmachine').strip()}"


@cache
def _file_of(driver: str, part: str) -> str:
    return os.path.normpath(ask(driver, f"-print-file-name={part}").strip())


@cache
def _threads() -> bytes:
    with TemporaryFolder("build") as place:
        source = Path(place, "threads.c")
        source.write_bytes(_THREADS)
        ask("gcc", "-O2", "-D_GNU_SOURCE", "-c", str(source), "-o", f"{place}/threads.o")
        return Path(place, "threads.o").read_bytes()


def _kept(place: Path) -> bool:
    """Whether there is such a folder, to be mounted. Marks it as used: others will not remove it."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        os.utime(place)
    except OSError:  # another user's, perhaps
        return place.is_dir()
    return True


def _compile_headers(driver: str, flags: list[str], place: Path) -> None:
    """The source is the compiler's own header: nothing here is untrusted."""
    header = re.search(r"^\s*(\S*/bits/stdc\+\+\.h)", _dependencies(driver), re.MULTILINE)
    if header is None:
        return
    wanted = place / "bits/stdc++.h.gch"
    with contextlib.ExitStack() as held:
        lock = held.enter_context((place.parent / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)  # others who want it wait
        if wanted.exists():
            return
        made = held.enter_context(TemporaryFolder("headers", place.parent)) / "stdc++.h.gch"
        argv = [driver, *flags, "-x", "c++-header", os.path.normpath(header[1]), "-o", str(made)]
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            timeout=300,
            env={**os.environ, "LC_ALL": "C", "TMPDIR": str(made.parent)},
        )
        if done.returncode:
            return
        wanted.parent.mkdir(exist_ok=True)
        made.chmod(0o644)
        os.replace(made, wanted)
        for other in place.parent.iterdir():
            if other.is_dir() and other.stat().st_mtime < time.time() - _HEADERS_UNUSED:
                shutil.rmtree(other, ignore_errors=True)


def _dependencies(driver: str) -> str:
    with TemporaryFolder("build") as place:
        source = place / "headers.cpp"
        source.write_bytes(b"#include <bits/stdc++.h>\n")
        return ask(driver, "-M", str(source))
