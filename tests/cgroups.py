"""Cgroups of a test's own, for processes that are to meet a limit of the host.

Needs the right to make them: root, and a hierarchy with the controller (version 1, or 2 where it can be delegated).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

_FILES = {"memory": ("memory.limit_in_bytes", "memory.max"), "pids": ("pids.max", "pids.max")}
"""By controller: the file of the limit in version 1, and in version 2."""
_NO_SWAP = ("memory.swappiness", "memory.swap.max")
_serial = itertools.count()


class Cgroups:
    """One for each controller that is limited."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self.version = 2 if (folders[0] / "cgroup.controllers").exists() else 1

    def start(self, command: Sequence[str], **options: object) -> subprocess.Popen[str]:
        """A process that is in them from its first instruction on."""
        enter = "".join(f"echo $$ > {folder}/cgroup.procs && " for folder in self.folders)
        shell = ["sh", "-c", f'{enter}exec "$@"', "sh", *command]
        return subprocess.Popen(shell, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload]

    def count(self, file: str, name: str) -> int:
        """A counter: ``name N`` in that file."""
        for folder in self.folders:
            if (path := folder / file).exists():
                return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.split()[0] == name)
        raise FileNotFoundError(file)


@contextlib.contextmanager
def limited(**limits: int) -> Iterator[Cgroups]:
    """Skips the test where there can be none."""
    folders: list[Path] = []
    try:
        for controller, limit in limits.items():
            try:
                folder, file = _make(controller)
                folders.append(folder)
                (folder / file).write_text(str(limit))
                for name in _NO_SWAP:
                    if (folder / name).exists():
                        (folder / name).write_text("0")
            except OSError as error:
                pytest.skip(f"no cgroup with the controller {controller} can be made here: {error}")
        yield Cgroups(folders)
    finally:
        for folder in folders:
            _remove(folder)


def _make(controller: str) -> tuple[Path, str]:
    """A new cgroup below that of this process, and the file of its limit."""
    version_1, version_2 = _FILES[controller]
    name = f"microcoder-test-{os.getpid()}-{next(_serial)}"
    for kind, parent in _places(controller):
        folder = parent / name
        folder.mkdir()
        if (folder / (version_1 if kind == 1 else version_2)).exists():
            return folder, version_1 if kind == 1 else version_2
        folder.rmdir()
        if (
            kind == 2
        ):  # the controller has to be handed down; refused where the parent holds processes and is not the root
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
            folder.mkdir()
            return folder, version_2
    raise OSError("there is no such controller")


def _places(controller: str) -> Iterator[tuple[int, Path]]:
    """(version, folder) of the cgroups of this process that may have the controller."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for _, target, kind, options, *_ in mounts:
            if kind == "cgroup" and controller in controllers.split(",") and controller in options.split(","):
                yield 1, Path(target + path)
            elif kind == "cgroup2" and not controllers:
                available = Path(target + path, "cgroup.controllers")
                if available.exists() and controller in available.read_text().split():
                    yield 2, Path(target + path)


def _remove(folder: Path) -> None:
    """Kills what is left in it."""
    until = time.monotonic() + 10
    while True:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        try:
            folder.rmdir()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
