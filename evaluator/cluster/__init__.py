"""The evaluator on a Ray cluster: one queue here, workers on every node.

    evaluator   RayEvaluator: what a caller sees
    options     its arguments
    crew        the queue and the actors: who gets the next program, what happens to programs whose node is lost
    member      one actor as it is seen from here: what it holds, what is sent, what comes back
    host        that actor: an Evaluator with its workers, on a node
    placement   where the actors go: processors that are reserved for them
    connection  of this process to a cluster
    parcels     problems in Ray's object store, so that each travels to a node once
    messages    what goes over the wire
    library     ray itself, imported when it is needed

Programs travel in batches of what waits at the time, reports come back likewise, so that a program costs a fraction of
a call. Nodes run the same microcoder as this process, or they are left out. Needs the extra ``ray``.
"""

from __future__ import annotations

from .evaluator import RayEvaluator
from .library import ClusterUnavailable

__all__ = ["ClusterUnavailable", "RayEvaluator"]
