"""What Prometheus collects. Every label has a closed set of values, but the names of modules: those are bounded.

With several engine processes any of them answers for all (the multi-process mode of prometheus-client; see `figures`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from ..compare import RULES
from ..memory import Kept
from ..report import Report
from ..status import Status
from .budget import KINDS
from .figures import count_as

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RUNS = ("finished", "crashed", "time_limit", "memory_limit", "output_limit", "compile_error", "sandbox_error")
"""How programs of /run_code end: outcomes of the sandbox, and those of programs that did not run."""
TROUBLES = ("host", "problems", "verdicts")
"""What the server may lack: what the host refuses it; a folder that takes problems; a database that takes verdicts."""
MODULES = 100
"""Most names of missing modules; programs choose them. The rest is counted as "other"."""
OTHER = "checker"
"""Rules of checker programs, which name them as they like."""
_LONG = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_LAG = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5)


class Metrics:
    """The figures of one engine process."""

    def __init__(self, engine: int = 0) -> None:
        self._shared = count_as(engine)
        registry = self._registry = CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"microcoder_{name}", about, labels, registry=registry)

        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(f"microcoder_{name}", about, labels, registry=registry, multiprocess_mode="livesum")

        def histogram(name: str, about: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"microcoder_{name}_seconds", about, registry=registry, buckets=buckets)

        self.requests = counter("requests_total", "Requests answered.", "endpoint", "status")
        self._verdicts = counter("verdicts_total", "Programs judged; those whose verdict was known, too.", "status")
        self._accepted = counter(
            "accepted_total", "Programs accepted, by the most lenient rule that they needed.", "rule"
        )
        self._cache_hits = counter("cache_hits_total", "Programs whose verdict was known.", "cache")
        self._runs = counter("runs_total", "Programs run once for /run_code, without a verdict.", "outcome")
        self._cpu = counter("program_cpu_seconds_total", "Processor seconds inside tests and runs.")
        self._own_cpu = counter("engine_cpu_seconds_total", "Processor seconds of the engine processes themselves.")
        self._restarts = counter("worker_restarts_total", "Workers that broke and were replaced.")
        self.damaged = counter("verdict_cache_damaged_total", "Entries or files of the verdict cache thrown away.")
        self._troubles = counter(
            "troubles_total", "Requests put off for want of something, problems and verdicts not kept.", "what"
        )
        self._log_dropped = counter("log_lines_dropped_total", "Lines of the log that nobody took in time.")
        self._dropped = counter(
            "connections_dropped_total", "Connections given up, by what they were waited for.", "waited_for"
        )
        self._violations = counter("sandbox_violations_total", "Programs that broke one worker after the other.")
        self._missing = counter("missing_modules_total", "Programs that failed for want of a module.", "module")
        self._missing_names: set[str] = set()
        self._workers = gauge("workers", "Workers.", "state")
        self._waiting = gauge("queue_length", "Programs that wait for a turn.")
        self._kept = gauge("kept_bytes", "What is kept for later.", "what")
        self._kept_most = gauge("kept_allowed_bytes", "What may be kept for later.", "what")
        self._queue_time = histogram("queue", "Time from the request to a worker.", _LONG)
        self._run_time = histogram("run", "Time from a worker to the verdict.", _LONG)
        self._lag = histogram("event_loop_lag", "How late the event loop wakes up.", _LAG)
        for status in Status:
            self._verdicts.labels(status.value)
        for rule in (*RULES, OTHER):
            self._accepted.labels(rule)
        for outcome in RUNS:
            self._runs.labels(outcome)
        for cache in ("memory", "disk"):
            self._cache_hits.labels(cache)
        for what in TROUBLES:
            self._troubles.labels(what)
        for what in KINDS:
            self._kept.labels(what)
            self._kept_most.labels(what)
        for state in ("busy", "idle"):
            self._workers.labels(state)
        self._seen_restarts = 0
        self._seen_cpu = time.process_time()

    def dropped(self, waited_for: str) -> None:
        """A connection was given up."""
        self._dropped.labels(waited_for).inc()

    def trouble(self, what: str) -> None:
        """``what``: one of TROUBLES."""
        self._troubles.labels(what).inc()

    def log_dropped(self, lines: int) -> None:
        """Lines of the log were given up."""
        self._log_dropped.inc(lines)

    def verdict(self, report: Report, cache: str | None) -> None:
        """``cache``: memory or disk, where the verdict was known; None where the program ran."""
        self._verdicts.labels(report.status.value).inc()
        if (rule := report.rule) is not None:
            self._accepted.labels(rule if rule in RULES else OTHER).inc()
        if cache is not None:
            self._cache_hits.labels(cache).inc()
            return
        if report.sandbox_violation:
            self._violations.inc()
        if (module := report.missing_module) is not None:
            if len(self._missing_names) < MODULES:
                self._missing_names.add(module)
            self._missing.labels(module if module in self._missing_names else "other").inc()
        self._cpu.inc(report.cpu_time)
        self._queue_time.observe(report.queue_time)
        self._run_time.observe(report.run_time)

    def ran(self, outcome: str, *, cpu_time: float, queue_time: float, run_time: float) -> None:
        """A program was run, or could not be. ``outcome``: one of RUNS."""
        self._runs.labels(outcome).inc()
        self._cpu.inc(cpu_time)
        self._queue_time.observe(queue_time)
        self._run_time.observe(run_time)

    def lag(self, seconds: float) -> None:
        self._lag.observe(seconds)

    def state(self, *, busy: int, workers: int, waiting: int, restarts: int) -> None:
        """Called now and then."""
        self._workers.labels("busy").set(busy)
        self._workers.labels("idle").set(workers - busy)
        self._waiting.set(waiting)
        self._restarts.inc(restarts - self._seen_restarts)
        self._seen_restarts = restarts
        now = time.process_time()
        self._own_cpu.inc(now - self._seen_cpu)
        self._seen_cpu = now

    def kept(self, kept: Mapping[str, Kept]) -> None:
        """Called now and then, with what is kept by the names of budget.KINDS."""
        for what, size in kept.items():
            self._kept.labels(what).set(size.bytes)
            self._kept_most.labels(what).set(size.most)

    def text(self) -> bytes:
        """Of all engine processes."""
        if not self._shared:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
