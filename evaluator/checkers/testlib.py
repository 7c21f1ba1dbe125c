"""Checkers written with testlib: ``checker input output answer``; the exit code decides.

    0 ok                 accepts
    1 wa  2 pe  4 dirt  8 unexpected eof      reject
    3 fail               the test or the jury's answer is broken: the judge's failure
    7 points             from 0 to 1 they are the score, and 1 accepts; beyond that nobody knows the scale: as a crash
    50 and more          partially correct: rejects; what the number means is the contest's affair, it is in the message

testlib.h, where it is used, stands in the checker's files, or is the one that $MICROCODER_TESTLIB names, or is found
beside the compiler's headers. Its source is not part of this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...sandbox.execution import Execution
from ...sandbox.languages import testlib
from ..problem import Problem
from .base import ANSWER, INPUT, OUTPUT, CheckerCrashed, CheckerFailed, CheckerProgram, Decision, ended, one_of, words

_LANGUAGES = ("cpp", "cpp11", "cpp14", "cpp17", "cpp23")
_SETTINGS = b"#define PC_BASE_EXIT_CODE 50\n#define ENABLE_UNEXPECTED_EOF\n#line 1\n"
_OK, _REJECT, _FAIL, _POINTS, _PARTIAL = 0, (1, 2, 4, 8), 3, 7, range(50, 251)
_NUMBER = re.compile(rb"points\s+(-?\d+(?:\.\d*)?(?:e[-+]?\d+)?)")


class Testlib(CheckerProgram):
    __test__ = False  # not a pytest class
    rule = "testlib"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.language = one_of(self.checker.language, _LANGUAGES, "a testlib checker", "cpp17")
        if self.checker.flags:
            raise ValueError(f"checker.flags: a testlib checker takes none, not {self.checker.flags!r}")

    @property
    def source(self) -> bytes:
        return _SETTINGS + super().source

    @property
    def files(self) -> Mapping[str, bytes]:
        files = dict(super().files)
        sources = (self.checker.source or "", *self.checker.files.values())
        if testlib.HEADER not in files and any(testlib.HEADER in text for text in sources):
            if (lack := testlib.missing()) is not None:
                raise CheckerFailed(lack)
            found = testlib.header()
            assert found is not None
            files[testlib.HEADER] = found.read_bytes()
        return files

    def arguments(self) -> list[str]:
        return [INPUT, OUTPUT, ANSWER]

    def decision(self, execution: Execution, left: Mapping[str, bytes]) -> Decision:
        code, said = execution.exit_code, words(execution.stderr, execution.stdout)
        if code == _OK:
            return Decision(True, said)
        if code in _REJECT or code in _PARTIAL:
            return Decision(False, said)
        if code == _POINTS:
            found = _NUMBER.search(execution.stderr)
            points = float(found[1]) if found else -1.0
            if not 0 <= points <= 1:
                raise CheckerCrashed(f"points without a scale from 0 to 1: {said}")
            return Decision(points == 1, said, points)
        if code == _FAIL:
            raise CheckerFailed(f"the checker says that the test is broken: {said}")
        raise CheckerCrashed(ended(execution))
