"""The latest judgements and the dearest problems, for whoever reads the status page. Bounded; off with 0."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict, deque

import msgspec

from ..problem import Problem
from ..report import Report, TestResult, packed, unpacked
from .messages import Judgement, Latest, Shown, Slow

PROBLEMS = 512
"""Problems whose cost is remembered."""
LISTED = 100
SLOWEST = 10
CODE = 64 * 1024
TEXT = 4096
"""Characters of a program, and of an input or output, that can be read."""
ENTRY = 2048
"""Bytes of memory that a judgement takes besides its program and its report."""
TESTS = 200
"""Tests of one judgement that can be read."""


class _Entry(msgspec.Struct):
    latest: Latest
    code: str | None
    report: bytes
    """Packed."""

    @property
    def size(self) -> int:
        return len(self.report) + sys.getsizeof(self.code) + ENTRY


class _Cost(msgspec.Struct):
    problem_id: str
    programs: int = 0
    accepted: int = 0
    cpu_time: float = 0.0
    slowest: float = 0.0


class History:
    """Of one engine process."""

    def __init__(self, size: int, engine: int, most: int) -> None:
        """``size``: judgements; ``most``: bytes of them together, the latest is kept whatever its size."""
        self.size = size
        self.most = most
        self._engine = engine
        self._count = 0
        self._entries: deque[_Entry] = deque()
        self.bytes = 0
        """Of the judgements that are kept."""
        self._costs: OrderedDict[str, _Cost] = OrderedDict()

    def add(self, client: str, digest: str, code: str | None, language: str, report: Report, *, cached: bool) -> None:
        if not self.size:
            return
        self._count += 1
        latest = Latest(
            number=f"{self._engine}.{self._count}",
            time=time.time(),
            client=client,
            problem_id=_cut(report.problem_id, 200) or "",
            digest=digest,
            name=_cut(report.name, 200),
            language=language,
            status=report.status.value,
            passed=report.passed,
            total=report.total,
            cpu_time=report.cpu_time,
            queue_time=report.queue_time,
            run_time=report.run_time,
            cached=cached,
        )
        code = _cut(code, CODE)
        entry = _Entry(latest, code, packed(report))
        self._entries.append(entry)
        self.bytes += entry.size
        while len(self._entries) > self.size or (self.bytes > self.most and len(self._entries) > 1):
            self.bytes -= self._entries.popleft().size
        if not cached:
            self._add_cost(digest, report)

    def _add_cost(self, digest: str, report: Report) -> None:
        cost = self._costs.get(digest)
        if cost is None:
            cost = self._costs[digest] = _Cost(_cut(report.problem_id, 200) or "")
            if len(self._costs) > PROBLEMS:
                self._costs.popitem(last=False)
        self._costs.move_to_end(digest)
        cost.programs += 1
        cost.accepted += report.accepted
        cost.cpu_time += report.cpu_time
        cost.slowest = max(cost.slowest, report.cpu_time)

    def latest(self) -> list[Latest]:
        """Newest first."""
        return [entry.latest for entry in list(self._entries)[: -LISTED - 1 : -1]]

    def slowest(self) -> list[Slow]:
        """Problems by the processor time of a program."""
        costs = sorted(self._costs.items(), key=lambda item: -item[1].cpu_time / item[1].programs)
        return [Slow(digest=digest, **msgspec.structs.asdict(cost)) for digest, cost in costs[:SLOWEST]]

    def digest(self, number: str) -> str | None:
        """The problem of a judgement; None when the judgement is not remembered."""
        entry = self._find(number)
        return entry.latest.digest if entry else None

    def judgement(self, number: str, problem: Problem | None) -> Judgement | None:
        entry = self._find(number)
        if entry is None:
            return None
        report = unpacked(entry.report)
        run = [(test, result) for test, result in enumerate(report.tests) if result.status.value != "skipped"]
        run.sort(key=lambda item: item[1].status.value == "accepted")  # what failed comes first
        return Judgement(
            latest=entry.latest,
            code=entry.code,
            report=msgspec.structs.replace(report, tests=()),
            tests=[_shown(test, result, problem) for test, result in run[:TESTS]],
            held=problem is not None,
        )

    def _find(self, number: str) -> _Entry | None:
        return next((entry for entry in self._entries if entry.latest.number == number), None)


def _shown(test: int, result: TestResult, problem: Problem | None) -> Shown:
    case = problem.tests[test] if problem is not None else None
    return Shown(
        test=test + 1,
        input=_cut(case.input, TEXT) if case else None,
        expected=_cut(case.output, TEXT) if case else None,
        actual=result.stdout,
        stderr=result.stderr,
        result=msgspec.to_builtins(msgspec.structs.replace(result, stdout=None, stderr=None)),
    )


def _cut(text: str | None, size: int) -> str | None:
    if text is None or len(text) <= size:
        return text
    return f"{text[:size]}… ({len(text) - size} more characters)"
