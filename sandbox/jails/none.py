"""No jail at all: only limits and the system-call filter. For a host where nothing else works and the programs are
trusted; it must be asked for by an explicit unsafe flag."""

from __future__ import annotations

from .base import Command, JailSpec


class NoJail:
    name = "none"
    isolates = False

    def missing(self) -> str | None:
        return None

    def command(self, spec: JailSpec) -> Command:
        return Command(argv=spec.argv, pass_fds=(spec.keep_fd,), environment=spec.environment)
