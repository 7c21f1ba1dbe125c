"""Zygotes: the processes that test processes are forked from.

A fork shares every page until one side writes to it; each such write then costs a fault of 2 µs. So forks are left to
processes that do next to nothing else. What the runner does meanwhile costs no test a fault, and no test finds any of
it in its memory.

Each holds a fixed set of modules (``ahead``), imported when it is first needed: what a test process finds depends on
nothing that ran before.

    runner ──▶ zygote                                        zygote ──▶ runner
    wake      once, where it was not awake from the start    ready
    test      a Task, with the files of the test process     how the process ended

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
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol

from .kernel import Incoming, fill_holes, flush_streams_of_c, give_back_free_memory, send_with_files, socket_pair
from .rehearsal import rehearse
from .state import State
from .testing import FIRST_FILE, TestProcess

if TYPE_CHECKING:
    from .surroundings import Surroundings
    from .testing import Task

TEST, WAKE, REFUSED = range(3)
REQUEST_BYTES = 256 << 10
FILES = 128
"""Most files with a request. The kernel takes 253."""

_REPLY = struct.Struct("=iidQ")
_PID = struct.Struct("=i")


class Ended(NamedTuple):
    """How a process ended, as wait4 saw it."""

    request: int
    """TEST; WAKE and REFUSED when nothing has ended."""
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

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = frozenset(modules)
        """It holds these, besides what the runner had imported before it started."""
        self._awake = False
        self.bare = 0
        """KiB of memory that it had when it woke."""
        self._named = False
        """The number of the last test process was asked for."""

    def start(self, surroundings: Surroundings, *, awake: bool) -> None:
        """Not done on creation: calling a class would take one level of recursion from the programs."""
        self.fd, theirs = socket_pair()
        self._pids, pids = os.pipe()
        if os.fork() == 0:
            _serve(surroundings, theirs, pids, () if awake else sorted(self.modules))
        os.close(theirs)
        os.close(pids)
        self._awake = awake

    def wake(self) -> bool:
        """Have it import what it holds, and reply when it has; False: it has already."""
        asleep, self._awake = not self._awake, True
        if asleep:
            os.write(self.fd, bytes([WAKE]))
        return asleep

    def woke(self) -> None:
        """It says that it has."""
        self.bare = self.reply().peak

    def test(self, task: Task, files: Sequence[int]) -> None:
        self._named = False
        send_with_files(self.fd, bytes([TEST]) + marshal.dumps(tuple(task)), files)

    def pid(self) -> int | None:
        """Of the process of the last test, to be asked once at most. None: the reply is there, and comes first.

        Nobody may ever tell it: who was to fork may have been refused a process, or have been killed."""
        poll = select.poll()
        poll.register(self._pids, select.POLLIN)
        poll.register(self.fd, select.POLLIN)
        if all(fd != self._pids for fd, _ in poll.poll()):
            return None
        self._named = True
        return _PID.unpack(_read(self._pids, _PID.size))[0]

    def reply(self) -> Ended:
        """The next. Waits for it."""
        ended = Ended(*_REPLY.unpack(_read(self.fd, _REPLY.size)))
        if ended.request == TEST and not self._named:
            _read(self._pids, _PID.size)  # nobody wanted to know it
        return ended


def _read(fd: int, size: int) -> bytes:
    data = os.read(fd, size)
    if not data:
        os._exit(1)
    return data


def _serve(surroundings: Surroundings, fd: int, pids: int, modules: Sequence[str]) -> NoReturn:
    """The process itself. What its loop touches costs faults after every fork: as few objects as possible."""
    surroundings.restore()
    fd, pids, code = _take(fd, pids, surroundings.code)
    incoming = Incoming(fd, REQUEST_BYTES, FILES)
    receive, message = incoming.receive, incoming.data[1:]
    test_process = TestProcess(surroundings, code)
    fork, write, close, wait = os.fork, os.write, os.closerange, os.wait4
    pid_bytes, reply_bytes = _PID.pack, _REPLY.pack
    if modules:
        receive()
    rehearse(test_process)  # before there are exit handlers
    if modules:
        _hold(modules, surroundings, test_process)
        test_process.look()
        write(fd, reply_bytes(WAKE, 0, 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
    _settle()
    test_process.make_module()  # which the collector of a test process has to find, and the mark
    test_process.ending.begin()
    while True:
        receive()
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


def import_quietly(names: Iterable[str]) -> None:
    for name in names:
        try:
            __import__(name)
        except BaseException:  # the program will meet the same, SystemExit too, where it can be reported
            pass


def _hold(modules: Sequence[str], surroundings: Surroundings, test_process: TestProcess) -> None:
    """Import, and put back whatever else each of them changes: what it prints, too."""
    import contextvars  # only here: a shared object that every fork of the smallest would have to copy

    state = State()
    for module in modules:
        sys.path[:] = surroundings.library
        contextvars.copy_context().run(import_quietly, [module])
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            try:
                stream.flush()  # pyright: ignore[reportOptionalMemberAccess]
            except BaseException:  # whatever a package has put there
                pass
        flush_streams_of_c()
        state.put_back()
    test_process.open_streams()
    if (numpy := sys.modules.get("numpy.random")) is not None:
        test_process.reseed.append(numpy.seed)
    os.closerange(FIRST_FILE, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _settle() -> None:
    """Leave to the collector of a test process what it makes itself."""
    gc.collect()
    give_back_free_memory()
    fill_holes()
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
