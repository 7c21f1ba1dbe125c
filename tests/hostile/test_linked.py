"""The process of a test is out of reach of the program that is linked to it: whatever that tries, nothing hangs, nothing
is left, and the verdict is one on the program."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from microcoder.sandbox.errors import JailUnavailable
from microcoder.sandbox.execution import Execution
from microcoder.sandbox.interpreter import PACKAGES, probe
from microcoder.sandbox.jails import candidates
from microcoder.sandbox.pool import Pool

from ..linking import Linking
from .test_processes import TRY

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEST = "from solution import f\nassert f() == 'SECRET'\nassert f() == 'SECRET'"


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["nsjail", "bubblewrap"])
async def linking(request: pytest.FixtureRequest) -> AsyncIterator[Linking]:
    try:
        jails = candidates(request.param)
    except JailUnavailable as error:
        pytest.skip(str(error))
    async with await Pool.open(jails, probe(None, PACKAGES), 1) as pool:
        yield Linking(pool)


async def judged(linking: Linking, program: str, code: str = TEST, **limits: float) -> tuple[Execution, Execution, str]:
    """What came of both, and how the test ended: never well."""
    program_side, test_side = await linking.linked(program, code.replace("SECRET", secrets.token_hex(8)), **limits)
    await linking.innocent()
    end = json.loads(test_side.result)["end"] if test_side.outcome == "finished" else test_side.limit
    assert end and end != "passed", (program_side, test_side)
    return program_side, test_side, end


OTHERS = """
def alive(pid):
    try: return os.getpgid(pid) >= 0
    except OSError: return False
def f():
    others = [pid for pid in (*range(1, 40), *range(max(40, me - 60), me + 60)) if pid != me]
    os.write(2, b"%d " % len([*filter(alive, others)]))
"""
REACH = {
    "signals": """
for pid in others:
    for number in (0, 9, 15, 19):
        attempt(os.kill, pid, number)
        call("tgkill", 234, 131, pid, pid, number)
        call("tgkill", 234, 131, me, pid, number)
        call("tkill", 200, 130, pid, number)
    info = ctypes.create_string_buffer(struct.pack("=iii", 9, 0, -1) + bytes(116))
    call("rt_sigqueueinfo", 129, 138, pid, 9, ctypes.addressof(info))
    call("rt_tgsigqueueinfo", 297, 240, pid, pid, 9, ctypes.addressof(info))
attempt(os.killpg, os.getpgrp(), 9)
attempt(os.kill, -1, 9)
""",
    "descriptors of processes": """
for pid in others:
    call("pidfd_open", 434, 434, pid, 0)
for fd in range(1100):
    call("pidfd_send_signal", 424, 424, fd, 9)
    call("pidfd_getfd", 438, 438, fd, 9)
""",
    "tracing": """
for pid in others:
    for request in (16, 0x4206, 0x4207, 1, 4, 8, 12):
        call("ptrace", 101, 117, request, pid)
    call("kcmp", 312, 272, pid, me, 2, 0, 0)
""",
    "memory": """
buffer = ctypes.create_string_buffer(4096)
here = (ctypes.c_ulong * 2)(ctypes.addressof(buffer), 4096)
there = (ctypes.c_ulong * 2)(0x400000, 4096)
for pid in others:
    for name, x86_64, aarch64 in (("process_vm_readv", 310, 270), ("process_vm_writev", 311, 271)):
        call(name, x86_64, aarch64, pid, ctypes.addressof(here), 1, ctypes.addressof(there), 1)
    call("move_pages", 279, 239, pid, 0)
    call("migrate_pages", 256, 238, pid, 0)
    for name in ("mem", "maps", "fd/0", "fd/1010", "environ", "root", "cwd", "task"):
        for place in (f"/proc/{pid}/{name}", f"/proc/self/../{pid}/{name}", f"/proc/thread-self/../../../{pid}/{name}"):
            attempt(os.stat, place)
""",
    "limits": """
room = ctypes.create_string_buffer(16)
for pid in others:
    for which in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
        attempt(resource.prlimit, pid, which)
        attempt(resource.prlimit, pid, which, (0, 0))
        call("prlimit64", 302, 261, pid, which, 0, ctypes.addressof(room))
""",
    "scheduling": """
mask, parameter = ctypes.create_string_buffer(b"\\x01" + bytes(127)), ctypes.create_string_buffer(64)
for pid in others:
    attempt(os.sched_setaffinity, pid, {0})
    call("sched_setaffinity", 203, 122, pid, 128, ctypes.addressof(mask))
    call("sched_setscheduler", 144, 119, pid, 3, ctypes.addressof(parameter))
    call("sched_setparam", 142, 118, pid, ctypes.addressof(parameter))
    call("sched_setattr", 314, 274, pid, ctypes.addressof(parameter), 0)
    attempt(os.setpriority, os.PRIO_PROCESS, pid, 19)
    call("setpriority", 141, 140, 0, pid, 19)
    call("ioprio_set", 251, 30, 1, pid, 0x6000)
call("setpriority of all", 141, 140, 2, os.getuid(), 19)
call("ioprio_set of all", 251, 30, 3, os.getuid(), 0x6000)
call("setpriority of the group", 141, 140, 1, 0, 19)
""",
    "sharing": """
for pid in others:
    call("process_madvise", 440, 440, pid, 0)
    call("process_mrelease", 448, 448, pid, 0)
    call("setpgid", 109, 154, pid, pid)
for number in (0x1234, 0):
    call("shmget", 29, 194, number, 4096, 0o1666)
    call("semget", 64, 190, number, 1, 0o1666)
    call("msgget", 68, 186, number, 0o1666)
one, other = socket.socketpair()
attempt(socket.send_fds, one, [b"x"], [0])
""",
}


@pytest.mark.parametrize("name", REACH)
async def test_the_process_of_the_test_is_in_no_reach(linking: Linking, name: str) -> None:
    attack = f"{TRY}\n{OTHERS}\n" + "\n".join(f"    {line}" for line in REACH[name].strip().splitlines())
    program, test, end = await judged(linking, f"{attack}\n    return 'done'\n", cpu_time=5.0)
    assert (program.outcome, program.stdout, test.stdout, end) == ("finished", b"", b"", "failed"), (program, test)
    assert int(program.stderr.split()[0]) >= 7, "the runner, its zygotes, and the process of the test"


MODULES = "colorsys wave chunk sndhdr mailbox conftest pytest_cov sitecustomize usercustomize helpers expected".split()
WRITES = f"""
import os, py_compile, sys
EVIL = '''
import builtins, os, sys
for fd in range(3, 1100):
    try: os.write(fd, b'{{"end": "passed"}}')
    except OSError: pass
print("EVIL", flush=True)
os._exit(0)
'''
for folder in ("/work", "/tmp", "/work/__pycache__", "/tmp/__pycache__", "/work/pytest", "/work/unittest", "/work/solution"):
    os.makedirs(folder, exist_ok=True)
    for name in {MODULES!r} + ["json", "pytest", "__init__", "solution", "test_solution", "main"]:
        with open(f"{{folder}}/{{name}}.py", "w") as file: file.write(EVIL)
        for tag in ("cpython-311", "cpython-312", "cpython-313"):
            py_compile.compile(f"{{folder}}/{{name}}.py", f"/work/__pycache__/{{name}}.{{tag}}.pyc")
    for name, text in (("pytest.ini", "[pytest]\\naddopts = -p expected"), ("tox.ini", "[pytest]\\naddopts = -p expected"),
            ("setup.cfg", "[tool:pytest]\\naddopts = -p expected"), ("pyproject.toml", "[tool.pytest]\\naddopts='-p expected'"),
            ("evil.pth", "import expected")):
        with open(f"{{folder}}/{{name}}", "w") as file: file.write(text)
def f(): return "done"
"""
IMPORTING = {
    "by name": "from solution import f\nfor name in 'MODULES'.split():\n    try: __import__(name)\n    except ImportError: pass\nassert f() == 'SECRET'",
    "from an added folder": "from solution import f\nf()\nimport sys\nsys.path.insert(0, '/work')\nimport helpers\nassert f() == 'SECRET'",
    "from the present folder": "from solution import f\nf()\nimport sys\nsys.path[:0] = ['', '.']\nimport helpers\nassert f() == 'SECRET'",
    "by its path": "from solution import f\nf()\nfrom importlib.util import *\nspec = spec_from_file_location('helpers', '/work/helpers.py')\n"
    "module = module_from_spec(spec)\nspec.loader.exec_module(module)\nassert f() == 'SECRET'",
    "as text": "from solution import f\nf()\nexec(open('/work/helpers.py').read())\nassert f() == 'SECRET'",
    "run": "from solution import f\nf()\nimport runpy\nrunpy.run_path('/work/helpers.py')\nassert f() == 'SECRET'",
    "with pytest": "import pytest\nfrom solution import f\ndef test_f(tmp_path):\n    assert f() == 'SECRET'",
    "with unittest": "import unittest\nfrom solution import f\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(), 'SECRET')\nunittest.main()",
}  # fmt: skip


@pytest.mark.parametrize("name", IMPORTING)
async def test_nothing_that_the_program_writes_runs_in_the_process_of_the_test(linking: Linking, name: str) -> None:
    code = IMPORTING[name].replace("MODULES", " ".join(MODULES))
    _, test, end = await judged(linking, WRITES, code)
    assert b"EVIL" not in test.stdout + test.stderr, test
    assert end == ("failed" if name in ("by name", "with pytest", "with unittest") else "undecided"), test


PICKLES = {
    "a function": "class A:\n    def __reduce__(self): return print, ('EVIL',)",
    "a getter": "class A:\n    def __reduce__(self):\n        import operator\n        return operator.attrgetter('x'), (1,)",
    "text to execute": "class A:\n    def __reduce__(self): return eval, ('print(\"EVIL\")',)",
}


@pytest.mark.parametrize("name", PICKLES)
async def test_a_pickle_is_data(linking: Linking, name: str) -> None:
    program = f"import pickle\n{PICKLES[name]}\ndef f():\n    pickle.dump(A(), open('/tmp/data', 'wb'))\n    return pickle.dumps(A())"
    for code in ("pickle.loads(f())", "f() and pickle.load(open('/tmp/data', 'rb'))"):
        _, test, end = await judged(
            linking, program, f"import pickle\nfrom solution import f\nassert {code} == 'SECRET'"
        )
        assert (b"EVIL" in test.stdout, end) == (False, "undecided"), test


async def test_text_of_the_program_is_not_executed_where_the_test_is(linking: Linking) -> None:
    program = 'def f(): return \'__import__("os").write(1, b"EVIL") and "SECRET"\''
    for code in ("eval(f())", "exec(f())", "eval(compile(f(), 'x', 'eval'))", "[*map(eval, [f()])]"):
        _, test, end = await judged(linking, program, f"from solution import f\nassert {code} == 'SECRET'")
        assert (b"EVIL" in test.stdout, end) == (False, "undecided"), test


RAW = """
import json, os, stat, struct, sys, threading, time
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
link = next(fd for fd in range(1000, 1024) if is_socket(fd))
def say(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    os.write(link, struct.pack("=I", len(data)) + data)
def flood(data):
    while True: os.write(link, data)
"""
LINKS = {
    "closed": "os.close(link)\ntime.sleep(0.1)",
    "closed in the middle of a message": "os.write(link, struct.pack('=I', 100) + b'{')\nos._exit(0)",
    "half a length": "os.write(link, b'\\x05')\nos._exit(0)",
    "a length that nothing follows": "os.write(link, struct.pack('=I', 1000))\ntime.sleep(9)",
    "the largest length": "os.write(link, b'\\xff' * 4)\nflood(bytes(1 << 16))",
    "a length that is allowed": "os.write(link, struct.pack('=I', 127 << 20))\nflood(b' ' * 65536)",
    "zeros": "flood(bytes(1 << 16))",
    "empty messages": "flood(struct.pack('=I', 0) * 1000)",
    "no JSON": "flood(struct.pack('=I', 3) + b'abc')",
    "no message": "say([])\nsay(1)\nsay('')\ntime.sleep(9)",
    "ready for ever": "flood((struct.pack('=I', 14) + b'{\"ready\":true}') * 100)",
    "answers before questions": "say({'ready': True})\nfor _ in range(999): say({'answer': 'SECRET'})\ntime.sleep(9)",
    "questions only": "say({'ready': True})\nwhile True: say({'ask': 'str', 'of': [1]})",
    "questions without an end": "say({'ready': True})\nwhile True:\n    say({'ask': 'call', 'of': [{'other': ['py', 'builtins', 'print']}, 1]})\n    os.read(link, 1 << 16)",
    "deep": "say({'ready': True})\nsay(b'{\"answer\":' + b'[' * 100_000 + b']' * 100_000 + b'}')\ntime.sleep(9)",
    "deep tuples": "say({'ready': True})\nsay(b'{\"answer\":' + b'{\"tuple\":[' * 50_000 + b']}' * 50_000 + b'}')\ntime.sleep(9)",
    "much": "say({'ready': True})\nsay({'answer': 'x' * (100 << 20)})\ntime.sleep(9)",
    "many": "say({'ready': True})\nsay({'answer': [[]] * 10_000_000})\ntime.sleep(9)",
    "much is printed": "say({'ready': True})\nwhile True: say({'ask': 'str', 'of': [1], 'output': [[1, 'x' * (1 << 20)]]})",
    "end of both": "os.write(link, struct.pack('=I', 10))\nos.kill(os.getpid(), 9)",
    "shut down": "import socket\nsocket.socket(fileno=link).shutdown(socket.SHUT_RDWR)\ntime.sleep(0.2)",
    "another socket in its place": "import socket\none, other = socket.socketpair()\nos.dup2(one.fileno(), 60)\nos.close(link)\ntime.sleep(0.1)",
    "from many threads": "for _ in range(6): threading.Thread(target=flood, args=(struct.pack('=I', 14) + b'{\"ready\":true}',), daemon=True).start()\ntime.sleep(9)",
    "never read": "say({'ready': True})\ntime.sleep(9)",
    "waits until it is asked": "os.read(link, 1)",
}  # fmt: skip


@pytest.mark.parametrize("name", LINKS)
async def test_whatever_the_link_brings_is_a_verdict(linking: Linking, name: str) -> None:
    program, test, end = await judged(linking, RAW + LINKS[name])
    few = (
        "garbled",
        "ended",
        "failed",
        "raised",
        "undecided",
        "memory",
        "cpu_time",
        "idle_time",
        "wall_time",
        "output",
    )
    assert end in few, (program, test)
    assert program.wall_time < 20 > test.wall_time


SAYS = {
    "exits": "os._exit(0)",
    "exits where it is asked next": "if asked: os._exit(0)",
    "kills itself": "os.kill(me, 9)",
    "closes everything": "os.closerange(0, 2000)",
    "writes reports": "for fd in range(2000):\n        try: os.write(fd, b'{\"end\": \"passed\"}')\n        except OSError: pass",
    "answers at length": "return 'x' * (120 << 20)",
    "answers at more length": "return 'x' * (140 << 20)",
    "answers itself": "x = []\n    x.append(x)\n    return x",
    "answers deep": "x = []\n    for _ in range(100_000): x = [x]\n    return x",
    "answers with many classes": "return [type(f'C{n}', (), {}) for n in range(20_000)]",
    "answers with many objects": "return [f.__class__.__new__(type('C', (), {}).__class__, 'D', (), {})() for _ in range(20_000)]",
    "prints": "while True: print('x' * 1000)",
    "prints to its end": "print('x' * (50 << 20))",
    "writes errors": "while True: os.write(2, b'x' * 65536)",
    "sleeps": "time.sleep(9)",
    "computes": "while True: pass",
    "starts threads": "[threading.Thread(target=time.sleep, args=(9,)).start() for _ in range(99)]",
    "raises what ends": "raise SystemExit(0)",
    "raises what interrupts": "raise KeyboardInterrupt",
    "raises a generator's end": "raise GeneratorExit",
    "takes all memory": "return bytearray(1 << 32)",
}  # fmt: skip


FORMS = (
    TEST,
    "import pytest\nfrom solution import f\ndef test_f(): assert f() == 'SECRET'",
    "import unittest\nfrom solution import *\nclass T(unittest.TestCase):\n    def test_f(self): self.assertEqual(f(), 'SECRET')",
    "from solution import f\ntry: f()\nexcept BaseException: pass\nassert f() == 'SECRET'",
)


QUICK = [name for name in SAYS if name.startswith(("exits", "kills", "closes", "writes reports", "raises"))]


@pytest.mark.parametrize("name", SAYS)
async def test_whatever_a_program_answers_is_a_verdict(linking: Linking, name: str) -> None:
    source = "import os, sys, threading, time\nme = os.getpid()\nasked = []\ndef f():\n"
    source += f"    {SAYS[name]}\n    asked.append(1)\n    return 'x'"
    for code in FORMS if name in QUICK else FORMS[:1]:
        await judged(linking, source, code)


HONEST = (
    (
        "import dataclasses, collections, enum, typing\n@dataclasses.dataclass\nclass D: x: int = 1\n"
        "P = collections.namedtuple('P', 'x y')\nclass N(typing.NamedTuple): x: int\nassert P(1, 2).x == N(1).x == D().x == f()"
    ),
    "import numpy, random, sqlite3, xml.dom.minidom, email.mime.text, http.server, logging.config, doctest\nassert f() == 1",
    (
        "import pickle, copy, datetime\nd = {'a': [1, datetime.date(2020, 1, 1)], 'b': {1, 2}}\n"
        "assert pickle.loads(pickle.dumps(d)) == copy.deepcopy(d) and f() == 1"
    ),
    "import ast, json, string, re\nassert ast.literal_eval('[1]') == [f()] == json.loads('[1]')",
    "from unittest import mock\nm = mock.create_autospec(lambda a: a)\nm(1)\nassert f() == 1",
)


@pytest.mark.parametrize("code", HONEST)
async def test_what_tests_usually_do_is_done(linking: Linking, code: str) -> None:
    _, test = await linking.linked("def f(): return 1", "from solution import f\n" + code)
    assert json.loads(test.result)["end"] == "passed", test


OPTIONS = "--co", "-k nothing", "-p helpers", "-o python_functions=nothing", "--ignore-glob=*", "--version"


@pytest.mark.parametrize("options", OPTIONS)
async def test_the_environment_of_the_program_tells_the_test_nothing(linking: Linking, options: str) -> None:
    source = f"import os\nos.environ.update(PYTEST_ADDOPTS={options!r}, PYTEST_PLUGINS='helpers', PYTHONOPTIMIZE='2')\n"
    for code in FORMS:
        assert (await judged(linking, f"{source}def f(): return 1", code))[2] == "failed"
