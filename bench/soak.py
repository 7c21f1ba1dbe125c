"""Does the judge hold when one program in ten attacks it? ``python -m microcoder.bench.soak``.

Runs thousands of programs through one evaluator: ordinary ones, right and wrong, whose verdicts are known, and hostile
ones: bombs of memory, output, files and threads, daemons, killers, hangs, loops, giant outputs, forged frames, values
and outputs that are dear to compare, text that would change what others find, and what would cost the judge its
verdict. Now and then a jail is killed from outside. Every program must get a verdict of the expected kind; at the end
no process, descriptor, file or mount may be left, and memory must not have grown. Prints a table and writes
``results/soak.json``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, NoReturn

import msgspec
import psutil
import tyro

from .machine import Machine, command_line, machine

if TYPE_CHECKING:
    from rich.console import Console

    from ..evaluator import Evaluator, Problem, Report
    from ..sandbox.limits import Limits

MIB = 1 << 20
SAMPLES = 200
STALL = 30.0
"""Most seconds of a program with its worker: it may be blocked for 0.2 s, and run twice."""
KILL_PAUSE = 10.0
"""Seconds between two kills, more than any program takes: one that meets two of them on new workers is held to have
broken them."""
SHOWN = 20
GROWTH, SLACK = 0.10, 16.0
"""Memory is flat when it grew by no more than this share or so many MiB."""
_PR_SET_CHILD_SUBREAPER = 36


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Does the judge hold when one program in ten attacks it?"""

    programs: Annotated[int, msgspec.Meta(ge=10)] = 50_000
    """Programs to judge."""
    hostile: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """Share of them that attack."""
    kills: int | None = None
    """Jails killed from outside. Default: one for every 500 programs. Never two within ten seconds."""
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    """Programs judged at the same time."""
    jail: Literal["auto", "nsjail", "bubblewrap"] = "auto"
    """What isolates the programs."""
    seed: int = 1
    """Seed of the order of programs and of the kills."""
    out: Path = Path(__file__).with_name("results")
    """Folder for soak.json."""


# ------------------------------------------------------------------------------------------------------- what is run


class Kind(NamedTuple):
    """Programs of one kind, and the verdicts that are right for them."""

    name: str
    verdicts: str
    source: str
    problem: str = "sums"
    hostile: bool = False


_READ = "a, b = map(int, input().split())\n"
_SUM = f"{_READ}print(a + b)\n"
_EVERYWHERE = """
import json, os, struct
def frame(header, blob=b""):
    text = json.dumps(header).encode()
    return struct.pack("!II", len(text), len(blob)) + text + blob
rows = [[n, "finished", None, 0, None, 0.0, 0.0, 1000, True, 2, 0, 0] for n in range(6)]
forged = frame({"type": "results", "job": 1, "worn": False, "rows": rows}, b"1\\n3\\n5\\n7\\n9\\n11")
"""

_ADD = "def f(*numbers): return sum(numbers)\n"
ORDINARY = (
    Kind("right", "accepted", _SUM),
    Kind("right, read at once", "accepted", "import sys\na, b = map(int, sys.stdin.read().split())\nprint(a + b)\n"),
    Kind("right, in a function", "accepted", f"def main():\n    {_READ}    print(a + b)\n\nmain()\n"),
    Kind("right, with a heap", "accepted", f"import heapq\n{_READ}h = [a, b]\nheapq.heapify(h)\nprint(sum(h))\n"),
    Kind("right, with a thread", "accepted",
         f"import threading\n{_READ}t = threading.Thread(target=print, args=(a + b,))\nt.start()\nt.join()\n"),
    Kind("right, with a file", "accepted",
         f"{_READ}with open('note', 'w') as f: f.write(str(a + b))\nprint(open('note').read())\n"),
    Kind("right, called", "accepted", "def add(a, b): return a + b\n", "calls"),
    Kind("right, as a method", "accepted", "class Solution:\n    def add(self, a, b): return a + b\n", "methods"),
    Kind("right, large", "accepted", "print('x' * 500_000)\n", "large"),
    Kind("wrong", "wrong_answer", f"{_READ}print(a - b)\n"),
    Kind("wrong at the end", "wrong_answer", f"{_READ}print(a + b if a < 5 else 0)\n"),
    Kind("wrong, called", "wrong_answer", "def add(a, b): return str(a + b)\n", "calls"),
    Kind("silent", "wrong_answer", _READ),
    Kind("crashing", "runtime_error", f"{_READ}print([a, b][a])\nprint([][b])\n"),
    Kind("exiting", "runtime_error", f"import sys\n{_SUM}sys.exit(a + 1)\n"),
    Kind("no program", "compile_error", f"{_SUM}print(\n"),
    Kind("right, with numpy", "accepted",
         f"import numpy\nassert numpy.geterr()['divide'] == 'warn'\n{_READ}print(numpy.array([a, b]).sum())\n"),
    Kind("right, with numbers of numpy", "accepted",
         f"import numpy\nnumpy.random.seed(7)\nassert numpy.random.randint(10**6) == 585903\n{_SUM}"),
    Kind("right, lifted", "accepted", "def f(*numbers): return str(sum(numbers))\n", "lifted"),
    Kind("right, replayed", "accepted", _ADD, "replayed"),
    Kind("right, unordered", "accepted", f"{_READ}print(b, a, sep='\\n')\n", "unordered"),
    Kind("right, checked", "accepted", f"{_READ}print(a, b)\n", "checked"),
    Kind("wrong, checked", "wrong_answer", _SUM.replace("a + b", "a, a"), "checked"),
)  # fmt: skip

HOSTILE = tuple(
    kind._replace(hostile=True)
    for kind in (
        Kind("memory at once", "memory_limit_exceeded", "x = bytearray(1 << 40)\n"),
        Kind("memory bit by bit", "memory_limit_exceeded time_limit_exceeded",
             "x = []\nwhile True: x.append(bytes(1 << 20))\n"),
        Kind("memory touched", "memory_limit_exceeded time_limit_exceeded", "x = b'x' * (200 << 20)\n"),
        Kind("output", "output_limit_exceeded", "while True: print('x' * 65536)\n"),
        Kind("output, nearly too much", "wrong_answer", "print('x' * 1_000_000)\n"),
        Kind("errors", "time_limit_exceeded", "import os\nwhile True: os.write(2, bytes(65536))\n"),
        Kind("value", "output_limit_exceeded", "def add(a, b): return 'x' * (2 << 20)\n", "calls"),
        Kind("one file", "runtime_error", "f = open('f', 'wb')\nwhile True: f.write(bytes(65536))\n"),
        Kind("many files", "runtime_error time_limit_exceeded memory_limit_exceeded",
             "import itertools\nfor n in itertools.count(): open(f'/tmp/{n}', 'wb').write(bytes(500_000))\n"),
        Kind("empty files", "runtime_error time_limit_exceeded memory_limit_exceeded",
             "import itertools\nfor n in itertools.count(): open(f'/work/{n}', 'w').close()\n"),
        Kind("sparse file", "runtime_error", "open('/tmp/f', 'wb').truncate(1 << 40)\n"),
        Kind("open files", "runtime_error", "x = []\nwhile True: x.append(open('/dev/null'))\n"),
        Kind("deep folders", "runtime_error time_limit_exceeded memory_limit_exceeded",
             "import os\nwhile True:\n  os.mkdir('d')\n  os.chdir('d')\n"),
        Kind("forbidden folders", "wrong_answer", "import os\nos.makedirs('/work/a/b')\nos.chmod('/work/a', 0)\n"),
        Kind("threads", "runtime_error time_limit_exceeded",
             "import threading\nwhile True: threading.Thread(target=threading.Event().wait).start()\n"),
        Kind("threads again", "time_limit_exceeded",
             "import _thread\ndef f():\n  while True:\n    try: _thread.start_new_thread(f, ())\n"
             "    except RuntimeError: pass\nf()\n"),
        Kind("fork", "runtime_error", "import os\nwhile True: os.fork()\n"),
        Kind("forks, again and again", "time_limit_exceeded",
             "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass\n"),
        Kind("daemon", "runtime_error",
             "import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0: time.sleep(1000)\n"),
        Kind("spawner", "runtime_error", "import subprocess, sys\nsubprocess.Popen([sys.executable])\n"),
        Kind("killer of all", "runtime_error", "import os\nos.kill(-1, 9)\n"),
        Kind("killer of the runner", "runtime_error", "import os\nos.kill(os.getppid(), 9)\nos.kill(1, 9)\n"),
        Kind("killer of itself", "runtime_error", "import os\nos.kill(os.getpid(), 9)\n"),
        Kind("stopped", "time_limit_exceeded", "import os\nos.kill(os.getpid(), 19)\n"),
        Kind("asleep", "time_limit_exceeded", "import time\ntime.sleep(1000)\n"),
        Kind("loop", "time_limit_exceeded", "while True: pass\n"),
        Kind("deaf loop", "time_limit_exceeded",
             "import signal\nsignal.pthread_sigmask(0, range(1, 65))\nwhile True: pass\n"),
        Kind("loop in C", "time_limit_exceeded", "x = 7 ** 10 ** 8\n"),
        Kind("backtracking", "time_limit_exceeded", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')\n"),
        Kind("loop at the end", "time_limit_exceeded",
             f"{_SUM}import atexit\n@atexit.register\ndef f():\n  while True: pass\n"),
        Kind("slow in the middle", "time_limit_exceeded", f"{_SUM}while a == 3: pass\n"),
        Kind("recursion", "runtime_error", "def f(): f()\nf()\n"),
        Kind("segmentation fault", "runtime_error", "import ctypes\nctypes.string_at(0)\n"),
        Kind("abort", "runtime_error", "import os\nos.abort()\n"),
        Kind("compile bomb", "compile_error",
             "".join(f"{' ' * n}try: pass\n{' ' * n}finally:\n" for n in range(24)) + " " * 24 + "pass\n"),
        Kind("parentheses", "compile_error", "(" * 100_000),
        Kind("all descriptors", "wrong_answer runtime_error output_limit_exceeded",
             f"{_EVERYWHERE}for fd in range(1024):\n  try: os.write(fd, forged)\n  except OSError: pass\n"),
        Kind("forged frames", "wrong_answer runtime_error",
             f"{_EVERYWHERE}for fd in range(3, 1024):\n  try: os.write(fd, forged)\n  except OSError: pass\n"
             "os._exit(0)\n"),
        Kind("forged value", "wrong_answer runtime_error",
             "import os\ndef add(a, b):\n  for fd in range(3, 64):\n    try: os.write(fd, b'1')\n"
             "    except OSError: pass\n  os._exit(0)\n", "calls"),
        Kind("closed descriptors", "wrong_answer runtime_error", f"import os\nos.closerange(0, 1024)\n{_SUM}"),
        Kind("cut descriptors", "wrong_answer runtime_error",
             "import os\nfor fd in range(1024):\n  try: os.ftruncate(fd, 100_000)\n  except OSError: pass\n"),
        Kind("spoiled descriptors", "wrong_answer runtime_error memory_limit_exceeded",
             "import fcntl, os\nlie = b''.join(n.to_bytes(8, 'little') for n in (4, 1, 1, 1, 0)) * 40\n"
             "for fd in range(3, 64):\n  try:\n    os.pwrite(fd, lie, 0)\n    os.ftruncate(fd, 1 << 20)\n"
             "    os.lseek(fd, 1 << 20, 0)\n    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)\n"
             "  except OSError: pass\nos._exit(1)\n"),
        Kind("early end", "runtime_error wrong_answer", "import sys\ndef add(a, b): sys.exit(0)\n", "calls"),
        Kind("liar", "wrong_answer",
             "class X:\n  def __eq__(self, other): return True\ndef add(a, b): return X()\n", "calls"),
        Kind("spoiled interpreter", "wrong_answer runtime_error",
             "import builtins, sys\nbuiltins.len = builtins.print = None\nsys.modules.clear()\n"),
        Kind("a long integer", "wrong_answer", "print('9' * 1_000_000)\n"),
        Kind("noise", "wrong_answer", "import os\nos.write(1, os.urandom(100_000))\n"),
        # Values and outputs that are dear to look at.
        Kind("a huge decimal", "wrong_answer time_limit_exceeded",
             "from decimal import Decimal\ndef f(*_): return Decimal('1e3000000')\n", "lifted"),
        Kind("colliding items", "wrong_answer",
             "def f(*_): return {k * 2305843009213693951 for k in range(3000)}\n", "lifted"),
        Kind("a long range", "wrong_answer runtime_error time_limit_exceeded memory_limit_exceeded",
             "def f(*_): return range(10**12)\n", "replayed"),
        Kind("a deep value", "wrong_answer runtime_error time_limit_exceeded",
             "def f(*_):\n  x = []\n  for _ in range(10**5): x = [x]\n  return x\n", "replayed"),
        Kind("an object with all attributes", "wrong_answer runtime_error",
             "class X:\n  def __getattr__(self, name): return self\ndef f(*_): return X()\n", "replayed"),
        Kind("end of a replayed process", "runtime_error", "import os\ndef f(*_): os._exit(0)\n", "replayed"),
        Kind("words in one line", "wrong_answer", "print('1 ' * 500_000)\n", "unordered"),
        Kind("empty lines", "wrong_answer", "print('\\n' * 1_000_000)\n", "unordered"),
        Kind("carriage returns", "wrong_answer", "import sys\nsys.stdout.write('\\r' * 1_000_000)\n", "unordered"),
        # What would change what others find.
        Kind("a module in text", "accepted", f'"""\nimport numpy.typing.tests.data.pass.random\n"""\n{_SUM}'),
        Kind("a module in dead code", "accepted", f"if 0:\n  import numpy.f2py.__main__.x\n{_SUM}"),
        Kind("numpy changed", "accepted",
             f"import numpy\nnumpy.random.seed(0)\nnumpy.seterr(all='raise')\nnumpy.set_printoptions(1)\n{_SUM}"),
        Kind("interpreter changed", "accepted",
             "import os, random, sys, warnings\nrandom.seed(0)\nos.environ.clear()\nwarnings.simplefilter('error')\n"
             f"assert not hasattr(sys, 'mark')\nsys.mark = 1\nsys.setrecursionlimit(60)\n{_SUM}"),
        Kind("input of the next test", "wrong_answer",
             "import os\nown, seen = input(), '?'\nfor fd in range(3, 80):\n  try: text = os.pread(fd, 100, 0)\n"
             "  except OSError: continue\n  if text.strip() and text.decode('latin-1').strip() != own: seen = text\n"
             "print(seen)\n"),
        # What would cost the judge its verdict.
        Kind("a sparse output", "wrong_answer", "import os\nos.truncate(1, 1_000_000)\n"),
        Kind("many modules in dead code", "accepted",
             "if 0:\n" + "".join(f" import os.a{n}\n" for n in range(2000)) + _SUM),
        Kind("a long name of a module", "accepted", f"if 0:\n import {'a' * 100_000}\n{_SUM}"),
        Kind("garbage for a checker", "wrong_answer", "print('x')\n", "checked"),
        Kind("nothing for a checker", "wrong_answer", "pass\n", "checked"),
        Kind("killed by its own limit", "runtime_error time_limit_exceeded",
             "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True: pass\n"),
        Kind("killed by its own timer", "runtime_error time_limit_exceeded",
             "import ctypes, struct\nlibc = ctypes.CDLL(None)\nevent = ctypes.create_string_buffer(64)\n"
             "struct.pack_into('<Qii', event, 0, 0, 9, 0)\ntimer = ctypes.c_int(0)\n"
             "libc.syscall(222, 1, event, ctypes.byref(timer))\n"
             "libc.syscall(223, timer.value, 0, struct.pack('<qqqq', 0, 0, 0, 1000), 0)\nwhile True: pass\n"),
    )
)  # fmt: skip


def problems() -> dict[str, Problem]:
    from ..evaluator import Checker, Problem, TestCase
    from ..sandbox.limits import Limits

    limits = Limits(
        cpu_time=0.2,
        idle_time=0.6,
        wall_time=10,
        memory=128 * MIB,
        output=MIB,
        stderr=MIB // 4,
        file_size=MIB,
        threads=8,
        compile_time=0.5,
    )
    sums = tuple(TestCase(f"{n} {n + 1}\n", f"{2 * n + 1}\n") for n in range(6))
    calls = tuple(TestCase(f"[{n}, {n + 1}]", f"{2 * n + 1}") for n in range(6))
    return {
        "sums": Problem(problem_id="sums", tests=sums, limits=limits),
        "calls": Problem(problem_id="calls", mode="call", entry_point="add", tests=calls, limits=limits),
        "methods": Problem(
            problem_id="methods", mode="call", entry_class="Solution", entry_point="add", tests=calls, limits=limits
        ),
        "large": Problem(problem_id="large", tests=(TestCase("", "x" * 500_000 + "\n"),), limits=limits),
        "lifted": _asserts("lifted", [f"assert int(f({n}, {n + 1})) == {2 * n + 1}" for n in range(3)], limits),
        "replayed": _asserts("replayed", [_TRIES.format(n, n + 1, 2 * n + 1) for n in range(3)], limits),
        "unordered": Problem(
            problem_id="unordered",
            tests=tuple(TestCase(f"{n} {n + 1}\n", f"{n}\n{n + 1}\n") for n in range(6)),
            checker=Checker(type="default", flags="unordered_lines"),
            limits=limits,
        ),
        "checked": Problem(
            problem_id="checked", tests=sums, checker=Checker(type="python", source=_CHECKER), limits=limits
        ),
    }


_TRIES = """
try:
    found = f({}, {})
except ValueError:
    found = None
assert sum([found]) == {}
"""
_CHECKER = """
def check(input, output, expected):
    return sum(int(number) for number in output.split()) == int(expected)
"""


def _asserts(name: str, codes: Sequence[str], limits: Limits) -> Problem:
    from ..evaluator import Checker, Problem, TestCase

    tests = tuple(TestCase(code=code) for code in codes)
    checker = Checker(type="assert")
    return Problem(problem_id=name, mode="assert", entry_point="f", tests=tests, checker=checker, limits=limits)


# ---------------------------------------------------------------------------------------------------- what is found


class Longest:
    """The program that took the longest, which tells of workers that fell silent: nobody else would."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.what = ""

    def see(self, report: Report, what: str) -> None:
        if report.run_time > self.seconds:
            self.seconds, self.what = report.run_time, what

    def check(self) -> Check:
        detail = f"at most {self.seconds:.1f} s from a worker to the verdict: {self.what}"
        return Check(name="no stall", passed=self.seconds <= STALL, detail=detail)


class KindCount(msgspec.Struct, kw_only=True):
    hostile: bool
    programs: int = 0
    unexpected: int = 0
    verdicts: dict[str, int] = msgspec.field(default_factory=dict[str, int])


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Memory after so many programs. Without the processes of tests, which are young."""

    programs: int
    seconds: float
    parent_mib: float
    """Resident in the evaluator's own process."""
    jail_mib: float | None
    """What no file holds, proportional (PSS), of the largest of the jails that stood for a while, with all that is in
    one: a jail that was begun anew grows until it has run all kinds. None: there was none, or it may not be read."""
    descriptors: int


class Check(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    passed: bool
    detail: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What soak.json holds."""

    command: str
    machine: Machine
    jail: str
    workers: int
    seed: int
    programs: int
    hostile: int
    reports: int
    seconds: float
    programs_per_second: float
    kills: int
    restarts: int
    """Workers that broke and were replaced."""
    kinds: dict[str, KindCount]
    unexpected: list[str]
    """The first verdicts that were not of the expected kind."""
    checks: list[Check]
    samples: list[Sample]


class Soak:
    """One run: feeds the programs, counts the verdicts, watches memory, kills a jail now and then."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.random = random.Random(options.seed)
        self.problems = problems()
        self.pending: dict[int, Kind] = {}
        self.kinds = {kind.name: KindCount(hostile=kind.hostile) for kind in (*ORDINARY, *HOSTILE)}
        self.unexpected: list[str] = []
        self.judge_failures = self.reports = self.kills = 0
        self.samples: list[Sample] = []
        self.longest = Longest()
        self.seen: set[psutil.Process] = set()
        """Every process of a jail that was ever looked at."""
        wanted = options.programs // 500 if options.kills is None else options.kills
        self.kill_at = sorted(self.random.randrange(options.programs) for _ in range(wanted))
        self.killed_at = 0.0
        self.whole = 2
        """Processes of a jail that has run all that it may be asked for, while it is idle."""

    def pairs(self) -> Iterator[tuple[Problem, str]]:
        for place in range(self.options.programs):
            kinds = HOSTILE if self.random.random() < self.options.hostile else ORDINARY
            kind = self.pending[place] = self.random.choice(kinds)
            yield self.problems[kind.problem], f"{kind.source}\n# {place}\n"

    async def run(self, evaluator: Evaluator) -> float:
        """Judge all; how many seconds it took."""
        every = max(1, self.options.programs // SAMPLES)
        started = time.monotonic()
        async with contextlib.aclosing(evaluator.stream(self.pairs())) as stream:
            async for place, report in stream:
                self.reports += 1
                kind = self.pending.pop(place)
                count = self.kinds[kind.name]
                count.programs += 1
                self.longest.see(report, f"program {place} ({kind.name})")
                count.verdicts[report.status.value] = count.verdicts.get(report.status.value, 0) + 1
                if report.status.value not in kind.verdicts.split():
                    count.unexpected += 1
                    self.judge_failures += report.status.is_judge_failure
                    if len(self.unexpected) < SHOWN:
                        why = report.message or next((test.message for test in report.tests if test.message), "")
                        self.unexpected.append(f"program {place} ({kind.name}): {report.status.value}: {why}")
                if self.reports % every == 0:
                    self.samples.append(self.sample(evaluator, time.monotonic() - started))
                self.kill(evaluator)
        return time.monotonic() - started

    def kill(self, evaluator: Evaluator) -> None:
        """The outermost process of a jail, or the one in it that all others hang on."""
        now = time.monotonic()
        due = self.kills < len(self.kill_at) and self.reports >= self.kill_at[self.kills]
        pids = evaluator.pool.pids()
        if not due or not pids or now - self.killed_at < KILL_PAUSE:
            return
        with contextlib.suppress(psutil.Error):
            victim = psutil.Process(self.random.choice(pids))
            self.seen.update((victim, *victim.children(recursive=True)))
            if self.random.random() < 0.5:
                victim = next(iter(victim.children()), victim)
            victim.kill()
            self.kills += 1
            self.killed_at = now

    def sample(self, evaluator: Evaluator, seconds: float) -> Sample:
        sizes: list[float] = []
        for pid in evaluator.pool.pids():
            with contextlib.suppress(psutil.Error):
                outermost = psutil.Process(pid)
                processes = [outermost, *outermost.children(recursive=True)]
                self.seen.update(processes)
                old = [process for process in processes if time.time() - process.create_time() > 2]
                if len(old) >= self.whole:
                    sizes.append(sum(private(process.pid) for process in old) / MIB)
        own = psutil.Process()
        return Sample(
            programs=self.reports,
            seconds=round(seconds, 2),
            parent_mib=round(own.memory_info().rss / MIB, 2),
            jail_mib=round(max(sizes), 2) if sizes else None,
            descriptors=own.num_fds(),
        )


def flat(name: str, values: Sequence[float]) -> Check:
    """From the second fifth to the last one: what is warm by then should not grow any more."""
    fifth = len(values) // 5
    if fifth < 2:
        return Check(name=name, passed=True, detail=f"only {len(values)} samples: not looked at")
    before, after = statistics.median(values[fifth : 2 * fifth]), statistics.median(values[-fifth:])
    passed = after - before <= max(GROWTH * before, SLACK)
    return Check(name=name, passed=passed, detail=f"{before:.1f} MiB, at the end {after:.1f}, most {max(values):.1f}")


def none_left(name: str, left: Sequence[object]) -> Check:
    return Check(name=name, passed=not left, detail=f"{len(left)} left{f': {left[:3]}' if left else ''}")


async def until(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:  # noqa: ASYNC110 - of processes nobody tells
        await asyncio.sleep(0.02)


def private(pid: int) -> int:
    """Bytes of a process that no file holds, each shared with its relatives alone. Those of a file, as the libraries
    of Python, are shared with whatever else runs on the machine: a jail's part of them says nothing about the jail.
    Raises NoSuchProcess, AccessDenied."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except PermissionError as error:
        raise psutil.AccessDenied(pid) from error
    except OSError as error:
        raise psutil.NoSuchProcess(pid) from error
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def alive(processes: set[psutil.Process]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def adopt_orphans() -> None:
    """Processes that lost their parent come to this one instead of to init, so that they are found."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def finish(result: msgspec.Struct, file: Path, unexpected: Sequence[str], checks: Sequence[Check]) -> NoReturn:
    """Write and tell what was found, and end: with 1 where a check did not pass."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    for line in unexpected:
        print(f"unexpected: {line}")
    for check in checks:
        print(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.detail}")
    raise SystemExit(0 if all(check.passed for check in checks) else 1)


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


async def soak(options: Options, folder: str) -> Result:
    """The whole run. ``folder`` is where temporary files go."""
    from ..evaluator import Evaluator

    here = machine()
    run = Soak(options)
    own = psutil.Process()
    mounted = mounts()
    async with Evaluator(jail=options.jail, workers=options.workers, cache=0) as evaluator:
        await evaluator.evaluate(run.problems["sums"], _SUM)  # what is opened once and kept
    descriptors = own.num_fds()
    async with Evaluator(jail=options.jail, workers=options.workers, cache=0) as evaluator:
        jail = evaluator.jail
        warm = (evaluator.evaluate(run.problems["replayed"], f"{_ADD}# warm {n}") for n in range(evaluator.workers))
        await asyncio.gather(*warm)  # what a jail has from its first such test on
        run.whole = min(len(psutil.Process(pid).children(recursive=True)) + 1 for pid in evaluator.pool.pids())
        seconds = await run.run(evaluator)
        restarts = evaluator.pool.restarts
        run.sample(evaluator, seconds)  # for the processes in it
    everything = run.seen | set(own.children(recursive=True))
    await until(lambda: not alive(everything), 2)
    counts = Counter[str]()
    for count in run.kinds.values():
        counts["unexpected"] += count.unexpected
    more = own.num_fds() - descriptors
    checks = [
        Check(name="reports", passed=run.reports == options.programs, detail=f"{run.reports} of {options.programs}"),
        Check(name="verdicts", passed=not counts["unexpected"], detail=f"{counts['unexpected']} of another kind"),
        Check(name="judge failures", passed=not run.judge_failures, detail=str(run.judge_failures)),
        run.longest.check(),
        none_left("processes", alive(everything | set(own.children(recursive=True)))),
        Check(name="descriptors", passed=more <= 0, detail=f"{max(more, 0)} more than before"),
        none_left("temporary files", sorted(os.listdir(folder))),
        Check(name="mounts", passed=mounts() == mounted, detail="as before" if mounts() == mounted else "changed"),
        flat("memory of the evaluator", [sample.parent_mib for sample in run.samples]),
        flat("memory of a jail", [sample.jail_mib for sample in run.samples if sample.jail_mib is not None]),
    ]
    return Result(
        command=command_line("microcoder.bench.soak"),
        machine=here,
        jail=jail,
        workers=options.workers,
        seed=options.seed,
        programs=options.programs,
        hostile=sum(count.programs for count in run.kinds.values() if count.hostile),
        reports=run.reports,
        seconds=round(seconds, 3),
        programs_per_second=round(run.reports / seconds, 1),
        kills=run.kills,
        restarts=restarts,
        kinds=run.kinds,
        unexpected=run.unexpected,
        checks=checks,
        samples=run.samples,
    )


def show(console: Console, result: Result) -> None:
    from rich.table import Table

    title = f"{result.reports} programs, {result.hostile} of them hostile, in {result.seconds:.0f} s, {result.jail}"
    table = Table(title=f"{title}; {result.kills} jails killed from outside", title_justify="left")
    table.add_column("programs")
    for head in ("count", "unexpected"):
        table.add_column(head, justify="right")
    table.add_column("verdicts")
    for name, count in result.kinds.items():
        verdicts = ", ".join(f"{status} {number}" for status, number in sorted(count.verdicts.items()))
        table.add_row(name, str(count.programs), str(count.unexpected), verdicts)
    console.print(table)
    for line in result.unexpected:
        console.print(f"unexpected: {line}", markup=False)
    for check in result.checks:
        console.print(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.detail}", markup=False)
    used = f"{result.machine.cpu}, {result.machine.cores_used} cores, {result.machine.kernel}, {result.machine.python}"
    console.print(f"{result.command}\n{used}", markup=False)


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    import uvloop
    from rich.console import Console

    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        tempfile.tempdir = folder
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(soak(options, folder))
        tempfile.tempdir = None
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    console = Console(highlight=False)
    show(console if console.is_terminal else Console(highlight=False, width=160), result)
    raise SystemExit(0 if all(check.passed for check in result.checks) else 1)


if __name__ == "__main__":
    main()
