"""Files that a program brings, and whether they can lie in one folder of a jail."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .limits import MIB

FILES = 256
ENTRIES = 1024
"""Files and folders. Every kind of jail has room for four times as many."""
TOTAL_BYTES = 48 * MIB
"""Of all files. Every kind of jail has room for more (``Kind.tmpfs``)."""
NAME_BYTES = 255
"""Of each part of a name; what Linux takes."""
PATH_BYTES = 1024
DEPTH = 32


def unplaceable(files: Mapping[str, bytes]) -> str | None:
    """Why files with these names, all relative and plain, cannot lie in one folder; None: they can."""
    if len(files) > FILES:
        return f"{len(files)} files, more than {FILES}"
    if (total := sum(map(len, files.values()))) > TOTAL_BYTES:
        return f"files of {total} bytes, more than {TOTAL_BYTES}"
    folders: dict[str, str] = {}
    for name in files:
        try:
            path = name.encode()
        except UnicodeEncodeError:
            return f"the name of a file is not Unicode text: {name!r}"
        if len(path) > PATH_BYTES or any(len(part) > NAME_BYTES for part in path.split(b"/")):
            return f"the name of a file is too long: {name[:64]!r}…"
        if name.count("/") >= DEPTH:
            return f"more than {DEPTH} folders in each other: {name[:64]!r}…"
        at = name.find("/")
        while at >= 0:
            folders.setdefault(name[:at], name)
            at = name.find("/", at + 1)
    if (entries := len(files) + len(folders)) > ENTRIES:
        return f"{entries} files and folders, more than {ENTRIES}"
    for name in files:
        if name in folders:
            return f"{name!r} cannot be a file and the folder of {folders[name]!r}"
    return None


def check_names(names: Collection[str], field: str) -> None:
    """Raises ValueError for the name of a file that would not lie in the program's folder. Too many, and those that are
    too long, lie nowhere (``unplaceable``)."""
    if len(names) > FILES:
        return
    for name in names:
        if len(name) > PATH_BYTES:
            continue
        if name.startswith("/") or any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
            raise ValueError(f"{field}: not a plain relative name: {name!r}")
