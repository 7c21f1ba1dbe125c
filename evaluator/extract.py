"""The program in what a model said.

    think sections    are left aside. One that never ends holds no answer, whatever else stands in it
    fenced blocks     the last one with a tag of the language; else the last one without a tag; closed or not
    no fence at all   the whole text, when it looks like a program

A fence is a line with at least three backticks or tildes, as in CommonMark, and what models make of it: indented to
any depth, behind other words, with the closing fence at the end of the last line of code. It ends at a fence of the
same kind, as long or longer, that is not indented further than code would be; a fence with a tag ends it, too, because
no fence that closes has a tag. Text within a block is never looked at but for its end, so a docstring may hold fences.

Time is linear in the text, whatever stands in it: it is searched line by line, once, and no part is copied again for
what is taken off it. Other threads get their turn meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

Found = Literal["tagged", "untagged", "unclosed", "bare", "unclosed_think", "other_language", "nothing"]

TAGS: dict[str, frozenset[str]] = {
    "python": frozenset({"python", "py", "python3", "py3", "python2", "pypy", "pypy3", "cpython", "ipython", "sage"}),
    "pypy": frozenset({"python", "py", "python3", "py3", "pypy", "pypy3"}),
    "cpp": frozenset({"cpp", "c++", "cc", "cxx", "cpp14", "cpp17", "cpp20", "c++14", "c++17", "c++20"}),
    "c": frozenset({"c"}),
    "java": frozenset({"java"}),
    "rust": frozenset({"rust", "rs"}),
    "go": frozenset({"go", "golang"}),
    "javascript": frozenset({"javascript", "js", "node", "nodejs"}),
}
"""What models write behind the fence, in lower case, by language of the submission."""

_OTHER = frozenset(
    "bash c# console csharp css diff haskell html ini input json kotlin latex lua markdown math md ocaml output pascal"
    " perl php plain plaintext powershell r ruby scala scheme sh shell sql swift terminal tex text toml ts txt"
    " typescript xml yaml yml zsh".split()
).union(*TAGS.values())
"""Tags of what is surely no program of the language that was asked for; an unknown tag counts as none."""

_THINK = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("[THINK]", "[/THINK]"),
)
_CLOSINGS = dict(_THINK)
_BEGINS = re.compile(rf"[^\S\n]*+({'|'.join(map(re.escape, _CLOSINGS))})")
_TAG = re.compile(r"[{.]*([\w+#-]*)")
_DEEPER = 4
"""Indentation, beyond that of the opening fence, from which a fence is part of the code. CommonMark's number."""
_PROGRAM = re.compile(
    r"^[ \t]*+(?:(?:import|from)[ \t]++[\w.]++|(?:async[ \t]++)?def[ \t]++\w++[ \t]*+\("
    r"|class[ \t]++\w[^\n]{0,200}:[ \t]*+$"
    r"|@\w|(?:print|input|sys\.\w++|main|solve)[ \t]*+[(.]|return\b"
    r"|\w++(?:[ \t]*+,[ \t]*+\w++){0,20}+[ \t]*+=[^=\n]"
    r"|(?:for|while|if|with)\b[^\n]{0,200}:[ \t]*+$"
    r"|#!|#include\b|using namespace\b|int main\b|public class\b|package main\b|fn main\b)",
    re.MULTILINE,
)
_WINDOW = 1 << 16
"""Characters that a pattern is looked for in at once: other threads have to wait meanwhile."""


class Extraction(msgspec.Struct, frozen=True):
    """A program, and how it was found."""

    code: str | None
    found: Found
    """tagged, untagged: a fenced block with a tag of the language, or without; unclosed: one whose end is missing;
    bare: the whole text. No code: unclosed_think (only reasoning), other_language (only blocks of others), nothing."""
    tag: str | None = None
    """What stood behind the fence."""


class _Block(NamedTuple):
    tag: str
    text: str
    closed: bool


def extract(completion: str, language: str = "python", *, starts_in_think: bool = False) -> Extraction:
    """The program of this language in a completion.

    ``starts_in_think``: the prompt ended with an opened think section, so that the completion holds only its end.
    """
    answer = _after_reasoning(completion, starts_in_think)
    if answer is None:
        return Extraction(None, "unclosed_think")
    blocks, rest = _blocks(answer)
    wanted = TAGS.get(language, frozenset({language}))
    for block in reversed(blocks):
        if block.tag.lower() in wanted:
            return Extraction(block.text, "tagged" if block.closed else "unclosed", block.tag)
    plain = [block for block in blocks if block.tag.lower() not in _OTHER]
    if plain:
        block = next((block for block in reversed(plain) if _is_program(block.text)), plain[-1])
        return Extraction(block.text, "untagged" if block.closed else "unclosed", block.tag or None)
    if blocks:
        return Extraction(None, "other_language", blocks[-1].tag)
    if rest is None:
        return Extraction(None, "unclosed_think")
    if _is_program(rest):
        return Extraction(rest.strip("\r\n"), "bare")
    return Extraction(None, "nothing")


def _is_program(text: str) -> bool:
    """Whether it looks like one."""
    return any(_PROGRAM.search(text, begin, end) for begin, end in _windows(text))


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Where parts of whole lines begin and end."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + _WINDOW) + 1 or len(text)
        yield begin, end
        begin = end


def _after_reasoning(text: str, inside: bool) -> str | None:
    """Without the reasoning whose beginning stands in the prompt. None: it never ended."""
    for opening, closing in _THINK:
        end = text.find(closing)
        if end >= 0 and (inside or text.find(opening, 0, end) < 0):
            return text[end + len(closing) :]
    return None if inside else text


def _blocks(text: str) -> tuple[list[_Block], str | None]:
    """Blocks that are not empty; and the text behind the last think section, empty where there was a fence at all.

    None for that text: a think section does not end.
    """
    blocks: list[_Block] = []
    fence: _Fence | None = None
    fenced = False
    rest = 0
    begin = at = 0  # of the code of the open block, of the line looked at

    def close(end: int, *, closed: bool) -> None:
        assert fence is not None
        code = _undented(text[begin:end], fence.indent)
        if code.strip():
            blocks.append(_Block(fence.tag, code, closed))

    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if fence is None:
            after = _skip_reasoning(text, at)
            if after is None:
                return blocks, None
            if after > at:
                at = rest = after
                continue
            fence = _opening(line)
            if fence is not None:
                fenced = True
                begin = end + 1
                if fence.inline:
                    begin, stop = at + fence.inline[0], at + fence.inline[1]
                    close(stop, closed=True)
                    fence = None
        elif (kind := _ending(line, fence)) is not None:
            close(at + kind, closed=True)
            fence = None
        elif (inner := _fence(line)) is not None and inner.tag and inner.indent < fence.indent + _DEEPER:
            close(at, closed=False)
            fence, begin = inner, end + 1
        at = end + 1
    if fence is not None:
        close(len(text), closed=False)
    return blocks, "" if fenced else text[rest:]


def _skip_reasoning(text: str, at: int) -> int | None:
    """Where think sections that begin with this line end, one behind the other; ``at`` when none begins here.

    None: one does not end.
    """
    while begins := _BEGINS.match(text, at):
        closing = _CLOSINGS[begins[1]]
        end = text.find(closing, begins.end())
        if end < 0:
            return None
        at = end + len(closing)
    return at


class _Fence(NamedTuple):
    mark: str
    length: int
    indent: int
    tag: str
    inline: tuple[int, int] | None = None
    """Where the code stands, when it begins and ends in the line of the fence itself."""


def _fence(line: str) -> _Fence | None:
    """A line that is nothing but a fence and a tag."""
    body = line.lstrip(" \t")
    mark = body[:1]
    if body[:3] not in ("```", "~~~"):
        return None
    rest = body.lstrip(mark)
    if mark == "`" and "`" in rest:
        return None
    tag = _TAG.match(rest.strip())
    return _Fence(mark, len(body) - len(rest), len(line) - len(body), tag[1] if tag else "")


def _opening(line: str) -> _Fence | None:
    """A fence that opens a block: a line of its own, or behind other words."""
    if (fence := _fence(line)) is not None:
        return fence
    first = line.find("```")
    if first < 0:
        return None
    rest = line[first:].lstrip("`")
    length = len(line) - first - len(rest)
    tag = rest.strip()
    if "`" not in rest:
        return _Fence("`", length, 0, tag) if tag.isalnum() or not tag else None
    last = line.find("`" * length, first + length)
    if last < 0 or line[last:].strip(" \t\r`"):
        return None  # code in the middle of a sentence
    word, _, code = line[first + length : last].partition(" ")
    if not code.strip() or word.lower() not in _OTHER:
        return _Fence("`", length, 0, "", (first + length, last))
    return _Fence("`", length, 0, word, (first + length + len(word) + 1, last))


def _ending(line: str, fence: _Fence) -> int | None:
    """Where in the line the code ends, when this line closes the block."""
    body = line.strip(" \t\r")
    if not body.endswith(fence.mark * 3):
        return None
    code = body.rstrip(fence.mark)
    if len(body) - len(code) < fence.length:
        return None
    indent = len(line) - len(line.lstrip(" \t"))
    if not code:
        return 0 if indent < fence.indent + _DEEPER else None
    if fence.mark == "`" and "```" not in code:  # behind the last line of code
        return indent + len(code)
    return None


def _undented(code: str, indent: int) -> str:
    """Without the indentation that the fence itself has, as within a list."""
    code = code.removesuffix("\n").removesuffix("\r")
    if not indent:
        return code
    indentation = re.compile(rf"^[ \t]{{1,{indent}}}", re.MULTILINE)
    return "".join(indentation.sub("", code[begin:end]) for begin, end in _windows(code))
