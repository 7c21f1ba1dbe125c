"""Which of several blocks in a language is the program.

The last one is, unless it cannot be: it is a session of an interpreter, or lacks ``main``; it does not define the
function that is asked for; it uses what only an earlier block defines. Then it goes on from that block, as the cells of
a notebook do, or shows how the program is used, where the earlier blocks are one without it.

Names are looked for in the text, not in a syntax tree: parsing is not linear, and the text is anybody's. Where that
errs, it takes a name for defined, and so the block for whole.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Sequence
from functools import cached_property

from ...sandbox.languages import LANGUAGES, TAGS
from .blocks import Block
from .looks import WINDOW

MOST = 16
"""Blocks that are looked at, the last ones."""
_MAIN = re.compile(r"\bmain\s*+\(")
_NO_PYTHON = re.compile(r"\s*+(?:>>>|In \[|[%!$])")
_INDENTED = re.compile(r"(?>(?:[ \t]*+(?:#[^\n]*+)?\r?\n)*)[ \t]++[^\s#]")
_TEXTS = re.compile(
    r"#[^\n]*+|([A-Za-z]{0,2})(?:"
    r'"""((?>(?:[^"\\]++|\\[\s\S]|"(?!""))*))(?:""")?|' + r"'''((?>(?:[^'\\]++|\\[\s\S]|'(?!''))*))(?:''')?|"
    r'"((?>(?:[^"\\\n]++|\\[\s\S])*))"?|' + r"'((?>(?:[^'\\\n]++|\\[\s\S])*))'?)"
)
"""Comments and strings of Python, also unfinished ones."""
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*+")
_DEFINED = re.compile(r"^(?:async[ \t]++)?(?:def|class)[ \t]++(\w++)", re.MULTILINE)
_ASSIGNED = re.compile(r"^([^\W\d]\w*+(?>(?:[ \t]*+,[ \t]*+\w++)*))[ \t]*+(?::[^=\n]{0,100})?=(?!=)", re.MULTILINE)
_BOUND = re.compile(
    r"(?:^|[:;])[ \t]*+\(?+([\w \t,*]++)\)?+[ \t]*+(?==(?!=))|^[ \t]*+(\w++)(?=[ \t]*+:[^=\n]{0,100}=(?!=))"
    r"|=[ \t]*+(\w++)(?=[ \t]*+=(?!=))|(?<!\w)(\w++)[ \t]*+:="
    r"|\bfor\b([^\n:]{0,100}?)\bin\b|\bdef[ \t]++(\w++[ \t]*+\([^)]{0,500})|\bclass[ \t]++(\w++)"
    r"|\blambda\b([^\n:]{0,200}):|\b(?:import|as|global|nonlocal)\b([ \t]*+\([^)]{0,2000}|[^\n]{0,500})",
    re.MULTILINE,
)
_IMPORTED = re.compile(r"^(?:from[ \t]++([\w.]++)[ \t]++)?import\b([ \t]*+\([^)]{0,2000}|[^\n]{0,500})", re.MULTILINE)
_STAR = re.compile(r"^from\b[^\n]{0,200}\bimport[ \t]*+\*", re.MULTILINE)
_RETURNS = re.compile(r"^(?:return|elif|else|except|finally)\b", re.MULTILINE)
_ACTS = re.compile(
    r"^(?!(?:def|class|async|import|from|global)\b|[\s@)\]}#'\"]"
    r"|[^\W\d]\w*+(?>(?:[ \t]*+,[ \t]*+\w++)*)[ \t]*+(?::[^=\n]{0,100})?=(?!=))\S",
    re.MULTILINE,
)
_PRINTS = re.compile(r"\b(?:print|write|writelines|stdout)\b")


def program_of(blocks: Sequence[Block], language: str, entry_point: str | None) -> Block | None:
    """The program in blocks of the language. None: none of them is one."""
    if TAGS.get(language) is TAGS["python"]:
        return _of_python([block for block in blocks if not _NO_PYTHON.match(block.text)], entry_point)
    if language in LANGUAGES and LANGUAGES[language].starts_at_main:
        return next((block for block in reversed(blocks) if _MAIN.search(block.text)), blocks[-1])
    return blocks[-1]


class _Piece:
    """A block of Python, and the names in it."""

    def __init__(self, block: Block) -> None:
        self.block = block

    @cached_property
    def code(self) -> str:
        """Without what stands in strings and comments; what f-strings compute stays. None of what is so large."""
        return _TEXTS.sub(_without_text, self.block.text) if len(self.block.text) <= WINDOW else ""

    @cached_property
    def defined(self) -> set[str]:
        """At the outermost level, by ``def``, ``class`` or assignment."""
        assigned = (name.strip() for names in _ASSIGNED.findall(self.code) for name in names.split(","))
        return {*_DEFINED.findall(self.code), *assigned}

    @cached_property
    def free(self) -> set[str]:
        """Used, and bound nowhere in it."""
        if _STAR.search(self.code):
            return set()
        bound = {name for words in _BOUND.findall(self.code) for text in words for name in _NAME.findall(text)}
        return set(_NAME.findall(self.code)) - bound - _BUILTIN

    @cached_property
    def imported(self) -> set[str]:
        return {name for _, names in _IMPORTED.findall(self.code) for name in _NAME.findall(names)}

    @cached_property
    def foreign(self) -> set[str]:
        """Imported by name from a module that Python does not have."""
        return {
            name
            for module, names in _IMPORTED.findall(self.code)
            if module and module.partition(".")[0] not in sys.stdlib_module_names
            for name in _NAME.findall(names)
        }

    @cached_property
    def may_run(self) -> bool:
        """Whether it does anything, and does not begin or end within a function or a statement."""
        returns = _RETURNS.search(self.code)
        within = returns is not None and (returns[0] == "return" or not self.code[: returns.start()].strip())
        return not within and (len(self.block.text) > WINDOW or _NAME.search(self.code) is not None)

    @cached_property
    def acts(self) -> bool:
        """Whether it does more than to define."""
        return _ACTS.search(self.code) is not None

    @cached_property
    def is_whole(self) -> bool:
        """Whether it does something, and prints."""
        return self.acts and _PRINTS.search(self.code) is not None


_BUILTIN = frozenset(dir(builtins))


def _without_text(found: re.Match[str]) -> str:
    prefix = found[1]
    if not prefix or "f" not in prefix.lower():
        return f"{prefix or ''}''" if found[0][0] != "#" else ""
    text = found[2] or found[3] or found[4] or found[5] or ""
    return f"({' '.join(re.findall(r'[{]([^{}]*+)[}]', text))})"


def _of_python(blocks: Sequence[Block], entry_point: str | None) -> Block | None:
    unindented = [block for block in blocks if not _INDENTED.match(block.text)]
    pieces = [_Piece(block) for block in (unindented or blocks)[-MOST:]]
    if len(pieces) > 1:
        pieces = [piece for piece in pieces if piece.may_run] or pieces
    if entry_point:
        defines = re.compile(rf"\bdef[ \t]+{re.escape(entry_point)}\b|^{re.escape(entry_point)}[ \t]*=", re.MULTILINE)
        last = next((n for n in reversed(range(len(pieces))) if defines.search(pieces[n].block.text)), len(pieces) - 1)
        pieces = pieces[: last + 1]
    while pieces:
        *earlier, last = pieces
        if not earlier:
            return last.block
        known = {name for piece in earlier for name in piece.defined}
        needed = _needed(earlier, last)
        if not (last.free | last.foreign) & known:  # it has all but its imports, unless a draft had them
            needed = [] if any(piece.acts or piece.defined & last.defined for piece in needed) else needed
        elif not entry_point and (last.foreign & known or any(piece.is_whole for piece in needed)):
            pieces = earlier  # it shows how the program is used
            continue
        parts = [*(piece.block for piece in needed), last.block]
        return last.block._replace(text="\n\n".join(part.text for part in parts))
    return None


def _needed(earlier: Sequence[_Piece], last: _Piece) -> list[_Piece]:
    """Those that define what the last one uses, and what they use themselves."""
    names = set(last.free)
    found: list[_Piece] = []
    for piece in reversed(earlier):
        if (piece.defined | piece.imported) & names:
            found.insert(0, piece)
            names = (names - piece.defined - piece.imported) | piece.free
    return found
