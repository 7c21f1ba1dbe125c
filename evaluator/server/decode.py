"""Bytes of a request to types. What is wrong with them is said with the path of the field."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

import msgspec

from ...sandbox.validated import own_words
from .errors import BadRequest, UnsupportedType

JSON, MSGPACK, NDJSON = "application/json", "application/msgpack", "application/x-ndjson"
_MSGPACK_TOO = ("application/x-msgpack", "application/vnd.msgpack")
_WHERE = re.compile(r"(.*) - at `(\$[^`]*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")

T = TypeVar("T")


def media_type(header: str | None) -> str:
    """JSON or MSGPACK. Anything else is refused: a web page can send text/plain to any server, but not these."""
    given = (header or "").partition(";")[0].strip().lower()
    if given == JSON:
        return JSON
    if given == MSGPACK or given in _MSGPACK_TOO:
        return MSGPACK
    raise UnsupportedType(f"Content-Type: {given or 'missing'}; it has to be {JSON} or {MSGPACK}")


def answer_type(accept: str | None, sent: str) -> str:
    """The media type to answer with: what the client accepts, else what it sent."""
    wanted = (accept or "").lower()
    if any(name in wanted for name in (MSGPACK, *_MSGPACK_TOO)):
        return MSGPACK
    return JSON if JSON in wanted else sent


class Decoder(Generic[T]):
    """Of one type, from both media types."""

    def __init__(self, kind: type[T]) -> None:
        self._json: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._msgpack: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kind)

    def decode(self, data: Any, media: str, prefix: str = "$") -> T:
        """Raises BadRequest with the path of the field, which starts with the prefix."""
        try:
            return (self._msgpack if media == MSGPACK else self._json).decode(data)
        except msgspec.ValidationError as error:
            raise bad_field(error, prefix) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = str(error).removeprefix("JSON is malformed: ")
            raise BadRequest(f"not {'msgpack' if media == MSGPACK else 'JSON'}: {reason}", path=prefix) from None
        except RecursionError:
            raise BadRequest("nested too deep", path=prefix) from None


_encode_json = msgspec.json.Encoder().encode
_encode_msgpack = msgspec.msgpack.Encoder().encode


def encode(value: object, media: str) -> bytes:
    return (_encode_msgpack if media == MSGPACK else _encode_json)(value)


def bad_field(error: Exception, prefix: str = "$") -> BadRequest:
    """What msgspec, or a check of ours that says ``field: reason``, found."""
    message, path = str(error), "$"
    if where := _WHERE.fullmatch(message):
        message, path = where[1], where[2]
    if missing := _MISSING.fullmatch(message):
        message, path = "missing", f"{path}.{missing[1]}"
    elif own := own_words(message):
        message, path = own[1], f"{path}.{own[0]}"
    return BadRequest(message.replace("`", ""), path=prefix + path.removeprefix("$"))
