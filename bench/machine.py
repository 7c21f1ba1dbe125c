"""What machine and what software numbers come from; no names of hosts, people or folders."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

_ABSOLUTE = re.compile(r"(?<![\w.…])/(?:[^\s/'\"]+/)*(?=[^\s/'\"])")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    cpu: str
    cores_of_machine: int
    cores_used: int
    memory_gib: float
    kernel: str
    python: str
    load_before: tuple[float, float, float]
    """Load averages: what else ran here."""


def machine() -> Machine:
    return Machine(
        cpu=_cpu(),
        cores_of_machine=os.cpu_count() or 1,
        cores_used=len(os.sched_getaffinity(0)),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        load_before=os.getloadavg(),
    )


def command_line(module: str, arguments: Sequence[str] | None = None) -> str:
    """The command, with absolute paths cut to their last part."""
    words = sys.argv[1:] if arguments is None else arguments
    return " ".join(["python -m", module, *map(without_folders, words)])


def without_folders(text: str) -> str:
    """The text with every absolute path cut to its last part."""
    return _ABSOLUTE.sub("…/", text)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
