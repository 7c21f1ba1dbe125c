"""Rows that are programs: submissions, and the files of samples that other evaluators read.

A row of a file of its own names its problem, as ``problem_id``, or with the word that the data set uses for it. The
program stands in ``code``, or it is extracted from ``completion``: text, or a list of chat messages.

    ours             problem_id, code | completion, name, language, accept ...
    human-eval       task_id, completion: text that goes on where the prompt ends
    EvalPlus         task_id, solution
    LiveCodeBench    question_id, code_list: several programs in a row; pred_list: several answers, with test_id or
                     with id alone
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ...sandbox.languages import NAMES
from ...sandbox.validated import Validated
from ..extract import Found, without_end
from ..options import RewardOptions
from ..problem import Name, Problem
from ..submission import Submission
from .base import BadRow, Place, decode, explain, shorten
from .prompts import said


class Message(msgspec.Struct, frozen=True):
    """Of a chat. The last one is the model's."""

    content: str | list[dict[str, Any]] | None


Completion = str | list[Message]
"""What a model said."""
PLAIN = RewardOptions()
NAMED = ("problem_id", "task_id", "question_id")
"""Fields that say which problem a program is for, in the order in which they are looked at."""
HELD = ("code", "completion", "solution", "code_list", "pred_list")
"""Fields of which a program has one."""


class ProgramRow(Validated, frozen=True, kw_only=True):
    """A program as it may stand in a row: in a file of its own, beside its problem, in a request."""

    code: str | msgspec.UnsetType | None = msgspec.UNSET
    """Source text. null, or only white space: there was no program; the verdict is no_code."""
    completion: Completion | None = None
    """Instead of ``code``: what a model said, with the program in it."""
    solution: str | None = None
    """Instead of ``code``, in EvalPlus."""
    code_list: list[str] | None = None
    """Several programs instead, in LiveCodeBench."""
    pred_list: list[str] | None = None
    """Several predictions instead, in LiveCodeBench and CRUXEval."""
    problem_id: str | int | None = None
    """Which problem it is for, where it stands alone; or, in the words of data sets, the next ones."""
    task_id: str | int | None = None
    question_id: str | int | None = None
    test_id: Any = None
    id: Any = None
    language: Name | None = None
    """None: as the options say."""
    files: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Name and text of files beside the source, which is where the program begins."""
    name: Name | None = None
    """Comes back in the report, as do ``found``, ``accept`` and ``timing_sensitive``."""
    accept: bool | None = None
    """Label: whether the program is right."""
    verdict: str | None = None
    """The publisher's own label, for reading."""
    found: Found | None = None
    timing_sensitive: bool = False

    def _check(self) -> None:
        nothing = self.completion is self.solution is self.code_list is self.pred_list is None
        if self.code is msgspec.UNSET and nothing:
            raise ValueError("code: missing; there is no completion, either")
        if self.language is not None and self.language not in NAMES:
            raise ValueError(f"language: not supported; known: {', '.join(NAMES)}")

    @property
    def named(self) -> tuple[str, str] | None:
        """The field that says which problem it is for, and what it says."""
        if self.pred_list is not None:  # for a test of a problem, or for a call
            if self.question_id is not None and self.test_id is not None:
                return "test_id", f"{self.question_id}/{self.test_id}"
            if self.id is not None:
                return "id", str(self.id)
        for field in NAMED:
            if (name := getattr(self, field)) is not None:
                return field, str(name)
        return None

    def submissions(self, problem: Problem | None, options: RewardOptions = PLAIN) -> list[Submission]:
        """One, but for a list of them. Raises ValueError, ``field: reason``."""
        several = self.code_list if self.pred_list is None else self.pred_list
        # In samples of other evaluators there may be what programs came from, and what they are asked about.
        is_sample = self.pred_list is not None or (self.problem_id is None and self.named is not None)
        own = not is_sample or (several is None and self.solution is None)
        if own and self.code is not msgspec.UNSET:
            return [self._with(self.code, options)]
        if own and self.completion is not None:
            made = program_in(self.completion, problem, options, language=self.language)
            return [self._with(made.code, options, found=made.found)]
        if several is not None:
            return [self._with(code, options, name=str(number)) for number, code in enumerate(several)]
        return [self._with(self.solution, options)]

    def _with(self, code: str | None, options: RewardOptions, **more: Any) -> Submission:
        known: dict[str, Any] = {"name": self.name, "found": self.found} | more
        return Submission.of(
            Submission(
                code=code,
                language=self.language or options.language,
                files=self.files,
                accept=self.accept,
                verdict=self.verdict,
                timing_sensitive=self.timing_sensitive,
                **known,
            )
        )


_submission = msgspec.json.Decoder(Submission)


def read_programs(
    content: Any, place: Place, prefix: str = "", problem: Problem | None = None, options: RewardOptions = PLAIN
) -> list[Submission]:
    """Those of a row beside its problem. Raises BadRow."""
    return _made(decode(ProgramRow, content, place, prefix), content, place, prefix, problem, options)


def plain_program(text: msgspec.Raw) -> Submission | None:
    """The program, when there is nothing to extract and nothing to say of it. `read_programs` knows the rest."""
    try:
        submission = _submission.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return submission if submission.language in NAMES and not submission.files else None


def read_pairs(
    content: Any, place: Place, problem_of: Callable[[str], Problem | None], options: RewardOptions = PLAIN
) -> Iterator[tuple[Problem, Submission]]:
    """The programs of a row in a file of programs, with their problem. Raises BadRow."""
    row = decode(ProgramRow, content, place)
    if row.named is None:
        raise BadRow(place, "problem_id", "missing")
    field, problem_id = row.named
    problem = problem_of(problem_id)
    if problem is None:
        raise BadRow(place, field, "no such problem in the problem files", shorten(problem_id))
    for program in _made(row, content, place, "", problem, options):
        yield problem, program


def _made(
    row: ProgramRow, content: Any, place: Place, prefix: str, problem: Problem | None, options: RewardOptions
) -> list[Submission]:
    try:
        return row.submissions(problem, options)
    except ValueError as error:
        raise explain(error, content, place, prefix) from None


def program_in(
    completion: Completion, problem: Problem | None, options: RewardOptions = PLAIN, *, language: str | None = None
) -> Submission:
    """The program in what a model said to a problem. ``language``: not that of the options."""
    text = said(completion if isinstance(completion, str) else completion[-1].content if completion else "")
    made = options.submission(text, problem, language=language)
    if problem is None or options.form != "fence" or options.starts_in_think:
        return made
    bare = made.code is None or made.found == "bare"
    rest = (without_end(text) if bare else made.code) or ""
    if not _goes_on(rest, problem):
        return made
    found = "bare" if bare else made.found
    return Submission(code=(problem.starter_code or "") + rest, language=made.language, found=found)


def _goes_on(text: str, problem: Problem) -> bool:
    """Whether the text is the rest of a function that the prompt began, as base models write it."""
    if problem.mode != "assert" or not problem.starter_code or not problem.entry_point or problem.partial_solution:
        return False
    defined = re.search(rf"^(?:async )?def {re.escape(problem.entry_point)}\b", text, re.MULTILINE)
    return not defined and re.match(r"(?:[ \t]*\n)*[ \t]+\S", text) is not None
