"""What does comparing cost, and for how long does it hold up the event loop? ``python -m microcoder.bench.compare``.

Every preset compares outputs of ten megabytes that are right but not equal bytes, in the engine's way: in a comparing
process. Beside it runs a task that wants its turn all the time; the lag is the longest processor time that it had to
wait for. Small outputs are compared where they are. Writes ``results/compare.json``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import tyro
import uvloop

from ..evaluator.compare import PRESETS, Comparison, comparison_for, preset, with_preset
from ..evaluator.comparing import Comparing
from ..evaluator.problem import Checker, Mode, Problem, TestCase
from ..evaluator.reference import Reference
from .machine import Machine, command_line, machine

SIZE = 10_000_000
SMALL_RUNS = 2000


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What does comparing cost?"""

    rounds: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Times that each comparison is measured; the median counts."""
    presets: tuple[str, ...] = tuple(PRESETS)
    """Which ones."""
    out: Path = Path(__file__).with_name("results")
    """Folder for compare.json."""


class Large(msgspec.Struct, frozen=True, kw_only=True):
    preset: str
    case: str
    megabytes: float
    rule: str | None
    cpu_ms: float
    """Processor time of the comparison."""
    lag_ms: float
    """The longest processor time between two turns of another task."""


class Small(msgspec.Struct, frozen=True, kw_only=True):
    preset: str
    case: str
    rule: str | None
    microseconds: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    command: str
    machine: Machine
    large: list[Large]
    small: list[Small]


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    large: list[Large] = []
    small: list[Small] = []
    for name in options.presets:
        for case, mode, expected, actual in large_cases():
            large.append(uvloop.run(measure(name, case, mode, expected, actual, options.rounds)))
            found = large[-1]
            print(f"{name:10} {case:28} {found.cpu_ms:8.1f} ms, lag {found.lag_ms:6.2f} ms, {found.rule}", flush=True)
        for case, mode, expected, actual in SMALL:
            small.append(measure_small(name, case, mode, expected, actual, options.rounds))
            print(f"{name:10} {case:28} {small[-1].microseconds:8.1f} us, {small[-1].rule}", flush=True)
    result = Result(command=command_line("microcoder.bench.compare"), machine=machine(), large=large, small=small)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "compare.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


def comparison(name: str, mode: Mode) -> Comparison:
    flags = "float_tolerance 1e-6" if name == "kattis" else ""
    tests = (TestCase("[]", "1"),)
    problem = Problem(problem_id="p", mode=mode, entry_point="f", tests=tests, checker=Checker(flags=flags))
    return comparison_for(with_preset(problem, preset(name)))


async def measure(name: str, case: str, mode: Mode, expected: bytes, actual: bytes, rounds: int) -> Large:
    rule, reference, comparing = comparison(name, mode), Reference(), Comparing()
    reference.seconds = SIZE  # no limit
    found: list[tuple[float, float]] = []
    match = await comparing.compare(rule, expected, actual, reference)
    pids = comparing.pids()  # none where the bytes are equal
    for _ in range(rounds):
        waits = [0.0]
        ticking = asyncio.create_task(_tick(waits))
        await asyncio.sleep(0)
        begun = processor_time(pids)
        match = await comparing.compare(rule, expected, actual, reference)
        spent = processor_time(pids) - begun
        await asyncio.sleep(0)
        ticking.cancel()
        found.append((spent, max(waits)))
    await comparing.close()
    cpu, lag = (sorted(values)[rounds // 2] * 1000 for values in zip(*found, strict=True))
    size = max(len(expected), len(actual)) / 1e6
    return Large(
        preset=name, case=case, megabytes=round(size, 1), rule=match.rule, cpu_ms=round(cpu, 1), lag_ms=round(lag, 2)
    )


def processor_time(pids: list[int]) -> float:
    """Of the processes that compare, and of this one where there are none."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids or [os.getpid()])


async def _tick(waits: list[float]) -> None:
    last = time.thread_time()
    while True:
        await asyncio.sleep(0)
        now = time.thread_time()
        waits[0] = max(waits[0], now - last)
        last = now


def measure_small(name: str, case: str, mode: Mode, expected: bytes, actual: bytes, rounds: int) -> Small:
    rule = comparison(name, mode)
    match = rule.compare(expected, actual)
    costs: list[float] = []
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(SMALL_RUNS):
            rule.compare(expected, actual)
        costs.append((time.process_time() - begun) / SMALL_RUNS * 1e6)
    return Small(preset=name, case=case, rule=match.rule, microseconds=round(sorted(costs)[rounds // 2], 2))


def large_cases() -> list[tuple[str, Mode, bytes, bytes]]:
    """Name, mode, expected, actual; the longer of the two has about SIZE bytes."""

    def until(size: int, item: Callable[[int], bytes]) -> list[bytes]:
        return [item(n) for n in range(size // (len(item(12345)) + 1))]

    integers = until(SIZE * 7 // 8, lambda n: b"%d" % (n * 7919 % 1_000_003))
    decimals = until(SIZE * 5 // 6, lambda n: b"%.9f" % (n * 7919 % 1_000_003 / 7))
    told = [b"Case %d: %b" % (n, word) for n, word in enumerate(decimals[: len(decimals) * 6 // 10])]
    return [
        ("integers, spaces differ", "stdio", b"\n".join(integers), b" \n".join(integers)),
        ("integers on one line", "stdio", b" ".join(integers), b"  ".join(integers)),
        ("decimals, all written longer", "stdio", b"\n".join(decimals), b"\n".join(word + b"000" for word in decimals)),
        ("Case n: decimals", "stdio", b"\n".join(told), b"\n".join(line + b"00" for line in told)),
        ("one word more at the end", "stdio", b"\n".join(integers), b"\n".join([*integers, b"1"])),
        ("one long word", "stdio", b"x" * SIZE, b"x" * (SIZE - 1) + b"y"),
        ("all words are others", "stdio", b"\n".join(integers), b"\n".join(word + b"1" for word in integers)),
        ("a list of integers", "call", b"[%b]" % b", ".join(integers), b"[%b]" % b",".join(integers)),
        ("a list within a list", "call", b"[[%b]]" % b", ".join(integers), b"[[%b]]" % b",".join(integers)),
        ("a list, the last item differs", "call", b"[%b,1]" % b", ".join(integers), b"[%b,2]" % b",".join(integers)),
        ("decimals in a list", "call", b"[%b]" % b", ".join(decimals), b"[%b]" % b"1,".join(decimals)),
    ]


SMALL: list[tuple[str, Mode, bytes, bytes]] = [
    ("small, equal", "stdio", b"1 2 3\n", b"1 2 3\n"),
    ("small, no newline", "stdio", b"1 2 3\n", b"1 2 3"),
    ("small, decimals", "stdio", b"0.5 0.25\n", b"0.50 0.250\n"),
    ("small, wrong", "stdio", b"1 2 3\n", b"1 2 4\n"),
    ("small, a value", "call", b"[1, [2, 3]]", b"[1,[2,3]]"),
]


if __name__ == "__main__":
    main()
