"""tests/warned.py finds what libraries hold against our code, and the evaluator gives them no cause."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .events import SECONDS
from .warned import Warned

LIBRARY = """
import contextlib, logging, warnings

class Own(PendingDeprecationWarning):
    pass

def old(category=DeprecationWarning, level=1):
    warnings.warn("planted", category, stacklevel=level)

@contextlib.contextmanager
def block():
    old(FutureWarning, 3)
    yield

def log(name="elsewhere"):
    logging.getLogger(name).warning("planted")

def hide():
    warnings.simplefilter("ignore")
"""
OTHER = """
import library

def ask():
    library.old()
"""


def run(code: str, folder: Path, warned: Warned) -> None:
    """As a module of ours would, one line of it."""
    (folder / "library.py").write_text(LIBRARY)
    (folder / "other.py").write_text(OTHER)
    environ = os.environ | warned.environ
    environ["PYTHONPATH"] += os.pathsep + str(folder)
    program = "import library, other, os, subprocess, sys, threading, warnings\n"
    program += f"exec(compile({code!r}, 'planted.py', 'exec'), globals() | {{'__name__': 'microcoder.planted'}})"
    subprocess.run([sys.executable, "-c", program], env=environ, check=True, timeout=SECONDS)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("library.old()", "library to microcoder.planted:1: DeprecationWarning: planted"),
        ("library.old(level=2)", "library to microcoder.planted:1: DeprecationWarning: planted"),
        ("library.old(level=99)", "library to microcoder.planted:1: DeprecationWarning: planted"),
        ("library.old(library.Own)", "library to microcoder.planted:1: PendingDeprecationWarning: planted"),
        ("with library.block(): pass", "library to microcoder.planted:1: FutureWarning: planted"),
        ("library.log()", "library to microcoder.planted:1: log: elsewhere: planted"),
        (
            "threading.Thread(target=lambda: library.old()).start()",
            "library to microcoder.planted:1: DeprecationWarning",
        ),
        ("threading.currentThread()", "Python to microcoder.planted:1: DeprecationWarning: currentThread"),
        ("other.ask()", "library to other:5: DeprecationWarning: planted"),
    ],
)
def test_what_is_planted_is_found(code: str, fault: str, tmp_path: Path, warned: Warned) -> None:
    run(code, tmp_path, warned)
    (found,) = warned.faults()
    assert found.startswith(fault) and found.endswith("(below planted.py:1)")


def test_what_is_planted_in_a_process_that_another_starts_is_found(tmp_path: Path, warned: Warned) -> None:
    run("subprocess.run([sys.executable, '-c', 'import library; library.old()'], check=True)", tmp_path, warned)
    (found,) = warned.faults()
    assert found == "library to __main__:1: DeprecationWarning: planted (below no line of ours)"


@pytest.mark.filterwarnings("ignore:planted:DeprecationWarning:library")
def test_what_is_ignored_is_found_where_it_is_ours(tmp_path: Path, warned: Warned) -> None:
    run("other.ask()", tmp_path, warned)
    assert warned.faults() == []
    run("library.old()", tmp_path, warned)
    assert len(warned.faults()) == 1


def test_a_log_of_ours_is_no_fault_whoever_else_it_passes(tmp_path: Path, warned: Warned) -> None:
    run("library.log('microcoder.planted')", tmp_path, warned)
    assert warned.faults() == []


def test_a_library_that_hides_warnings_is_found_out(tmp_path: Path, warned: Warned) -> None:
    run("library.hide(); library.old()", tmp_path, warned)
    with pytest.raises(AssertionError, match="hidden"):
        warned.faults()
