"""What bench/speed judges: a labelled corpus, and programs of our own that isolate one cost each.

    corpus        real programs with their few tests, right and wrong ones; one in a hundred of them needs seconds
    corpus-small  the same without those: tests that took at most 0.1 s where the corpus was made
    asserts       real programs, right and wrong ones, whose tests are assertions that can be read off
    trivial-K     K tests that do almost nothing: what a judge costs by itself
    work-20ms     tests that compute for about 20 ms: what a judge adds to real work
    wrong         programs that fail on the first of 20 tests: what early stop is worth

Everything comes from a seed; no two programs have the same text.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ..evaluator.asserts.assertion import read
from ..evaluator.problem import Mode, Problem, TestCase
from ..evaluator.submission import Submission
from .rivals.wire import Load

_PER_PROBLEM = 8
"""Programs that share a problem, as rollouts do."""

SMALL = 0.1

_SUMS = (
    """
a, b = map(int, input().split())
print({expression})
""",
    """
import sys

a, b = map(int, sys.stdin.read().split())
print({expression})
""",
    """
def main():
    a, b = [int(word) for word in input().split()]
    print({expression})


main()
""",
    """
def solve(a, b):
    return {expression}


if __name__ == "__main__":
    print(solve(*map(int, input().split())))
""",
    """
import sys

a, b = map(int, sys.stdin.readline().split())
sys.stdout.write(str({expression}) + "\\n")
""",
    """
from collections import defaultdict

d = defaultdict(int)
a, b = map(int, input().split())
d[0] += {expression}
print(d[0])
""",
    """
import math
from typing import List

values: List[int] = list(map(int, input().split()))
a, b = values
print(int(math.fabs({expression})))
""",
    """
import heapq

heap = []
a, b = map(int, input().split())
heapq.heappush(heap, {expression})
print(heap[0])
""",
)
"""Programs that read two numbers from one line and print one."""

_WORK = """
def work(n):
    total = 0
    for i in range(n):
        total = (total * 31 + i) % 1000003
    return total
"""


class Workload(msgspec.Struct, frozen=True):
    name: str
    about: str
    problems: list[Problem]
    programs: list[tuple[int, str]]
    labels: list[bool]
    """Whether a program is right, as its publisher says or as we made it."""

    @property
    def tests(self) -> int:
        """Tests of all programs, those after a first failure included."""
        return sum(len(self.problems[index].tests) for index, _ in self.programs)

    def load(self, copies: int = 1) -> Load:
        return Load(self.problems, self.programs, copies)


def corpus(path: Path, limit: int, seed: int, *, small: bool = False, mode: Mode = "stdio") -> Workload:
    """``limit`` programs drawn from a labelled file, those left out whose verdict depends on the machine's speed.

    ``small`` also leaves out those with a test of more than 0.1 s: next to them no judge's own cost is seen.
    """
    problems: list[Problem] = []
    drawn: list[tuple[int, _Program]] = []
    for line in _lines(path):
        problem = msgspec.json.decode(line, type=Problem)
        if problem.mode != mode:
            raise SystemExit(f"{path.name}: {problem.problem_id} is {problem.mode}, not {mode}")
        if mode == "assert" and not _are_read(problem):
            continue
        for program in msgspec.json.decode(line, type=_Programs).submissions:
            quick = not small or (program.max_time is not None and program.max_time <= SMALL)
            if quick and program.code and program.accept is not None and not program.timing_sensitive:
                drawn.append((len(problems), program))
        problems.append(problem)
    if len(drawn) > limit:
        drawn = random.Random(seed).sample(drawn, limit)
    return Workload(
        name="asserts" if mode == "assert" else "corpus-small" if small else "corpus",
        about=f"{len(drawn)} programs of {path.name}" + (f", tests of at most {SMALL:g} s" if small else ""),
        problems=problems,
        programs=[(index, submission.code or "") for index, submission in drawn],
        labels=[bool(submission.accept) for _, submission in drawn],
    )


def trivial(tests: int, programs: int, seed: int) -> Workload:
    about = "1 test a program that does" if tests == 1 else f"{tests} tests a program that do"
    return _sums(f"trivial-{tests}", f"{about} almost nothing", "a + b", True, tests, programs, seed)


def wrong(programs: int, seed: int) -> Workload:
    return _sums("wrong", "programs that fail on their first test of 20", "a + b + 1", False, 20, programs, seed)


def work(milliseconds: float, programs: int, seed: int, tests: int = 10) -> Workload:
    """Tests that compute; the amount is measured on this machine."""
    loops = _loops(milliseconds / 1000)
    rng = random.Random(seed)
    answer = _work()
    problems: list[Problem] = []
    for number in range(_groups(programs)):
        sizes = [loops + rng.randrange(100) for _ in range(tests)]
        cases = tuple(TestCase(f"{size} 0\n", f"{answer(size)}\n") for size in sizes)
        problems.append(Problem(problem_id=f"work-{number}", tests=cases))
    sources = [f"{_WORK}\n\n{source}" for source in _programs("work(a) + b", programs)]
    return Workload(
        name=f"work-{milliseconds:g}ms",
        about=f"{tests} tests a program that compute about {milliseconds:g} ms each",
        problems=problems,
        programs=[(number // _PER_PROBLEM, source) for number, source in enumerate(sources)],
        labels=[True] * programs,
    )


def _sums(name: str, about: str, expression: str, right: bool, tests: int, programs: int, seed: int) -> Workload:
    rng = random.Random(seed)
    problems: list[Problem] = []
    for number in range(_groups(programs)):
        pairs = [(rng.randrange(10**6), rng.randrange(10**6)) for _ in range(tests)]
        cases = tuple(TestCase(f"{a} {b}\n", f"{a + b}\n") for a, b in pairs)
        problems.append(Problem(problem_id=f"{name}-{number}", tests=cases))
    sources = _programs(expression, programs)
    return Workload(
        name=name,
        about=about,
        problems=problems,
        programs=[(number // _PER_PROBLEM, source) for number, source in enumerate(sources)],
        labels=[right] * programs,
    )


def _programs(expression: str, count: int) -> list[str]:
    return [f"# program {n}{_SUMS[n % len(_SUMS)].format(expression=expression)}" for n in range(count)]


def _groups(programs: int) -> int:
    return -(-programs // _PER_PROBLEM)


def _loops(seconds: float) -> int:
    """How many turns of the loop take this long here; the best of several tries, for other programs may be running."""
    run = _work()
    turns = 20_000
    best = min(_seconds(run, turns) for _ in range(7))
    return max(1, int(turns * seconds / best))


def _seconds(run: Callable[[int], int], turns: int) -> float:
    start = time.process_time()
    run(turns)
    return time.process_time() - start


def _work() -> Callable[[int], int]:
    """The function of the programs, compiled from the same text."""
    scope: dict[str, Callable[[int], int]] = {}
    exec(_WORK, scope)
    return scope["work"]


def _are_read(problem: Problem) -> bool:
    """Whether no test has to run, whoever judges it: it asks for nothing but the entry point."""
    readings = [read(test.code or "", problem.prelude, problem.entry_point) for test in problem.tests]
    return all(each.lifted is not None and {*each.free} <= {problem.entry_point} for each in readings)


class _Program(Submission, frozen=True, kw_only=True):
    max_time: float | None = None
    """Seconds of its slowest test, as its publisher saw it in a plain process."""


class _Programs(msgspec.Struct, frozen=True):
    submissions: Sequence[_Program]


def _lines(path: Path) -> Sequence[bytes]:
    if path.suffix != ".zst":
        return path.read_bytes().splitlines()
    import zstandard

    with path.open("rb") as file:
        reader = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file)
        return list(io.BufferedReader(reader))
