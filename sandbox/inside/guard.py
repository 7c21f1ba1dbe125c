"""Keeps what a program has written from running in the process of a test.

Both share the folders that programs may write to. A module that lies there is not imported, wherever ``sys.path``
leads; text that the test came by is not executed, nor does a pickle find more than data. The interpreter tells of each
such thing before it is done, and nothing that runs in the process can have it tell no more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

PICKLED = {
    "builtins": {"bytearray", "complex", "frozenset", "object", "range", "set", "slice"},
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "copyreg": {"_reconstructor"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
}
"""What a pickle may name, by module: what makes data, and does nothing else."""
WRITING = frozenset(("_pytest", "attr", "attrs", "collections", "dataclasses", "unittest"))
"""Packages that execute text of their own making."""
TEXT = "a test that executes a text of its own"
OWN = __name__.partition(".")[0]
IMPORTING = frozenset(("_frozen_importlib", "_frozen_importlib_external", "importlib", "zipimport"))

Refuse = Callable[[str], object]


def watch(folders: tuple[str, ...], refuse: Refuse) -> None:
    """From now on, for ever. ``refuse`` is told what is not to be done, and raises."""
    guard = Guard(folders)
    looks: dict[str, Callable[..., str | None]] = {
        "ctypes.dlopen": guard.load,
        "exec": guard.execute,
        "import": guard.load_extension,
        "marshal.loads": guard.read_code,
        "pickle.find_class": guard.find,
    }

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        look = looks.get(event)
        if look is not None and (words := look(*arguments)) is not None:
            refuse(words)

    sys.addaudithook(hook)


class Guard:
    """Says what is wrong with a thing that is about to be done; None: nothing."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        self._folders = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)

    def execute(self, code: CodeType) -> str | None:
        file, who = code.co_filename, _caller()
        if self._writable(file):
            return f"a test that executes {file}, which the program may have written"
        if who in IMPORTING:
            return None if os.path.isabs(file) or file.startswith("<frozen ") else TEXT
        return None if who in WRITING or who == OWN or _imports() else TEXT

    def load(self, file: object) -> str | None:
        wrong = isinstance(file, str | bytes) and self._writable(os.fsdecode(file))
        return f"a test that loads {file!r}, which the program may have written" if wrong else None

    def load_extension(self, _: str, file: object, *__: object) -> str | None:
        return self.load(file)

    def read_code(self, _: object) -> str | None:
        return None if _caller() in IMPORTING else "a test that reads marshalled code"

    def find(self, module: str, name: str) -> str | None:
        return None if name in PICKLED.get(module, ()) else f"a test that unpickles {module}.{name}"

    def _writable(self, file: str) -> bool:
        return os.path.isabs(file) and os.path.realpath(file).startswith(self._folders)


def _caller() -> str:
    """The package that does what the interpreter tells of."""
    return _package(sys._getframe(3))  # pyright: ignore[reportPrivateUsage]


def _imports() -> bool:
    """Whether a module that is being imported does it, not the test itself."""
    frame: FrameType | None = sys._getframe(3)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and _package(frame) != OWN and not frame.f_code.co_filename.startswith("<test"):
        if _package(frame) in IMPORTING:
            return True
        frame = frame.f_back
    return False


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
