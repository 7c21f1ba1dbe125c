"""Who finds the program in a completion? ``python -m microcoder.bench.extraction --lcb CHECKOUT ...``.

The shapes of bench/shapes.py through our `extract` and through what others use, their own code, read from where the
options say and run. Prints the table and writes ``results/extraction.json``.

LiveCodeBench  ``extract_code`` for chat models; verl  what ``prime_code`` and ``sandbox_fusion`` hand to their judges;
open-r1        ``extract_code`` of its rewards; Code-R1  ``extract_code_from_string``;
TRL            ``_extract_code`` of its script that evaluates on LiveCodeBench: the library itself extracts no code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import tyro

from ..evaluator.extract import extract
from .machine import command_line
from .rivals.base import Unavailable
from .rivals.extractors import Extractor, code_r1, lcb, open_r1, prime_code, sandbox_fusion, trl
from .shapes import Shape, shapes


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Who finds the program in a completion?"""

    lcb: Path | None = None
    """Checkout or git directory of LiveCodeBench. Without it, it is left out; so are the others."""
    verl: Path | None = None
    """Wheel of verl, or a folder it is unpacked in."""
    open_r1: Path | None = None
    """Checkout or git directory of open-r1."""
    code_r1: Path | None = None
    """Checkout or git directory of Code-R1."""
    trl: Path | None = None
    """Checkout or git directory of TRL."""
    out: Path = Path(__file__).with_name("results")
    """Folder for extraction.json."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    name: str
    program: bool
    """Whether there is one in it."""
    right: dict[str, bool | None]
    """By extractor. A program: found, the same syntax tree. None in it: nothing found, or what is no Python. None: it
    does not know the language."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What extraction.json holds."""

    command: str
    versions: dict[str, str]
    missing: dict[str, str]
    """Extractors that could not be run, and why."""
    cases: list[Case]


class _Named(NamedTuple):
    name: str
    make: Callable[[Path], Extractor]
    source: Path | None
    option: str


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    found: dict[str, Extractor] = {"microcoder": Extractor("", _ours)}
    missing: dict[str, str] = {}
    for each in (
        _Named("LiveCodeBench", lcb, options.lcb, "--lcb"),
        _Named("verl prime_code", prime_code, options.verl, "--verl"),
        _Named("verl sandbox_fusion", sandbox_fusion, options.verl, "--verl"),
        _Named("open-r1", open_r1, options.open_r1, "--open-r1"),
        _Named("Code-R1", code_r1, options.code_r1, "--code-r1"),
        _Named("TRL", trl, options.trl, "--trl"),
    ):
        try:
            if each.source is None:
                raise Unavailable(f"name it with {each.option}")
            found[each.name] = each.make(each.source)
        except Unavailable as reason:
            missing[each.name] = str(reason)
            print(f"{each.name} left out: {reason}")
    cases = [
        Case(
            kind=shape.kind,
            name=shape.name,
            program=shape.program is not None,
            right={name: _right(shape, extractor) for name, extractor in found.items()},
        )
        for shape in shapes()
    ]
    result = Result(
        command=command_line("microcoder.bench.extraction"),
        versions={name: extractor.version for name, extractor in found.items() if extractor.version},
        missing=missing,
        cases=cases,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "extraction.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    print(markdown(result))


def markdown(result: Result) -> str:
    """The table for people: how many of each kind are right."""
    names = list(result.cases[0].right)
    lines = [
        f"| completions, by what is odd in them | | {' | '.join(names)} |",
        f"|---|---|{'---|' * len(names)}",
    ]
    kinds = list(dict.fromkeys(case.kind for case in result.cases))
    lines += [_row(kind, [case for case in result.cases if case.kind == kind], names) for kind in kinds]
    lines.append(_row("all in Python", [case for case in result.cases if None not in case.right.values()], names))
    lines.append(_row("of these, no answer in it: none taken", [c for c in result.cases if not c.program], names))
    return "\n".join(lines)


def _row(title: str, cases: list[Case], names: list[str]) -> str:
    cells: list[str] = []
    for name in names:
        verdicts = [case.right[name] for case in cases]
        cells.append("–" if None in verdicts else str(sum(map(bool, verdicts))))
    return f"| {title} | {len(cases)} | {' | '.join(cells)} |"


def _ours(shape: Shape) -> str | None:
    return extract(
        shape.completion, shape.language, starts_in_think=shape.starts_in_think, entry_point=shape.entry_point
    ).code


def _right(shape: Shape, extractor: Extractor) -> bool | None:
    if shape.language != "python" and not extractor.languages:
        return None
    text = extractor.extract(shape)
    if shape.language != "python":
        return (text or "").strip() == (shape.program or "").strip()
    if shape.program is None:
        return not (text or "").strip() or _tree(text or "") is None
    return _tree(text or "") == _tree(shape.program)


def _tree(text: str) -> str | None:
    """Of what the program does: constants that stand alone do nothing. None: it is no Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    tree.body = [
        each for each in tree.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
    ]
    return ast.dump(tree)


if __name__ == "__main__":
    main()
