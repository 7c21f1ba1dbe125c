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
from ..extract import without_end
from ..options import RewardOptions
from ..problem import Problem
from ..submission import Submission
from .base import BadRow, Place, decode, explain, shorten
from .misspelt import together


class Message(msgspec.Struct, frozen=True):
    """Of a chat. The last one is the model's."""

    content: str


Completion = str | list[Message]
"""What a model said."""


class _Completed(Submission, frozen=True, kw_only=True):
    """A submission whose program is still to be found."""

    code: str | None = None
    completion: Completion


class _Sample(msgspec.Struct):
    """What the samples of other evaluators have instead of ``problem_id`` and ``code``."""

    task_id: str | int | None = None
    question_id: str | int | None = None
    solution: str | None = None
    code_list: list[str] | None = None
    pred_list: list[str] | None = None


class _Predictions(msgspec.Struct):
    """The names of the problem in a row with ``pred_list``: of a test, or of a call."""

    id: str | int | None = None
    question_id: str | int | None = None
    test_id: str | int | None = None


class _Reference(msgspec.Struct):
    problem_id: str
    pred_list: list[str] | None = None


FIELDS = together(_Reference, _Sample, _Completed)
"""All that a row may say which is a program."""
PLAIN = RewardOptions()


_submission = msgspec.json.Decoder(Submission)


def read_program(
    content: Any, place: Place, prefix: str = "", problem: Problem | None = None, options: RewardOptions = PLAIN
) -> Submission:
    """A program and what is known of it. Raises BadRow."""
    submission = _decoded(content, place, prefix, problem, options)
    if submission.language not in NAMES:
        known = ", ".join(NAMES)
        raise BadRow(place, f"{prefix}language", f"not supported; known: {known}", shorten(submission.language))
    try:
        return Submission.of(submission)
    except ValueError as error:
        raise explain(error, content, place, prefix) from None


def plain_program(text: msgspec.Raw) -> Submission | None:
    """The program, when there is nothing to extract and nothing to say of it. `read_program` knows the rest."""
    try:
        submission = _submission.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return submission if submission.language in NAMES and not submission.files else None


def _decoded(content: Any, place: Place, prefix: str, problem: Problem | None, options: RewardOptions) -> Submission:
    try:
        return decode(Submission, content, place, prefix)
    except BadRow as error:
        if (error.field, error.reason) != (f"{prefix}code", "missing"):
            raise
        try:
            completed = decode(_Completed, content, place, prefix)
        except BadRow as other:
            raise error if other.reason == "missing" else other from None
    return extracted(completed, completed.completion, problem, options)


def read_programs(
    content: Any, place: Place, problem_of: Callable[[str], Problem | None], options: RewardOptions = PLAIN
) -> Iterator[tuple[Problem, Submission]]:
    """The programs of a row in a file of programs, with their problem. Raises BadRow."""
    sample, field, problem_id = _named(content, place)
    problem = problem_of(problem_id)
    if problem is None:
        raise BadRow(place, field, "no such problem in the problem files", shorten(problem_id))
    several = None if sample is None else sample.pred_list if sample.code_list is None else sample.code_list
    if several is not None:
        for number, code in enumerate(several):
            yield problem, Submission(code=code, name=str(number))
    elif sample and sample.solution is not None:
        yield problem, Submission(code=sample.solution)
    else:
        yield problem, read_program(content, place, problem=problem, options=options)


def _named(content: Any, place: Place) -> tuple[_Sample | None, str, str]:
    """What the row has besides what ours have; and the name of the problem, with its field. Raises BadRow."""
    error = None
    try:
        reference = decode(_Reference, content, place)
        if reference.pred_list is None:
            return None, "problem_id", reference.problem_id
    except BadRow as why:
        error = why
    sample = decode(_Sample, content, place)
    if sample.pred_list is not None:
        given = decode(_Predictions, content, place)
        if given.question_id is not None and given.test_id is not None:
            return sample, "test_id", f"{given.question_id}/{given.test_id}"
        if given.id is not None:
            return sample, "id", str(given.id)
    field = "task_id" if sample.task_id is not None else "question_id"
    if (name := getattr(sample, field)) is not None:
        return sample, field, str(name)
    raise error or BadRow(place, "question_id", "missing")


def extracted(
    row: Submission, completion: Completion, problem: Problem | None, options: RewardOptions = PLAIN
) -> Submission:
    """With the program that is in the completion."""
    text = completion if isinstance(completion, str) else completion[-1].content if completion else ""
    made = options.submission(text, problem, language=row.language)
    code, found = made.code, made.found
    if problem is not None and options.form == "fence" and not options.starts_in_think:
        bare = code is None or found == "bare"
        said = without_end(text) if bare else code
        if _goes_on(said or "", problem):
            code, found = (problem.starter_code or "") + (said or ""), "bare" if bare else found
    known: dict[str, Any] = {name: getattr(row, name) for name in Submission.__struct_fields__}
    known |= {"code": code, "found": found}
    return Submission(**known)


def _goes_on(text: str, problem: Problem) -> bool:
    """Whether the text is the rest of a function that the prompt began, as base models write it."""
    if problem.mode != "assert" or not problem.starter_code or not problem.entry_point:
        return False
    defined = re.search(rf"^(?:async )?def {re.escape(problem.entry_point)}\b", text, re.MULTILINE)
    return not defined and re.match(r"(?:[ \t]*\n)*[ \t]+\S", text) is not None
