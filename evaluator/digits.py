"""JSON with integers of any length, whatever limit the interpreter has on them.

Python turns text into an integer in quadratic time, and refuses what is longer than a limit of the process (4300
digits, unless somebody has changed it). An output may be one integer of millions of digits; so a long one stays text
here. JSON writes each integer in one way only: equal text is an equal integer.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

LONG = sys.int_info.str_digits_check_threshold
"""Digits that no limit of an interpreter forbids: 640. No float is as large as a longer integer."""


class Digits:
    """An integer of more than LONG digits."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digits) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"{self.text[:20]}... ({len(self.text.lstrip('-'))} digits)"


def integer(text: str) -> int | Digits:
    """What JSON says of an integer."""
    return int(text) if len(text) <= LONG or (len(text) == LONG + 1 and text[0] == "-") else Digits(text)


def has_digits(text: str | bytes) -> bool:
    """Whether there is an integer of more than LONG digits in the text. True also where one is merely half as long, or
    stands in a word. Takes little, for it looks at every 320th character first."""
    half = LONG // 2
    return any(text[at : at + half].isdigit() for at in range(0, len(text) - half + 1, half))


def loads(text: str) -> Any:
    """As json.loads, but with Digits. Raises what it raises."""
    return json.loads(text, parse_int=integer if has_digits(text) else None)


def dumps(value: Any) -> str:
    """As json.dumps, for what ``loads`` gave."""
    return msgspec.json.encode(value, enc_hook=_raw).decode()


def _raw(value: Any) -> msgspec.Raw:
    if isinstance(value, Digits):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"a {type(value).__name__} is no JSON data")
