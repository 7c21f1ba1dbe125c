"""What runs in a comparing process: one request after the other, until the evaluator closes its end or is gone."""

from __future__ import annotations

import pickle
import time
from typing import BinaryIO

import msgspec

from ..compare import Comparison, Match
from ..helper import LENGTH, address_space, connected, within
from .messages import Answer, Compared, Exceeded, Request, over

WORN = 256 << 20
"""Bytes that the process may grow by before it makes room for another."""
_decode = msgspec.msgpack.Decoder(Request).decode
_encode = msgspec.msgpack.Encoder().encode


def main() -> None:
    connection = connected()
    worn_at = address_space() + WORN
    with connection.makefile("rb") as stream:
        while head := stream.read(LENGTH.size):
            request = _decode(stream.read(LENGTH.unpack(head)[0]))
            answer = answered(request, stream)
            if address_space() > worn_at:
                answer = msgspec.structs.replace(answer, last=True)
            data = _encode(answer)
            connection.sendall(LENGTH.pack(len(data)) + data)
            if answer.last:
                return


def answered(request: Request, stream: BinaryIO) -> Answer:
    """The outputs read, and compared within the limits."""
    expected = stream.read(request.expected)
    if request.actual is not None:
        others = [stream.read(request.actual)]
    else:  # with itself, and as somebody else may write it: most rules look no further where the bytes are the same
        others = [expected, b"\n" + expected]
    comparison: Comparison = pickle.loads(request.comparison)
    try:
        with within(request.seconds, request.memory):
            results = [compared(comparison, expected, actual, request.seconds) for actual in others]
            return max(results, key=lambda answer: answer.seconds if isinstance(answer, Compared) else float("inf"))
    except MemoryError:
        return Exceeded(f"{request.memory >> 20} MiB of memory", last=True)
    except Exception as error:  # a comparison never raises; if one does, its caller has to know how
        return Exceeded(f"{type(error).__name__}: {error}"[:300])


def compared(comparison: Comparison, expected: bytes, actual: bytes, seconds: float) -> Answer:
    begun = time.thread_time()  # the clock of the process moves in coarse steps while a timer of it is set
    steps = comparison.steps(expected, actual)
    try:
        while time.thread_time() - begun < seconds:
            next(steps)
    except StopIteration as end:
        match: Match = end.value
        return Compared(match, time.thread_time() - begun)
    return over(seconds)
