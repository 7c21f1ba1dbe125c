"""The cgroups that this process is in, of version 1 and 2: their limits, what they hold, their counters.

Inside a container the hierarchy may begin at the container's own cgroup; what lies above is then out of sight.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

UNLIMITED = 1 << 60
"""Version 1 says "no limit" by a number that is larger."""


class Cgroup(NamedTuple):
    """One of a controller. The files have other names in each version."""

    version: int
    folder: Path

    def number(self, name: str) -> int | None:
        """The content of a file; None: there is no such file, or no limit."""
        try:
            text = (self.folder / name).read_text().strip()
        except OSError:
            return None
        return int(text) if text.isdigit() and int(text) < UNLIMITED else None

    def table(self, name: str) -> dict[str, int]:
        """A file of lines ``name N``."""
        try:
            lines = (self.folder / name).read_text().splitlines()
        except OSError:
            return {}
        return {key: int(value) for key, _, value in (line.partition(" ") for line in lines) if value.isdigit()}


def cgroups(controller: str, proc: Path = Path("/proc/self")) -> list[Cgroup]:
    """Of this process and above it, innermost first, as far as they can be seen."""
    found: list[Cgroup] = []
    for number, names, path in _memberships(proc):
        for kind, options, root, target in _mounts(proc):
            if number == "0" and not names:
                fits, version = kind == "cgroup2", 2
            else:
                fits, version = kind == "cgroup" and controller in names and controller in options, 1
            if fits:
                found += [Cgroup(version, folder) for folder in _upwards(path, root, target)]
                break
    held = [group for group in found if group.version == 1]
    return held or [group for group in found if controller in _controllers(group.folder)]


def _controllers(folder: Path) -> list[str]:
    try:
        return (folder / "cgroup.controllers").read_text().split()
    except OSError:
        return []


def _memberships(proc: Path) -> Iterator[tuple[str, list[str], str]]:
    """(number of the hierarchy, its controllers, path)"""
    for line in (proc / "cgroup").read_text().splitlines():
        number, names, path = line.split(":", 2)
        yield number, [name for name in names.split(",") if name], path


def _mounts(proc: Path) -> Iterator[tuple[str, list[str], str, str]]:
    """(type, options, which cgroup is mounted, where)"""
    for line in (proc / "mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            _, _, _, root, target, *_ = fields.split(" ")
            yield kind, options.split(","), root, target


def _upwards(path: str, root: str, target: str) -> Iterator[Path]:
    """The folders from that of the path up to the mount. A path beside the mounted cgroup is not to be seen."""
    below = os.path.relpath(path, root)
    beside = ".." in Path(path).parts or ".." in Path(below).parts
    folder = Path(target) if beside else Path(target, below)
    while True:
        yield folder
        if folder == Path(target):
            return
        folder = folder.parent
