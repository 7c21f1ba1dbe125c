"""Ray, imported when it is needed."""

from __future__ import annotations

import importlib
from typing import Any

from ...sandbox.errors import SandboxError


class ClusterUnavailable(SandboxError):
    """There is no Ray, no cluster, or no node that judges. The message says what to do."""


def load() -> Any:
    """The module. Raises ClusterUnavailable."""
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ClusterUnavailable(f"a Ray cluster needs {error.name}: pip install 'microcoder[ray]'") from None
