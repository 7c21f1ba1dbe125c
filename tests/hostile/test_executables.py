"""Compiled programs are held by what holds Python ones; and so are compilers, which read hostile sources."""

from __future__ import annotations

import time

import pytest

from microcoder.evaluator import Submission
from microcoder.evaluator.status import Status
from microcoder.sandbox.limits import MIB

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("cpp")]

ATTACKS = r"""
#include <bits/stdc++.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
using namespace std;
static int through = 0;
// Whatever succeeds is told; the rest must fail with an error, not with the end of the process.
#define TRY(call) do { errno = 0; if ((long)(call) != -1) { through++; cout << #call << " went through\n" << flush; } } while (0)
static int child(void*) { return 0; }
static int endless(int n) { volatile char x[4096]; x[0] = n; return endless(n + 1) + x[0]; }
static void mask() {
  for (int n = 1; n < 65; n++) signal(n, SIG_IGN);
  sigset_t all; sigfillset(&all); sigprocmask(SIG_BLOCK, &all, 0);
}
int main() {
  string what; cin >> what;
  if (what == "processes") {
    static char stack[1 << 16];
    TRY(fork()); TRY(vfork() ?: (_exit(0), 0)); TRY(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    TRY(clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, 0)); TRY(clone(child, stack + sizeof stack, CLONE_NEWUSER | SIGCHLD, 0));
    TRY(unshare(CLONE_NEWUSER)); TRY(setsid());
  }
  if (what == "signals") {
    TRY(kill(1, 0)); TRY(kill(1, 9)); TRY(kill(-1, 9)); TRY(kill(0, 9)); TRY(kill(getppid(), 9));
    TRY(syscall(SYS_tgkill, 1, 1, 9)); TRY(syscall(SYS_tkill, 1, 9)); TRY(syscall(SYS_rt_sigqueueinfo, 1, 9, 0));
    TRY(syscall(SYS_pidfd_open, 1, 0));
  }
  if (what == "calls") {
    TRY(socket(AF_INET, SOCK_STREAM, 0)); TRY(socket(AF_INET6, SOCK_DGRAM, 0)); TRY(socket(AF_UNIX, SOCK_STREAM, 0));
    TRY(ptrace(PTRACE_TRACEME, 0, 0, 0)); TRY(ptrace(PTRACE_ATTACH, 1, 0, 0)); TRY(syscall(SYS_memfd_create, "x", 0));
    TRY(syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0)); TRY(syscall(SYS_bpf, 0, 0, 0)); TRY(syscall(SYS_io_uring_setup, 1, 0));
    TRY(syscall(SYS_mount, "x", "/tmp", "tmpfs", 0, 0)); TRY(syscall(SYS_keyctl, 0, 0, 0)); TRY(prctl(PR_SET_DUMPABLE, 0));
    TRY(mmap(0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)); TRY(syscall(SYS_userfaultfd, 0));
    rlimit more = {RLIM_INFINITY, RLIM_INFINITY}; TRY(setrlimit(RLIMIT_CPU, &more)); TRY(setrlimit(RLIMIT_NOFILE, &more));
    rlimit old; TRY(prlimit(1, RLIMIT_CPU, 0, &old));
  }
  if (what == "execute") {
    char* const argv[] = {(char*)"x", 0}; char* const none[] = {0};
    vector<string> files = {"/proc/self/exe", "program", "/work/program", "/bin/sh", "/inside/main.py"};
    if (DIR* d = opendir("/python/bin")) while (dirent* e = readdir(d)) if (e->d_name[0] != '.') files.push_back(string("/python/bin/") + e->d_name);
    if (files.size() < 6) cout << "no interpreter to execute\n";
    ofstream("/tmp/x") << "#!/python/bin/python3\n"; chmod("/tmp/x", 0755); files.push_back("/tmp/x");
    // What let the judge execute this program: a descriptor, an empty name at an address, a flag.
    char* name = (char*)0x10000;
    TRY(mmap(name, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    TRY(mmap((char*)0x8000, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    TRY(mmap((char*)0x20000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0));
    void* page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY(mremap(page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, name));
    for (auto& f : files) {
      TRY(execve(f.c_str(), argv, none));
      TRY(syscall(SYS_execveat, AT_FDCWD, f.c_str(), argv, none, 0)); TRY(syscall(SYS_execveat, 1023, f.c_str(), argv, none, 0x1000));
      int fd = open(f.c_str(), O_RDONLY);
      if (fd < 0) continue;
      TRY(dup2(fd, 1023)); TRY(fcntl(fd, F_DUPFD, 1023)); TRY(syscall(SYS_execveat, fd, "", argv, none, 0x1000));
      TRY(syscall(SYS_execveat, 1023, name, argv, none, 0x1000)); TRY(syscall(SYS_execveat, 1023, "", argv, none, 0x1000));
      close(fd);
    }
    TRY(syscall(SYS_execveat, 0, "", argv, none, 0x1000)); TRY(syscall(SYS_execveat, 1, "", argv, none, 0x1000));
  }
  if (what == "files") {
    for (auto f : {"/etc/passwd", "/etc/shadow", "/root/.bashrc", "/root/.cache", "/home", "/proc/1/mem", "/proc/self/maps", "/proc/1/environ", "/sys", "/usr/bin", "/usr/include/stdio.h", "/var"})
      if (open(f, O_RDONLY) >= 0) { through++; cout << f << " can be read\n"; }
    for (auto f : {"/x", "/proc/x", "/dev/x", "/python/x", "/inside/x.py", "/proc/self/oom_score_adj"}) TRY(open(f, O_WRONLY | O_CREAT, 0600));
    TRY(unlink("/inside/main.py")); TRY(chmod("/inside", 0777)); TRY(mknod("/tmp/d", S_IFBLK | 0600, makedev(8, 0))); TRY(chroot("/tmp"));
    for (int fd = 3; fd < 1100; fd++) TRY(fcntl(fd, F_GETFD));
  }
  if (what == "descriptors") { int n = 0; while (open("/dev/null", O_RDONLY) >= 0) n++; cout << (n <= 61 ? "" : "too many\n"); }
  if (what == "threads") {
    int n = 0; pthread_t t;
    while (n < 99 && !pthread_create(&t, 0, [](void*) -> void* { pause(); return 0; }, 0)) n++;
    cout << (n < 8 ? "" : "too many\n") << "denied" << flush; _exit(0);
  }
  if (what == "loop") { mask(); for (volatile int i = 0;; i++); }
  if (what == "loops") { mask(); for (int i = 0; i < 4; i++) thread([] { for (volatile int i = 0;; i++); }).detach(); pause(); }
  if (what == "sleep") { mask(); for (;;) pause(); }
  if (what == "memory") { mask(); for (;;) { char* p = (char*)malloc(1 << 20); if (p) memset(p, 1, 1 << 20); else abort(); } }
  if (what == "new") { vector<vector<char>> v; for (;;) v.emplace_back(8 << 20, 1); }
  if (what == "recursion") cout << endless(0);
  if (what == "output") { mask(); static char x[65536]; for (;;) if (write(1, x, sizeof x) < 0) for (;;); }
  if (what == "stderr") { static char x[65536]; for (;;) if (write(2, x, sizeof x) < 0) abort(); }
  if (what == "disk") { static char x[1 << 20]; int n = 0; for (int i = 0; i < 99; i++) { int f = open(("/tmp/" + to_string(i)).c_str(), O_WRONLY | O_CREAT, 0600); if (write(f, x, sizeof x) == sizeof x) n++; close(f); } cout << (n < 70 ? "" : "too much\n"); }
  if (what == "litter") { mkdir("/tmp/a", 0); symlink("/inside", "/work/b"); mkdir("/work/program", 0); open("/work/main.py", O_CREAT | O_WRONLY, 0); return 0; }
  if (what == "look") { for (auto f : {"/tmp", "/work"}) { DIR* d = opendir(f); while (dirent* e = readdir(d)) if (e->d_name[0] != '.') cout << e->d_name << "\n"; } }
  if (!through) cout << "denied";
}
"""
CODE = Submission(code=ATTACKS, language="cpp")
LIMITS = {"cpu_time": 0.3, "idle_time": 0.4, "memory": 64 * MIB, "output": MIB, "stderr": 65536, "threads": 8}


@pytest.mark.parametrize(
    "attack", ["processes", "signals", "calls", "execute", "files", "descriptors", "threads", "disk"]
)
async def test_denied(arena, attack):
    result = await arena.run(CODE, attack, compile_time=20, **(LIMITS | {"cpu_time": 2}))
    assert (result.stdout, result.exit_code) == ("denied", 0), (result.message, result.stderr)


@pytest.mark.parametrize(
    ("attack", "status", "limits"),
    [
        ("loop", Status.TIME_LIMIT_EXCEEDED, {"cpu_time"}),
        ("loops", Status.TIME_LIMIT_EXCEEDED, {"cpu_time"}),
        ("sleep", Status.TIME_LIMIT_EXCEEDED, {"idle_time"}),
        ("memory", Status.MEMORY_LIMIT_EXCEEDED, {"memory"}),
        ("new", Status.MEMORY_LIMIT_EXCEEDED, {"memory"}),
        ("recursion", None, {"memory", None}),  # the stack may grow to the limit: a signal, or the limit itself
        ("output", None, {"output", "cpu_time"}),
        ("stderr", Status.TIME_LIMIT_EXCEEDED, {"cpu_time"}),
    ],
)
async def test_limits(arena, attack, status, limits):
    result = await arena.run(CODE, attack, compile_time=20, **(LIMITS | {"cpu_time": 2 if "memory" in limits else 0.3}))
    assert result.limit in limits, result
    assert result.status in (
        {status}
        if status
        else {
            Status.OUTPUT_LIMIT_EXCEEDED,
            Status.TIME_LIMIT_EXCEEDED,
            Status.MEMORY_LIMIT_EXCEEDED,
            Status.RUNTIME_ERROR,
        }
    )
    assert (result.memory or 0) < 700 * MIB
    assert (result.cpu_time or 0) < 3
    assert (result.wall_time or 0) < 20


async def test_nothing_is_left_for_the_next_program(arena):
    await arena.run(CODE, "litter", compile_time=20)
    result = await arena.run(CODE, "look", compile_time=20)
    assert result.stdout == "denied"


SECRETS = ("root:", "/bin/bash", "daemon")
SOURCES = {
    "a file of the host": '#include "/etc/passwd"\nint main(){}',
    "a file of the host as data": 'asm(".incbin \\"/etc/passwd\\"");\nint main(){}',
    "the judge's files": '#include "/inside/runner.py"\nint main(){}',
    "the cache": 'asm(".incbin \\"/work/../root/.cache/microcoder\\"");\nint main(){}',
    "itself": "#include __FILE__\n#include __FILE__\nint main(){}",
    "a stream": '#include "/dev/stdin"\n#include "/dev/urandom"\nint main(){}',
    "templates": "template<int n> struct S { static const long v = S<n-1>::v + S<n-2>::v*0 + S<n/2>::v; };\n"
    "template<int a, int b> struct T { T<a+1,b> x; T<a,b+1> y; };\nint main(){ return sizeof(T<0,0>); }",
    "compile-time evaluation": "constexpr long f(long n){ long s=0; for(long i=0;i<n;i++) s+=i^s; return s; }\n"
    "template<long n> long g(){ constexpr long v = f(200000+n); return v + g<n+1>(); }\nint main(){ return g<0>(); }",
    "memory": "#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(A(A(A(x)))))))\nint a[] = { B(B(1,)) };\nint main(){}",
    "a giant program": "int a[1 << 28] = {1}; int main(){ return a[77]; }",
    "no end of errors": "#define A(x) x x x x x x x x x x\nint main(){ A(A(A(A(A(y = ;))))) }",
}


@pytest.mark.parametrize("name", SOURCES)
async def test_hostile_sources_do_not_compile(arena, name):
    started = time.monotonic()
    problem = arena.problem(("", ""), compile_time=1)
    report = await arena.judge(Submission(code=SOURCES[name], language="cpp"), problem)
    assert report.status is Status.COMPILE_ERROR, report
    assert report.message and len(report.message) < 6000
    assert not any(secret in report.message for secret in SECRETS)
    assert time.monotonic() - started < 60
