"""The tokens of a server: any of them lets a request in. They can be others from one request to the next."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...sandbox.errors import MicrocoderError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class Tokens:
    """Each has a number, which is no other's as long as the process lasts: clients and their ids are told by it."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._numbers: dict[bytes, int] = {}
        self.replace(tokens)

    def __bool__(self) -> bool:
        return bool(self._valid)

    def replace(self, tokens: tuple[str, ...]) -> None:
        """From the next request on only these are let in."""
        self._valid = {digest: self._numbers.setdefault(digest, len(self._numbers)) for digest in map(_hash, tokens)}
        self.header = {"authorization": f"Bearer {tokens[0]}"} if tokens else {}
        """For a request to another process of this server."""

    def number(self, given: bytes) -> int:
        """Which token it is; -1: none. Compares with all of them, and in the same time whatever was sent."""
        digest = hashlib.sha256(given).digest()
        found = -1
        for token, number in self._valid.items():
            if hmac.compare_digest(digest, token):
                found = number
        return found


def read_again(read: Callable[[], tuple[str, ...]], log: FilteringBoundLogger) -> tuple[str, ...] | None:
    """What ``read`` returns; None where it raises a MicrocoderError, which is told."""
    try:
        tokens = read()
    except MicrocoderError as error:
        log.error("the tokens stay as they were", reason=str(error))
        return None
    log.info("the tokens were read again", tokens=len(tokens))
    return tokens


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
