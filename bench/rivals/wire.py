"""Messages between the bench and the interpreter that a rival lives in.

Over two pipes, each message is 8 bytes of length and msgpack. One request, one reply, in turn:

    Start → Started | Missing     find the judge, start its pool
    Load  → Loaded                replace the programs
    Judge → Judged                one pass over them, with the processor time that getrusage saw
    Close → Closed                then both sides close

Any request may be answered by Failed; the interpreter ends after it.
"""

from __future__ import annotations

from typing import IO, Any, cast

import msgspec

from ...evaluator.problem import Problem
from .registry import Name, Sources

LENGTH_BYTES = 8


class Start(msgspec.Struct, frozen=True, tag=True):
    rival: Name
    workers: int
    sources: Sources


class Load(msgspec.Struct, frozen=True, tag=True):
    """Programs as (index of the problem, source). The receiver makes ``copies`` of them, each a problem of its own."""

    problems: list[Problem]
    programs: list[tuple[int, str]]
    copies: int = 1


class Judge(msgspec.Struct, frozen=True, tag=True):
    pass


class Close(msgspec.Struct, frozen=True, tag=True):
    pass


class Started(msgspec.Struct, frozen=True, tag=True):
    version: str
    seconds: float


class Missing(msgspec.Struct, frozen=True, tag=True):
    reason: str


class Loaded(msgspec.Struct, frozen=True, tag=True):
    pass


class Judged(msgspec.Struct, frozen=True, tag=True):
    accepted: list[bool | None]
    tests_run: int | None
    program_cpu: float | None
    self_cpu: float
    """Processor seconds of the rival's own first process."""
    reaped_cpu: float
    """Processor seconds of its descendants that ended during the pass."""
    causes: list[str] | None = None


class Closed(msgspec.Struct, frozen=True, tag=True):
    pass


class Failed(msgspec.Struct, frozen=True, tag=True):
    error: str


Request = Start | Load | Judge | Close
Reply = Started | Missing | Loaded | Judged | Closed | Failed


def send(pipe: IO[bytes], message: Request | Reply) -> None:
    data = msgspec.msgpack.encode(_known(message))
    pipe.write(len(data).to_bytes(LENGTH_BYTES, "little") + data)
    pipe.flush()


def _known(value: Any) -> Any:
    """Without fields that have their default: the other side may be an older checkout, which does not know them."""
    if isinstance(value, list | tuple):
        return [_known(item) for item in cast("list[Any]", value)]
    if not isinstance(value, msgspec.Struct):
        return value
    config, fields = value.__struct_config__, msgspec.structs.fields(value)
    tag = {} if config.tag is None else {config.tag_field: config.tag}
    given = {field.encode_name: getattr(value, field.name) for field in fields if not _default(value, field)}
    return tag | {name: _known(item) for name, item in given.items()}


def _default(value: msgspec.Struct, field: msgspec.structs.FieldInfo) -> bool:
    factory = field.default_factory
    default = field.default if factory is msgspec.NODEFAULT else factory()
    return getattr(value, field.name) == default


def receive(pipe: IO[bytes]) -> bytes | None:
    """The next message, not decoded; None at the end."""
    head = pipe.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    return pipe.read(int.from_bytes(head, "little"))
