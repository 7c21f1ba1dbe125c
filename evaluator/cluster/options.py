"""What RayEvaluator takes besides the options of Evaluator, and what of it makes no sense."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from ...sandbox.validated import Validated

HERE = "auto"
"""The cluster that this machine belongs to."""
_ADDRESS = re.compile(r"(?P<host>[^\s:/]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")

Count = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class RayOptions(Validated, frozen=True, kw_only=True):
    """As RayEvaluator says. Raises ValueError that names the field."""

    address: str | None = None
    workers: Count | None = None
    actor_workers: Count = 16
    actor_wait: Seconds = 10.0
    idle: Seconds | None = 600.0
    nobody: Seconds = 300.0
    runtime_env: dict[str, Any] | None = None

    def _check(self) -> None:
        if self.address is not None:
            host_and_port(self.address)
        for name in ("actor_wait", "idle", "nobody"):
            if getattr(self, name) != getattr(self, name):
                raise ValueError(f"{name}: is no number of seconds (found nan)")


def host_and_port(address: str) -> tuple[str, int] | None:
    """Of the head; None: whichever cluster this machine belongs to. Raises ValueError."""
    if address == HERE:
        return None
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise ValueError(f"address: must be HOST:PORT of the head, or {HERE!r} (found {address!r})")
    return found["host"].strip("[]"), int(found["port"])
