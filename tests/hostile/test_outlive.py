"""What a process holds, ends with it: no file, memory, lock or buffer of a program outlives its process.

What could be kept elsewhere (in a socket's own queue, with the kernel, with another process) is refused. All else is
held here, and the next program finds the room that the one before had.
"""

from __future__ import annotations

import errno

import pytest

from microcoder.evaluator import Submission

from .test_escape import TRY

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOK = """
import fcntl, os
for folder in ("/tmp", "/work"):
    room = os.statvfs(folder)
    print(room.f_bfree, room.f_ffree, os.listdir(folder), os.stat(folder).st_nlink, os.stat(folder).st_size)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""

HOLD = f"""{TRY}
import array, os, select, struct
def file(folder, n):
    handle = os.open(f"{{folder}}/f{{n}}", os.O_RDWR | os.O_CREAT)
    os.unlink(f"{{folder}}/f{{n}}")
    os.posix_fallocate(handle, 0, 8 << 20)
    return handle
files = [file(folder, n) for folder in ("/tmp", "/work") for n in range(7)]
"""

REFUSED = {
    **{
        f"a socket of kind {kind} in its own queue": f"""
one, other = socket.socketpair(socket.AF_UNIX, socket.{kind})
rights = array.array("i", [*files, other.fileno(), one.fileno()])
attempt(one.sendmsg, [b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
attempt(one.sendmsg, [b"x"])
"""
        for kind in ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET")
    },
    "several messages at once": "call('sendmmsg', 307, 269, socket.socketpair()[0].fileno())",
    "rings": "call('io_uring_setup', 425, 425, 8)\ncall('io_uring_register', 427, 427, 3, 2)\ncall('io_setup', 206, 0, 8)",
    "shared memory, semaphores and queues of System V": """
call('shmget', 29, 194, 1, 4096, 0o1600)
call('semget', 64, 190, 1, 1, 0o1600)
call('msgget', 68, 186, 1, 0o1600)
""",
    "queues of POSIX": "name = ctypes.create_string_buffer(b'q')\n"
    "call('mq_open', 240, 180, ctypes.addressof(name), 0o102, 0o600, 0)",
    "keys": "call('add_key', 248, 217)\ncall('keyctl', 250, 219)\ncall('request_key', 249, 218)",
    "watches": "call('inotify_init', 253, None)\ncall('inotify_init1', 294, 26)\ncall('fanotify_init', 300, 262)\n"
    "call('userfaultfd', 323, 282)",
    "notices and leases": """
for folder in ("/tmp", "/work"):
    attempt(fcntl.fcntl, os.open(folder, os.O_RDONLY), fcntl.F_NOTIFY, 0x8000003F)
for handle in files:
    attempt(fcntl.fcntl, handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
""",
    "larger pipes": "attempt(fcntl.fcntl, os.pipe()[1], 1031, 1 << 20)",
    "pages given to pipes": "call('vmsplice', 278, 75, os.pipe()[1])\ncall('tee', 276, 77, os.pipe()[0], os.pipe()[1])",
    "memory with a descriptor": """
attempt(os.memfd_create, "x")
call('memfd_create', 319, 279)
call('memfd_secret', 447, 447)
attempt(mmap.mmap, -1, 4096)
""",
    "descriptors of other processes": "call('pidfd_open', 434, 434, 1)\ncall('pidfd_getfd', 438, 438, 0, 0)",
    "handles of files": "call('name_to_handle_at', 303, 264)\ncall('open_by_handle_at', 304, 265)",
    "mounts": "call('mount', 165, 40)\ncall('fsopen', 430, 430)\ncall('open_tree', 428, 428)\ncall('unshare', 272, 97, 0x20000)",
    "attributes": """
for path in ("/tmp", "/work", *files):
    attempt(os.setxattr, path, "user.note", b"x")
for handle in (*files, os.open("/tmp", os.O_RDONLY), os.open("/work", os.O_RDONLY)):
    attempt(fcntl.ioctl, handle, 0x40086602, struct.pack("l", 0x20))  # FS_IOC_SETFLAGS: only appending
""",
    "names for sockets": """
for name in ("\\0other", "/tmp/other"):
    attempt(socket.socketpair()[0].bind, name)
""",
}
"""Prints nothing: every call is refused."""

HELD = {
    "open files": "print(len(files))",
    "files without a name": "files += [os.open(d, os.O_TMPFILE | os.O_RDWR) for d in ('/tmp', '/work')]\n"
    "for handle in files[-2:]: os.write(handle, bytes(1 << 20))\nprint(len(files))",
    "mapped files": """
maps = [mmap.mmap(handle, 8 << 20) for handle in files]
for each in maps: each[:4096] = bytes(4096)
for handle in files: os.close(handle)
print(len(maps))
""",
    "locks": """
for handle in (*files, *(os.open(d, os.O_RDONLY) for d in ("/tmp", "/work"))):
    fcntl.flock(handle, fcntl.LOCK_EX)
for handle in (0, 1, 2, *files[::2]):
    fcntl.fcntl(handle, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
for handle in files[1::2]:
    fcntl.lockf(handle, fcntl.LOCK_EX)
print(len(files))
""",
    "pages of files in pipes": """
pipes = [os.pipe() for _ in files]
for handle, (_, sink) in zip(files, pipes):
    os.splice(handle, sink, 65536, offset_src=0)
    os.close(handle)
print(len(pipes))
""",
    "pages of files in sockets": """
pairs = [socket.socketpair() for _ in files]
for handle, (one, _) in zip(files, pairs):
    one.setblocking(False)
    os.sendfile(one.fileno(), handle, 0, 65536)
    os.close(handle)
print(len(pairs))
""",
    "polls in polls": """
polls = [select.epoll() for _ in range(5)]
for outer, inner in zip(polls, polls[1:]):
    outer.register(inner.fileno())
counter = ctypes.CDLL(None).eventfd(7, 0)
polls[-1].register(counter)
one, other = socket.socketpair()
polls[-1].register(one)
print(len(polls))
""",
    "files mapped by threads that never end": """
import threading
maps = [mmap.mmap(handle, 8 << 20) for handle in files]
for _ in range(4):
    threading.Thread(target=lambda: [each.find(b"x") for _ in iter(int, 1) for each in maps], daemon=True).start()
print(len(maps))
""",
}
"""Prints how many things are held."""


@pytest.mark.parametrize("end", ["", "\nsys.stdout.flush()\nos.kill(os.getpid(), 9)"], ids=["ends", "is killed"])
@pytest.mark.parametrize("what", [*REFUSED, *HELD])
async def test_what_a_process_holds_ends_with_it(arena, what, end):
    limits = {"file_size": 9 << 20, "cpu_time": 5, "open_files": 128}
    before = await arena.run(LOOK, **limits)
    assert before.exit_code == 0, before.stderr
    attack = arena.problem(("", "nothing of the kind"), **limits)
    report = await arena.evaluator.evaluate(attack, HOLD + (REFUSED | HELD)[what] + end)
    after = await arena.run(LOOK, **limits)  # at once: nothing else has run meanwhile
    assert (after.exit_code, after.stdout) == (before.exit_code, before.stdout), after.stderr
    (test,) = report.tests
    assert (test.exit_code, test.signal) == ((None, 9) if end else (0, None)), test.stderr
    assert ((test.stdout or "").strip() == "") == (what in REFUSED), test.stdout


async def test_an_executable_sends_no_descriptor(arena, cpp):
    source = """
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/socket.h>
int main() {
    int pair[2], file = fileno(tmpfile());
    char data = 0, control[CMSG_SPACE(2 * sizeof(int))] = {};
    iovec vector = {&data, 1};
    msghdr message = {nullptr, 0, &vector, 1, control, sizeof control, 0};
    cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET; head->cmsg_type = SCM_RIGHTS; head->cmsg_len = CMSG_LEN(2 * sizeof(int));
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    memcpy(CMSG_DATA(head), &pair[1], sizeof(int)); memcpy(CMSG_DATA(head) + sizeof(int), &file, sizeof(int));
    long sent = sendmsg(pair[0], &message, 0);
    printf("%ld %d", sent, errno);
}
"""
    result = await arena.run(Submission(code=source, language="cpp"), compile_time=60)
    assert result.stdout == f"-1 {errno.EPERM}", result


async def test_programs_wake_their_loops_as_ever(arena):
    """What asyncio needs of sockets: a pair of its own, and a byte through it."""
    report = await arena.judge(
        """
import asyncio, threading
async def main():
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set,)).start()
    await woken.wait()
    return await asyncio.to_thread(lambda: sum(map(int, input().split())))
print(asyncio.run(main()))
"""
    )
    assert report.accepted, report.message
