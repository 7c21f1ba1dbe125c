"""Whether an output is the expected one. Runs in the trusted parent; outputs of programs are data here, never code.

    base        Match, what a comparison says; Comparison, what it is; RULES, every rule that may accept
    exact       the same bytes
    tokens      the same words, whatever white space stands between them, and words that may stand for others
    decimals    ... because they are decimals within a tolerance
    case        ... because they differ in case alone
    spaces      white space counts
    unordered   lines or words in any order
    bag, lines  counts of very many things, lines as Python splits them: in steps
    default     the rule of a problem that asks for nothing else, built from these; flags says what a problem may ask
    values      returned JSON values: equal as Python says, floats within a tolerance
    predicted   values written as Python source, in an answer
    presets     rules by name, those of other graders among them:
    kattis, codeforces, lcb, prime, lenient

A comparison never raises on what a program wrote. It works in steps of about a millisecond, so that one can look
at the clock; what is not small is compared in processes of their own, see comparing/. A fault of the problem (an
unknown flag, an expected value that is not JSON) is a ValueError from `comparison_for`, before anything is run.
"""

from __future__ import annotations

from ..checkers import checker_program
from ..problem import PREDICTIONS, Checker, Problem
from . import default, exact, predicted, presets, values
from .base import RULES, Comparison, Match, Steps, weakest
from .flags import Flags
from .presets import PRESETS, preset, with_preset

__all__ = [
    "PRESETS",
    "RULES",
    "Comparison",
    "Match",
    "Steps",
    "comparison_for",
    "preset",
    "weakest",
    "with_preset",
]


def comparison_for(problem: Problem) -> Comparison:
    """The comparison that the problem asks for. ValueError: it asks for something that does not exist.

    Reads every expected value of a call-based problem: keep the answer while programs of one problem are judged.
    """
    checker = problem.checker
    if problem.mode == "assert" and checker.type in ("assert", "default"):
        return exact.Exact()  # the tests decide, see evaluator/asserts; nothing is compared
    if problem.mode in PREDICTIONS and checker == Checker():
        predicted.check(problem.tests)
        return predicted.Predicted()
    if problem.mode not in ("stdio", "call") or checker.type == "assert":
        raise ValueError(f"checker.type: {checker.type} does not go with mode {problem.mode}")
    if checker_program(problem) is not None:
        return exact.Exact()  # the program decides; nothing is compared
    if checker.name is not None and checker.type != "codeforces":
        raise ValueError(f"checker.name: belongs to codeforces, not to {checker.type}")
    if checker.type == "python_eq":
        if problem.mode != "call":
            raise ValueError(f"checker.type: python_eq compares returned values, but mode is {problem.mode}")
        if checker.flags:
            raise ValueError(f"checker.flags: python_eq takes float_tol and no flags, not {checker.flags!r}")
        tolerance = values.TOLERANCE if checker.float_tol is None else checker.float_tol
        return values.comparison(problem.tests, absolute=tolerance, relative=tolerance)
    if checker.float_tol is not None:
        raise ValueError("checker.float_tol: belongs to python_eq; others have the flag float_tolerance E")
    if checker.type != "default":
        return presets.comparison(problem)
    flags = Flags.parse(checker.flags)
    return values.for_flags(problem.tests, flags) if problem.mode == "call" else default.comparison(flags)
