"""What a language is to the sandbox: how sources become a program, and how a program is started."""

from __future__ import annotations

import resource
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..kinds import Kind
from ..limits import MIB, Limits
from ..protocol import Command
from ..seccomp import EXECUTABLE_FD

COMPILER_STACK = 64 * MIB
"""Of each of a compiler's threads."""
STREAM_NAMES = (b"/dev/std", b"/dev/fd", b"/proc/self/fd")


@dataclass(frozen=True)
class Recipe:
    """A call of a compiler, in workers of ``kind``."""

    kind: Kind
    command: Command
    files: Mapping[str, bytes]
    """What it finds in its working folder."""
    output: str
    """The file that it leaves there: the program."""


@dataclass(frozen=True)
class Program:
    """What the tests of a program run, in workers of ``kind``."""

    kind: Kind
    source: bytes
    """An executable; empty where ``files`` hold the program."""
    command: Command | None = None
    """None: the source is Python, for the runner's own interpreter."""
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


@dataclass(frozen=True)
class CompileError:
    """The source is no program: the compiler's words, or the limit that it met."""

    words: str
    timed_out: bool = False


class Language(ABC):
    """One language and the toolchain for it. What asks the toolchain may block, and is remembered."""

    name: str
    tags: tuple[str, ...] = ()
    """What else it is called where a block of code begins, in lower case and without a version (docs/extraction.md)."""
    starts_at_main: bool = True
    """Whether a program has to define ``main``."""
    smallest: bytes = b""
    """A program that does nothing, and compiles wherever anything does."""

    @abstractmethod
    def missing(self) -> str | None:
        """Why programs cannot be judged here, with what to install; None: they can."""

    @abstractmethod
    def version(self) -> str:
        """One line that changes with whatever changes what the compiler makes of a source."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to do
        """Done once before the first program; may take seconds."""

    @abstractmethod
    def recipe(self, source: bytes, files: Mapping[str, bytes]) -> Recipe | None:
        """How to compile ``source``, with ``files`` beside it. None: it is run as it is."""

    def another(self, recipe: Recipe, said: bytes) -> Recipe | None:
        """How else to compile what the recipe did not, by what the compiler said. None: it does not compile."""
        return None

    @abstractmethod
    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        """How to run what the recipe made of the source (without a recipe: nothing) under these limits."""


def lack_of(language: Language) -> str | None:
    """Why programs cannot be judged here, with what to do; None: they can. May block."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 <= most <= EXECUTABLE_FD:
        return f"its programs are executed from descriptor {EXECUTABLE_FD}: ulimit -Hn has to be more than {most}"
    return language.missing()


def names_streams(source: bytes, files: Mapping[str, bytes]) -> bool:
    """Whether a program may open its streams by name."""
    return any(name in text for text in (source, *files.values()) for name in STREAM_NAMES)


def path_of(name: str) -> str:
    """A file of the working folder, as a compiler is told of it: none of its options, and no file that holds some."""
    return f"./{name}" if name.startswith(("-", "@")) else name
