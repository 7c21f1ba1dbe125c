"""Measures the code inside the jail: a pytest plugin, for `make test COVERAGE=1` alone.

A trace function could not: programs would run under it, and processes inside the jail end by _exit or are killed. So
tests start jails with a copy of `sandbox/inside` in which every statement, and every way that a branch can go, begins
with an assignment to a byte of a file in memory. The file is mapped, shared, before anything else happens inside: later
it takes no descriptor and no system call, it outlives every process, and nothing of it is in a program.

The product knows nothing of this. What is replaced is replaced here: the folder that the launcher shows as ``/inside``,
and the command of each kind of jail, which gets one descriptor and one argument more.
"""

from __future__ import annotations

import ast
import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest
from coverage.config import DEFAULT_EXCLUDE
from coverage.parser import PythonParser

from microcoder.sandbox import launcher
from microcoder.sandbox.jails import JAILS
from microcoder.sandbox.jails.base import Command, JailSpec

Arcs = set[tuple[int, int]]
"""From line to line, as coverage.py has them; a line below 0 is an entry or an exit."""

_ENTRY = -1
_MAPPED = """
import ctypes, sys
_libc = ctypes.CDLL(None)
_libc.mmap.restype = ctypes.c_void_p
_place = _libc.mmap(None, ctypes.c_size_t({size}), 3, 1, int(sys.argv[3]), ctypes.c_long(0))  # read, write; shared
hits = (ctypes.c_ubyte * {size}).from_address(_place)
"""
"""The end of ``__init__.py`` in the copy."""


class Source:
    """One file, with probes. Probe n of all files together is byte n of the file in memory."""

    def __init__(self, file: Path, depth: int, first: int) -> None:
        self.file = file
        self.probes: list[Arcs] = []
        """What each says when it was passed."""
        self.first = first
        self._parser = PythonParser(text=file.read_text(), exclude="|".join(DEFAULT_EXCLUDE))
        self._parser.parse_source()
        self._exits: dict[int, set[int]] = {}
        for start, end in self._parser.arcs():
            self._exits.setdefault(start, set()).add(end)
        self._told_apart: set[int] = set()
        tree = ast.parse(file.read_text())
        head = [node for node in tree.body[:2] if _stays_first(node)]
        if rest := tree.body[len(head) :]:
            told = self._probe({(_ENTRY, self._line(node)) for node in head})
            tree.body = [*head, *ast.parse(f"from {'.' * depth} import hits as _hits").body, told, *self._block(rest)]
        self.text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        unknown = {line for line, ways in self._parser.exit_counts().items() if ways > 1} - self._told_apart
        if unknown:
            raise ValueError(f"{file}: branches of a kind that has no probes, in lines {sorted(unknown)}")

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for node in body:
            decorators: list[ast.expr] = getattr(node, "decorator_list", [])
            found.append(self._probe({(_ENTRY, self._parser.first_line(each.lineno)) for each in (*decorators, node)}))
            self._inner(node)
            found.append(node)
        return found

    def _inner(self, node: ast.stmt) -> None:
        match node:
            case ast.If() | ast.While():
                self._two_ways(node, self._line(node.test))
            case ast.For() | ast.AsyncFor():
                self._two_ways(node, self._line(node.iter))
            case ast.Match():
                self._cases(node)
            case ast.Try():
                seen: Arcs = set()
                node.body, node.orelse = self._block(node.body), self._block(node.orelse)
                for handler in node.handlers:
                    seen = seen | {(_ENTRY, self._line(handler))}
                    handler.body = [self._probe(seen), *self._block(handler.body)]
                node.finalbody = self._block(node.finalbody)
            case ast.With() | ast.AsyncWith() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                node.body = self._block(node.body)
            case ast.TryStar():
                raise ValueError(f"{self.file}:{node.lineno}: a statement of a kind that has no probes")
            case _:
                pass

    def _two_ways(self, node: ast.If | ast.While | ast.For | ast.AsyncFor, line: int) -> None:
        """The second is an ``else``, which is added where there is none."""
        into = self._line(node.body[0])
        past = {(line, end) for end in self._exits[line] - {into}}
        self._told_apart.add(line)
        node.body = [self._probe({(line, into)}), *self._block(node.body)]
        node.orelse = [self._probe(past), *self._block(node.orelse)]

    def _cases(self, node: ast.Match) -> None:
        lines = [self._line(case.pattern) for case in node.cases]
        self._told_apart |= {*lines}
        tried: Arcs = set()
        for case, line in zip(node.cases, lines, strict=True):
            tried = tried | {(_ENTRY, line)}
            into = self._line(case.body[0])
            case.body = [self._probe(tried | {(line, into)}), *self._block(case.body)]
            tried = tried | {(line, end) for end in self._exits[line] - {into}}
        if tried:
            last = node.cases[-1]
            if last.guard is not None or not isinstance(last.pattern, ast.MatchAs) or last.pattern.pattern is not None:
                node.cases.append(ast.match_case(ast.MatchAs(), None, [self._probe(tried)]))

    def _probe(self, arcs: Arcs) -> ast.stmt:
        self.probes.append(arcs)
        return ast.parse(f"_hits[{self.first + len(self.probes) - 1}] = 1").body[0]

    def _line(self, node: Any) -> int:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        return self._parser.first_line((decorators[0] if decorators else node).lineno)


def _stays_first(node: ast.stmt) -> bool:
    """A docstring, or what says how the file is read."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "__future__"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class Measured:
    """The copy, and what was passed in it by every jail that this process started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "inside"
        self.folder.mkdir()
        self._sources: list[Source] = []
        size = 0
        origin = launcher._INSIDE  # pyright: ignore[reportPrivateUsage]
        for file in sorted(origin.rglob("*.py")):
            place = file.relative_to(origin)
            self._sources.append(Source(file, len(place.parts), size))
            size += len(self._sources[-1].probes)
            (self.folder / place).parent.mkdir(exist_ok=True)
            (self.folder / place).write_text(self._sources[-1].text)
        with (self.folder / "__init__.py").open("a") as init:
            init.write(_MAPPED.format(size=size))
        self.fd = os.memfd_create("hits")
        os.ftruncate(self.fd, size)

    def arcs(self) -> Iterator[tuple[str, Arcs]]:
        for source in self._sources:
            hits = os.pread(self.fd, len(source.probes), source.first)
            passed = (arcs for arcs, hit in zip(source.probes, hits, strict=True) if hit)
            yield str(source.file.resolve()), set().union(*passed)


def _with_hits(command: Callable[[Any, JailSpec], Command], fd: int) -> Callable[[Any, JailSpec], Command]:
    def measured(jail: Any, spec: JailSpec) -> Command:
        made = command(jail, dataclasses.replace(spec, argv=(*spec.argv, str(fd))))
        if jail.name == "nsjail":  # which closes what its config, the first of these files, does not name
            os.write(made.temporary_fds[0], f"\npass_fd: {fd}\n".encode())
        return dataclasses.replace(made, pass_fds=(*made.pass_fds, fd))

    return measured


_measured = pytest.StashKey[Measured]()


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.TemporaryDirectory(prefix="microcoder-inside-")
    config.add_cleanup(folder.cleanup)
    config.stash[_measured] = measured = Measured(Path(folder.name))
    launcher._INSIDE = measured.folder  # pyright: ignore[reportPrivateUsage]
    for kind in JAILS.values():
        kind.command = _with_hits(kind.command, measured.fd)  # pyright: ignore[reportAttributeAccessIssue]


def pytest_unconfigure(config: pytest.Config) -> None:
    running = coverage.Coverage.current()
    assert running is not None, "not started by `coverage run`"
    data = coverage.CoverageData(str(running.get_option("run:data_file")), suffix=f"inside.{os.getpid()}")
    data.add_arcs(dict(config.stash[_measured].arcs()))
    data.write()
