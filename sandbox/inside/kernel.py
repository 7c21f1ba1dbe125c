"""What the standard library has no call for, and the limits."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
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
        resource.RLIMIT_NOFILE,
        resource.RLIMIT_NPROC,
        resource.RLIMIT_STACK,
    )
}

_libc = ctypes.CDLL(None, use_errno=True)


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
        header = struct.pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(self._code))
        self._arguments = ctypes.c_char_p(header), ctypes.c_ulong(0), ctypes.c_ulong(0)

    def install(self) -> None:
        """For the calling process and everything it starts. The slots are where the filter compares with its pid."""
        for slot in self._pid_slots:
            struct.pack_into("=I", self._code, slot, os.getpid())
        if _libc.prctl(PR_SET_SECCOMP, 2, *self._arguments):
            raise OSError(ctypes.get_errno(), "the system-call filter was refused")


def limit(which: int, value: int, *, hard: bool = True) -> None:
    """Lower a resource limit; never above the ceiling that this process started with."""
    ceiling = _CEILINGS[which]
    value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    resource.setrlimit(which, (value, value if hard else ceiling))


def die_of_sigprof() -> None:
    """Let SIGPROF end the process with its number as the exit code, even inside a long call of C code."""
    _libc.signal(signal.SIGPROF, _libc._exit)


def give_back_free_memory() -> None:
    """Pages that are free but mapped would be copied by every fork."""
    try:
        _libc.malloc_trim(ctypes.c_size_t(0))
    except AttributeError:
        pass  # not glibc


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


def size_of(fd: int) -> int:
    """Bytes in the file; 0 when the descriptor is closed."""
    try:
        return os.fstat(fd).st_size
    except OSError:
        return 0
