"""Clients of ``microcoder-eval serve``. Need the extra ``serve``.

asynchronous  AsyncClient: retries, balancing, registration of problems
synchronous   Client: the same for callers without an event loop
call          one call: whom it has asked, and whom it asks next
endpoints     several servers; a problem stays with one of them
errors        why there is no verdict
"""

from __future__ import annotations

from .asynchronous import AsyncClient
from .errors import ClientError, JudgeFailed, JudgeUnavailable, RequestRefused
from .synchronous import Client

__all__ = ["AsyncClient", "Client", "ClientError", "JudgeFailed", "JudgeUnavailable", "RequestRefused"]
