"""Problems as they travel: once into Ray's object store, from there once to each node, whatever asks for them there."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import msgspec

from ..problem import Problem
from .library import ClusterUnavailable


class Parcel(msgspec.Struct, frozen=True):
    problem: Problem
    digest: str
    size: int
    """Bytes."""
    reference: Any
    """In the object store."""


class Parcels:
    """``most`` bytes of problems are kept in the store; the latest whatever its size."""

    def __init__(self, ray: Any, most: int) -> None:
        self._ray = ray
        self._most = most
        self._held: OrderedDict[int, Parcel] = OrderedDict()
        self._references: OrderedDict[str, Any] = OrderedDict()
        self.bytes = 0

    def parcel(self, problem: Problem) -> Parcel:
        """Raises ValueError for text that is not Unicode, and ClusterUnavailable where there is no store."""
        held = self._held.get(id(problem))  # the entry keeps the problem alive, so its id stays its own
        if held is not None:
            self._held.move_to_end(id(problem))
            return held
        data = msgspec.msgpack.encode(problem)
        digest = hashlib.sha256(data).hexdigest()
        # Equal problems are one object there. The problem itself is sent: it was made here, so it is looked at there
        # as a local evaluator would.
        reference = self._references.get(digest)
        if reference is None:
            if not self._ray.is_initialized():  # Ray would start a cluster
                raise ClusterUnavailable("this process is not connected to a Ray cluster any more")
            reference = self._references[digest] = self._ray.put(problem)
        made = self._held[id(problem)] = Parcel(problem, digest, len(data), reference)
        self.bytes += made.size
        while self.bytes > self._most and len(self._held) > 1:
            _, old = self._held.popitem(last=False)
            self.bytes -= old.size
            if all(each.digest != old.digest for each in self._held.values()):
                self._references.pop(old.digest, None)
        return made
