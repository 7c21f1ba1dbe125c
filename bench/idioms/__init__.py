"""What tests do with programs: idioms of our own, each with programs that are right and programs that are wrong.

Each file holds idioms of one kind, each below a line ``== name``: the test, then what belongs to it, below lines

    -- right          a program that passes; without one, the last one above
    -- wrong          a program that fails
    -- OLD => NEW     the right program with NEW (and the lines below) instead of OLD, which is in it once: it fails
    -- prelude        what runs before program and test
    -- entry point    its name

    objects       the program's objects where plain data would do: operators, str, len, iteration, attributes
    exceptions    their words, arguments, causes, classes, groups; warnings
    operators     every special method; comparisons, truth, hashes
    classes       data classes, enumerations, named tuples, properties, inheritance, descriptors, metaclasses
    iteration     iterators, generators, context managers, coroutines
    functions     closures, decorators, call-backs, signatures, arguments that change, recursion, linked objects
    output        standard output and input, files, logs
    patches       mocks, monkeypatch, the environment, random numbers, time
    suites        unittest and pytest, and tests that run themselves
    modules       imports of the program, several functions, state
    reflection    what a test reads of classes, functions and modules, and does with them
    data          copies, pickle, numpy, much data, odd values
    shapes        whole tests, in the shapes that data sets have

A test that imports ``solution`` finds the program there; any other finds the program's names among its own. `plain`
runs both as Python does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...evaluator.problem import Checker, Problem, TestCase

FILES = (
    "objects exceptions operators classes iteration functions output patches suites modules reflection data shapes"
).split()
TIME_LIMIT = 10.0
"""Processor seconds of each."""


class Idiom(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """With the kind before it."""
    test: str
    right: str
    wrong: tuple[str, ...]
    prelude: str = ""
    entry_point: str | None = None

    @property
    def problem(self) -> Problem:
        return Problem(
            problem_id=self.name,
            mode="assert",
            tests=(TestCase(code=self.test),),
            entry_point=self.entry_point,
            prelude=self.prelude,
            checker=Checker(type="assert"),
            time_limit=TIME_LIMIT,
        )

    @property
    def programs(self) -> Iterator[tuple[str, str, bool]]:
        """Name, source, and whether it is right."""
        yield "right", self.right, True
        for number, source in enumerate(self.wrong, 1):
            yield f"wrong {number}", source, False


def idioms() -> list[Idiom]:
    """Raises ValueError where two have the same name, or a file is none of idioms."""
    return [idiom for kind in FILES for idiom in _read(kind)]


def _read(kind: str) -> Iterator[Idiom]:
    text = Path(__file__).with_name(f"{kind}.txt").read_text()
    right = ""
    names: set[str] = set()
    for part in f"\n{text}".split("\n== ")[1:]:
        title, _, rest = part.partition("\n")
        test, *sections = f"\n{rest}".split("\n-- ")
        name = f"{kind}: {title}"
        if title in names:
            raise ValueError(f"{name}: there are two")
        names.add(title)
        wrong: list[str] = []
        more: dict[str, str] = {}
        for section in sections:
            head, _, body = section.partition("\n")
            body = body.rstrip() + "\n"
            match head:
                case "right":
                    right = body
                case "wrong":
                    wrong.append(body)
                case "prelude":
                    more["prelude"] = body
                case "entry point":
                    more["entry_point"] = body.strip()
                case _:
                    wrong.append(_changed(name, right, f"{head}\n{body}"))
        if not right or not wrong:
            raise ValueError(f"{name}: lacks a program that is {'wrong' if right else 'right'}")
        yield Idiom(name=name, test=test.strip("\n") + "\n", right=right, wrong=tuple(wrong), **more)


def _changed(name: str, right: str, change: str) -> str:
    old, arrow, new = change.rstrip("\n").partition(" => ")
    if not arrow or right.count(old) != 1:
        raise ValueError(f"{name}: the right program does not have once: {old}")
    return right.replace(old, new)
