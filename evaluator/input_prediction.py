"""Predictions of an input, as problems of assertions and programs for them (``docs/asserts.md``).

The function of the problem is in the prelude. Where an answer has literal arguments, the program calls it with them,
and what that returns is compared. Any other expression could put something else in place of the function: then the
program only gives the arguments, and the test calls the function, in a process without any code of the program.
"""

from __future__ import annotations

import ast

import msgspec

from .answer import NoAnswer, call_in
from .asserts.syntax import unparse
from .problem import Problem, TestCase

LONGEST = 8 * 1024
"""Characters of an answer, which is parsed while others wait."""
_NAME = "predicted_input"
"""What programs define."""
_CALLS = f"def {_NAME}():\n    return {{function}}{{arguments}}\n"
_VALUE = f"assert {_NAME}() == {{output}}\n"
_GIVES = f"def {_NAME}():\n    return (lambda *arguments, **keywords: (arguments, keywords)){{arguments}}\n"
_HOLDS = f"""\
predicted_arguments, predicted_keywords = {_NAME}()
assert {{function}}(*predicted_arguments, **predicted_keywords) == {{output}}
"""
_LITERAL = (
    ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp, ast.Starred, ast.keyword,
    ast.expr_context, ast.operator, ast.unaryop,
)  # fmt: skip


def as_judged(problem: Problem) -> Problem:
    """The problem that is judged: of an input prediction the one for any expressions, of any other itself."""
    return _asserting(problem, _HOLDS) if problem.mode == "input_prediction" else problem


def for_literals(problem: Problem) -> Problem:
    """Of an input prediction, the problem for answers with literal arguments."""
    return _asserting(problem, _VALUE)


def program_of(problem: Problem, answer: str) -> tuple[str, bool]:
    """The program, and whether it is one for literal arguments. Raises NoAnswer."""
    if len(answer) > LONGEST:
        raise NoAnswer(f"longer than {LONGEST} characters")
    function = str(problem.entry_point)
    call = call_in(answer, function)
    try:
        arguments = unparse(
            ast.Call(ast.Name(""), call.args, call.keywords)
        )  # of the answer nothing else is in a program
    except (ValueError, RecursionError):
        raise NoAnswer("nested too deep, or too large") from None
    literal = all(isinstance(node, _LITERAL) for part in (*call.args, *call.keywords) for node in ast.walk(part))
    return (_CALLS if literal else _GIVES).format(function=function, arguments=arguments), literal


def _asserting(problem: Problem, code: str) -> Problem:
    (test,) = problem.tests
    output = test.output if test.output.isprintable() and "#" not in test.output else f"(\n{test.output}\n)"
    test = TestCase(code=code.format(function=problem.entry_point, output=output), group=test.group)
    return msgspec.structs.replace(problem, mode="assert", entry_point=_NAME, tests=(test,))
