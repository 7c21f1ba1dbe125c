"""The end of several things together."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Protocol


class Closing(Protocol):
    """Something that has to be closed."""

    async def close(self) -> None: ...


async def close_all(parts: Iterable[Closing]) -> None:
    """The last first, also where one fails or the caller gives up."""
    async with AsyncExitStack() as ends:
        for part in parts:
            ends.push_async_callback(part.close)
