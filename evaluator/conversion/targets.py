"""The shapes of rows. All that decides a verdict is in the ground truth, a row of our own as text, wherever a trainer
hands one to its reward function; ``datasets/`` and ``integrations/`` read it there.

    microcoder     our own row, with its programs
    verl           data_source, prompt, ability, reward_model, extra_info: verl's examples/data_preprocess
    trl            prompt, ground_truth: a prompt-only, conversational data set of TRL
    verifiers      prompt, answer, info: a data set of an environment; info is JSON text, as rows differ in it
    intellect-3    question, answer, info: INTELLECT-3-RL, as prime-rl's environments read it
    open-instruct  messages, ground_truth, dataset: RLVR data sets
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from ..datasets.base import Example, Unusable
from ..datasets.prompts import Message
from ..problem import Problem
from ..submission import Submission
from .asking import conversation
from .own import PROBLEM_ROW, Row, problem_row, truth_of

NOTHING_ASKED = "missing, but a model has to be asked something: add it to the row, or write rows of our own"


class Source(NamedTuple):
    """A row that was read, and what there is to know for writing it."""

    example: Example
    format: str
    """Its name."""
    place: int
    """Among the rows that are written, from 0."""
    template: str | None = None
    """As ``conversation`` takes it."""

    @property
    def problem(self) -> Problem:
        return self.example.problem

    @property
    def truth(self) -> str:
        return truth_of(self.problem)

    @property
    def prompt(self) -> list[Message]:
        """Raises Unusable."""
        said = conversation(self.example, self.template)
        if said is None:
            raise Unusable("statement", NOTHING_ASKED)
        return said


class _Rule(msgspec.Struct):
    ground_truth: str
    style: str = "rule"


class _Extra(msgspec.Struct):
    index: int
    problem_id: str


class Verl(msgspec.Struct):
    data_source: str
    prompt: list[Message]
    reward_model: _Rule
    extra_info: _Extra
    ability: str = "code"


class Trl(msgspec.Struct):
    prompt: list[Message]
    ground_truth: str


class Verifiers(msgspec.Struct):
    prompt: list[Message]
    info: str
    answer: str = ""


class Intellect(msgspec.Struct):
    question: str
    info: str
    answer: str = ""


class OpenInstruct(msgspec.Struct):
    id: str
    messages: list[Message]
    ground_truth: str
    dataset: str


class Target(NamedTuple):
    """One shape."""

    row: type[msgspec.Struct]
    """Its fields."""
    make: Callable[[Source, Iterable[Submission]], Row]
    """Raises Unusable."""
    programs: bool = False
    """Whether it has a place for programs."""


def _own(source: Source, programs: Iterable[Submission]) -> Row:
    return problem_row(source.problem, programs)


def _verl(source: Source, _: object) -> Row:
    extra = _Extra(source.place, source.problem.problem_id)
    return msgspec.to_builtins(Verl(_origin(source), source.prompt, _Rule(source.truth), extra))


def _trl(source: Source, _: object) -> Row:
    return msgspec.to_builtins(Trl(source.prompt, source.truth))


def _verifiers(source: Source, _: object) -> Row:
    return msgspec.to_builtins(Verifiers(source.prompt, _info(source)))


def _intellect(source: Source, _: object) -> Row:
    asked = "\n\n".join(message.content for message in source.prompt)
    return msgspec.to_builtins(Intellect(asked, _info(source)))


def _open_instruct(source: Source, _: object) -> Row:
    verifier = "code_stdio" if source.problem.mode == "stdio" else "code"
    return msgspec.to_builtins(OpenInstruct(source.problem.problem_id, source.prompt, source.truth, verifier))


def _info(source: Source) -> str:
    return msgspec.json.encode({"tests": source.truth, "source": _origin(source)}).decode()


def _origin(source: Source) -> str:
    """What trainers tell rows apart by: of an address the host."""
    origin = source.problem.source or source.format
    try:
        return urlsplit(origin).hostname or origin
    except ValueError:
        return origin


TARGETS = {
    "microcoder": Target(PROBLEM_ROW, _own, programs=True),
    "verl": Target(Verl, _verl),
    "trl": Target(Trl, _trl),
    "verifiers": Target(Verifiers, _verifiers),
    "intellect-3": Target(Intellect, _intellect),
    "open-instruct": Target(OpenInstruct, _open_instruct),
}
"""By name."""
