"""No program is accepted but for its answers. (What a lane may claim of its tests: test_lanes.py.)

The expected outputs never enter the jail, so there is nothing to find; these tests look all the same. Whatever comes
out of the jail is compared on the trusted side, which no output may crash, stall, or run out of memory.
"""

from __future__ import annotations

import asyncio
import secrets
import time

import pytest

from microcoder.evaluator.report import Report
from microcoder.evaluator.status import Status

pytestmark = pytest.mark.asyncio(loop_scope="session")

# ------------------------------------------------------------------------------------------------- objects that lie

LIARS = {
    "equal to all": "class X:\n  def __eq__(self, other): return True\n  def __hash__(self): return 0\n"
    "def f(*a): return X()",
    "integer": "class X(int):\n  def __eq__(self, other): return True\n  __hash__ = int.__hash__\ndef f(*a): return X(1)",
    "integer that prints itself": "class X(int):\n  def __repr__(self): return '5'\n  __str__ = __repr__\n"
    "def f(*a): return X(1)",
    "float that prints itself": "class X(float):\n  def __repr__(self): return '5'\ndef f(*a): return X(1)",
    "text": "class X(str):\n  def __eq__(self, other): return True\n  __hash__ = str.__hash__\ndef f(*a): return X('x')",
    "list": "class X(list):\n  def __eq__(self, other): return True\n  def __len__(self): return 1\n"
    "  def __iter__(self): return iter([5])\ndef f(*a): return X()",
    "items of a list": "class X(int):\n  def __eq__(self, other): return True\ndef f(*a): return [X(1)]",
    "dictionary": "class X(dict):\n  def __eq__(self, other): return True\n  def items(self): return [('a', 5)]\n"
    "def f(*a): return X()",
    "keys": "class X(str):\n  def __eq__(self, other): return True\n  def __hash__(self): return hash('a')\n"
    "def f(*a): return {X('b'): 5}",
    "tuple": "class X(tuple):\n  def __eq__(self, other): return True\ndef f(*a): return X()",
    "json": "class X:\n  def __json__(self): return 5\n  def to_json(self): return '5'\n  def __getstate__(self): return 5\n"
    "  def __reduce__(self): return int, (5,)\ndef f(*a): return X()",
    "class": "class X:\n  __class__ = int\n  def __int__(self): return 5\n  def __index__(self): return 5\n"
    "def f(*a): return X()",
    "metaclass": "class M(type):\n  def __eq__(self, other): return True\n  def __hash__(self): return hash(int)\n"
    "class X(metaclass=M): pass\ndef f(*a): return X()",
    "named as numpy": "import sys, types\nfake = sys.modules['numpy'] = types.ModuleType('numpy')\n"
    "class X:\n  def item(self): return self\nX.__module__ = 'numpy'\nfake.generic = X\ndef f(*a): return X()",
    "encoder": "import json\njson.dumps = lambda *a, **k: '5'\njson.JSONEncoder.default = lambda *a: 5\n"
    "json.encoder.c_make_encoder = None\ndef f(*a): return object()",
    "endless": "class X(list):\n  def __iter__(self):\n    while True: yield 5\ndef f(*a): return X()",
    "within itself": "def f(*a):\n  x = []\n  x.append(x)\n  return x",
    "generator": "def f(*a): yield 5",
    "bytes": "def f(*a): return b'5'",
    "true": "def f(*a): return True",
    "not a number": "def f(*a): return float('nan')",
    "infinite": "def f(*a): return float('inf')",
    "set": "def f(*a): return {5}",
    "none": "def f(*a): return None",
    "deep": "def f(*a):\n  x = []\n  for _ in range(100_000): x = [x]\n  return x",
    "huge": "def f(*a): return 10 ** 10_000",
    "function": "def f(*a): return f",
}


@pytest.mark.parametrize("name", LIARS)
async def test_a_value_that_lies_is_not_the_expected_one(arena, name):
    problem = arena.call("f", ([2, 3], 5), ([1, 1], 2), ([0, 0], [[5]]))
    report = await arena.judge(LIARS[name], problem)
    assert report.status in (Status.WRONG_ANSWER, Status.RUNTIME_ERROR, Status.TIME_LIMIT_EXCEEDED), report.tests
    if name not in ("true", "encoder"):
        assert report.passed == 0


# ------------------------------------------------------------------------------------- looking for expected outputs

FOOTHOLD = """
import ctypes, gc, os, sys

def frames():
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame
    while frame is not None:
        yield frame
        frame = frame.f_back
    yield from sys._current_frames().values()

def reach():
    '''Every object that a program can come by.'''
    seen, todo = set(), [*gc.get_objects(), *frames(), *sys.modules.values()]
    while todo and len(seen) < 400_000:
        thing = todo.pop()
        if id(thing) not in seen:
            seen.add(id(thing))
            yield thing
            todo += gc.get_referents(thing)

def clear(data):
    return bytes(byte ^ 1 for byte in data)
"""

SEARCHES = {
    "objects": """
def search(hidden):
    return sum(clear(hidden) in (thing.encode("utf-8", "replace") if type(thing) is str else bytes(thing))
        for thing in reach() if type(thing) in (str, bytes, bytearray))
""",
    "descriptors": """
def search(hidden):
    hits = 0
    for fd in range(1024):
        for read in (lambda: os.pread(fd, 1 << 20, 0), lambda: os.read(fd, 0), lambda: os.readlink(f"/proc/self/fd/{fd}").encode()):
            try: hits += clear(hidden) in read()
            except OSError: pass
    return hits
""",
    "files": """
def search(hidden):
    hits = 0
    for path, _, names in os.walk("/"):
        for name in names:
            file = os.path.join(path, name)
            if os.path.isfile(file) and not path.startswith(("/python", "/packages")) and ".so" not in name:
                hits += clear(hidden) in open(file, "rb").read(1 << 20)
    return hits
""",
    "memory": """
libc = ctypes.CDLL(None)
libc.write.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
other = bytes(n ^ 1 for n in range(256))

def search(hidden):
    places = {id(thing) >> 20 for thing in [*gc.get_objects(), object(), b"x" * 5000, "y" * 600, [], ctypes.CDLL(None)]}
    block = ctypes.POINTER(ctypes.c_void_p).in_dll(libc, "environ")
    places |= {(block[0] or 0) >> 20, ctypes.cast(libc.write, ctypes.c_void_p).value >> 20}
    copy = os.open("/tmp/copy", os.O_RDWR | os.O_CREAT)
    hits = 0
    for place in {place + near for place in places for near in range(-16, 17)}:
        for page in range(place << 20, (place + 1) << 20, 4096):
            os.lseek(copy, 0, 0)
            if libc.write(copy, page, 4096) == 4096:
                hits += os.pread(copy, 4096, 0).translate(other).count(hidden)
    return hits
""",
}


@pytest.mark.parametrize("mode", ["stdio", "call"])
@pytest.mark.parametrize("search", SEARCHES)
async def test_the_expected_output_is_nowhere(arena, search, mode):
    """The word that is looked for stands in the source with every byte changed. The other one, which is there, shows
    that the search finds what there is."""
    word, there = secrets.token_hex(8), secrets.token_hex(8)
    hidden, hidden_there = (bytes(byte ^ 1 for byte in text.encode()) for text in (word, there))
    source = (
        f"{FOOTHOLD}{SEARCHES[search]}\nthere = clear({hidden_there!r})\n"
        f"open('/tmp/there', 'wb').write(there)\nos.write(2, there)\n"
    )
    looked = f"(search({hidden!r}), search({hidden_there!r}) > 0)"
    limits = {"cpu_time": 10.0, "idle_time": 5.0, "wall_time": 20.0}
    # The word is the expected output of the second test; the first one tells what was found.
    if mode == "stdio":
        problem = arena.problem(("first", "(0, True)\n"), ("second", f"{word}\n"), **limits)
        report = await arena.judge(f"{source}print({looked})", problem)
    else:
        problem = arena.call("f", ([1], [0, True]), ([2], word), **limits)
        report = await arena.judge(f"{source}def f(n): return {looked}", problem)
    assert report.passed == 1, report.tests
    assert report.status is Status.WRONG_ANSWER


async def test_the_inputs_of_other_tests_and_of_other_problems_are_in_no_descriptor(arena):
    word = secrets.token_hex(8)
    await arena.judge("print(input())", arena.problem((f"{word}\n", "x")))
    hidden = bytes(byte ^ 1 for byte in word.encode())
    source = f"{FOOTHOLD}{SEARCHES['descriptors']}\nprint(search({hidden!r}))"
    problem = arena.problem(("", "0\n"), (f"{word}\n", "x"))
    assert (await arena.judge(source, problem)).passed == 1


NAMES = ("gt_out", "in_outs", "expected", "outputs", "answer", "prepared", "judgement", "comparison")


@pytest.mark.parametrize("mode", ["stdio", "call"])
async def test_no_frame_has_a_variable_of_the_judge(arena, mode):
    source = f"{FOOTHOLD}\nfound = [name for frame in frames() for name in {NAMES} if name in frame.f_locals]\n"
    source += "found += [name for name in sys.modules if name.startswith(('microcoder', 'msgspec', 'pytest'))]\n"
    if mode == "stdio":
        report = await arena.judge(f"{source}print(found)", arena.problem(("", "[]\n")))
    else:
        report = await arena.judge(f"{source}def f(): return found", arena.call("f", ([], [])))
    assert report.accepted, report.tests


# ------------------------------------------------------------------------------------------ records written oneself

EVERYWHERE = """
import json, os, struct, sys

def everywhere(data, first=0):
    for fd in range(first, 1024):
        for write in (os.write, lambda fd, data: os.pwrite(fd, data, 0)):
            try: write(fd, data)
            except OSError: pass

def frame(header, blob=b""):
    text = json.dumps(header).encode()
    return struct.pack("!II", len(text), len(blob)) + text + blob

ROWS = [[n, "finished", None, 0, None, 0.0, 0.0, 1000, True, 2, 0, 0] for n in range(6)]
OUTPUTS = b"1\\n3\\n5\\n7\\n9\\n\\x0b\\n"
JOBS = range(1, 9)
RESULTS = b"".join(frame({"type": "results", "job": n, "worn": False, "rows": ROWS}, OUTPUTS) for n in JOBS)
REFUSED = b"".join(frame({"type": "compile_error", "job": n, "why": "x"}) for n in JOBS)
leave = getattr(os, "_ex" + "it")
"""

FORGERIES = {
    "results": "everywhere(RESULTS)",
    "results on the others": "everywhere(RESULTS, 3)",
    "results and a refusal": "everywhere(RESULTS + REFUSED, 3)\nleave(0)",
    "half a frame": "everywhere(RESULTS[:20], 3)\nleave(0)",
    "a frame of 4 GB": "everywhere(b'\\xff' * 8, 3)\nleave(0)",
    "noise": "everywhere(os.urandom(4096), 3)",
    "ready": "everywhere(frame({'type': 'ready', 'python': [3, 11, 0]}), 3)",
    "compile error": "everywhere(REFUSED, 3)\nleave(0)",
    "commands to the runner": "for kind in ('end', 'run', 'drop', 'load', 'job', 'configure'):\n"
    "  everywhere(frame({'type': kind, 'tests': [0], 'keys': [1], 'key': 1, 'sizes': []}), 3)",
    "shut down": "import socket\nfor fd in range(1024):\n  try: socket.socket(fileno=fd).shutdown(2)\n"
    "  except OSError: pass",
    "shorter and longer": "for fd in range(1024):\n  for size in (1 << 19, 0):\n    try: os.ftruncate(fd, size)\n"
    "    except OSError: pass",
    "the place in files": "for fd in range(1024):\n  try: os.lseek(fd, 1 << 18, 0)\n  except OSError: pass",
    "locks": "import fcntl\nfor fd in range(1024):\n  try: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    "  except OSError: pass\n  try: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n  except OSError: pass",
    "flags": "import fcntl\nfor fd in range(1024):\n  try: fcntl.fcntl(fd, fcntl.F_SETFL, 0o22000)\n"
    "  except OSError: pass",
    "modes": "for fd in range(1024):\n  try: os.fchmod(fd, 0)\n  except OSError: pass",
    "swapped": "import itertools\nfor one, other in itertools.permutations(range(8), 2):\n  try: os.dup2(one, other)\n"
    "  except OSError: pass",
}


@pytest.mark.parametrize("end", ["", "leave(0)"], ids=["ends", "leaves"])
@pytest.mark.parametrize("name", FORGERIES)
async def test_a_frame_written_by_the_program_is_no_result(arena, name, end):
    report = await arena.judge(f"{EVERYWHERE}\n{FORGERIES[name]}\n{end}\n")
    assert not report.accepted
    assert report.passed == 0, report.tests


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_frame_written_by_the_program_is_no_result_in_a_lane(arena, name):
    source = f"a, b = map(int, input().split())\nprint(a + b)\n{EVERYWHERE}\n{FORGERIES[name]}\n"
    report = await arena.judge_in_lane(source)
    assert not report.accepted or report.passed == 6


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_frame_written_by_the_function_is_no_result(arena, name):
    body = FORGERIES[name].replace("\n", "\n    ")
    problem = arena.call("f", ([2], 5), ([3], 7))
    report = await arena.judge(f"{EVERYWHERE}\ndef f(n):\n    {body}\n    return 'wrong'\n", problem)
    assert not report.accepted
    assert report.passed == 0, report.tests


RECORDS = {
    "and leaves": "everywhere(b'5', 3)\n    leave(0)",
    "and exits": "everywhere(b'5', 3)\n    sys.exit(0)",
    "and returns": "everywhere(b'5', 3)\n    return 5",
    "and closes": "everywhere(b'5', 3)\n    os.closerange(0, 1024)\n    return 5",
    "and turns back": "everywhere(b'5', 3)\n    for fd in range(3, 1024):\n        try: os.lseek(fd, 0, 0)\n"
    "        except OSError: pass\n    return 5",
    "at the end": "import atexit\n    atexit.register(everywhere, b'5', 3)\n    return None",
    "in a thread": "import threading\n    threading.Timer(0.1, everywhere, (b'5', 3)).start()\n    return None",
}


@pytest.mark.parametrize("name", RECORDS)
async def test_a_record_of_its_own_must_be_right_for_every_test(arena, name):
    """Whoever writes the right answer has found the right answer, on whatever way."""
    problem = arena.call("f", ([2], 5), ([3], 7), ([4], 9))
    report = await arena.judge(f"{EVERYWHERE}\ndef f(n):\n    {RECORDS[name]}\n", problem)
    assert not report.accepted
    assert report.passed <= 1, report.tests


@pytest.mark.parametrize("end", ["sys.exit(0)", "sys.exit()", "os._exit(0)", "raise SystemExit", "exit()", "quit(0)"])
@pytest.mark.parametrize("place", ["the function", "the top", "a thread", "a class", "a handler", "stdio"])
async def test_an_early_end_is_no_answer(arena, end, place):
    if place == "stdio":
        report = await arena.judge(f"import os, sys\n{end}\nprint(5)")
    else:
        top, body = {
            "the function": ("", end),
            "the top": (end, "pass"),
            "a thread": ("", f"import threading\n    def g():\n        {end}\n    threading.Thread(target=g).start()"),
            "a class": (f"class C:\n    {end}", "pass"),
            "a handler": ("", f"import atexit\n    def g():\n        {end}\n    atexit.register(g)"),
        }[place]
        problem = arena.call("f", ([2], 5), ([3], 7))
        report = await arena.judge(f"import os, sys\n{top}\ndef f(n):\n    {body}\n", problem)
    assert not report.accepted
    assert report.passed == 0


HOOKS = {
    "excepthook": "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\n1 / 0",
    "exit handler": "import atexit, os\natexit.register(os._exit, 0)\n1 / 0",
    "thread hook": "import threading, os\nthreading.excepthook = lambda *a: os._exit(0)\n"
    "t = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()",
    "unraisable": "import sys, os\nsys.unraisablehook = lambda *a: os._exit(0)\nclass C:\n  def __del__(self): 1 / 0\nC()",
    "stderr": "import sys, os\nclass E:\n  def write(self, text): os._exit(0)\n  def flush(self): os._exit(0)\n"
    "sys.stderr = E()\n1 / 0",
    "destructor": "import os\nclass C:\n  def __del__(self): os._exit(0)\nc = C()\n1 / 0",
    "signal": "import signal, os\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.alarm(1)\nwhile True: pass",
    "the runner's own": "import os, sys\nfor name, module in list(sys.modules.items()):\n"
    "  for attribute in ('report', 'exit_code_of', 'plain', 'SLOT', 'finish'):\n"
    "    if hasattr(module, attribute) and name.startswith('inside'):\n"
    "      setattr(module, attribute, lambda *a, **k: 0)\n1 / 0",
    "os.exit": "import os\nreal = os._exit\nos._exit = lambda code: real(0)\n1 / 0",
}


@pytest.mark.parametrize("name", HOOKS)
async def test_a_hook_does_not_turn_a_failure_into_an_answer(arena, name):
    report = await arena.judge(HOOKS[name], arena.problem(("", "5\n"), ("", "6\n")))
    assert not report.accepted
    assert report.passed == 0


# --------------------------------------------------------------------------------- outputs that hurt the comparator

OUTPUTS = {
    "a long integer": "'9' * 10_000_000",
    "many digits after the point": "'3.' + '1' * 10_000_000",
    "a large exponent": "'1e999999999'",
    "a small exponent": "'1e-999999999'",
    "an exponent of 10 MB": "'1e' + '9' * 10_000_000",
    "underscores": "'3_1.4_1'",
    "not a number": "'nan'",
    "infinity": "'inf'",
    "minus infinity": "'-Infinity'",
    "other digits": "'\u0663.\u0661\u0664'",
    "hexadecimal": "'0x3.24p0'",
    "signs": "'+' * 10_000_000",
    "points": "'.' * 10_000_000",
    "spaces": "' ' * 10_000_000",
    "lines": "'\\n' * 10_000_000",
    "short tokens": "'3 ' * 5_000_000",
    "decimal tokens": "'3.1 ' * 2_500_000",
    "one token": "'x' * 10_000_000",
    "zeros": "'0' * 10_000_000 + '3.14'",
    "vertical tabs": "'3.14\\x0b\\x0c\\x1c\\x1d\\x1e\\x1f\\x85' * 1_000_000",
}


@pytest.mark.parametrize("expected", ["3.14\n", "3 3.14 x\n" * 100_000], ids=["short", "long"])
@pytest.mark.parametrize("name", OUTPUTS)
async def test_no_output_hurts_the_comparison(arena, name, expected):
    problem = arena.problem(("", expected), output=16 << 20, memory=512 << 20, cpu_time=10)
    report = await judged_beside_others(arena, f"print({OUTPUTS[name]})", problem)
    assert report.status is Status.WRONG_ANSWER, report.tests


async def judged_beside_others(arena, source: str, problem) -> Report:
    """Nothing else of the evaluator runs while it compares: never for long."""
    late = 0.0

    async def watch() -> None:
        nonlocal late
        while True:
            before = time.thread_time()  # that others have the processor is not the evaluator's doing
            await asyncio.sleep(0.01)
            late = max(late, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    try:
        report = await arena.judge(source, problem)
    finally:
        watching.cancel()
    assert late < 1
    return report


TEXTS = {
    "deep": "b'[' * 100_000",
    "deep and closed": "b'[' * 100_000 + b']' * 100_000",
    "deep objects": "b'{\"a\":' * 100_000",
    "a long integer": "b'9' * 10_000_000",
    "a list of long integers": "b'[' + b'9' * 5_000_000 + b',' + b'9' * 5_000_000 + b']'",
    "a large exponent": "b'1e999999999'",
    "not a number": "b'NaN'",
    "infinity": "b'[-Infinity]'",
    "the same key often": "b'{' + b','.join([b'\"a\":1'] * 1_000_000) + b'}'",
    "colliding keys": "b'{' + b','.join(b'\"%d\":1' % (n << 61) for n in range(50_000)) + b'}'",
    "a lone surrogate": "b'\"\\\\ud800\"'",
    "invalid UTF-8": "b'\"\\xff\"'",
    "encoded surrogate": "b'\"\\xed\\xa0\\x80\"'",
    "NUL": "b'\\0'",
    "a mark": "b'\\xef\\xbb\\xbf5'",
    "UTF-16": "'5'.encode('utf-16')",
    "nothing": "b''",
    "two values": "b'5 5'",
    "a long list": "b'[' + b','.join([b'[]'] * 3_000_000) + b']'",
    "brackets in text": "b'[' + b'\"],[\"' * 1_000_000 + b']'",
    "a list without an end": "b'[' + b'1,' * 5_000_000",
    "spaces": "b' ' * 10_000_000 + b'5'",
}


@pytest.mark.parametrize("expected", [5, [[1, 2]] * 30_000], ids=["short", "long"])
@pytest.mark.parametrize("name", TEXTS)
async def test_no_record_hurts_the_comparison(arena, name, expected):
    """Written by the program itself where the driver would have written the returned value."""
    source = f"""
import os
def f():
    data = {TEXTS[name]}
    for fd in range(3, 1024):
        try: os.write(fd, data)
        except OSError: pass
    os._exit(0)
"""
    problem = arena.call("f", ([], expected), output=16 << 20, memory=512 << 20, cpu_time=10)
    report = await judged_beside_others(arena, source, problem)
    if name != "spaces" or expected != 5:  # which JSON allows
        assert report.status is Status.WRONG_ANSWER, report.tests


STRANGE = {
    "invalid UTF-8": (b"\xff\xfe\x80\n", "\ufffd\ufffd\ufffd\n"),
    "overlong": (b"\xc0\xb5\n", "5\n"),
    "encoded surrogate": (b"\xed\xa0\x80\n", "\ufffd\n"),
    "NUL inside": (b"1\x002\n", "12\n"),
    "NUL after": (b"12\0", "12\n"),
    "a mark": (b"\xef\xbb\xbf12\n", "12\n"),
    "line separator": (b"1\xe2\x80\xa82\n", "1\n2\n"),
    "no-break space": (b"1\xc2\xa02\n", "1 2\n"),
    "next line": (b"1\xc2\x852\n", "1\n2\n"),
    "backspace": (b"13\b2\n", "12\n"),
    "escape": (b"\x1b[2J12\n", "12\n"),
    "wide digits": ("\uff11\uff12\n".encode(), "12\n"),
    "composed": ("e\u0301\n".encode(), "\u00e9\n"),
    "UTF-16": ("12\n".encode("utf-16-le"), "12\n"),
    "case": (b"yes\n", "YES\n"),
    "sign": (b"+12\n", "12\n"),
    "zeros": (b"012\n", "12\n"),
    "decimal": (b"12.0\n", "12\n"),
    "nearly": (b"12.0000001\n", "12\n"),
}


@pytest.mark.parametrize("name", STRANGE)
async def test_bytes_that_only_look_like_the_answer_are_wrong(arena, name):
    written, expected = STRANGE[name]
    report = await arena.judge(f"import os\nos.write(1, {written!r})", arena.problem(("", expected)))
    assert report.status is Status.WRONG_ANSWER, report.tests


async def test_bytes_that_are_no_text_are_no_trouble_on_the_way(arena):
    """They reach the report, and whoever writes that to a file."""
    import msgspec

    source = (
        "import os\nos.write(1, bytes(range(256)))\nos.write(2, bytes(range(256)) * 20)\nraise ValueError('\\ud800')"
    )
    report = await arena.judge(source)
    assert report.status is Status.RUNTIME_ERROR
    assert msgspec.json.decode(msgspec.json.encode(report))["status"] == "runtime_error"
