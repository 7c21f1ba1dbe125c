"""The system-call filters of the jail, built on the trusted side as classic BPF programs.

Two are stacked. The large one is an allow-list, installed once by the runner and inherited by everything it forks: what
computing, files, threads, timers and waiting need; the rest fails with EPERM, so that a program that tries is a program
that crashed, not a broken judge. The small one is added by each test process, because installing costs time in
proportion to length (0.2 ms against 0.02 ms): it takes away what only the runner needs. Calls whose danger is in an
argument have a rule.

    both    clone3        ENOSYS, so that libc falls back to clone, whose flags a filter can read
            clone         no new namespaces
            fcntl         no owner, signal, lease or notification (they deliver signals to other processes)
            ioctl         questions about terminals and readable bytes
            prlimit64     of the caller only
            socketpair    AF_UNIX only (asyncio wakes itself with one); socket itself is not allowed
    tests   clone         threads only
            kill, tgkill  to itself only; the other ways to signal a process are not allowed at all
            prctl         names of threads and mappings
            mmap          no memory that is shared and has no file: no limit would count it
            sendmsg       not at all: a socket that is in its own queue outlives the process, with every file beside it
            memfd_create, pidfd_open, sched_setaffinity   not at all

Executing is not on the list, except where programs are executables (see kinds). There a test process executes one file,
once: by a descriptor too high for the program to have it again, and an empty name at an address that the program cannot
map again. A second call fails whatever its arguments. Compilers, which start processes, may execute and fork; what a
test loses then is little, and the jail around them holds sources and nothing else.
"""

from __future__ import annotations

import errno
import platform
import struct

from .errors import SandboxError
from .kinds import Starts

_PLAIN: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "stat": (4, None), "lstat": (6, None),
    "newfstatat": (262, 79), "statx": (332, 291), "poll": (7, None), "ppoll": (271, 73), "lseek": (8, 62), "mmap":
    (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "msync": (26, 227), "madvise": (28,
    233), "mincore": (27, 232), "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136), "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130,
    133), "sigaltstack": (131, 132), "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65), "writev": (20,
    66), "preadv": (295, 69), "pwritev": (296, 70), "preadv2": (327, 286), "pwritev2": (328, 287), "access": (21,
    None), "faccessat": (269, 48), "faccessat2": (439, 439), "pipe": (22, None), "pipe2": (293, 59), "select": (23,
    None), "pselect6": (270, 72), "sched_yield": (24, 124), "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "pause": (34, None), "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "getitimer": (36, 102), "setitimer":
    (38, 103), "alarm": (37, None), "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "getuid":
    (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148),
    "getresgid": (120, 150), "getgroups": (115, 158), "getpgrp": (111, None), "getpgid": (121, 155), "getsid": (124,
    156), "sendfile": (40, 71), "copy_file_range": (326, 285), "splice": (275, 76), "exit": (60, 93), "exit_group":
    (231, 94), "wait4": (61, 260), "waitid": (247, 95), "uname": (63, 160), "flock": (73, 32), "fsync": (74, 82),
    "fdatasync": (75, 83), "sync_file_range": (277, 84), "truncate": (76, 45), "ftruncate": (77, 46), "getdents":
    (78, None), "getdents64": (217, 61), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "rename": (82,
    None), "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84,
    None), "creat": (85, None), "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263,
    35), "symlink": (88, None), "symlinkat": (266, 36), "readlink": (89, None), "readlinkat": (267, 78), "chmod":
    (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "utime": (132, None), "utimes": (235, None), "utimensat":
    (280, 88), "futimesat": (261, None), "umask": (95, 166), "gettimeofday": (96, 169), "getrlimit": (97, 163),
    "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153), "statfs": (137, 43), "fstatfs": (138, 44),
    "fallocate": (285, 47), "fadvise64": (221, 223), "readahead": (187, 213), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "sched_rr_get_interval": (148, 127), "sched_getaffinity": (204, 123), "getpriority": (140, 141), "time": (201,
    None), "futex": (202, 98), "futex_waitv": (449, 449), "set_tid_address": (218, 96), "set_robust_list": (273,
    99), "get_robust_list": (274, 100), "restart_syscall": (219, 128), "timer_create": (222, 107), "timer_settime":
    (223, 110), "timer_gettime": (224, 108), "timer_getoverrun": (225, 109), "timer_delete": (226, 111),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "epoll_create": (213, None), "epoll_create1": (291,
    20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22), "epoll_pwait2": (441, 441),
    "open": (2, None), "openat": (257, 56), "eventfd": (284, None), "eventfd2": (290, 19), "timerfd_create": (283,
    85), "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87), "getrandom": (318, 278), "membarrier": (324,
    283), "rseq": (334, 293), "getcpu": (309, 168), "close_range": (436, 436), "arch_prctl": (158, None),
    "signalfd": (282, None), "signalfd4": (289, 74), "sendto": (44, 206), "recvfrom": (45, 207), "shutdown": (48,
    210), "getsockopt": (55, 209), "getsockname": (51, 204), "getpeername": (52, 205),
    "recvmsg": (47, 212), "mlock": (149, 228), "munlock": (150, 229), "setrlimit": (160, 164),
}  # fmt: skip
"""Calls allowed with any argument: number on x86_64, number on aarch64."""

_RULED: dict[str, tuple[int | None, int | None]] = {
    "tgkill": (234, 131), "kill": (62, 129), "clone": (56, 220), "clone3": (435, 435), "prctl": (157, 167), "ioctl":
    (16, 29), "fcntl": (72, 25), "prlimit64": (302, 261), "socketpair": (53, 199),
    "sendmsg": (46, 211), "memfd_create": (319, 279), "mmap": (9, 222), "mremap": (25, 216), "pidfd_open": (434, 434),
    "sched_setaffinity": (203, 122), "execveat": (322, 281), "execve": (59, 221), "fork": (57, None), "vfork": (58,
    None), "setpgid": (109, 154),
}  # fmt: skip

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)  # F_DUPFD ... F_SETLKW, open-file locks, F_GETPIPE_SZ
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_PRCTL = (15, 16, 0x53564D41)  # PR_SET_NAME PR_GET_NAME PR_SET_VMA
_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020080
_AF_UNIX = 1
_SHARED_MEMORY = 0x21  # MAP_SHARED | MAP_ANONYMOUS
_GROWS_DOWN = 0x100  # MAP_GROWSDOWN
_REMAP_FIXED = 2  # MREMAP_FIXED
_EMPTY_PATH = 0x1000  # AT_EMPTY_PATH
EXECUTABLE_FD = 1023
"""Where a test process holds the file that it executes; the same constant is in inside/executable.py, as the next."""
EXECUTABLE_NAME = 0x10000
"""Address of the empty name that it is executed by."""

# Instructions of classic BPF and answers of seccomp, from linux/bpf_common.h and linux/seccomp.h.
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _JUMP, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x05, 0x06
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
PID = 0xFEEDF11D
"""Stands for the process's own pid, which is only known after the fork."""


class Filter:
    """``code``: the program; ``pid_slots``: offsets in it where a test process writes its own pid."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        self.pid_slots = [at + 4 for at in range(0, len(code), 8) if struct.unpack_from("=I", code, at + 4)[0] == PID]


def runner_filter(machine: str | None = None, starts: Starts = "nothing") -> Filter:
    """The allow-list of a jail whose tests start so much. Raises SandboxError where the call numbers are not known."""
    column, audit = _architecture(machine)
    numbers = sorted(n for row in _PLAIN.values() if (n := row[column]) is not None)
    code = _step(_LOAD, _ARCH) + _step(_EQUAL, audit, 1, 0) + _step(_RETURN, _KILL) + _step(_LOAD, _NUMBER)
    code += _rules(column, _RUNNER_RULES | dict.fromkeys(_STARTING[starts], _ALLOWED))
    # x32 numbers lie above all of these and are denied with the rest
    return Filter(code + _search(_ranges(numbers), _ALLOWED, _DENIED))


def program_filter(machine: str | None = None, starts: Starts = "nothing") -> Filter:
    """What a test process loses on top. The allow-list below it has already checked the architecture."""
    column, _ = _architecture(machine)
    return Filter(_step(_LOAD, _NUMBER) + _rules(column, _TESTS[starts]) + _ALLOWED)


def _architecture(machine: str | None) -> tuple[int, int]:
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        raise SandboxError(f"no system-call filter for {machine} processors: known are {', '.join(_ARCHITECTURES)}")
    return _ARCHITECTURES[machine]


def _rules(column: int, rules: dict[str, bytes]) -> bytes:
    numbered = ((_RULED[name][column], rule) for name, rule in rules.items())
    return b"".join(_step(_EQUAL, at, 0, len(rule) // 8) + rule for at, rule in numbered if at is not None)


def _step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, value)


def _one_of(values: tuple[int, ...]) -> bytes:
    """Jump over the instruction that follows when the loaded word is one of ``values``."""
    return b"".join(_step(_EQUAL, value, len(values) - at, 0) for at, value in enumerate(values))


def _all_of(*conditions: tuple[int, int]) -> bytes:
    """Allow when every (place in the call's data, word) holds, else deny."""
    steps = [
        _step(_LOAD, place) + _step(_EQUAL, word, 0, 2 * (len(conditions) - at) - 1)
        for at, (place, word) in enumerate(conditions)
    ]
    return b"".join(steps) + _ALLOWED + _DENIED


def _not_near_the_name(argument: int) -> bytes:
    """Deny when the argument, an address, is at EXECUTABLE_NAME or below, but not 0, which leaves the choice."""
    low, high = _ARGUMENTS + 8 * argument, _ARGUMENTS + 8 * argument + 4
    return (
        _step(_LOAD, high)
        + _step(_EQUAL, 0, 0, 4)
        + _step(_LOAD, low)
        + _step(_EQUAL, 0, 2, 0)
        + _step(_AT_LEAST, EXECUTABLE_NAME + 1, 1, 0)
        + _DENIED
    )


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """[1, 2, 3, 7] -> [(1, 4), (7, 8)]"""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
    return found


def _search(ranges: list[tuple[int, int]], allow: bytes, deny: bytes) -> bytes:
    """A binary search: the kernel walks the filter for every call number when it is installed, once a test."""
    if len(ranges) == 1:
        start, end = ranges[0]
        return _step(_AT_LEAST, start, 0, 1) + _step(_AT_LEAST, end, 0, 1) + deny + allow
    middle = len(ranges) // 2
    left, right = _search(ranges[:middle], allow, deny), _search(ranges[middle:], allow, deny)
    return _step(_AT_LEAST, ranges[middle][0], 0, 1) + _step(_JUMP, len(left) // 8) + left + right


_ALLOWED, _DENIED = _step(_RETURN, _ALLOW), _step(_RETURN, _ERRNO | errno.EPERM)
_FIRST, _SECOND, _FOURTH = (_step(_LOAD, _ARGUMENTS + 8 * place) for place in (0, 1, 3))

_RUNNER_RULES = {
    "clone3": _step(_RETURN, _ERRNO | errno.ENOSYS),
    "clone": _FIRST + _step(_ANY_BIT, _CLONE_NEW, 0, 1) + _DENIED + _ALLOWED,
    "prlimit64": _FIRST + _one_of((0,)) + _DENIED + _ALLOWED,
    "socketpair": _FIRST + _one_of((_AF_UNIX,)) + _DENIED + _ALLOWED,
    "fcntl": _SECOND + _one_of(_FCNTL) + _DENIED + _ALLOWED,
    "ioctl": _SECOND + _one_of(_IOCTL) + _DENIED + _ALLOWED,
    "kill": _ALLOWED,
    "tgkill": _ALLOWED,
    "prctl": _ALLOWED,
    "sendmsg": _ALLOWED,
    "memfd_create": _ALLOWED,
    "pidfd_open": _ALLOWED,
    "sched_setaffinity": _ALLOWED,
}

_TEST_RULES = {
    "clone": _FIRST + _step(_ANY_BIT, _CLONE_THREAD, 1, 0) + _DENIED + _ALLOWED,
    "kill": _FIRST + _one_of((PID,)) + _DENIED + _ALLOWED,
    "tgkill": _FIRST + _one_of((PID,)) + _DENIED + _ALLOWED,
    "prctl": _FIRST + _one_of(_PRCTL) + _DENIED + _ALLOWED,
    "mmap": _FOURTH + _step(_AND, _SHARED_MEMORY) + _step(_EQUAL, _SHARED_MEMORY, 0, 1) + _DENIED + _ALLOWED,
    "sendmsg": _DENIED,
    "memfd_create": _DENIED,
    "pidfd_open": _DENIED,
    "sched_setaffinity": _DENIED,
}

_EXECUTABLE_RULES = _TEST_RULES | {
    "execveat": _all_of(
        (_ARGUMENTS, EXECUTABLE_FD),
        (_ARGUMENTS + 12, 0),
        (_ARGUMENTS + 8, EXECUTABLE_NAME),
        (_ARGUMENTS + 32, _EMPTY_PATH),
    ),
    "mmap": _FOURTH
    + (_step(_ANY_BIT, _GROWS_DOWN, 0, 1) + _DENIED)
    + (_step(_AND, _SHARED_MEMORY) + _step(_EQUAL, _SHARED_MEMORY, 0, 1) + _DENIED)
    + (_not_near_the_name(0) + _ALLOWED),
    "mremap": _FOURTH + _step(_ANY_BIT, _REMAP_FIXED, 0, 6) + _not_near_the_name(4) + _ALLOWED,
}

_STARTING: dict[Starts, tuple[str, ...]] = {
    "nothing": (),
    "program": ("execveat",),
    "processes": ("execveat", "execve", "fork", "vfork", "setpgid"),
}
"""What the allow-list has besides."""

_TESTS: dict[Starts, dict[str, bytes]] = {
    "nothing": _TEST_RULES,
    "program": _EXECUTABLE_RULES,
    "processes": {
        "sendmsg": _DENIED,
        "memfd_create": _DENIED,
        "pidfd_open": _step(_RETURN, _ERRNO | errno.ENOSYS),
        "sched_setaffinity": _DENIED,
    },
}
