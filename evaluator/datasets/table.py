"""What is read and what is refused, as a table: that of docs/datasets/README.md, and that of ``microcoder-eval formats``.

It is made from what each format, and each refusal, says of itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .base import Fields
from .formats import FORMATS
from .refused import REFUSED

_PAGE = re.compile(r"\bdocs/[\w/]+\.md\b")
_HERE = "docs/datasets"


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
    each = ((field,) if isinstance(field, str) else field for field in known_by)
    words = ", ".join(" or ".join(f"{mark}{name}{mark}" for name in names) for names in each)
    return words or f"directories with {mark}problem.yaml{mark}"


def markdown() -> str:
    """Both tables."""
    parts = (
        *_table(
            ("data set", "`--format`", "known by the fields", "judged", "programs in it"),
            (
                (
                    f"[{each.names}]({each.page})",
                    f"`{each.format}`",
                    told(each.known_by, "`"),
                    each.judged,
                    each.programs,
                )
                for each in read()
            ),
        ),
        "",
        *_table(
            ("refused", "known by the fields", "why, and the way out"),
            (
                (each.name, told(each.known_by, "`"), f"`{each.field}`: {_PAGE.sub(_linked, each.reason)}")
                for each in not_read()
            ),
        ),
    )
    return "".join(f"{line}\n" for line in parts)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _linked(page: re.Match[str]) -> str:
    return f"[{page[0]}]({os.path.relpath(page[0], _HERE)})"
