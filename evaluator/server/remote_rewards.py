"""What RL trainers ask of a reward model over HTTP: the text that a model wrote and the ground truth in, rewards out.

    POST /get_reward   OpenRLHF: {"query", "prompts", "labels"} to {"rewards", "scores", "extra_logs"}; any number
    POST /remote_rm    slime: {"prompt", "response", "label"} to a number

Labels hold the ground truth in any form that integrations.truth knows. Neither trainer has a reward that means "none";
the one thing that both carry to where groups are left out is NaN. So a program without verdict has the reward NaN where
others of its request have a verdict: it costs them nothing, and what was judged is not judged again. Where none has one
the answer is 503, after which both ask again. ``?failures=nan`` never refuses, ``?failures=raise`` always does; they
were called ``?no_verdict=nan`` and ``=refuse``. The fields of RewardOptions stand in the query, too.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
from litestar import Response, post

from ...sandbox.shortage import in_thread
from ..datasets.base import BadRow
from ..integrations.judge import statement_of, text_of, why_not
from ..integrations.openrlhf import response_of
from ..integrations.truth import Truths, with_class
from ..options import RewardOptions
from ..submission import Submission
from . import decode
from .asking import Asking, answer, answer_media, body_of, client_of, gone, note, options_of, query_of, service_of
from .decode import MSGPACK, Decoder
from .errors import BadRequest, TooLarge, Unavailable
from .messages import Result
from .service import Asked, Client, Service, until


class GetRewardRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    query: list[str] | str = []
    prompts: list[str | None] | str | None = None
    labels: list[Any] | str | None = None


class GetRewardResponse(msgspec.Struct, frozen=True, kw_only=True):
    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


class RemoteRmRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    response: str
    label: Any
    prompt: Any = None


class _Sample(msgspec.Struct, frozen=True):
    query: str
    prompt: str | None
    """What the query begins with."""
    label: Any
    statement: str | None
    path: str


_openrlhf = Decoder(GetRewardRequest)
_slime = Decoder(RemoteRmRequest)


@post("/get_reward", status_code=200)
async def get_reward(request: Asking) -> Response[bytes]:
    media = decode.media_type(request.headers.get("content-type"))
    asked = _openrlhf.decode(await body_of(request).read(media), media)
    results = await judged(request, samples_of(asked))
    if results is None:
        return Response(b"", status_code=499)
    rewards = [_reward(result) for result in results]
    passed = [result.report.passed / result.report.total for result in results]
    return _answer(request, GetRewardResponse(rewards=rewards, scores=rewards, extra_logs={"tests_passed": passed}))


@post("/remote_rm", status_code=200)
async def remote_rm(request: Asking) -> Response[bytes]:
    media = decode.media_type(request.headers.get("content-type"))
    asked = _slime.decode(await body_of(request).read(media), media)
    sample = _Sample(asked.response, None, asked.label, statement_of(asked.prompt), "$.label")
    results = await judged(request, [sample])
    return Response(b"", status_code=499) if results is None else _answer(request, _reward(results[0]))


def samples_of(asked: GetRewardRequest) -> list[_Sample]:
    """One a query. Raises BadRequest."""
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
        _Sample(query, prompt, label, prompt, f"$.labels[{place}]")
        for place, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True))
    ]


async def judged(request: Asking, samples: list[_Sample]) -> list[Result] | None:
    """None: the client is gone. Raises Unavailable where too many got no verdict."""
    query = query_of(request)
    without = _without_verdict(query)
    options = options_of(request, query)
    service, client = service_of(request), client_of(request)
    if len(samples) > service.settings.caps.submissions:
        raise TooLarge(f"{len(samples)} queries; this server allows {service.settings.caps.submissions}")
    service.admit(client, len(samples))
    results: list[Result] | None = await until(gone(request), _judge(service, client, samples, options))
    failed = [result.report for result in results or () if result.reward is None]
    note(request, programs=len(samples), no_verdict=len(failed) or None)
    if failed and without != "nan" and (without == "raise" or len(failed) == len(samples)):
        raise Unavailable(f"the judge failed: {why_not(failed[0])}", retry_after=1.0)
    return results


_WORDS = {"failures": {"nan": "nan", "raise": "raise"}, "no_verdict": {"nan": "nan", "refuse": "raise"}}
"""What may be asked for where there is no verdict."""


def _without_verdict(query: dict[str, str]) -> str | None:
    """Taken out of the query. Raises BadRequest."""
    wanted = None
    for name, words in _WORDS.items():
        if name in query and (wanted := words.get(query.pop(name))) is None:
            raise BadRequest(" or ".join(words), path=name)
    return wanted


def _reward(result: Result) -> float:
    return math.nan if result.reward is None else result.reward


def _answer(request: Asking, value: object) -> Response[bytes]:
    """As ``answer``, but with NaN in JSON, as Python writes and reads it; msgspec would make it null."""
    if answer_media(request) == MSGPACK:
        return answer(request, value)
    return Response(json.dumps(msgspec.to_builtins(value)).encode(), media_type=decode.JSON)


async def _judge(service: Service, client: Client, samples: list[_Sample], options: RewardOptions) -> list[Result]:
    asked = [await _asked(service, place, each, options) for place, each in enumerate(samples)]
    return await service.judge(client, asked)


async def _asked(service: Service, place: int, sample: _Sample, options: RewardOptions) -> Asked:
    try:
        data, submission = await in_thread(_written, service.truths, sample, options)
    except BadRow as error:
        raise BadRequest(f"{error.reason}", path=".".join(filter(None, (sample.path, error.field)))) from None
    held = await service.problems.named(msgspec.Raw(data), MSGPACK, sample.path)
    return Asked(place, submission, held, options)


def _written(truths: Truths, sample: _Sample, options: RewardOptions) -> tuple[bytes, Submission]:
    """The problem as it is registered, and the program; in a thread, for both may be large."""
    problem = truths.problem(sample.label, field="label", statement=sample.statement)
    submission = options.submission(text_of(response_of(sample.query, sample.prompt)), problem.entry_point)
    return msgspec.msgpack.encode(with_class(problem, submission.code or "")), submission
