"""A program is one process with a few threads, and cannot make itself felt by any other."""

from __future__ import annotations

import pytest

from microcoder.evaluator.status import Status

pytestmark = pytest.mark.asyncio(loop_scope="session")

TRY = """
import ctypes, fcntl, mmap, os, platform, resource, signal, socket, struct, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
me = os.getpid()

def attempt(what, *arguments, **named):
    try:
        value = what(*arguments, **named)
    except (OSError, ValueError, RuntimeError, EOFError):
        return
    print("went through:", getattr(what, "__name__", what), arguments[:2], value, os.getpid() == me, flush=True)

def call(name, x86_64, aarch64, *arguments):
    number = {"x86_64": x86_64, "aarch64": aarch64}[platform.machine()]
    if number is not None:
        value = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, (*arguments, *[0] * (6 - len(arguments)))))
        if value != -1:
            print("went through:", name, value, os.getpid() == me, flush=True)

OTHERS = 1, os.getppid(), -1, 0, 2, 3, -os.getpgrp() if os.getpgrp() else -1, me + 1
"""

DENIED = {
    "fork": "attempt(os.fork)\nattempt(os.forkpty)\ncall('fork', 57, None)\ncall('vfork', 58, None)",
    "fork of libc": "for name in ('fork', 'vfork', '_Fork'):\n"
    "    if hasattr(libc, name) and getattr(libc, name)() != -1: print('went through:', name)",
    "clone": "for flags in (0, 17, 9, 0x100, 0x900, 0x4100, 0x4111, 0x8000, 0x1200011, 0x100000000 | 17):\n"
    "    call(f'clone {flags:x}', 56, 220, flags)",
    "clone with an upper half": "call('clone', 56, 220, 0x7FFF00000000 | 17)\ncall('clone', 56, 220, -1 << 32 | 17)",
    "clone3": """
for flags in (0, 0x100, 0x4000, 0x200000000):
    arguments = ctypes.create_string_buffer(struct.pack("=11Q", flags, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0))
    call("clone3", 435, 435, ctypes.addressof(arguments), 88)
""",
    "spawn": "attempt(os.posix_spawn, sys.executable, [sys.executable], {})\n"
    "attempt(os.posix_spawnp, 'python3', ['python3'], {})\nattempt(os.spawnv, os.P_NOWAIT, sys.executable, ['x'])\n"
    "attempt(os.popen, 'true')\nif os.system('true') == 0: print('went through: system')",
    "subprocess": "for way in (dict(), dict(shell=True), dict(close_fds=False), dict(start_new_session=True),\n"
    "            dict(preexec_fn=print)):\n    attempt(subprocess.run, [sys.executable], **way)",
    "multiprocessing": """
import multiprocessing
for method in ("fork", "spawn", "forkserver"):
    context = multiprocessing.get_context(method)
    attempt(lambda: context.Process(target=print).start())
    attempt(lambda: context.Pool(2))
import concurrent.futures
attempt(lambda: concurrent.futures.ProcessPoolExecutor(2).submit(print).result())
""",
    "signals": """
for number in (0, 9, 15, 17, 18, 19, 27, 28):
    for pid in OTHERS:
        attempt(os.kill, pid, number)
    attempt(os.killpg, 0, number)
    attempt(os.killpg, os.getpgrp(), number)
""",
    "signals to threads": """
for number in (0, 9, 19):
    for pid in (1, os.getppid(), 2):
        call("tgkill", 234, 131, pid, pid, number)
        call("tgkill", 234, 131, me, pid, number)
        call("tgkill", 234, 131, -1, pid, number)
        call("tkill", 200, 130, pid, number)
""",
    "queued signals": """
info = ctypes.create_string_buffer(struct.pack("=iii", 9, 0, -1) + bytes(116))
for pid in (1, os.getppid(), me):
    call("rt_sigqueueinfo", 129, 138, pid, 9, ctypes.addressof(info))
    call("rt_tgsigqueueinfo", 297, 240, pid, pid, 9, ctypes.addressof(info))
    if libc.sigqueue(pid, 9, None) == 0: print("went through: sigqueue")
""",
    "handles of processes": """
for pid in (1, os.getppid(), me):
    attempt(os.pidfd_open, pid)
for fd in range(1024):
    attempt(signal.pidfd_send_signal, fd, 0)
    call("pidfd_getfd", 438, 438, fd, 0)
""",
    "owners of descriptors": """
ends = socket.socketpair()
pipes = [*os.pipe(), 0, 1, 2, *(end.fileno() for end in ends)]
for fd in pipes:
    for pid in (1, os.getppid(), -1, me):
        attempt(fcntl.fcntl, fd, fcntl.F_SETOWN, pid)
        attempt(fcntl.fcntl, fd, 15, struct.pack("ii", 1, pid))  # F_SETOWN_EX
        attempt(fcntl.ioctl, fd, 0x8901, struct.pack("i", pid))  # FIOSETOWN
        attempt(fcntl.ioctl, fd, 0x8902, struct.pack("i", pid))  # SIOCSPGRP
    attempt(fcntl.fcntl, fd, 10, 9)  # F_SETSIG
    attempt(fcntl.fcntl, fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    attempt(fcntl.fcntl, fd, fcntl.F_NOTIFY, 0x8000003F)
    attempt(fcntl.ioctl, fd, 0x5452, struct.pack("i", 1))  # FIOASYNC
    attempt(fcntl.fcntl, fd, 1033, 15)  # F_ADD_SEALS
    attempt(fcntl.fcntl, fd, 1031, 1 << 20)  # F_SETPIPE_SZ
for folder in ("/work", "/tmp", "/"):
    attempt(fcntl.fcntl, os.open(folder, os.O_RDONLY), fcntl.F_NOTIFY, 0x8000003F)
""",
    "timers that signal others": """
for pid in (1, os.getppid(), 2, 3):
    for how in (4, 0 | 4):
        event = ctypes.create_string_buffer(struct.pack("=QiiI", 0, 9, how, pid) + bytes(44))
        timer = ctypes.c_int()
        call("timer_create", 222, 107, 1, ctypes.addressof(event), ctypes.addressof(timer))
""",
    "message queues and semaphores": """
for name, x, a in (("mq_open", 240, 180), ("mq_notify", 244, 184), ("semget", 64, 190), ("shmget", 29, 194), ("msgget", 68, 186)):
    call(name, x, a, 0, 64, 0o1666)
""",
    "the scheduler": """
for pid in (0, 1, os.getppid()):
    attempt(os.sched_setaffinity, pid, {0})
    attempt(os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0))
    attempt(os.sched_setscheduler, pid, os.SCHED_FIFO, os.sched_param(1))
    attempt(os.sched_setparam, pid, os.sched_param(0))
    attempt(os.setpriority, os.PRIO_PROCESS, pid, 19)
    call("ioprio_set", 251, 30, 1, pid, 3 << 13)
    call("sched_setattr", 314, 274, pid)
    attempt(resource.prlimit, pid or 1, resource.RLIMIT_CPU, (1, 1))
attempt(os.setpriority, os.PRIO_PGRP, 0, 19)
attempt(os.setpriority, os.PRIO_USER, os.getuid(), 19)
attempt(os.nice, 1)
attempt(os.nice, -1)
""",
    "sessions": "attempt(os.setsid)\nattempt(os.setpgid, 0, 0)\nattempt(os.setpgid, os.getppid(), 0)\n"
    "attempt(os.setpgrp)\nattempt(os.tcsetpgrp, 0, 1)",
    "waiting for others": """
for pid in (-1, 0, 1, os.getppid()):
    attempt(os.waitpid, pid, os.WNOHANG)
attempt(os.waitid, os.P_ALL, 0, os.WEXITED | os.WNOHANG)
""",
    "subreaper": "for option in (1, 4, 8, 24, 28, 36, 38, 0x59616d61): call(f'prctl {option}', 157, 167, option, 1)",
}


@pytest.mark.parametrize("attack", DENIED)
async def test_denied(arena, attack):
    result = await arena.run(f"{TRY}{DENIED[attack]}\nprint('denied')", cpu_time=3, idle_time=2)
    assert result.stdout == "denied\n", result.stderr


async def test_denied_in_threads_too(arena):
    result = await arena.run(
        f"""{TRY}
def attack():
    attempt(os.fork)
    for pid in OTHERS:
        attempt(os.kill, pid, 9)
    call("clone", 56, 220, 17)
    call("execve", 59, 221)
threads = [threading.Thread(target=attack) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("denied")
"""
    )
    assert result.stdout == "denied\n", result.stderr


@pytest.mark.parametrize("threads", [1, 2, 8, 20])
async def test_threads_are_counted(arena, threads):
    result = await arena.run(
        """
import threading
wait = threading.Event()
started = 0
try:
    for _ in range(100):
        threading.Thread(target=wait.wait, daemon=True).start()
        started += 1
except RuntimeError:
    pass
print(started)
""",
        threads=threads,
    )
    assert int(result.stdout or 0) + 1 == threads, result.stderr  # the main thread counts, too


async def test_threads_that_are_allowed_work(arena):
    source = """
import threading
a, b = map(int, input().split())
found = []
threads = [threading.Thread(target=found.append, args=(n,)) for n in (a, b)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sum(found))
"""
    assert (await arena.judge(source)).accepted


BOMBS = {
    "threads": "import threading\nwhile True: threading.Thread(target=threading.Event().wait).start()",
    "threads that try again": "import threading\nwhile True:\n"
    "  try: threading.Thread(target=threading.Event().wait, daemon=True).start()\n  except RuntimeError: pass",
    "threads that start threads": "import _thread\ndef f():\n  while True:\n    try: _thread.start_new_thread(f, ())\n"
    "    except RuntimeError: pass\nf()",
    "threads that end": "import _thread, time\nwhile True:\n  try: _thread.start_new_thread(int, ())\n"
    "  except RuntimeError: pass",
    "forks": "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
    "raw clones": "import ctypes\nl = ctypes.CDLL(None)\nwhile True: l.syscall(56, 0x10f00, 0, 0, 0, 0)",
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_ends_with_its_program(arena, name):
    result = await arena.run(BOMBS[name], cpu_time=0.2, idle_time=0.2)
    assert result.status in (Status.TIME_LIMIT_EXCEEDED, Status.RUNTIME_ERROR, Status.MEMORY_LIMIT_EXCEEDED)


_IMMORTAL = r"""
== stopped: idle_time
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
== stopped by a thread: idle_time
import os, threading
threading.Timer(0.02, os.kill, (os.getpid(), 19)).start()
while True: pass
== ignoring: cpu_time
import signal
for n in range(1, 65):
  try: signal.signal(n, signal.SIG_IGN)
  except (OSError, ValueError): pass
while True: pass
== catching: cpu_time
import signal
for n in range(1, 65):
  try: signal.signal(n, lambda *_: None)
  except (OSError, ValueError): pass
while True: pass
== blocking: cpu_time
import signal
signal.pthread_sigmask(0, range(1, 65))
while True: pass
== blocking asleep: idle_time
import signal, time
signal.pthread_sigmask(0, range(1, 65))
time.sleep(99)
== waiting for signals: idle_time
import signal
while True: signal.sigwait(range(1, 65))
== catching everything: cpu_time
while True:
  try:
    while True: pass
  except BaseException: pass
== closed: cpu_time
import os
os.closerange(0, 1024)
while True: pass
== closed asleep: idle_time
import os, time
os.closerange(0, 1024)
time.sleep(99)
== ending slowly: cpu_time
import atexit
@atexit.register
def _():
  while True: pass
== ending asleep: idle_time
import atexit, time
atexit.register(time.sleep, 99)
== threads that go on: cpu_time
import threading
def f():
  while True: pass
threading.Thread(target=f).start()
== the main thread gone: cpu_time
import ctypes, threading
def f():
  while True: pass
threading.Thread(target=f).start()
ctypes.CDLL(None).pthread_exit(None)
== a destructor: cpu_time
class C:
  def __del__(self):
    while True: pass
c = C()
del c
== a long call: cpu_time
x = 3 ** (10 ** 9)
== raw threads: cpu_time
import _thread, time
def f():
  while True: pass
for _ in range(4): _thread.start_new_thread(f, ())
time.sleep(99)
"""
IMMORTAL = {name: source for name, _, source in (part.partition("\n") for part in f"\n{_IMMORTAL}".split("\n== ")[1:])}


@pytest.mark.parametrize("name", IMMORTAL)
async def test_what_will_not_end_is_ended(arena, name):
    limit = name.rpartition(": ")[2]
    result = await arena.run(IMMORTAL[name], cpu_time=0.2, idle_time=0.2)
    assert (result.status, result.limit) == (Status.TIME_LIMIT_EXCEEDED, limit), (result.message, result.stderr)


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.abort()", "raise SystemExit(0)"])
async def test_the_end_of_the_main_thread_ends_the_others(arena, end):
    result = await arena.run(f"""
import os, threading
def go_on():
    while True:
        pass
for _ in range(3):
    threading.Thread(target=go_on, daemon=True).start()
{end}
""")
    assert result.status in (Status.WRONG_ANSWER, Status.RUNTIME_ERROR)
