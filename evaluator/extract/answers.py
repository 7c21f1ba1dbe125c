"""From a completion to the answer of a prediction: an assertion, or the value or the call that was asked for.

What it says is for `evaluator/answer` to read; here it is only found. Nothing is parsed.
"""

from __future__ import annotations

import re

from .blocks import Scan, Section
from .extraction import Extraction, said
from .looks import windows
from .marks import without_end

MOST = 64
"""Assertions that are looked at, the last ones of a section."""
GIVEN = 1 << 12
"""Characters of what is given that are looked for, and of each assertion that they are looked for in."""
_ASSERTION = re.compile(r"(?:^[ \t>*`-]*+|(?<=`))(assert)\b", re.MULTILINE)
_END = re.compile(r"```|~~~|^\[[A-Z]{2,20}\]|\[/[A-Z]{2,20}\]", re.MULTILINE)
_WRAPPED = re.compile(r"\s*+(`{1,3}|\*\*|\$)(?![`*$])([^\n]*?)\1\s*")


def extract_answer(completion: str, *, starts_in_think: bool = False, given: str = "") -> Extraction:
    """The last assertion in the last section for answers; or all that stands there: in its last block, where there is
    one. ``given``: what the prompt has of the assertion, by which it is known where several are made."""
    text = said(without_end(completion))
    if text is None:
        return Extraction(None, "unclosed_think")
    scan = Scan(text, starts_in_think)
    sections = scan.sections()
    if not sections:
        return Extraction(None, "unclosed_think")
    given = _bare(given)
    found = [assertions for section in sections if (assertions := _assertions(section))]
    for assertions in reversed(found):
        for assertion in reversed(assertions):
            if given and given[:GIVEN] in _bare(assertion[: 2 * GIVEN]):
                return Extraction(assertion, "tagged")
    if found:
        return Extraction(found[-1][-1], "tagged")
    last = sections[-1]
    if last.blocks:
        return Extraction(last.blocks[-1].strip(), "untagged")
    answer = last.text.strip()
    wrapped = _WRAPPED.fullmatch(answer) if len(answer) < GIVEN else None
    answer = wrapped[2].strip() if wrapped else answer
    return Extraction(answer, "bare") if answer else Extraction(None, "nothing")


def _assertions(section: Section) -> list[str]:
    """Each up to the next one, the end of its block, or of its code where it stands in a sentence."""
    text = section.text
    places = [match for begin, end in windows(text) for match in _ASSERTION.finditer(text, begin, end)][-MOST:]
    ends = [*(place.start() for place in places[1:]), len(text)]
    return [_assertion(text, place.start(1), end) for place, end in zip(places, ends, strict=False)]


def _assertion(text: str, begin: int, end: int) -> str:
    if text[begin - 1 : begin] == "`" and (close := text.find("`", begin, end)) >= 0:
        end = close
    elif mark := _END.search(text, begin, end):
        end = mark.start()
    return text[begin:end].strip()


def _bare(text: str) -> str:
    return "".join(text.split()).replace('"', "'")
