"""Structs that are what their types say, however they came to be."""

from __future__ import annotations

import functools
import re
import reprlib
from collections.abc import Iterator
from typing import Any, cast, get_type_hints

import msgspec

_PLACE = re.compile(r"(.*) - at `(key` in `)?\$\.(\w+)(?:\[(\d+)\])?(.*)`", re.DOTALL)
SHOWN = 20
"""Characters of a value that an error shows."""
_OWN_WORDS = re.compile(r"(?:_?[A-Z]\w*\.)?([a-z_]\w*(?:\.[a-z_]\w*|\[(?:\d+|\.\.\.)\])*): (.*)", re.DOTALL)


class Validated(msgspec.Struct, frozen=True):
    """Holds every instance to the types of its fields, bounds included: one that was made in Python, replaced, copied
    deeply or unpickled as well as one that was decoded. What a decoder turns into the type of a field is turned here,
    too: a list becomes a tuple, a dict a Struct.

    Raises ValueError, ``Type.field: reason (found value)``; of what is decoded the decoder makes it a ValidationError,
    which is one, with the path.
    """

    def __post_init__(self) -> None:
        given = msgspec.structs.asdict(self)
        if msgspec.UNSET in given.values():
            given = {name: value for name, value in given.items() if value is not msgspec.UNSET}
        try:
            held = msgspec.convert(given, _fields(type(self)))
        except msgspec.ValidationError as error:
            raise ValueError(_told(type(self).__name__, given, str(error))) from None
        fields = zip(self.__struct_fields__, msgspec.structs.astuple(held), msgspec.structs.astuple(self), strict=True)
        for name, valid, value in fields:
            if valid is not value:
                msgspec.structs.force_setattr(self, name, valid)
        if type(self)._check is Validated._check:
            return
        try:
            self._check()
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}.{error}") from None

    def _check(self) -> None:
        """For subclasses: rules that no type says. Raises ValueError, ``field: reason``."""


class ValidText(Validated, frozen=True):
    """And whose text, wherever it stands in a field, is Unicode text: no half of a surrogate pair, which cannot be
    encoded. Only what was made in Python could have one.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in self.__struct_fields__:
            for where, text in _texts(field, getattr(self, field)):
                if not text.isascii():
                    try:
                        text.encode()
                    except UnicodeEncodeError as error:
                        found = text[error.start : error.start + SHOWN]
                        reason = f"half of a surrogate pair at character {error.start} (found {found!r})"
                        raise ValueError(f"{type(self).__name__}.{where}: {reason}") from None


def _texts(where: str, value: Any) -> Iterator[tuple[str, str]]:
    """In what a field holds, but for Structs, which look for themselves."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            yield from _texts(f"{where}[...]", key)
            yield from _texts(f"{where}[...]", item)
    elif isinstance(value, tuple):
        for number, item in enumerate(cast("tuple[Any, ...]", value)):
            if not isinstance(item, msgspec.Struct):  # there may be thousands
                yield from _texts(f"{where}[{number}]", item)


def own_words(message: str) -> tuple[str, str] | None:
    """Field and reason, where a Validated, or a check in the same words, said them."""
    own = _OWN_WORDS.fullmatch(message)
    return None if own is None else (own[1], own[2])


@functools.cache
def _fields(kind: type[Validated]) -> type[msgspec.Struct]:
    """The same fields without the check, which would have no end."""
    types = get_type_hints(kind, include_extras=True)
    fields: list[Any] = [
        (field.name, types[field.name], *([msgspec.UNSET] if field.default is msgspec.UNSET else []))
        for field in msgspec.structs.fields(kind)
    ]
    return msgspec.defstruct(kind.__name__, fields, kw_only=True)


def _told(kind: str, given: dict[str, Any], message: str) -> str:
    place = _PLACE.fullmatch(message)
    assert place is not None  # the dict itself is right; only its values are looked at
    reason, key, name, number, rest = place.groups()
    value: Any = given[name]
    where = f"{kind}.{name}"
    if number is not None:
        where += f"[{number}]"
        if type(value) in (list, tuple):
            value = value[int(number)]
    reason = ("key: " if key else "") + reason[:1].lower() + reason[1:].replace("`", "")
    return f"{where}{rest}: {reason} (found {_shown(value)})"


def _shown(value: object) -> str:
    """The beginning of it."""
    try:
        return reprlib.repr(value)
    except ValueError:  # an integer with more digits than Python writes
        return f"{type(value).__name__} that is too long to show"
