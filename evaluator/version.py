"""Which microcoder this is."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata, resources
from importlib.resources.abc import Traversable

VERSION = metadata.version("microcoder")
_JUDGES = ("microcoder.evaluator", "microcoder.sandbox")


def identity() -> str:
    """Changes with every change of the code that judges, released or not; no remembered verdict may outlive one."""
    known = hashlib.sha256(f"{VERSION} {platform.python_version()}".encode())
    for package in _JUDGES:
        for file in _sources(resources.files(package)):
            known.update(file.read_bytes())
    return known.hexdigest()


def _sources(folder: Traversable) -> list[Traversable]:
    found: list[Traversable] = []
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            found += _sources(each)
        elif each.name.endswith(".py"):
            found.append(each)
    return found
