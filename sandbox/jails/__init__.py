"""Ways to isolate a program. A backend only builds a command line; the launcher starts it.

    base         what a backend is told and answers
    nsjail       the default
    bubblewrap   the fallback: installs from a wheel, needs no system package
    none         no isolation; only behind an explicit unsafe flag
"""

from __future__ import annotations

from ..errors import JailUnavailable, SandboxError
from .base import Jail
from .bubblewrap import Bubblewrap
from .none import NoJail
from .nsjail import NsJail

JAILS: dict[str, type[Jail]] = {"nsjail": NsJail, "bubblewrap": Bubblewrap, "none": NoJail}


def choose(name: str = "auto", *, unsafe_no_jail: bool = False) -> Jail:
    """The jail of that name, or the first that can work here. Raises JailUnavailable with what to do."""
    if name == "none":
        if not unsafe_no_jail:
            raise SandboxError("jail: none runs programs with your own rights; it needs the unsafe_no_jail flag as well")
        return NoJail()
    if name != "auto" and name not in JAILS:
        raise SandboxError(f"jail: unknown jail {name!r}; known are auto, {', '.join(JAILS)}")
    reasons: list[str] = []
    for candidate in JAILS.values() if name == "auto" else [JAILS[name]]:
        jail = candidate()
        if not jail.isolates:
            continue
        reason = jail.missing()
        if reason is None:
            return jail
        reasons.append(f"{jail.name}: {reason}")
    raise JailUnavailable("no jail works here:\n  " + "\n  ".join(reasons))
