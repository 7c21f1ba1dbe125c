"""Writes the table of formats into docs/datasets/README.md, as ``python tools/formats.py`` in an environment that has
microcoder. A test fails while it is another one."""

from __future__ import annotations

from pathlib import Path

from microcoder.evaluator.datasets.table import markdown

PAGE = Path(__file__).resolve().parent.parent / "docs/datasets/README.md"
BEGIN, END = "<!-- tools/formats.py writes what follows -->\n", "<!-- to here -->\n"


def written(page: str) -> str:
    """The page, with the table of today."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE}: lacks {BEGIN!r} or {END!r}")
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
