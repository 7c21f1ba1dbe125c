"""Programs that are executables: the test process becomes one, under the limits and the filter of every other test.

The file is executed once, by a descriptor that is closed in that moment, under an empty name at an address that only
this process has; the filter (seccomp.py on the host's side) lets no other call through, so the program cannot execute
anything again. Peak memory counts from the fork: a program is charged for at least the runner's own pages.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
from typing import TYPE_CHECKING, Any, NoReturn

from .cleaning import sweep_processes
from .compiler import Compiled
from .kernel import STACK, cpu_backstop, limit
from .lane import SPARE_MEMORY
from .program import Program, Refused
from .zygote import TEST, Ended

if TYPE_CHECKING:
    from .lane import Lane
    from .runner import Job, Runner
    from .zygote import Running

DESCRIPTOR = 1023
"""Of the file that is executed; the filter has the same constant. Above what any program may open."""
NAME = 0x10000
"""Address of its empty name; the filter has the same constant."""
OPEN_FILES = 1000
CANNOT_EXECUTE = 127
LAST_WORDS = 4096

_EXECVEAT = {"x86_64": 322, "aarch64": 281}
_AT_EMPTY_PATH = 0x1000
_PROT_READ = 1
_MAP_PRIVATE_FIXED_ANONYMOUS = 0x32
_ELF64 = b"\x7fELF\x02\x01"
_PT_LOAD = 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p


class ExecutableProgram(Program):
    """Its tests never share a process."""

    def __init__(self, runner: Runner, job: Job) -> None:
        super().__init__(runner, job)
        assert job.command is not None
        self.command = job.command
        self._reserved = _size_in_memory(job.compiled.executable)
        # What every test process needs is made here, once: each page that it touches is copied first.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= self.command["environment"]
        self._arguments = (
            ctypes.c_long(_EXECVEAT[os.uname().machine]),
            ctypes.c_long(DESCRIPTOR),
            ctypes.c_void_p(NAME),
            _array(self.command["argv"]),
            _array([f"{name}={value}" for name, value in environment.items()]),
            ctypes.c_long(_AT_EMPTY_PATH),
        )

    @staticmethod
    def compiled(file: int, command: dict[str, Any]) -> Compiled:
        """The file to execute, in the place of compiled code: ``executable`` is its descriptor."""
        names = ["named streams"] if command["named_streams"] else []
        return Compiled({"error": None, "executable": file, "names": names})

    def serve(self) -> None:
        try:
            super().serve()
        finally:
            os.close(self.job.compiled.executable)

    def prepare(self) -> None:
        """Nothing: its test processes are forks of the runner."""

    def start(self, lane: Lane) -> Running:
        try:
            pid = os.fork()
        except OSError as refusal:
            raise Refused(refusal.errno) from None
        if pid == 0:
            try:
                self._become(lane)
            except BaseException as error:
                os.write(2, f"cannot execute: {error}\n".encode(errors="replace"))
            finally:
                os._exit(CANNOT_EXECUTE)
        return _Forked(pid, alone=not self.runner.starts_processes)

    def _become(self, lane: Lane) -> NoReturn:
        """Close, limit, filter, execute."""
        for file, number in ((lane.stdin, 0), (lane.stdout, 1), (lane.stderr, 2)):
            os.dup2(file, number, inheritable=True)
        path: str | None = self.command["executable"]
        file = self.job.compiled.executable if path is None else os.open(path, os.O_PATH | os.O_CLOEXEC)
        if file != DESCRIPTOR:
            os.dup2(file, DESCRIPTOR, inheritable=False)
        os.closerange(3, DESCRIPTOR)
        os.closerange(DESCRIPTOR + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        if self.runner.starts_processes:
            os.setpgid(0, 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # what the interpreter ignores would stay ignored
            signal.signal(number, signal.SIG_DFL)
        _libc.mmap(ctypes.c_void_p(NAME), ctypes.c_size_t(4096), _PROT_READ, _MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0)
        self._limit(lane)
        self.runner.program_filter.install()
        _libc.syscall(*self._arguments)
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def _limit(self, lane: Lane) -> None:
        limits = self.job.limits
        memory: int = limits["memory"]
        limit(resource.RLIMIT_STACK, min(memory, self.command["stack"] or memory))
        limit(resource.RLIMIT_CPU, cpu_backstop(limits["cpu_time"]))
        limit(resource.RLIMIT_DATA, memory + SPARE_MEMORY)
        if self.command["address_space"]:
            limit(resource.RLIMIT_AS, memory + SPARE_MEMORY + STACK)
        limit(resource.RLIMIT_FSIZE, self._largest_file(lane))
        limit(resource.RLIMIT_NOFILE, min(limits["open_files"], OPEN_FILES))
        limit(resource.RLIMIT_NPROC, limits["threads"] + 1)  # and the runner

    def _lacked_memory(self, number: int | None, stderr: int) -> bool:
        """What cannot have the memory it asks for dies of it in more ways than one."""
        if number in (signal.SIGKILL, signal.SIGSEGV) and self._reserved > self.job.limits["memory"] + SPARE_MEMORY:
            return True
        words: list[str] = self.command["memory_words"]
        said = os.pread(stderr, LAST_WORDS, max(0, os.fstat(stderr).st_size - LAST_WORDS)) if words else b""
        return any(word.encode() in said for word in words)


class _Forked:
    """A test process that the runner has forked itself."""

    def __init__(self, pid: int, *, alone: bool) -> None:
        self.fd = os.pidfd_open(pid)
        self._pid = pid
        self._alone = alone

    def pid(self) -> int:
        return self._pid

    def reply(self) -> Ended:
        """What a compiler started ends with it."""
        _, status, usage = os.wait4(self._pid, 0)
        os.close(self.fd)
        if not self._alone:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            sweep_processes()
        return Ended(TEST, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def _array(words: list[str]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(words) + 1))(*[os.fsencode(word) for word in words], None)


def _size_in_memory(file: int) -> int:
    """Bytes that the loaded segments of an ELF executable take, of which the file holds only what is not zero."""
    head = os.pread(file, 64, 0)
    if len(head) < 64 or not head.startswith(_ELF64):
        return 0
    (table,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    total = 0
    with contextlib.suppress(struct.error):
        for at in range(count):
            kind, *_, in_memory = struct.unpack_from("<IIQQQQQ", os.pread(file, size, table + at * size))
            total += in_memory if kind == _PT_LOAD else 0
    return total
