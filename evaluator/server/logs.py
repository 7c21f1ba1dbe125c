"""Structured logs on standard error: a line of JSON each, or plain text for people."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from .outlet import Outlet
from .settings import LogFormat, LogLevel

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor


def outlet(form: LogFormat) -> Outlet:
    """Let no reader of standard error hold up this process, from now to its end."""
    rendered = structlog.wrap_logger(structlog.ReturnLogger(), processors=_processors(form))

    def tell(lines: int) -> bytes:
        text = rendered.warning("lines of the log were dropped", lines=lines)
        return (text if isinstance(text, bytes) else text.encode()) + b"\n"

    return Outlet.instead_of_stderr(tell)


def logger(form: LogFormat, level: LogLevel, **always: Any) -> FilteringBoundLogger:
    """A logger whose lines all carry ``always``."""
    log = structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer) if form == "json" else structlog.PrintLogger(sys.stderr),
        processors=_processors(form),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    )
    # The libraries below say little, and what they say is for the same reader.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    bound: FilteringBoundLogger = log.bind(**always)
    return bound


def _processors(form: LogFormat) -> list[Processor]:
    first: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if form == "json":
        return [*first, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    return [*first, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _json(event: dict[str, Any], **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)
