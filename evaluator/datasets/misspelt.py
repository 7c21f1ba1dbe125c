"""Fields that are none, but are called almost like one. A row may carry more fields than ours, and they are left alone;
of these it is said, for a limit that nobody reads is no limit.
"""

from __future__ import annotations

import difflib
import functools
import typing
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

ALIKE = 0.8
"""From 0 to 1, how alike two names are, as difflib measures it: `time_limt`, `timeLimit` and `time_limit_s` are."""
LOOKED_AT = 200
"""Different names that are no fields, of one text. What comes after these is left alone: that is no slip."""

Fields = type[msgspec.Struct]
_Object = dict[str, msgspec.Raw]
_List = list[msgspec.Raw]


class Slip(typing.NamedTuple):
    """What is not read, and why; as text both."""

    field: str
    """With the path of the object in which it stands: ``submissions[].langauge``."""
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class _Media(typing.NamedTuple):
    """How the parts of a text are found, without reading what is in them."""

    fields: msgspec.json.Decoder[_Object] | msgspec.msgpack.Decoder[_Object]
    items: msgspec.json.Decoder[_List] | msgspec.msgpack.Decoder[_List]


_JSON = _Media(msgspec.json.Decoder(_Object), msgspec.json.Decoder(_List))
_MSGPACK = _Media(msgspec.msgpack.Decoder(_Object), msgspec.msgpack.Decoder(_List))


def together(*kinds: Fields) -> Fields:
    """The fields of all of them."""
    hints = {name: hint for kind in kinds for name, hint in typing.get_type_hints(kind).items()}
    return msgspec.defstruct("Together", [(name, hint, None) for name, hint in hints.items()])


def misspelt(
    fields: Fields, text: bytes | msgspec.Raw, *, msgpack: bool = False, options: Collection[str] = ()
) -> list[Slip]:
    """What to say of an object that was read as one with these fields, and of the objects in it.

    ``options``: names that are fields of none of them, but options, which do not stand here."""
    told: dict[tuple[str, str], str | None] = {}
    misplaced: dict[str, None] = {}
    for prefix, name, lacks in _unknown(fields, text, "", _MSGPACK if msgpack else _JSON):
        if name in options:
            misplaced[prefix + name] = None
        elif told.get((prefix, name)) is None:
            if len(told) == LOOKED_AT:
                break
            told[prefix, name] = meant(name, lacks)
    found = ((prefix + name, meant) for (prefix, name), meant in told.items() if meant is not None)
    return [
        *(Slip(name, "is an option, and is not read here; options stand in the address") for name in misplaced),
        *(Slip(name, f"there is no such field; did you mean {meant}?") for name, meant in found),
    ]


def meant(name: str, lacks: list[str]) -> str | None:
    """Which of these the name is almost."""
    if len(name) * ALIKE > (2 - ALIKE) * max(map(len, lacks), default=0):  # so long a name is like none
        return None
    return next(iter(difflib.get_close_matches(name.lower(), lacks, 1, ALIKE)), None)


def _unknown(
    fields: Fields, text: bytes | msgspec.Raw, prefix: str, media: _Media
) -> Iterator[tuple[str, str, list[str]]]:
    """Names that are no fields, with the path before them and the fields that the object has not."""
    inner = fields_within(fields)
    try:
        given = media.fields.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # null; or not read as JSON is
    for name, value in given.items():
        if name not in inner:
            yield prefix, name, [field for field in inner if field not in given]
        elif (within := inner[name]) is not None:
            place, kind = within
            if place == "itself":
                yield from _unknown(kind, value, f"{prefix}{name}.", media)
            else:
                for each in _several(value, media):
                    yield from _unknown(kind, each, f"{prefix}{name}[].", media)


def _several(text: msgspec.Raw, media: _Media) -> Iterable[msgspec.Raw]:
    try:
        return media.items.decode(text)
    except msgspec.ValidationError:
        pass
    try:
        return media.fields.decode(text).values()
    except msgspec.ValidationError:
        return ()


@functools.cache
def fields_within(fields: Fields) -> dict[str, tuple[str, Fields] | None]:
    """For each field whether an object with fields of its own stands there ``itself``, or ``several`` do."""
    return {name: _within(hint) for name, hint in typing.get_type_hints(fields).items()}


def _within(hint: Any) -> tuple[str, Fields] | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "itself", hint
    for part in typing.get_args(hint):
        if (found := _within(part)) is not None:
            return ("several", found[1]) if typing.get_origin(hint) in (list, tuple, dict) else found
    return None
