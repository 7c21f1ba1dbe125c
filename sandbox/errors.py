"""What can go wrong on this side of the jail. Verdicts are data; these are not verdicts.

MicrocoderError
└── SandboxError
    ├── JailUnavailable      this host cannot isolate programs; says what to do
    ├── LanguageUnavailable  this host has no toolchain for a language; says what to install
    └── WorkerFailure        a worker broke (crash, protocol violation, stall); the program is run again elsewhere
        ├── ToolchainFailed  what compiles or runs a language did not answer
        └── HostShortage     the host had no process, memory, room or descriptor left for it
"""

from __future__ import annotations

from typing import Any, TypeVar

E = TypeVar("E", bound="MicrocoderError")


class MicrocoderError(Exception):
    """Root of everything microcoder raises on purpose. Survives pickling, whatever it is made of."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.args), self.__dict__


def _remade(kind: type[E], args: tuple[Any, ...]) -> E:
    """Without ``__init__``, which has made its words already."""
    return kind.__new__(kind, *args)


class SandboxError(MicrocoderError):
    """The sandbox could not do its work."""


class JailUnavailable(SandboxError):
    """No jail works here. The message says why and what to do."""


class LanguageUnavailable(SandboxError):
    """There is no toolchain for the language here. The message says what to install."""


class WorkerFailure(SandboxError):
    """A worker ended, broke the protocol, or stalled. That alone says nothing of its program."""


class ToolchainFailed(WorkerFailure):
    """A toolchain of this host did not answer. That says nothing of the program."""


class HostShortage(WorkerFailure):
    """The host refused what a worker needs. The worker may be as good as before."""
