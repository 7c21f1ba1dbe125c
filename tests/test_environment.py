"""Every variable that programs are given has its effect, and what depends on them is the same in every jail."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from microcoder.bench.differential import End, ours
from microcoder.evaluator import Evaluator
from microcoder.sandbox.errors import JailUnavailable
from microcoder.sandbox.jails import candidates
from microcoder.sandbox.launcher import ARENAS, ENVIRONMENT
from microcoder.sandbox.limits import INT_DIGITS

pytestmark = pytest.mark.asyncio(loop_scope="session")

BLAS = """
import ctypes, glob, os, numpy
numpy.ones((300, 300)) @ numpy.ones((300, 300))
(library,) = glob.glob(os.path.dirname(numpy.__file__) + ".libs/*openblas*")
library = ctypes.CDLL(library)
names = (prefix + "openblas_get_num_threads" + suffix for prefix in ("scipy_", "") for suffix in ("64_", ""))
print(next(getattr(library, name)() for name in names if hasattr(library, name)))
"""
HEAPS = """
import ctypes, threading
libc = ctypes.CDLL(None)
libc.open_memstream.restype = ctypes.c_void_p
together, done = threading.Barrier(25), threading.Event()
def hold():
    together.wait()
    kept = ctypes.create_string_buffer(1 << 10), [str(n) * 1000 for n in range(100)]
    together.wait()
    done.wait()
for _ in range(24): threading.Thread(target=hold).start()
together.wait()
together.wait()
text, size = ctypes.c_char_p(), ctypes.c_size_t()
stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
libc.malloc_info(0, stream)
libc.fclose(stream)
done.set()
print(1 < text.value.count(b"<heap nr=") <= ARENAS)
""".replace("ARENAS", str(ARENAS))
EFFECTS = {
    "PATH": ("import os\nprint(os.get_exec_path())", "['/usr/bin', '/bin']"),
    "LANG": ("import locale\nprint(locale.setlocale(locale.LC_ALL, ''), open('x', 'w').encoding)", "C.UTF-8 UTF-8"),
    "PYTHONHASHSEED": ("import sys\nprint(sys.flags.hash_randomization)", "0"),
    "PYTHONINTMAXSTRDIGITS": ("import sys\nprint(sys.get_int_max_str_digits())", str(INT_DIGITS)),
    "OPENBLAS_NUM_THREADS": (BLAS, "1"),
    "OMP_NUM_THREADS": ("import os\nprint(os.environ['OMP_NUM_THREADS'])", "1"),  # and see below
    "GLIBC_TUNABLES": (HEAPS, "True"),
}
ORDER = (
    "print(hash('a'), hash(('a', 1)), {'ab', 'cd', 'ef', 'gh'}, {('a', 1), ('b', 2), ('c', 3)}, {*map(str, range(50))})"
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evaluator() -> AsyncIterator[Evaluator]:
    async with Evaluator(workers=1, cache=0) as running:
        yield running


async def run(evaluator: Evaluator, code: str) -> End:
    (end,) = await ours(evaluator, code, [b""], lanes=False, cpu_time=10)
    return end


@pytest.mark.parametrize("name", ENVIRONMENT)
async def test_a_variable_has_its_effect(evaluator: Evaluator, name: str) -> None:
    code, expected = EFFECTS[name]
    end = await run(evaluator, code)
    assert end.stdout.decode().strip() == expected, end.stderr.decode()


async def test_what_computes_in_threads_asks_for_their_number() -> None:
    """The libraries that the first variable is not for ask for the second."""
    given = {"OMP_NUM_THREADS": ENVIRONMENT["OMP_NUM_THREADS"]}
    command = [sys.executable, "-c", BLAS]
    done = await asyncio.to_thread(subprocess.run, command, env=given, capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr


async def test_the_order_of_a_set_is_that_of_every_jail() -> None:
    """Of two evaluators, of both jails, of a worker that was replaced: and that of a plain process with that seed."""
    found: list[End] = []
    for jail in ("nsjail", "bubblewrap"):
        try:
            candidates(jail)
        except JailUnavailable:
            continue
        async with Evaluator(jail=jail, workers=1, cache=0) as one, Evaluator(jail=jail, workers=1, cache=0) as other:
            found += [await run(one, ORDER), await run(other, ORDER)]
            (pid,) = one.pool.pids()
            for process in (*psutil.Process(pid).children(recursive=True), psutil.Process(pid)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            found += [await run(one, ORDER)]
    assert len({end.stdout for end in found if end.code == 0}) == 1, found
