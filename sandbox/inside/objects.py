"""Objects of classes that the prelude of a test defines: the test and the program have these, each its own."""

from __future__ import annotations

from types import CodeType
from typing import Any


def classes_in(prelude: CodeType) -> frozenset[str]:
    """Names of the classes, and functions, that a prelude defines."""
    return frozenset(part.co_name for part in prelude.co_consts if isinstance(part, CodeType))


def state(value: Any) -> dict[str, Any]:
    """Its attributes, those in slots too."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                found[name] = getattr(value, name)
    return found
