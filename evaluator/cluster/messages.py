"""What goes between RayEvaluator and its actors, as msgpack."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..options import JudgeOptions
from ..report import Report
from ..submission import Submission


class Started(msgspec.Struct, frozen=True):
    """An actor is ready."""

    jail: str
    identity: str
    """Of the code that judges there."""


class Asked(msgspec.Struct, frozen=True, array_like=True):
    number: int
    """Of the program, in the process that asks."""
    digest: str
    """Of the problem."""
    judging: JudgeOptions
    language: str
    code: bytes | None
    """UTF-8, with surrogates as Python's ``surrogatepass`` has them; likewise the files."""
    files: dict[str, bytes] = {}

    @classmethod
    def of(cls, number: int, digest: str, submission: Submission, judging: JudgeOptions) -> Asked:
        files = {name: _encoded(text) for name, text in submission.files.items()}
        code = None if submission.code is None else _encoded(submission.code)
        return cls(number, digest, judging, submission.language, code, files)

    @property
    def submission(self) -> Submission:
        """What is judged of it; its labels stay with who asks."""
        files = {name: _decoded(text) for name, text in self.files.items()}
        return Submission(code=None if self.code is None else _decoded(self.code), language=self.language, files=files)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


class Batch(msgspec.Struct, frozen=True, array_like=True):
    programs: list[Asked]
    cancelled: list[int]


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What became of a program: a report, or why there is none."""

    number: int
    report: Report | None
    failure: Literal["unknown_problem", "bad_problem", "failed"] | None = None
    """unknown_problem: it has to be sent again; bad_problem: ValueError; failed: the sandbox of that node did."""
    message: str = ""


class Answers(msgspec.Struct, frozen=True, array_like=True):
    answers: list[Answer]
    restarts: int
    """Workers of the actor that broke, so far."""
