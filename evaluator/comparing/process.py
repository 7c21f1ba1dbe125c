"""One comparing process, as the evaluator sees it."""

from __future__ import annotations

import signal

import msgspec

from ..helper import LENGTH, HelperEnded, HelperProcess
from .messages import Answer, Exceeded, Request, over

_decode = msgspec.msgpack.Decoder(Answer).decode
_encode = msgspec.msgpack.Encoder().encode


class ProcessLost(Exception):
    """It was ended from outside, or never began."""


class ComparingProcess(HelperProcess):
    """``ask``, any number of times, then ``close``."""

    def __init__(self) -> None:
        """Starts it. Blocks for a few milliseconds. Raises OSError."""
        super().__init__(__name__.replace("process", "inside"))

    async def ask(self, request: Request, expected: bytes, actual: bytes) -> Answer:
        """Raises ProcessLost. Then, and when it is cancelled, the process has to be closed."""
        head = _encode(request)
        try:
            answer = _decode(await self.exchange((LENGTH.pack(len(head)) + head, expected, actual), request.seconds))
        except HelperEnded as end:
            if end.over:
                return over(request.seconds)
            if end.fault is not None:
                return Exceeded(f"the process can take: {signal.strsignal(end.fault)}")
            raise ProcessLost(f"a comparing process: {end}") from None
        self.healthy = not answer.last
        return answer
