"""Which language a block says that it is in. What the languages are called is in their registry (sandbox/languages)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...sandbox.languages import TAGS

_OTHER = frozenset(
    "assembly awk bash basic bat batch c# clojure cmd console csharp css csv dart diff dockerfile elixir"
    " erlang f# fortran fsharp groovy haskell hs html ini input java json julia kotlin kt latex lisp log lua"
    " make makefile markdown math matlab md mermaid nasm none objc objective-c ocaml output pascal patch perl"
    " php pl plain plaintext powershell prolog pseudo pseudocode r rb ruby scala scheme sh shell shell-session"
    " sql stderr stdin stdout swift tcl terminal tex text toml ts tsx txt typescript vb xml yaml yml zig zsh".split()
).union(*TAGS.values())
"""Tags of what is surely no program of the language that was asked for. An unknown tag counts as none."""
_TAG = re.compile(r"[\s{.]*+(?:lang(?:uage)?[-=])?([^\s{}()\[\]<>:,;=|`\"']{0,40})", re.IGNORECASE)
_VERSION = re.compile(r"[-_.]?\d[\w.]*$")
_ATTRIBUTES = re.compile(r"\s*(?:$|[{}\[(]|[:,;=]\S|#|[\w-]+=|\S+\.\w+\s*$)")


def tag_of(info: str) -> str:
    """The language in what stands behind a fence: the first word, without braces, attributes and the name of a file."""
    found = _TAG.match(info)
    return found[1] if found else ""


def is_of(tag: str, language: str) -> bool:
    """Whether blocks with this tag are programs of the language."""
    return not TAGS.get(language, frozenset({language})).isdisjoint(_forms(tag))


def is_known(tag: str) -> bool:
    """Whether it names a language or a format, and not something that we have never heard of."""
    return not _OTHER.isdisjoint(_forms(tag))


def opens(info: str) -> bool:
    """Whether this, behind a fence, is a language and its attributes, and no sentence."""
    found = _TAG.match(info)
    return found is not None and is_known(found[1]) and _ATTRIBUTES.match(info, found.end()) is not None


def _forms(tag: str) -> Iterator[str]:
    """As it stands, without the version (``c++17``, ``python3.11``), and as what a name of a file ends in."""
    tag = tag.lower().rstrip(".")
    yield tag
    yield _VERSION.sub("", tag)
    yield tag.rpartition(".")[2]
