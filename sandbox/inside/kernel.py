"""What the standard library has no call for, and the limits."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Sequence

PR_SET_PDEATHSIG, PR_GET_KEEPCAPS, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 7, 22, 38
SOCK_STREAM, SOCK_SEQPACKET = 1, 5
"""Bytes; messages, which are kept apart."""
THREAD_STACK = 8 << 20
STACK = 1 << 30
"""Bytes that the stack of a main thread may grow to."""

_CEILINGS = {
    which: resource.getrlimit(which)[1]
    for which in (
        resource.RLIMIT_AS,
        resource.RLIMIT_CORE,
        resource.RLIMIT_CPU,
        resource.RLIMIT_DATA,
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_MEMLOCK,
        resource.RLIMIT_NOFILE,
        resource.RLIMIT_NPROC,
        resource.RLIMIT_STACK,
    )
}

_PROCESSORS = os.sched_getaffinity(0)

_libc = ctypes.CDLL(None, use_errno=True)
_processor = getattr(_libc, "sched_getcpu", None)  # None: not glibc


def prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero):
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def drop_capabilities() -> None:
    """Those that can be inherited; a change of user has cleared the others."""
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    if _libc.capset(ctypes.c_char_p(header), ctypes.c_char_p(none)):
        raise OSError(ctypes.get_errno(), "capset was refused")


class Filter:
    """A seccomp filter, ready to be installed with as little as possible left to do."""

    def __init__(self, code: bytes, pid_slots: list[int]) -> None:
        self._code = (ctypes.c_char * len(code)).from_buffer_copy(code)
        self._pid_slots = pid_slots
        self.option = PR_SET_SECCOMP
        """What prctl is told. A rehearsal of the zygote tells it something else."""
        header = struct.pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(self._code))
        self._arguments = ctypes.c_char_p(header), ctypes.c_ulong(0), ctypes.c_ulong(0)

    def install(self) -> None:
        """For the calling process and everything it starts. The slots are where the filter compares with its pid."""
        for slot in self._pid_slots:
            struct.pack_into("=I", self._code, slot, os.getpid())
        if _libc.prctl(self.option, 2, *self._arguments):
            raise OSError(ctypes.get_errno(), "the system-call filter was refused")


def socket_pair(kind: int = SOCK_SEQPACKET) -> tuple[int, int]:
    """Two ends, of such sockets. Without the module socket, which every fork would have to copy."""
    ends = (ctypes.c_int * 2)()
    if _libc.socketpair(1, kind, 0, ends):  # AF_UNIX
        raise OSError(ctypes.get_errno(), "socketpair was refused")
    return ends[0], ends[1]


_MESSAGE = struct.Struct("=QQQQQQQ")  # struct msghdr, and its msg_controllen
_CONTROL_SIZE = 40
_CONTROL = struct.Struct("=Qii")  # struct cmsghdr


class _Message:
    """A message of bytes and descriptors, to be sent or received."""

    def __init__(self, fd: int, size: int, files: int) -> None:
        self.data = ctypes.create_string_buffer(size)
        self.control = ctypes.create_string_buffer(_CONTROL.size + 4 * files)
        self._vector = (ctypes.c_uint64 * 2)(ctypes.addressof(self.data), size)
        fields = 0, 0, ctypes.addressof(self._vector), 1, ctypes.addressof(self.control), len(self.control), 0
        self.header = ctypes.create_string_buffer(_MESSAGE.pack(*fields), _MESSAGE.size)
        self.arguments = ctypes.c_int(fd), self.header, ctypes.c_int(0)


def send_with_files(fd: int, data: bytes, files: Sequence[int]) -> None:
    """One message with descriptors, as SCM_RIGHTS."""
    message = _Message(fd, len(data), len(files))
    message.data.raw = data
    message.control.raw = _CONTROL.pack(len(message.control), 1, 1) + struct.pack(f"={len(files)}i", *files)
    if _libc.sendmsg(*message.arguments) < 0:
        raise OSError(ctypes.get_errno(), "sendmsg failed")


class Incoming:
    """Room for messages with descriptors, which get the lowest numbers that are free."""

    def __init__(self, fd: int, size: int, files: int) -> None:
        message = _Message(fd, size, files)
        self.data = memoryview(message.data).cast("B")
        self._arguments = message.arguments
        self._control_size = ctypes.c_size_t.from_buffer(message.header, _CONTROL_SIZE)
        self._most = len(message.control)
        self._keep = message
        self._call = _libc.recvmsg  # found here, and not when a test process may see it come

    def receive(self) -> None:
        """The next message, to the start of ``data``. The process ends with the other end."""
        self._control_size.value = self._most
        if self._call(*self._arguments) <= 0:
            os._exit(0)


def within_ceiling(which: int, value: int) -> int:
    """A resource limit, never above the ceiling that this process may go to."""
    ceiling = _CEILINGS[which]
    return value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)


def cpu_backstop(seconds: float) -> int:
    """RLIMIT_CPU for a test that has so many seconds. It only stops what the runner, which reads the exact clock, was
    kept from stopping: the kernel counts in ticks here, on a loaded machine tens of per cent too many."""
    return 2 * int(seconds + 0.999) + 1


def limit(which: int, value: int, *, hard: bool = True) -> None:
    """Lower a resource limit."""
    value = within_ceiling(which, value)
    if hard:
        _CEILINGS[which] = value
    resource.setrlimit(which, (value, _CEILINGS[which]))


def die_of_sigprof() -> None:
    """Let SIGPROF end the process with its number as the exit code, even inside a long call of C code."""
    _libc.signal(signal.SIGPROF, _libc._exit)


def give_back_free_memory() -> None:
    """Pages that are free but mapped would be copied by every fork."""
    try:
        _libc.malloc_trim(ctypes.c_size_t(0))
    except AttributeError:
        pass  # not glibc


_ROOM = 96 << 10
"""Bytes that a fork may allocate before it asks the kernel for more."""


class _Mallinfo(ctypes.Structure):
    """struct mallinfo2. ``keepcost``: bytes that are free behind all that is in use."""

    _fields_ = [(name, ctypes.c_size_t) for name in "1 2 3 4 5 6 7 8 9 keepcost".split()]


def fill_holes() -> None:
    """Take what is free between what is in use. What a fork allocates lies side by side then, in few pages; it would
    copy a page for each piece, and for each that it only puts in order."""
    try:
        malloc, free, end, info = _libc.malloc, _libc.free, _libc.sbrk, _libc.mallinfo2
    except AttributeError:
        return  # not glibc, or an old one
    malloc.restype = end.restype = ctypes.c_void_p
    malloc.argtypes, free.argtypes, info.restype = [ctypes.c_size_t], [ctypes.c_void_p], _Mallinfo

    def in_a_hole(size: int) -> bool:
        behind = end(0) - info().keepcost
        return malloc(size) < behind

    for size in (*(1 << power for power in range(16, 10, -1)), *range(1032, 8, -16)):
        while in_a_hole(size):
            pass
    free(malloc(_ROOM))


def flush_streams_of_c() -> None:
    """What the C library holds back would be written by every fork."""
    _libc.fflush(None)


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


def stay() -> None:
    """Keep the calling process on the processor that it is on, where that can be."""
    if _processor is None:
        return
    try:
        os.sched_setaffinity(0, {_processor()})
    except OSError:  # a host that does not have it
        pass


def follow(pid: int) -> None:
    """Have the calling process use the processors that another one may use."""
    try:
        os.sched_setaffinity(0, os.sched_getaffinity(pid))
    except OSError:  # it has ended, or see stay
        pass


def spread(*pids: int) -> None:
    """Let these processes use every processor that this one could use at its start. 0: the calling process."""
    for pid in pids:
        try:
            os.sched_setaffinity(pid, _PROCESSORS)
        except OSError:
            pass


def size_of(fd: int) -> int:
    """Bytes in the file; 0 when the descriptor is closed."""
    try:
        return os.fstat(fd).st_size
    except OSError:
        return 0
