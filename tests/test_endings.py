"""What a program still prints when its last line is done, and its exit code: as a real process has them, which runs here.

Destructors, generators, streams that nobody closed, exit handlers, threads, hooks.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from microcoder.evaluator import Evaluator, Problem, TestCase
from microcoder.sandbox.limits import Limits

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAMS = (
    "open(1, 'w')",
    "open(1, 'w', closefd=False)",
    "os.fdopen(1, 'w')",
    "os.fdopen(os.dup(1), 'w')",
    "open('/dev/stdout', 'w')",
    "io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, 'w')))",
    "io.TextIOWrapper(io.BufferedWriter(sys.stdout.buffer.raw))",
)
_HOLDERS = r"""
== nothing
f = STREAM
f.write(input())

== a function after it
f = STREAM
def g(): pass
f.write(input())

== a function before it
def g(): pass
f = STREAM
f.write(input())

== a local name
def main():
    f = STREAM
    f.write(input())
main()

== a global name of a function
def main():
    global f
    f = STREAM
    f.write(input())
main()

== its method
w = STREAM.write
def p(x): w(x)
p(input())

== an object
class O:
    def __init__(s): s.f = STREAM
    def p(s, x): s.f.write(x)
o = O()
o.p(input())

== a default
def p(x, f=STREAM): f.write(x)
p(input())

== a closure
def make():
    f = STREAM
    def p(x): f.write(x)
    return p
p = make()
p(input())

== a cycle
class O: pass
o = O()
o.me = o
o.f = STREAM
o.f.write(input())

== a partial
import functools
p = STREAM.write
q = functools.partial(lambda f, x: f(x), p)
q(input())

== print
f = STREAM
def p(*a): print(*a, file=f)
p(input())
p("end")

== sys.stdout
f = sys.stdout = STREAM
def p(*a): print(*a)
p(input())
p("end")

== an exit
f = STREAM
def p(x):
    f.write(x)
    sys.exit()
p(input())

== a traceback
f = STREAM
def p(x):
    f.write(x)
    1/0
try: p(input())
except Exception as e: err = e
"""
_OWN_STREAMS = r"""
import os, sys
from io import BytesIO, IOBase
class Bytes(IOBase):
    def __init__(self, file):
        self.number, self.writes = file.fileno(), "w" in file.mode
        self.buffer = BytesIO() if self.writes else BytesIO(os.read(self.number, 1 << 16))
        self.write, self.readline = self.buffer.write, self.buffer.readline
    def flush(self):
        if self.writes:
            os.write(self.number, self.buffer.getvalue())
            self.buffer.truncate(0), self.buffer.seek(0)
class Text(IOBase):
    def __init__(self, file):
        self.bytes = Bytes(file)
        self.flush = self.bytes.flush
        self.write = lambda text: self.bytes.write(text.encode())
        self.readline = lambda: self.bytes.readline().decode()
"""
_ENDINGS = r"""
== iobase
from io import IOBase
import os
class W(IOBase):
    def __init__(self): self.b=[]
    def write(self,x): self.b.append(x)
    def flush(self):
        os.write(1,''.join(self.b).encode()); self.b=[]
out=W()
out.write(input()+'\n')

== rawiobase
import io, os
class W(io.RawIOBase):
    def __init__(self): self.b=[]
    def write(self,x): self.b.append(x)
    def close(self):
        os.write(1,''.join(self.b).encode()); self.b=[]
out=W()
out.write(input()+'\n')

== textiobase
import io, os
class W(io.TextIOBase):
    def __init__(self): self.b=[]
    def write(self,x): self.b.append(x)
    def flush(self):
        if self.b: os.write(1,''.join(self.b).encode()); self.b=[]
out=W()
out.write(input()+'\n')

== stdout replaced by iobase
import io, os, sys
class W(io.IOBase):
    def __init__(self): self.b=[]
    def write(self,x): self.b.append(x)
    def flush(self):
        if self.b: os.write(1,''.join(self.b).encode()); self.b=[]
sys.stdout=W()
print(input())

== stringio del
import io, os
class W(io.StringIO):
    def close(self):
        os.write(1, self.getvalue().encode()); super().close()
o=W()
o.write(input())

== bytesio del
import io, os
class W(io.BytesIO):
    def close(self):
        os.write(1, self.getvalue()); super().close()
o=W()
o.write(input().encode())

== BufferedWriter via class
import sys
T=type(sys.stdout.buffer)
f=T(sys.stdout.buffer.raw)
f.write(input().encode())

== type textiowrapper
import sys
T=type(sys.stdout)
f=T(sys.stdout.buffer)
print(input(), file=f)

== detach
import sys
b=sys.stdout.detach()
b.write(input().encode())

== io.open_code
import io,sys
f=io.open(1,'wb',closefd=False)
f.write(input().encode())

== gen finally
def g():
    try:
        yield 1
    finally:
        print('end', input())
x=g()
next(x)

== gen with
import contextlib
@contextlib.contextmanager
def c():
    try: yield
    finally: print('bye')
x=c()
x.__enter__()
print(input())

== genexp over gen finally
def g():
    try:
        for i in range(3): yield i
    finally: print('fin')
x=(i for i in g())
print(next(x))

== generator lambda
x=(lambda: (yield print('a')))()
next(x)

== coroutine
async def f():
    try:
        await g()
    finally: print('fin')
class A:
    def __await__(self): yield
def g(): return A()
c=f()
c.send(None)
print(input())

== async gen
import sys
async def f():
    try:
        yield 1
    finally: print('fin')
c=f()
a=c.asend(None)
try: a.send(None)
except StopIteration: print('x')

== del
class A:
    def __del__(self): print('d', input())
a=A()

== del cycle
class A:
    def __del__(self): print('d', self.n)
a=A(); b=A(); a.n=1; b.n=2; a.o=b; b.o=a

== del order
class A:
    def __init__(s,n): s.n=n
    def __del__(s): print(s.n)
a=A('a');c=A('c');b=A('b')

== del uses global
x=5
class A:
    def __del__(s): print(x, y)
a=A()
y=7

== del uses module
import math
class A:
    def __del__(s): print(math.pi)
a=A()

== del in list
class A:
    def __init__(s,n): s.n=n
    def __del__(s): print(s.n)
l=[A(i) for i in range(5)]

== del in function default
class A:
    def __del__(s): print('d')
def f(x=A()): pass

== del held by sys
import sys
class A:
    def __del__(s): print('d')
sys.a=A()

== del class attr
class A:
    def __del__(s): print('d')
class B:
    a=A()

== del raises
class A:
    def __del__(s): raise ValueError
a=A()
print(input())

== del sysexit
import sys
class A:
    def __del__(s): sys.exit(3)
a=A()
print(input())

== del os._exit
import os
class A:
    def __del__(s): os._exit(3)
a=A()
print(input(),flush=True)

== del prints then exit3
import sys
class A:
    def __del__(s): print('x')
a=A()
sys.exit(3)

== lru_cache holds
import functools
class A:
    def __del__(s): print('d')
@functools.lru_cache(None)
def f(): return A()
f()
print(input())

== underscore first
class A:
    def __init__(s,n): s.n=n
    def __del__(s): print(s.n)
b=A('b')
_a=A('_a')
import sys
sys.keep=sys.modules['__main__']

== exception held tb
class A:
    def __del__(s): print('d')
def f():
    a=A()
    raise ValueError
try: f()
except ValueError as e: x=e
print(input())

== uncaught exc locals
class A:
    def __del__(s): print('d')
def f():
    a=A()
    raise ValueError
f()

== sysexit locals
import sys
class A:
    def __del__(s): print('d')
def f():
    a=A()
    sys.exit(0)
f()

== atexit then del
import atexit
class A:
    def __del__(s): print('d')
a=A()
atexit.register(print,'atexit')

== atexit raises
import atexit
def f(): 1/0
atexit.register(f)
print(input())

== atexit sysexit
import atexit,sys
atexit.register(lambda: sys.exit(5))
print(input())

== atexit two
import atexit
atexit.register(print,'1')
atexit.register(print,'2')
print(input())

== atexit raises other runs
import atexit
atexit.register(print,'1')
atexit.register(lambda: 1/0)
print(input())

== weakref finalize
import weakref
class A: pass
a=A()
weakref.finalize(a,print,'fin')

== weakref cb
import weakref
class A: pass
a=A()
r=weakref.ref(a,lambda r: print('cb'))

== thread nonjoin
import threading,time
def f():
    time.sleep(.05); print('t')
threading.Thread(target=f).start()
print(input())

== thread exc
import threading
threading.Thread(target=lambda:1/0).start()
print(input())

== thread pool
from concurrent.futures import ThreadPoolExecutor
import time
e=ThreadPoolExecutor()
e.submit(lambda:(time.sleep(.05),print('t')))
print(input())

== thread + del
import threading,time
class A:
    def __del__(s): print('d')
def f():
    a=A(); time.sleep(.05); print('t')
threading.Thread(target=f).start()
b=A()

== timer
import threading
threading.Timer(.05,print,['t']).start()

== asyncio pending
import asyncio
async def f():
    try: await asyncio.sleep(9)
    finally: print('fin')
async def m():
    asyncio.ensure_future(f()); await asyncio.sleep(0)
    print('m')
asyncio.run(m())

== stdout closed
import sys
print(input())
sys.stdout.close()

== os.close1
import os
print(input(),flush=True)
os.close(1)

== os.close1 unflushed
import os
print(input())
os.close(1)

== close stderr
import sys,os
print(input())
os.close(2)

== raise systemexit str
raise SystemExit('x')

== exit none
print(1)
raise SystemExit(None)

== exit true
print(1)
raise SystemExit(True)

== exit 256
print(1)
raise SystemExit(256)

== exit float
print(1)
raise SystemExit(0.0)

== exit tuple
import sys
print(1)
sys.exit((0,1))

== excepthook
import sys
sys.excepthook=lambda *a: print('hook',a[0].__name__)
1/0

== excepthook exits 0
import sys,os
def h(*a):
    print('hook',flush=True); os._exit(0)
sys.excepthook=h
1/0

== excepthook sysexit
import sys,os
def h(*a):
    print('hook'); sys.exit(0)
sys.excepthook=h
1/0

== excepthook raises
import sys,os
def h(*a):
    print('hook'); raise ValueError
sys.excepthook=h
1/0

== sigpipe
import os,signal
signal.signal(signal.SIGTERM,lambda *a: print('term'))
os.kill(os.getpid(),signal.SIGTERM)
print(input())

== stdout none
import sys
print(input())
sys.stdout.flush()
sys.stdout=None
print(2)

== stdout del
import sys
print(input())
del sys.stdout

== bad flush
import sys
class W:
    def write(s,x): sys.__stdout__.write(x)
    def flush(s): 1/0
sys.stdout=W()
print(input())

== bad encode
print('\ud800')

== main module del
import sys
print(input())
del sys.modules['__main__']

== modules clear
import sys
print(input())
sys.modules.clear()

== gcdis open func
import gc
gc.disable()
f=open(1,'w')
def g(): pass
f.write(input())

== gcdis open
import gc
gc.disable()
f=open(1,'w')
f.write(input())

== gcdis del
import gc
gc.disable()
class A:
    def __del__(s): print('d')
a=A()

== gcdis del cycle
import gc
gc.disable()
class A:
    def __del__(s): print('d')
a=A();a.a=a;del a
print(input())

== gcfreeze open func
import gc
f=open(1,'w')
def g(): pass
f.write(input())
gc.freeze()

== gc collected earlier
import gc
f=open(1,'w')
def g(): pass
f.write(input())
gc.collect()

== garbage del prints
f=open(1,'w')
class A:
    def __del__(s): print('d', s.n)
for i in range(3):
    a=A();a.a=a;a.n=i
print(input())
f.write('x')

== del order mixed
class A:
    def __init__(s,n): s.n=n
    def __del__(s): print(s.n, end=' ')
x=[A(1),A(2)]
y={'a':A(3)}
z=A(4);z.z=z
w=A(5)
def f(q=A(6)): pass
class B:
    b=A(7)

== del linked list
class N:
    def __init__(s,v,n): s.v=v;s.n=n
    def __del__(s): print(s.v)
l=None
for i in range(5): l=N(i,l)

== del parent child
class P:
    def __init__(s,name,par=None):
        s.c=[];s.p=par;s.name=name
        if par: par.c.append(s)
    def __del__(s): print(s.name)
r=P('r');a=P('a',r);b=P('b',r);c=P('c',a)

== gens nested
def g(n):
    try:
        if n: yield from g(n-1)
        yield n
    finally: print('f',n)
x=g(3)
next(x)
y=g(1)
next(y)

== gen list
def g(n):
    try: yield n
    finally: print('f',n)
l=[g(i) for i in range(4)]
for x in l: next(x)
d={}
d['g']=l[0]

== contextmanager unclosed
import contextlib
@contextlib.contextmanager
def tag(n):
    print('<',n)
    yield
    print('>',n)
c=tag('a')
c.__enter__()

== ctx open
import contextlib
@contextlib.contextmanager
def out():
    f=open(1,'w')
    try: yield f
    finally: f.close()
c=out()
f=c.__enter__()
f.write(input())

== chain writers
import io
class Out:
    def __init__(s): s.f=open(1,'w'); s.buf=[]
    def p(s,x): s.buf.append(x)
    def __del__(s): s.f.write(' '.join(s.buf));
o=Out()
o.p(input())

== chain writers2
import sys
class Out:
    def __init__(s): s.buf=[]
    def p(s,x): s.buf.append(x)
    def __del__(s): sys.stdout.write(' '.join(s.buf));
o=Out()
o.p(input())

== zipfile/gzip
import gzip,sys
f=open('x.gz','wb')
g=gzip.GzipFile(fileobj=f,mode='wb')
g.write(b'x')
print(input())

== logging
import logging,sys
logging.basicConfig(stream=sys.stdout,level=10)
logging.info(input())

== logging mem
import logging,logging.handlers,sys
h=logging.handlers.MemoryHandler(100,target=logging.StreamHandler(sys.stdout))
log=logging.getLogger('x');log.setLevel(10);log.addHandler(h)
log.info(input())

== print in weakref cb at exit
import weakref
class A:
    def f(s): pass
a=A()
a.me=a
r=weakref.ref(a,lambda r: print('cb'))

== weakkeydict
import weakref
class A: pass
a=A()
d=weakref.WeakKeyDictionary()
d[a]=1
print(len(d))

== del infinite resurrect
k=[]
class A:
    def __del__(s):
        k.append(s); print('d')
a=A()

== del reads stdin
class A:
    def __del__(s):
        print(input())
a=A()
print(input())

== del calls exit
class A:
    def __del__(s):
        print('x'); exit(0)
a=A()
print(input())

== iter with del in main func
def main():
    global it
    def g():
        try:
            while 1: yield input()
        finally: print('end')
    it=g()
    print(next(it))
main()

== own streams, one name
OWN_STREAMS
sys.stdin = Text(sys.stdin)
out = Text(sys.stdout)
input = lambda: sys.stdin.readline().rstrip("\n")
out.write(input()+'\n')
out.write(input())

== own streams, print to a file
OWN_STREAMS
sys.stdin = Text(sys.stdin)
out = Text(sys.stdout)
input = lambda: sys.stdin.readline().rstrip("\n")
print(input(), file=out)

== own streams, standard
OWN_STREAMS
sys.stdin, sys.stdout = Text(sys.stdin), Text(sys.stdout)
input = lambda: sys.stdin.readline().rstrip("\n")
print(input())
print(input())

== stringio then del prints
import sys,io
sys.stdout=io.StringIO()
class A:
    def __del__(s): print('d')
a=A()
print('lost')

== own stdin class, open1
import sys
class R:
    def __init__(s,f): s.f=f
    def readline(s): return s.f.readline()
sys.stdin=R(sys.stdin)
f=open(1,'w')
f.write(sys.stdin.readline())

== own stdout class, open1 inside
import sys
class W:
    def __init__(s): s.f=open(1,'w')
    def write(s,x): s.f.write(x)
sys.stdout=W()
print(input())

== own stdout class no flush
import sys
class W:
    def __init__(s): s.f=open(1,'w')
    def write(s,x): s.f.write(x)
    def __del__(s): s.f.write('end')
sys.stdout=W()
print(input())

== builtins.print own
import builtins
f=open(1,'w')
_p=print
def p(*a): _p(*a,file=f)
builtins.print=p
print(input())

== builtins.input own
import builtins,sys
f=open(1,'w')
def inp(): return sys.stdin.readline()
builtins.input=inp
f.write(input())

== excepthook own
import sys
f=open(1,'w')
def h(*a): pass
sys.excepthook=h
f.write(input())

== displayhook own
import sys
f=open(1,'w')
def h(*a): pass
sys.displayhook=h
f.write(input())

== settrace own
import sys
f=open(1,'w')
def h(*a): pass
sys.settrace(h)
f.write(input())

== signal own
import signal
f=open(1,'w')
def h(*a): pass
signal.signal(signal.SIGALRM,h)
f.write(input())

== atexit own
import atexit
f=open(1,'w')
def h(): f.write('z')
atexit.register(h)
f.write(input())

== json enc own
import json
f=open(1,'w')
json.dumps_own=lambda x: f
f.write(input())

== copyreg own
import copyreg
f=open(1,'w')
class A: pass
copyreg.pickle(A, lambda a: (A,()))
f.write(input())

== abc register
import collections.abc
f=open(1,'w')
class A: pass
collections.abc.Sequence.register(A)
f.write(input())

== lru typing
import typing,functools
f=open(1,'w')
class A: pass
x=typing.List[A]
y=typing.Optional[A]
f.write(input())

== singledispatch
import functools
f=open(1,'w')
@functools.singledispatch
def g(x): pass
@g.register(int)
def _(x): f.write(input())
g(1)

== enum open
import enum
f=open(1,'w')
class C(enum.IntFlag):
    A=1
    B=2
f.write(str(C.A|C.B)+input())

== dataclass
import dataclasses
f=open(1,'w')
@dataclasses.dataclass
class C:
    x:int=0
f.write(str(C())+input())

== namedtuple
import collections
f=open(1,'w')
P=collections.namedtuple('P','x')
def g(): f.write(str(P(1)))
g()

== NamedTuple
import typing
f=open(1,'w')
class P(typing.NamedTuple):
    x:int
def g(): f.write(str(P(1)))
g()

== ABC
import abc
f=open(1,'w')
class P(abc.ABC):
    @abc.abstractmethod
    def x(s): pass
class Q(P):
    def x(s): f.write('q')
Q().x(); isinstance(3,P)

== Generic
import typing
f=open(1,'w')
T=typing.TypeVar('T')
class P(typing.Generic[T]):
    def x(s): f.write('q')
P[int]().x()

== thread local
import threading
f=open(1,'w')
l=threading.local()
l.f=f
def g(): l.f.write('x')
g()

== queue worker open
import threading,queue
q=queue.Queue()
f=open(1,'w')
def g():
    while 1:
        f.write(q.get()); q.task_done()
threading.Thread(target=g,daemon=True).start()
q.put('x'); q.join()

== pool open
from concurrent.futures import ThreadPoolExecutor as T
f=open(1,'w')
def g(x): f.write(str(x))
with T(1) as t: list(t.map(g,range(3)))

== asyncio open
import asyncio
f=open(1,'w')
async def g(): f.write('x')
asyncio.run(g())

== asyncio loop open
import asyncio
f=open(1,'w')
async def g(): f.write('x')
loop=asyncio.new_event_loop();asyncio.set_event_loop(loop);loop.run_until_complete(g())

== decimal ctx open
import decimal
f=open(1,'w')
def g(): f.write(str(decimal.Decimal(1)/3))
decimal.getcontext().prec=5
g()

== random subclass
import random
f=open(1,'w')
class R(random.Random): pass
r=R(1)
f.write(str(r.random()))

== re sub fn
import re
f=open(1,'w')
def g(m): return 'x'
f.write(re.sub('a',g,'abc'))

== exception cause
f=open(1,'w')
class E(Exception): pass
def g(): raise E(f)
try: g()
except E as e: z=e
f.write('x')

== uncaught in open
f=open(1,'w')
def g():
    f.write('x'); raise ValueError
g()

== uncaught custom
f=open(1,'w')
class E(Exception): pass
def g():
    f.write('x'); raise E
g()

== warn open
import warnings
f=open(1,'w')
def g(): warnings.warn('x'); f.write('x')
g()

== setattr main
import sys
f=open(1,'w')
m=sys.modules['__main__']
def g(): m.f.write('x')
g()

== import main
import __main__
f=open(1,'w')
def g(): __main__.f.write('x')
g()
"""


def _named(text: str) -> dict[str, str]:
    return {name: code for name, _, code in (part.partition("\n") for part in f"\n{text}".split("\n== ")[1:])}


PROGRAMS = _named(_ENDINGS.replace("OWN_STREAMS", _OWN_STREAMS)) | {
    f"{stream} held by {name}": f"import io, os, sys\n{code.replace('STREAM', stream)}"
    for stream, (name, code) in itertools.product(STREAMS, _named(_HOLDERS).items())
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evaluator() -> AsyncIterator[Evaluator]:
    async with Evaluator(workers=1, cache=0, run_all=True) as running:
        yield running


def _run(file: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Whatever the environment says of interpreters."""
    return subprocess.run(
        [sys.executable, file], input=text, capture_output=True, text=True, cwd=file.parent, env={"LANG": "C.UTF-8"}
    )


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_ends_as_a_process_does(evaluator: Evaluator, tmp_path: Path, name: str) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAMS[name])
    text = "first\nsecond\n"
    real = await asyncio.to_thread(_run, file, text)
    tests = (TestCase(text, real.stdout),) * 3
    problem = Problem(problem_id=name, tests=tests, limits=Limits(cpu_time=5))
    report = await evaluator.evaluate(problem, PROGRAMS[name])
    for test in report.tests:
        assert test.exit_code == real.returncode, (test, real)
        assert test.status == ("runtime_error" if real.returncode else "accepted"), (test, real)
