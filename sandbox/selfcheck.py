"""Small programs that try what must not work, run in the real jail under real limits. One property each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from .errors import WorkerFailure
from .execution import Execution, Outcome
from .limits import MIB, Limits
from .pool import Pool
from .worker import Inputs, Work

_LIMITS = Limits(cpu_time=0.5, idle_time=0.5, wall_time=20, memory=128 * MIB, output=1 * MIB, threads=4, open_files=16)
_INPUTS = Inputs([b"40 2\n"])


@dataclass(frozen=True)
class Property:
    """A promise of the sandbox, a program that attacks it, and what must come of the attack."""

    name: str
    program: str
    holds: Callable[[Execution], bool]
    advice: str = "this jail does not isolate here: use another, and please report it"
    test: str | None = None
    """Run beside the program, in a process of its own, which is the one that is looked at."""


def _says(text: bytes) -> Callable[[Execution], bool]:
    return lambda e: e.outcome is Outcome.FINISHED and e.stdout.strip() == text


def _stopped(outcome: Outcome, *limits: str) -> Callable[[Execution], bool]:
    return lambda e: e.outcome is outcome and e.limit in limits


def _denied(attack: str) -> str:
    """A program that prints ``denied`` when every statement of the attack raises OSError, else what went through."""
    tries = "\n".join(
        f"try:\n    {line}\n    print('went through:', {line!r})\nexcept OSError: pass" for line in attack.splitlines()
    )
    return f"import os, sys, socket, ctypes, threading, mmap\n{tries}\nprint('denied')"


PROPERTIES = (
    Property(
        "runs a program",
        "a, b = map(int, input().split())\nprint(a + b)",
        _says(b"42"),
        "see the messages above",
    ),
    Property(
        "not root, no capabilities",
        "import os, ctypes\ncapget = ctypes.CDLL(None).prctl\n"
        "print(0 in (os.getuid(), os.getgid()) or any(capget(23, c, 0, 0, 0) == 1 for c in range(40)) or 'denied')",
        _says(b"denied"),
    ),
    Property(
        "no network",
        _denied("socket.socket(socket.AF_INET)\nsocket.socket(socket.AF_INET6)\nsocket.socket(socket.AF_UNIX)"),
        _says(b"denied"),
    ),
    Property(
        "no files of the host",
        "import os\nfound = [p for p in ('/etc/passwd', '/home', '/root/.ssh', '/proc/1', '/sys', '/var', '/usr/bin')"
        " if os.path.exists(p)]\nprint(found or 'denied')",
        _says(b"denied"),
    ),
    Property(
        "nothing writable but /tmp and /work",
        _denied("open('/x', 'w')\nopen('/python/x', 'w')\nopen('/dev/x', 'w')\nos.remove('/inside/main.py')"),
        _says(b"denied"),
    ),
    Property(
        "no other processes",
        _denied("os.kill(1, 0)\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)\nos.kill(0, 9)"),
        _says(b"denied"),
    ),
    Property(
        "no new processes",
        _denied("os.fork()\nos.execv('/python', ['x'])\nos.posix_spawn('/python', ['x'], {})"),
        _says(b"denied"),
    ),
    Property(
        "no dangerous system calls",
        "import ctypes, platform\nl = ctypes.CDLL(None, use_errno=True)\n"
        "# ptrace mount unshare bpf io_uring_setup keyctl perf_event_open, on x86_64 and aarch64\n"
        "calls = {'x86_64': (101, 165, 272, 321, 425, 250, 298), 'aarch64': (117, 40, 97, 280, 425, 219, 241)}\n"
        "bad = []\nfor n in calls[platform.machine()]:\n"
        "    if l.syscall(n, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1: bad.append(n)\nprint(bad or 'denied')",
        _says(b"denied"),
    ),
    Property(
        "a test has a process of its own, and no other in reach",
        "import os\n\ndef f():\n    reached = []\n    for pid in range(1, 4096):\n        if pid != os.getpid():\n"
        "            try:\n                os.kill(pid, 0)\n                reached.append(pid)\n"
        "            except OSError: pass\n    return reached or 'denied'",
        lambda e: e.outcome is Outcome.FINISHED and b'"passed"' in e.result,
        test="import os, pytest\nfrom solution import f\nassert f() == 'denied'",
    ),
    Property("processor time is capped", "while True: pass", _stopped(Outcome.TIME_LIMIT, "cpu_time")),
    Property("sleeping is capped", "import time\ntime.sleep(30)", _stopped(Outcome.TIME_LIMIT, "idle_time")),
    Property(
        "memory is capped",
        "x = bytearray(10**10)",
        _stopped(Outcome.MEMORY_LIMIT, "memory"),
    ),
    Property(
        "output is capped",
        "import sys\nwhile True: sys.stdout.write('x' * 65536)",
        _stopped(Outcome.OUTPUT_LIMIT, "output"),
    ),
    Property(
        "open files are capped",
        "f = []\ntry:\n    for _ in range(64): f.append(open('/dev/null'))\nexcept OSError: print('denied')",
        _says(b"denied"),
    ),
    Property(
        "threads are capped",
        "import threading\ne = threading.Event()\ntry:\n"
        "    for _ in range(64): threading.Thread(target=e.wait, daemon=True).start()\n"
        "except RuntimeError: print('denied')",
        _says(b"denied"),
    ),
    Property(
        "temporary files are capped",
        "try:\n    for i in range(99): open(f'/tmp/{i}', 'wb').write(bytes(1 << 20))\nexcept OSError: print('denied')",
        lambda e: e.stdout.strip() == b"denied" or e.outcome is not Outcome.FINISHED,
    ),
    Property(
        "temporary files are gone afterwards",
        "import os\nprint(os.listdir('/tmp') + os.listdir('/work') == ['main.py'] and 'denied')",
        _says(b"denied"),
    ),
    Property(
        "recursion is deep",
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and f(n - 1) + 1\nprint(f(100000))",
        _says(b"100000"),
        "the hard limit on the stack size is too low: raise it (ulimit -Hs)",
    ),
)


async def check(pool: Pool) -> list[tuple[Property, str | None]]:
    """Every property with None, or what happened instead."""
    found: list[tuple[Property, str | None]] = []
    for one in PROPERTIES:
        work = _work(one)
        try:
            async with pool.worker(work.inputs) as worker:
                worker.begin(work)
                received = await worker.receive()
        except WorkerFailure as failure:
            found.append((one, str(failure)))
            continue
        if isinstance(received, str):
            found.append((one, received))
        else:
            execution = received[-1]
            found.append((one, None if one.holds(execution) else _told(execution)))
    return found


def _work(one: Property) -> Work:
    source = one.program.encode()
    if one.test is None:
        return Work(inputs=_INPUTS, source=source, tests=[0], limits=_LIMITS)
    request: dict[str, object] = {"code": one.test, "forced": [], "select": None, "free": []}
    inputs = Inputs([b"", msgspec.json.encode(request)])
    return Work(inputs=inputs, source=source, tests=[0, 1], limits=_LIMITS, mode="linked")


def _told(execution: Execution) -> str:
    words = b" ".join((execution.stdout[:200], execution.result[:200], execution.stderr[-200:]))
    limit = f" ({execution.limit})" if execution.limit else ""
    return f"{execution.outcome.value}{limit}: {words.decode(errors='replace').strip()}"
