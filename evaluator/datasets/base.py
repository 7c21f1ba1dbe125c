"""What a format is, and what is said of a row that cannot be used.

A format reads rows of one form. It declares the fields that it looks at as a Struct; a row is decoded into that Struct,
whether it came as JSON or as Python objects from a parquet file, so that every mistake is told in the same words.
Fields that the Struct does not name are left alone.
"""

from __future__ import annotations

import abc
import functools
import json
import re
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, cast, get_args

import msgspec

from ...sandbox.errors import MicrocoderError
from ...sandbox.limits import Limits
from ...sandbox.validated import own_words
from ..problem import CheckerType, Mode, Problem
from ..submission import Submission
from .misspelt import meant

SHOWN = 40

_CHOICES: dict[str, tuple[str, ...]] = {"mode": get_args(Mode), "checker.type": get_args(CheckerType)}
_MISSING = re.compile(r"Object missing required field `(.*)`")
_LIMITS = Limits.__struct_fields__
_SLIP = re.compile(r"Expected `([^`]*)`, got `\w+` - at `\$\.(\w+)`")
"""What is wrong with a field of a row as a whole."""
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")

T = TypeVar("T")
R = TypeVar("R")
Place = tuple[Path, int]
Fields = tuple[str | tuple[str, ...], ...]
"""Names of fields, each of which a row has; of those in a tuple it has one."""


def alternatives(fields: Fields) -> Iterator[tuple[str, ...]]:
    """The names of which a row has one each."""
    return ((field,) if isinstance(field, str) else field for field in fields)


class InputError(MicrocoderError):
    """A file that cannot be read. The message names it and says why."""


class BadRow(InputError):
    """A row that cannot be used."""

    def __init__(self, place: Place, field: str | None, reason: str, value: str | None = None) -> None:
        self.file, self.line = place
        self.field = field
        self.reason = reason
        self.value = value
        """What stands there, shortened."""
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        where += f"{field}: " if field else ""
        super().__init__(where + reason + (f" (found {value})" if value is not None else ""))


class Unusable(Exception):
    """What a format raises: a BadRow that does not know its place yet. A missing ``value``: there is none to show."""

    def __init__(self, field: str | None, reason: str, *value: object) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason
        self.value = shorten(value[0]) if value else None


def unusable(error: BadRow, field: str) -> Unusable:
    """The same of a row that stands in this field of another."""
    told = Unusable(f"{field}.{error.field}" if error.field else field, error.reason)
    told.value = error.value
    return told


class Row(NamedTuple):
    """One row as it stands in its file."""

    path: Path
    number: int
    """Of the line, or of the row where there are no lines; from 1. 0: the row is a directory."""
    content: Any
    """JSON text as bytes; or Python objects."""

    @property
    def place(self) -> Place:
        return self.path, self.number

    @property
    def fallback_id(self) -> str:
        """For problems of data sets that name none: the file and the number."""
        return f"{self.path.name.partition('.')[0]}/{self.number}"


class Example(NamedTuple):
    """A problem and its programs. A program that cannot be used stands as its BadRow."""

    problem: Problem
    programs: Iterable[Submission | BadRow] = ()
    prompt: Any = None
    """How the row asks a model: text, or chat messages. None: it only has a statement."""
    also: str | None = None
    """What else programs may call the problem, where no other one is called so."""
    form: str | None = None
    """Name of the format that the row turned out to be of. None: of that which read it."""


class Public(NamedTuple):
    """Data sets of one form, as the table of docs/datasets/README.md has them."""

    names: str
    page: str
    """About them, in that folder, without its suffix."""
    judged: str
    """In which modes, and with what."""
    programs: str = "none"
    """That come with a problem, and are labelled."""


class Format(abc.ABC, Generic[R]):
    """Reads rows of one form."""

    name: ClassVar[str]
    """As in ``--format``."""
    row: ClassVar[type[Any]]
    """The fields that are looked at. They are the columns that are read from a parquet file."""
    known_by: ClassVar[Fields] = ()
    """What rows of this form have, besides others."""
    public: ClassVar[tuple[Public, ...]] = ()
    """Data sets that have it."""

    def recognises(self, names: Set[str]) -> bool:
        """Whether a row with fields of these names is of this form."""
        return bool(self.known_by) and not any(names.isdisjoint(each) for each in alternatives(self.known_by))

    @abc.abstractmethod
    def example(self, row: R, fallback_id: str) -> Example:
        """May raise Unusable. ``fallback_id`` names the problem when the row does not."""

    def read(self, row: Row) -> Example:
        """Raises BadRow."""
        fields: R = _read_as(self.row, row)
        try:
            return self.example(fields, row.fallback_id)
        except Unusable as error:
            raise BadRow(row.place, error.field, error.reason, error.value) from None
        except ValueError as error:  # of a Problem, or a part of one, made from the row
            raise explain(error, row.content, row.place) from None


def make_problem(**fields: Any) -> Problem:
    """A Problem whose fields are checked, as they are when it is decoded. Raises msgspec.ValidationError."""
    return msgspec.convert(fields, Problem)


# ------------------------------------------------------------------------------------------------------------ decoding


def decode(kind: type[T], content: Any, place: Place, prefix: str = "") -> T:
    """JSON text, or Python objects, as this type. Raises BadRow."""
    try:
        return _decoder(kind).decode(content) if isinstance(content, bytes) else msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise explain(error, content, place, prefix) from None
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
        if (value := _with_nan(content)) is not None:
            return decode(kind, value, place, prefix)
        raise BadRow(place, prefix.rstrip(".") or None, f"not JSON: {json_fault(error, content)}") from None


def _read_as(kind: type[T], row: Row) -> T:
    """A row as this type, with the slips of those who pass data sets on: null for a field that may be missing, a number
    for it or for an id, a number as text, and JSON in a text. Raises BadRow."""
    try:
        return decode(kind, row.content, row.place)
    except BadRow:
        if (fields := _fields_of(row.content)) is None:
            raise
    for _ in range(len(fields) + 1):
        try:
            return msgspec.convert(fields, kind)
        except msgspec.ValidationError as error:
            if not _mend(fields, kind, error):
                raise explain(error, fields, row.place) from None
    return decode(kind, row.content, row.place)


def _fields_of(content: Any) -> dict[str, Any] | None:
    if not isinstance(content, bytes):
        fields = as_object(content)
        return None if fields is None else dict(fields)
    try:
        return as_object(msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return as_object(_with_nan(content))


def _mend(fields: dict[str, Any], kind: type[Any], error: msgspec.ValidationError) -> bool:
    """Puts the field right that the error is about. Whether it could."""
    if (slip := _SLIP.fullmatch(str(error))) is None:
        return False
    wanted, name = slip[1].split(" | "), slip[2]
    value = fields.get(name)
    if value is None:
        if name not in fields or name not in _optional(kind):
            return False
        del fields[name]
    elif type(value) is int and "str" in wanted and (name.endswith("id") or name in _optional(kind)):
        fields[name] = str(value)
    elif isinstance(value, str) and (read := _in_text(value, wanted)) is not None:
        fields[name] = read
    else:
        return False
    return True


@functools.cache
def _optional(kind: type[Any]) -> Set[str]:
    """Fields that may be missing."""
    return {field.name for field in msgspec.structs.fields(kind) if not field.required}


def _in_text(text: str, wanted: list[str]) -> Any:
    """A number, or JSON that is an array or an object, as it is wanted. None: it is not that."""
    try:
        if "float" in wanted or "int" in wanted:
            return float(text) if "float" in wanted else int(text)
        value: Any = msgspec.json.decode(text)
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None
    kind = "object" if as_object(value) is not None else "array" if as_list(value) is not None else None
    return value if kind in wanted else None


def _with_nan(text: bytes) -> Any:
    """JSON as Python writes it, with NaN and Infinity; without halves of surrogate pairs. None: it is not that."""
    if (b"NaN" in text or b"Infinity" in text) and rb"\ud" not in text.lower():
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    return None


def json_fault(error: Exception, text: bytes) -> str:
    """Why the text is no JSON, in a few words."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deep"
    reason = str(error).removeprefix("JSON is malformed: ")
    if rb"\ud" in text.lower():
        reason = f"{reason}, or half of a surrogate pair (\\ud...) without the other half"
    return reason


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


@functools.cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


def explain(error: Exception, content: Any, place: Place, prefix: str = "") -> BadRow:
    """What msgspec or a check of ours says, as field, reason and value."""
    message, _, path = str(error).partition(" - at `$")
    field = path.removesuffix("`").removeprefix(".")
    if missing := _MISSING.fullmatch(message):
        field = f"{field}.{missing[1]}" if field else missing[1]
        return BadRow(place, prefix + field, "missing")
    if unknown := _UNKNOWN.fullmatch(message):  # only limits have no others
        field, near = f"{field}.{unknown[1]}", meant(unknown[1], [*_LIMITS])
        message = "there is no such field; " + (f"did you mean {near}?" if near else f"there are {', '.join(_LIMITS)}")
    elif own := own_words(message):
        field, message = f"{field}.{own[0]}" if field else own[0], own[1]
    elif message.startswith("Invalid enum value") and field in _CHOICES:
        message = unsupported(field)
    else:
        message = message[:1].lower() + message[1:].replace("`", "")
    value = None if "(found " in message else _value_at(content, field)
    return BadRow(place, (prefix + field).rstrip(".") or None, message, value)


def unsupported(field: str) -> str:
    """What to say of a value that is none of the choices."""
    return f"not supported yet; supported: {', '.join(_CHOICES[field])}"


def choices(field: str) -> tuple[str, ...]:
    return _CHOICES[field]


def _value_at(content: Any, field: str) -> str | None:
    try:
        value: Any = json.loads(content) if isinstance(content, bytes) else content
        for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", field):
            value = value[int(index)] if index else value[name]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return shorten(value)


def shorten(value: object) -> str:
    """As JSON, the first characters of it."""
    if isinstance(value, str):
        value = value[: SHOWN + 1]
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def as_object(value: Any) -> dict[str, Any] | None:
    """The value, if it is an object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_list(value: Any) -> list[Any] | None:
    """The value, if it is an array."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def present(value: Any) -> Any:
    """What a row from a parquet file says: a column stands in every row, and holds nothing where a field is not there,
    but no code is a program, too; and an object by names of its own may be a list of its entries."""
    if (fields := as_object(value)) is not None:
        return {name: present(each) for name, each in fields.items() if each is not None or name == "code"}
    if (items := as_list(value)) is None:
        return value
    entries = [as_object(each) for each in items]
    if entries and all(each is not None and each.keys() == {"key", "value"} for each in entries):
        return {each["key"]: present(each["value"]) for each in entries if each is not None}
    return [present(each) for each in items]


def names_of(content: Any) -> Set[str] | None:
    """The names of the fields of a row. None: it is no object."""
    if not isinstance(content, bytes):
        row = as_object(content)
        return None if row is None else row.keys()
    try:
        return _fields.decode(content).keys()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        row = as_object(_with_nan(content))
        return None if row is None else row.keys()
