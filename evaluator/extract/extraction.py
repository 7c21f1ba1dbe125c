"""From a completion to a program."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from .blocks import Block, Scan
from .choice import program_of
from .looks import is_program
from .marks import without_end
from .tags import is_known, is_of

Found = Literal["tagged", "untagged", "unclosed", "bare", "unclosed_think", "other_language", "nothing"]

_ANALYSIS = re.compile(r"\s*+analysis(?=[A-Z][\w']*+ \w)")
_FINAL = "assistantfinal"
_HEADER = re.compile(r"\s*+(?>(?:<\|[\w-]{1,40}\|>(?:assistant)?\s*+)+)")
"""Special tokens that begin a turn."""


class Extraction(msgspec.Struct, frozen=True):
    """A program, and how it was found."""

    code: str | None
    found: Found
    """tagged, untagged: a block of code with a tag of the language, or without; unclosed: one whose end is missing;
    bare: all that was said, or all that stands in the answer's section. No code: unclosed_think (only reasoning),
    other_language (only blocks of others), nothing."""
    tag: str | None = None
    """What the block said that it is in."""


def extract(
    completion: str, language: str = "python", *, starts_in_think: bool = False, entry_point: str | None = None
) -> Extraction:
    """The program of this language in a completion.

    ``starts_in_think``: the prompt ended with an opened think section, so that the completion holds only its end.
    ``entry_point``: the function that the program has to define, where it is known.
    """
    text = said(without_end(completion))
    if text is None:
        return Extraction(None, "unclosed_think")
    scan = Scan(text, starts_in_think)
    blocks, rest = scan.answer()
    tagged = [block for block in blocks if is_of(block.tag, language)]
    if tagged and (program := program_of(tagged, language, entry_point)):
        return _extraction(program, "tagged")
    plain = [block._replace(text=_without_label(block.text, language)) for block in blocks if not is_known(block.tag)]
    if plain and (program := program_of([b for b in plain if is_program(b.text)] or plain[-1:], language, entry_point)):
        return _extraction(program, "untagged")
    if scan.thinking and not blocks:
        return Extraction(None, "unclosed_think")
    if blocks:
        return Extraction(None, "nothing" if tagged or plain else "other_language", blocks[-1].tag or None)
    if is_program(rest):
        header = _HEADER.match(rest)
        return Extraction(_without_label(rest[header.end() if header else 0 :], language).strip("\r\n"), "bare")
    return Extraction(None, "nothing")


def _extraction(block: Block, found: Found) -> Extraction:
    return Extraction(block.text, found if block.closed else "unclosed", block.tag or None)


def _without_label(text: str, language: str) -> str:
    """Without a first line that does nothing but name the language."""
    label, newline, code = text.lstrip("\r\n").partition("\n")
    return code if newline and len(label) < 40 and is_of(label.strip() or "-", language) else text


def said(text: str) -> str | None:
    """The text, or the end of it where its marks were lost: a tokenizer that drops them leaves the names of the
    channels of gpt-oss, ``analysisWe need ...assistantfinalHere is ...``. None: only the analysis."""
    if not _ANALYSIS.match(text):
        return text
    final = text.rfind(_FINAL)
    return text[final + len(_FINAL) :] if final >= 0 else None
