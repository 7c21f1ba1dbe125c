"""Where the actors of a cluster go: as many processors as they have workers are reserved on a node before one starts.

What is reserved is a placement group of Ray's, of one bundle: it is there at once or not at all, whoever else asks for
the same. An actor is no larger than what its node has free. Without a number of workers, all free processors are taken;
with one, what finds no place is wished for: one group that is larger than what is free, which holds nothing, but is
what an autoscaler acts upon.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec

NODE = "ray.io/node-id"
"""The label that every node has."""
SOON = 2
"""Seconds for Ray to say that a group has found its place."""
MOST_WISHED = 1024
SHOWN = 8
"""Nodes that a message names."""


class Node(msgspec.Struct, frozen=True):
    id: str
    name: str
    cpus: float
    free: float


class Place(msgspec.Struct, frozen=True, eq=False):
    """Where an actor belongs, and its workers."""

    node: Node
    workers: int
    group: Any = None
    """Of Ray: what is reserved."""


def sizes(nodes: Iterable[Node], workers: int | None, most: int) -> list[tuple[Node, int]]:
    """Actors for so many workers (None: for all that is free), each on one node, with at most ``most`` workers.

    The node with most to spare comes first, after each actor anew.
    """
    free = {node.id: (int(node.free), node) for node in nodes}
    found: list[tuple[Node, int]] = []
    while free and (workers is None or workers > 0):
        room, node = max(free.values(), key=lambda each: each[0])
        if room < 1:
            break
        wanted = room if workers is None else min(room, workers)
        size = -(-wanted // -(-wanted // most))
        found.append((node, size))
        free[node.id] = room - size, node
        if workers is not None:
            workers -= size
    return found


def told(nodes: Sequence[Node], most: int) -> str:
    """What an actor wants, and what there is."""
    wants = "one actor wants a free processor of one node at least" + (f", and at most {most}" if most > 1 else "")
    having = sorted((node for node in nodes if node.cpus), key=lambda node: -node.free)
    if not having:
        return f"{wants}; the cluster has 0 CPUs"
    shown = ", ".join(f"{node.free:g} of {node.cpus:g} on {node.name}" for node in having[:SHOWN])
    more = f", and {len(having) - SHOWN} more nodes" if len(having) > SHOWN else ""
    return f"{wants}; free are {shown}{more}"


class Reservations:
    """All of one evaluator. The methods are for a thread that may wait for Ray."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._groups: Any = importlib.import_module("ray.util.placement_group")
        self._state: Any = importlib.import_module("ray._private.state")
        self._lock = threading.Lock()
        self._held: set[Place] = set()
        self._wish: Any = None
        self._wished = 0
        self._closed = False

    def look(
        self, used: Container[Place], missing: int | None, most: int, avoid: Container[str]
    ) -> tuple[list[Node], list[Place]]:
        """The nodes, and what was reserved on them just now; before, what nobody uses is given back.

        No actor goes to the nodes to avoid. ``missing`` workers are wished for; None: as many as there can be.
        """
        with self._lock:
            if self._closed:
                return [], []
            for place in [*self._held]:
                if place not in used:
                    self._give_back(place)
            granted = self._wish is not None and self._groups.placement_group_table(self._wish)["state"] == "CREATED"
            if granted:  # there is room now, for actors of another size
                self._wish_for(0)
            able = [node for node in self._nodes() if node.id not in avoid]
            made = [self._reserve(node, size) for node, size in sizes(able, missing, most)]
            found = [place for place in made if place is not None]
            if missing is not None and not granted:
                self._wish_for(min(MOST_WISHED, missing - sum(place.workers for place in found)))
            return self._nodes(), found

    def close(self) -> None:
        """Give everything back."""
        with self._lock:
            self._closed = True
            self._wish_for(0)
            for place in [*self._held]:
                self._give_back(place)

    def _nodes(self) -> list[Node]:
        free = self._state.available_resources_per_node()
        return [
            Node(
                node["NodeID"],
                node["NodeManagerAddress"],
                node["Resources"].get("CPU", 0.0),
                free.get(node["NodeID"], {}).get("CPU", 0.0),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        ]

    def _reserve(self, node: Node, size: int) -> Place | None:
        group = self._groups.placement_group([{"CPU": size}], bundle_label_selector=[{NODE: node.id}])
        place = Place(node, size, group)
        self._held.add(place)
        if group.wait(SOON):
            return place
        self._give_back(place)  # somebody else was faster
        return None

    def _wish_for(self, workers: int) -> None:
        if workers == self._wished:
            return
        if self._wish is not None:
            self._groups.remove_placement_group(self._wish)
        self._wish = self._groups.placement_group([{"CPU": 1}] * workers) if workers else None
        self._wished = workers

    def _give_back(self, place: Place) -> None:
        self._groups.remove_placement_group(place.group)
        self._held.remove(place)
