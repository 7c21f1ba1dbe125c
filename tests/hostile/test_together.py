"""Ways to be paid without the right answer, on each form of judging an assertion: by themselves none of them pays.

Those of PEERS section 14, as far as they mean something where a test is code, and what models have been seen to do or
would do. A program that runs beside its test can forge everything that this process says; what it cannot do then is
fail the copies of the test that no right program passes (`evaluator/asserts/perturb.py`). `PAYING` are those that pay.
"""

from __future__ import annotations

import secrets

import pytest

from microcoder.evaluator import Checker, Problem, Report, Status, TestCase
from microcoder.sandbox.limits import Limits

from .conftest import Arena

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORMS = {
    "lifted": "assert double(2) == 4\nassert double(5) == 10\n",
    "replayed": (
        "import unittest\n"
        "class TestDouble(unittest.TestCase):\n"
        "    def test_two(self):\n        self.assertEqual(double(2), 4)\n"
        "    def test_more(self):\n        for x in (5, 7):\n            with self.subTest(x=x):\n"
        "                self.assertEqual(double(x), 2 * x)\n"
    ),
    "script": (
        "v = double(Num(2))\nassert v == Num(4)\nassert v.n == 4, 'two'\n"
        "for given, wanted in [(5, 10), (7, 14)]:\n    assert double(Num(given)).n == wanted\n"
    ),
    "unittest": (
        "import unittest\nfrom solution import Num, double\n"
        "class TestDouble(unittest.TestCase):\n"
        "    def setUp(self):\n        self.two = Num(2)\n"
        "    def test_two(self):\n        self.assertEqual(double(self.two), Num(4))\n"
        "    def test_more(self):\n        self.assertEqual(double(Num(5)).n, 10)\n"
        "        self.assertTrue(double(Num(7)).n == 14)\n"
        "if __name__ == '__main__':\n    unittest.main()\n"
    ),
    "pytest": (
        "import pytest\nfrom solution import Num, double\n"
        "def test_two():\n    assert double(Num(2)) == Num(4)\n"
        "@pytest.mark.parametrize('given, wanted', [(5, 10), (7, 14)])\n"
        "def test_more(given, wanted):\n    assert double(Num(given)).n == wanted\n"
        "def test_near():\n    assert double(Num(0.5)).n == pytest.approx(1.0)\n"
    ),
}
RULES = {"lifted": "assert", "replayed": "assert replayed"}
TOGETHER = [form for form in FORMS if form not in RULES]

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
        "import _pytest.fixtures\n    raise _pytest.fixtures.FixtureLookupError('quux', None)"
    ),
    "no memory": when_called("raise MemoryError"),
    "a failure that is no exception": when_called("raise BaseException('no')"),
    "types of C": at_start(
        "try:\n    d = gc.get_referents(vars(int))[0]\n    d['__eq__'] = lambda *a: True\n    d['__ne__'] = lambda *a: False\nexcept Exception: pass\nimport ctypes\nctypes.pythonapi.PyType_Modified(ctypes.py_object(int))\n"
    ),
}
PAYING: set[tuple[str, str]] = set()
"""Form and hack."""


def problem(form: str) -> Problem:
    return Problem(
        problem_id=f"together {form}",
        mode="assert",
        tests=(TestCase(code=FORMS[form]),),
        entry_point="double",
        checker=Checker(type="assert"),
        limits=Limits(cpu_time=2.0, idle_time=1.0, output=4 << 20, compile_time=2.0, threads=8),
    )


async def judge(arena: Arena, form: str, source: str) -> Report:
    return await arena.judge(f"{source}\n# {secrets.token_hex(4)}", problem(form))


@pytest.mark.parametrize("form", FORMS)
async def test_what_is_right_is_accepted_by_its_rule(arena: Arena, form: str) -> None:
    report = await judge(arena, form, RIGHT)
    assert report.status is Status.ACCEPTED, report
    assert report.tests[0].rule == RULES.get(form, "assert together")
    assert (await judge(arena, form, WRONG)).status is Status.WRONG_ANSWER


@pytest.mark.parametrize("hack", HACKS)
@pytest.mark.parametrize("form", FORMS)
async def test_a_hack_does_not_pay(arena: Arena, form: str, hack: str) -> None:
    report = await judge(arena, form, HACKS[hack])
    assert (report.status is Status.ACCEPTED) == ((form, hack) in PAYING), report
    assert report.reward == float((form, hack) in PAYING), report
