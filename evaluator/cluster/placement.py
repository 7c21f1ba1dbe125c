"""Which actors a cluster should have. An actor takes as many processors as it has workers.

Without a number of workers: all processors of all nodes that are there, whichever those are at the time. With a number:
actors for so many, wherever Ray places them; those that find no place wait, which is what an autoscaler acts upon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


class Place(msgspec.Struct, frozen=True):
    """Where an actor belongs, and its workers."""

    node: str | None
    """Ray's id of the node; None: any."""
    number: int
    """Of the actor, on its node."""
    workers: int


def places(nodes: Iterable[Mapping[str, Any]], workers: int | None, most: int) -> list[Place]:
    """``nodes`` as ``ray.nodes()`` has them; ``most`` workers in an actor."""
    if workers is not None:
        return _divided(None, workers, most)
    alive = [node for node in nodes if node["Alive"]]
    return [each for node in alive for each in _divided(node["NodeID"], int(node["Resources"].get("CPU", 0)), most)]


def _divided(node: str | None, workers: int, most: int) -> list[Place]:
    if workers < 1:
        return []
    actors = -(-workers // most)
    share, more = divmod(workers, actors)
    return [Place(node, number, share + (number < more)) for number in range(actors)]
