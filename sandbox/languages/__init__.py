"""Languages that programs may be written in, besides Python.

base        what a language is: recipe (source to program) and command (how a program is started)
gcc         C and C++
go, java, javascript, pypy, rust   the others
builder     runs compilers in a jail of their own, keeps what they make
cache       what is kept, on disk
scripts     programs with scripts to be built and run by: validators only
testlib     where testlib.h is, for checkers
toolchain   what a compiler is made of, to be shown in its jail

Python itself is not here: its programs run in the runner's interpreter.
"""

from __future__ import annotations

from .base import CompileError, Language, Program
from .builder import Builder
from .gcc import Gcc
from .go import Go
from .java import Java
from .javascript import JavaScript
from .pypy import PyPy
from .rust import Rust
from .scripts import BUILD, RUN, Scripts

__all__ = [
    "BUILD",
    "LANGUAGES",
    "NAMES",
    "RUN",
    "SCRIPTS",
    "TAGS",
    "Builder",
    "CompileError",
    "Language",
    "Program",
]

_ALL: tuple[Language, ...] = (
    Gcc("cpp", "gnu++20"),
    Gcc("cpp11", "gnu++11"),
    Gcc("cpp14", "gnu++14"),
    Gcc("cpp17", "gnu++17"),
    Gcc("cpp23", "gnu++23"),
    Gcc("c", "gnu17"),
    Go(),
    Java(),
    JavaScript(),
    PyPy(),
    Rust(),
)
LANGUAGES: dict[str, Language] = {language.name: language for language in _ALL}
"""By the name that a submission gives."""
NAMES = ("python", *LANGUAGES)
"""Every language that a submission may name."""
TAGS: dict[str, frozenset[str]] = {language.name: frozenset({language.name, *language.tags}) for language in _ALL}
TAGS["python"] = TAGS["pypy"]
"""By the name of each language, what blocks of its code are called. The standards of C++ share theirs, and so do the
two that run Python."""
SCRIPTS: dict[str, Language] = {name: Scripts(name) for name in (BUILD, RUN)}
"""What a validator may be besides, and no submission."""
