"""What the operator of a server decides. No request can change any of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...sandbox.limits import MIB
from ..options import JudgeOptions, RunOptions
from .budget import Budget, divided

LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may ask for at most. More is refused, never cut down: a limit changes verdicts."""

    body: int = 64 * MIB
    """Bytes of a request."""
    submissions: int = 1024
    """Programs in one request."""
    files: int = 16_384
    """Files beside the programs of one request, of all together. One program may have 256."""
    tests: int = 10_000
    """Tests of a problem."""
    values: int = 1_000_000
    """Texts, numbers, lists, objects and names of fields in a body, however small they are."""
    cpu_time: float = 120.0
    """Processor seconds of a test; likewise for compiling."""
    wall_time: float = 3600.0
    """Seconds of wall clock of a test; the backstop that follows from its processor time counts, too."""
    memory: int = 4096 * MIB
    output: int = 64 * MIB
    """Bytes of standard output, of standard error, and of a temporary file."""
    threads: int = 256
    """Threads, and open files."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """What waits, and for how long."""

    length: int = 16_384
    """Programs waiting, of all clients together. More: 503."""
    per_client: int = 8192
    """Of one client. More: 429."""
    body_bytes: int = 1024 * MIB
    """Of all requests that are being read or answered. More: 503."""
    seconds: float = 3600.0
    """Longest wait for a turn. Longer: 504."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one engine process."""

    judging: JudgeOptions = JudgeOptions()
    """For what a request does not ask for."""
    running: RunOptions = RunOptions()
    """Of each evaluator, but for its workers, its memory and its cache, which it has none of."""
    workers: int = 1
    """With a cluster, 0 is all processors that it has."""
    ray: str | None = None
    """Address of the Ray cluster that judges; None: this machine does."""
    actor_workers: int | None = None
    """As RayEvaluator has it, likewise the next; None: its default."""
    actor_wait: float | None = None

    tokens: tuple[str, ...] = ()
    """Any of them lets a request in. None: every request is let in."""
    hosts: tuple[str, ...] | None = None
    """Names under which the server may be called; None: any. Keeps web pages from reaching a server without token."""
    caps: Caps = Caps()
    queue: Queue = Queue()
    drain_seconds: float = 60.0
    """After SIGTERM: how long programs that were accepted may still take."""

    state: str
    """Folder for problems, verdicts, metrics and the sockets between engine processes. Its owner's alone."""
    memory: int = 2048 * MIB
    """Bytes of memory for what all engine processes together keep for later; `budget` divides them."""
    disk: int = 4096 * MIB
    """Bytes of problems and verdicts in that folder."""
    remembered: int = 4096
    """Finished judgements in memory, so that equal programs are judged once."""
    verdicts: int = 0
    """Entries of the verdict cache in the folder. 0: there is none."""
    history: int = 500
    """Judgements that can be read on the status page. 0: none, and nothing of any program is shown."""

    log_format: LogFormat = "json"
    log_level: LogLevel = "info"

    engine: int = 0
    """Which of the engine processes this is."""
    engines: int = 1

    @property
    def budget(self) -> Budget:
        """Of this engine process."""
        return divided(self.memory, self.disk, self.engines)
