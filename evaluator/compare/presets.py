"""Rules of other graders, and our own, to compare with.

A preset is a `Checker.type`, or replaces that of every problem of a run. It sees bytes and JSON data; nothing of the
program's is ever called.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..problem import Checker, Mode, Problem
from . import codeforces, kattis, lcb, lenient, prime, values
from .base import Comparison
from .exact import Exact

PRESETS: Final[dict[str, str]] = {
    "default": "our rule, with the flags of the problem",
    "strict": "the same bytes, but for one newline at the end; returned values equal and of the same types",
    "kattis": "the default validator of Kattis, with the flags of the problem",
    "codeforces": "a standard checker of testlib: codeforces:NAME, or the one the problem names, else wcmp",
    "lcb": "LiveCodeBench",
    "prime": "verl's prime_code",
    "lenient": "the fall-backs that the MicroCoder paper describes",
}
"""Every preset, and what it reproduces."""

_STDIO_ONLY = ("kattis", "codeforces")


def preset(name: str) -> Checker:
    """The checker that a name stands for: ``kattis``, ``codeforces:rcmp6``. ValueError: there is none."""
    kind, colon, checker = name.partition(":")
    if kind not in PRESETS or (colon and kind != "codeforces"):
        raise ValueError(f"there is no preset {name!r}; known: {', '.join(PRESETS)}, codeforces:NAME")
    if colon:
        codeforces.comparison(checker)
    return msgspec.convert({"type": kind, "name": checker or None}, Checker)


def with_preset(problem: Problem, chosen: Checker) -> Problem:
    """The problem under another rule.

    Stays as it is where a program or the test itself decides. kattis and codeforces compare text, so that problems
    whose tests are calls fall back to the default.
    """
    own = problem.checker
    if problem.mode not in ("stdio", "call") or own.type not in (*PRESETS, "python_eq"):
        return problem
    kind = "default" if problem.mode == "call" and chosen.type in _STDIO_ONLY else chosen.type

    def known(flags: str) -> str:
        return kattis.known(flags) if kind == "kattis" else flags if kind == "default" else ""

    tests = problem.tests
    if any(test.flags for test in tests):
        tests = tuple(
            test if test.flags is None else msgspec.structs.replace(test, flags=known(test.flags)) for test in tests
        )
    name = chosen.name or own.name if kind == "codeforces" else None
    checker = msgspec.structs.replace(own, type=kind, flags=known(own.flags), float_tol=None, name=name)
    return msgspec.structs.replace(problem, checker=checker, tests=tests)


def comparison(problem: Problem) -> Comparison:
    """Of a problem whose checker is a preset other than the default. ValueError: it cannot be."""
    checker, mode = problem.checker, problem.mode
    if checker.flags and checker.type != "kattis":
        raise ValueError(f"checker.flags: {checker.type} takes no flags, not {checker.flags!r}")
    if mode == "call" and checker.type in _STDIO_ONLY:
        raise ValueError(f"checker.type: {checker.type} compares text, but mode is {mode}")
    if mode == "call":
        values.check(problem.tests)
    match checker.type:
        case "strict":
            return values.comparison(problem.tests, strict=True) if mode == "call" else Exact(newline=True)
        case "kattis":
            return kattis.comparison(checker.flags)
        case "codeforces":
            return codeforces.comparison(checker.name)
        case "lcb":
            return _by_mode(mode, lcb.Stdio(), lcb.Call())
        case "prime":
            return _by_mode(mode, prime.Stdio(), prime.Call())
        case "lenient":
            return lenient.Lenient(returned=mode == "call")
        case _:
            raise ValueError(f"checker.type: {checker.type} is not known; known: {', '.join(PRESETS)}")


def _by_mode(mode: Mode, stdio: Comparison, call: Comparison) -> Comparison:
    return call if mode == "call" else stdio
