"""Every name is used."""

from __future__ import annotations

import ast
import importlib.util
import symtable
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from microcoder.evaluator.cli.options import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETTINGS = PYPROJECT["tool"]["vulture"]


def table_of(file: Path) -> symtable.SymbolTable:
    """With annotations, which are code where they are not postponed."""
    return symtable.symtable(file.read_text().replace("from __future__ import annotations", "", 1), str(file), "exec")


@cache
def modules() -> dict[str, Path]:
    """The files that vulture looks at, and those of bench, by what they are imported as."""
    files = [file for path in (*SETTINGS["paths"], "bench") for file in (ROOT / path).rglob("*.py")]
    names = [".".join(("microcoder", *file.relative_to(ROOT).with_suffix("").parts)) for file in files]
    return dict(zip((name.removesuffix(".__init__") for name in names), files, strict=True))


def used_in_itself(table: symtable.SymbolTable, *, top: bool = True) -> Iterator[str]:
    """Names at the top of a module that any code of it reads."""
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from used_in_itself(child, top=False)


def read_in_comprehensions(tree: ast.Module) -> Iterator[str]:
    """From Python 3.12 on a symbol table does not say of these that they are read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            yield from (name.id for name in ast.walk(node) if isinstance(name, ast.Name))


def used_elsewhere(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) for what this one takes of others: ``from x import name``, or ``x.name``."""
    package = module.split(".") if modules()[module].name == "__init__.py" else module.split(".")[:-1]
    called: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join((*above, *([node.module] if node.module else [])))
            for name in node.names:
                yield source, name.name
                called[name.asname or name.name] = f"{source}.{name.name}"
        elif isinstance(node, ast.Import):
            called |= {name.asname or name.name: name.name for name in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in called:
            yield called[node.value.id], node.attr


def entries() -> Iterator[tuple[str, str]]:
    """(module, name) for what is called by a name in a text."""
    for target in PYPROJECT["project"]["scripts"].values():
        module, _, name = target.partition(":")
        yield module, name
    for _, module in COMMANDS.values():
        yield importlib.util.resolve_name(module, "microcoder.evaluator.cli"), "main"
    # By the _START of launcher.py, and of helper.py.
    yield from (
        ("microcoder.sandbox.inside.main", "main"),
        ("microcoder.evaluator.comparing.inside", "main"),
        ("microcoder.evaluator.server.reader", "main"),
    )


def test_every_name_of_a_module_is_used() -> None:
    """vulture, which `make lint` runs, takes a name for used when one that is spelt the same is, anywhere."""
    used = set(entries())
    tops: set[tuple[str, str]] = set()
    for module, file in modules().items():
        table = table_of(file)
        used.update((module, name) for name in used_in_itself(table))
        tree = ast.parse(file.read_text())
        used.update((module, name) for name in read_in_comprehensions(tree))
        used.update(used_elsewhere(module, tree))
        if not module.startswith("microcoder.examples."):
            bound = (symbol for symbol in table.get_symbols() if symbol.is_assigned() and not symbol.is_imported())
            tops.update((module, symbol.get_name()) for symbol in bound)
    dead = {f"{module}.{name}" for module, name in tops - used if name not in SETTINGS["ignore_names"]}
    by_python = {f"{module}.{name}" for module in modules() for name in ("__all__", "__getattr__")}
    assert dead - by_python == set()
