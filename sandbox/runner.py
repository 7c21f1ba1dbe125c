"""The part that runs inside the jail, as process 1. Standard library only; started by path, never imported there.

Theory of operation
-------------------
    runner (process 1)    reads frames, keeps test inputs, compiles, forks and watches test processes, cleans up
     └ program process    only for programs that are long or import what the runner has not loaded: compiles and
     │                    imports under limits, then does the rest in the runner's place
     └ └ test process     limits, seccomp, then the untrusted program; one test, or the tests of one lane in turn

Compiling does not run a program, so the runner does it itself when the source is short: a compilation that costs 0.05 ms
there costs 1.5 ms in a fork, which has to copy every page that the compiler touches.

Untrusted code runs in test processes alone. They hold no descriptor but their stdin, stdout, stderr (and result file),
all of them memfds; what they may claim about themselves (exit code and times of tests inside a lane) they could
achieve honestly as well, and everything that a limit or a verdict rests on comes from wait4 and the kernel's clocks.

A *lane* is one test process that runs several tests of a program, with fresh globals and fresh stdin and stdout each.
It ends by itself after a slice of processor time, after a test that did not end cleanly, and when anything it cannot
restore has changed. A test that does not end well is only believed as the first of a lane; otherwise it is run again
in a process of its own, and the program gets no further lanes.

The protocol is written down in ``protocol.py``, on the other side of the socket.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import itertools
import json
import mmap
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys
import time
from types import CodeType, ModuleType
from typing import Any

PRELOAD = (
    "_sitebuiltins", "abc", "array", "bisect", "collections", "collections.abc", "copy", "datetime", "decimal",
    "functools", "heapq", "io", "itertools", "math", "operator", "os", "os.path", "re", "string",
    "sys", "time", "types", "typing",
)  # fmt: skip
"""Imported once, when the worker starts: what most programs import. Not random and threading: they register work to
be done after every fork, for programs that import them or not."""

PROGRAM = "/work/main.py"  # the name in tracebacks; no such file exists
SPARE_MEMORY = 512 << 20  # of RLIMIT_DATA above the limit, for thread stacks that are reserved and never touched
STACK = 1 << 30
THREAD_STACK = 8 << 20
SHORT = 32 << 10  # bytes of source that the runner compiles itself
LANE_TESTS = 32
FIRST_LANE_TESTS = 8  # fewer, because a wrong program mostly fails early and the rest would be for nothing
MOST_FROM_A_LANE = 4 << 20  # bytes of output after which a lane takes no further test
STDERR_KEPT = 64 << 10  # bytes of standard error that are reported
LANE_SLICE = 0.010  # processor seconds after which a lane takes no further test
IDLE_SAMPLE = 0.2  # seconds between two looks at a test's processor clock
IDLE_SHARE = 0.005  # of a sample; a test that used less was blocked, not waiting for a processor

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: object) -> None:
    padded = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments] + [ctypes.c_ulong(0)] * 4
    if _libc.prctl(option, *padded[:4]):
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38


class Channel:
    """Frames over the one socket. Header: ``!II`` length of the JSON text, length of the bytes after it."""

    def __init__(self, fd: int) -> None:
        self.socket = socket.socket(fileno=fd)
        self.fd = fd

    def send(self, header: dict[str, object], blob: bytes = b"") -> None:
        text = json.dumps(header, separators=(",", ":")).encode()
        self.socket.sendall(b"".join((struct.pack("!II", len(text), len(blob)), text, blob)))

    def receive(self) -> tuple[dict[str, Any], int]:
        """The next header, and how many bytes follow it. Ends the process when the host is gone."""
        text, blob = struct.unpack("!II", self.read(8))
        return json.loads(self.read(text)), blob

    def read(self, size: int) -> bytes:
        parts = []
        while size:
            part = self.socket.recv(min(size, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def read_into_file(self, size: int) -> int:
        fd = os.memfd_create("inputs")
        while size:
            part = self.socket.recv(min(size, 1 << 20))
            if not part:
                os._exit(0)
            size -= len(part)
            while part:
                part = part[os.write(fd, part) :]
        return fd


# ---------------------------------------------------------------------------------------------------- process 1


class Job:
    """One program, as the host sent it."""

    def __init__(self, header: dict[str, Any], blob: bytes, inputs: tuple[int, list[int]]) -> None:
        self.call: bool = header["mode"] == "call"
        self.entry_class: str | None = header["entry_class"]
        self.entry_point: str | None = header["entry_point"]
        self.tests: list[int] = header["tests"]
        self.lanes: bool = header["lanes"]
        self.modules: list[str] = header["modules"]
        self.limits: dict[str, float] = header["limits"]
        self.prelude, self.source = blob[: header["prelude"]], blob[header["prelude"] :]
        self.inputs_fd, sizes = inputs
        self.offsets = [0, *itertools.accumulate(sizes)]


class Filter:
    """A seccomp filter, ready to be installed with as little as possible left to do."""

    def __init__(self, code: bytes, pid_slots: list[int]) -> None:
        self.code = (ctypes.c_char * len(code)).from_buffer_copy(code)
        self.pid_slots = pid_slots
        self.header = struct.pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(self.code))
        self.arguments = ctypes.c_char_p(self.header), ctypes.c_ulong(0), ctypes.c_ulong(0)

    def install(self) -> None:
        """For the calling process and everything it starts. The slots are where the filter compares with its pid."""
        for slot in self.pid_slots:
            struct.pack_into("=I", self.code, slot, os.getpid())
        if _libc.prctl(PR_SET_SECCOMP, 2, *self.arguments):
            raise OSError(ctypes.get_errno(), "the system-call filter was refused")


class Fresh:
    """What a program finds when it starts, taken down in the runner and restored between the tests of a lane."""

    def __init__(self) -> None:
        self.encoding = sys.__stdin__.encoding, sys.__stdin__.errors
        self.recursion_limit = sys.getrecursionlimit()
        self.int_digits = sys.get_int_max_str_digits()
        self.path = [os.path.dirname(PROGRAM), *sys.path]
        self.argv = [PROGRAM]


class Runner:
    """Process 1: reads frames, holds the inputs, starts and buries program processes."""

    def __init__(self, fd: int) -> None:
        self.channel = Channel(fd)
        self.inputs: dict[int, tuple[int, list[int]]] = {}
        self.packages = frozenset[str]()
        self.work = self.temporary = ""
        self.pid = os.getpid()
        self.most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def configure(self) -> None:
        header, size = self.channel.receive()
        blob = self.channel.read(size)
        runner_filter, test_filter = blob[: header["runner_filter"]], blob[header["runner_filter"] :]
        self.packages = frozenset(header["packages"])
        self.work, self.temporary = header["work"], header["temporary"]
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # for the tests, as are all that is prepared here
        if header["become"] is not None:  # started as the host's root to set the jail up: leave that identity
            os.setgroups([])
            os.setresgid(*[header["become"]] * 3)
            os.setresuid(*[header["become"]] * 3)
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user clears it
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        os.umask(0o022)
        os.chdir(self.work)
        sys.path[:] = [*(p for p in sys.path if os.path.isdir(p)), *header["path"]]
        sys.argv[:] = [PROGRAM]
        sys.dont_write_bytecode = True
        limit_default_thread_stack()
        import_quietly(PRELOAD)
        import _sitebuiltins
        import builtins

        builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
        builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
        self.fresh = Fresh()
        self.test_filter = Filter(test_filter, header["pid_slots"])
        Filter(runner_filter, []).install()
        gc.disable()
        gc.collect()
        gc.freeze()
        self.channel.send({"type": "ready", "python": list(sys.version_info[:3])})

    def next_lane(self) -> tuple[Program, Lane]:
        """Serve the host for ever. Returns only in a test process."""
        while True:
            header, size = self.channel.receive()
            match header["type"]:
                case "load":
                    self.inputs[header["key"]] = (self.channel.read_into_file(size), header["sizes"])
                case "drop":
                    for key in header["keys"]:
                        os.close(self.inputs.pop(key)[0])
                case "job":
                    job = Job(header, self.channel.read(size), self.inputs[header["key"]])
                    # Installed packages are slow to import and not touched by programs: once per worker.
                    import_quietly(m for m in job.modules if m.partition(".")[0] in self.packages)
                    program = Program(self, job)
                    status = 0
                    if len(job.source) <= SHORT and all(module in sys.modules for module in job.modules):
                        lane = program.next_lane()
                    elif (pid := os.fork()) == 0:
                        lane = program.next_lane()
                        if lane is None:
                            os._exit(0)
                    else:
                        lane = None
                        status = self.wait_for(pid)
                    if lane is not None:
                        return program, lane
                    sweep_processes()
                    self.empty_folders()
                    self.channel.send({"type": "idle", "status": status})
                case "end":
                    pass  # the job it was meant for has ended by itself
                case other:
                    raise ValueError(f"unknown frame {other}")

    def empty_folders(self) -> None:
        empty_folder(self.work)
        empty_folder(self.temporary)

    def wait_for(self, pid: int) -> int:
        """Exit status of the program process. When the host goes away, everything ends with this process."""
        pidfd = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(self.channel.fd, select.POLLHUP | select.POLLRDHUP)
        ready = poll.poll()
        if any(fd == self.channel.fd for fd, _ in ready):
            os._exit(0)
        os.close(pidfd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def import_quietly(names) -> None:
    for name in names:
        try:
            __import__(name)
        except Exception:  # the program will meet the same error, where it can be reported
            pass


def limit_default_thread_stack() -> None:
    """RLIMIT_STACK is large for deep recursion; threads that ask for no size must not each reserve as much."""
    attribute = ctypes.create_string_buffer(256)
    try:
        _libc.pthread_attr_init(attribute)
        _libc.pthread_attr_setstacksize(attribute, ctypes.c_size_t(THREAD_STACK))
        _libc.pthread_setattr_default_np(attribute)
        _libc.pthread_attr_destroy(attribute)
    except AttributeError:
        pass  # not glibc


def sweep_processes() -> None:
    """Kill and reap everything in the jail but process 1. Programs cannot fork; this is the second lock."""
    if os.getpid() == 1:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def empty_folder(folder: str) -> None:
    """Remove everything inside. Subfolders are moved up instead of descended into: no depth can hurt."""
    names = os.listdir(os.fsencode(folder))
    serial = 0
    while names:
        for name in names:
            path = os.path.join(os.fsencode(folder), name)
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for child in os.listdir(path):
                source = os.path.join(path, child)
                if stat.S_ISDIR(os.lstat(source).st_mode):
                    os.chmod(source, 0o700)
                os.rename(source, os.path.join(os.fsencode(folder), b".%d" % serial))
                serial += 1
            os.rmdir(path)
        names = os.listdir(os.fsencode(folder))


# ---------------------------------------------------------------------------------------------- program process

# One slot a test in the page that a lane shares with the program process:
# state, processor ns, wall ns, peak KiB, end of its text on stderr.
SLOT = struct.Struct("=QQQQQ")
PENDING, RUNNING, CLEAN, FAILED, OUT_OF_MEMORY = range(5)


class Lane:
    """Tests that one test process runs in turn, with their files."""

    def __init__(self, tests: list[int]) -> None:
        self.tests = tests
        self.stdin: list[int] = []
        self.stdout: list[int] = []
        self.result: list[int] = []
        self.stderr = -1


class Program:
    """The program process: compiles, then forks a test process per lane and watches it."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self.runner = runner
        self.channel = runner.channel
        self.job = job
        self.code: CodeType | None = None
        self.prelude: CodeType | None = None
        self.names = frozenset[str]()
        self.queue = list(job.tests)
        self.fresh: list[int] = []  # tests that must have a process of their own, before the others
        self.lanes = job.lanes and len(job.tests) > 1
        self.page = mmap.mmap(-1, -(-SLOT.size * LANE_TESTS // mmap.PAGESIZE) * mmap.PAGESIZE)
        self.first_lane = True
        self.ended = False
        self.poll = select.poll()
        self.poll.register(self.channel.fd, select.POLLIN)
        self.dev_files = b"/dev/std" in job.source or b"/dev/fd" in job.source or b"/proc/self/fd" in job.source

    def compile(self) -> str | None:
        """None, or the compiler's words."""
        limits = self.job.limits
        ceilings = {
            resource.RLIMIT_CPU: int(limits["compile_time"] + 0.999),
            resource.RLIMIT_AS: int(limits["memory"]) + SPARE_MEMORY + STACK,
        }
        before = {which: resource.getrlimit(which) for which in ceilings} if os.getpid() != self.runner.pid else {}
        for which, (_, hard) in before.items():
            resource.setrlimit(which, (capped(ceilings[which], hard), hard))
        try:
            if self.job.prelude:
                self.prelude = compile(self.job.prelude, PROGRAM, "exec", dont_inherit=True)
            self.code = compile(self.job.source, PROGRAM, "exec", dont_inherit=True)
        except SyntaxError as error:
            where = f" (line {error.lineno})" if error.lineno else ""
            return f"{type(error).__name__}: {error.msg}{where}"
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            return f"{type(error).__name__}: {error}"
        import_quietly(self.job.modules)
        for which, pair in before.items():
            resource.setrlimit(which, pair)
        self.names = names_in(self.code)
        self.teardown = not self.names.isdisjoint(TEARDOWN_NAMES)
        self.lanes = self.lanes and not self.dev_files and lane_allowed(self.names, self.job.modules)
        return None

    def next_lane(self) -> Lane | None:
        """Run the program's tests until the host says that it is enough: None. A Lane only in a test process."""
        message = self.compile()
        if message is not None:
            self.channel.send({"type": "compile_error", "message": message[:4096]})
            self.queue.clear()
        gc.freeze()
        while True:
            while self.fresh or self.queue:
                lane = Lane(self.take())
                pid = self.start(lane)
                if pid == 0:
                    return lane
                self.watch(lane, pid)
                if self.ended or (self.poll.poll(0) and self.obey()):
                    return None
            if self.obey():
                return None

    def obey(self) -> bool:
        """One frame from the host: True when the program is to end; otherwise there are tests to run again."""
        header, _ = self.channel.receive()
        self.ended = header["type"] == "end"
        if not self.ended:
            self.fresh += header["tests"]
        return self.ended

    def take(self) -> list[int]:
        if self.fresh:
            return [self.fresh.pop(0)]
        size = (FIRST_LANE_TESTS if self.first_lane else LANE_TESTS) if self.lanes else 1
        self.first_lane = False
        taken, self.queue = self.queue[:size], self.queue[size:]
        return taken

    def start(self, lane: Lane) -> int:
        offsets, inputs = self.job.offsets, self.job.inputs_fd
        for test in lane.tests:
            lane.stdin.append(self.stdin(inputs, offsets[test], offsets[test + 1] - offsets[test]))
            if self.dev_files:
                lane.stdout.append(os.open(self.runner.temporary + "/.stdout", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
            else:
                lane.stdout.append(os.memfd_create("stdout"))
            if self.job.call:
                lane.result.append(os.memfd_create("result"))
        lane.stderr = os.memfd_create("stderr")
        self.page[: SLOT.size * len(lane.tests)] = bytes(SLOT.size * len(lane.tests))
        self.started = time.monotonic()
        return os.fork()

    def stdin(self, inputs: int, offset: int, size: int) -> int:
        if self.dev_files:
            fd = os.open(self.runner.temporary + "/.stdin", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        else:
            fd = os.memfd_create("stdin")
        end = offset + size
        while offset < end:
            offset += os.sendfile(fd, inputs, offset, end - offset)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    def watch(self, lane: Lane, pid: int) -> None:
        """Wait for the test process, stop it at its limits, send what came of its tests."""
        stopped_by = self.wait(pid, several=len(lane.tests) > 1)
        _, status, usage = os.wait4(pid, 0)
        wall = time.monotonic() - self.started
        cpu = usage.ru_utime + usage.ru_stime
        code = os.waitstatus_to_exitcode(status)
        slots = [SLOT.unpack_from(self.page, SLOT.size * place) for place in range(len(lane.tests))]
        started = next((place for place, slot in enumerate(slots) if slot[0] == PENDING), len(slots))
        rows: list[tuple] = []
        blobs: list[bytes] = []
        stderr_start = 0
        for place, test in enumerate(() if self.ended else lane.tests):
            state, cpu_ns, wall_ns, peak, stderr_end = slots[place]
            last = place + 1 >= started
            if place and (place >= started or sum(map(len, blobs)) > MOST_FROM_A_LANE):
                self.queue[:0] = lane.tests[place:]
                break
            if last and place == 0:  # the process ran one test and answers for it itself
                figures = cpu, wall, usage.ru_maxrss * 1024
                stderr_end = os.fstat(lane.stderr).st_size
                verdict = self.judge(lane, place, code, stopped_by, figures[2], state, stderr_end)
            elif state == CLEAN and not (last and (stopped_by or code)):
                # Its own figures: it cannot claim more than the process used, and to claim less gains nothing,
                # because the whole process was held to the limits of one test.
                figures = min(cpu_ns / 1e9, cpu), min(wall_ns / 1e9, wall), min(peak, usage.ru_maxrss) * 1024
                verdict = self.judge(lane, place, 0, None, figures[2], state, stderr_end - stderr_start)
            else:
                verdict = None
            if started > 1 and (verdict is None or verdict[0] != "finished"):
                # Only a process of its own is believed when it fails; and this program gets no more lanes.
                self.lanes = False
                self.fresh.append(test)
                self.queue[:0] = lane.tests[place + 1 :]
                break
            assert verdict is not None
            stdout = read_file(lane.stdout[place], int(self.job.limits["output"]))
            stderr = read_file(lane.stderr, STDERR_KEPT, stderr_start, stderr_end - stderr_start)
            result = read_file(lane.result[place], int(self.job.limits["output"])) if self.job.call else b""
            rows.append((test, *verdict, round(figures[0], 6), round(figures[1], 6), figures[2], place == 0,
                         len(stdout), len(stderr), len(result)))  # fmt: skip
            blobs += (stdout, stderr, result)
            stderr_start = stderr_end
        for fd in (*lane.stdin, *lane.stdout, *lane.result, lane.stderr):
            os.close(fd)
        if self.ended:
            return
        self.runner.empty_folders()
        self.channel.send({"type": "results", "rows": rows}, b"".join(blobs))

    def wait(self, pid: int, *, several: bool) -> str | None:
        """Until the process has ended. The limit that ended it, None when it ended by itself."""
        limits = self.job.limits
        allowed = limits["cpu_time"] + (LANE_SLICE if several else 0)
        clock = (~pid << 3) | 2  # the processor clock of another process, as in clock_getcpuclockid(3)
        pidfd = os.pidfd_open(pid)
        self.poll.register(pidfd, select.POLLIN)
        stopped_by = None
        seen_cpu = idle = 0.0
        seen_at = self.started
        while True:
            remaining = allowed - seen_cpu
            ready = self.poll.poll(max(1, int(min(remaining, IDLE_SAMPLE) * 1000) + 1))
            if any(fd == pidfd for fd, _ in ready):
                break
            if ready and self.obey():
                os.kill(pid, signal.SIGKILL)
                break
            now = time.monotonic()
            cpu = time.clock_gettime(clock)
            if cpu - seen_cpu < IDLE_SHARE * (now - seen_at):
                idle += now - seen_at
            seen_cpu, seen_at = cpu, now
            if cpu >= allowed:
                stopped_by = "cpu_time"
            elif idle >= limits["idle_time"]:
                stopped_by = "idle_time"
            elif now - self.started >= limits["wall_time"]:
                stopped_by = "wall_time"
            if stopped_by:
                os.kill(pid, signal.SIGKILL)
                break
        self.poll.unregister(pidfd)
        os.close(pidfd)
        return stopped_by

    def judge(
        self, lane: Lane, place: int, code: int, stopped_by: str | None, memory: int, state: int, stderr_size: int
    ) -> tuple[str, str | None, int | None, int | None]:
        """(outcome, limit, exit code, signal) of one test."""
        limits = self.job.limits
        exit_code, number = (None, -code) if code < 0 else (code, None)
        size = os.fstat(lane.stdout[place]).st_size
        if self.job.call:
            size = max(size, os.fstat(lane.result[place]).st_size)
        if stopped_by:
            return "time_limit", stopped_by, None, None
        if size > limits["output"]:
            return "output_limit", "output", exit_code, number
        if stderr_size > limits["stderr"]:
            return "output_limit", "stderr", exit_code, number
        if memory > limits["memory"] or (state == OUT_OF_MEMORY and code):
            return "memory_limit", "memory", exit_code, number
        if number == signal.SIGXCPU:
            return "time_limit", "cpu_time", None, number
        return ("crashed" if code else "finished"), None, exit_code, number


def read_file(fd: int, most: int, start: int = 0, size: int | None = None) -> bytes:
    size = os.fstat(fd).st_size - start if size is None else size
    size = max(0, min(size, most))
    parts = []
    while size:
        part = os.pread(fd, min(size, 1 << 24), start)
        if not part:
            break
        parts.append(part)
        start += len(part)
        size -= len(part)
    return b"".join(parts)


def capped(value: int, ceiling: int) -> int:
    return value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)


def names_in(code: CodeType) -> frozenset[str]:
    """Every global, attribute and module name that the program's code objects mention."""
    found: set[str] = set()
    pending = [code]
    while pending:
        current = pending.pop()
        found.update(current.co_names)
        pending += [c for c in current.co_consts if type(c) is CodeType]
    return frozenset(found)


# What a lane cannot restore, or would be slow to check. Such programs get a process a test; that is never wrong.
LANE_MODULES = frozenset(
    "__future__ abc array bisect cmath collections copy dataclasses datetime enum fractions functools heapq io "
    "itertools math numbers numpy operator os queue random re sortedcontainers statistics string sys time types "
    "typing".split()
)
LANE_NAMES = frozenset(
    "__builtins__ __del__ __dict__ __import__ __subclasses__ _exit _getframe abort addaudithook breakpointhook chdir "
    "chmod closerange compile delattr displayhook dup dup2 environ environb eval excepthook exec execv fchdir "
    "fdopen ftruncate kill lockf mkdir mkfifo modules path_hooks pipe putenv rename rmdir "
    "set_printoptions setattr seterr setitimer setprofile setswitchinterval settrace stack_size symlink truncate "
    "umask unlink unraisablehook unsetenv vars".split()
)


def lane_allowed(names: frozenset[str], modules: list[str]) -> bool:
    return names.isdisjoint(LANE_NAMES) and all(m.partition(".")[0] in LANE_MODULES for m in modules)


# ------------------------------------------------------------------------------------------------- test process


class TestProcess:
    """From here on everything may be read and changed by the program. Nothing in reach is worth it."""

    def __init__(self, program: Program, lane: Lane) -> None:
        self.program = program
        self.job = program.job
        self.lane = lane
        self.fresh = program.runner.fresh
        sys.path[:] = self.fresh.path
        self.restored = len(lane.tests) > 1  # then threads and exit handlers are out of the program's reach

    def confine(self) -> None:
        """Close, limit, filter: in this order, and for good."""
        lane, limits = self.lane, self.job.limits
        os.dup2(lane.stderr, 2, inheritable=True)
        keep = sorted((*lane.stdin, *lane.stdout, *lane.result))
        low = 3
        for fd in (*keep, self.program.runner.most_files):
            if fd > low:
                os.closerange(low, fd)
            low = fd + 1
        memory = int(limits["memory"])
        files = int(max(limits["output"], limits["stderr"], limits["file_size"])) + 1
        seconds = int(limits["cpu_time"] + 0.999) + 1
        for which, value in (
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_DATA, memory + SPARE_MEMORY),
            (resource.RLIMIT_AS, memory + SPARE_MEMORY + STACK),
            (resource.RLIMIT_FSIZE, files),
            (resource.RLIMIT_NOFILE, int(limits["open_files"]) + (keep[-1] if len(lane.tests) > 1 else 3)),
            (resource.RLIMIT_NPROC, int(limits["threads"]) + 2),  # the runner and the program process count too
        ):
            value = capped(value, resource.getrlimit(which)[1])
            resource.setrlimit(which, (value, value))
        self.program.runner.test_filter.install()

    def run(self) -> None:
        """The tests of the lane in turn, while they end cleanly. Never returns."""
        page, lane = self.program.page, self.lane
        several = len(lane.tests) > 1
        guard = self.watched_state() if several else None
        gc.enable()
        for place in range(len(lane.tests)):
            cpu, wall = time.thread_time_ns(), time.monotonic_ns()
            SLOT.pack_into(page, SLOT.size * place, RUNNING, 0, 0, 0, 0)
            state, code = self.run_test(place)
            used = time.thread_time_ns()  # the process clock ticks coarsely under RLIMIT_CPU
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if several else 0
            SLOT.pack_into(
                page, SLOT.size * place, state, used - cpu, time.monotonic_ns() - wall, peak, size_of(2)
            )
            more = several and place + 1 < len(lane.tests) and used < LANE_SLICE * 1e9 and size_of(1) < MOST_FROM_A_LANE
            if code or not more or not self.restore(guard):
                os._exit(code & 0xFF)

    def run_test(self, place: int) -> tuple[int, int]:
        lane, job = self.lane, self.job
        os.dup2(lane.stdin[place], 0, inheritable=True)
        os.dup2(lane.stdout[place], 1, inheritable=True)
        os.close(lane.stdin[place])
        os.close(lane.stdout[place])
        if place:  # the first test uses the streams that the interpreter made when it started
            encoding, errors = self.fresh.encoding
            sys.stdin = sys.__stdin__ = open(0, encoding=encoding, errors=errors, newline="\n", closefd=False)
            sys.stdout = sys.__stdout__ = open(1, "w", encoding=encoding, errors=errors, newline="\n", closefd=False)
            sys.stderr = sys.__stderr__ = open(
                2, "w", encoding=encoding, errors="backslashreplace", newline="\n", closefd=False, buffering=1
            )
        main = ModuleType("__main__")
        scope = main.__dict__
        scope["__builtins__"] = sys.modules["builtins"]
        scope["__file__"] = PROGRAM
        scope["__cached__"] = None
        scope["__annotations__"] = {}
        sys.modules["__main__"] = main
        state = CLEAN
        code = 0
        try:
            if job.call:
                scope["__name__"] = "solution"
                sys.modules["solution"] = main
                self.call(scope, lane.result[place])
            else:
                exec(self.program.code, scope)
        except SystemExit as stop:
            code = exit_code_of(stop.code)
        except BaseException as error:
            code = 1
            if isinstance(error, MemoryError):
                state = OUT_OF_MEMORY
            elif isinstance(error, KeyboardInterrupt):
                code = 130
            report(error)
        code = self.finish(scope) or code
        return (FAILED if code and state == CLEAN else state), code

    def call(self, scope: dict, result_fd: int) -> None:
        job = self.job
        if self.program.prelude is not None:
            exec(self.program.prelude, scope)
        exec(self.program.code, scope)
        target = scope[job.entry_class]() if job.entry_class else None
        function = getattr(target, job.entry_point) if target is not None else scope[job.entry_point]
        arguments = json.loads(read_file(0, 1 << 40))
        value = function(*arguments)
        text = json.dumps(plain(value), separators=(",", ":")).encode()
        while text:
            text = text[os.write(result_fd, text) :]

    def finish(self, scope: dict) -> int:
        """What an interpreter does at its end: threads, exit handlers, destructors that write, flushes."""
        code = 0
        threading = sys.modules.get("threading")
        try:
            if threading is not None and not self.restored:
                threading._shutdown()
            if not self.restored:
                atexit._run_exitfuncs()
        except BaseException as error:
            report(error)
        for stream in (sys.stdout, sys.__stdout__, sys.stderr):
            try:
                if stream is not None and not getattr(stream, "closed", False):
                    stream.flush()
            except BaseException as error:
                report(error)
                code = 120
        if self.program.teardown:
            for name in [n for n in scope if n != "__builtins__"]:
                scope[name] = None
            gc.collect()
        return code

    # -- lanes: what is restored, and what ends the lane when it changed

    def watched_state(self) -> list[tuple[dict, dict]]:
        """Every name of the modules that the program may have changed, as it is now."""
        self.module_count = len(sys.modules) + (1 if self.job.call else 0)  # "solution" comes with the first call
        roots = {module.partition(".")[0] for module in self.job.modules} | {"builtins", "sys", "io"}
        watched = [sys.modules[root].__dict__ for root in roots if root in sys.modules]
        return [(now, {name: now[name] for name in now if name not in STREAMS}) for now in watched]

    def restore(self, watched: list[tuple[dict, dict]]) -> bool:
        """True when the next test will find things as the first one did."""
        sys.modules["__main__"].__dict__.clear()
        fresh = self.fresh
        sys.setrecursionlimit(fresh.recursion_limit)
        sys.set_int_max_str_digits(fresh.int_digits)
        sys.path[:] = fresh.path
        sys.argv[:] = fresh.argv
        names = self.program.names
        if len(sys.modules) != self.module_count:
            return False
        for now, before in watched:
            if len(now) - len(before) != (len(STREAMS) if now is sys.__dict__ else 0):
                return False
            for name, value in before.items():
                if now.get(name) is not value:
                    return False
        if "open" in names or "os" in names:
            runner = self.program.runner
            if os.listdir(runner.work) or os.listdir(runner.temporary):
                return False
        if "random" in names and "random" in sys.modules:
            sys.modules["random"].seed()
            if "numpy" in names:
                sys.modules["numpy"].random.seed()
        return True


STREAMS = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")
TEARDOWN_NAMES = frozenset(
    "open fdopen FileIO BufferedWriter BufferedRandom TextIOWrapper __del__ finalize exec eval __import__ "
    "import_module codecs tempfile".split()
)
"""Names of things whose exit handlers or destructors may still write when the program's last line is done."""


def size_of(fd: int) -> int:
    try:
        return os.fstat(fd).st_size
    except OSError:  # the program closed it
        return 0


def exit_code_of(value: object) -> int:
    """As ``sys.exit``: None is 0, a number is itself, anything else goes to stderr and is 1."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value & 0xFF
    try:
        print(value, file=sys.stderr)
    except BaseException:
        pass
    return 1


def report(error: BaseException) -> None:
    """The traceback on stderr, without the frames of this file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        sys.excepthook(type(error), error, trace)
    except BaseException:
        pass


def plain(value: object, depth: int = 0):
    """JSON data by exact type. Nothing of the program's own classes is consulted; tuples become lists."""
    kind = type(value)
    if value is None or kind is bool or kind is int or kind is str or kind is float:
        return value
    if depth > 200:
        raise ValueError("returned value is nested more than 200 deep")
    if kind is list or kind is tuple:
        return [plain(item, depth + 1) for item in value]
    if kind is dict:
        return {key_text(key): plain(item, depth + 1) for key, item in value.items()}
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind.__module__ == "numpy" and isinstance(value, numpy.generic):
        return plain(value.item(), depth + 1)
    raise TypeError(f"returned value holds a {kind.__name__}, which is not JSON data")


def key_text(key: object) -> str:
    kind = type(key)
    if kind is str:
        return key
    if key is None or kind is bool or kind is int or kind is float:
        return json.dumps(key)
    raise TypeError(f"returned value has a {kind.__name__} as a key, which is not JSON data")


def make_room_for_the_stack() -> None:
    """Start again under a higher stack limit: the address space is laid out by the limit a program starts with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = capped(STACK, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
        os.execv(sys.executable, sys.orig_argv)


if __name__ == "__main__":
    make_room_for_the_stack()
    runner = Runner(int(sys.argv[1]))
    runner.configure()
    test_process = TestProcess(*runner.next_lane())
    test_process.confine()
    test_process.run()
