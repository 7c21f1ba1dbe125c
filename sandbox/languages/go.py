"""Go, linked statically. The standard library is compiled once, ahead, on the host."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from ..jails.base import Mount
from ..kinds import NATIVE, Kind
from ..limits import MIB, Limits
from ..protocol import Command
from ..temporary import TemporaryFolder
from .base import COMPILER_STACK, Language, Program, Recipe, names_streams, path_of
from .cache import folder
from .toolchain import ask, inside, libraries, real, shown

OUTPUT = "program"
_FILE = "main.go"
_FLAGS = ("build", "-trimpath", "-ldflags=-s -w", "-o", OUTPUT)
_AHEAD = (
    "bufio", "bytes", "cmp", "container/heap", "container/list", "container/ring", "encoding/json", "errors", "fmt",
    "io", "iter", "maps", "math", "math/big", "math/bits", "math/cmplx", "math/rand", "os", "regexp", "slices", "sort",
    "strconv", "strings", "sync", "sync/atomic", "text/tabwriter", "text/template", "time", "unicode", "unicode/utf8",
)  # fmt: skip


class Go(Language):
    name = "go"
    tags = ("golang",)
    smallest = b"package main\nfunc main() {}"

    def missing(self) -> str | None:
        return None if real("go") else "no go: apt-get install golang-go, or from go.dev"

    def version(self) -> str:
        return ask("go", "version").strip()

    @cached_property
    def _root(self) -> str:
        return ask("go", "env", "GOROOT").strip()

    @property
    def _go(self) -> str:
        return f"{self._root}/bin/go"

    @cached_property
    def _compiled(self) -> Path:
        """The folder of the compiled standard library. It exists, so that it can be mounted."""
        place = folder() / "go" / hashlib.sha256(f"{self.version()} {self._root}".encode()).hexdigest()[:24]
        place.mkdir(parents=True, exist_ok=True)
        return place

    def _environment(self, compiled: str) -> dict[str, str]:
        return {
            "GOROOT": self._root,
            "GOCACHE": compiled,
            "GOPATH": "/tmp/go",
            "GOENV": "off",
            "GO111MODULE": "off",
            "GOFLAGS": "",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
            "HOME": "/tmp",
            "GOTMPDIR": "/tmp",
        }

    def prepare(self) -> None:
        done = self._compiled / "done"
        if done.exists():
            return
        has = set(ask(self._go, "list", "std", environment=self._environment(str(self._compiled))).split())
        with TemporaryFolder("build") as work:
            source = Path(work, _FILE)
            imports = "\n".join(f'import _ "{name}"' for name in _AHEAD if name in has)
            source.write_text(f"package main\n{imports}\nfunc main() {{}}\n")
            argv = [self._go, "build", "-trimpath", "-o", f"{work}/{OUTPUT}", str(source)]
            ask(*argv, environment=self._environment(str(self._compiled)) | {"GOTMPDIR": str(work)})
        for path in self._compiled.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        done.touch()

    @cached_property
    def _kind(self) -> Kind:
        root = Path(self._root)
        linked = [path.resolve() for path in (*root.iterdir(), *(root / "pkg").iterdir()) if path.is_symlink()]
        mounts = shown([self._root, *map(str, linked)], libraries([self._go]))
        compiled = Mount("bind", inside(self._compiled), str(self._compiled))
        return Kind("compile go", "processes", (*mounts, compiled), tmpfs=256 * MIB)

    def recipe(self, source: bytes, files: Mapping[str, bytes]) -> Recipe:
        own = _FILE if _FILE not in files else f"own_{_FILE}"
        sources = {**files, own: source}
        command = Command(
            ["go", *_FLAGS, *sorted(path_of(name) for name in sources if name.endswith(".go") and "/" not in name)],
            self._go,
            self._environment(inside(self._compiled)),
            address_space=False,
            stack=COMPILER_STACK // 8,
        )
        return Recipe(self._kind, command, sources, OUTPUT)

    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        command = Command(
            [OUTPUT],
            address_space=False,
            memory_words=["runtime: out of memory", "cannot allocate memory"],
            named_streams=names_streams(source, files),
        )
        return Program(NATIVE, built, command)
