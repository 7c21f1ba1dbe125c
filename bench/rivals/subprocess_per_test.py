"""One plain interpreter a test: ``python -I program.py < input``. No jail, no pool; stops at the first failure."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ...evaluator.problem import Problem
from .base import Item, Verdicts, cpu_seconds


class _Job(NamedTuple):
    program: Path
    tests: list[tuple[Path, bytes]]
    seconds: float


class SubprocessPerTest:
    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._jobs: list[_Job] = []

    def setup(self) -> str:
        return f"python {platform.python_version()}"

    def start(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers)

    def load(self, items: Sequence[Item]) -> None:
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = tempfile.TemporaryDirectory(prefix="bench-subprocess-")
        root = Path(self._folder.name)
        inputs: dict[str, list[tuple[Path, bytes]]] = {}
        self._jobs = []
        for number, (problem, code) in enumerate(items):
            if problem.problem_id not in inputs:
                inputs[problem.problem_id] = _write_tests(problem, root / f"input-{number}")
            program = root / f"program-{number}.py"
            program.write_text(code, encoding="utf-8", newline="")
            self._jobs.append(_Job(program, inputs[problem.problem_id], cpu_seconds(problem)))

    def judge(self) -> Verdicts:
        assert self._threads is not None
        results = list(self._threads.map(_judge, self._jobs))
        return Verdicts([accepted for accepted, _ in results], tests_run=sum(ran for _, ran in results))

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown()
        if self._folder is not None:
            self._folder.cleanup()


def _write_tests(problem: Problem, stem: Path) -> list[tuple[Path, bytes]]:
    tests: list[tuple[Path, bytes]] = []
    for index, test in enumerate(problem.tests):
        path = stem.with_name(f"{stem.name}-{index}.txt")
        path.write_text(test.input, encoding="utf-8", newline="")
        tests.append((path, test.output.encode().strip()))
    return tests


def _judge(job: _Job) -> tuple[bool, int]:
    for ran, (path, expected) in enumerate(job.tests, 1):
        with path.open("rb") as stdin:
            command = [sys.executable, "-I", job.program]
            try:
                done = subprocess.run(
                    command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=job.seconds
                )
            except subprocess.TimeoutExpired:
                return False, ran
        if done.returncode != 0 or done.stdout.strip() != expected:
            return False, ran
    return True, len(job.tests)
