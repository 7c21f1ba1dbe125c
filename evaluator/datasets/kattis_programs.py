"""Programs in a Kattis package: what they are written in, where they begin, and what the package adds to each.

``include/`` holds files for all programs of a language: headers, modules, or a grader, which the program is a part of.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...sandbox.interpreter import PACKAGES
from ...sandbox.languages import BUILD, NAMES, RUN
from ..problem import Included
from .base import Unusable
from .kattis_folder import Folder

CODES = {
    "c": "c",
    "cpp": "cpp",
    "csharp": "csharp",
    "go": "go",
    "haskell": "haskell",
    "java": "java",
    "javascript": "javascript",
    "kotlin": "kotlin",
    "lisp": "lisp",
    "ocaml": "ocaml",
    "pascal": "pascal",
    "php": "php",
    "prolog": "prolog",
    "python2": "python2",
    "python3": "python",
    "ruby": "ruby",
    "rust": "rust",
    "scala": "scala",
} | {
    code: code
    for code in (
        *("ada", "algol68", "apl", "bash", "cgmp", "cobol", "cppgmp", "crystal", "d", "dart", "elixir", "erlang"),
        *("forth", "fortran", "fsharp", "gerbil", "javaalgs4", "julia", "lua", "modula2", "nim", "objectivec"),
        *("octave", "odin", "perl", "python3numpy", "racket", "simula", "smalltalk", "snobol", "swift", "typescript"),
        *("visualbasic", "zig"),
    )
}
"""The format's names of languages, and ours."""
LANGUAGES = {
    ".py": "python",
    ".py2": "python2",
    ".py3": "python",
    ".cpp": "cpp",
    ".cc": "cpp",
    ".cxx": "cpp",
    ".c++": "cpp",
    ".C": "cpp",
    ".c": "c",
    ".java": "java",
    ".rs": "rust",
    ".go": "go",
    ".js": "javascript",
    ".kt": "kotlin",
    ".hs": "haskell",
    ".cs": "csharp",
    ".rb": "ruby",
    ".pas": "pascal",
    ".ml": "ocaml",
    ".scala": "scala",
    ".php": "php",
    ".lisp": "lisp",
    ".cl": "lisp",
    ".pl": "prolog",
}
"""By the endings of files. What the others are is not said: notes, build files, headers."""
_OTHERS = {
    f".{ending}": language
    for language, endings in {
        "ada": "adb ads",
        "algol68": "a68",
        "apl": "apl",
        "bash": "sh",
        "cobol": "cob",
        "crystal": "cr",
        "d": "d",
        "dart": "dart",
        "elixir": "ex",
        "erlang": "erl",
        "forth": "fth 4th forth frt",
        "fortran": "f90",
        "fsharp": "fs",
        "gerbil": "ss",
        "julia": "jl",
        "lua": "lua",
        "modula2": "mod def",
        "nim": "nim",
        "objectivec": "m",
        "odin": "odin",
        "perl": "pm",
        "racket": "rkt",
        "simula": "sim",
        "smalltalk": "st",
        "snobol": "sno",
        "swift": "swift",
        "typescript": "ts",
        "visualbasic": "vb",
        "zig": "zig",
    }.items()
    for ending in endings.split()
}
"""Where a file with none of the endings above is beside it, it may be something else: go.mod."""

_ALL = "default"
_MAIN = {
    "python": ("__main__.py", "main.py"),
    "java": ("Main.java", "main.java"),
    "javascript": ("main.js",),
    "rust": ("main.rs",),
}
"""Where a program of several files begins, whatever the others hold."""
_ENTRIES = tuple(name for names in _MAIN.values() for name in names)
_IMPORT = {
    "python": re.compile(r"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w, \t]+))", re.MULTILINE),
    "javascript": re.compile(r"[\"']\./(\w+)(?:\.js)?[\"']"),
    "rust": re.compile(r"^[ \t]*(?:pub[ \t]+)?mod[ \t]+(\w+)[ \t]*;", re.MULTILINE),
}
"""How a file asks for another by its name, where it is found by that. None is asked for that is not there."""
_ENDING = {"python": ".py", "javascript": ".js", "rust": ".rs"}
_OF_SEVERAL_FILES = ("python", "cpp", "c", "java", "go", "javascript", "rust")
_COMPILED_FOR_ALL = ("cpp", "c", "go")
_SCRIPTS = ("build", "run")

_PYTHON2 = re.compile(r"\A#!.*python2\b")
_COMPILE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
try:
    compile(sys.stdin.buffer.read().decode().removeprefix("\\ufeff"), "program", "exec", dont_inherit=True)
except (SyntaxError, ValueError):
    sys.exit(1)
"""


class Source(NamedTuple):
    """A program."""

    language: str
    code: str
    """Of the file in which it begins."""
    files: dict[str, str]
    """Beside it."""


class Programs:
    """Of one package."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._included: dict[str, Included] | None = None

    # -- what is included

    @property
    def included(self) -> dict[str, Included]:
        """By our names of languages. Raises Unusable."""
        if self._included is None:
            self._included = self._read_included()
        return self._included

    def _read_included(self) -> dict[str, Included]:
        place = self._folder.path / "include"
        if not place.is_dir():
            return {}
        files: dict[str, dict[str, str]] = {}
        for entry in self._folder.entries(place):
            name = self._folder.relative(entry)
            if not entry.is_dir():
                raise Unusable(name, "lies in no directory of a language, such as include/cpp or include/python3")
            if entry.name not in (_ALL, *CODES):
                raise Unusable(name, "a directory of a language that the format does not know", entry.name)
            found = dict(self._folder.tree(entry))
            if scripts := [each for each in _SCRIPTS if each in found]:
                raise Unusable(f"{name}/{scripts[0]}", "scripts that build programs are not supported")
            files[entry.name] = {path: self._folder.source(file) for path, file in found.items()}
        for_all = files.pop(_ALL, {})
        known = {CODES[code]: for_all | own for code, own in files.items()}
        known |= {language: for_all for language in _OF_SEVERAL_FILES if for_all and language not in known}
        return {language: self._include(language, own) for language, own in known.items() if own}

    def _include(self, language: str, files: dict[str, str]) -> Included:
        main = next((name for name in _MAIN.get(language, ()) if name in files), None)
        if language == "java" and main is not None and not _is_main(files[main]):
            main = None
        return Included(files=files, main=main, program=self._name_of_programs(language, files, main))

    def _name_of_programs(self, language: str, files: Mapping[str, str], main: str | None) -> str | None:
        """By which the included files look for a program. None: they do not, or it is not known."""
        if language not in _IMPORT:
            return None
        ending = _ENDING[language]
        asked = {name for text in files.values() for found in _IMPORT[language].findall(text) for name in _words(found)}
        there = {path.partition("/")[0].removesuffix(ending) for path in files}
        asked = {f"{name}{ending}" for name in asked - sys.stdlib_module_names - there}
        for names in self._names_of_programs(language):
            common = set[str].intersection(*names) & asked
            return common.pop() if len(common) == 1 else None
        own = {name for name in asked if name.removesuffix(ending) not in PACKAGES}
        return own.pop() if main is not None and len(own) == 1 else None

    def _names_of_programs(self, language: str) -> Iterator[list[set[str]]]:
        """Of the files of each right program in a language; of each program there is."""
        place = self._folder.path / "submissions"
        for pattern in ("accepted/*", "*/*"):
            paths = [*place.glob(pattern), *(each for each in place.glob("*") if not each.is_dir())]
            files = [[path, *(path.iterdir() if path.is_dir() else ())] for path in paths]
            names = [{file.name for file in each if LANGUAGES.get(file.suffix) == language} for each in files]
            if found := [each for each in names if each]:
                yield found

    # -- programs

    def submission(self, path: Path, language: str | None = None, entry: str | None = None) -> Source | None:
        """None: no program, but a note, or a build file. ``language`` and ``entry``: what the package says of it."""
        name = self._folder.relative(path)
        entries = self._folder.entries(path) if path.is_dir() else [path]
        if not any(each.suffix in LANGUAGES for each in entries):
            return self._of_other_kind(path)
        if path.is_dir():
            source = self._program(path, self.included, entry)
        else:
            source = Source(LANGUAGES[path.suffix], self._folder.source(path), {})
        if language is not None:
            return source._replace(language=language)
        included = self.included.get(source.language)
        if included is not None and included.main and not included.program and source.language in _IMPORT:
            reason = f"{included.main} of include/ asks for it by a name that is not known"
            raise Unusable(name, reason)
        if source.files and source.language in NAMES and source.language not in _OF_SEVERAL_FILES:
            reason = f"programs of several files are supported in {', '.join(_OF_SEVERAL_FILES)}"
            raise Unusable(name, reason, ", ".join(source.files))
        return self._of_its_kind(source)

    def validator(self, place: Path) -> Source:
        """The one program in a directory, or in the one directory within."""
        entries = self._folder.entries(place)
        folders = [entry for entry in entries if entry.is_dir()]
        if scripted := self._scripted(place, entries):
            return scripted
        if not any(entry.suffix in LANGUAGES for entry in entries if not entry.is_dir()) and len(folders) == 1:
            return self.validator(folders[0])
        source = self._of_its_kind(self._program(place, {}))
        if source.language == "python2":
            raise Unusable(self._folder.relative(place), "the validator is no Python 3, and Python 2 is not supported")
        return source

    def _scripted(self, place: Path, entries: Sequence[Path]) -> Source | None:
        """A program that is built and run by scripts."""
        scripts = {entry.name: entry for entry in entries if entry.name in _SCRIPTS and not entry.is_dir()}
        able = {name: entry for name, entry in scripts.items() if os.access(entry, os.X_OK)}
        if not able:
            if scripts and not any(entry.suffix in LANGUAGES for entry in entries):
                raise Unusable(self._folder.relative(next(iter(scripts.values()))), "is not executable")
            return None
        files = {name: self._folder.source(path) for name, path in self._folder.tree(place)}
        first = "build" if "build" in able else "run"
        return Source(BUILD if first == "build" else RUN, files.pop(first), files)

    def _program(self, place: Path, included: Mapping[str, Included], entry: str | None = None) -> Source:
        entries = self._folder.entries(place)
        name = self._folder.relative(place)
        sources = [each for each in entries if each.suffix in LANGUAGES and not each.is_dir()]
        counted = Counter(LANGUAGES[each.suffix] for each in sources)
        languages = set(counted) - {"c"} if "cpp" in counted else set(counted)
        if len(languages) > 1:
            raise Unusable(name, "programs in two languages are not supported", ", ".join(sorted(languages)))
        language = next(iter(languages), "")
        if language not in NAMES:
            return Source(language, "", {})
        overwritten = included[language].files if language in included else {}
        sources = [each for each in sources if each.name not in overwritten] or sources
        if entry is not None:
            main = next((each for each in sources if entry in (each.name, each.stem)), None)
        else:
            main = self._main(sources, included.get(language))
        if main is None:
            found = ", ".join(self._folder.relative(each) for each in sources or entries)
            raise Unusable(name, "must hold one program", found)
        files = {path: file for path, file in self._folder.tree(place) if _is_text(file) and file != main}
        texts = {path: self._folder.source(file) for path, file in files.items()}
        return Source(language, self._folder.source(main), texts)

    def _main(self, sources: Sequence[Path], included: Included | None) -> Path | None:
        """The file in which a program begins, or with a grader any that the grader asks for."""
        if included is not None and included.main is not None:
            asked = [entry for entry in sources if entry.name == included.program]
            return next(iter(asked or sources), None)
        main = [entry for entry in sources if entry.name in _ENTRIES] or list(sources)
        if len(main) > 1:
            begins = [entry for entry in sources if _is_main(self._folder.source(entry))]
            compiled = included is not None and LANGUAGES[sources[0].suffix] in _COMPILED_FOR_ALL
            main = begins or (list(sources[:1]) if compiled else main)
        return main[0] if len(main) == 1 else None

    def _of_other_kind(self, path: Path) -> Source | None:
        files = [file for _, file in self._folder.tree(path)] if path.is_dir() else [path]
        if below := [file for file in files if file.suffix in LANGUAGES]:
            raise Unusable(self._folder.relative(below[0]), "programs in directories of programs are not supported")
        language = next((_OTHERS[file.suffix] for file in files if file.suffix in _OTHERS), None)
        return None if language is None else Source(language, "", {})

    def _of_its_kind(self, source: Source) -> Source:
        """Python 2 is what says so, or what is no Python 3."""
        if source.language == "python" and (_PYTHON2.match(source.code) or not _compiles(source.code)):
            return source._replace(language="python2")
        return source


def _compiles(source: str) -> bool:
    """As Python 3, in a process of its own: a source may be more than a compiler takes. Where that is not told, yes."""
    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _COMPILE]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False, timeout=30)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 1 or b"Traceback" in done.stderr


def _words(found: str | tuple[str, ...]) -> list[str]:
    """Names in what an expression has found."""
    return re.findall(r"\w+", found if isinstance(found, str) else " ".join(found))


def _is_main(source: str) -> bool:
    return re.search(r"\bmain\s*\(|__main__|\bfn main\b", source) is not None


def _is_text(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".o", ".class", ".pyc", ".exe", ".out", "")
