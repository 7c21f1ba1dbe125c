"""Programs and tests in one process, as Python runs them: what an idiom is held to.

A test that has functions or classes of tests is run by pytest, any other is a script. An interpreter of its own
(``python -m microcoder.bench.idioms.plain``), that has imported all that many tests need, forks one process for each
program, in a folder of its own. No jail: the programs are ours.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import os
import re
import runpy
import signal
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

PATIENCE = 60
"""Seconds that a program may take."""
_MAIN = re.compile(r"^unittest\.main\(\)", re.MULTILINE)
_MODULE = re.compile(r"\b(import|from) solution\b|[\"']solution[\"'.]")


class Case(msgspec.Struct, frozen=True):
    test: str
    program: str
    prelude: str = ""


class End(NamedTuple):
    passed: bool
    words: str
    """The last of what it printed."""


def is_suite(test: str) -> bool:
    """Whether pytest runs it."""
    if _MAIN.search(test):
        return False
    body = ast.parse(test).body
    names = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    bases = [base for node in body if isinstance(node, ast.ClassDef) for base in node.bases]
    names += [ast.unparse(base).rpartition(".")[2] for base in bases]
    return any(name.lower().startswith("test") for name in names)


def files(each: Case) -> dict[str, str]:
    """What a folder has to hold, so that ``test_it.py`` is the test and finds the program."""
    program = f"{each.prelude}\n{each.program}"
    before = each.prelude if _MODULE.search(each.test) else program
    return {"solution.py": program, "test_it.py": f"{before}\n{each.test}"}


def command(each: Case) -> list[str]:
    """That runs it in such a folder, as anybody would."""
    return [sys.executable, *(["-m", "pytest", "-q"] if is_suite(each.test) else []), "test_it.py"]


def _main() -> None:
    import asyncio  # noqa: F401  # pyright: ignore[reportUnusedImport]
    import unittest.mock  # noqa: F401  # pyright: ignore[reportUnusedImport]

    import numpy  # noqa: F401  # pyright: ignore[reportUnusedImport]

    with tempfile.TemporaryDirectory(prefix="idiom-") as folder, contextlib.redirect_stdout(io.StringIO()):
        suite = Path(folder, "test_nothing.py")
        suite.write_text("def test_nothing(capsys, monkeypatch):\n    assert True\n")
        _pytest(suite)  # which imports the rest of it
    gc.freeze()
    ends: list[End] = []
    for each in msgspec.json.decode(sys.stdin.buffer.read(), type=list[Case]):
        with tempfile.TemporaryDirectory(prefix="idiom-") as folder:
            child = os.fork()
            if not child:
                os._exit(_run(each, Path(folder)))
            _, status = os.waitpid(child, 0)
            words = Path(folder, "printed").read_text(errors="replace")[-1000:]
            ends.append(End(status == 0, words))
    sys.stdout.buffer.write(msgspec.json.encode(ends))


def _run(each: Case, folder: Path) -> int:
    """In the child: exit code."""
    signal.alarm(PATIENCE)
    work = folder / "work"
    work.mkdir()
    for name, text in files(each).items():
        (work / name).write_text(text, errors="surrogatepass")
    os.chdir(work)
    printed = os.open(folder / "printed", os.O_WRONLY | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, printed, printed)):
        os.dup2(descriptor, number)
    sys.path[0] = str(work)
    sys.argv = ["test_it.py"]
    try:
        if is_suite(each.test):
            return _pytest(work / "test_it.py")
        runpy.run_path("test_it.py", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # pyright: ignore[reportArgumentType]
        return 1
    return 0


def _pytest(file: Path) -> int:
    import pytest

    return int(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(file.parent), str(file)]))


if __name__ == "__main__":
    _main()
