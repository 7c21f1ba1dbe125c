"""Names of files that a program brings, and whether they can lie in one folder of a jail."""

from __future__ import annotations

from collections.abc import Collection

FILES = 256
NAME_BYTES = 255
"""Of each part of a name; what Linux takes."""
PATH_BYTES = 1024
DEPTH = 32


def unplaceable(names: Collection[str]) -> str | None:
    """Why files with these names, all relative and plain, cannot lie in one folder; None: they can."""
    if len(names) > FILES:
        return f"{len(names)} files, more than {FILES}"
    folders: dict[str, str] = {}
    for name in names:
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
    for name in names:
        if name in folders:
            return f"{name!r} cannot be a file and the folder of {folders[name]!r}"
    return None
