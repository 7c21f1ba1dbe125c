"""Ray, imported when it is needed, and a cluster to talk to."""

from __future__ import annotations

import importlib
import logging
import socket
from typing import Any

from ...sandbox.errors import SandboxError

HERE = "auto"
"""The cluster that this machine belongs to."""
REACH = 5.0
"""Seconds for the head to accept a connection; Ray itself would try for minutes."""


class ClusterUnavailable(SandboxError):
    """There is no Ray, no cluster, or no node that judges. The message says what to do."""


def load() -> Any:
    """The module. Raises ClusterUnavailable."""
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ClusterUnavailable(f"a Ray cluster needs {error.name}: pip install 'microcoder[ray]'") from None


def connect(ray: Any, address: str | None) -> bool:
    """Whether this connected; False: this process was connected already. Never starts a cluster."""
    if ray.is_initialized():
        return False
    try:
        if address not in (None, HERE):
            host, _, port = address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), REACH).close()
        ray.init(address=address or HERE, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, ValueError, RuntimeError) as error:
        where = "on this machine" if address in (None, HERE) else f"at {address}"
        reason = str(error).partition("\n")[0]
        raise ClusterUnavailable(f"no Ray cluster {where} (ray start --head starts one): {reason}") from None
    return True
