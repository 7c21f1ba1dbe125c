"""What RL trainers send to have programs rewarded, made problems and programs.

Labels hold the ground truth in any form that integrations.truth knows: objects, JSON in text, Python literals, packed
texts in these. Nothing says beforehand what that takes, so a *reader* does it, see `reading`; this runs in it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..datasets.base import BadRow
from ..datasets.programs import program_in
from ..datasets.prompts import asked as user_said
from ..integrations.openrlhf import response_of
from ..integrations.truth import Truths
from ..options import RewardOptions
from ..problem import Problem
from ..submission import Submission
from .decode import Decoder
from .errors import BadRequest, TooLarge
from .values import of_json

Route = Literal["get_reward", "remote_rm"]


class GetRewardRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    query: list[str] | str = []
    prompts: list[str | None] | str | None = None
    labels: list[Any] | str | None = None


class RemoteRmRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    response: str
    label: Any
    prompt: Any = None


class Sample(msgspec.Struct, frozen=True):
    query: str
    prompt: str | None
    """What the query begins with."""
    label: Any
    statement: str | None
    path: str


class Labelled(msgspec.Struct, frozen=True):
    """A program of a request."""

    problem: int
    """Its place among the problems of the request."""
    submission: Submission


class Named(msgspec.Struct, frozen=True):
    """A problem of a request."""

    path: str
    """The first label that says it."""
    data: bytes
    """As msgpack."""


_openrlhf = Decoder(GetRewardRequest)
_slime = Decoder(RemoteRmRequest)


def samples_of(route: Route, body: bytes, media: str) -> list[Sample]:
    """One a query. Raises BadRequest."""
    if route == "get_reward":
        return _of_openrlhf(_openrlhf.decode(body, media))
    asked = _slime.decode(body, media)
    return [Sample(asked.response, None, asked.label, user_said(asked.prompt), "$.label")]


def _of_openrlhf(asked: GetRewardRequest) -> list[Sample]:
    queries = [asked.query] if isinstance(asked.query, str) else asked.query
    if not queries:
        return []
    labels = [asked.labels] if isinstance(asked.labels, str) else asked.labels
    if not labels:
        raise BadRequest("missing: they hold the ground truth (--data.label_key)", path="$.labels")
    prompts = [asked.prompts] if isinstance(asked.prompts, str) else asked.prompts or [None] * len(queries)
    for name, values in (("labels", labels), ("prompts", prompts)):
        if len(values) != len(queries):
            raise BadRequest(f"{len(values)} of them for {len(queries)} queries", path=f"$.{name}")
    return [
        Sample(query, prompt, label, prompt, f"$.labels[{place}]")
        for place, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True))
    ]


class Made(msgspec.Struct, frozen=True):
    """What a request comes to."""

    problems: list[Named]
    programs: list[Labelled]
    form: str | None = None
    """Of a row: the name of its format."""
    left_out: dict[str, int] = {}
    """Of a row: programs in languages that are not known."""


class Most(msgspec.Struct, frozen=True):
    """What a request may have."""

    programs: int
    values: int
    """Of one label that is JSON."""
    tests: int
    """Of one problem."""
    size: int
    """Bytes of all problems."""


def read(samples: list[Sample], options: RewardOptions, truths: Truths, most: Most) -> Made:
    """The problems, each once, and the programs. Raises BadRequest, TooLarge."""
    if len(samples) > most.programs:
        raise TooLarge(f"{len(samples)} queries; this server allows {most.programs}")
    problems: dict[bytes, int] = {}
    named: list[Named] = []
    labelled: list[Labelled] = []
    left = most.size
    for sample in samples:
        data, submission = _read(sample, options, truths, most)
        place = problems.setdefault(data, len(problems))
        if place == len(named):
            named.append(Named(sample.path, data))
            left -= len(data)
            if left < 0:
                raise TooLarge(f"the problems have more than {most.size} bytes; this server allows no more")
        labelled.append(Labelled(place, submission))
    return Made(named, labelled)


def _read(sample: Sample, options: RewardOptions, truths: Truths, most: Most) -> tuple[bytes, Submission]:
    if isinstance(sample.label, str) and _may_be_json(sample.label) and _more(sample.label, most.values):
        raise TooLarge(f"more than {most.values} values; this server allows no more in a request", path=sample.path)
    try:
        problem = truths.problem(sample.label, field="label", statement=sample.statement)
    except BadRow as error:
        raise bad_request(error, sample.path) from None
    data = checked(problem, most, sample.path)
    submission = program_in(response_of(sample.query, sample.prompt), problem, options)
    return data, submission


def checked(problem: Problem, most: Most, path: str) -> bytes:
    """As msgpack. Raises BadRequest."""
    if (tests := len(problem.tests)) > most.tests:
        raise BadRequest(f"{tests} of them; this server allows {most.tests}", path=f"{path}.tests")
    return msgspec.msgpack.encode(problem)


def bad_request(error: BadRow, path: str) -> BadRequest:
    """``path``: of the row."""
    found = "" if error.value is None else f" (found {error.value})"
    return BadRequest(error.reason + found, path=".".join(filter(None, (path, error.field))))


def _may_be_json(text: str) -> bool:
    """Not where the first mark of a string is that of Python alone; such a literal is short, or not read."""
    return text.find("'") < 0 or -1 < text.find('"') < text.find("'")


def _more(text: str, most: int) -> bool:
    """Whether it holds more values than these."""
    found = 0
    for count in of_json(text.encode("utf-8", "surrogatepass")):
        found += count
        if found > most:
            return True
    return False
