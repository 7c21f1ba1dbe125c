"""Sources that hurt whoever compiles them: in time, in memory, in the depth of the stack, in what they import."""

from __future__ import annotations

import os

import pytest

from microcoder.evaluator.status import Status
from microcoder.sandbox.limits import MIB

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALLOWED = (
    Status.COMPILE_ERROR,
    Status.RUNTIME_ERROR,
    Status.WRONG_ANSWER,
    Status.MEMORY_LIMIT_EXCEEDED,
    Status.TIME_LIMIT_EXCEEDED,
)
SUM = "a, b = map(int, input().split())\nprint(a + b)\n"


def finally_in_finally(depth: int) -> str:
    """Each ``finally`` is compiled twice, so that the innermost becomes 2 ** depth pieces of code."""
    nest = "".join(f"{' ' * n}try: pass\n{' ' * n}finally:\n" for n in range(depth))
    return f"{nest}{' ' * depth}pass\n"


SOURCES = {
    "parentheses_unclosed": "(" * 20_000,
    "parentheses": "x = " + "(" * 190 + ")" * 190,
    "brackets": "x = " + "[" * 5_000 + "]" * 5_000,
    "braces": "{" * 150,
    "minus": "x = " + "-" * 30_000 + "1",
    "not": "x = " + "not " * 8_000 + "1",
    "sum": "x = " + "1+" * 15_000 + "1",
    "power": "x = " + "2**" * 10_000 + "1",
    "attributes": "def f(): x" + ".a" * 15_000,
    "calls": "def f(): x" + "()" * 15_000,
    "lambdas": "x = " + "lambda: " * 4_000 + "1",
    "conditions": "x = " + "1 if 1 else " * 2_500 + "1",
    "comparisons": "x = " + "1 < " * 7_000 + "1",
    "indentation": "".join(" " * n + "if 1:\n" for n in range(150)) + " " * 150 + "pass",
    "elif": "if 0: pass\n" + "elif 0: pass\n" * 2_400,
    "comprehensions": "x = [" * 90 + "1" + " for i in ()]" * 90,
    "decorators": "@print\n" * 4_000 + "def f(): pass",
    "arguments": "def f(" + ",".join(f"a{n}" for n in range(5_000)) + "): pass",
    "stars": "f(" + "*a," * 10_000 + ")",
    "unpacking": "x = {" + "**x," * 6_000 + "}",
    "big_integer": "x = " + "9" * 30_000,
    "big_hexadecimal": "x = 0x" + "f" * 30_000,
    "power_of_constants": "x = 10 ** 10 ** 10",
    "shift_of_constants": "x = 1 << (1 << 40)",
    "text_of_constants": "x = 'x' * 10 ** 12",
    "tuple_of_constants": "x = ((((1,) * 250) * 250) * 250) * 250 * 10 ** 6",
    "format_of_constants": "x = '%1000000000d' % 1",
    "nested_formats": "x = 1\ny = f'" + "{x:{x}}" * 4_000 + "'",
    "names": "\n".join(f"variable_{n} = {n}" for n in range(1_500)),
    "huge_line": "x = '" + "x" * 3_000_000 + "'",
    "huge_list": "x = [" + "1, " * 1_000_000 + "]",
    "huge_parentheses": "(" * 3_000_000,
    "huge_minus": "x = " + "-" * 3_000_000 + "1",
    "huge_sum": "x = " + "1+" * 1_500_000 + "1",
    "nul": "print(1)\0print(2)",
    "nul_first": "\0",
    "surrogate": "print('\ud800')",
    "two_marks": "\ufeff\ufeff" + "print(1)",
    "unknown_coding": "# coding: no-such-coding\nprint(1)",
    "undefined_coding": "# coding: undefined\nprint(1)",
    "coding_of_bytes": "# coding: hex\nprint(1)",
    "coding_with_dots": "# coding: ..runner\nprint(1)",
    "coding_path": "# coding: ../../runner\nprint(1)",
    "coding_windows": "# coding: mbcs\nprint(1)",
    "coding_utf_16": "# coding: utf-16\nprint(1)",
    "coding_utf_7": "# coding: utf-7\nprint(1)+",
    "coding_idna": "# coding: idna\nprint('" + "a." * 5_000 + "')",
    "coding_unicode_escape": "# coding: unicode_escape\nprint('\\ud800')",
    "tabs": "if 1:\n\tx\n        y\n",
    "form_feeds": "\f" * 30_000 + "x",
    "carriage_returns": "x\r" * 10_000,
    "backslashes": "\\\n" * 15_000,
    "semicolons": ";" * 30_000,
    "line_separators": "print(1)\u2028print(2)",
    "match": "match x:\n" + "".join(f"  case {n}: pass\n" for n in range(2_000)),
    "patterns": "match x:\n  case " + "[" * 100 + "]" * 100 + ": pass",
    "subscripts": "x" + "[" * 100 + "=",
    "keywords": "f(" + "a=(" * 60,
    "with": "with (" * 60 + "a as b,",
    "dictionary": "{" + "1:{" * 60,
    "formats_unclosed": "f'{" * 60,
    "await": "x = " + "await " * 2_000 + "1",
    "star_expressions": "*" * 20_000 + "x",
    "type_comment": "x = 1 # type: " + "(" * 10_000,
    "non_ascii": "é = 1\n" * 4_000,
    "warnings": "x = 1\n" + "x is 1\n" * 4_000,
}


@pytest.mark.parametrize("name", SOURCES)
async def test_a_strange_source_gets_a_verdict_of_its_own(arena, name):
    report = await arena.judge(SOURCES[name], arena.product)
    assert report.status in ALLOWED, report.message


@pytest.mark.parametrize("long", [False, True], ids=["short", "long"])
@pytest.mark.parametrize("depth", [18, 19])
async def test_memory_for_compiling_is_limited_and_given_back(arena, depth, long):
    """0.8 and 1.6 GB of instructions, where 0.25 GB are allowed."""
    source = finally_in_finally(depth) + ("# padding\n" * 4_000 if long else "")
    report = await arena.judge(source, arena.product)
    assert report.status in (Status.COMPILE_ERROR, Status.MEMORY_LIMIT_EXCEEDED)


@pytest.mark.parametrize("long", [False, True], ids=["short", "long"])
async def test_time_for_compiling_is_limited(arena, long):
    """Depth 32 would take hours, and all memory if nothing stopped it."""
    source = finally_in_finally(32) + ("# padding\n" * 4_000 if long else "")
    report = await arena.judge(source, arena.product)
    assert report.status is Status.COMPILE_ERROR


@pytest.mark.parametrize(
    "module",
    ["numpy.f2py.__main__", "numpy.conftest", "numpy.no_such_module", "sortedcontainers.x", "unittest.__main__",
     "asyncio.__main__", "ensurepip.__main__", "venv.__main__", "json.tool", "this", "antigravity", "idlelib.idle",
     "test.support", "os.path.path", "encodings.undefined", "..sys", "sys.sys", "__main__",
     "multiprocessing.forkserver"],
)  # fmt: skip
async def test_importing_a_module_that_does_something_hurts_only_the_program(arena, module):
    report = await arena.judge(f"import {module}\n{SUM}")
    assert report.status in (Status.ACCEPTED, Status.RUNTIME_ERROR, Status.COMPILE_ERROR, Status.WRONG_ANSWER)


async def test_a_module_that_ends_the_process_ends_the_program_as_it_would_elsewhere(arena):
    report = await arena.judge(f"try:\n    import unittest.__main__\nexcept SystemExit:\n    pass\n{SUM}")
    assert report.status is Status.ACCEPTED, report.tests


async def test_what_the_compiler_has_to_say_does_not_pile_up(arena):
    """Warnings go to a file that lives as long as the worker, in the memory of the host."""

    def kept() -> int:
        workers = [worker for kind in arena.evaluator.pool._idle.values() for worker in kind]
        return sum(os.fstat(worker._jailed._errors).st_size for worker in workers)

    await arena.innocent()
    before = kept()
    for serial in range(3):
        await arena.judge(f"x = {serial}\n" + "x is 1\n" * 4_000, arena.product)
    assert kept() - before < MIB // 8


async def test_no_program_finds_modules_that_another_one_had_imported_for_it(arena):
    names = ("linecache", "encodings.idna", "numpy.f2py", "zipfile")
    probe = f"import sys\nprint(*(name for name in {names} if name in sys.modules))"
    before = await arena.run(probe)
    for source in ("# coding: idna\n", "x = 1\nx is 1\n", "import numpy.f2py\n", "import zipfile\n"):
        await arena.judge(source + SUM)
    after = await arena.run(probe)
    assert after.stdout == before.stdout


async def test_many_imports_are_read_once(arena):
    restarts = arena.evaluator.restarts
    for import_ in ("import os", "from os import path"):
        assert (await arena.evaluator.evaluate(arena.sums, f"{import_}\n" * 20_000 + SUM)).accepted
    assert arena.evaluator.restarts == restarts
