"""The zygote: the process that test processes are forked from.

A fork shares every page until one side writes to it; each such write then costs a fault of 2 µs. So forks are left to a
process that does next to nothing else. What the runner does meanwhile costs no test a fault, and no test finds any of
it in its memory.

For a program that imports what the zygote has not loaded, a fork of it imports that once and then stands in for it,
on the same socket, until the program ends.

    runner ──▶ zygote                                        zygote ──▶ runner
    test      a Task, with the files of the test process     how the process ended
    keep      modules to import once and for all             peak memory of the zygote
    program   modules to import for one program              ready; or how the stand-in ended instead
    end       of the program                                 how the stand-in ended

A request is a byte that says which one it is, and marshalled data. Where the host refuses the process that a request
needs, the reply is REFUSED with the number of the error, and whoever was asked serves on.
"""

from __future__ import annotations

import gc
import marshal
import os
import resource
import select
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from .compiler import load
from .kernel import Incoming, send_with_files, socket_pair
from .rehearsal import rehearse
from .testing import FIRST_FILE, TestProcess

if TYPE_CHECKING:
    from .surroundings import Surroundings
    from .testing import Task

TEST, KEEP, PROGRAM, END, READY, REFUSED = range(6)
REQUEST_BYTES = 256 << 10
FILES = 128
"""Most files with a request. The kernel takes 253."""

_REPLY = struct.Struct("=iidQ")
_PID = struct.Struct("=i")


class Ended(NamedTuple):
    """How a process ended, as wait4 saw it."""

    request: int
    """TEST, KEEP or PROGRAM; READY and REFUSED when nothing has ended."""
    status: int
    """As wait4 gives it; of REFUSED: the error's number."""
    cpu: float
    """Seconds, user and system."""
    peak: int
    """KiB of memory."""


class Running(Protocol):
    """A test process, as the runner watches it."""

    fd: int
    """Can be read from when the process has ended."""

    def pid(self) -> int | None: ...
    def reply(self) -> Ended: ...


class Zygote:
    """The runner's side. The runner ends with it."""

    def start(self, surroundings: Surroundings) -> None:
        """Not done on creation: calling a class would take one level of recursion from the programs."""
        self.fd, theirs = socket_pair()
        self._pids, pids = os.pipe()
        if os.fork() == 0:
            _serve(surroundings, theirs, pids)
        os.close(theirs)
        os.close(pids)

    def test(self, task: Task, files: Sequence[int]) -> None:
        send_with_files(self.fd, bytes([TEST]) + marshal.dumps(tuple(task)), files)

    def keep(self, modules: Iterable[str]) -> int:
        """Import for good; the peak memory of the zygote since."""
        self._ask(KEEP, list(modules))
        return self.reply().peak

    def program(self, modules: Iterable[str], size: int) -> None:
        """From now until its end was asked for, or it ended of itself, a process that has the modules serves."""
        self._ask(PROGRAM, (list(modules), size))

    def end(self) -> None:
        self._ask(END, None)

    def pid(self) -> int | None:
        """Of the process of the last test, to be asked once for each. None: the reply is there, and comes first.

        Nobody may ever tell it: who was to fork may have been refused a process, or have been killed."""
        poll = select.poll()
        poll.register(self._pids, select.POLLIN)
        poll.register(self.fd, select.POLLIN)
        if all(fd != self._pids for fd, _ in poll.poll()):
            return None
        return _PID.unpack(_read(self._pids, _PID.size))[0]

    def reply(self) -> Ended:
        """The next. Waits for it."""
        return Ended(*_REPLY.unpack(_read(self.fd, _REPLY.size)))

    def _ask(self, request: int, what: Any) -> None:
        os.write(self.fd, bytes([request]) + marshal.dumps(what))


def _read(fd: int, size: int) -> bytes:
    data = os.read(fd, size)
    if not data:
        os._exit(1)
    return data


def _serve(surroundings: Surroundings, fd: int, pids: int) -> NoReturn:
    """The process itself. What its loop touches costs faults after every fork: as few objects as possible."""
    fd, pids, code = _take(fd, pids, surroundings.code)
    incoming = Incoming(fd, REQUEST_BYTES, FILES)
    receive, data, message = incoming.receive, incoming.data, incoming.data[1:]
    test_process = TestProcess(surroundings, code)
    rehearse(test_process)
    fork, write, close, wait = os.fork, os.write, os.closerange, os.wait4
    pid_bytes, reply_bytes = _PID.pack, _REPLY.pack
    _settle()
    while True:
        receive()
        request = data[0]
        if request == TEST:
            try:
                pid = fork()
            except OSError as refusal:
                close(FIRST_FILE, FIRST_FILE + FILES)
                write(fd, reply_bytes(REFUSED, refusal.errno, 0, 0))
                continue
            if pid == 0:
                test_process.run(message)
            write(pids, pid_bytes(pid))
            close(FIRST_FILE, FIRST_FILE + FILES)
            _, status, usage = wait(pid, 0)
            write(fd, reply_bytes(TEST, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))
        elif request == PROGRAM:
            try:
                pid = fork()
            except OSError as refusal:
                write(fd, reply_bytes(REFUSED, refusal.errno, 0, 0))
                continue
            if pid:
                status = os.waitpid(pid, 0)[1]
                write(fd, reply_bytes(PROGRAM, status, 0, 0))
                continue
            modules, size = marshal.loads(message)
            test_process.compiled = load(code, size)
            import_quietly(modules)
            _settle()
            write(fd, reply_bytes(READY, 0, 0, 0))
        elif request == KEEP:
            import_quietly(marshal.loads(message))
            _settle()
            write(fd, reply_bytes(KEEP, 0, 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
        else:
            os._exit(0)


def import_quietly(names: Iterable[str]) -> None:
    for name in names:
        try:
            __import__(name)
        except BaseException:  # the program will meet the same, SystemExit too, where it can be reported
            pass


def _settle() -> None:
    """Leave to the collector of a test process what it makes itself."""
    gc.collect()
    gc.freeze()
    gc.collect(0)  # sets the counter back: a test process that is above it would begin with a collection


def _take(*files: int) -> list[int]:
    """Renumber these descriptors from 3 on, and close all others."""
    places = {fd: place for place, fd in enumerate(sorted(files), 3)}
    for fd, place in places.items():
        if fd != place:
            os.dup2(fd, place)
    os.closerange(3 + len(files), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return [places[fd] for fd in files]
