"""Files that a test finds in its working folder, and files of it that go back."""

from __future__ import annotations

import os
import stat
import struct

_SIZE = struct.Struct("!q")


def place_files(source: int, files: list[tuple[str, int]], folder: str) -> None:
    """Write each (name, size) from the file that holds them one after the other. The folder is empty before, or holds
    the text of the program, which a file of the same name replaces."""
    place = 0
    for name, size in files:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        copy(source, place, size, file)
        os.close(file)
        place += size


def collect(names: list[str], folder: str, most: int) -> int:
    """A new file: a size for each name, -1 for none, then the bytes. What is no regular file, or too large, counts as
    none."""
    sink = os.memfd_create("collected")
    files = [_open(os.path.join(folder, name)) for name in names]
    left = most - _SIZE.size * len(names)
    sizes: list[int] = []
    for file in files:
        size = -1 if file is None else os.fstat(file).st_size
        size = size if size <= left else -1
        left -= max(size, 0)
        sizes.append(size)
    os.write(sink, b"".join(map(_SIZE.pack, sizes)))
    for file, size in zip(files, sizes, strict=True):
        if file is not None:
            copy(file, 0, max(size, 0), sink)
            os.close(file)
    return sink


def copy(source: int, place: int, size: int, sink: int) -> None:
    """In the kernel: what tests read and write never stands in the runner's memory. Less, when the source ends."""
    end = place + size
    while place < end and (moved := os.sendfile(sink, source, place, end - place)):
        place += moved


def _open(path: str) -> int | None:
    """Never blocks and follows no link, whatever the program left there."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None
