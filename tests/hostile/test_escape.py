"""Nothing of the host is in reach: no file, no socket, no privilege, no dangerous system call.

What a program can see is asked from inside; what it is (capabilities, namespaces, descriptors) is read on the host's
/proc while it runs, where it cannot lie.
"""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import socket
import sys
from pathlib import Path

import pytest

from microcoder.evaluator import Evaluator
from microcoder.evaluator.status import Status
from microcoder.sandbox.launcher import ENVIRONMENT

from ..events import PATIENT, TELLS, running_in, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

TRY = """
import ctypes, errno, fcntl, mmap, os, platform, resource, signal, socket, stat, sys
libc = ctypes.CDLL(None, use_errno=True)

def attempt(what, *arguments, **named):
    try:
        value = what(*arguments, **named)
    except (OSError, ValueError):
        return
    print("went through:", getattr(what, "__name__", what), arguments[:2], value)

def call(name, x86_64, aarch64, *arguments):
    number = {"x86_64": x86_64, "aarch64": aarch64}[platform.machine()]
    if number is not None:
        value = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, (*arguments, *[0] * (6 - len(arguments)))))
        if value != -1 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            print("went through:", name, value, errno.errorcode.get(ctypes.get_errno()))
"""

CALLS = """
mount 165 40; umount2 166 39; pivot_root 155 41; chroot 161 51; unshare 272 97; setns 308 268; open_tree 428 428;
move_mount 429 429; fsopen 430 430; fsconfig 431 431; fsmount 432 432; fspick 433 433; mount_setattr 442 442;
statmount 457 457; listmount 458 458; swapon 167 224; swapoff 168 225; quotactl 179 60; quotactl_fd 443 443;
ptrace 101 117; process_vm_readv 310 270; process_vm_writev 311 271; process_madvise 440 440; kcmp 312 272;
process_mrelease 448 448; pidfd_open 434 434; pidfd_getfd 438 438; pidfd_send_signal 424 424;
tkill 200 130; rt_sigqueueinfo 129 138; rt_tgsigqueueinfo 297 240; execve 59 221; execveat 322 281; fork 57 None;
vfork 58 None; clone3 435 435; setsid 112 157; setpgid 109 154;
bpf 321 280; keyctl 250 219; add_key 248 217; request_key 249 218; perf_event_open 298 241; userfaultfd 323 282;
io_uring_setup 425 425; io_uring_enter 426 426; io_uring_register 427 427; io_setup 206 0; io_submit 209 2;
seccomp 317 277; personality 135 92; landlock_create_ruleset 444 444; lsm_set_self_attr 460 460;
setuid 105 146; setgid 106 144; setreuid 113 145; setregid 114 143; setresuid 117 147; setresgid 119 149;
setgroups 116 159; setfsuid 122 151; setfsgid 123 152; capset 126 91; chown 92 None; fchown 93 55; lchown 94 None;
fchownat 260 54; mknod 133 None; mknodat 259 33; setxattr 188 5; fsetxattr 190 7; lsetxattr 189 6;
open_by_handle_at 304 265; name_to_handle_at 303 264; fanotify_init 300 262; inotify_init1 294 26;
kexec_load 246 104; kexec_file_load 320 294; init_module 175 105; finit_module 313 273; delete_module 176 106;
reboot 169 142; sethostname 170 161; setdomainname 171 162; settimeofday 164 170; clock_settime 227 112;
adjtimex 159 171; clock_adjtime 305 266; acct 163 89; syslog 103 116; vhangup 153 58; iopl 172 None; ioperm 173 None;
modify_ldt 154 None; uselib 134 None; shmget 29 194; shmat 30 196; semget 64 190; msgget 68 186; mq_open 240 180;
memfd_create 319 279; memfd_secret 447 447; remap_file_pages 216 234; mbind 237 235; migrate_pages 256 238;
move_pages 279 239; set_mempolicy 238 237; mlockall 151 230; sched_setaffinity 203 122; sched_setscheduler 144 119;
sched_setparam 142 118; sched_setattr 314 274; setpriority 141 140; ioprio_set 251 30; sync 162 81; syncfs 306 267;
socket 41 198; connect 42 203; bind 49 200; listen 50 201; accept 43 202; accept4 288 242; sendmsg 46 211;
sendmmsg 307 269; recvmmsg 299 243; vmsplice 278 75; tee 276 77; lookup_dcookie 212 18
"""

DENIED = {
    "sockets of every family": """
for family in range(47):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        attempt(socket.socket, family, kind)
        if family != socket.AF_UNIX:
            attempt(socket.socketpair, family, kind)
""",
    "names for a pair of sockets": """
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    for name in (b"\\0other", "/tmp/other"):
        one, other = socket.socketpair(socket.AF_UNIX, kind)
        attempt(one.bind, name)
        attempt(one.connect, name)
        attempt(one.listen)
        attempt(one.accept)
""",
    "dangerous calls": "for line in '''" + CALLS + "'''.split(';'):\n"
    "    name, x, a = line.split()\n    call(name, eval(x), eval(a))",
    "calls through the table of x32": "if platform.machine() == 'x86_64':\n"
    "    for n in (0, 1, 39, 57, 59, 62, 101, 165, 520, 521, 545): call(f'x32 {n}', 0x40000000 | n, None, 0, 0, 0)",
    "unknown calls": "for n in (*range(463, 600), 10_000, 0x7FFFFFFF): call(f'call {n}', n, n)",
    "new namespaces": """
for flag in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    call(f"clone {flag:x}", 56, 220, flag | 17)
    call(f"clone of a thread {flag:x}", 56, 220, flag | 0x10f00)
    call(f"unshare {flag:x}", 272, 97, flag)
""",
    "execution": """
files = [sys.executable, "/inside/main.py", *(os.path.join(p, n) for p, _, names in os.walk("/") for n in names
    if n.startswith(("ld-", "ld.", "python", "libc.so", "bwrap", "nsjail")))]
with open("/tmp/script", "w") as script:
    script.write("#!/bin/sh\\necho ran\\n")
os.chmod("/tmp/script", 0o777)
for file in [*files, "/tmp/script"]:
    attempt(os.execv, file, [file, "-c", "print('ran')"])
    attempt(os.execve, os.open(file, os.O_RDONLY), [file], {})
    attempt(os.posix_spawn, file, [file], {})
    path = ctypes.create_string_buffer(file.encode())
    call("execve", 59, 221, ctypes.addressof(path))
    call("execveat", 322, 281, -100, ctypes.addressof(path))
""",
    "device nodes": """
for kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFREG):
    for number in (os.makedev(1, 1), os.makedev(1, 5), os.makedev(8, 0), os.makedev(5, 0)):
        attempt(os.mknod, f"/tmp/{kind}-{number}", kind | 0o666, number)
attempt(os.mkfifo, "/tmp/fifo")
""",
    "other users": """
for attack in (os.setuid, os.setgid, os.seteuid, os.setegid):
    for number in (0, 1, 65534, os.getuid() + 1):
        attempt(attack, number)
attempt(os.setresuid, 0, 0, 0)
attempt(os.setresgid, 0, 0, 0)
attempt(os.setgroups, [0])
attempt(os.chown, "/tmp", 0, 0)
open("/tmp/mine", "w").close()
attempt(os.chown, "/tmp/mine", 0, 0)
""",
    "set-user-id files": """
open("/tmp/mine", "w").close()
os.chmod("/tmp/mine", 0o6777)
attempt(os.execv, "/tmp/mine", ["x"])
""",
    "higher limits": """
for name in dir(resource):
    if name.startswith("RLIMIT_"):
        which = getattr(resource, name)
        soft, hard = resource.getrlimit(which)
        if hard != resource.RLIM_INFINITY:
            attempt(resource.setrlimit, which, (hard, hard + 1))
            attempt(resource.setrlimit, which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            attempt(resource.prlimit, 0, which, (hard, resource.RLIM_INFINITY))
""",
    "limits of others": """
for pid in (1, os.getppid()):
    for which in range(16):
        attempt(resource.prlimit, pid, which)
        attempt(resource.prlimit, pid, which, (1, 1))
""",
    "process options": """
for option in (*range(1, 15), *range(17, 80), 0x59616d61, 0x4D4D4150):
    if option not in (16, 30, 31):
        call(f"prctl {option}", 157, 167, option, 1)
        call(f"prctl {option}", 157, 167, option, 0, 1)
""",
    "writing on terminals": """
for fd in (0, 1, 2):
    attempt(fcntl.ioctl, fd, 0x5412, b"x")  # TIOCSTI
    attempt(fcntl.ioctl, fd, 0x541C, b"\\3")  # TIOCLINUX
    attempt(fcntl.ioctl, fd, 0x540E, 0)  # TIOCSCTTY
""",
    "paths around the root": """
for path in ("/../../etc/passwd", "/proc/self/root/etc", "/proc/1/root", "/proc/self/environ", "/proc/self/mem",
             "/proc/self/maps", "/proc/self/exe", "/proc/self/cwd", "/proc/self/task", "/proc/1/environ", "/proc/mounts",
             "/proc/cmdline", "/proc/kcore", "/proc/sys/kernel/hostname", "/sys", "/sys/kernel", "/etc/passwd",
             "/etc/hostname", "/etc/resolv.conf", "/var", "/run", "/mnt", "/boot", "/dev/shm", "/dev/mem",
             "/dev/pts", "/dev/tty", "/dev/ptmx", "/dev/zero", "/dev/full", "/dev/kmsg", "/dev/fuse", "/dev/net", "/bin/sh",
             "/usr/bin", "/newroot", "/oldroot", "/.oldroot"):
    attempt(os.stat, path)
""",
}


@pytest.mark.parametrize("attack", DENIED)
async def test_denied(arena, attack):
    result = await arena.run(f"{TRY}{DENIED[attack]}\nprint('denied')", cpu_time=5, memory=512 << 20)
    assert result.stdout == "denied\n", result.stderr


async def test_no_file_of_the_host_can_be_opened(arena, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for folder in (secret, *secret.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/") and folder != Path("/tmp"):
            folder.chmod(0o777)
    paths = [str(secret), f"/proc/self/root{secret}", f"/proc/1/root{secret}", f"/..{secret}", f"/work/../..{secret}"]
    own = [str(Path(__file__)), sys.prefix, str(Path(__file__).parents[1]), "/proc/self/environ"]
    result = await arena.run(f"""
import os
for path in {[*paths, *own]}:
    try:
        os.stat(path)
        print("found", path)
    except OSError:
        pass
for fd in range(1024):
    for path in {[str(secret), str(secret).lstrip("/"), "../" * 9 + str(secret).lstrip("/")]}:
        try:
            os.open(path, os.O_RDONLY, dir_fd=fd)
            print("opened", path, "by", fd)
        except OSError:
            pass
print("nothing")
""")
    assert result.stdout == "nothing\n"


async def test_only_the_interpreter_what_it_reads_and_two_folders_can_be_seen(arena):
    interpreter = arena.evaluator.pool.launcher.interpreter
    result = await arena.run(
        f"shown = {interpreter.locales + interpreter.time_zones}"
        """
import os
one, other = "/de" + "v", "/pr" + "oc"  # without these words the standard streams have no names
print(sorted(os.listdir(one)), sorted(os.listdir(other)), sorted(os.listdir("/tmp") + os.listdir("/work")))
known = "/python/", "/inside/", "/packages/", "/testing/", os.path.join("/work", "main.py"), *shown
others = [os.path.join(path, name) for path, _, names in os.walk("/") for name in names]
print([name for name in others if not name.startswith(known) and ".so" not in name and not name.startswith((one, other))])
print([name for name in others if name.startswith(other) and not os.path.islink(name)])
"""
    )
    assert result.stdout is not None, result.stderr
    seen, unknown, real = result.stdout.splitlines()
    assert seen == "['fd', 'null', 'stderr', 'stdin', 'stdout', 'urandom'] ['self'] ['main.py']"
    assert unknown == "[]"
    assert real == "[]"


async def test_nothing_outside_of_two_folders_can_be_changed(arena, jail):
    """With bubblewrap, which shows no device read-only, but the times of devices."""
    result = await arena.run(
        f"timeless = {jail == 'nsjail'}"
        """
import os
def attempt(what, *arguments, **named):
    try:
        what(*arguments, **named)
        print("went through:", what.__name__, arguments)
    except OSError:
        pass
devices = {"/dev/null", "/dev/urandom"}
for path, folders, names in os.walk("/"):
    if path.startswith(("/tmp", "/work")):
        continue
    attempt(os.open, path + "/new", os.O_CREAT | os.O_WRONLY)
    attempt(os.mkdir, path + "/new")
    attempt(os.symlink, "/", path + "/new")
    attempt(os.chmod, path, 0o777)
    attempt(os.utime, path)
    attempt(os.rename, path, "/work/moved")
    attempt(os.rmdir, path)
    for name in names:
        file = os.path.join(path, name)
        if timeless or file not in devices:
            attempt(os.utime, file, follow_symlinks=False)
            attempt(os.utime, file, (1, 1), follow_symlinks=False)
        if os.path.islink(file):
            attempt(os.unlink, file)
            continue
        if file not in devices:
            attempt(os.open, file, os.O_WRONLY)
        attempt(os.truncate, file, 0)
        attempt(os.unlink, file)
        attempt(os.chmod, file, 0o777)
        attempt(os.link, file, "/work/link")
print("nothing")
""",
        cpu_time=5,
    )
    assert result.stdout == "nothing\n", result.stderr


async def test_the_environment_is_the_fixed_one(jail, monkeypatch, problem):
    """Not even in memory, where the environment of a program stays when ``os.environ`` is emptied."""
    secret = secrets.token_hex(12)
    monkeypatch.setenv("MICROCODER_SECRET", secret)
    hidden = bytes(byte ^ 1 for byte in secret.encode())
    source = f"""
import ctypes, os
other = bytes(n ^ 1 for n in range(256))
libc = ctypes.CDLL(None)
libc.write.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
block = ctypes.POINTER(ctypes.c_void_p).in_dll(libc, "environ")
copy = os.open("/tmp/copy", os.O_RDWR | os.O_CREAT)
start = (block[0] or ctypes.addressof(block)) & ~4095
hits = 0
for page in range(start - (1 << 20), start + (1 << 20), 4096):
    os.lseek(copy, 0, 0)
    if libc.write(copy, page, 4096) == 4096:
        hits += os.pread(copy, 4096, 0).translate(other).count({hidden!r})
print(hits, sorted(os.environ.items()))
"""
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        report = await own.evaluate(problem(("", f"0 {sorted(ENVIRONMENT.items())}\n"), cpu_time=5), source)
    assert report.accepted, report.tests


async def test_a_pair_of_sockets_reaches_no_socket_of_the_host(arena):
    name = f"\0microcoder-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        listening.setblocking(False)  # what is sent on this machine is there at once
        await arena.run(f"""
import socket
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    for attack in (lambda: one.sendto(b"hello", {name!r}), lambda: one.sendmsg([b"hello"], [], 0, {name!r})):
        try:
            attack()
        except OSError:
            pass
""")
        with pytest.raises(BlockingIOError):
            listening.recv(100)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the table of 32-bit calls is a matter of x86")
@pytest.mark.parametrize("number", [2, 11, 20, 21, 102])
async def test_a_call_through_the_table_of_32_bits_is_death(arena, number):
    code = b"\xb8" + number.to_bytes(4, "little") + b"\xcd\x80\xc3"  # mov eax, number; int 0x80; ret
    result = await arena.run(f"""
import ctypes, mmap
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write({code!r})
print(ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())
""")
    assert (result.status, result.signal) == (Status.RUNTIME_ERROR, 31)


# ------------------------------------------------------------------------------------------- what the host sees


def status_of(pid: int | str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


class Seen:
    """What /proc tells of a process."""

    def __init__(self, pid: int) -> None:
        folder = Path("/proc", str(pid))
        self.status = status_of(pid)
        self.fds = {fd.name: os.readlink(fd) for fd in (folder / "fd").iterdir()}
        self.spaces = {space.name: os.readlink(space) for space in (folder / "ns").iterdir()}


async def look_at(evaluator: Evaluator, problem, source: str) -> Seen:
    """The process in the jail that runs ``source``, which must not end by itself."""
    judging = asyncio.create_task(evaluator.evaluate(problem, source))
    try:
        (process,) = await until(lambda: running_in(evaluator))
        return Seen(process.pid)
    finally:
        judging.cancel()
        await asyncio.gather(judging, return_exceptions=True)


@pytest.fixture(params=["stdio", "call", "lane"])
def long(request, arena):
    """A problem and a program that runs for a while."""
    if request.param == "call":
        return arena.call("f", ([], 0), **PATIENT), f"import time\n{TELLS}def f(): time.sleep(999)"
    tests = [("", "")] * (6 if request.param == "lane" else 1)
    return arena.problem(*tests, **PATIENT), f"import time\n{TELLS}time.sleep(999)"


async def test_a_program_has_no_privilege(arena, long):
    status = (await look_at(arena.evaluator, *long)).status
    for name in ("CapPrm", "CapEff", "CapAmb", "CapInh"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert int(status["Seccomp_filters"]) == int(status_of("self")["Seccomp_filters"]) + 2  # the runner's and its own
    users = {int(part) for name in ("Uid", "Gid") for part in status[name].split()}
    assert 0 not in users
    if os.geteuid() == 0:
        assert min(users) >= 65534
        assert status["Groups"].split() == []
    await arena.innocent()


async def test_a_program_is_in_namespaces_of_its_own(arena, long):
    spaces = (await look_at(arena.evaluator, *long)).spaces
    for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
        assert spaces[name] != os.readlink(f"/proc/self/ns/{name}"), name
    await arena.innocent()


async def test_a_program_holds_nothing_but_files_in_memory(arena, long):
    """Its streams, the file for the returned value, and what it tells the runner in: of a lane two pipes."""
    fds = (await look_at(arena.evaluator, *long)).fds
    assert {"0", "1", "2"} <= fds.keys()
    assert len(fds) <= 8
    pipes = {name for name in fds.values() if name.startswith("pipe:")}
    assert len(pipes) == (2 if len(long[0].tests) > 1 else 0)
    own = {f"/memfd:{name} (deleted)" for name in ("stdin", "stdout", "stderr", "result", "told")}
    assert set(fds.values()) - pipes <= own
    await arena.innocent()
