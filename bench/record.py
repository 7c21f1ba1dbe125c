"""Results of several suites in one file, each under its own key."""

from __future__ import annotations

from pathlib import Path

import msgspec


def record(file: Path, suite: str, result: object) -> None:
    """Put the result under this key; what other suites wrote stays."""
    suites: dict[str, msgspec.Raw] = {}
    if file.exists():
        suites = msgspec.json.decode(file.read_bytes(), type=dict[str, msgspec.Raw])
    suites[suite] = msgspec.Raw(msgspec.json.encode(result))
    file.write_bytes(msgspec.json.format(msgspec.json.encode(suites, order="sorted")) + b"\n")
