"""The files of a problem package: read within its directory, or by links within the repository that it lies in.

A repository is the nearest directory around the package with a ``.git`` in it, else the directory that was named when
packages were looked for. What is hidden (a name that begins with a point) is no part of a package, and no link leads
there. No more than `PACKAGE` bytes and `ENTRIES` names of a package are read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import yaml

from .base import Unusable, explain
from .misspelt import fields_within, meant

PACKAGE = 1 << 30
TEXT = 1 << 20
"""Bytes of problem.yaml and the like, of a statement, of a program."""
ENTRIES = 200_000

_CONSTANT = re.compile(r"\{\{([a-zA-Z_][a-zA-Z0-9_]*)\}\}")

S = TypeVar("S", bound=msgspec.Struct)


class Folder:
    """Of one package. What cannot be read raises Unusable, with the file as the field."""

    def __init__(self, path: Path, within: Path | None = None) -> None:
        """``within``: the directory that was named."""
        self.path = path
        self.constants: Mapping[str, Any] = {}
        """Of problem.yaml: what stands for ``{{name}}`` in programs and settings."""
        self._root = path.resolve()
        around = [self._root, *self._root.parents]
        named = [within.resolve()] if within is not None else []
        self._repository = next((each for each in around if (each / ".git").exists()), None)
        if self._repository is None:
            self._repository = next((each for each in named if each in around), self._root)
        self._left = PACKAGE
        self._entries = ENTRIES

    def entries(self, folder: Path) -> list[Path]:
        """What lies in a directory, in the order of names."""
        self._check_inside(folder)
        try:
            found = sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "-")))
        except OSError as error:
            raise Unusable(self.relative(folder), error.strerror or str(error)) from None
        self._entries -= len(found)
        if self._entries < 0:
            raise Unusable(self.relative(folder), f"the package has more than {ENTRIES} files")
        for entry in found:
            if entry.is_dir():
                self._check_inside(entry)
                if entry.is_symlink() and any(entry.samefile(around) for around in entry.parents):
                    raise Unusable(self.relative(entry), "a link to a directory around it")
        return found

    def tree(self, folder: Path, name: str = "") -> Iterator[tuple[str, Path]]:
        """The files in a directory and in those below, by their path there."""
        for entry in self.entries(folder):
            if entry.is_dir():
                yield from self.tree(entry, f"{name}{entry.name}/")
            else:
                yield name + entry.name, entry

    def relative(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()

    # -- texts

    def optional(self, name: str) -> str | None:
        path = self.path / name
        return self.text(path) if path.is_file() else None

    def text(self, path: Path) -> str:
        return self.data(path, TEXT)

    def source(self, path: Path) -> str:
        """The text of a program, with the constants in it."""
        return self._with_constants(self.text(path))

    def yaml(self, name: str, *, constants: bool = False) -> object:
        """What a YAML file holds; an empty object where there is none."""
        text = self.optional(name) or ""
        try:
            return yaml.load(self._with_constants(text) if constants else text, _Loader) or {}
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise Unusable(name, "not YAML that can be read: " + " ".join(str(error).split())) from None

    def settings(self, name: str, kind: type[S], *, constants: bool = False) -> S:
        """The same as one of our types. Keys that it does not know are refused."""
        found = self.yaml(name, constants=constants)
        check_keys(name, found, kind)
        try:
            return msgspec.convert(found, kind, strict=False)
        except msgspec.ValidationError as error:
            told = explain(error, None, (self.path, 0))
            raise Unusable(f"{name}: {told.field}", told.reason) from None

    def data(self, path: Path, most: int | None = None) -> str:
        name = self.relative(path)
        most = PACKAGE if most is None else most
        try:
            self._check_inside(path)
            with open(path, "rb", opener=_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Unusable(name, "not a file")
                content = file.read(min(most, self._left) + 1)
        except FileNotFoundError:
            reason = "a link that leads nowhere" if path.is_symlink() else "missing"
            raise Unusable(name, reason) from None
        except OSError as error:
            raise Unusable(name, error.strerror or str(error)) from None
        if len(content) > most:
            raise Unusable(name, f"larger than {most >> 20} MiB")
        self._left -= len(content)
        if self._left < 0:
            raise Unusable(name, f"the files of the package are larger than {PACKAGE >> 20} MiB together")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise Unusable(name, f"not UTF-8: {error.reason} at byte {error.start}") from None

    # -- within

    def _check_inside(self, path: Path) -> None:
        try:
            place = path.resolve()
        except (OSError, RuntimeError):
            raise Unusable(self.relative(path), "a link that leads nowhere") from None
        if place.is_relative_to(self._root):
            return
        assert self._repository is not None
        if not place.is_relative_to(self._repository):
            raise Unusable(self.relative(path), "a link that leads out of the package, and of its repository")
        if any(part.startswith(".") for part in place.relative_to(self._repository).parts):
            raise Unusable(self.relative(path), "a link that leads to what is hidden")

    def _with_constants(self, text: str) -> str:
        if not self.constants:
            return text
        return _CONSTANT.sub(lambda found: str(self.constants.get(found[1], found[0])), text)


def check_keys(name: str, found: object, kind: type[msgspec.Struct]) -> None:
    """Raises Unusable for a key that the Struct, or one in it, does not have, nor names as ``UNREAD``: these are known
    to change no verdict."""
    if not isinstance(found, dict):
        return
    known = fields_within(kind)
    for key, value in cast("dict[str, object]", found).items():
        if key in getattr(kind, "UNREAD", ()):
            continue
        if key not in known:
            near = meant(str(key), [each for each in known if each not in found])
            raise Unusable(f"{name}: {key}", "there is no such key" + (f"; did you mean {near}?" if near else ""))
        if (within := known[key]) is not None:
            check_keys(f"{name}: {key}", value, within[1])


class _Loader(yaml.SafeLoader):
    """Without aliases, which let a small file stand for a huge one."""

    def compose_node(self, parent: Any, index: int) -> Any:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType]
            raise yaml.YAMLError("aliases are not supported")
        return super().compose_node(parent, index)


def _without_waiting(path: str, flags: int) -> int:
    """A pipe has nothing for us, and is no file anyway."""
    return os.open(path, flags | os.O_NONBLOCK)
