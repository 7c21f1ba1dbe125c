"""Every option reaches every entry: each of them is called with every field of the options, and says something else.

FIELDS are those of the Structs, CASES has for each a completion that is worth something else with it, ENTRIES are all that
take options. A field without a case, or a function that takes options and is not here, fails; so does an entry that
swallows a field, takes a wrong value, or a name that is none.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import math
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import pytest

from microcoder.evaluator import (
    ClientOptions,
    Evaluator,
    JudgeOptions,
    Problem,
    Report,
    RewardOptions,
    RunOptions,
    SyncEvaluator,
)
from microcoder.evaluator.cli.engine import engine_options, for_rows
from microcoder.evaluator.cli.errors import UsageError
from microcoder.evaluator.cli.options import parse
from microcoder.evaluator.client import AsyncClient, Client
from microcoder.evaluator.cluster import RayEvaluator
from microcoder.evaluator.datasets import Rows
from microcoder.evaluator.integrations import (
    Judge,
    NoVerdict,
    livecodebench,
    openrlhf,
    problem_of,
    trl,
    verifiers,
    verl,
)
from microcoder.evaluator.integrations.adapter import Adapter, AdapterOptions
from microcoder.evaluator.integrations.judge import AskOptions
from microcoder.evaluator.server.openapi import document
from microcoder.trainer import config
from microcoder.trainer.errors import ConfigError
from microcoder.trainer.reward import open_judge

from ..serve.conftest import Server
from .conftest import RIGHT, TRUTH, WRONG, text

FIELDS = AdapterOptions.__struct_fields__
NOTHING = "no verdict"
"""Seen instead of a reward."""

# ------------------------------------------------------------------------------------------------------------- cases


def program(code: str) -> str:
    return f"So:\n```python\n{code}\n```\n"


class Case(NamedTuple):
    value: Any
    """Of the option."""
    said: str
    truth: Any
    plain: dict[str, Any]
    """What is seen without the option, as far as an entry shows it."""
    seen: dict[str, Any]
    """And with it."""


COUNT = {"inputs": [f"{n}\n" for n in range(40)], "outputs": [f"{n}\n" for n in range(40)]}
POINTS = {
    "problem_id": "points",
    "tests": [{"input": f"{n}\n", "output": f"{n}\n", "group": "ab"[n >= 20]} for n in range(40)],
    "groups": {"a": {"max_score": 1}, "b": {"max_score": 3, "score_aggregation": "sum"}},
}
DOUBT = {
    "problem_id": "doubt",
    "tests": [{"input": "1 2\n", "output": "3\n"}],
    "checker": {
        "type": "python",
        "source": "def check(input, output, expected):\n    return 1 // (output == expected)",
    },
}
PAIR = "class Pair:\n    def __init__(self, a): self.a = a\n    def __eq__(self, other): return self.a == other.a\n"
PAIRS = {
    "problem_id": "pairs",
    "mode": "assert",
    "entry_point": "Pair",
    "tests": [{"code": "assert Pair(1) == Pair(1)"}],
    "checker": {"type": "assert"},
}
"""Where the program's own class decides what is equal."""
CUT = "let me try\n```python\nprint(sum(map(int, input().split())))\n```\nhmm, wait"
"""The prompt ended with <think>, and the model was cut off while it still thought."""
LAST = program("n = int(input())\nprint(n if n == 39 else -1)")
HALF = program("n = int(input())\nprint(n if n >= 20 else -1)")
CASES = {
    "preset": Case(
        *("strict", program("print(sum(map(int, input().split())), '')"), TRUTH),
        *({"reward": 1.0}, {"reward": 0.0}),
    ),
    "run_all": Case(True, LAST, COUNT, {"reward": 0.0, "passed": 0.0}, {"reward": 0.0, "passed": 1 / 40}),
    "scores": Case(
        *(True, HALF, POINTS),
        *({"reward": 0.0, "passed": 0.0, "score": None}, {"reward": 0.0, "passed": 0.5, "score": 0.75}),
    ),
    "benefit_of_doubt": Case(True, WRONG, DOUBT, {"reward": 0.0}, {"reward": NOTHING}),
    "assert_trust": Case("sealed", program(PAIR), PAIRS, {"reward": 1.0}, {"reward": NOTHING}),
    "language": Case("c", RIGHT, TRUTH, {"reward": 1.0}, {"reward": 0.0}),
    "form": Case("raw", RIGHT, TRUTH, {"reward": 1.0}, {"reward": 0.0}),
    "starts_in_think": Case(True, CUT, TRUTH, {"reward": 1.0}, {"reward": 0.0}),
    "reward": Case("fraction", LAST, COUNT, {"reward": 0.0}, {"reward": 1 / 40}),
}
"""Of the fields of RewardOptions; the tests at the end have the others."""
REST = {"failures", "column", "server"}


def test_every_field_has_a_case() -> None:
    assert set(CASES) == set(RewardOptions.__struct_fields__)
    assert set(FIELDS) - set(CASES) == REST


# ------------------------------------------------------------------------------------------------------------ entries


class Ask(NamedTuple):
    """What an entry is asked for."""

    said: str
    truth: Any
    options: dict[str, Any]
    address: str
    judge: Judge
    evaluator: Evaluator

    @property
    def problem(self) -> Problem:
        return problem_of(self.truth)


def seen(reward: float | None, report: Report | None = None, **more: Any) -> dict[str, Any]:
    if report is not None:
        more |= {"passed": report.passed / report.total, "score": report.score}
    return {"reward": NOTHING if reward is None or math.isnan(reward) else reward} | more


def of_reports(entry: Callable[[Ask, Any, JudgeOptions], Any]) -> Callable[[Ask], Awaitable[dict[str, Any]]]:
    async def asked(ask: Ask) -> dict[str, Any]:
        code = RewardOptions().submission(ask.said)
        report = entry(ask, code, JudgeOptions(**ask.options))
        report = await report if inspect.isawaitable(report) else report
        return seen(report.reward, report)

    return asked


async def first(items: Any) -> Any:
    async with contextlib.aclosing(items) as them:
        async for item in them:
            return item
    return None


def client(ask: Ask, program: Any, judging: JudgeOptions, use: Callable[..., Any]) -> Any:
    with Client(ask.address) as asking:
        return use(asking, ask.problem, program, judging)


async def client_told(ask: Ask) -> dict[str, Any]:
    async with AsyncClient(ask.address, **ask.options) as asking:
        report = await asking.evaluate(ask.problem, RewardOptions().submission(ask.said))
    return seen(report.reward, report)


async def client_rewards(ask: Ask) -> dict[str, Any]:
    def asked() -> float | None:
        with Client(ask.address, **ask.options) as asking:
            return asking.reward(ask.problem, RewardOptions().submission(ask.said))

    return seen(await asyncio.to_thread(asked))


def of_judged(entry: Callable[[Ask], Any]) -> Callable[[Ask], Awaitable[dict[str, Any]]]:
    async def asked(ask: Ask) -> dict[str, Any]:
        judged = entry(ask)
        judged = await judged if inspect.isawaitable(judged) else judged
        judged = judged[0] if isinstance(judged, list) else judged
        return seen(judged.reward, judged.report)

    return asked


def judge_told(ask: Ask) -> Any:
    with Judge(ask.address, **ask.options) as judge:
        return judge.judge_now(ask.said, ask.truth)


def trl_entry(*, asynchronous: bool) -> Callable[[Ask], Awaitable[dict[str, Any]]]:
    async def asked(ask: Ask) -> dict[str, Any]:
        shown: dict[str, list[Any]] = {}
        function = trl.reward_function(asynchronous=asynchronous, **ask.options)
        columns = {"hidden" if "column" in ask.options else "ground_truth": [ask.truth]}
        rewards = function(["p"], [ask.said], log_extra=shown.__setitem__, **columns)
        rewards = await rewards if inspect.isawaitable(rewards) else rewards
        return seen(rewards[0], passed=shown["tests_passed"][0])

    return asked


async def verl_one(ask: Ask) -> dict[str, Any]:
    score = await verl.compute_score("taco", ask.said, *in_extra(ask), **ask.options)
    return seen(score["score"], passed=score["tests_passed"])  # type: ignore[arg-type]


async def verl_batch(ask: Ask) -> dict[str, Any]:
    truth, extra = in_extra(ask)
    score, again = await verl.compute_scores(["taco"] * 2, [ask.said] * 2, [truth] * 2, [extra] * 2, **ask.options)
    assert repr(score) == repr(again)
    return seen(score["score"], passed=score["tests_passed"])  # type: ignore[arg-type]


def in_extra(ask: Ask) -> tuple[Any, dict[str, Any]]:
    return ("{", {"hidden": ask.truth}) if "column" in ask.options else (ask.truth, {})


async def openrlhf_function(ask: Ask) -> dict[str, Any]:
    pytest.importorskip("torch")
    answer = openrlhf.reward_func([f"Add.{ask.said}"], ["Add."], [ask.truth], **ask.options)
    return seen(answer["rewards"].double().tolist()[0], passed=answer["extra_logs"]["tests_passed"].tolist()[0])


def task(ask: Ask) -> tuple[Any, Any]:
    data = {"hidden" if "column" in ask.options else "ground_truth": ask.truth, "prompt": "Add."}
    return SimpleNamespace(**data), SimpleNamespace(last_reply=ask.said)


async def verifiers_reward(ask: Ask) -> dict[str, Any]:
    return seen(await verifiers.code_reward(*task(ask), **ask.options))


async def verifiers_metric(ask: Ask) -> dict[str, Any]:
    passed = await verifiers.tests_passed(*task(ask), **ask.options)
    return {"passed": NOTHING if math.isnan(passed) else passed}


async def verifiers_rubric(ask: Ask) -> dict[str, Any]:
    function = verifiers.with_options(verifiers.rubric_reward, **ask.options)
    # As a rubric does it: what the function names of all there is.
    there = {"completion": ask.said, "answer": "", "info": {"ground_truth": ask.truth}, "state": None, "task": "t"}
    if "column" in ask.options:
        there["info"] = {"hidden": ask.truth}
    named = inspect.signature(function).parameters
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in named.values())
    return seen(await function(**{name: value for name, value in there.items() if name in named}))


async def lcb(ask: Ask) -> dict[str, Any]:
    column = "hidden" if "column" in ask.options else "input_output"
    sample = {column: text(ask.truth)}

    def asked() -> Any:
        options: dict[str, Any] = {"form": "fence", "server": ask.address} | ask.options
        return livecodebench.codegen_metrics([sample], [[ask.said]], [1], **options)

    metrics, results, _ = await asyncio.to_thread(asked)
    codes = results[0][0]
    if codes is None:
        return {"reward": NOTHING}
    passed = sum(code is True for code in codes) / len(problem_of(ask.truth).tests)
    return {"reward": metrics["pass@1"], "passed": passed}


def route(path: str, body: Callable[[Ask], Any], answer: Callable[[Any], dict[str, Any]]) -> Any:
    async def asked(ask: Ask) -> dict[str, Any]:
        import httpx2

        query = {name: str(value).lower() if value is True else value for name, value in ask.options.items()}
        async with httpx2.AsyncClient(base_url=ask.address, trust_env=False, timeout=60, verify=False) as http:
            got = await http.post(path, json=body(ask), params=query)
        if got.status_code == 503:
            return {"reward": NOTHING}
        if got.status_code != 200:
            assert got.status_code == 400, got.text
            raise ValueError(got.text)
        return answer(got.json() if "stream" not in path else json.loads(got.text.splitlines()[0]))

    return asked


def native(ask: Ask) -> Any:
    return {"problem": msgspec.to_builtins(ask.problem), "submissions": [{"completion": ask.said}]}


def of_result(result: Any) -> dict[str, Any]:
    report = result["report"]
    return seen(result["reward"], passed=report["passed"] / report["total"], score=report.get("score"))


async def trainer(ask: Ask) -> dict[str, Any]:
    made = config.build({"model": {"path": "m"}, "data": {"files": []}, "output": "o", "judge": ask.options})
    judge = open_judge(msgspec.structs.replace(made.judge, url=ask.address))
    try:
        return seen((await asyncio.wrap_future(judge.submit(ask.problem, ask.said))).reward)
    finally:
        judge.close()


class Entry(NamedTuple):
    ask: Callable[[Ask], Awaitable[dict[str, Any]]]
    takes: type[msgspec.Struct]
    without: frozenset[str] = frozenset()
    """Fields that it refuses, since they make no sense with it."""
    blind: frozenset[str] = frozenset()
    """Fields whose truths it cannot have."""


_ADAPTER = {
    "trl.reward_function": trl_entry(asynchronous=True),
    "trl.reward_function, now": trl_entry(asynchronous=False),
    "verl.compute_score": verl_one,
    "verl.compute_scores": verl_batch,
    "verifiers.code_reward": verifiers_reward,
    "verifiers.tests_passed": verifiers_metric,
    "verifiers.rubric_reward": verifiers_rubric,
}
_REWARD = {
    "Judge": of_judged(judge_told),
    "Judge.judge": of_judged(lambda ask: ask.judge.judge(ask.said, ask.truth, **ask.options)),
    "Judge.judge_now": of_judged(lambda ask: ask.judge.judge_now(ask.said, ask.truth, **ask.options)),
    "Judge.judge_all": of_judged(lambda ask: ask.judge.judge_all([(ask.said, ask.truth)], **ask.options)),
    "Judge.judge_all_now": of_judged(lambda ask: ask.judge.judge_all_now([(ask.said, ask.truth)], **ask.options)),
}
_JUDGE = {
    "Evaluator.evaluate": of_reports(lambda ask, code, how: ask.evaluator.evaluate(ask.problem, code, how)),
    "Evaluator.evaluate_many": of_reports(
        lambda ask, code, how: first(ask.evaluator.evaluate_many([(ask.problem, code)], how))
    ),
    "Evaluator.stream": of_reports(
        lambda ask, code, how: second(first(ask.evaluator.stream([(ask.problem, code)], how)))
    ),
    "Client.evaluate": of_reports(lambda ask, code, how: client(ask, code, how, Client.evaluate)),
    "Client.submit": of_reports(
        lambda ask, code, how: client(ask, code, how, lambda *asked: Client.submit(*asked).result())
    ),
    "Client.evaluate_many": of_reports(
        lambda ask, code, how: client(
            ask, code, how, lambda c, problem, code, how: next(c.evaluate_many([(problem, code)], how))
        )
    ),
    "AsyncClient": client_told,
    "Client.reward": client_rewards,
}
_ROUTES = {
    "/v1/evaluate": route("/v1/evaluate", native, lambda got: of_result(got["results"][0])),
    "/v1/evaluate/stream": route("/v1/evaluate/stream", native, of_result),
    "/get_reward": route(
        "/get_reward",
        lambda ask: {"query": [ask.said], "labels": [ask.truth]},
        lambda got: seen(got["rewards"][0], passed=got["extra_logs"]["tests_passed"][0]),
    ),
    "/remote_rm": route("/remote_rm", lambda ask: {"response": ask.said, "label": ask.truth}, seen),
}
ENTRIES = {
    **{name: Entry(ask, AdapterOptions) for name, ask in _ADAPTER.items()},
    "openrlhf.reward_func": Entry(openrlhf_function, AdapterOptions, frozenset({"column"})),
    "livecodebench.codegen_metrics": Entry(
        lcb, AdapterOptions, frozenset({"reward"}), frozenset({"scores", "benefit_of_doubt", "assert_trust"})
    ),
    **{name: Entry(ask, AskOptions) for name, ask in _REWARD.items()},
    **{name: Entry(ask, JudgeOptions) for name, ask in _JUDGE.items()},
    **{name: Entry(ask, RewardOptions) for name, ask in _ROUTES.items()},
    "trainer": Entry(trainer, RewardOptions),
}
REFUSED = (TypeError, ValueError, ConfigError)


async def second(pair: Awaitable[Any]) -> Any:
    return (await pair)[1]


def test_whatever_takes_options_is_here() -> None:
    for module in (trl, verl, verifiers, openrlhf, livecodebench):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or function.__module__ != module.__name__ or function is verifiers.with_options:
                continue
            code = function.__code__  # what it really takes, whatever it says of that
            if code.co_flags & inspect.CO_VARKEYWORDS:
                assert f"{module.__name__.rpartition('.')[2]}.{name}" in ENTRIES
    judging = {path for path, methods in document()["paths"].items() if "post" in methods}
    assert judging - {"/run_code"} == set(_ROUTES)  # which runs a program, and judges nothing
    for path in _ROUTES:
        named = {each["name"] for each in document()["paths"][path]["post"]["parameters"]}
        assert named >= set(RewardOptions.__struct_fields__)


@pytest.fixture
def asks(serving: Server, judge: Judge) -> Callable[..., Ask]:
    def ask(said: str, truth: Any, options: dict[str, Any], evaluator: Any = None) -> Ask:
        return Ask(said, truth, options, serving.address, judge, evaluator)

    return ask


@pytest.mark.parametrize("name", ENTRIES)
async def test_every_field_changes_what_every_entry_says(
    name: str, asks: Callable[..., Ask], request: pytest.FixtureRequest
) -> None:
    entry = ENTRIES[name]
    async with contextlib.AsyncExitStack() as stack:
        evaluator = await stack.enter_async_context(Evaluator(workers=1)) if "Evaluator" in name else None
        for field, case in CASES.items():
            option = {field: case.value}
            if field in entry.without or field not in entry.takes.__struct_fields__:
                with pytest.raises(REFUSED, match=field):
                    await entry.ask(asks(case.said, case.truth, option, evaluator))
                continue
            if field in entry.blind:
                await entry.ask(asks(RIGHT, TRUTH, option, evaluator))
                continue
            plain = await asked(entry, asks(case.said, case.truth, {}, evaluator))
            told = await asked(entry, asks(case.said, case.truth, option, evaluator))
            assert plain == {name: value for name, value in case.plain.items() if name in plain} | plain, field
            for what, found, wanted in (("without", plain, case.plain), ("with", told, case.seen)):
                for each in found.keys() & wanted.keys():
                    assert found[each] == pytest.approx(wanted[each]), (field, what, each)
            if set(plain) & {each for each in case.seen if case.seen[each] != case.plain.get(each)}:
                assert plain != told, field


async def asked(entry: Entry, ask: Ask) -> dict[str, Any]:
    try:
        return await entry.ask(ask)
    except NoVerdict:
        return {"reward": NOTHING}


@pytest.mark.parametrize("name", ENTRIES)
async def test_a_wrong_value_and_a_name_that_is_none_are_refused(name: str, asks: Callable[..., Ask]) -> None:
    entry = ENTRIES[name]
    is_route = name in _ROUTES
    for field in (*entry.takes.__struct_fields__, "no_such_option"):
        if field in entry.without:
            continue
        wrong = "no such" if is_route else object()
        with pytest.raises(REFUSED, match=field):
            await entry.ask(asks(RIGHT, TRUTH, {field: wrong}))


RUNNING = {name for kind in (RunOptions, ClientOptions) for name in kind.__struct_fields__} - set(FIELDS)
NAMED = {name: {"name"} for name in ("trl.reward_function", "trl.reward_function, now", "verifiers.rubric_reward")}
"""Where a name is that of the function; a Judge has that of the client."""


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.takes is AdapterOptions])
async def test_how_to_run_reaches_every_adapter(
    name: str, asks: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    for there in (True, False):
        if not there:
            monkeypatch.delenv("MICROCODER_SERVER")
        for field in RUNNING - NAMED.get(name, set()):
            with pytest.raises(REFUSED, match=field):
                await ENTRIES[name].ask(asks(RIGHT, TRUTH, {field: object()}))


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if "column" in entry.takes.__struct_fields__])
async def test_the_column_may_be_named(name: str, asks: Callable[..., Ask]) -> None:
    entry = ENTRIES[name]
    ask = asks(RIGHT, TRUTH, {"column": "hidden"})
    if "column" in entry.without:
        with pytest.raises(TypeError, match="column"):
            await entry.ask(ask)
        return
    assert set((await entry.ask(ask)).values()) == {1.0}


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if "server" in entry.takes.__struct_fields__])
async def test_the_server_may_be_named(
    name: str, asks: Callable[..., Ask], serving: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MICROCODER_SERVER")

    def judged() -> int:
        with serving.http() as http:
            return http.get("/v1/status").json()["judged"]

    before = judged()
    await ENTRIES[name].ask(asks(RIGHT, TRUTH, {"server": serving.address}))
    assert judged() > before


@pytest.mark.parametrize(
    "name", [name for name, entry in ENTRIES.items() if "failures" in entry.takes.__struct_fields__]
)
async def test_without_a_verdict_there_is_what_was_asked_for(name: str, asks: Callable[..., Ask]) -> None:
    entry = ENTRIES[name]
    for failures in ("none", "nan", "raise"):
        ask = asks(RIGHT, "{", {"failures": failures})
        if name.startswith("livecodebench"):  # a sample that cannot be used is an error
            broken = DOUBT | {"checker": {"type": "python", "source": "def check(*_):\n    raise ValueError"}}
            assert broken
            continue
        try:
            got = await entry.ask(ask)
        except NoVerdict:
            got = {"raised": NOTHING}
        except ValueError as error:
            got = {"refused": str(error)}
        if "refused" in got:
            assert got["refused"].startswith("failures: ") and failures not in got["refused"].partition(",")[0]
            continue
        assert set(got.values()) <= {NOTHING, 0.0} and NOTHING in got.values()
        assert ("raised" in got) == (failures == "raise")


@pytest.mark.parametrize("path", ["/get_reward", "/remote_rm"])
async def test_routes_say_nan_or_refuse(path: str, serving: Server) -> None:
    broken = DOUBT | {"checker": {"type": "python", "source": "def check(*_):\n    raise ValueError"}}
    body = {"query": [RIGHT], "labels": [broken]} if path == "/get_reward" else {"response": RIGHT, "label": broken}
    with serving.http() as http:
        assert http.post(path, json=body, params={"failures": "raise"}).status_code == 503
        answer = http.post(path, json=body, params={"failures": "nan"}).json()
        for query in ({"failures": "none"}, {"no_verdict": "none"}, {"run_all": "maybe"}, {"starts_in_thnk": "true"}):
            refused = http.post(path, json=body, params=query)
            assert refused.status_code == 400 and next(iter(query))[:10] in refused.text
        assert http.post(path, json=body | {"starts_in_think": True}).status_code == 400
        long = http.post(path, json=body, params={"x" * 5000: "1"})
        assert long.status_code == 400 and len(long.text) < 500
        assert http.post("/run_code?preset=lcb", json={"code": "1", "language": "python"}).status_code == 400
    assert math.isnan(answer["rewards"][0] if path == "/get_reward" else answer)


def test_options_in_the_body_of_a_native_request_are_told(serving: Server) -> None:
    """A row may have fields of others that are called like one; beside a problem it would be none."""
    problem, submissions = msgspec.to_builtins(problem_of(TRUTH)), [{"completion": CUT}]
    with serving.http() as http:
        answer = http.post("/v1/evaluate", json={**problem, "submissions": submissions, "starts_in_think": True}).json()
        assert "starts_in_think: is an option" in answer["warnings"][0]
        asked = {"problem": problem, "submissions": submissions, "starts_in_think": True}
        error = http.post("/v1/evaluate", json=asked).json()["error"]
    assert error["path"] == "$.starts_in_think" and "is an option" in error["message"]


# -------------------------------------------------------------------------------- where they are fixed when it is made

MADE: dict[str, Callable[..., Any]] = {
    "Evaluator": Evaluator,
    "SyncEvaluator": lambda **options: SyncEvaluator(**options)._background._make(),  # pyright: ignore[reportPrivateUsage]
    "RayEvaluator": RayEvaluator,
    "AsyncClient": lambda **options: AsyncClient("http://127.0.0.1:9", **options),
}


@pytest.mark.parametrize("name", MADE)
def test_what_an_evaluator_is_told_it_does(name: str) -> None:
    for field, case in ((field, CASES[field]) for field in JudgeOptions.__struct_fields__):
        assert getattr(MADE[name](**{field: case.value}).judging, field) == case.value
    for field in (*JudgeOptions.__struct_fields__, "no_such_option"):
        with pytest.raises(REFUSED, match=field):
            MADE[name](**{field: object()})


@pytest.mark.parametrize("name", ["Evaluator", "SyncEvaluator", "RayEvaluator"])
@pytest.mark.parametrize("field", RunOptions.__struct_fields__)
def test_how_to_run_is_looked_at_when_it_is_made(name: str, field: str) -> None:
    with pytest.raises(ValueError, match=rf"{field}: .*\(found "):
        MADE[name](**{field: object()})


WRONG_VALUES = [("workers", value) for value in ("4", 0, -1, 2.5, True)] + [
    *(("jail", value) for value in ("docker", 1)),
    *(("packages", value) for value in ("numpy", 1, [1])),
    *(("lanes", value) for value in ("no", 1, None)),
    *(("cache", value) for value in (-1, "1", None)),
    *(("keep_outputs", value) for value in (-1, "1MB")),
    *(("run_all", value) for value in (1, "yes", None)),
    *(("preset", value) for value in ("", "no such", 1)),
    *(("memory", value) for value in (1 << 30, {"verdicts": -1})),
    ("python", 3.11),
]


@pytest.mark.parametrize(("field", "value"), WRONG_VALUES)
@pytest.mark.parametrize("name", ["Evaluator", "SyncEvaluator", "RayEvaluator"])
def test_values_that_make_no_sense_name_the_option(name: str, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"\b{field}\b"):
        MADE[name](**{field: value})


def test_the_signature_of_evaluator_has_all_options() -> None:
    named = set(inspect.signature(Evaluator).parameters)
    assert named == {*RunOptions.__struct_fields__, *JudgeOptions.__struct_fields__}


@pytest.mark.parametrize("command", ["run", "serve"])
@pytest.mark.parametrize("field", JudgeOptions.__struct_fields__)
def test_the_command_line_has_them(command: str, field: str) -> None:
    value = CASES[field].value
    words = [command, f"--{field.replace('_', '-')}", *([] if value is True else [value])]
    _, options = parse(words)
    assert getattr(Evaluator(**engine_options(options)).judging, field) == value


@pytest.mark.parametrize("where", ["row", "file"])
def test_completions_in_files_may_start_in_think(where: str, tmp_path: Any) -> None:
    problem = msgspec.to_builtins(problem_of(TRUTH))
    submission = {"completion": CUT, "problem_id": problem["problem_id"]}
    problems, programs = tmp_path / "problems.jsonl", tmp_path / "programs.jsonl"
    problems.write_text(json.dumps(problem | {"submissions": [submission]} if where == "row" else problem))
    programs.write_text(json.dumps(submission))
    for options, found in ((RewardOptions(), "tagged"), (RewardOptions(starts_in_think=True), "unclosed_think")):
        rows = Rows([problems], [programs] if where == "file" else [], options=options)
        ((_, read),) = list(rows)
        assert (read.found, read.code is None) == (found, options.starts_in_think)
    for command in ("run", "calibrate", "inspect"):
        _, options = parse([command, str(problems), "--starts-in-think", "--preset", "strict"])
        assert for_rows(options).starts_in_think
        assert engine_options(options)["preset"] == "strict"


@pytest.mark.parametrize("command", ["run", "calibrate", "inspect"])
def test_completions_are_read_as_the_server_reads_them(command: str) -> None:
    """By the same names; what else RewardOptions have is about the reward."""
    words = {"--language": "cpp", "--form": "raw"}
    _, options = parse([command, "rows.jsonl", *(word for pair in words.items() for word in pair)])
    assert for_rows(options) == RewardOptions(language="cpp", form="raw")
    for given, named in (
        (["--language", "cobol"], "--language: unknown"),
        (["--starts-in-think", "--form", "raw"], "--starts-in-think"),
    ):
        _, options = parse([command, "rows.jsonl", *given])
        with pytest.raises(UsageError, match=named):
            for_rows(options)


def test_a_language_that_rows_do_not_name(tmp_path: Any) -> None:
    file = tmp_path / "rows.jsonl"
    programs = [{"code": "x"}, {"code": "x", "language": "c"}, {"completion": "```cpp\nint main() {}\n```"}]
    file.write_text(json.dumps({**msgspec.to_builtins(problem_of(TRUTH)), "submissions": programs}))
    read = [program for _, program in Rows([file], options=RewardOptions(language="cpp"))]
    assert [(each.language, each.code) for each in read] == [("cpp", "x"), ("c", "x"), ("cpp", "int main() {}")]


def test_a_judge_of_the_trainer_has_a_server_or_workers() -> None:
    with pytest.raises(ValueError, match="workers: is what the server"):
        config.Judging(url="http://127.0.0.1:9", workers=2)
    running = set(RunOptions.__struct_fields__) & set(config.Judging.__struct_fields__)
    assert running == {"workers", "jail", "python", "packages", "lanes"}  # what else there is has no part in a reward


def test_an_adapter_is_told_what_its_judge_does_not_take(judge: Judge) -> None:
    with pytest.raises(TypeError, match="'deadline' is for a server, and there is none"):
        Judge(deadline=3)
    with pytest.raises(TypeError, match="'workers' is for programs that are judged in this process"):
        Judge("http://127.0.0.1:9", workers=3)
    with pytest.raises(TypeError, match="did you mean starts_in_think"):
        Adapter({"starts_in_thnk": True})
    with pytest.raises(TypeError, match="the judge that is given has its own"):
        trl.reward_function("http://127.0.0.1:9", judge=judge)
    with pytest.raises(TypeError, match=r"'starts_in_think' is for reward_function\(\.\.\.\)"):
        trl.code_reward_sync(["p"], ["c"], ground_truth=[TRUTH], starts_in_think=True)
