"""Text of programs in what the evaluator says: whatever a program wrote, a report can be sent and written to a file."""

from __future__ import annotations

import functools

import msgspec


class Encodable(msgspec.Struct, frozen=True):
    """Whose text every encoding of Unicode takes: a half of a surrogate pair, which none does, is written ``\\ud800``.

    Holds for every instance, however it came to be. Text is that of the fields themselves, not of what they hold.
    """

    def __post_init__(self) -> None:
        for name in _texts(type(self)):
            value = getattr(self, name)
            if isinstance(value, str) and not value.isascii():
                msgspec.structs.force_setattr(self, name, encodable(value))


@functools.cache
def _texts(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Names of the fields that may hold a text."""
    return tuple(field.name for field in msgspec.structs.fields(struct) if field.type in (str, str | None))


def encodable(text: str) -> str:
    """The same text where it has no lone surrogate."""
    return text.encode("utf-8", "backslashreplace").decode()
