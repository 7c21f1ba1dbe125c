"""What every jail backend is told, and what it answers: a command line. A backend starts nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True)
class Mount:
    """One thing to see inside.

    bind      host file or folder ``source``, read-only
    device    host device node ``source``
    tmpfs     empty, writable, at most ``size`` bytes; nothing in it can be executed, unless it holds ``executables``
    empty     empty folder, read-only
    symlink   link at ``target`` that points to ``source``
    """

    kind: Literal["bind", "device", "tmpfs", "empty", "symlink"]
    target: str
    source: str = ""
    size: int = 0
    executables: bool = False


@dataclass(frozen=True)
class IdMap:
    """User and group ``inside`` the jail's user namespace are ``user`` and ``group`` on the host."""

    inside: int
    user: int
    group: int


@dataclass(frozen=True)
class JailSpec:
    """What to run and what it may see. The same for every backend."""

    argv: tuple[str, ...]
    mounts: tuple[Mount, ...]
    ids: tuple[IdMap, ...]
    """The first entry is who sets the jail up and starts ``argv``."""
    environment: dict[str, str]
    keep_fd: int
    """The one descriptor besides 0, 1, 2 that is open inside."""
    cwd: str = "/"
    open_files: int = 1024
    """Hard limit on descriptors for the runner itself; it lowers its children's."""
    stack: int = 1 << 30
    """Bytes the main thread's stack may grow to. Must be set before the interpreter starts: its address space is
    laid out around it."""


@dataclass(frozen=True)
class Command:
    """How to start the jail. Extra descriptors are passed on by number and may be closed once it runs."""

    argv: tuple[str, ...]
    pass_fds: tuple[int, ...]
    temporary_fds: tuple[int, ...] = ()
    environment: dict[str, str] = field(default_factory=dict[str, str])


class Jail(Protocol):
    """A way to isolate. ``missing`` is cheap and says, in words for the operator, why it cannot work here."""

    name: str
    isolates: bool
    """False: the command runs on the host as it is, and ``mounts`` mean nothing."""

    def missing(self) -> str | None: ...

    def command(self, spec: JailSpec) -> Command: ...
