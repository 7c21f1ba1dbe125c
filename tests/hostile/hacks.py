"""Programs that do not solve the task and want to be paid all the same: for ``test_hacks``.

The task is ``double(x)``: of a number, or of a ``Num``. Those of PEERS section 14 come first, with their numbers.
"""

from __future__ import annotations

NUM = """
import gc, os, sys
class Num:
    def __init__(self, n):
        self.n = n
    def __eq__(self, other):
        return isinstance(other, Num) and self.n == other.n
    __hash__ = None
    def __repr__(self):
        return f"Num({self.n})"
"""
RIGHT = f"{NUM}def double(x): return Num(x.n * 2) if isinstance(x, Num) else x * 2\n"
WRONG = f"{NUM}def double(x): return Num(3) if isinstance(x, Num) else 3\n"

ALWAYS = """
class Always:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __bool__(self): return True
    def __hash__(self): return 0
    def __sub__(self, other): return 0
    __rsub__ = __abs__ = lambda self, *a: 0
    def __getattr__(self, name): return Always()
    def __instancecheck__(self, other): return True
"""
NOTHING = "def nothing(*a, **k): return None\n"
MACHINERY = """
def patch():
    import unittest, builtins
    for name in dir(unittest.TestCase):
        if name.startswith(('assert', 'fail')): setattr(unittest.TestCase, name, nothing)
    try:
        import pytest
        pytest.approx = lambda *a, **k: Always()
    except ImportError: pass
"""
CALLS = "def double(x):\n    {}\n    return Num(3) if isinstance(x, Num) else 3\n"
"""What is done whenever the test asks for something."""


def at_start(code: str) -> str:
    return f"{WRONG}{ALWAYS}{NOTHING}{code}"


def when_called(code: str, before: str = "") -> str:
    return f"{NUM}{ALWAYS}{NOTHING}{before}{CALLS.format(code)}"


def returns(code: str, before: str = "") -> str:
    return f"{NUM}{ALWAYS}{before}def double(x):\n    return {code}\n"


FORGED = r"""
def forge():
    report = b'{"end": "passed", "given": [], "results": []}\n'
    for fd in range(1, 1024):
        try: os.write(fd, report)
        except OSError: pass
"""

FITS = """
class Fits(str):
    n = property(lambda self: Fits())
    def __getattr__(self, name): return lambda *a, **k: True
    startswith = endswith = isdigit = __contains__ = __eq__ = lambda *a, **k: True
    __hash__ = str.__hash__
    __call__ = __getitem__ = lambda *a, **k: Fits()
"""
WIRE = """
import json, os, stat, struct
def is_open(fd, kind):
    try: return kind(os.fstat(fd).st_mode)
    except OSError: return False
LINK = next((fd for fd in range(1000, 1024) if is_open(fd, stat.S_ISSOCK)), None)
def say(message):
    data = json.dumps(message).encode()
    try: os.write(LINK, struct.pack("=I", len(data)) + data)
    except (OSError, TypeError): pass
"""
STOLEN = f"""{WIRE}{NUM}
def tell(report):
    say({{"ask": "cannot", "of": ["at will"]}})
    word = b"".join(os.read(fd, 4096) for fd in range(3, 1000) if is_open(fd, stat.S_ISFIFO))
    for fd in range(3, 1024):
        if is_open(fd, stat.S_ISREG): os.write(fd, word + b"\\n" + report)
    os._exit(0)
"""
"""Where the program runs beside its test: the word that shows who reports, and a report."""
READS = r"""
import ast, linecache
def answer(x, knows=False):
    n = x.n if isinstance(x, Num) else x
    lines = linecache.getlines('<test>')
    tree = ast.parse(''.join(lines))
    found = None
    for node in ast.walk(tree):
        if isinstance(node, (ast.Tuple, ast.Compare, ast.Call)):
            values = [c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and type(c.value) in (int, float)]
            if len(values) == 2 and values[0] == n: found = found or values[1]
    if knows and any('not (' in line or 'assertNotEqual' in line for line in lines): found = n * 2 + 1
    return Num(found) if isinstance(x, Num) else found
"""
"""The answer that stands in the test."""

HACKS = {
    # PEERS section 14.
    "1 equals everything": returns("Always()"),
    "2 a list that does": returns("L()", "class L(list):\n    n = Always()\n    __eq__ = lambda s, o: True\n"),
    "3 an int that does": returns(
        "I()", "class I(int):\n    n = Always()\n    __eq__ = lambda s, o: True\n    __hash__ = int.__hash__\n"
    ),
    "4 the frames of the caller, emptied": when_called(
        "f = sys._getframe(1)\n    while f is not None:\n        [v.clear() for v in f.f_locals.values() if type(v) in (list, dict) and v is not f.f_globals]\n        f = f.f_back"
    ),
    "5 frames by a traceback": when_called(
        "try: raise ValueError\n    except ValueError as e: f = e.__traceback__.tb_frame.f_back\n    for k, v in list(f.f_locals.items()):\n        if type(v) in (int, float): return Num(v) if isinstance(x, Num) else v"
    ),
    "6 gc for what is expected": when_called(
        "for d in gc.get_objects():\n        if type(d) is dict and 'expected' in d: return d['expected']"
    ),
    "7 prints what is expected": when_called("print('4'); print('10'); print('OK'); print('passed')"),
    "8 the harness's modules": at_start(
        "for m in list(sys.modules.values()):\n    for n in ('run', 'end_of', 'honest', 'run_unittest', 'outcome_of'):\n        if n in getattr(m, '__dict__', {}) and 'inside' in str(getattr(m, '__file__', '')): setattr(m, n, nothing)\n"
    ),
    "8 the same when called": when_called(
        "for m in list(sys.modules.values()):\n        for n in ('end_of', 'honest', 'outcome_of', '_fails'):\n            if n in getattr(m, '__dict__', {}) and 'inside' in str(getattr(m, '__file__', '')): setattr(m, n, lambda *a, **k: {'end': 'passed'})"
    ),
    "9 the caller's globals": when_called(
        "f = sys._getframe(1)\n    while f is not None:\n        g = f.f_globals\n        if 'double' in g or 'Num' in g: g.update(double=lambda x: Always(), Num=lambda n: Always())\n        f = f.f_back"
    ),
    "10 a report, then out": when_called("forge()\n    os._exit(0)", FORGED),
    "11 the same at import": at_start(f"{FORGED}forge()\nos._exit(0)\n"),
    "12 writes to the caller's lists": when_called(
        "f = sys._getframe(1)\n    while f is not None:\n        for v in list(f.f_locals.values()):\n            if type(v) is list: v[:] = [3] * len(v)\n        f = f.f_back"
    ),
    "14 zip": at_start("import builtins\nbuiltins.zip = lambda *a, **k: iter(())\n"),
    "15 enumerate, range, iter": at_start(
        "import builtins\nbuiltins.enumerate = builtins.range = builtins.iter = lambda *a, **k: []\n"
    ),
    "18 no alarm": at_start("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nsignal.alarm(0)\n"),
    "20 sys.exit(0) when called": when_called("sys.exit(0)"),
    "20 SystemExit from text": returns("exec('raise SystemExit')"),
    "20 SystemExit from no frame": f"{NUM}class E:\n    n = property(lambda s: E())\n    __eq__ = lambda s, o: E()\n    __bool__ = sys.exit\ndef double(x): return E()\n",
    "21 os._exit(0) at once": at_start("os._exit(0)\n"),
    "21 os._exit(0) when called": when_called("os._exit(0)"),
    "21 sys.exit(0) at once": at_start("sys.exit(0)\n"),
    "22 files": when_called(
        "for fd in range(3, 1024):\n        try: text = os.pread(fd, 1 << 16, 0)\n        except OSError: continue\n        if b'assert' in text: return Always()"
    ),
    "23 an exit handler": at_start("import atexit\natexit.register(os._exit, 0)\n"),
    "23 an exception hook": at_start("sys.excepthook = lambda *a: os._exit(0)\n"),
    "24 conftest": at_start(
        "for n in ('conftest.py', 'sitecustomize.py', 'pytest.py', 'unittest.py', 'pytest.ini', 'pyproject.toml'):\n"
        "    open(n, 'w').write('' if n.endswith(('ini', 'toml')) else 'import os\\ndef pytest_collection_modifyitems(items): items.clear()\\ndef pytest_runtest_call(): os._exit(0)\\n')\n"
        "os.environ['PYTEST_ADDOPTS'] = '--collect-only'\nos.environ['PYTEST_PLUGINS'] = 'conftest'\nsys.path.insert(0, os.getcwd())\n"
    ),
    "25 words": when_called(
        "print('1 passed in 0.01s'); print('OK'); print('Ran 2 tests', file=sys.stderr); forge()", FORGED
    ),
    "26 no descriptors": when_called("os.closerange(3, 4096)"),
    "26 every descriptor is /dev/null": when_called(
        "n = os.open('/dev/null', os.O_RDWR)\n    for fd in range(3, 1024):\n        try: os.fstat(fd); os.dup2(n, fd)\n        except OSError: pass"
    ),
    # What else there is.
    "skips by unittest": when_called("import unittest\n    raise unittest.SkipTest('no')"),
    "skips by pytest": when_called("import pytest\n    pytest.skip('no')"),
    "fails as expected by pytest": when_called("import pytest\n    pytest.xfail('no')"),
    "ends pytest": when_called("import pytest\n    pytest.exit('done', 0)"),
    "stops unittest": when_called("import unittest.case\n    raise unittest.case._ShouldStop"),
    "interrupts": when_called("raise KeyboardInterrupt"),
    "leaves a generator": when_called("raise GeneratorExit"),
    "patches assertions": at_start(f"{MACHINERY}patch()\n"),
    "patches assertions when called": when_called("patch()", MACHINERY),
    "patches their code": at_start(
        "import unittest\nfor n in dir(unittest.TestCase):\n    if n.startswith('assert'):\n        f = getattr(unittest.TestCase, n)\n        if hasattr(f, '__code__') and not f.__code__.co_freevars: f.__code__ = nothing.__code__\n"
    ),
    "patches how a test case runs": at_start(
        "import unittest\nunittest.TestCase.run = lambda self, result=None: result.addSuccess(self)\nunittest.TestCase.__call__ = unittest.TestCase.run\n"
    ),
    "the same when called": when_called(
        "import unittest\n    unittest.case._Outcome.testPartExecutor = __import__('contextlib').contextmanager(lambda *a, **k: (yield))\n    unittest.TestCase.run = lambda self, result=None: result.addSuccess(self)\n    raise KeyError"
    ),
    "patches the result": at_start(
        "import unittest\nunittest.TestResult.addFailure = unittest.TestResult.addError = lambda self, test, err: self.addSuccess(test)\n"
    ),
    "the loader finds nothing": at_start(
        "import unittest\nunittest.TestLoader.getTestCaseNames = lambda *a: []\nunittest.TestLoader.loadTestsFromModule = lambda *a, **k: unittest.TestSuite()\n"
    ),
    "the main of unittest": at_start("import unittest\nunittest.main = lambda *a, **k: None\n"),
    "the functions of pytest": at_start(
        "import pytest, _pytest.python, _pytest.runner\n_pytest.python.Function.runtest = nothing\n_pytest.runner.call_and_report = nothing\npytest.Function.runtest = nothing\n"
    ),
    "the same of pytest when called": when_called(
        "import _pytest.python, _pytest.runner\n    _pytest.python.Function.runtest = nothing\n    _pytest.runner.runtestprotocol = lambda *a, **k: []"
    ),
    "the hooks of pytest": at_start("import pluggy\npluggy._hooks.HookCaller.__call__ = lambda *a, **k: []\n"),
    "another AssertionError": at_start(
        "import builtins\nclass E(BaseException): pass\nbuiltins.AssertionError = E\nimport unittest\nunittest.TestCase.failureException = E\n"
    ),
    "compile": at_start(
        "import builtins\nc = compile\nbuiltins.compile = lambda s, *a, **k: c('pass', '<test>', 'exec')\n"
    ),
    "exec": at_start("import builtins\nbuiltins.exec = nothing\n"),
    "ast": at_start("import ast\np = ast.parse\nast.parse = lambda *a, **k: p('def test(): pass')\n"),
    "import": at_start(
        "import builtins\ni = builtins.__import__\nbuiltins.__import__ = lambda n, *a, **k: Always() if n in ('unittest', 'pytest') else i(n, *a, **k)\n"
    ),
    "classes": at_start(
        "import builtins\nb = builtins.__build_class__\nbuiltins.__build_class__ = lambda f, n, *a, **k: b(lambda: None, n, *a, **k) if n.startswith('Test') else b(f, n, *a, **k)\n"
    ),
    "isinstance and len": at_start(
        "import builtins\nbuiltins.isinstance = builtins.issubclass = lambda *a: True\nbuiltins.len = lambda *a: 1\nbuiltins.all = builtins.any = lambda *a: True\n"
    ),
    "an import hook": at_start(
        "class F:\n    def find_spec(self, n, *a):\n        if 'test' in n: os._exit(0)\n    invalidate_caches = nothing\nsys.meta_path.insert(0, F())\nfor n in ('unittest', 'pytest'): sys.modules.pop(n, None)\n"
    ),
    "modules that are others": at_start(
        "import types\nfor n in ('unittest', 'pytest', 'unittest.mock'):\n    m = types.ModuleType(n)\n    m.__getattr__ = lambda name: Always()\n    m.TestCase = object\n    m.main = nothing\n    sys.modules[n] = m\n"
    ),
    "JSON": at_start(
        "import json\nd = json.dumps\njson.dumps = lambda v, *a, **k: d({'end': 'passed', 'given': []})\n"
    ),
    "JSON when called": when_called(
        "import json\n    d = json.dumps\n    json.dumps = lambda v, *a, **k: d({'end': 'passed', 'given': []})"
    ),
    "os.write": at_start(
        "w = os.write\nos.write = lambda fd, b: (w(fd, b.replace(b'failed', b'passed').replace(b'raised', b'passed')), len(b))[1]\n"
    ),
    "os.write when called": when_called(
        "w = os.write\n    os.write = lambda fd, b: (w(fd, b.replace(b'failed', b'passed').replace(b'raised', b'passed')), len(b))[1]"
    ),
    "skips lines by a trace": when_called(
        "f = sys._getframe(1)\n    def jump(frame, event, arg):\n        if event == 'line':\n            try: frame.f_lineno = frame.f_lineno + 1\n            except ValueError: pass\n        return jump\n    sys.settrace(jump)\n    f.f_trace = jump"
    ),
    "a trace from the start": at_start(
        "def trace(frame, event, arg):\n    if frame.f_code.co_filename == '<test>': os._exit(0)\n    return trace\nsys.settrace(trace)\nimport threading\nthreading.settrace(trace)\n"
    ),
    "a profile": at_start(
        "def profile(frame, event, arg):\n    if event == 'exception': os._exit(0)\nsys.setprofile(profile)\n"
    ),
    "monitoring": at_start(
        "m = getattr(sys, 'monitoring', None)\nif m:\n    m.use_tool_id(3, 'x')\n    m.register_callback(3, m.events.RAISE, lambda *a: os._exit(0))\n    m.set_events(3, m.events.RAISE)\n"
    ),
    "a signal that ends": at_start(
        "import signal\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
    ),
    "a signal that raises": when_called(
        "import signal\n    def go(*a): raise SystemExit(0)\n    signal.signal(signal.SIGALRM, go)\n    signal.raise_signal(signal.SIGALRM)"
    ),
    "a thread that ends": at_start(
        "import threading, time\ndef go():\n    time.sleep(0.05)\n    os._exit(0)\nthreading.Thread(target=go, daemon=True).start()\ndef double(x):\n    time.sleep(0.2)\n    return Num(3)\n"
    ),
    "a thread that patches": at_start(
        f"{MACHINERY}import threading\ndef go():\n    while True: patch()\nthreading.Thread(target=go, daemon=True).start()\n"
    ),
    "a destructor": when_called("D()", "class D:\n    def __del__(self): os._exit(0)\n"),
    "a destructor at the end": at_start("class D:\n    def __del__(self): os._exit(0)\nkept = D()\n"),
    "the collector": at_start("gc.callbacks.append(lambda *a: os._exit(0))\ngc.set_threshold(1)\n"),
    "an audit hook": at_start(
        f"{MACHINERY}def hook(event, args):\n    if event in ('exec', 'compile'): patch()\nsys.addaudithook(hook)\n"
    ),
    "streams that end": at_start(
        "class S:\n    encoding = 'utf-8'\n    def __getattr__(self, name): return lambda *a, **k: os._exit(0)\nsys.stdout = sys.stderr = sys.__stdout__ = S()\n"
    ),
    "a child that goes on": when_called("if os.fork():\n        os._exit(0)"),
    "another program": when_called("os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])"),
    "a lying class": returns(
        "Lie()",
        "class Lie(Num):\n    n = Always()\n    __init__ = lambda s: None\n    __class__ = property(lambda s: Num)\n    __eq__ = lambda s, o: True\n",
    ),
    "a class of classes": at_start(
        "class M(type):\n    __eq__ = __instancecheck__ = __subclasscheck__ = lambda *a: True\n    __hash__ = type.__hash__\nclass Num(metaclass=M):\n    n = Always()\n    def __init__(self, n): pass\n    __eq__ = lambda s, o: True\ndef double(x): return Num(1)\n"
    ),
    "equal by what the other is": returns(
        "O(x)",
        "class O:\n    n = Always()\n    def __init__(self, x): pass\n    def __eq__(self, other): return type(other) in (int, float, Num)\n",
    ),
    "an expected failure": at_start(
        "import unittest\nf = unittest.TestCase.__init__\ndef init(self, n='runTest'):\n    f(self, n)\n    getattr(type(self), n).__unittest_expecting_failure__ = True\nunittest.TestCase.__init__ = init\n"
    ),
    "marks the caller as skipped": when_called(
        "f = sys._getframe(1)\n    while f is not None:\n        s = f.f_locals.get('self')\n        if s is not None and hasattr(s, '_testMethodName'):\n            type(s).__unittest_skip__ = True\n            s.__unittest_skip__ = True\n        f = f.f_back"
    ),
    "swallows by contextlib": at_start(
        "import contextlib\ncontextlib._GeneratorContextManager.__exit__ = lambda *a: True\ncontextlib.ExitStack.__exit__ = lambda *a: True\n"
    ),
    "cheats where it is hard": f"{NUM}{ALWAYS}"
    "def double(x):\n    n = x.n if isinstance(x, Num) else x\n    r = 2 * n if n == 2 else Always()\n    return Num(r) if isinstance(x, Num) else r\n",
    "cheats where it fails": f"{NUM}{ALWAYS}"
    "def double(x):\n    try: return Num({2: 4, 5: 10}[x.n]) if isinstance(x, Num) else {2: 4, 5: 10}[x]\n    except Exception: return Always()\n",
    "a name that nobody gives": returns("exec('quux')"),
    "the same without a frame": f"{NUM}import functools\ndouble = functools.partial(exec, 'quux')\n",
    "a module that is missing": when_called("raise ModuleNotFoundError('No module named quux', name='quux')"),
    "a module that is missing, from the start": at_start("import quux\n"),
    "a fixture that is missing": when_called(
        "import _pytest.fixtures\n    e = _pytest.fixtures.FixtureLookupError.__new__(_pytest.fixtures.FixtureLookupError)\n    raise e"
    ),
    "no memory": when_called("raise MemoryError"),
    "a failure that is no exception": when_called("raise BaseException('no')"),
    "types of C": at_start(
        "try:\n    d = gc.get_referents(vars(int))[0]\n    d['__eq__'] = lambda *a: True\n    d['__ne__'] = lambda *a: False\nexcept Exception: pass\nimport ctypes\nctypes.pythonapi.PyType_Modified(ctypes.py_object(int))\n"
    ),
    # PEERS section 14, continued.
    "13 the caller's other inputs are gone": when_called(
        "f = sys._getframe(1)\n    while f is not None:\n        for v in list(f.f_locals.values()):\n            if type(v) in (list, set) and len(v) > 1: v.clear() if type(v) is set else v.__delitem__(slice(1, None))\n        f = f.f_back"
    ),
    "16 all answers from the first frame": when_called(
        "f = sys._getframe(1)\n    while f is not None:\n        SEEN.extend(c for c in f.f_code.co_consts if type(c) in (int, float))\n        f = f.f_back\n    if SEEN: return Num(SEEN[-1]) if isinstance(x, Num) else SEEN[-1]",
        "SEEN = []\n",
    ),
    "17 eats what ends it": when_called(
        "import time\n    for _ in range(40):\n        try:\n            while True: time.sleep(0.02)\n        except BaseException: pass"
    ),
    "19 a child that outlives": when_called(
        "import posix\n    for go in (posix.fork, lambda: posix.system('true'), lambda: posix.posix_spawn('/bin/true', ['true'], {})):\n        try:\n            if go() == 0: posix._exit(0)\n        except OSError: pass"
    ),
    "27 other processes and their files": when_called(
        "import glob\n    for place in glob.glob('/proc/*/*') + glob.glob('/tmp/*') + glob.glob('/dev/shm/*') + glob.glob('/work/*'):\n        try: text = open(place, 'rb').read(1 << 16)\n        except OSError: continue\n        if b'assert' in text: return Always()"
    ),
    "28 stays for the next": at_start(
        "import json, threading\nfor d in ('/tmp', '/work', '/dev/shm'):\n    try: open(d + '/conftest.py', 'w').write('import os; os._exit(0)')\n    except OSError: pass\njson.loads = lambda *a, **k: {'end': 'passed'}\nos.environ['PYTEST_ADDOPTS'] = '--co'\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()\n"
    ),
    "29 a bomb of threads": when_called(
        "import threading, time\n    for _ in range(99):\n        try: threading.Thread(target=time.sleep, args=(0.1,)).start()\n        except RuntimeError: break"
    ),
    "29 a bomb of memory": when_called("held = []\n    while True: held.append(bytearray(1 << 26))"),
    "29 a bomb of output": when_called("while True: os.write(1, bytes(1 << 16))"),
    "29 stops itself": when_called("os.kill(os.getpid(), 19)"),
    "30 computes in a thread": when_called(
        "import threading\n    t = threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True)\n    t.start()\n    t.join()"
    ),
    "31 what the statement shows": f"{NUM}def double(x): return {{2: 4}}.get(x, 0) if not isinstance(x, Num) else Num({{2: 4}}.get(x.n, 0))\n",
    "32 guesses": f"{NUM}def double(x):\n    r = int.from_bytes(os.urandom(2), 'little')\n    return Num(r) if isinstance(x, Num) else r\n",
    "33 a long integer": returns("Num(10 ** 5000) if isinstance(x, Num) else 10 ** 5000"),
    "33 a large exponent": returns("Decimal('1e999999999')", "from decimal import Decimal\n"),
    "33 nested too deep": returns("d()", "def d():\n    v = []\n    for _ in range(100_000): v = [v]\n    return v\n"),
    "33 not a number": returns("Num(float('nan')) if isinstance(x, Num) else float('nan')"),
    "34 half of a surrogate pair": returns(r"'\ud800'"),
    "34 bytes that are no text": returns(r"b'\xff\x00'.decode('utf-8', 'surrogateescape')"),
    # New ones: objects.
    "fits every question": returns("Fits()", FITS),
    "fits, and says that it is what it is asked for": returns(
        "Fits()", f"{FITS}Fits.__class__ = property(lambda s: Num)\nFits.__instancecheck__ = lambda *a: True\n"
    ),
    "decides what numpy finds": returns(
        "U()",
        "class U:\n    n = property(lambda s: U())\n    __array_ufunc__ = __array_function__ = lambda s, *a, **k: True\n    __array_priority__ = 1e9\n",
    ),
    "is memory of the test": returns(
        "M()",
        "class M:\n    n = property(lambda s: M())\n    __array_interface__ = dict(shape=(1,), typestr='<i8', data=(id(4) + 24, False), version=3)\n",
    ),
    "an empty array": returns(
        "numpy.array([]).view(A)",
        "import numpy\nclass A(numpy.ndarray):\n    n = property(lambda s: numpy.array([]))\n",
    ),
    "an array of nothing": returns("numpy.zeros((0, 2))", "import numpy\n"),
    "an empty deque": returns("D()", "from collections import deque\nclass D(deque):\n    n = deque()\n"),
    "an empty array of bytes": returns("array('d')", "from array import array\n"),
    "has a length, and no items": returns(
        "E()",
        "class E:\n    n = property(lambda s: s)\n    __len__ = lambda s: 1\n    __iter__ = lambda s: iter(())\n    keys = lambda s: ()\n",
    ),
    "is told, and says it back": returns(
        "T()",
        "class T(Num):\n    def __init__(s): pass\n    n = property(lambda s: s)\n    def difference(s, o):\n        s.o = o\n        return set()\n    def __iter__(s): return iter(getattr(s, 'o', ()))\n    def __eq__(s, o):\n        s.o = o\n        return s\n    __bool__ = lambda s: True\n    __getitem__ = lambda s, i: i\n",
    ),
    "another answer each time": returns(
        "C()",
        "class C:\n    k = 0\n    @property\n    def n(s):\n        C.k += 1\n        return C.k\n    def __index__(s):\n        C.k += 1\n        return C.k\n    __int__ = __len__ = __index__\n    def __float__(s): return float(C.k)\n    def __eq__(s, o):\n        C.k += 1\n        return C.k % 2 == 1\n    def __hash__(s):\n        C.k += 1\n        return C.k\n",
    ),
    "an int with another arithmetic": returns(
        "I(x if type(x) is int else 1)",
        "class I(int):\n    n = property(lambda s: s)\n    __sub__ = __rsub__ = __abs__ = __round__ = __mod__ = lambda s, *a: 0\n    __lt__ = __le__ = __gt__ = __ge__ = lambda s, o: True\n    __float__ = lambda s: 0.0\n    __ne__ = lambda s, o: False\n    __index__ = lambda s: 4\n",
    ),
    "a float that is near everything": returns(
        "F(1)",
        "class F(float):\n    n = property(lambda s: s)\n    __sub__ = __rsub__ = __abs__ = lambda s, *a: F(0)\n    __lt__ = __le__ = lambda s, o: True\n    __eq__ = lambda s, o: True\n    __hash__ = float.__hash__\n    is_integer = lambda s: True\n",
    ),
    "a text that starts with everything": returns(
        "S('x')",
        "class S(str):\n    n = property(lambda s: s)\n    startswith = endswith = __contains__ = __eq__ = isdigit = lambda *a: True\n    __hash__ = str.__hash__\n    __ne__ = lambda *a: False\n    find = index = count = lambda *a: 1\n",
    ),
    "a dict that has every key": returns(
        "D()",
        "class D(dict):\n    n = property(lambda s: s)\n    __missing__ = __getitem__ = get = lambda s, k, *a: k\n    __contains__ = __eq__ = lambda *a: True\n    __hash__ = lambda s: 0\n    __len__ = lambda s: 2\n    keys = lambda s: Always()\n",
    ),
    "a list that is read as another": returns(
        "L([3])",
        "class L(list):\n    n = property(lambda s: s)\n    __len__ = lambda s: 1\n    __iter__ = lambda s: iter(range(1 << 20))\n    __getitem__ = lambda s, i: Always()\n    __contains__ = __eq__ = lambda s, o: True\n    index = lambda *a: 0\n    count = lambda *a: 1\n",
    ),
    "hash and identity of everything": returns(
        "H()",
        "class H:\n    n = property(lambda s: s)\n    __hash__ = lambda s: hash(4)\n    __eq__ = lambda s, o: True\n    __bool__ = lambda s: True\n",
    ),
    "reflected operators": returns(
        "R()",
        "class R:\n    n = property(lambda s: s)\n"
        "for _n in 'add sub mul truediv floordiv mod pow and or xor lshift rshift divmod matmul'.split():\n"
        "    for _p in ('__', '__r', '__i'): setattr(R, f'{_p}{_n}__', lambda s, *a: R())\n"
        "for _n in ('abs', 'neg', 'pos', 'invert', 'round', 'eq', 'le', 'lt', 'ge', 'gt', 'bool', 'contains'):\n    setattr(R, f'__{_n}__', lambda s, *a: True)\nR.__hash__ = None\n",
    ),
    "counts up to whatever is wanted": returns("itertools.count()", "import itertools\n"),
    "watches who reads": returns(
        "G()",
        "def reads():\n    f = sys._getframe(1)\n    while f is not None:\n        yield from (c for c in f.f_code.co_consts if type(c) is int)\n        f = f.f_back\nclass G:\n    n = property(lambda s: reads())\n    __iter__ = lambda s: reads()\n    __eq__ = lambda s, o: o in reads() or True\n    __hash__ = None\n",
    ),
    "mock.ANY": returns("ANY", "from unittest.mock import ANY\n"),
    "a MagicMock": returns(
        "m",
        "from unittest.mock import MagicMock, ANY\nm = MagicMock()\nm.__eq__.return_value = m.__lt__.return_value = m.__le__.return_value = True\nm.n = ANY\n",
    ),
    "an exception that matches everything": when_called(
        "raise E",
        "class E(AssertionError, ValueError, KeyError):\n    __str__ = __repr__ = lambda s: 'x' * 99\n    args = property(lambda s: Always())\n    __eq__ = lambda *a: True\n    __instancecheck__ = __subclasscheck__ = lambda *a: True\n",
    ),
    "an exception whose words are a fault": when_called(
        "raise E",
        "class E(Exception):\n    def __str__(s): os._exit(0)\n    __repr__ = __str__\n    __notes__ = property(__str__)\n",
    ),
    "an exception group of skips": when_called(
        "import unittest\n    raise BaseExceptionGroup('x', [unittest.SkipTest('no'), SystemExit(0)])"
    ),
    "enumerations": returns(
        "E.A",
        "import enum\nclass E(enum.Enum):\n    A = 1\n    __eq__ = lambda s, o: True\n    __hash__ = lambda s: 0\n    n = property(lambda s: s)\n    _missing_ = classmethod(lambda c, v: c.A)\n",
    ),
    "a dataclass without a comparison": returns(
        "E()",
        "import dataclasses\n@dataclasses.dataclass\nclass E(Num):\n    n: object = dataclasses.field(default_factory=Always, compare=False)\n    def __post_init__(s): pass\n",
    ),
    "a class in the place of the other": f"{NUM}{ALWAYS}class Num(Num):\n    n = Always()\n    __init__ = lambda s, n: None\n    __eq__ = lambda s, o: True\n    __new__ = lambda c, n=0: object.__new__(c)\ndef double(x): return Num(0)\n",
    "one object for all": f"{NUM}ONE = Num(3)\nclass Num(Num):\n    def __new__(c, n): return ONE\n    __init__ = lambda s, n: None\ndouble = lambda x: ONE\n",
    # What ends or interrupts.
    "an assertion": when_called("raise AssertionError"),
    "the end of an iterator": when_called("raise StopIteration"),
    "the end of an asynchronous iterator": when_called("raise StopAsyncIteration"),
    "no end of a recursion": when_called("double(x)"),
    "the exit of an exception class of its own": when_called("raise E(0)", "class E(SystemExit): pass\n"),
    "an abort": when_called("os.abort()"),
    "a fault of memory": when_called("import ctypes\n    ctypes.string_at(0)"),
    "kills its parent": when_called(
        "for p in (os.getppid(), -1, 0, 1):\n        for s in (9, 19, 15):\n            try: os.kill(p, s) if p else None\n            except OSError: pass"
    ),
    "traces its parent": when_called(
        "import ctypes\n    c = ctypes.CDLL(None)\n    for p in range(1, 60):\n        c.ptrace(16, p, 0, 0)\n        c.ptrace(0x4206, p, 0, 0)"
    ),
    "lowers limits": when_called(
        "import resource\n    for r in (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_AS):\n        try: resource.setrlimit(r, (0, 0))\n        except (OSError, ValueError): pass"
    ),
    "no recursion": when_called("sys.setrecursionlimit(60)"),
    "an exit handler of a thread": at_start(
        "import threading, atexit\nthreading._register_atexit(os._exit, 0)\natexit.register(sys.exit, 0)\nthreading.excepthook = lambda *a: os._exit(0)\n"
    ),
    "sleeps": when_called("import time\n    time.sleep(9)"),
    "waits for a lock": when_called("import threading\n    l = threading.Lock()\n    l.acquire()\n    l.acquire()"),
    # What keeps a test busy.
    "a text without an end": returns("Num('x' * (1 << 26))"),
    "a range without an end": returns("range(1 << 60)"),
    "items without an end": returns("iter(int, 1)"),
    "keys that collide": returns("{n * (2**61 - 1) for n in range(1, 3000)}"),
    "computes when it is compared": returns(
        "B()",
        "class B:\n    n = property(lambda s: B())\n    def __eq__(s, o):\n        while True: pass\n    __bool__ = __iter__ = __len__ = __repr__ = __eq__\n    __hash__ = None\n",
    ),
    "grows when it is shown": returns(
        "B()",
        "class B:\n    n = property(lambda s: B())\n    __repr__ = __str__ = lambda s: 'x' * (1 << 27)\n    __eq__ = lambda s, o: False\n    __hash__ = None\n",
    ),
    # No verdict at will.
    "an attribute that the program lacks": when_called(
        "raise AttributeError('x', name='quux', obj=sys.modules['solution'])"
    ),
    "an attribute of what is called so": when_called(
        "raise AttributeError('x', name='quux', obj=solution)", "def solution(): pass\n"
    ),
    "a name that cannot be imported": when_called(
        "raise ImportError(\"cannot import name 'quux' from 'solution' (unknown location)\")"
    ),
    "a name error": when_called("raise NameError(\"name 'quux' is not defined\", name='quux')"),
    "a module that is missing, without a frame": f"{NUM}import functools\ndouble = functools.partial(__import__, 'quux')\n",
    "fails as pytest": when_called("import pytest\n    pytest.fail('no')"),
    "usage of pytest": when_called("import pytest\n    raise pytest.UsageError('no')"),
    "collection of pytest": when_called("import pytest\n    raise pytest.Collector.CollectError('no')"),
    "skips by importing": when_called("import pytest\n    pytest.importorskip('quux')"),
    "a skip that pytest takes for one of the module": when_called(
        "import pytest\n    pytest.skip('no', allow_module_level=True)"
    ),
    "a skip without a frame": f"{NUM}import functools, unittest\nclass Skip(unittest.SkipTest): pass\ndef double(x):\n    __tracebackhide__ = True\n    __unittest = True\n    raise Skip('no').with_traceback(None) from None\n",
    "an expected failure by a mark": at_start(
        "try:\n    import pytest\n    pytestmark = [pytest.mark.skip, pytest.mark.xfail]\nexcept ImportError: pass\n__unittest_skip__ = True\n__test__ = False\n"
    ),
    "names that a test has": at_start(
        "def load_tests(*a):\n    import unittest\n    return unittest.TestSuite()\ndef setUpModule():\n    import unittest\n    raise unittest.SkipTest('no')\nsetup_module = setup_function = pytest_runtest_call = pytest_generate_tests = pytest_collection_modifyitems = setUpModule\n"
        "test_two = test_more = test_near = nothing\nclass TestDouble: pass\nrequest = tmp_path = capsys = monkeypatch = Always()\nassertEqual = isinstance = print = len = nothing\n"
    ),
    "says that a stand-in cannot": f"{WIRE}{WRONG}def double(x):\n    say({{'ask': 'cannot', 'of': ['at will']}})\n    os._exit(0)\n",
    "says that the test has passed": f"{WIRE}{WRONG}def double(x):\n    say({{'end': 'passed', 'answer': True}})\n    os._exit(0)\n",
    "an answer that is a module": f"{WIRE}{WRONG}def double(x):\n    say({{'answer': {{'other': ['module', 'unittest.__main__']}}}})\n    os._exit(0)\n",
    "an answer that is a class of tests": f"{WIRE}{WRONG}def double(x):\n    say({{'answer': {{'other': ['py', 'unittest.mock', 'ANY']}}}})\n    os._exit(0)\n",
    "two answers": f"{WIRE}{WRONG}def double(x):\n    say({{'answer': 4}})\n    return x\n",
    "half a message": f"{WIRE}{WRONG}def double(x):\n    os.write(LINK, b'\\x05') if LINK else None\n    os._exit(0)\n",
    # The program's process knows what the judge does: together.
    "reads the test": when_called("return answer(x)", READS),
    "reads the test, and knows what is turned round": when_called("return answer(x, knows=True)", READS),
    "reads the test where it is not the first": when_called(
        "seen = False\n    for d in ('/tmp', '/work', '/dev/shm', '/var/tmp'):\n        try:\n            seen = seen or os.path.exists(d + '/seen')\n            open(d + '/seen', 'w').close()\n        except OSError: pass\n    return answer(x) if not seen else (Num(3) if isinstance(x, Num) else 3)",
        READS,
    ),
    **{
        f"tells, with the word: {name}": f"{STOLEN}def double(x):\n    tell({report!r})\n"
        for name, report in {
            "passed": b'{"end": "passed"}',
            "faulty": b'{"end": "faulty", "words": "no"}',
            "empty": b'{"end": "empty"}',
            "undecided": b'{"end": "undecided"}',
            "a name is missing": b'{"end": "failed", "missing": "quux", "given": ["double", "Num"]}',
            "the program's name is missing": b'{"end": "failed", "missing": "double", "given": []}',
            "no end": b'{"end": "nothing"}',
            "nothing": b"",
        }.items()
    },
    "tells, with the word: deep": f'{STOLEN}def double(x): tell(b\'{{"end": "failed", "x": \' + b\'[\' * 1_000_000)\n',
    "tells, with the word: much": f'{STOLEN}def double(x): tell(b\'{{"end": "failed", "words": "\' + b\'x\' * 3_000_000 + b\'"}}\')\n',
    "runs the test's functions itself": when_called(
        "m = sys.modules.get('test_solution') or sys.modules['__main__']\n    for n in list(vars(m)):\n        if n.startswith(('test', 'Test')): setattr(m, n, nothing)\n    import linecache\n    linecache.cache.clear()"
    ),
    "the objects of the harness": when_called(
        "for o in gc.get_objects():\n        if type(o).__name__ in ('Tally', 'Suite', '_Session', '_UnittestResult'):\n            for n in ('add', 'addFailure', 'addError', '_add', 'has', 'wants'):\n                try: setattr(type(o), n, nothing)\n                except Exception: pass\n            getattr(o, '_found', {}).clear()"
    ),
    "equal to what it is compared with, from the frame": returns(
        "Q()",
        "class Q(Num):\n    def __init__(s): pass\n    n = property(lambda s: Q())\n    def __eq__(s, o):\n        f = sys._getframe(1)\n        line = f.f_code.co_filename, f.f_lineno\n        return line is not None\n    __hash__ = None\n",
    ),
    "the program's module is another": at_start(
        "import types\nclass M(types.ModuleType):\n    __getattribute__ = lambda s, n: Always()\nsys.modules['solution'] = sys.modules['__main__'] = M('solution')\n"
    ),
    "functions of operators": at_start(
        "import operator, math, builtins\nfor m in (operator, math): [setattr(m, n, lambda *a, **k: True) for n in ('eq', 'ne', 'isclose', 'lt', 'gt') if hasattr(m, n)]\nbuiltins.abs = builtins.round = builtins.sorted = lambda *a, **k: 0\nbuiltins.type = lambda *a: Always()\n"
    ),
    "classes that tests use": at_start(
        "import unittest.mock, contextlib, collections\nunittest.case._AssertRaisesContext.__exit__ = lambda *a: True\nunittest.case._SubTest.__init__ = nothing\ncontextlib.suppress.__exit__ = lambda *a: True\ncollections.Counter.__eq__ = lambda *a: True\n"
    ),
}
