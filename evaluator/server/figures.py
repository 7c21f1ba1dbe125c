"""Where the engine processes of a server keep what Prometheus collects: files that any of them reads for all.

prometheus-client maps them into memory, so a disk that is full would end the process at the next figure (SIGBUS). Their
space is taken before the engines start. A file belongs to an engine, whichever process that is: counts go on.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from prometheus_client import values

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
KINDS = ("counter", "histogram", "gauge_livesum")
SIZE = 1 << 18
"""Bytes of a file; labels have closed sets of values, which take a fifth of it."""


class Figures:
    """Of the supervisor. Raises OSError where there is no space for them."""

    def __init__(self, folder: Path, engines: int) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
        try:
            for engine in range(engines):
                for kind in KINDS:
                    with self._file(kind, engine).open("wb") as file:
                        os.posix_fallocate(file.fileno(), 0, SIZE)
        except OSError:
            for file in folder.iterdir():
                file.unlink()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """Of an engine process."""
        return {VARIABLE: str(self._folder)}

    def forget(self, engine: int) -> None:
        """Its process ended: counters go on, but what it had at the moment does not."""
        with contextlib.suppress(OSError), self._file("gauge_livesum", engine).open("r+b") as file:
            file.write(bytes(8))  # how many bytes of it are in use

    def _file(self, kind: str, engine: int) -> Path:
        return self._folder / f"{kind}_{engine}.db"


def count_as(engine: int) -> bool:
    """Before the first figure of this process. False where the engine counts for itself."""
    if VARIABLE not in os.environ:
        return False
    library: Any = values
    library.ValueClass = library.MultiProcessValue(lambda: engine)
    return True
