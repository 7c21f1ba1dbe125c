"""Kattis output validators: ``validator input answer feedback_dir [flags] < output``; exit code 42 accepts, 43 rejects.

``judgemessage.txt`` in the feedback directory is the message; ``score.txt`` is the score of what is accepted, where it
is one from 0 to 1.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from ...sandbox.execution import Execution
from ...sandbox.languages import NAMES, SCRIPTS
from ..problem import Problem
from .base import ANSWER, INPUT, CheckerCrashed, CheckerProgram, Decision, ended, one_of, scale, words

_ACCEPT, _REJECT = 42, 43
_MESSAGE, _SCORE = "feedback/judgemessage.txt", "feedback/score.txt"


class Validator(CheckerProgram):
    rule = "validator"
    collect = (_MESSAGE, _SCORE)

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.language = one_of(self.checker.language, (*NAMES, *SCRIPTS), "a validator", "cpp")
        try:
            self._flags = shlex.split(self.checker.flags)
        except ValueError as error:
            raise ValueError(f"checker.flags: {error}: {self.checker.flags!r}") from None

    def arguments(self) -> list[str]:
        return [INPUT, ANSWER, "feedback/", *self._flags]

    def placed(self) -> Mapping[str, bytes]:
        return {_MESSAGE: b""}  # so that the folder is there

    def decision(self, execution: Execution, left: Mapping[str, bytes]) -> Decision:
        if execution.exit_code not in (_ACCEPT, _REJECT):
            raise CheckerCrashed(f"the validator must exit with 42 or 43: {ended(execution)}")
        accepted = execution.exit_code == _ACCEPT
        message = words(left.get(_MESSAGE, b""), b"" if accepted else execution.stderr)
        try:
            score = scale(float(left[_SCORE])) if accepted and _SCORE in left else None
        except ValueError:
            raise CheckerCrashed(f"score.txt is no number: {words(left[_SCORE])!r}") from None
        return Decision(accepted, message, score)
