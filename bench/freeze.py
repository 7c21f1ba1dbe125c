"""Can what a program chose hold up the judge? ``python -m microcoder.bench.freeze``.

Three parts, each beside a task that looks at the processor clock of the event loop's thread at every turn:

    outputs   every rule, on large hostile outputs, each against four expected ones
    values    every function that lifted assertions know, on hostile values that a program returns
    server    programs of both kinds at a server, in turns of sixteen; somebody asks for /health meanwhile, and then the
              server is told to end

Writes ``results/hostile.json``, under ``freeze``. Exits with 1 where something took longer than it may.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import json
import os
import tempfile
import threading
import time
import zlib
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psutil
import tyro
import uvloop

from ..evaluator import Checker, Evaluator, Problem, TestCase
from ..evaluator.asserts.expressions import FUNCTIONS
from ..evaluator.compare import PRESETS, Comparison, comparison_for
from ..evaluator.compare.base import SMALL
from ..evaluator.compare.codeforces import NAMES
from ..evaluator.comparing import Comparing
from ..evaluator.comparing.service import FACTOR, FLOOR
from ..evaluator.problem import Mode
from ..evaluator.reference import Reference
from ..evaluator.server.process import CUT_OFF
from ..sandbox.limits import MIB, Limits
from .machine import Machine, command_line, machine
from .record import record
from .served import Served

HELD = 0.020
"""Longest processor seconds in one turn of the loop."""
GROWTH = 64 * MIB
PAST = 2.0
"""Seconds beyond its limit after which everything has ended."""
DRAIN = 5.0
"""Seconds that the server has to finish what it has when it is told to end."""
CPU = 0.3
"""Limit of the programs that return values."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Can what a program chose hold up the judge?"""

    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Of outputs and values, drawn by their names."""
    mib: Annotated[int, msgspec.Meta(ge=1)] = 16
    """Size of the outputs. All of them take some three hours at 16 MiB."""
    seconds: float = 20.0
    """How long the server is attacked."""
    out: Path = Path(__file__).with_name("results")
    """Folder for hostile.json."""


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    rules: int
    outputs: int
    compared: int
    in_the_parent: int
    longest_past_limit: float
    """Processor seconds of a comparing process beyond what the output was allowed."""
    slowest: str
    small_ms: float
    """The slowest comparison in the parent."""
    small: str
    held_ms: float
    growth_mib: float
    exceeded: int
    """Outputs that were rejected for what they take."""


class Values(msgspec.Struct, frozen=True, kw_only=True):
    forms: int
    values: int
    judged: int
    longest_past_limit: float
    """Processor seconds of program and replay beyond the limit of both."""
    slowest: str
    held_ms: float
    growth_mib: float
    statuses: dict[str, int]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    programs: int
    health_median_ms: float
    health_worst_ms: float
    without_reward: int
    """Of them, before the server was told to end."""
    ended_after_seconds: float
    exit_code: int
    left: int
    """Processes of the server that were there after it had ended."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What hostile.json holds under ``freeze``."""

    command: str
    machine: Machine
    niceness: int
    outputs: Outputs
    values: Values
    server: Server


class Watch:
    """The longest turn of the loop, in processor seconds, and by how much the process grew."""

    def __init__(self) -> None:
        self.held = 0.0
        self.growth = 0

    @contextlib.asynccontextmanager
    async def during(self) -> AsyncGenerator[None]:
        before = psutil.Process().memory_info().rss
        ticking = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            ticking.cancel()
            self.growth = max(self.growth, psutil.Process().memory_info().rss - before)

    async def _tick(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.held, last = max(self.held, now - last), now


# ------------------------------------------------------------------------------------------------------------- outputs


def rules() -> Generator[tuple[str, Comparison]]:
    def built(mode: Mode = "stdio", **checker: Any) -> Comparison:
        tests = (TestCase("[]", "1"),)
        return comparison_for(
            Problem(problem_id="p", mode=mode, entry_point="f", tests=tests, checker=Checker(**checker))
        )

    for preset in PRESETS:
        if preset != "codeforces":
            yield preset, built(type=preset)
        if preset not in ("codeforces", "kattis"):
            yield f"{preset}, call", built("call", type=preset)
    for name in NAMES:
        yield f"codeforces:{name}", built(type="codeforces", name=name)
    for flags in (
        "unordered_lines", "unordered_tokens", "unordered_lines case_insensitive", "case_insensitive",
        "float_tolerance 1e-6", "space_change_sensitive", "space_change_sensitive float_tolerance 1e-6",
    ):  # fmt: skip
        yield flags, built(flags=flags)
    for flags in ("float_tolerance 1e-6", "case_sensitive", "space_change_sensitive float_tolerance 1e-6"):
        yield f"kattis {flags}", built(type="kattis", flags=flags)
    yield "unordered_items, call", built("call", flags="unordered_items")


REPEATED: dict[str, bytes] = {
    "returns": b"\r", "newlines": b"\n", "spaces": b" ", "ones": b"1 ", "ones in lines": b"1\n", "a number": b"9",
    "decimals": b".5 ", "decimals in lines": b".5\n", "signed": b"+.5 ", "exponents": b"1e5 ", "infinite": b"1e999 ",
    "nan": b"nan ", "hexadecimal": b"0x1p3 ", "long hexadecimal": b"0xf", "yes": b"YES ", "no in lines": b"no\n",
    "zeros": b"\0", "zero words": b"\0 ", "not UTF-8": b"\xff", "words not UTF-8": b"\xff ", "next line": b"\xc2\x85",
    "line separators": b"\xe2\x80\xa8 ", "vertical tabs": b"\v", "form feeds": b"1\f", "underscores": b"1_0 ",
    "commas": b"0.5,0.5 ", "quotes": b"'\"", "brackets": b"[](){} ", "true": b"true ",
    "long decimals": b"0." + b"1" * 900 + b" ",
    "long integers": b"9" * 4000 + b"\n", "mixed": b"1 2.5 a\n", "cases": b"Case 1: 1\n", "open brackets": b"[",
    "letters": b"a", "carriage returns and lines": b"1 \r\n",
}  # fmt: skip


def outputs(size: int) -> dict[str, bytes]:
    found = {name: (piece * (size // len(piece) + 1))[:size] for name, piece in REPEATED.items()}
    found |= {
        "distinct": b" ".join(b"%d" % n for n in range(size // 8)),
        "distinct lines": b"\n".join(b"%d" % n for n in range(size // 8)),
        "numbered cases": b"".join(b"Case %d: 7\n" % n for n in range(1, size // 17)),
        "lists": b"[" + b"[]," * (size // 3) + b"[]]",
        "objects": b"[" + b"{}," * (size // 3) + b"{}]",
        "integers": b"[" + b"1," * (size // 2) + b"1]",
        "keys": b"{" + b",".join(b'"%d":1' % n for n in range(size // 12)) + b"}",
        "deep": b"[" * (size // 2) + b"]" * (size // 2),
        "deep and wide": b"[" * 400 + b"1," * (size // 2 - 400) + b"2" + b"]" * 400,
        "escapes": b'"' + b"\\u0041" * (size // 6) + b'"',
        "huge integers": b"[" + b",".join([b"9" * 4299] * (size // 4300)) + b"]",
        "no end": b'["' + b"a" * size,
    }
    return found


EXPECTED = ("small", "all but the end", "turned", "otherwise")


def expectation(name: str, output: bytes) -> bytes:
    """Something small, the same but for its end, in another order, written otherwise."""
    match name:
        case "small":
            return b"1\n"
        case "all but the end":
            return output[:-1] + b"7"
        case "turned":
            return b"\n".join(reversed(output.split(b"\n"))) if output.count(b"\n") > 9 else output[::-1]
        case _:
            return output.replace(b"1", b"1.0")[: 2 * len(output)] + b" "


def drawn(share: float, *names: str) -> bool:
    return zlib.crc32(" ".join(names).encode()) < share * 2**32


async def measure_outputs(options: Options) -> Outputs:
    watch, comparing = Watch(), Comparing()
    worst, slowest, small_worst, small_name = 0.0, "", 0.0, ""
    compared = parent = exceeded = 0
    every = list(rules())
    large, small = outputs(options.mib * MIB), outputs(SMALL // 2)
    for output_name, output in large.items():
        for expected_name in EXPECTED:
            few = expectation(expected_name, small[output_name])[: SMALL - len(small[output_name])]
            for rule_name, rule in every:
                begun = time.thread_time()
                rule.compare(few, small[output_name])
                if (took := time.thread_time() - begun) > small_worst:
                    small_worst, small_name = took, f"{rule_name}: {output_name}, {expected_name}"
                parent += 1
            chosen = [each for each in every if drawn(options.share, each[0], output_name, expected_name)]
            expected = expectation(expected_name, output) if chosen else b""
            for rule_name, rule in chosen:
                reference, before = Reference(), spent(comparing)
                async with watch.during():
                    match = await comparing.compare(rule, expected, output, reference)
                compared += 1
                exceeded += "takes more than" in str(match.message)
                # What may be spent: once in vain, before the reference is known, and once as it allows.
                past = spent(comparing) - before - FLOOR - reference.allows(FLOOR, FACTOR)
                if past > worst or not slowest:
                    worst, slowest = past, f"{rule_name}: {output_name}, {expected_name}"
        print(f"outputs: {output_name}: held {watch.held * 1000:.1f} ms, {exceeded} of {compared} exceeded", flush=True)
    await comparing.close()
    return Outputs(
        rules=len(every),
        outputs=len(large),
        compared=compared,
        in_the_parent=parent,
        longest_past_limit=round(worst, 2),
        slowest=slowest,
        small_ms=round(small_worst * 1000, 1),
        small=small_name,
        held_ms=round(watch.held * 1000, 1),
        growth_mib=round(watch.growth / MIB, 1),
        exceeded=exceeded,
    )


def spent(comparing: Comparing) -> float:
    """Processor seconds of the processes that compare now."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in comparing.pids())


# -------------------------------------------------------------------------------------------------------------- values

DECIMAL, FRACTION = "__import__('decimal').Decimal", "__import__('fractions').Fraction"
VALUES = (
    f"{DECIMAL}('1e3000000')", f"{DECIMAL}('1e-3000000')", f"{DECIMAL}('nan')", f"{DECIMAL}('9' * 100000)",
    f"{FRACTION}(7 ** 300000, 3 ** 500000)", f"[{FRACTION}(1, n + 1) for n in range(9000)]", "range(10 ** 12)",
    "range(6000000)", "range(10 ** 3000, 10 ** 3000 + 10 ** 9)", "1 << 8000000", "10 ** 4199", "-(10 ** 9)",
    "10 ** 9", "[n * (2 ** 61 - 1) for n in range(24000)]", "[2.0 ** (61 * n % 900) * 3 for n in range(24000)]",
    "[(n * (2 ** 61 - 1),) for n in range(24000)]", "{n * (2 ** 61 - 1) for n in range(3000)}",
    "{n * (2 ** 61 - 1): n for n in range(3000)}", "list(range(150000))", "[[]] * 100000", "'9' * 2000000",
    "'%999999999d'", "'1' * 4300", "eval('[' * 150 + ']' * 150)", "[[[[[[list(range(9000))]]]]]]",
    "complex('nan+infj')",
    "iter(range(90000))", "__import__('collections').deque(range(50000), 10 ** 9)", "bytes(1000000)", "float('nan')",
    "type('T', (), {'__len__': lambda s: 10 ** 9, '__getitem__': lambda s, i: i})()", "[float('nan')] * 100000",
    "{'a' * n: n for n in range(2000)}", "bytearray(1000000)", "'\\\\ud800' * 100000",
)  # fmt: skip


def forms() -> dict[str, str]:
    """An assertion for every function, and for every operator on values."""
    second = {"isinstance": "int", "isclose": "0.5", "math.isclose": "0.5"}
    called = {name: f"{name}(f(1){', ' + second[name] if name in second else ''}) == 5" for name in FUNCTIONS}
    operators = {
        "==": "f(1) == [1, 2]", "<": "f(1) < [1]", "in": "7.5 in f(1)", "in a text": "f(1) in 'abc'",
        "+": "f(1) + f(2) == 5",
        "-": "abs(f(1) - 0.5) < 1e-6", "/": "f(1) / f(2) == 5", "~": "~f(1) == 5", "slice": "f(1)[::-1] == [1]",
        "as index": "[1, 2][f(1)] == 3", "as slice": "'abcd'[:f(1)] == 'b'", "*": "[*f(1)] == [1]",
        "not": "(not f(1)) == 2",
        "digits": "round(12345.678, f(1)) == 5", "two": "f(1) == f(2) == f(3) == 0",
        "set of both": "set(f(1)) == set(f(2)) != 0",
    }  # fmt: skip
    return called | operators


async def measure_values(options: Options) -> Values:
    watch, statuses = Watch(), dict[str, int]()
    judged, worst, slowest = 0, 0.0, ""
    limits = Limits(cpu_time=CPU, idle_time=1, memory=256 * MIB, output=16 * MIB)
    async with Evaluator(workers=1, cache=0) as evaluator:
        for form, text in forms().items():
            tests = (TestCase(code=f"assert {text}"),)
            problem = Problem(problem_id=form, mode="assert", entry_point="f", tests=tests, limits=limits)
            for value in VALUES:
                if not drawn(options.share, form, value):
                    continue
                begun = jailed(evaluator)
                async with watch.during():
                    report = await evaluator.evaluate(problem, f"def f(x):\n    return {value}\n")
                took = jailed(evaluator) - begun - 2 * CPU  # of the program's process, and that of the test
                judged += 1
                statuses[report.status] = statuses.get(report.status, 0) + 1
                if took > worst or not slowest:
                    worst, slowest = took, f"{form}: {value}"
    return Values(
        forms=len(forms()),
        values=len(VALUES),
        judged=judged,
        longest_past_limit=round(worst, 2),
        slowest=slowest,
        held_ms=round(watch.held * 1000, 1),
        growth_mib=round(watch.growth / MIB, 1),
        statuses=statuses,
    )


def jailed(evaluator: Evaluator) -> float:
    """Processor seconds of the jails and of all that has ended in them."""
    found = 0.0
    for pid in evaluator.pool.pids():
        with contextlib.suppress(psutil.NoSuchProcess):
            outermost = psutil.Process(pid)
            for process in (outermost, *outermost.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found += sum(process.cpu_times()[:4])
    return found


# -------------------------------------------------------------------------------------------------------------- server


def attacks() -> list[dict[str, Any]]:
    """What once held up the whole server."""

    def problem(**fields: Any) -> dict[str, Any]:
        return {"tests": [{"input": "1\n", "output": "1\n"}], "limits": {"cpu_time": 2.0}} | fields

    def asserted(test: str) -> dict[str, Any]:
        return problem(mode="assert", entry_point="f", tests=[{"code": test}])

    lines = {"type": "default", "flags": "unordered_lines"}
    lcmp = {"type": "codeforces", "name": "lcmp"}
    return [
        {"problem": asserted("assert int(f(1)) == 5"), "code": f"def f(x):\n    return {VALUES[0]}\n"},
        {"problem": asserted("assert set(f(1)) == {4}"), "code": f"def f(x):\n    return {VALUES[13]}\n"},
        {"problem": asserted("assert len(set(f(1))) == 4"), "code": "def f(x):\n    return range(6000000)\n"},
        {"problem": problem(checker=lcmp), "code": "print('\\r' * (16 << 20 - 1))"},
        {"problem": problem(checker=lines), "code": "print('1 ' * 8000000)"},
        {"problem": problem(checker=lines), "code": "print('\\n' * 16000000)"},
        {"problem": problem(checker={"type": "lenient"}), "code": "print(*range(1500000))"},
    ]


def measure_server(options: Options) -> Server:
    health: list[float] = []
    counts = {"programs": 0, "without": 0}
    with (
        tempfile.TemporaryDirectory(prefix="freeze-") as folder,
        Served(Path(folder), "--workers", "2", "--drain", str(DRAIN)) as server,
    ):
        address = ("127.0.0.1", int(server.address.rpartition(":")[2]))
        until = time.monotonic() + options.seconds
        attackers = [threading.Thread(target=_attack, args=(address, n, until, counts), daemon=True) for n in range(16)]
        for attacker in attackers:
            attacker.start()
        while time.monotonic() < until:
            began = time.perf_counter()
            _ask(address, "GET", "/health")
            health.append(1000 * (time.perf_counter() - began))
            time.sleep(0.05)
        processes = [process for engine in server.engines for process in (engine, *engine.children(recursive=True))]
        began = time.monotonic()
        server.process.terminate()
        code = server.process.wait(120)
        ended = time.monotonic() - began
        _, alive = psutil.wait_procs(processes, timeout=5)
    health.sort()
    return Server(
        programs=counts["programs"],
        health_median_ms=round(health[len(health) // 2], 1),
        health_worst_ms=round(health[-1], 1),
        without_reward=counts["without"],
        ended_after_seconds=round(ended, 1),
        exit_code=code,
        left=len(alive),
    )


def _attack(address: tuple[str, int], number: int, until: float, counts: dict[str, int]) -> None:
    every = attacks()
    serial = 0
    while time.monotonic() < until:
        attack = every[(number + serial) % len(every)]
        serial += 1
        problem = {"problem_id": f"{number} {serial}", **attack["problem"]}
        body = {"problem": problem, "submissions": [{"code": f"{attack['code']}# {number} {serial}"}]}
        with contextlib.suppress(OSError, http.client.HTTPException):  # it ends meanwhile
            answer = _ask(address, "POST", "/v1/evaluate", body)
            if time.monotonic() > until:  # what it had no time for is answered without a verdict
                break
            counts["programs"] += 1
            counts["without"] += any(result.get("reward") is None for result in answer.get("results", [{}]))


def _ask(address: tuple[str, int], method: str, path: str, body: Any = None) -> Any:
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=120)) as connection:
        headers = {"content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        return json.loads(connection.getresponse().read())


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    options.out.mkdir(parents=True, exist_ok=True)
    here = machine()
    server = measure_server(options)
    print(server, flush=True)
    gc.collect()
    gc.freeze()  # as the server does: a collection that looks at all that was imported takes 30 ms
    values = uvloop.run(measure_values(options))
    print(values, flush=True)
    found = uvloop.run(measure_outputs(options))
    print(found, flush=True)
    result = Result(
        command=command_line("microcoder.bench.freeze"),
        machine=here,
        niceness=os.nice(0),
        outputs=found,
        values=values,
        server=server,
    )
    record(options.out / "hostile.json", "freeze", result)
    failed = [
        name
        for name, holds in {
            "the loop is held": max(found.held_ms, values.held_ms) <= HELD * 1000,
            "small outputs": found.small_ms <= HELD * 1000,
            "growth": max(found.growth_mib, values.growth_mib) * MIB <= GROWTH,
            "time": max(found.longest_past_limit, values.longest_past_limit) <= PAST,
            "rewards": server.without_reward == 0 and not {"checker_error", "system_error"} & values.statuses.keys(),
            "the server's end": (server.exit_code, server.left) == (0, 0),
            "its grace": server.ended_after_seconds <= DRAIN + CUT_OFF + PAST,
            "/health": server.health_worst_ms <= 100,
        }.items()
        if not holds
    ]
    print(f"does not hold: {', '.join(failed)}" if failed else "all of it holds")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
