"""Every limit holds against a program that knows how it is measured."""

from __future__ import annotations

import re

import pytest

from microcoder.evaluator.status import Status
from microcoder.sandbox.capacity import MEMORY_FILES
from microcoder.sandbox.execution import Execution
from microcoder.sandbox.inside.kernel import cpu_backstop
from microcoder.sandbox.launcher import ARENAS
from microcoder.sandbox.limits import MIB, Limits

pytestmark = pytest.mark.asyncio(loop_scope="session")

# ------------------------------------------------------------------------------------------- processor time, waiting

MASKED = """
import signal
for number in (signal.SIGXCPU, signal.SIGPROF, signal.SIGALRM, signal.SIGVTALRM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    signal.setitimer(timer, 0)
signal.alarm(0)
"""
CPU = {
    "loop": "while True: pass",
    "threads": "import threading\ndef f():\n  while True: pass\nfor _ in range(4): threading.Thread(target=f).start()",
    "threads of C": "import hashlib, threading\ndef f():\n  while True: hashlib.sha256(bytes(10 ** 7))\n"
    "for _ in range(3): threading.Thread(target=f).start()",
    "power": "x = 7 ** (10 ** 8)",
    "digits": "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(1 << 10 ** 7)))",
    "sort": "import random\nx = [random.random() for _ in range(10 ** 6)]\nwhile True: sorted(x)",
    "sum": "sum(range(10 ** 12))",
    "backtracking": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    "search": "'a' * 10 in ('a' * 9 + 'b') * 10 ** 7 or 'ab' * 10 ** 4 in ('ab' * 9999 + 'c') * 10 ** 4\nwhile True: pass",
    "masked signals": f"{MASKED}while True: pass",
    "masked signals in C": f"{MASKED}x = 7 ** (10 ** 8)",
    "handlers": "import signal\nsignal.signal(signal.SIGXCPU, lambda *_: None)\nx = 7 ** (10 ** 8)",
    "system time": "import os\nfd = os.open('/dev/urandom', os.O_RDONLY)\nwhile True: os.read(fd, 1 << 20)",
    "exceptions": "def f():\n  try: f()\n  finally: f()\nimport sys\nsys.setrecursionlimit(500)\nf()",
    "collector": "import gc\nx = [[] for _ in range(10 ** 6)]\nwhile True: gc.collect()",
    "short sleeps": "import time\nwhile True:\n  end = time.thread_time() + 0.01\n  while time.thread_time() < end: pass\n"
    "  time.sleep(0.001)",
}


@pytest.mark.parametrize("name", CPU)
async def test_processor_time(arena, name):
    result = await arena.run(CPU[name], cpu_time=0.25, idle_time=2, memory=512 * MIB)
    assert (result.status, result.limit) == (Status.TIME_LIMIT_EXCEEDED, "cpu_time"), (result.message, result.stderr)
    assert 0.25 <= (result.cpu_time or 0) < cpu_backstop(0.25) - 0.5  # which is what it would reach


async def test_processor_time_is_measured_in_fractions_of_a_second(arena):
    burn = "import time\nwhile time.process_time() < {}: pass\n"
    problem = arena.problem(("1 2\n", "3\n"), cpu_time=0.25)
    sums = "a, b = map(int, input().split())\nprint(a + b)\n"
    assert (await arena.judge(burn.format(0.1) + sums, problem)).status is Status.ACCEPTED
    assert (await arena.judge(burn.format(0.4) + sums, problem)).status is Status.TIME_LIMIT_EXCEEDED


async def test_the_right_answer_after_too_much_time_is_late(arena):
    """Signals and clocks are out of reach, so that nothing in the process could stop it."""
    problem = arena.problem(("1 2\n", "3\n"), cpu_time=0.2)
    report = await arena.judge(f"{MASKED}print(3, flush=True)\nx = 7 ** (10 ** 8)\n", problem)
    assert report.status is Status.TIME_LIMIT_EXCEEDED


WAITING = {
    "sleep": "import time\ntime.sleep(99)",
    "lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "deadlock": "import threading, time\na, b = threading.Lock(), threading.Lock()\ndef f(x, y):\n"
    "  with x:\n    time.sleep(0.05)\n    with y: pass\n"
    "threading.Thread(target=f, args=(a, b)).start()\nf(b, a)",
    "queue": "import queue\nqueue.Queue().get()",
    "pipe": "import os\nr, w = os.pipe()\nos.read(r, 1)",
    "full pipe": "import os\nr, w = os.pipe()\nwhile True: os.write(w, bytes(65536))",
    "socket pair": "import socket\na, b = socket.socketpair()\na.recv(1)",
    "select": "import select\nselect.select([], [], [])",
    "pause": "import signal\nsignal.pause()",
    "futex": "import threading\nthreading.Event().wait()",
    "asyncio": "import asyncio\nasyncio.run(asyncio.sleep(99))",
    "file lock": "import fcntl, threading\nf, g = open('/tmp/l', 'w'), open('/tmp/l', 'w')\n"
    "fcntl.flock(f, fcntl.LOCK_EX)\nfcntl.flock(g, fcntl.LOCK_EX)",
    "rare wakening": "import time\nwhile True: time.sleep(0.1)",
}


@pytest.mark.parametrize("name", WAITING)
async def test_waiting(arena, name):
    result = await arena.run(WAITING[name], idle_time=0.2, wall_time=60)
    assert (result.status, result.limit) == (Status.TIME_LIMIT_EXCEEDED, "idle_time"), (result.message, result.stderr)
    assert (result.wall_time or 0) < 30  # most of them would take 99 seconds, or forever


@pytest.mark.parametrize("pause", [0.05, 0.01, 0.001, 0.0001, 0])
async def test_waiting_that_looks_busy_ends_at_a_limit(arena, pause):
    source = f"import time\nwhile True:\n  time.sleep({pause})\n  sum(range(2000))"
    result = await arena.run(source, idle_time=0.3, wall_time=0.6)
    assert result.status is Status.TIME_LIMIT_EXCEEDED
    assert (result.wall_time or 0) < 20  # it would take minutes to use its second of processor time


async def test_input_that_ends_is_not_waited_for(arena):
    result = await arena.run("import sys\nprint(len(sys.stdin.read()), len(sys.stdin.read()))\ninput()", stdin="abc")
    assert (result.status, result.stdout) == (Status.RUNTIME_ERROR, "3 0\n")


# ------------------------------------------------------------------------------------------------------------ memory

MEMORY = {
    "list": "x = [0] * (60 << 20)",
    "bytes": "x = bytearray(400 << 20)",
    "private mapping": "import mmap\nx = mmap.mmap(-1, 400 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
    "for at in range(0, len(x), 4096): x[at] = 1",
    "children of objects": "x = []\nwhile True: x = [x, bytes(1000)]",
    "text": "x = 'x'\nwhile True: x += x",
    "number": "x = 1 << (1 << 32)",
    "touched in threads": "import threading\nx = []\ndef f():\n  while True: x.append(bytearray(1 << 20))\n"
    "t = threading.Thread(target=f)\nt.start()\nt.join()\nprint(len(x))\nbytearray(400 << 20)",
    "given back in time": "x = bytearray(300 << 20)\ndel x",
    "caught": "x = []\ntry:\n  while True: x.append(bytearray(10 << 20))\nexcept MemoryError: pass",
}


@pytest.mark.parametrize("name", MEMORY)
async def test_memory(arena, name):
    """400 MiB and more, where 256 are allowed."""
    result = await arena.run(MEMORY[name], cpu_time=5, idle_time=2)
    assert result.status is Status.MEMORY_LIMIT_EXCEEDED, (result.status, result.message, result.memory, result.stderr)


async def test_memory_of_frames(arena):
    """What it takes to unwind them is time."""
    source = "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(n): return [n, f(n + 1)]\nf(0)"
    result = await arena.run(source)
    assert result.status in (Status.MEMORY_LIMIT_EXCEEDED, Status.TIME_LIMIT_EXCEEDED)


STACKS = """
import os, sys, threading
threading.excepthook = lambda _: os._exit(1)  # where Python itself ends what is too deep
threading.stack_size(60 << 20)
sys.setrecursionlimit(10 ** 6)
go_on = threading.Event()
def deep(n):
    if n: sorted([n], key=lambda n: deep(n - 1))  # through C, where a frame needs stack
    else: go_on.wait(1)
for _ in range(7):
    threading.Thread(target=deep, args=(60_000,)).start()
"""


async def test_memory_of_stacks(arena):
    result = await arena.run(STACKS, cpu_time=5, idle_time=2)
    assert result.status in (Status.MEMORY_LIMIT_EXCEEDED, Status.RUNTIME_ERROR)
    assert (result.memory or 0) < 900 * MIB


ALLOCATING = """
import ctypes, threading
class Stream(ctypes.Structure): _fields_ = [("text", ctypes.c_char_p), ("size", ctypes.c_size_t)]
libc = ctypes.CDLL(None)
libc.open_memstream.restype = ctypes.c_void_p
leave = threading.Event()
def f():
    libc.free(ctypes.c_void_p(libc.malloc(1 << 12)))
    leave.wait()
libc.malloc.restype = ctypes.c_void_p
for _ in range(31):
    threading.Thread(target=f).start()
told = Stream()
stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(told, Stream.text.offset), ctypes.byref(told, Stream.size.offset)))
libc.malloc_info(0, stream); libc.fclose(stream)
leave.set()
print(told.text.count(b"<heap nr"))
"""


async def test_threads_reserve_no_more_on_a_machine_of_many_processors(arena):
    """Each of them eight times as many places for what threads allocate, of 64 MiB of address space each."""
    result = await arena.run(ALLOCATING, cpu_time=5, memory=256 * MIB, threads=32)
    assert result.stdout == f"{ARENAS}\n", result.stderr


HIDDEN = {
    "shared mapping": "import mmap\nx = mmap.mmap(-1, 400 << 20)\nfor at in range(0, len(x), 4096): x[at] = 1",
    "shared mapping out of sight": "import mmap\nx = mmap.mmap(-1, 800 << 20)\n"
    "for at in range(0, len(x), 16 << 20):\n"
    "  x[at : at + (16 << 20)] = bytes([1]) * (16 << 20); x.madvise(mmap.MADV_DONTNEED)\n"
    "assert x[100 << 20] == 1",
    "shared mapping of a device": "import mmap\nf = open('/dev/zero', 'r+b')\nx = mmap.mmap(f.fileno(), 400 << 20)\n"
    "for at in range(0, len(x), 4096): x[at] = 1",
    "raw shared mapping": """
import ctypes
libc = ctypes.CDLL(None)
libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
for flags in (0x21, 0x23, 0x100021, 0x40021, 0x8021):  # with MAP_SHARED_VALIDATE, and flags that do nothing here
    place = libc.mmap(None, 400 << 20, 3, flags, -1, 0)
    if place not in (None, ctypes.c_void_p(-1).value):
        ctypes.memset(place, 1, 400 << 20)
        print("mapped")
raise SystemExit(1)
""",
    "files in memory": "import os\nos.memfd_create('x')",
    "segments": "import ctypes\nif ctypes.CDLL(None).shmget(0, 400 << 20, 0o1777) < 0: raise SystemExit(1)",
}


@pytest.mark.parametrize("name", HIDDEN)
async def test_memory_that_is_not_resident_in_the_process_cannot_be_had(arena, name):
    result = await arena.run(HIDDEN[name], cpu_time=5, idle_time=2)
    assert result.status in (Status.RUNTIME_ERROR, Status.MEMORY_LIMIT_EXCEEDED), (result.message, result.memory)
    assert (result.stdout or "") == ""


async def test_memory_is_not_locked_and_not_merged(arena):
    result = await arena.run("""
import ctypes, resource
limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
print(ctypes.CDLL(None).mlockall(3), limit == 0)
""")
    assert result.stdout == "-1 True\n", result.stderr


# ------------------------------------------------------------------------------------------------------------ output

OUTPUT = {
    "lines": "while True: print('x' * 1000)",
    "one write": "print('x' * (8 << 20))",
    "raw": "import os\nwhile True: os.write(1, bytes(1 << 16))",
    "just over": "import sys\nsys.stdout.write('x' * ((1 << 20) + 1))",
    "sparse": "import os\nos.lseek(1, 1 << 20, 0)\nos.write(1, b'xx')",
    "truncated": "import os\nos.ftruncate(1, (1 << 20) + 1)",
    "ignoring the signal": "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nwhile True:\n"
    "  try: os.write(1, bytes(1 << 16))\n  except OSError: break",
    "another descriptor": "import os\nfd = os.dup(1)\nos.close(1)\nwhile True: os.write(fd, bytes(1 << 16))",
    "threads": "import threading\ndef f():\n  while True: print('x' * 1000)\n"
    "for _ in range(4): threading.Thread(target=f).start()",
    "sent": "import os\nf = os.open('/tmp/f', os.O_RDWR | os.O_CREAT)\nos.write(f, bytes(1 << 20))\n"
    "while True:\n  if not os.sendfile(1, f, 0, 1 << 20): break",
    "positioned": "import os\nos.pwrite(1, b'x', 1 << 20)",
    "at the end": "import atexit, os\natexit.register(lambda: os.write(1, bytes(1 << 20) + b'xx'))",
}


@pytest.mark.parametrize("name", OUTPUT)
async def test_output(arena, name):
    result = await arena.run(OUTPUT[name])
    assert (result.status, result.limit) == (Status.OUTPUT_LIMIT_EXCEEDED, "output"), (result.message, result.stderr)


async def test_output_up_to_the_limit_is_compared(arena):
    problem = arena.problem(("", "x" * MIB))
    assert (await arena.judge(f"print('x' * {MIB}, end='')", problem)).accepted


STDERR = {
    "nothing": "",
    "lines": "for _ in range(40_000): print('x' * 1000, file=sys.stderr)",
    "at once": "sys.stderr.write('x' * (40 << 20))",
    "raw": "for _ in range(640): os.write(2, bytes(1 << 16))",
    "sparse": "os.ftruncate(2, 1 << 20)",
    "positioned": "os.pwrite(2, b'x', (1 << 20) - 1)",
    "by name": "open('/dev/stderr', 'w').write('x' * (40 << 20))",
    "by the name of a descriptor": "open('/proc/self/fd/2', 'wb').write(bytes(40 << 20))",
    "another descriptor": "fd = os.dup(2)\nfor _ in range(640): os.write(fd, bytes(1 << 16))",
    "warnings": "import warnings\nwarnings.simplefilter('always')\nfor _ in range(3000): warnings.warn('x' * 1000)",
    "threads": "import threading\nlet = lambda: [os.write(2, bytes(1 << 16)) for _ in range(100)]\n"
    "for _ in range(4): threading.Thread(target=let).start()",
    "at the end": "import atexit\natexit.register(lambda: os.write(2, bytes(2 << 20)))",
}


@pytest.mark.parametrize("name", STDERR)
@pytest.mark.parametrize("ends", ["well", "badly"])
async def test_standard_error_is_no_verdict(arena, name, ends):
    """Whatever is written there, and however much."""
    source = f"import os, sys\nprint(40 + int(input()))\n{STDERR[name]}\n"
    source += "" if ends == "well" else "sys.exit(3)"
    report = await arena.judge(source, arena.problem(("2\n", "42\n"), cpu_time=5))
    if ends == "well":
        assert report.accepted, (report.message, report.tests)
    else:
        assert (report.status, report.tests[0].exit_code) == (Status.RUNTIME_ERROR, 3), (report.message, report.tests)


@pytest.mark.parametrize("size", [300, 70_000, 600_000, 3 << 20])
async def test_standard_error_in_lanes_is_no_verdict(arena, size):
    problem = arena.problem(*((f"{n}\n", f"{n + 1}\n") for n in range(12)), cpu_time=5)
    report = await arena.judge(f"import sys\nprint(int(input()) + 1)\nsys.stderr.write('x' * {size})", problem)
    assert report.accepted and report.passed == 12, (report.message, report.tests)


async def test_endless_standard_error_takes_time(arena):
    result = await arena.run("import os\nwhile True: os.write(2, bytes(1 << 16))")
    assert (result.status, result.limit) == (Status.TIME_LIMIT_EXCEEDED, "cpu_time"), (result.message, result.stderr)


async def test_what_is_kept_of_standard_error_is_its_end(evaluator, arena):
    source = "import os\nos.write(2, b'x' * 200_000)\nraise ValueError('the end')"
    result = await arena.run(source)
    assert result.stderr.endswith("ValueError: the end\n")
    assert "the end" in result.message
    ran = await evaluator.execute(source, limits=Limits(stderr=1000))
    assert isinstance(ran, Execution) and len(ran.stderr) == 1000 and ran.stderr.endswith(b"ValueError: the end\n")


async def test_other_files_keep_their_limit_where_standard_error_has_none(arena):
    result = await arena.run(
        "import os\nfor _ in range(64): os.write(2, bytes(1 << 16))\n"
        "open('/tmp/f', 'wb').write(bytes(2 << 20))\nprint('too large')"
    )
    assert result.status is Status.RUNTIME_ERROR and "too large" not in (result.stdout or ""), result
    result = await arena.run("import os\nfor _ in range(64): os.write(2, bytes(1 << 16))\nprint('x' * (2 << 20))")
    assert (result.status, result.limit) == (Status.OUTPUT_LIMIT_EXCEEDED, "output"), result


RESULTS = {
    "text": "def f(): return 'x' * (2 << 20)",
    "list": "def f(): return list(range(10 ** 6))",
    "characters": "def f(): return '\\u20ac' * (1 << 19)",
    "the same list often": "def f():\n  x = []\n  for _ in range(15): x = [x] * 10\n  return x",
    "output": "def f():\n  print('x' * (2 << 20))\n  return 0",
    "raw": "import os\ndef f():\n  data = bytes(1 << 20) + b'xx'\n  for fd in range(3, 1024):\n"
    "    try: os.write(fd, data)\n    except OSError: pass\n  return 0",
}


@pytest.mark.parametrize("name", RESULTS)
async def test_returned_values(arena, name):
    problem = arena.call("f", ([], "no"), cpu_time=1 if name == "the same list often" else 10)
    report = await arena.judge(RESULTS[name], problem)
    too_much = Status.OUTPUT_LIMIT_EXCEEDED, Status.MEMORY_LIMIT_EXCEEDED, Status.TIME_LIMIT_EXCEEDED
    assert report.status in (*too_much, Status.RUNTIME_ERROR)
    if name != "the same list often":
        assert report.status is Status.OUTPUT_LIMIT_EXCEEDED, report.tests


# -------------------------------------------------------------------------------------------------- files and descriptors

FILES = {
    "written": "f = open('/work/f', 'wb')\nwhile True: f.write(bytes(1 << 16))",
    "truncated": "f = open('/work/f', 'wb')\nf.truncate(1 << 40)",
    "sparse": "f = open('/tmp/f', 'wb')\nf.seek(1 << 40)\nf.write(b'x')\nf.flush()",
    "allocated": "import os\nos.posix_fallocate(os.open('/tmp/f', os.O_RDWR | os.O_CREAT), 0, 1 << 40)",
    "named": "open('/tmp/f', 'w').close()\nimport os\nos.truncate('/tmp/f', 1 << 30)",
}


@pytest.mark.parametrize("name", FILES)
async def test_the_size_of_a_file(arena, name):
    result = await arena.run(FILES[name])
    assert result.status is Status.RUNTIME_ERROR, (result.message, result.stderr)
    assert result.signal == 25 or "File too large" in (result.stderr or ""), result.stderr


@pytest.mark.parametrize("folder", ["/tmp", "/work"])
async def test_all_files_of_a_folder_together(arena, folder):
    """64 MiB, whatever the size of each."""
    result = await arena.run(
        f"""
written = 0
try:
    for number in range(200):
        with open(f"{folder}/{{number}}", "wb") as file:
            file.write(bytes(1_000_000))
        written += 1_000_000
except OSError as error:
    print(written, error.errno)
""",
        cpu_time=3,
    )
    written, code = map(int, (result.stdout or "0 0").split())
    assert 60 * MIB < written <= 64 * MIB
    assert code == 28


async def test_full_folders_are_no_fault_of_the_next_program(arena):
    await arena.run(
        "import itertools\nfor folder in ('/tmp', '/work'):\n  try:\n    for n in itertools.count():\n"
        "      open(f'{folder}/{n}', 'wb').write(bytes(1_000_000))\n  except OSError: pass\n",
        cpu_time=3,
    )
    source = "open('/work/f', 'wb').write(bytes(900_000))\nopen('/tmp/f', 'wb').write(bytes(900_000))\nprint('fits')"
    assert (await arena.run(source)).stdout == "fits\n"


INODES = {
    "files": "for n in itertools.count(): open(f'/work/{n}', 'w').close()",
    "folders": "for n in itertools.count(): os.mkdir(f'/work/{n}')",
    "nested folders": "os.chdir('/work')\nwhile True:\n  os.mkdir('d')\n  os.chdir('d')",
    "symbolic links": "for n in itertools.count(): os.symlink('x' * 200, f'/work/{n}')",
    "links": "open('/work/f', 'w').close()\nfor n in itertools.count(): os.link('/work/f', f'/work/{n}')",
    "long names": "for n in itertools.count(): open(f'/work/{n:0250}', 'w').close()",
}


@pytest.mark.parametrize("name", INODES)
async def test_the_number_of_files(arena, name, jail):
    """nsjail counts them; under bubblewrap what is more than MOST_FILES is memory, and is ended before it takes long to
    remove."""
    result = await arena.run(f"import itertools, os\n{INODES[name]}", cpu_time=0.5 if jail == "nsjail" else 5)
    if jail == "nsjail":
        assert result.status is Status.RUNTIME_ERROR, result.message
        assert "No space left" in (result.stderr or "")
    else:
        assert result.status in (Status.RUNTIME_ERROR, Status.MEMORY_LIMIT_EXCEEDED)


DESCRIPTORS = {
    "files": "open('/dev/null')",
    "copies": "os.dup(0)",
    "pipes": "os.pipe()",
    "socket pairs": "socket.socketpair()",
    "events": "os.eventfd(0)",
    "epoll": "select.epoll()",
    "folders": "os.scandir('/')",
}


@pytest.mark.parametrize("name", DESCRIPTORS)
async def test_open_files(arena, name):
    result = await arena.run(
        f"import os, select, socket\nkept = []\ntry:\n  for _ in range(300): kept.append({DESCRIPTORS[name]})\n"
        "except OSError as error: print(error.errno, sum(map(alive, range(1024))))".replace(
            "import", "alive = lambda n: os.path.exists(n)\nimport", 1
        ),
        open_files=20,
    )
    code, count = map(int, (result.stdout or "0 0").split())
    assert code == 24, result.stderr
    assert 18 <= count <= 24


@pytest.mark.parametrize("mode", ["stdio", "call"])
async def test_descriptors_hold_no_more_than_the_room_for_a_worker_counts(arena, mode):
    """What a program writes into the files that it was given is memory of nobody's limit."""
    fill = """
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def f():
    held = []
    for fd in range(1024):
        try:
            at = 0
            while True: at += os.pwrite(fd, bytes(65536), at)
        except OSError: pass
        try:
            held.append(os.fstat(fd).st_blocks * 512)
            os.ftruncate(fd, 0)
        except OSError: pass
    return len(held), sum(held)
"""
    if mode == "call":
        report = await arena.judge(fill, arena.call("f", ([], 0)))
    else:
        report = await arena.judge(f"{fill}note = str(f())\nos.pwrite(1, note.encode(), 0)", arena.problem(("", "")))
    (test,) = report.tests
    count, held = map(int, re.findall(r"\d+", test.stdout or ""))
    assert 3 <= count <= MEMORY_FILES, test
    assert count * MIB <= held <= MEMORY_FILES * (MIB + 4096)


async def test_pipes_hold_little(arena):
    """What lies in pipes and sockets is memory of nobody."""
    result = await arena.run(
        """
import fcntl, os, socket
held = 0
try:
    while True:
        read, write = os.pipe()
        os.set_blocking(write, False)
        try: fcntl.fcntl(write, 1031, 1 << 20)
        except OSError: pass
        try:
            while True: held += os.write(write, bytes(4096))
        except BlockingIOError: pass
        one, other = socket.socketpair()
        one.setblocking(False)
        try: one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
        except OSError: pass
        try: one.setsockopt(socket.SOL_SOCKET, 32, 1 << 30)  # SO_SNDBUFFORCE
        except OSError: pass
        try:
            while True: held += one.send(bytes(65536))
        except BlockingIOError: pass
except OSError:
    print(held)
""",
        open_files=64,
        cpu_time=3,
    )
    assert 0 < int(result.stdout or 0) < 32 * MIB, result.stderr
