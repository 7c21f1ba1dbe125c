"""How others find the program in a completion: their functions, read from where the user says, and run.

Only what is named is taken from a file, so that nothing else of their packages has to be installed.
"""

from __future__ import annotations
import __future__

import ast
import enum
import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..shapes import Shape
from .base import Unavailable


class Extractor(NamedTuple):
    version: str
    extract: Callable[[Shape], str | None]
    languages: bool = True
    """Whether it knows more than Python."""


def lcb(source: Path) -> Extractor:
    style = _take(source, "lcb_runner/lm_styles.py", ["LMStyle"], Enum=enum.Enum)["LMStyle"]
    function = _take(source, "lcb_runner/utils/extraction_utils.py", ["extract_code"], LMStyle=style)["extract_code"]
    return _python_only(source, lambda text: function(text, style.OpenAIChat))


def prime_code(source: Path) -> Extractor:
    return _handed_over(source, "prime_code", "apps_check_correctness", lambda f, text: f(text, _TESTS))


def sandbox_fusion(source: Path) -> Extractor:
    return _handed_over(source, "sandbox_fusion", "check_correctness", lambda f, text: f("", None, 0, text, _TESTS))


def open_r1(source: Path) -> Extractor:
    function = _take(source, "src/open_r1/rewards.py", ["extract_code"], re=re)["extract_code"]

    def extract(shape: Shape) -> str:
        return function(shape.completion, shape.language)

    return Extractor(_version(source), extract)


def code_r1(source: Path) -> Extractor:
    names = ["try_extract_solution", "CODE_PATTERN", "extract_code_from_string"]
    taken = _take(source, "verl/utils/reward_score/coder1/__init__.py", names, re=re)
    return _python_only(source, taken["extract_code_from_string"])


def trl(source: Path) -> Extractor:
    taken = _take(source, "examples/scripts/ssd_eval.py", ["CODE_FENCE_RE", "_extract_code"], re=re)
    return _python_only(source, taken["_extract_code"])


_TESTS = {"inputs": ["1"], "outputs": ["1"]}


def _python_only(source: Path, function: Callable[[str], str | None]) -> Extractor:
    def extract(shape: Shape) -> str | None:
        return function(shape.completion)

    return Extractor(_version(source), extract, languages=False)


def _handed_over(source: Path, scorer: str, judge: str, call: Callable[[Any, str], object]) -> Extractor:
    """What a scorer of verl hands to the judge that it would ask."""
    programs: list[str] = []

    def accepts(**asked: Any) -> tuple[list[bool], list[dict[str, str]]]:
        programs.append(asked["generation"])
        return [True], [{}]

    path = f"verl/utils/reward_score/{scorer}/__init__.py"
    known = {judge: accepts, "re": re, "json": json}
    names = [name for name in ("remove_think_tags", "compute_score") if f"def {name}(" in _read(source, path)]
    function = _take(source, path, names, **known)["compute_score"]

    def extract(text: str) -> str | None:
        programs.clear()
        call(function, text)
        return programs[0] if programs else None

    return _python_only(source, extract)


def _take(source: Path, path: str, names: list[str], **known: object) -> dict[str, Any]:
    """Functions, classes and constants of a file; ``known`` is what else they use."""
    tree = ast.parse(_read(source, path))
    wanted = [node for node in tree.body if _name(node) in names]
    if lacking := set(names) - set(map(_name, wanted)):
        raise Unavailable(f"{path}: no {', '.join(sorted(lacking))} there")
    tree.body = list(wanted)
    found: dict[str, Any] = dict(known)
    exec(compile(tree, path, "exec", __future__.annotations.compiler_flag), found)
    return found


def _name(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _read(source: Path, path: str) -> str:
    """A file of a checkout, of a git directory, or of a wheel."""
    if (source / path).is_file():
        return (source / path).read_text()
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as wheel:
            if path in wheel.namelist():
                return wheel.read(path).decode()
    elif source.is_dir() and (text := _git(source, "show", f"HEAD:{path}")):
        return text
    raise Unavailable(f"no {path} in {source.name}")


def _version(source: Path) -> str:
    if source.is_dir():
        return _git(source, "rev-parse", "--short", "HEAD").strip() or "no git"
    return source.name.split("-")[1] if "-" in source.name else "unknown"


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; nothing when it fails."""
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
