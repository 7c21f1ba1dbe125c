"""Answers to predictions that are to keep the judge busy, or to be paid for something else than an answer."""

from __future__ import annotations

import pytest

from microcoder.evaluator import Evaluator, Status
from microcoder.evaluator.compare.predicted import SMALL, Predicted
from microcoder.evaluator.extract import extract_answer
from microcoder.evaluator.input_prediction import LONGEST
from microcoder.sandbox.limits import MIB, Limits

from ..judging import DOUBLE, inputs, output
from .conftest import Arena
from .test_freeze import ONE_JAIL, Watch, judged

pytestmark = pytest.mark.asyncio(loop_scope="session")

MODULUS = 2**61 - 1
"""Integers that differ by multiples of it have the same hash."""


def repeated(piece: str, size: int) -> str:
    return piece * (size // len(piece))


def listed(items: list[str], size: int, brackets: str = "{}") -> str:
    """As many as fit."""
    text = ",".join(items[: size // max(map(len, items))])
    return f"{brackets[0]}{text}{brackets[1]}"


def of_size(size: int) -> dict[str, str]:
    """Texts that take long to read, or to compare with themselves."""
    few = min(size, 1 << 17)
    colliding = [str(n * MODULUS) for n in range(few // 8)]
    return {
        "colliding integers": listed(colliding, few),
        "colliding keys": listed([f"{each}:0" for each in colliding], few),
        "colliding tuples": listed([f"(257,258,259,{each})" for each in colliding], few),
        "colliding floats": listed([f"{3 * 2.0 ** (61 * n % 900)!r}" for n in range(few // 8)], few),
        "lists": f"[{repeated('[],', size)}]",
        "complex": f"[{repeated('1+1j,', size)}]",
        "a set of a list": f"set({listed(colliding, few, '[]')})",
        "the largest": f"max({listed([f'[0,0,0,{n}]' for n in range(few // 8)], few, '[]')})",
        "sum": "+".join(["[1]"] * (size // 4)),
        "comparisons": "==".join(["[1,2]"] * (size // 7)),
        "signs": f"{'-' * size}1",
        "not": f"{repeated('not ', size)}1",
        "deep": "(" * size,
        "deep and closed": f"{'[' * 190}{']' * 190}",
        "digits": "9" * size,
        "many digits": f"[{repeated('9' * 700 + ',', size)}]",
        "digits of hexadecimal": f"0x{'f' * size}",
        "quotient": f"0x{'f' * (size // 2)}//0x{'f' * (size // 3)}",
        "escapes": f"'{repeated(chr(92) + 'N{DIGIT ONE}', size)}'",
        "strange escapes": f"'{repeated(chr(92) + 'd', size)}'",
        "assertions": repeated("assert 1==1\n", size),
        "lines": repeated("1\n", size),
        "paragraphs": repeated("1 1\n\n", size),
        "attributes": f"a{repeated('.a', size)}",
        "calls": f"f{repeated('()', size)}",
        "subscripts": f"[[1]]{repeated('[0]', size)}",
        "f-strings": repeated('f"{1}"', size),
        "lambdas": f"{repeated('lambda:', size)}1",
        "functions": f"{'sorted(' * 190}[{repeated('1,', size // 2)}]{')' * 190}",
        "a keyword": f"dict({','.join(f'a{n}=1' for n in range(size // 10))})",
        "nothing": "\0" * size,
        "no letters": "$" * size,
    }


MUCH = (
    "10**10**10",
    "1" + "0" * 3000 + "**" + "9" * 3000,
    "2**1000000//3**1000000",
    "[[[[0]*1000]*1000]*1000]*1000",
    "[[[[0]*1000]*1000]*1000]==[[[[0]*1000]*1000]*1000]",
    "[" + "'a'*1000000+'b'," * 200 + "]",
    "set(range(1000000))",
    f"{'str([' * 95}'\"\\''{'])' * 95}",
    "set([(n, 0) for n in range(9)])",
    "{*range(1000000)}",
    f"set(range(0,{MODULUS * 100_000},{MODULUS}))",
    "sorted(list(range(1000000))*1)",
    "sum([[1]*1000]*1000,[])",
    "round(1,-999999999)",
    "ｒｏｕｎｄ(1,-999999999)",
    "ｒange(1000000000)",
    "list(ｒange(1000000))*1",
    "dict(zip(range(1000000),range(1000000)))",
    "str('9'*1000000)",
    "int('9'*1000000)",
    "1<<10000000",
    "'%0999999999d'%1",
    "b'a'*1000000+b'a'*1000000",
)
"""Short texts that mean much."""


@ONE_JAIL
async def test_short_answers_that_mean_much(arena: Arena) -> None:
    for expected in ("4", "[[[0]]]"):
        problem = output(expected)
        for answer in MUCH:
            report = await judged(arena, problem, answer)
            assert report.status is Status.WRONG_ANSWER, (answer, report)
    assert (await judged(arena, problem, "[[[0]*1]*1]")).accepted


@ONE_JAIL
@pytest.mark.parametrize("size", [SMALL - 200, MIB])
async def test_answers_that_take_long_to_read(arena: Arena, size: int) -> None:
    problem = output("4")
    for name, answer in of_size(size).items():
        report = await judged(arena, problem, f"assert f(3) == {answer}")
        assert report.reward == 0.0, (name, report.message)


@ONE_JAIL
async def test_answers_that_take_long_to_compare(arena: Arena) -> None:
    """With an expected value that is like them."""
    for name in ("colliding integers", "colliding keys", "colliding tuples", "lists"):
        expected = of_size(SMALL // 2 - 100)[name]
        report = await judged(arena, output(expected), f"{expected} ")
        assert report.accepted, (name, report)
        report = await judged(arena, output(expected), of_size(1 << 17)[name])
        assert report.reward == 0.0, (name, report)


@ONE_JAIL
@pytest.mark.parametrize("size", [LONGEST - 200, MIB])
async def test_inputs_that_take_long_to_read(arena: Arena, size: int) -> None:
    problem = inputs(DOUBLE, "[2, 4]")
    for name, answer in of_size(size).items():
        report = await judged(arena, problem, f"f({answer})")
        assert report.reward == 0.0, (name, report)


@ONE_JAIL
async def test_inputs_that_mean_much(arena: Arena) -> None:
    problem = inputs(DOUBLE, "[2, 4]", limits=Limits(cpu_time=0.5, memory=256 * MIB))
    for answer in MUCH:
        report = await judged(arena, problem, f"f({answer})")
        assert report.reward == 0.0, (answer, report)


NAMED = "(lambda s: [s._getframe(n).f_globals.update(f=lambda *_: [2, 4]) for n in range(1, 5)])(__import__('sys'))"
"""Puts something else in place of the function, wherever it is in a process of the answer."""


@pytest.mark.parametrize("method", ["__add__", "__bool__", "__eq__", "__lt__", "__hash__", "__len__"])
@pytest.mark.parametrize(
    "prelude",
    [
        "def f(x): return 7",
        "def f(x): return 'y' if x else 'n'",
        "def f(x): return x + 1",
        "def f(x): return sorted([x, x])",
        "def f(x): return {x: 1}",
        "def f(x): return [x == 5, [2, 4] == x]",
    ],
)
async def test_arguments_that_know_what_is_expected(evaluator: Evaluator, prelude: str, method: str) -> None:
    """Where their own methods decide, the test does not run beside them instead."""
    answer = f"f(({NAMED}, type('A', (), {{'{method}': lambda *_: 5, '__eq__': lambda *_: True}})())[1])"
    report = await evaluator.evaluate(inputs(prelude, "[2, 4]"), answer)
    assert report.reward == 0.0, report


async def test_expected_values_that_take_long_to_read(evaluator: Evaluator) -> None:
    problem = inputs(DOUBLE, f"[{repeated('1,', 48 << 10)}]")
    async with Watch() as watch:
        for answer in ("[1]", "list([1])"):
            assert (await evaluator.evaluate(problem, answer)).reward == 0.0
    assert watch.longest < 0.25


async def test_texts_that_the_function_runs(evaluator: Evaluator) -> None:
    problem = inputs("def f(x): return eval(x)", "[2, 4]")
    named = NAMED.replace("f=", "predicted_input=")
    report = await evaluator.evaluate(problem, repr(f"{named} and type('A', (), {{'__bool__': lambda _: True}})()"))
    assert not report.accepted, report
    assert (await evaluator.evaluate(problem, "'[1 + 1, 4]'")).accepted


async def test_completions_are_searched_once() -> None:
    async with Watch() as watch:
        for text in ("assert ", "\nassert f(3) == 4", "`assert`", "[ANSWER]\n4\n[/ANSWER]\n", "```\n", "==", "\n"):
            extract_answer(repeated(text, MIB), given="f(3)==")
    assert watch.longest < 8  # a megabyte of each of eight


async def test_many_at_once_take_turns(evaluator: Evaluator) -> None:
    """Each takes a second of a comparing process; there are no more of them than workers."""
    answers = [f"[[[[0]*1000]*1000]*{n}]==[[[[0]*1000]*1000]*{n}]" for n in range(990, 996)]
    async with Watch() as watch:
        reports = [report async for report in evaluator.evaluate_many((output("4"), answer) for answer in answers)]
    assert {report.status for report in reports} == {Status.WRONG_ANSWER}
    assert watch.longest < 0.25


async def test_what_means_much_is_not_small() -> None:
    assert not any(
        Predicted().is_small(b"4", answer.encode()) for answer in MUCH if "**" in answer or "range" in answer
    )
