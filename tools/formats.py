"""Writes the table of formats into docs/datasets/README.md, as ``python tools/formats.py`` in an environment that has
microcoder. A test fails while it is another one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from microcoder.evaluator.datasets.table import not_read, read, told

HERE = "docs/datasets"
PAGE = Path(__file__).resolve().parent.parent / HERE / "README.md"
_OTHER = re.compile(r"\bdocs/[\w/]+\.md\b")
BEGIN, END = "<!-- tools/formats.py writes what follows -->\n", "<!-- to here -->\n"


def written(page: str) -> str:
    """The page, with the table of today."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE}: lacks {BEGIN!r} or {END!r}")
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


def markdown() -> str:
    """Both tables."""
    known = [
        (f"[{each.names}]({each.page})", f"`{each.format}`", told(each.known_by, "`"), each.judged, each.programs)
        for each in read()
    ]
    refused = [
        (each.name, told(each.known_by, "`"), f"`{each.field}`: {_OTHER.sub(_linked, each.reason)}")
        for each in not_read()
    ]
    lines = (
        *_table(("data set", "`--format`", "known by the fields", "judged", "programs in it"), known),
        "",
        *_table(("refused", "known by the fields", "why, and the way out"), refused),
    )
    return "".join(f"{line}\n" for line in lines)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _linked(page: re.Match[str]) -> str:
    return f"[{page[0]}]({os.path.relpath(page[0], HERE)})"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
