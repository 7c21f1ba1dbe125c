"""The floor: warm interpreters that fork once per test, with no jail, no limits and nothing else a judge owes.

Built as lean as Python allows, so that the distance to it means something: the program is compiled once, modules are
imported before the fork, the heap is frozen, standard input and output are set up before the fork, no parent stands
between two tests or two programs (workers draw indices from a shared pipe). Nothing protects the host or the
measurement from a program. Outputs are compared after ``strip()``, which costs microseconds, so that a wrong program
stops at its first failure as it does elsewhere.
"""

from __future__ import annotations

import marshal
import os
import platform
import site
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ...evaluator.problem import Problem
from .base import Item, Verdicts, cpu_seconds
from .floor_worker import NO_INDEX, RECORD_BYTES

_WORKER = Path(__file__).with_name("floor_worker.py")
_AHEAD = 256
"""Programs handed out and not judged at most: never so many that the parent would block on the pipe."""


class Floor:
    def __init__(self) -> None:
        self._workers: list[subprocess.Popen[bytes]] = []
        self._commands: list[int] = []
        self._tokens = self._results = -1
        self._count = 0
        self._loaded = False

    def setup(self) -> str:
        return f"python {platform.python_version()}"

    def start(self, workers: int) -> None:
        tokens, self._tokens = os.pipe()
        self._results, results = os.pipe()
        packages = os.pathsep.join([*site.getsitepackages(), site.getusersitepackages()])
        for _ in range(workers):
            commands, command = os.pipe()
            self._commands.append(command)
            descriptors = (commands, tokens, results)
            arguments = [*map(str, descriptors), ",".join(_preload()), packages]
            interpreter = [sys.executable, "-I", "-S", "-X", "utf8", _WORKER]
            self._workers.append(subprocess.Popen([*interpreter, *arguments], pass_fds=descriptors))
            os.close(commands)
        os.close(tokens)
        os.close(results)
        self.load([])

    def load(self, items: Sequence[Item]) -> None:
        tests = {id(problem): _tests(problem) for problem, _ in items}
        self._count = len(items)
        # An empty list would end the worker; a program that nobody draws does not.
        programs = [(code, *tests[id(problem)]) for problem, code in items] or [("", [], [], 1.0)]
        data = marshal.dumps(programs)
        self._end_pass()
        self._loaded = True
        for command in self._commands:
            with open(command, "wb", closefd=False) as pipe:
                pipe.write(len(data).to_bytes(8, "little") + data)
        self._await_workers()

    def judge(self) -> Verdicts:
        accepted: list[bool | None] = [None] * self._count
        tests_run = microseconds = done = sent = 0
        while done < self._count:
            while sent < min(self._count, done + _AHEAD):
                os.write(self._tokens, sent.to_bytes(4, "little"))
                sent += 1
            for index, passed, ran, cpu in self._read(_AHEAD):
                accepted[index] = passed
                tests_run += ran
                microseconds += cpu
                done += 1
        return Verdicts(accepted, tests_run=tests_run, program_cpu=microseconds / 1e6)

    def close(self) -> None:
        self._end_pass()
        for command in self._commands:
            os.close(command)
        for worker in self._workers:
            worker.wait(10)

    def _end_pass(self) -> None:
        """Send every worker back to its commands; nobody may go on before all are there, or one takes two tokens."""
        if self._loaded:
            os.write(self._tokens, NO_INDEX * len(self._workers))
            self._await_workers()
            self._loaded = False

    def _await_workers(self) -> None:
        for _ in self._workers:
            if self._read() != [(-1, False, 0, 0)]:
                raise RuntimeError("a worker of the floor lost its way")

    def _read(self, records: int = 1) -> list[tuple[int, bool, int, int]]:
        """Some results: index (-1: loaded, or ended a pass), accepted, tests started, microseconds."""
        data = os.read(self._results, RECORD_BYTES * records)
        if not data:
            raise RuntimeError("every worker of the floor is gone")
        found: list[tuple[int, bool, int, int]] = []
        for start in range(0, len(data), RECORD_BYTES):
            record = data[start : start + RECORD_BYTES]
            index = -1 if record[:4] == NO_INDEX else int.from_bytes(record[:4], "little")
            ran, cpu = int.from_bytes(record[5:9], "little"), int.from_bytes(record[9:], "little")
            found.append((index, record[4] == 1, ran, cpu))
        return found


def _tests(problem: Problem) -> tuple[list[bytes], list[bytes], float]:
    inputs = [test.input.encode() for test in problem.tests]
    return inputs, [test.output.encode().strip() for test in problem.tests], cpu_seconds(problem)


def _preload() -> Sequence[str]:
    """What our runner imports beforehand, so that both fork the same interpreter."""
    from ...sandbox.inside.ahead import USUAL

    return USUAL
