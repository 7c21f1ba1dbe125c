"""The program, or the answer to a prediction, in what a model said (docs/extraction.md).

    extraction  Extraction, extract: from a completion to a program
    answers     extract_answer: from a completion to an assertion, or the value or the call that was asked for
    blocks      Scan: the blocks of code in a text, and which part of the text is the answer
    marks       what stands around code: fences, marks of reasoning, of answers, of the end
    looks       whether a text without marks looks like a program
    tags        which language a block says that it is in
    choice      which of several blocks is the program

Time is linear in the text, whatever stands in it: it is searched once, from mark to mark, and nothing that a mark makes
necessary looks at more than the text up to the next one. Other threads get their turn meanwhile.
"""

from __future__ import annotations

from .answers import extract_answer
from .extraction import Extraction, Found, extract
from .marks import without_end

__all__ = ["Extraction", "Found", "extract", "extract_answer", "without_end"]
