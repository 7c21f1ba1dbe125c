"""The text of a program decides nothing that another one finds: not what it imports, nor what it only names."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from microcoder.evaluator import Evaluator
from microcoder.sandbox.execution import Execution
from microcoder.sandbox.limits import Limits
from microcoder.sandbox.worker import Inputs, Work

from .test_persistence import LITTER

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROBE = r"""
import sys
mine = sorted(globals())
loaded = getattr(sys, "modules")
os, gc, signal, resource, warnings = (loaded[name] for name in "os gc signal resource warnings".split())
found = {"main": mine}
found["modules"] = {name: len(getattr(module, "__dict" "__")) for name, module in sorted(loaded.items())}
found["environment"] = dict(getattr(os, "environ"))
found["warnings"] = [repr(warnings.filters), repr(warnings.showwarning)[:22], warnings.defaultaction]
random = loaded.get("random")
found["random"] = random and [type(random._inst).__name__, type(random.seed).__name__, random.getstate()[2]]
found["places"] = [os.getcwd(), *(sorted(os.listdir(place)) for place in ("/", "/de" "v", "/tmp", "/work"))]
found["modes"] = [oct(os.stat(place).st_mode) for place in ("/tmp", "/work")]
def kind_of(fd):
    try:
        return oct(os.fstat(fd).st_mode), os.get_inheritable(fd), os.get_blocking(fd)
    except OSError:
        return None
found["files"] = [kind_of(fd) for fd in range(64)]
found["signals"] = {n: repr(signal.getsignal(n)) for n in range(1, 65) if n not in (32, 33)}
found["mask"] = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
found["timers"] = [signal.getitimer(n) for n in range(3)]
found["limits"] = [resource.getrlimit(n) for n in range(16)]
found["gc"] = [gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.callbacks, getattr(gc, "garbage")]
frames = getattr(sys, "_current" "_frames")()
threading = loaded.get("threading")
found["threads"] = [len(frames), threading and threading.active_count(), threading and repr(getattr(threading, "except" "hook"))[:30]]
found["locale"] = loaded["_locale"].setlocale(6) if "_locale" in loaded else None
for name in ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"):
    s = getattr(sys, name)
    found[name] = [s.name, s.mode, s.encoding, s.errors, s.newlines, s.line_buffering, s.write_through, s.buffer.name,
        s.buffer.mode, type(s.buffer).__name__, s.buffer.raw.closefd, s.fileno(), name != "stdin" and s.tell()]
found["builtins"] = {name: repr(type(value)) for name, value in sorted(getattr(loaded["builtins"], "__dict" "__").items())}
found["sys"] = [sys.path, sys.argv, sys.warnoptions, sys.getrecursionlimit(), sys.getswitchinterval(),
    sys.get_int_max_str_digits(), repr(sys.gettrace()), repr(sys.getprofile()), sys.flags, len(sys.meta_path),
    len(getattr(sys, "path_" "hooks")), sys.dont_write_bytecode]
hooks = "display" "hook", "except" "hook", "breakpoint" "hook", "unraisable" "hook"
found["hooks"] = [repr(getattr(sys, name)) for name in hooks]
found["importers"] = sorted(sys.path_importer_cache)
found["umask"] = oct(getattr(os, "um" "ask")(0o22))
decimal = loaded.get("decimal")
found["decimal"] = decimal and repr(decimal.getcontext())
found["numpy"] = "numpy" in loaded and repr(loaded["numpy"].get_printoptions()) + repr(loaded["numpy"].geterr())
json = loaded["json"]
print(json.dumps(found, sort_keys=True, default=repr))
"""
"""What a program finds, everything but process numbers, times and entropy; imports nothing, so that it may have lanes."""

PROBES = {
    "usual": PROBE,
    "common": f"import random, datetime\n{PROBE}",
    "wide": f"import threading, dataclasses\n{PROBE}",
    "packages": f"import numpy\n{PROBE}",
    "itself": f"import calendar\nif sys:\n import csv\n{PROBE}".replace("if sys", "if calendar"),
}

MODULES = sorted(sys.stdlib_module_names)
IMPORTING = [f"import {name}" for name in MODULES]
NAMING = [
    "\n".join(
        f'"""\nimport {name}\n"""\nif 0:\n    import {name}.x\n# import {name}\ndef never():\n    import {name}'
        for name in MODULES[start : start + 10]
    )
    for start in range(0, len(MODULES), 10)
]
PACKAGES = [
    "import numpy.f2py.__main__",
    "if 0:\n    import numpy.f2py.__main__.x",
    '"""\nimport numpy.typing.tests.data.pass.random\n"""',
    "import numpy\nnumpy.random.seed(1)\nnumpy.seterr(all='raise')\nnumpy.set_printoptions(precision=1)\nnumpy.x = 1",
    "import numpy.ma, numpy.testing, numpy.random",
    "import sortedcontainers\nsortedcontainers.SortedList.DEFAULT_LOAD_FACTOR = 2",
    "def f():\n    import numpy\nf()",
    "import random, decimal\nrandom.seed(1)\nrandom.Random = int\ndecimal.getcontext().prec = 3",
    "import builtins, sys\nbuiltins.x = 1\nsys.stdout.write('not flushed')\nsys.stdout = None",
    "import random as numpy\nimport nothing_of_the_kind",
    "from numpy import *\nfrom random import *\nfrom this import *",
    "import os\nimport numpy\nos.kill(os.getpid(), 9)",
    "import threading\nimport numpy\nthreading.Thread(target=input).start()\nraise SystemExit(3)",
]
SORTS = [*IMPORTING, *NAMING, *PACKAGES, *(f"import os, sys\n{litter}" for litter in LITTER.values())]


async def run(evaluator: Evaluator, source: str, tests: int = 1, *, lanes: bool = False) -> list[Execution]:
    """What came of as many tests with the same input; in one lane, where the program may have one."""
    inputs = Inputs([b"1 2\n"] * tests)
    work = Work(inputs=inputs, source=source.encode(), tests=range(tests), limits=Limits(cpu_time=5.0), lanes=lanes)
    found: list[Execution] = []
    async with evaluator.pool.worker(inputs) as worker:
        worker.begin(work)
        while len(found) < tests:
            received = await worker.receive()
            assert not isinstance(received, str), received
            found += received
        worker.end()
    return found


async def look(evaluator: Evaluator, probe: str) -> dict[str, Any]:
    (execution,) = await run(evaluator, PROBES[probe])
    assert execution.exit_code == 0, execution.stderr.decode()
    return json.loads(execution.stdout)


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: (before.get(name), after.get(name)) for name in before | after if before.get(name) != after.get(name)}


@pytest.mark.parametrize("part", range(4))
async def test_what_a_program_finds_does_not_depend_on_those_before(evaluator: Evaluator, part: int):
    """Programs of all sorts; after each of them one of the probes, which are programs, too, and come in every order."""
    before = {name: await look(evaluator, name) for name in PROBES}
    restarts = evaluator.restarts
    for number, source in enumerate(SORTS[part::4]):
        await run(evaluator, source, tests=1 + number % 2, lanes=True)
        name = list(PROBES)[number % len(PROBES)]
        assert differences(before[name], await look(evaluator, name)) == {}, (name, source)
    after = {name: await look(evaluator, name) for name in reversed(PROBES)}
    assert [differences(before[name], after[name]) for name in PROBES] == [{}] * len(PROBES)
    assert evaluator.restarts == restarts


@pytest.mark.parametrize("probe", ["usual", "common", "packages"])
async def test_what_a_test_finds_does_not_depend_on_those_before_in_its_lane(evaluator: Evaluator, probe: str):
    found = await run(evaluator, PROBES[probe], tests=12, lanes=True)
    assert not all(execution.fresh for execution in found), "no lane"
    first, *others = (json.loads(execution.stdout) for execution in found)
    alone = {"limits"}  # the last test may have a process to itself, whose files may be larger
    found_later = [differences(first, other) for other in others]
    assert [found for found in found_later if found.keys() != alone] == [{}] * (11 - (found_later[-1].keys() == alone))


async def test_but_for_modules_all_programs_find_the_same(evaluator: Evaluator):
    """Whatever they import, or is imported ahead for them."""
    usual = await look(evaluator, "usual")
    modules = {"modules", "importers", "main", "random", "decimal", "numpy"}
    for name in PROBES:
        found = differences(usual, await look(evaluator, name))
        assert {part: both for part, both in found.items() if part not in modules} in (
            {},
            {"threads": found.get("threads")},
        )


async def test_names_in_texts_and_in_code_that_never_runs_import_nothing(evaluator: Evaluator):
    names = "random", "numpy", "csv", "threading", "this"
    source = "\n".join(f"'import {n}'\n# import {n}\nif 0:\n    import {n}\ndef f():\n    import {n}" for n in names)
    source += f"\nimport sys\nprint([n for n in {names} if n in sys.modules])\nif f is None:\n    import numpy"
    (execution,) = await run(evaluator, source)
    assert execution.stdout == b"[]\n"


async def test_what_an_import_does_it_does_in_the_test_process(evaluator: Evaluator):
    """Its output comes where it comes, every time, and what it lacks it lacks under the program's limits."""
    found = await run(evaluator, "print('before')\nimport this\nprint('after')", tests=3, lanes=True)
    outputs = {execution.stdout for execution in found}
    (output,) = outputs
    assert output.startswith(b"before\nThe Zen of Python") and output.endswith(b"\nafter\n")


@pytest.mark.parametrize("lanes", [False, True])
@pytest.mark.parametrize("how", ["random.random()", "numpy.random.rand()"])
async def test_no_two_tests_draw_the_same_numbers(evaluator: Evaluator, how: str, lanes: bool):
    source = f"import random, numpy\nprint({how})\nnumpy.random.seed(1)\nrandom.seed(1)"
    found = [e.stdout for _ in range(3) for e in await run(evaluator, source, tests=4, lanes=lanes)]
    assert len(set(found)) == 12


LOUD = r"""
import atexit, builtins, decimal, gc, io, locale, logging, os, random, resource, signal, sys, threading, warnings
import numpy.random
os.environ.update(LOUD="1", LANG="C")
del os.environ["PATH"]
random.seed(1)
numpy.random.seed(1)
warnings.simplefilter("error")
warnings.showwarning = print
logging.basicConfig(level=logging.DEBUG)
signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signal.setitimer(signal.ITIMER_REAL, 1000)
locale.setlocale(locale.LC_ALL, "C")
decimal.getcontext().prec = 3
gc.disable()
gc.set_threshold(7)
sys.setrecursionlimit(77)
sys.setswitchinterval(7)
sys.set_int_max_str_digits(0)
sys.path.insert(0, "/tmp")
sys.argv.append("loud")
sys.excepthook = sys.displayhook = print
threading.excepthook = print
builtins.loud = 1
builtins.print = lambda *_: None
os.umask(0o777)
os.chdir("/")
resource.setrlimit(resource.RLIMIT_NOFILE, (50, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
if os.path.isdir("/inside"):  # in a jail; the evaluator imports it on the host, too, to see whether it can be
    open("/tmp/loud", "w").close()
os.umask(0o777)
sys.stdout.write("not flushed")
sys.stderr.write("not flushed")
os.write(1, b"written")
sys.stdout = sys.__stdout__ = io.StringIO()
sys.stdin.close()
"""
"""What a package of the operator may do when it is imported, in its first line or its last."""


async def test_what_the_operators_packages_bring_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jail: str
):
    """But for the modules that they import, a program finds what it would find without that package."""
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "quiet.py").write_text("import numpy.random")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found: list[dict[str, Any]] = []
    for packages in (["numpy", "quiet"], ["numpy", "quiet", "loud"]):
        async with Evaluator(jail=jail, workers=1, packages=packages) as evaluator:
            (execution,) = await run(evaluator, f"import quiet\n{PROBE}")
            assert execution.exit_code == 0, execution.stderr.decode()
            found.append(json.loads(execution.stdout))
            drawn = [
                (await run(evaluator, "import loud, numpy.random\nprint(numpy.random.rand())"))[0].stdout for _ in "12"
            ]
            assert len(set(drawn)) == len(packages) - 1
    ours = {"modules", "threads", "decimal"}  # threading and decimal are loaded, and as they are when they are loaded
    assert found[1]["modules"].pop("encodings") >= found[0]["modules"].pop(
        "encodings"
    )  # ASCII: they were in another locale
    assert found[1]["modules"].items() > found[0]["modules"].items()
    assert found[1]["decimal"] is None or "prec=28" in found[1]["decimal"]
    assert {n: d for n, d in differences(found[0], found[1]).items() if n not in ours} == {}
