"""Checkers in Python, in either of two forms.

function    the source defines ``check(input, output, expected)``, all text; it returns a bool, or a score from 0 to 1.
            In HARDTESTS it is called ``output_judging_function``
script      called with the paths of input, expected output and output, as the ``generated_checker`` of open-r1;
            the last line that it prints is a score from 0 to 1

A source that defines one of these at top level is of the first form, unless ``checker.name`` is "open-r1".
1 accepts; less rejects, with the score told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...sandbox.execution import Execution
from ..problem import Problem
from .base import (
    ANSWER,
    INPUT,
    OUTPUT,
    UNAVAILABLE,
    CheckerCrashed,
    CheckerProgram,
    Decision,
    ended,
    one_of,
    words,
)

_FUNCTION = re.compile(r"^def\s+(check|output_judging_function)\s*\(", re.MULTILINE)
"""Those that decide; where both are defined, the longer name."""
_SCORE, _SOURCE = "score.txt", "checker.py"
_OPEN_R1 = "open-r1"
_LONGEST = 1000
"""Bytes of a score."""

_GUARD = f"""
def guard():
    import sys
    show = sys.excepthook
    def excepthook(kind, error, trace):
        show(kind, error, trace)
        if issubclass(kind, ImportError) and of_statements(trace):
            import os
            sys.stderr.flush()
            os._exit({UNAVAILABLE})
    def of_statements(trace):
        # Whether import statements, and no name that the checker made of what it read, led to what is not there.
        from opcode import opname
        importing = False
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename.startswith("<"):
                return False
            importing = opname[code.co_code[trace.tb_lasti]].startswith("IMPORT_")
            trace = trace.tb_next
        return importing
    sys.excepthook = excepthook
guard()
"""
DRIVER = f"""{_GUARD}
import sys
sys.argv = ["{_SOURCE}", {{arguments}}]
with open("{_SOURCE}", encoding="utf-8") as file:
    code = compile(file.read(), "{_SOURCE}", "exec", dont_inherit=True)
exec(code, {{{{"__name__": "__main__", "__file__": "{_SOURCE}", "__builtins__": __builtins__}}}})
"""
"""Runs a source as a script with arguments, in a Python worker."""

_CALL = f"""{_GUARD}
def read(name):
    with open(name, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()
texts = [read(name) for name in ("{INPUT}", "{OUTPUT}", "{ANSWER}")]
scope = {{{{"__name__": "checker", "__file__": "{_SOURCE}", "__builtins__": __builtins__}}}}
exec(compile(read("{_SOURCE}"), "{_SOURCE}", "exec", dont_inherit=True), scope)
value = scope["{{function}}"](*texts)
if not (hasattr(type(value), "__float__") or hasattr(type(value), "__index__")):
    raise TypeError(f"{{function}} returned {{{{type(value).__name__}}}}, not a bool or a float")
with open("{_SCORE}", "w") as file:
    file.write(repr(float(value)))
"""


def driver(arguments: list[str]) -> bytes:
    """What a Python worker runs, for a script that stands in the file `checker.py`."""
    return DRIVER.format(arguments=", ".join(map(repr, arguments))).encode()


class PythonChecker(CheckerProgram):
    rule = "python"
    collect = (_SCORE,)

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.language = one_of(self.checker.language, ("python",), "a python checker", "python")
        if self.checker.flags:
            raise ValueError(f"checker.flags: a python checker takes none, not {self.checker.flags!r}")
        found = [] if self.checker.name == _OPEN_R1 else _FUNCTION.findall(self.checker.source or "")
        self._function: str | None = max(found, key=len, default=None)

    def arguments(self) -> list[str]:
        return [INPUT, ANSWER, OUTPUT]

    def driver(self) -> bytes | None:
        """Instead of the script's own, for the form that is called."""
        return _CALL.format(function=self._function).encode() if self._function else None

    def decision(self, execution: Execution, left: Mapping[str, bytes]) -> Decision:
        if execution.exit_code != 0:
            raise CheckerCrashed(ended(execution))
        printed = left.get(_SCORE, b"") if self._function else execution.stdout
        last = printed.rstrip().rpartition(b"\n")[2].lstrip()
        try:
            score = float(last[:_LONGEST])
        except ValueError:
            raise CheckerCrashed(f"the checker gave no score but {words(last)!r}") from None
        if not 0 <= score <= 1:  # on a scale that nobody knows; or no number
            raise CheckerCrashed(f"the score is not from 0 to 1: {score}")
        message = words(execution.stdout) if self._function else words(execution.stderr)
        return Decision(score == 1, message or (None if score == 1 else f"score {score:g}"), score)
