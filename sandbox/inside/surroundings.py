"""What every test process finds, made ready once in the runner and inherited."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Sequence
from copy import copy
from importlib.machinery import SourceFileLoader
from types import FunctionType
from typing import Any

from .compiler import SOURCE
from .kernel import Filter

FRAMES = 8
"""Python frames of this package that a program's first one stands on."""
HIGHEST = 2**31 - 1
"""Recursion limit that an interpreter takes."""


class Surroundings:
    """Of the tests; also restored between the tests of a lane."""

    def __init__(self, folders: tuple[str, str], program_filter: Filter, code: int) -> None:
        self.folders = folders
        """Where programs may write: the working directory, and /tmp."""
        self.program_filter = program_filter
        self.code = code
        """Descriptor of the file that the compiler leaves its code in."""
        stream = sys.__stdin__
        assert stream is not None
        self.encoding, self.errors = stream.encoding, stream.errors or "strict"
        self.recursion_limit = sys.getrecursionlimit()
        _leave_out_our_frames()
        self.int_digits = sys.get_int_max_str_digits()
        self.library = [*sys.path]
        """Where modules are found that no program has written."""
        self.path = [folders[0], *sys.path]
        self.argv = [os.path.join(folders[0], SOURCE)]
        self.loader = SourceFileLoader("__main__", self.argv[0])

    def of_tests(self, path: Sequence[str]) -> Surroundings:
        """Of processes that import from these folders, too, and from none that a program may write to."""
        found = copy(self)
        found.library = found.path = [*self.library, *path]
        return found

    def restore(self) -> None:
        sys.setrecursionlimit(self.recursion_limit)
        sys.set_int_max_str_digits(self.int_digits)
        sys.path[:] = self.path
        sys.argv[:] = self.argv

    def allow_digits(self, most: int) -> None:
        """Of integers that become text, or text that becomes one."""
        self.int_digits = most
        sys.set_int_max_str_digits(most)


def _leave_out_our_frames() -> None:
    """Programs recurse as deep as elsewhere under any limit that they set, although they stand on frames of ours."""
    get, put = sys.getrecursionlimit, sys.setrecursionlimit

    def getrecursionlimit() -> int:
        return get() - FRAMES

    def setrecursionlimit(limit: Any, /) -> None:
        put(limit + FRAMES if isinstance(limit, int) and 0 < limit <= HIGHEST - FRAMES else limit)

    # With names of their own: what sys holds is the last to go, and so would be all that this module imports.
    both = getrecursionlimit, setrecursionlimit
    scope = {name: globals()[name] for each in both for name in each.__code__.co_names if name in globals()}
    scope |= {"__builtins__": builtins, "__name__": "sys"}
    sys.getrecursionlimit, sys.setrecursionlimit = (
        FunctionType(each.__code__, scope, each.__name__, None, each.__closure__) for each in both
    )
