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

import msgspec
from litestar import Response, post

from ..integrations.judge import why_not
from ..options import RewardOptions
from . import decode
from .asking import Asking, answer, answer_media, body_of, client_of, gone, note, options_of, query_of, service_of
from .decode import MSGPACK
from .errors import BadRequest, Unavailable
from .labels import Route
from .messages import Result
from .service import Client, Service, until


class GetRewardResponse(msgspec.Struct, frozen=True, kw_only=True):
    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


@post("/get_reward", status_code=200)
async def get_reward(request: Asking) -> Response[bytes]:
    results = await judged(request, "get_reward")
    if results is None:
        return Response(b"", status_code=499)
    rewards = [_reward(result) for result in results]
    passed = [result.report.passed / result.report.total for result in results]
    return _answer(request, GetRewardResponse(rewards=rewards, scores=rewards, extra_logs={"tests_passed": passed}))


@post("/remote_rm", status_code=200)
async def remote_rm(request: Asking) -> Response[bytes]:
    results = await judged(request, "remote_rm")
    return Response(b"", status_code=499) if results is None else _answer(request, _reward(results[0]))


async def judged(request: Asking, route: Route) -> list[Result] | None:
    """None: the client is gone. Raises Unavailable where too many got no verdict."""
    media = decode.media_type(request.headers.get("content-type"))
    query = query_of(request)
    without = _without_verdict(query)
    options = options_of(request, query)
    service, client = service_of(request), client_of(request)
    service.admit(client, 1)
    body = await body_of(request).read(media)
    results: list[Result] | None = await until(gone(request), _judge(service, client, route, body, media, options))
    if results is None:
        return None
    failed = [result.report for result in results if result.reward is None]
    note(request, programs=len(results), no_verdict=len(failed) or None)
    if failed and without != "nan" and (without == "raise" or len(failed) == len(results)):
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


async def _judge(
    service: Service, client: Client, route: Route, body: bytes, media: str, options: RewardOptions
) -> list[Result]:
    made = await service.reading.read(client.key, route, media, body, options)
    return await service.judge(client, await service.taken_in(client, made, options))
