"""What a Kattis package says of its programs: by the directory they lie in, and by ``submissions.yaml``.

A label is what verdicts the tests may have, and which at least one must have. So a program is right when all of them
must be accepted, wrong when one must not be; of others nothing is known.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from .base import Unusable, as_object
from .kattis_folder import Folder, check_keys
from .kattis_programs import CODES

_ALL = ("AC", "WA", "TLE", "RTE")
_FILE = "submissions/submissions.yaml"
MOST = 1000
"""Forms of a pattern with braces that are looked at."""
_BY_SPEED = ("slow_accepted", "time_limit_exceeded", "brute_force")
_VERDICTS = {
    "accepted": "AC",
    "slow_accepted": "AC",
    "wrong_answer": "WA",
    "run_time_error": "RTE",
    "runtime_error": "RTE",
    "time_limit_exceeded": "TLE",
    "memory_limit_exceeded": "MLE",
    "output_limit_exceeded": "OLE",
    "partially_accepted": "PARTIAL",
    "rejected": "REJECTED",
    "brute_force": "REJECTED",
}
"""The publisher's own label, by directory."""


class _Rule(msgspec.Struct, frozen=True):
    """Of a pattern in submissions.yaml."""

    permitted: list[str] | None = None
    required: list[str] | None = None
    language: str | None = None
    entrypoint: str | None = None
    UNREAD = ("authors", "model_solution", "score", "message", "use_for_time_limit")

    def over(self, other: _Rule) -> _Rule:
        own = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(other, **own)


_DEFAULTS = {
    folder: _Rule(permitted=["AC"]) if verdict == "AC" else _Rule(required=["WA", "TLE", "RTE"])
    for folder, verdict in _VERDICTS.items()
}


class Label(NamedTuple):
    """Of one program."""

    accept: bool | None
    verdict: str | None
    timing_sensitive: bool
    language: str | None
    """Our name of it, where it is said."""
    entry: str | None
    """Where it begins, where that is said."""


class Labels:
    """Of one package."""

    def __init__(self, rules: Mapping[str, _Rule]) -> None:
        self._rules = rules

    @classmethod
    def read(cls, folder: Folder) -> Labels:
        """Raises Unusable."""
        given = as_object(folder.yaml(_FILE)) or {}
        rules: dict[str, _Rule] = {}
        for pattern, value in given.items():
            name = f"{_FILE}: {pattern}"
            # What is required of some tests only says nothing of the whole.
            whole = {key: each for key, each in (as_object(value) or {}).items() if as_object(each) is None}
            check_keys(name, whole, _Rule)
            try:
                rules[pattern] = msgspec.convert(whole, _Rule)
            except msgspec.ValidationError as error:
                raise Unusable(name, str(error)) from None
            if (language := rules[pattern].language) is not None and language not in CODES:
                raise Unusable(name, "a language that the format does not know", language)
        return cls(rules)

    def of(self, name: str) -> Label:
        """``name``: the path below submissions."""
        folder = name.partition("/")[0] if "/" in name else ""
        own = self._rules.get(folder, _Rule()).over(_DEFAULTS.get(folder, _Rule()))
        found = [own, *(rule for pattern, rule in self._rules.items() if pattern != folder and _matches(pattern, name))]
        permitted = set(_ALL).intersection(*(rule.permitted for rule in found if rule.permitted is not None))
        accept = True if permitted == {"AC"} else None
        if any("AC" not in rule.required for rule in found if rule.required is not None):
            accept = False
        language = next((rule.language for rule in reversed(found) if rule.language), None)
        entry = next((rule.entrypoint for rule in reversed(found) if rule.entrypoint), None)
        return Label(
            accept=accept,
            verdict=_VERDICTS.get(folder),
            timing_sensitive=folder in _BY_SPEED,
            language=CODES[language] if language else None,
            entry=entry,
        )


def _matches(pattern: str, name: str) -> bool:
    """Itself or a directory around it. ``*`` stands for a part of one name, ``{a,b}`` for either."""
    return any(_fits_all(each.split("/"), name.split("/")) for each in _without_braces(pattern))


def _without_braces(pattern: str) -> Iterator[str]:
    parts = re.split(r"\{([^{}]*)\}", pattern)
    choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
    return map("".join, itertools.islice(itertools.product(*choices), MOST))


def _fits_all(patterns: list[str], names: list[str]) -> bool:
    return len(patterns) <= len(names) and all(map(_fits, patterns, names))


def _fits(pattern: str, name: str) -> bool:
    first, *others = pattern.split("*")
    if not others:
        return pattern == name
    *between, last = others
    if len(first) + len(last) > len(name) or not (name.startswith(first) and name.endswith(last)):
        return False
    place, end = len(first), len(name) - len(last)
    for part in between:
        found = name.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True
