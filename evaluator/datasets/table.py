"""What is read and what is refused, from what each format and each refusal says of itself. ``microcoder-eval formats``
prints it, and tools/formats.py writes it into docs/datasets/README.md."""

from __future__ import annotations

from typing import NamedTuple

from .base import Fields, alternatives
from .formats import FORMATS
from .refused import REFUSED


class Read(NamedTuple):
    """Data sets that are read."""

    names: str
    page: str
    """About them, beside the table."""
    format: str
    known_by: Fields
    judged: str
    programs: str


class NotRead(NamedTuple):
    """A data set that is refused."""

    name: str
    known_by: Fields
    field: str
    reason: str


def read() -> list[Read]:
    """Our own rows first, the others by name."""
    found = [
        Read(each.names, f"{each.page}.md", form.name, form.known_by, each.judged, each.programs)
        for form in FORMATS.values()
        for each in form.public
    ]
    return sorted(found, key=lambda each: (each.format != "microcoder", each.names.casefold()))


def not_read() -> list[NotRead]:
    """By name."""
    found = [NotRead(each.name, tuple(sorted(each.fields)), each.field, each.reason) for each in REFUSED]
    return sorted(found, key=lambda each: each.name.casefold())


def told(known_by: Fields, mark: str = "") -> str:
    """Fields, in words. ``mark``: what stands around each name."""
    words = ", ".join(" or ".join(f"{mark}{name}{mark}" for name in names) for names in alternatives(known_by))
    return words or f"directories with {mark}problem.yaml{mark}"
