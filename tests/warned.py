"""What processes are warned of and through whose fault: all warnings are shown there, and recorded with the calls behind."""

from __future__ import annotations

import builtins
import os
import sys
import warnings
from pathlib import Path

import msgspec


class Frame(msgspec.Struct, frozen=True, array_like=True):
    module: str
    file: str
    line: int

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


class Record(msgspec.Struct, frozen=True):
    category: str
    """Its nearest class that Python itself has; empty for what is logged."""
    message: str
    attributed: str
    """Module that the warning names, which need not be the one that warns; or whose log it is."""
    frames: list[Frame]
    """From the one that warns outwards."""

    def fault(self) -> str | None:
        """Says who is warned by whom, of what, and the line of ours behind it; None where that is not to be mended here.

        The standard library stands between others, and warns for itself: its frames are left out. Then the innermost
        frame is the one that warns, and the next one of another package the one that is warned. What pyproject.toml
        ignores is not to be mended, unless the one that is warned is ours.
        """
        frames = [frame for frame in self.frames if frame.package not in sys.stdlib_module_names]
        if not frames or (not self.category and self.attributed.partition(".")[0] == "microcoder"):
            return None  # of nobody's call, or a log of ours
        by = frames[0]
        to = next((frame for frame in frames if frame.package != by.package), by)
        if by.package == "microcoder":
            name, to = "Python", by
        elif to.package != "microcoder" and self._ignored(by):
            return None
        else:
            name = by.module
        ours = next(
            (f"{frame.file}:{frame.line}" for frame in frames if frame.package == "microcoder"), "no line of ours"
        )
        return f"{name} to {to.module}:{to.line}: {self.category or 'log'}: {self.message} (below {ours})"

    def _ignored(self, by: Frame) -> bool:
        """By the filters that pytest has set from pyproject.toml."""
        if not self.category:
            return False
        try:
            warnings.warn_explicit(
                self.message, getattr(builtins, self.category), by.file, by.line, self.attributed or by.module
            )
        except Warning:
            return False
        return True


class Warned:
    """Processes that are started with ``environ`` record their warnings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = [str(Path(__file__).parent / "recorder"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environ = {"PYTHONPATH": os.pathsep.join(path), "MICROCODER_TEST_WARNINGS": str(folder)}

    def faults(self) -> list[str]:
        """Each once. Fails where no process could have shown a warning until its end."""
        lines = [line for path in self._folder.glob("*.jsonl") for line in path.read_bytes().splitlines()]
        records = [msgspec.json.decode(line, type=Record) for line in lines]
        assert any(record.message == "the recorder ends" for record in records), "warnings were hidden, or not recorded"
        return sorted({fault for record in records if (fault := record.fault())})

    def check(self) -> None:
        """Fails with the faults."""
        assert not (found := self.faults()), "\n".join(["", *found])
