"""Hostile programs without end, each the same whenever it is asked for: from a grammar, a seed and a number.

One in ten is a known hack of examples/conformance with other hostile code before and behind it; the others are made of
`hacks`. Their problems differ in mode, limits and comparison.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..evaluator import Checker, Problem, Submission, TestCase
from ..sandbox.limits import MIB, Limits
from .hacks import HACKS

EXAMPLES = Path(__file__).parent.parent / "examples" / "conformance" / "hacks.jsonl"
NEAR_A_LIMIT = ("hack/22",)
"""It reads all files there are, which takes about as long as it may."""
CPU_SECONDS = 0.2
PAIRS = ((100, 107), (250, 333), (421, 999), (617, 104), (888, 888), (731, 123))
"""Of numbers to be added. No wrong answer of the grammar is one of the sums, or begins with one."""
LAST = PAIRS[-1][0]
PROBLEMS = 90
_SYMBOL = re.compile(r"<([a-z][a-z ]*)>")
_LINE = re.compile(r"^( *)<([a-z][a-z ]*)>$")

CHECKERS: tuple[Checker, ...] = (
    *(Checker() for _ in range(4)),
    Checker(flags="float_tolerance 1e-6"),
    Checker(flags="unordered_lines"),
    Checker(type="strict"),
    Checker(type="kattis", flags="float_tolerance 1e-6"),
    *(Checker(type="codeforces", name=name) for name in ("wcmp", "lcmp", "fcmp", "rcmp6", "ncmp", "hcmp")),
    Checker(type="lcb"),
    Checker(type="prime"),
    Checker(type="lenient"),
    Checker(type="python", source="def check(input, output, expected):\n    return int(output) == int(expected)\n"),
    Checker(
        type="validator",
        language="python",
        source="import sys\nsys.exit(42 if int(sys.stdin.read()) == int(open(sys.argv[2]).read()) else 43)\n",
    ),
)
FILES = ("helper.py", "a/b.py", "json.py", "main.py", "é.txt", "x" * 200, "a/b/c/d/e/f")
"""Names of files beside the source."""
VALUES = (Checker(type="python_eq"), Checker(type="python_eq", float_tol=1e-6), Checker(), Checker(type="strict"))
ASSERTIONS = (
    "assert f({a}, {b}) == {sum}",
    "assert int(f({a}, {b})) == {sum}",
    "assert round(f({a}, {b}), 2) == {sum}",
    "assert abs(f({a}, {b}) - {sum}) < 1e-6",
    "assert sorted([f({a}, {b}), 1]) == [1, {sum}]",
    "assert set([f({a}, {b})]) == {{{sum}}}",
    "assert str(f({a}, {b})) == '{sum}'",
    "assert [f({a}, {b})] == [{sum}] and len([f({a}, {b})]) == 1",
    "def near(x, y): return x == y\nassert near(f({a}, {b}), {sum})",
    "for a, b in [({a}, {b})] * 3: assert f(a, b) == {sum}",
)
SOURCES = (
    "\ufeff{}",
    "# coding: utf-16\n{}",
    "# coding: nothing\n{}",
    "{}\0",
    "{}\r\n\x0c",
    "\x0c\x0c{}",
    "{}\nx = '\ud800'",
    "{}\nx = " + "(" * 5000,
    "{}\nx = " + "+".join("1" * 20_000),
    "{}\nx = " + "-" * 20_000 + "1",
    "{}\nif 0:\n" + "".join(f"    import os.a{number}\n" for number in range(3000)),
    "{}\n" + "#" + "x" * 100_000,
    "{}\n\\",
    "{}\n  x",
    "\n" * 100_000 + "{}",
    "{}\n" + "x" * 50_000 + " = 1",
    "{}\n" + "".join(f"a{number} = {number}\n" for number in range(3000)),
    "",
    " \n",
)


class Generated(NamedTuple):
    """One program. Its problem is one object for all programs of it."""

    number: int
    kind: str
    problem: Problem
    program: Submission
    accept: bool | None
    """Whether it must be accepted, or must not be. None: it computes the answer, and spoils what it may."""


class Grammar:
    """Sections ``== name`` of alternatives divided by ``--``, with a weight."""

    def __init__(self, text: str) -> None:
        self.sections: dict[str, tuple[list[str], list[int]]] = {}
        for section in re.split(r"^== ", text, flags=re.MULTILINE)[1:]:
            name, _, body = section.partition("\n")
            first, *others = re.split(r"^--(?: (\d+))?\n", body, flags=re.MULTILINE)
            weights, texts = [1, *(int(each or 1) for each in others[::2])], [first, *others[1::2]]
            if not first:  # the section begins with a weight
                del weights[0], texts[0]
            self.sections[name] = [each.strip("\n") for each in texts], weights

    def expand(self, name: str, draw: random.Random) -> str:
        """A text that the section may stand for."""
        (text,) = draw.choices(*self.sections[name])
        return "\n".join(self._lines(text, draw))

    def _lines(self, text: str, draw: random.Random) -> Iterator[str]:
        for line in text.split("\n"):
            if (whole := _LINE.match(line)) is not None:
                for each in self.expand(whole[2], draw).split("\n"):
                    yield whole[1] + each
            else:
                yield _SYMBOL.sub(lambda symbol: self.expand(symbol[1], draw), line)


class Generator:
    """``program(number)``, for any number."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.grammar = Grammar(HACKS)
        draw = random.Random(f"problems of {seed}")
        self.problems = [_problem(number, draw) for number in range(PROBLEMS)]
        self.known = _known(draw)

    def program(self, number: int) -> Generated:
        draw = random.Random(f"program {number} of {self.seed}")
        if draw.random() < 0.1:
            problem, code, accept = draw.choice(self.known)
            kind = problem.problem_id
            litter = (self.grammar.expand("litter", draw) if draw.random() < 0.5 else "" for _ in range(2))
            source = f"{next(litter)}\n{code}\n{next(litter)}\n"
        else:
            problem = draw.choice(self.problems)
            (symbol,) = draw.choices(("ordinary", "fair", "unfair"), (10, 20, 70))
            kind, accept = f"{symbol}, {problem.mode}", {"ordinary": True, "fair": None, "unfair": False}[symbol]
            section = symbol if problem.mode == "stdio" else f"{symbol} call"
            source = self.grammar.expand(section, draw).replace("LAST", str(LAST)) + "\n"
        files: dict[str, str] = {}
        if not accept:
            if draw.random() < 0.03:
                source = draw.choice(SOURCES).replace("{}", source)
            if problem.mode == "stdio" and draw.random() < 0.03:
                files = {name: self.grammar.expand("litter", draw) for name in draw.sample(FILES, draw.randint(1, 3))}
                source = f"try: import helper\nexcept ImportError: pass\n{source}"
        # No two programs are the same, whatever is remembered of them.
        return Generated(number, kind, problem, Submission(code=f"{source}#{number}\n", files=files), accept)


def _problem(number: int, draw: random.Random) -> Problem:
    limits = Limits(
        cpu_time=CPU_SECONDS,
        idle_time=CPU_SECONDS,
        wall_time=60,
        memory=draw.choice((128, 256)) * MIB,
        output=draw.choice((MIB // 4, MIB)),
        stderr=MIB // 4,
        file_size=MIB,
        open_files=draw.choice((16, 64)),
        threads=draw.choice((1, 32, 32)),
        compile_time=draw.choice((0.5, 5.0)),
    )
    mode = draw.choice(("stdio", "stdio", "stdio", "call", "assert"))
    pairs = PAIRS[-draw.choice((1, 3, 6)) :]
    name = f"generated/{number}"
    if mode == "stdio":
        tests = tuple(TestCase(f"{a} {b}\n", f"{a + b}\n") for a, b in pairs)
        return Problem(problem_id=name, tests=tests, limits=limits, checker=CHECKERS[number % len(CHECKERS)])
    if mode == "call":
        tests = tuple(TestCase(json.dumps(pair), json.dumps(sum(pair))) for pair in pairs)
        checker = draw.choice(VALUES)
        return Problem(problem_id=name, mode="call", entry_point="f", tests=tests, limits=limits, checker=checker)
    form = draw.choice(ASSERTIONS)  # one for all tests: what fails fails in the same way, whichever comes first
    texts = [form.format(a=a, b=b, sum=a + b) for a, b in pairs]
    tests = tuple(TestCase(code=text) for text in texts)
    return Problem(problem_id=name, mode="assert", tests=tests, limits=limits, checker=Checker(type="assert"))


def _known(draw: random.Random) -> list[tuple[Problem, str, bool | None]]:
    """The hacks of examples/conformance, under limits of ours."""
    found: list[tuple[Problem, str, bool | None]] = []
    for line in EXAMPLES.read_bytes().splitlines():
        row = msgspec.json.decode(line)
        problem = msgspec.convert(row, Problem)
        if not problem.problem_id.startswith(NEAR_A_LIMIT):
            limits = _problem(0, draw).limits
            problem = msgspec.structs.replace(problem, time_limit=None, limits=limits)
            (hack,) = row["submissions"]
            found.append((problem, hack["code"], None if hack["accept"] else False))
    return found
