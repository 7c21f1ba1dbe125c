"""What runs in a reader: rows and labels of one request after the other become problems and programs, within limits."""

from __future__ import annotations

import traceback
from typing import Literal

import msgspec

from ..datasets import cases
from ..helper import LENGTH, address_space, connected, within
from ..integrations.truth import Truths
from ..options import RewardOptions
from .errors import Refused, TooLarge
from .labels import Made, Most, Route, read, samples_of
from .rows import as_msgpack, read_problem, read_row

WORN = 256 << 20
"""Bytes that the process may grow by, besides problems that it remembers, before it makes room for another."""


Task = Literal["problem", "row", "msgpack"] | Route
"""problem: a row of a data set; row: the same with its programs; msgpack: JSON that only Python reads."""


class Request(msgspec.Struct, frozen=True):
    task: Task
    options: RewardOptions
    media: str
    body: int
    """Bytes that follow."""
    most: Most
    seconds: float
    """Of processor time."""
    memory: int
    """Bytes of address space besides what the process has."""
    truths: int
    """Bytes of problems that it may remember."""


class Read(msgspec.Struct, frozen=True, tag="read"):
    made: Made
    held: int
    """Bytes of problems that it remembers."""
    last: bool = False
    """The process holds much memory and ends."""


class NotRead(msgspec.Struct, frozen=True, tag="not read"):
    status: int
    """Of the answer to the request."""
    why: str
    path: str | None = None
    held: int = 0
    last: bool = False


Answer = Read | NotRead
_decode = msgspec.msgpack.Decoder(Request).decode
_encode = msgspec.msgpack.Encoder().encode


def main() -> None:
    connection = connected()
    cases.read_literals_here()
    worn_at = address_space() + WORN
    truths: Truths | None = None
    with connection.makefile("rb") as stream:
        while head := stream.read(LENGTH.size):
            request = _decode(stream.read(LENGTH.unpack(head)[0]))
            truths = truths or Truths(request.truths)
            answer = answered(request, stream.read(request.body), truths)
            if address_space() > worn_at + request.truths:
                answer = msgspec.structs.replace(answer, last=True)
            data = _encode(answer)
            connection.sendall(LENGTH.pack(len(data)) + data)
            if answer.last:
                return


def answered(request: Request, body: bytes, truths: Truths) -> Answer:
    try:
        with within(request.seconds, request.memory):
            return Read(_made(request, body, truths), truths.held.bytes)
    except Refused as refusal:
        return NotRead(refusal.status, str(refusal), refusal.path, truths.held.bytes)
    except MemoryError:
        return NotRead(TooLarge.status, f"to read what it holds takes more than {request.memory >> 20} MiB", last=True)
    except Exception:  # a fault of ours; who asks is told so, and the log why
        return NotRead(500, traceback.format_exc(), held=truths.held.bytes)


def _made(request: Request, body: bytes, truths: Truths) -> Made:
    if request.task == "problem":
        return read_problem(body, request.media, request.most)
    if request.task == "row":
        return read_row(body, request.media, request.options, request.most)
    if request.task == "msgpack":
        return as_msgpack(body, request.most)
    return read(samples_of(request.task, body, request.media), request.options, truths, request.most)
