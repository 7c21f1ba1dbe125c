"""What one test may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from .sizes import bytes_of
from .validated import Validated

MIB = 1024 * 1024

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
WallSeconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
ByteCount = Annotated[int, msgspec.Meta(ge=1, le=64 * 1024 * MIB)]
if TYPE_CHECKING:
    Bytes = int
else:
    Bytes = ByteCount | str
"""In a file or a request also text with a unit, see ``bytes_of``. Once it is there it is a number."""
INT_DIGITS = 1_000_000
DigitCount = Annotated[int, msgspec.Meta(ge=640, le=(1 << 31) - 1)]
"""Python has no lower limit than that."""
Count = Annotated[int, msgspec.Meta(ge=1, le=65536)]
SIZES = ("memory", "output", "stderr", "file_size")


class Limits(Validated, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of one test. Every test gets all of it; nothing is shared between tests.

    Processor time is the limit that decides; the clock limits only stop what does not compute.
    """

    cpu_time: Seconds = 10.0
    """Processor seconds of all threads, user and system. Not rounded to whole seconds."""

    idle_time: Seconds | None = None
    """Seconds spent blocked (asleep, waiting for a lock) without using the processor. None: ``max(cpu_time, 2)``.

    Waiting for a processor on a loaded machine does not count, so load does not change verdicts."""

    wall_time: WallSeconds | None = None
    """Backstop in seconds of wall clock. None: ``20 * cpu_time + 10``."""

    memory: Bytes = 1024 * MIB
    """Peak resident bytes, the interpreter included."""

    output: Bytes = 16 * MIB
    """Bytes on standard output, or of the returned value in call mode."""

    stderr: Bytes = 64 << 10
    """Bytes of standard error that are kept: the last ones. Whatever is more is lost, and no verdict."""

    file_size: Bytes = 16 * MIB
    """Bytes of any one file. All files together have 64 MiB in each of the two temporary directories."""

    open_files: Count = 64
    """Descriptors, the three standard ones included."""

    threads: Count = 32
    """Threads of the program. Further processes are never allowed."""

    int_digits: DigitCount = INT_DIGITS
    """Decimal digits of an integer that Python turns into text, and text into. Its own default, 4300, is too few for
    some problems. What more digits cost is processor time of the program."""

    compile_time: Seconds = 10.0
    """Processor seconds for compiling the program and importing what it names."""

    def __post_init__(self) -> None:
        for name in SIZES:
            if isinstance(given := getattr(self, name), str):
                try:
                    msgspec.structs.force_setattr(self, name, bytes_of(given))
                except ValueError as error:
                    raise ValueError(f"Limits.{name}: {error}") from None
        super().__post_init__()

    @property
    def idle_seconds(self) -> float:
        return max(self.cpu_time, 2.0) if self.idle_time is None else self.idle_time

    @property
    def wall_seconds(self) -> float:
        return 20 * self.cpu_time + 10 if self.wall_time is None else self.wall_time
