"""What keeps a part of the server from its work: counted every time, told in the log once until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from .metrics import Metrics


class Troubles:
    """Of one engine process. May be told from any thread."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log
        self._told: dict[str, str] = {}

    def met(self, what: str, why: str) -> None:
        """``what``: one of metrics.TROUBLES. ``why``: the cause, in the same words each time."""
        self._metrics.trouble(what)
        if self._told.get(what) != why:
            self._told[what] = why
            self._log.warning("something is short or out of order", what=what, why=why)

    def tell(self, what: str, why: str | None) -> None:
        """``met``, or with None ``over``."""
        if why is None:
            self.over(what)
        else:
            self.met(what, why)

    def over(self, what: str) -> None:
        """It went well."""
        if self._told and self._told.pop(what, None) is not None:
            self._log.info("in order again", what=what)
