"""Finds what a toolchain is made of on this host, to show exactly that in a jail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ..errors import ToolchainFailed
from ..jails.base import Mount
from ..temporary import TemporaryFolder

_LOADED = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)


def ask(*argv: str, environment: dict[str, str] | None = None) -> str:
    """What a program of the toolchain prints, on both streams. Raises ToolchainFailed."""
    try:
        with TemporaryFolder("build") as folder:  # where one that crashes leaves its log
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=60,
                check=True,
                cwd=folder,
                env={**os.environ, "LC_ALL": "C", "TMPDIR": str(folder), **(environment or {})},
            )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stdout", None) or "").strip()
        raise ToolchainFailed(f"{' '.join(argv)}: {said or error}") from error
    return done.stdout


def real(program: str) -> str | None:
    """The file behind a name on PATH, links followed."""
    found = shutil.which(program)
    return os.path.realpath(found) if found else None


def libraries(programs: Iterable[str]) -> list[str]:
    """Shared libraries of executables and libraries, and the dynamic linker, under the names it looks them up by."""
    found: dict[str, None] = {}
    for program in programs:
        try:
            found |= dict.fromkeys(_LOADED.findall(ask("ldd", program)))
        except ToolchainFailed:
            continue  # a static executable has none
    return list(found)


def inside(folder: Path) -> str:
    """Where the jail shows a folder of the cache: at its own path, unless an empty folder will be above it."""
    hidden = any(folder.is_relative_to(place) for place in ("/tmp", "/work"))
    return f"/cache/{folder.parent.name}-{folder.name}" if hidden else str(folder)


def shown(folders: Iterable[str], files: Iterable[str] = ()) -> tuple[Mount, ...]:
    """Mounts for folders and files at their own paths, read-only; nothing is mounted twice."""
    wanted = sorted({os.path.normpath(folder) for folder in folders if Path(folder).is_dir()})
    outer: list[str] = []
    for folder in wanted:
        if not any(Path(folder).is_relative_to(other) for other in outer):
            outer.append(folder)
    single = sorted({os.path.normpath(file) for file in files if Path(file).is_file()})
    inner = [file for file in single if not any(Path(file).is_relative_to(folder) for folder in outer)]
    return tuple(Mount("bind", path, os.path.realpath(path)) for path in (*outer, *inner))
