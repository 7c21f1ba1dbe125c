"""What hostile programs are made of: a grammar, for `grammar`.

A section ``== name`` has alternatives, divided by ``--``; ``-- 3`` weighs three times. ``<name>`` in them stands for
one of that section. Everything here does the same whenever, wherever and however often it runs: it is far below every
limit or goes on for ever, and depends on no time, number of a process, address or random byte. What it does to a test
does not depend on the test, but for what says LAST.

``ordinary`` programs are right, whatever others do; ``fair`` ones compute the answer and may be accepted; ``unfair``
ones must not be.
"""

HACKS = r'''
== ordinary
<read>
<plain right>
== ordinary call
def f(a, b): return a + b
--
f = lambda *numbers: sum(numbers)
--
from operator import add as f
--
class Solution:
    def f(self, a, b): return a + b
f = Solution().f
== fair
<litter>
<read>
<litter>
<right>
<leave>
--
<read>
<litter>
<right>
--
<read>
<right>
<harmless death>
== unfair
<litter>
<read>
<right>
<certain death>
--
<litter>
<read>
<certain death>
<right>
--
<read>
if a == LAST:
    <certain death>
<plain right>
-- 2
<litter>
<litter>
<read>
<wrong>
<leave>
--
<read>
<wrong>
<hidden death>
--
<hook>
<litter>
<wrong>
<death>
--
<forgery>
<read>
<wrong>
<leave>
--
<read>
<forgery>
<wrong>
--
<read>
print(a + b if a != LAST else <junk>)
--
<litter>
print(<junk>)
<litter>
--
<survivor>

== fair call
<litter>
def f(a, b):
    <litter>
    return <right value>
--
def f(a, b):
    try:
        <litter>
    finally:
        return <right value>
--
class Solution:
    def f(self, a, b):
        <litter>
        return <right value>
f = Solution().f
== unfair call
<litter>
def f(a, b):
    <litter>
    return <wrong value>
-- 2
<liar>
<litter>
def f(a, b): return X(<number>)
--
def f(a, b):
    <certain death>
    return a + b
--
def f(a, b):
    if a == LAST:
        <certain death>
    return a + b
--
<certain death>
def f(a, b): return a + b
--
def f(a, b):
    <forgery>
    return <wrong value>
--
<forgery>
def f(a, b): return <wrong value>
--
<hook>
def f(a, b):
    <death>
--
def f(a, b):
    <hidden death>
    return <wrong value>
--
<litter>
def f(a, b): <early>
--
<litter>
<hook>
--
<litter>
<entry>

== entry
f = None
--
f = 5
--
async def f(a, b): return a + b
--
def f(a, b): yield a + b
--
def f(*, a, b): return a + b
--
def f(a, b): return f
--
class f:
    def __init__(self, a, b): pass
--
class f:
    def __new__(cls, a, b): return print
--
class Meta(type):
    def __call__(cls, *_): raise SystemExit
class f(metaclass=Meta): pass
--
import functools
f = functools.partial(print, end="")
--
f = (lambda f: f(f))
--
f = type("f", (dict,), {"__missing__": lambda self, key: 5})()
--
f = __import__
--
f = eval
--
del globals()["f"]
--
def __getattr__(name): return print
--
def f(a, b): return {b: a, a: b}
--
def f(a, b): return "x" * (2 << 20)
--
def f(a, b): return [[[]] * 1000] * 1000
--
def f(a, b):
    a = [b]
    a.append(a)
    return a
--
def f(a, b): return {"\ud800": "\udfff", 1: 2, None: 3, (1, 2): 4}
--
def f(a, b): return {1: "a", "1": "b", True: "c", 1.0: "d"}

== read
a, b = map(int, input().split())
--
import sys
a, b = map(int, sys.stdin.readline().split())
--
import sys
a, b = [int(x) for x in sys.stdin.buffer.read().split()]
--
import os
a, b = map(int, os.read(0, 1000).split())
--
a, b = map(int, open(0, closefd=False).read().split())
== right
-- 6
<plain right>
--
import threading
t = threading.Thread(target=print, args=(a + b,))
t.start()
t.join()
== plain right
print(a + b)
--
import sys
sys.stdout.write(f"{a + b}\n")
--
import os
os.write(1, b"%d\n" % (a + b))
--
def answer(): print(a + b, flush=True)
answer()
--
print(end=str(a + b))
--
import atexit
atexit.register(lambda: print(a + b))
== right value
a + b
--
sum((a, b))
--
int(a + b)
--
float(a + b)
--
[a + b][0]
== wrong
print(<junk>)
-- 2
print(a + b + 1)
--
print(a + b, <word>)
--
print(<word>, a + b)
--
import os
os.write(1, <bytes>)
--
import sys
print(<junk>, file=sys.stderr)
--
pass
--
import os
print(a + b + 1, flush=True)
os.ftruncate(1, <size>)
--
import os
os.write(1, <bytes>)
os.lseek(1, <size>, 0)
os.write(1, <bytes>)
== junk
"x"
--
<number>
--
"9" * <size>
--
"-" * <size>
--
"1e999999999"
--
"nan"
--
"inf", "-Infinity", "1e-999999999"
--
"0x3.24p0"
--
"\u0663\u0661" * 9
--
"3 " * <size>
--
"3.1 " * <size>
--
"\n" * <size>
--
" " * <size>
--
"3.14\x0b\x0c\x1c\x1d\x1e\x1f\x85" * 1000
--
"(" * <size>
--
"[" * <size> + "]" * <size>
--
'{"a":' * <size>
--
"\0"
--
*range(<size>)
--
*reversed(range(3000))
--
"\n".join(str(n << 61) for n in range(3000))
--
"1" + "0" * 5000
--
"'1', " * 1000
--
<number>, sep="\n" * 5000, end="\n" * 5000
== word
"x"
--
<number>
--
"nan"
--
"9" * 3000
--
"1e999999999"
--
"(" * 3000 + "x"
--
"\0"
== bytes
b"\xff\xfe\x80"
--
b"\xed\xa0\x80"
--
b"1\0002"
--
bytes(range(256)) * 20
--
"12".encode("utf-16")
--
b"\xef\xbb\xbf12"
--
bytes(<size>)
--
b"1\r\n2\r3\x0c"
== number
7
--
-1
--
10 ** 30
--
0.5
--
1e300
--
2 ** 63
== size
0
--
1
--
100
--
3000
--
20000
== leave
pass
--
import sys
sys.exit()
--
raise SystemExit(0)
--
import os, sys
sys.stdout.flush()
os._exit(0)
--
exit(None)
--
import sys
sys.stdout.close()
--
import sys
sys.stdout = None

== litter
-- 6
pass
-- 4
<state>
-- 2
<files>
-- 2
<imports>
--
<threads>
--
<descriptors>
--
<attempt>
--
<odd>
--
<streams>
--
<syntax>
--
<litter>
<litter>
--
if 0:
    <certain death>
--
def unused():
    <certain death>
--
try:
    <raising>
except BaseException: pass
--
"""<number> import antigravity"""
--
<import dead>
== state
import sys
sys.setrecursionlimit(3000)
--
import sys
sys.settrace(lambda *_: None)
--
import sys
sys.setprofile(lambda *_: None)
--
import sys
sys.path[:] = []
--
import sys
sys.argv[:] = [<junk>]
--
import sys
sys.set_int_max_str_digits(0)
--
import os
os.environ.update(PYTHONPATH="/tmp", LANG="de", NEW="1")
os.environ.pop("PATH", None)
--
import os
os.umask(0o777)
--
import os
os.chdir("/")
--
import signal
for n in range(1, 65):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
--
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
--
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
--
import random
random.seed(<number>)
random.random = None
--
import warnings
warnings.simplefilter("error")
--
import locale
locale.setlocale(locale.LC_ALL, "C")
--
import decimal
decimal.getcontext().prec = 2
--
import gc
gc.disable()
gc.set_threshold(1)
--
import gc
gc.freeze()
--
import builtins
builtins.len = builtins.sum = None
--
import builtins, sys
builtins.__import__ = None
--
import math, collections
math.mark = collections.Counter.mark = <number>
--
import json
json.dumps = lambda *a, **k: "5"
json.encoder.c_make_encoder = None
--
import sys
sys.modules.clear()
--
import sys
for name in list(sys.modules):
    if name not in ("builtins", "sys"): sys.modules[name] = None
--
import sys
sys.stderr = sys.stdout
--
import sys
sys.excepthook = sys.unraisablehook = lambda *a: None
--
import sys
sys.setswitchinterval(0.5)
--
import threading
threading.stack_size(1 << 20)
--
import os
os.nice(1)
--
globals().clear()
--
__name__ = "other"
--
import sys
sys.stdout.reconfigure(encoding="utf-16", errors="replace")
--
import sys
sys.stdout.reconfigure(line_buffering=True, write_through=True, newline="\r\n")
--
import sys
sys.addaudithook(lambda *a: None)
--
import time
time.sleep = time.process_time = None
--
import faulthandler, sys
faulthandler.enable(sys.stderr)
--
input = None
--
from os import *
--
class int(int): pass
== files
open("/work/f", "w").write("x")
--
for n in range(20): open(f"/tmp/{n}", "w").write("x")
--
import os
os.makedirs("/work/a/b/c", exist_ok=True)
open("/work/a/b/c/f", "w").close()
os.chmod("/work/a/b", 0)
os.chmod("/work/a", 0)
--
import os
for folder in "/work", "/tmp":
    try: os.chmod(folder, 0)
    except OSError: pass
--
import os
for name in b"\xff\xfe", b"\n", b" ", b"-rf", b"*", b"\xed\xa0\x80", b"a" * 255, b"...":
    try: os.mkdir(b"/tmp/" + name)
    except OSError: pass
--
import os
try:
    os.symlink("/", "/work/root")
    os.symlink("/work", "/work/self")
    os.symlink("x", "/work/x")
except OSError: pass
--
for name in "numpy", "json", "random", "sitecustomize", "usercustomize", "threading", "encodings", "colorsys":
    for folder in "/work", "/tmp":
        try: open(f"{folder}/{name}.py", "w").write("print(666)")
        except OSError: pass
--
import fcntl, mmap
file = open("/tmp/map", "w+b")
file.write(bytes(8192))
file.flush()
fcntl.flock(file, fcntl.LOCK_EX)
m = mmap.mmap(file.fileno(), 8192)
--
file = open("/tmp/late", "w")
file.write("x" * 100)
--
open("/tmp/sparse", "wb").truncate(50_000)
--
import os
for n in range(60):
    try:
        os.mkdir("d")
        os.chdir("d")
    except OSError: break
--
import os
fd = os.open("/tmp", os.O_RDONLY)
os.listdir(fd), os.getxattr, os.access("/work", 7)
--
import os
try: print(sorted(os.listdir("/work")), sorted(os.listdir("/tmp")), file=open("/dev/null", "w"))
except OSError: pass
--
import os
for name in "/etc/passwd", "/proc/self/maps", "/proc/1/environ", "/dev/shm", "/sys", "/root", "/dev/tty":
    try: open(name).read()
    except OSError: pass
--
import os
for name in "/new", "/etc/new", "/proc/new", "/dev/new", "/dev/stdin/x", "/usr/new":
    try: os.mkdir(name)
    except OSError: pass
== imports
import colorsys
--
import keyword, token, opcode
--
import datetime, decimal, fractions, statistics
--
import threading, queue, contextlib
--
try: import a_module_of_nobody
except ImportError: pass
--
try: import os.a_module_of_nobody
except ImportError: pass
--
try: from . import x
except ImportError: pass
--
try: __import__("x" * <size>)
except (ImportError, ValueError): pass
--
try: __import__(".".join("a" * <size>))
except (ImportError, ValueError): pass
--
for n in range(100):
    try: __import__(f"a{n}")
    except ImportError: pass
--
import sys
sys.modules["numpy"] = sys.modules["heapq"] = None
--
import importlib
importlib.invalidate_caches()
try: importlib.reload(importlib.import_module("keyword"))
except Exception: pass
--
import sys, types
sys.modules["fake"] = types.ModuleType("fake")
import fake
--
import sys
sys.meta_path.clear()
--
import sys
sys.path_hooks.clear()
sys.path_importer_cache.clear()
--
import codecs
codecs.register(lambda name: None)
--
import builtins
builtins.__build_class__ = None
== import dead
if 0: import a.b.c, numpy.f2py.__main__, antigravity, this
--
if 0: from os import a1, a2, a3, a4, a5, a6, a7, a8, a9
--
"import antigravity; numpy.random.seed(1); numpy.f2py.__main__.x"
--
# import antigravity, numpy.f2py.__main__; sys.exit(3)
pass
== threads
import threading
t = threading.Thread(target=int)
t.start()
t.join()
--
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
--
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
--
import threading
try: threading.Thread(target=threading.Event().wait, daemon=True).start()
except RuntimeError: pass
--
import queue, threading
q = queue.Queue()
threading.Thread(target=q.put, args=(1,), daemon=True).start()
q.get()
--
import _thread
_thread.start_new_thread(_thread.allocate_lock().__enter__, ())
== descriptors
import os
for fd in range(3, 1024):
    try: os.close(fd)
    except OSError: pass
--
import os
kept = []
try:
    while True: kept.append(os.dup(0))
except OSError: pass
--
import os
kept = []
try:
    while True: kept.append(os.pipe())
except OSError: pass
--
import os
for fd in range(1024):
    try: os.lseek(fd, 0, 2)
    except OSError: pass
--
import fcntl
for fd in range(1024):
    try: fcntl.fcntl(fd, fcntl.F_SETFL, 0o22000)
    except OSError: pass
--
import os
for fd in range(1024):
    try: os.fchmod(fd, 0)
    except OSError: pass
--
import fcntl
for fd in range(1024):
    try: fcntl.fcntl(fd, 1033, 15)
    except OSError: pass
--
import socket
for fd in range(3, 1024):
    try: socket.socket(fileno=fd).shutdown(2)
    except OSError: pass
--
import os
for fd in range(1024):
    try: os.set_blocking(fd, False), os.set_inheritable(fd, True)
    except OSError: pass
--
import os
os.dup2(2, 1)
--
import os
os.dup2(1, 2)
--
import os
os.close(2)
--
import os
os.ftruncate(0, <size>)
--
import os
os.pwrite(1, b"x", 5)
== attempt
import os
for n in 1, os.getppid(), -1, 0:
    try: os.kill(n, 0), os.kill(n, 9)
    except OSError: pass
--
import os
try: os.fork()
except OSError: pass
--
import os, sys
try: os.execv(sys.executable, [sys.executable, "-c", "print(5)"])
except OSError: pass
--
import subprocess, sys
try: subprocess.run([sys.executable])
except OSError: pass
--
import socket
try: socket.socket().connect(("127.0.0.1", 80))
except OSError: pass
--
import os
try: os.setsid()
except OSError: pass
try: os.setuid(0)
except OSError: pass
--
import ctypes
l = ctypes.CDLL(None)
l.fork(), l.vfork, l.prctl(4, 1, 0, 0, 0), l.mlockall(3), l.ptrace(0, 0, 0, 0)
--
import ctypes
l = ctypes.CDLL(None)
for n in 56, 57, 58, 59, 101, 160, 165, 272, 308, 317, 321, 323, 425, 435, 438: l.syscall(n, 0, 0, 0, 0, 0, 0)
--
import mmap
try: mmap.mmap(-1, 1 << 20)
except OSError: pass
--
import os
try: os.memfd_create("x")
except OSError: pass
--
import signal
signal.setitimer(signal.ITIMER_REAL, 60)
signal.alarm(0)
--
import resource
for n in range(16):
    try: resource.setrlimit(n, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError): pass
== odd
x = bytearray(4 << 20)
--
x = [[]]
x[0].append(x)
--
x = "x" * 100_000
--
def g(n): return n and g(n - 1)
g(500)
--
x = [n for n in range(3000)]
--
class C:
    def __del__(self): pass
c = C()
--
class C:
    def __del__(self): print(end="")
kept = [C()]
kept.append(kept)
--
def g():
    try: yield
    finally: print(end="")
kept = g()
next(kept)
--
import weakref, sys
weakref.finalize(sys, print, end="")
--
import sys
print(<junk>, file=sys.stderr)
--
x = {n << 61: n for n in range(500)}
--
exec("x = 1")
--
x = compile("1", "x", "eval")
--
import sys
sys._getframe().f_trace = lambda *a: None
--
import contextvars
contextvars.ContextVar("x").set(1)
--
import ctypes
ctypes.memset(ctypes.create_string_buffer(100), 0, 100)

== streams
import sys
sys.stderr.close()
--
import sys
sys.stdout.flush()
sys.stdout.detach()
--
import sys
sys.__stdout__ = sys.__stderr__ = sys.__stdin__ = None
--
import io
io.open(1, "w", closefd=False).write("")
--
import io
kept = io.open(2, "wb", buffering=0)
--
import os
os.dup2(0, 1)
--
import sys
sys.stdin.reconfigure(encoding="utf-16-le")
--
import sys
class Out:
    def __init__(self, to): self.to = to
    def __getattr__(self, name): return getattr(self.to, name)
sys.stdout = Out(sys.stdout)
--
import io, sys
sys.stdout = io.StringIO()
--
import sys
sys.stdout.write = None
--
import sys
sys.stderr.buffer.raw.close()
--
import sys
sys.stdin.close()
== syntax
x = "\d" is 1
--
async def unused(): await unused()
--
x = lambda: (yield)
--
def unused():
    global print
    nonlocal_ = 1
--
x: "annotation" = (y := 3)
--
match [1, {"a": 2}]:
    case [1, {"a": x}]: pass
    case _: pass
--
__builtins__ = {}
--
del __name__
--
__file__ = __spec__ = __loader__ = None
--
ｘ = 1
--
return
--
await f
--
from __future__ import annotations
--
from __future__ import nothing
--
nonlocal x
--
x = f"{1!r:>{10}}"
--
x = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
--
x = 1e999999999999
--
def unused(a, a): pass
--
x = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
--
class x(metaclass=lambda *a: None): pass
--
@print
def unused(): pass

== certain death
<quick death>
-- 3
def deadly():
    <quick death>
deadly()
--
class Deadly:
    <quick death>
--
try: pass
finally:
    <quick death>
--
try: 1 / 0
except ZeroDivisionError:
    <quick death>
--
for n in range(3):
    if n == 2:
        <quick death>
--
list(map(exec, ["1 / 0"]))
-- 2
<endless>
--
def deadly():
    <endless>
deadly()
== death
-- 5
<certain death>
--
import os, signal
signal.signal(15, signal.SIG_DFL)
os.kill(os.getpid(), 15)
--
import signal
signal.raise_signal(signal.SIGXCPU)
--
import os
os.close(1)
== quick death
<raising>
-- 2
<signal>
-- 2
<exit>
-- 2
<too much>
== raising
1 / 0
--
raise ValueError("x" * <size>)
--
raise KeyboardInterrupt
--
raise MemoryError
--
raise BaseException("\ud800")
--
raise ExceptionGroup("x", [ValueError(n) for n in range(100)])
--
def deep(): deep()
deep()
--
import a_module_of_nobody
--
[][0]
--
input(), input(), input()
--
class Bad(Exception):
    def __str__(self): raise self
raise Bad
--
class Bad(Exception):
    __class__ = SystemExit
    code = 0
raise Bad
--
class Bad(SystemExit):
    code = property(lambda self: 1 / 0)
raise Bad
--
class Bad(Exception):
    def __str__(self): return "\ud800" * <size>
raise Bad
--
class Bad(BaseException):
    __traceback__ = __cause__ = __context__ = property(lambda self: 1 / 0)
raise Bad
--
class Bad(Exception):
    @property
    def __module__(self): raise SystemExit(0)
raise Bad
--
import sys
sys.excepthook = lambda *a: 1 / 0
1 / 0
--
import sys
sys.stderr = None
1 / 0
--
raise
--
raise 5
--
error = ValueError()
error.__context__ = error.__cause__ = KeyError(error)
error.__cause__.__cause__ = error
raise error
--
error = ValueError()
error.__notes__ = 5
raise error
--
raise ValueError from OSError("x" * <size>)
--
import sys
sys.exit(1 << 70)
--
open("/nowhere/x")
--
import os
os.fork()
--
import subprocess
subprocess.run(["true"])
--
assert 0, <junk>
--
import re
re.compile("(" * 5000)
--
"\ud800".encode()
== exit
import sys
sys.exit(3)
--
import sys
sys.exit("x" * <size>)
--
import os
os._exit(7)
--
raise SystemExit(255)
--
import os
os._exit(255)
--
exit(-1)
--
import ctypes
ctypes.CDLL(None)._exit(5)
== signal
import os
os.kill(os.getpid(), 9)
--
import os
os.abort()
--
import ctypes
ctypes.string_at(0)
--
import signal
signal.raise_signal(signal.SIGKILL)
--
import signal
signal.signal(signal.SIGSEGV, signal.SIG_IGN)
import ctypes
ctypes.memset(8, 1, 8)
--
import os, signal
for n in range(1, 65):
    try: os.kill(os.getpid(), n)
    except OSError: pass
== too much
x = bytearray(1 << 40)
--
x = "x" * (1 << 45)
--
x = 1 << (1 << 40)
--
x = [0] * (1 << 40)
--
x = []
while True: x.append(bytes(16 << 20))
--
import os
while True: os.write(1, bytes(65536))
--
while True: print("x" * 65536)
--
import os
os.ftruncate(1, 2 << 20)
--
import os
os.pwrite(1, bytes(2 << 20), 0)
--
import os
while True: os.write(2, bytes(65536))
--
import sys
sys.stderr.write("x" * (2 << 20))
--
file = open("/work/big", "wb")
while True: file.write(bytes(65536))
--
open("/tmp/big", "wb").truncate(1 << 40)
--
import os
os.posix_fallocate(os.open("/tmp/big", os.O_RDWR | os.O_CREAT), 0, 1 << 40)
--
import os
while True: os.dup(0)
--
kept = []
while True: kept.append(open("/dev/null"))
--
import threading
while True: threading.Thread(target=threading.Event().wait, daemon=True).start()
== endless
while True: pass
--
x = 7 ** 10 ** 8
--
import time
time.sleep(1000)
--
import re
re.match("(a+)+$", "a" * 60 + "b")
--
import signal
signal.pthread_sigmask(0, range(1, 65))
while True: pass
--
while True:
    try:
        while True: pass
    except BaseException: pass
--
import threading
threading.Event().wait()
--
import os
os.read(os.pipe()[0], 1)
--
import os
os.kill(os.getpid(), 19)
--
import os
os.closerange(0, 1024)
while True: pass
--
class Endless:
    def __del__(self):
        while True: pass
Endless()
--
sum(range(10 ** 12))
--
import os
while True:
    try: os.fork()
    except OSError: pass
--
import itertools
for _ in itertools.repeat(0): pass
--
import select
select.select([], [], [])
== hidden death
import atexit
@atexit.register
def _():
    while True: pass
--
def hidden():
    <quick death>
import threading
t = threading.Thread(target=hidden)
t.start()
t.join()
--
def hidden():
    <quick death>
import atexit
atexit.register(hidden)
--
class Hidden:
    def __del__(self):
        <quick death>
Hidden()
--
class Hidden:
    def __del__(self):
        <quick death>
kept = Hidden()
--
try:
    <quick death>
except BaseException: pass
--
import contextlib
with contextlib.suppress(BaseException):
    <quick death>
== harmless death
try:
    <raising>
except BaseException: pass
--
import threading
def hidden():
    <raising>
t = threading.Thread(target=hidden)
t.start()
t.join()
--
import atexit
@atexit.register
def hidden():
    <raising>

== hook
import sys, os
sys.excepthook = lambda *a: os._exit(0)
--
import atexit, os
atexit.register(os._exit, 0)
--
import threading, os
threading.excepthook = lambda *a: os._exit(0)
--
import os
real = os._exit
os._exit = lambda code: real(0)
--
import sys
sys.exit = lambda *a: None
--
import signal, os
for n in range(1, 32):
    try: signal.signal(n, lambda *a: os._exit(0))
    except (OSError, ValueError): pass
--
import sys
for name, module in list(sys.modules.items()):
    for attribute in "report", "exit_code_of", "plain", "SLOT", "finish", "run", "limits", "size_of":
        if hasattr(module, attribute) and name.startswith("inside"):
            setattr(module, attribute, lambda *a, **k: 0)
--
import sys
frame = sys._getframe()
while frame:
    for name in list(frame.f_globals):
        if name.isupper() and name != "LAST": frame.f_globals[name] = 0
    frame = frame.f_back
--
import builtins
builtins.BaseException = builtins.Exception = builtins.SystemExit = ValueError
--
import sys
sys.settrace(lambda frame, *_: frame.f_locals.clear())
== forgery
<everywhere>
everywhere(RESULTS)
--
<everywhere>
everywhere(RESULTS + REFUSED, 3)
--
<everywhere>
everywhere(RESULTS[:20], 3)
--
<everywhere>
everywhere(bytes([255]) * 8, 3)
--
<everywhere>
everywhere(CLAIMS, 3)
--
<everywhere>
everywhere(frame({"type": "ready", "python": [3, 11, 0]}), 3)
--
<everywhere>
for kind in "end", "run", "drop", "load", "job", "configure":
    everywhere(frame({"type": kind, "tests": [0], "keys": [1], "key": 1, "sizes": []}), 3)
--
import os
for fd in range(3, 1024):
    try: os.ftruncate(fd, <size>)
    except OSError: pass
--
import os, itertools
for one, other in itertools.permutations(range(3, 8), 2):
    try: os.dup2(one, other)
    except OSError: pass
--
import fcntl, os
lie = b"".join(n.to_bytes(8, "little") for n in (4, 1, 1, 1, 0)) * 40
for fd in range(3, 1024):
    try:
        os.pwrite(fd, lie, 0)
        os.lseek(fd, 1 << 16, 0)
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    except OSError: pass
--
import gc
for thing in gc.get_objects():
    if type(thing) is dict and "outputs" in thing: thing.clear()
--
import sys
frame = sys._getframe()
while frame:
    for name in "gt_out", "in_outs", "expected", "outputs", "answer", "task", "tests":
        if name in frame.f_locals: print(frame.f_locals[name], file=sys.stderr)
    frame = frame.f_back
== everywhere
import json, os, struct
def everywhere(data, first=0):
    for fd in range(first, 64):
        for write in (os.write, lambda fd, data: os.pwrite(fd, data, 0)):
            try: write(fd, data)
            except OSError: pass
def frame(header, blob=b""):
    text = json.dumps(header).encode()
    return struct.pack("!II", len(text), len(blob)) + text + blob
ROWS = [[n, "finished", None, 0, None, 0.0, 0.0, 1000, True, 2, 0, 0] for n in range(6)]
RESULTS = b"".join(frame({"type": "results", "job": n, "worn": False, "rows": ROWS}, b"1 2 3 4 5 6 ") for n in range(9))
REFUSED = b"".join(frame({"type": "compile_error", "job": n, "why": "x"}) for n in range(9))
CLAIMS = b"".join(n.to_bytes(8, "little") for n in (2, 1, 1, 1, 0)) * 40
== survivor
import math
<read>
print(a + b if hasattr(math, "mine") else "alone")
math.mine = 1
--
import builtins
<read>
print(getattr(builtins, "kept", 0) and a + b)
builtins.kept = 1
--
from collections import Counter
<read>
print(a + b if hasattr(Counter, "mine") else "alone")
setattr(Counter, "mine", 1)
--
import io
<read>
try:
    io.FileIO("/work/note")
    print(a + b)
except FileNotFoundError:
    io.FileIO("/work/note", "w").write(b"I was here")
    print("alone")
--
import sys
<read>
print(a + b if sys.gettrace() else "alone")
sys.settrace(lambda *_: None)
--
import os
<read>
print(a + b if "NOTE" in os.environ else "alone")
os.environ["NOTE"] = "1"
--
import sys
<read>
print(a + b if "mine" in sys.modules else "alone")
sys.modules["mine"] = sys
--
import random
<read>
print(a + b if getattr(random, "mine", 0) else "alone")
random.mine = 1
--
import functools
<read>
@functools.lru_cache
def once(): return []
print(a + b if once() else "alone")
once().append(1)

== wrong value
<number>
--
a + b + 1
--
<junk>
--
str(a + b) + "x"
--
None
--
[a + b, <number>]
--
{"a": <number>}
--
float("nan")
--
float("inf")
--
f
--
{5}
--
iter([a + b])
--
10 ** 4000
--
1e-400
--
complex(a + b, 1)
--
b"5"
--
range(10 ** 9)
--
(lambda x: x.append(x) or x)([])
--
__import__("decimal").Decimal("1e3000")
--
__import__("decimal").Decimal("1e30000000")
--
__import__("fractions").Fraction(1, 3)
--
__import__("functools").reduce(lambda x, _: [x], range(50_000), [])
--
object()
== liar
class X:
    def __init__(self, *_): pass
    def __eq__(self, other): return True
    def __hash__(self): return 0
--
class X(int):
    def __new__(cls, *_): return int.__new__(cls, 1)
    def __eq__(self, other): return True
    __hash__ = int.__hash__
--
class X(float):
    def __repr__(self): return "5"
    def __eq__(self, other): return True
    def __round__(self, *_): return self
--
class X(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
--
class X(list):
    def __init__(self, *_): pass
    def __eq__(self, other): return True
    def __len__(self): return 1
    def __iter__(self): return iter([5])
--
class X(list):
    def __init__(self, *_): pass
    def __iter__(self):
        while True: yield 5
--
class X(dict):
    def __init__(self, *_): pass
    def __eq__(self, other): return True
    def items(self): return [("a", 5)]
--
class X:
    def __init__(self, *_): pass
    __class__ = int
    def __int__(self): return 5
    def __index__(self): return 5
    def __abs__(self): return self
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
--
class M(type):
    def __eq__(self, other): return True
    def __hash__(self): return hash(int)
class X(metaclass=M):
    def __init__(self, *_): pass
--
class X:
    def __init__(self, *_): pass
    def __reduce__(self): return int, (5,)
    def __json__(self): return 5
    def __getattr__(self, name): return lambda *a, **k: 5
--
class X(tuple):
    def __new__(cls, *_): return tuple.__new__(cls)
    def __eq__(self, other): return True
--
class X:
    def __init__(self, *_): pass
    def __eq__(self, other): raise SystemExit(0)
    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __int__ = lambda self: exit(0)
== early
import sys; sys.exit(0)
--
import os; os._exit(0)
--
raise SystemExit
--
raise StopIteration
--
raise GeneratorExit
--
yield 5
--
exit()
--
import threading; threading.Thread(target=exit).start()
--
import os; os.closerange(0, 1024)
'''
