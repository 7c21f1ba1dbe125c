"""Rows as they stand in files, of every form that ``run`` reads, asked of a real server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from microcoder.evaluator import Submission
from microcoder.evaluator.datasets import BadRow
from microcoder.evaluator.integrations import Judge
from microcoder.evaluator.server.messages import EvaluateResponse

from ..forms import FORMS, Form, read
from .conftest import ADD, Server

JSON, MSGPACK = "application/json", "application/msgpack"
TESTS = [{"input": "1 2\n", "output": "3\n"}, {"input": "2 2\n", "output": "4\n"}]
SAID = f"So:\n```python\n{ADD}```"
ROW = {"problem_id": "p", "tests": TESTS, "submissions": [{"code": ADD}]}
HUMANEVAL = {
    "task_id": "HumanEval/901",
    "prompt": "def first(x):\n    '''First.'''\n",
    "entry_point": "first",
    "canonical_solution": "    return x[0]\n",
    "test": "def check(candidate):\n    assert candidate([1, 2]) == 1\n",
}


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("forms"), "--no-history")
    yield running
    running.close()


@pytest.fixture
def http(plain: Server) -> Iterator[httpx2.Client]:
    with plain.http() as client:
        yield client


def sent(http: httpx2.Client, media: str, body: Any, path: str = "/v1/evaluate") -> httpx2.Response:
    content = msgspec.msgpack.encode(body) if media == MSGPACK else json.dumps(body).encode()
    return http.post(path, content=content, headers={"content-type": media, "accept": JSON})


def rewards(answer: httpx2.Response) -> list[float | None]:
    assert answer.status_code == 200, answer.text
    return [result.reward for result in msgspec.json.decode(answer.content, type=EvaluateResponse).results]


def as_row(program: Submission) -> dict[str, Any]:
    return {"code": program.code, "language": program.language, "files": program.files, "accept": program.accept}


def judged(form: Form, http: httpx2.Client, ask: Callable[[int, dict[str, Any], list[Submission]], Any]) -> None:
    """Every row of a file: asked for with its programs, or refused as from a file."""
    for number, row in enumerate(form.rows, 1):
        known = read(form, number, row)
        if isinstance(known, BadRow):
            refused = sent(http, JSON, {"problem": row, "submissions": [{"code": "1"}]})
            assert refused.status_code == 400
            assert refused.json()["error"]["message"].startswith(known.reason)
            assert refused.json()["error"]["path"] == ".".join(filter(None, ("$.problem", known.field)))
            continue
        _, programs = known
        if programs and form.lacks is None:
            assert ask(number, row, programs) == [float(program.accept is True) for program in programs]


@pytest.mark.parametrize("name", FORMS)
def test_a_row_of_any_form_is_a_problem_and_a_request(http: httpx2.Client, name: str) -> None:
    def ask(number: int, row: dict[str, Any], programs: list[Submission]) -> list[float | None]:
        submissions = {"submissions": [as_row(program) for program in programs]}
        if (number + len(name)) % 2:
            return rewards(sent(http, JSON, {"problem": row, **submissions}))
        return rewards(sent(http, MSGPACK, {**row, **submissions}))

    judged(FORMS[name], http, ask)


@pytest.mark.parametrize("name", FORMS)
def test_a_row_of_any_form_is_a_truth(plain: Server, http: httpx2.Client, name: str) -> None:
    """For the judge of the integrations, which asks the server, and for its routes of trainers."""

    def ask(number: int, row: dict[str, Any], programs: list[Submission]) -> list[float | None]:
        programs = [program for program in programs if not program.files]
        found: list[float | None] = []
        for program in programs:
            options = {"form": "raw", "language": program.language}
            mine = judge.judge_now(program.code or "", row, **options).reward
            body = {"query": [program.code], "labels": [json.dumps(row)]}
            (theirs,) = http.post("/get_reward", json=body, params=options).json()["rewards"]
            assert mine == theirs
            found.append(mine)
        return found

    with Judge(plain.address) as judge:
        judged(FORMS[name], http, ask)


@pytest.mark.parametrize("media", [JSON, MSGPACK])
def test_the_programs_of_a_row_are_judged_where_none_are_sent(http: httpx2.Client, media: str) -> None:
    answer = sent(http, media, HUMANEVAL)
    (result,) = answer.json()["results"]
    assert (result["reward"], result["report"]["accept"]) == (1.0, True)
    solutions = {"language": [3, 4, 9], "solution": ["print(3)", "class A {}", "x"]}
    contests = {
        "name": "1_A. Sum",
        "public_tests": {"input": ["1 2\n"], "output": ["3\n"]},
        "private_tests": {"input": [], "output": []},
        "solutions": solutions,
        "incorrect_solutions": {"language": [3], "solution": ["print(4)"]},
    }
    assert [each["report"]["accept"] for each in sent(http, media, contests).json()["results"]][::2] == [True, False]


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        (HUMANEVAL | {"canonical_solution": None}, "$.submissions", "the row holds no programs"),
        ({"problem_id": "p", "tests": TESTS}, "$.submissions", "the row holds no programs"),
        ({"problem": {"problem_id": "p", "tests": TESTS}}, "$.submissions", "missing"),
        (HUMANEVAL | {"test": 5}, "$.test", "expected str, got int"),
        (ROW | {"limits": {"cpu_tme": 1}}, "$.limits.cpu_tme", "did you mean cpu_time?"),
        (HUMANEVAL | {"submissions": []}, "$.submissions", "length >= 1"),
        ({"rating": 5, "submissions": [{"code": ADD}]}, "$", "of no known format, by its fields: rating"),
        ({"submissions": [{"code": ADD}]}, "$.submissions[0].problem", "missing; the request has none for all"),
        ({"problem": {"inputs": ["1"], "outputs": []}, "submissions": [{"code": ADD}]}, "$.problem", "1 inputs, but 0"),
        ({"problem": [], "submissions": [{"code": ADD}]}, "$.problem", "xpected"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_judged_is_named(http: httpx2.Client, body: dict[str, Any], path: str, words: str) -> None:
    for media in (JSON, MSGPACK):
        answer = sent(http, media, body)
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert error["path"].startswith(path) and words in error["message"], error


def test_a_problem_may_be_a_truth(http: httpx2.Client) -> None:
    for truth in ({"inputs": ["1 2\n"], "outputs": ["3\n"]}, {"language": "python", "test_cases": TESTS}):
        assert rewards(sent(http, JSON, {"problem": truth, "submissions": [{"code": ADD}]})) == [1.0]


def test_a_statement_called_problem_is_none(http: httpx2.Client) -> None:
    row = {"problem": "Add two numbers.", "tests": json.dumps(TESTS), "submissions": [{"code": ADD}]}
    assert rewards(sent(http, JSON, row)) == [1.0]
    answer = sent(http, JSON, {"problem": "Add two numbers.", "submissions": [{"code": ADD}]})
    assert answer.json()["error"]["path"] == "digest"


def test_json_as_python_writes_it(http: httpx2.Client) -> None:
    """With values that JSON has not."""
    tests = {"fn_name": "f", "inputs": [[float("inf")], [float("nan")]], "outputs": [True, False]}
    code = "def f(x):\n    return x > 0"
    row = {"input_output": tests, "submissions": [{"code": code}]}
    assert rewards(sent(http, JSON, row)) == [1.0]
    assert rewards(sent(http, JSON, {"problem": row, "submissions": [{"code": code}]})) == [1.0]
    broken = http.post("/v1/evaluate", content=b'{"x": NaN,', headers={"content-type": JSON})
    assert (broken.status_code, broken.json()["error"]["path"]) == (400, "$")


@pytest.mark.parametrize("media", [JSON, MSGPACK])
def test_a_row_is_registered_as_it_is(http: httpx2.Client, media: str) -> None:
    data = msgspec.msgpack.encode(HUMANEVAL) if media == MSGPACK else json.dumps(HUMANEVAL).encode()
    digest = hashlib.sha256(data).hexdigest()
    made = http.put(f"/v1/problems/{digest}", content=data, headers={"content-type": media, "accept": JSON})
    assert made.json() == {"digest": digest, "problem_id": "HumanEval/901", "tests": 1}
    asked = {"problem": digest, "submissions": [{"completion": "    return x[0]\n"}, {"completion": "    return 2\n"}]}
    assert rewards(sent(http, JSON, asked)) == [1.0, 0.0]


def test_completions_are_extracted_as_asked(http: httpx2.Client) -> None:
    """Under the options of the command line, by their names."""
    body = {
        "problem_id": "p",
        "tests": TESTS,
        "submissions": [{"completion": f"a </think>\n{SAID}"}, {"completion": ADD}],
    }
    assert rewards(sent(http, JSON, body, "/v1/evaluate?starts_in_think=true")) == [1.0, 0.0]
    assert rewards(sent(http, JSON, body, "/v1/evaluate?form=raw")) == [0.0, 1.0]
    assert rewards(sent(http, JSON, body)) == [1.0, 1.0]


def test_programs_in_the_words_of_others(http: httpx2.Client) -> None:
    programs = [
        {"solution": ADD},
        {"question_id": 7, "code_list": [ADD, "print(3)"]},
        {"completion": SAID, "task_id": "p"},
    ]
    body = {"problem": {"problem_id": "p", "tests": TESTS}, "submissions": programs}
    answer = sent(http, JSON, body)
    assert rewards(answer) == [1.0, 1.0, 0.0, 1.0]
    assert [result["place"] for result in answer.json()["results"]] == [0, 1, 2, 3]
    refused = sent(http, JSON, body | {"submissions": [programs[1] | {"id": "a"}]})
    assert refused.json()["error"]["path"] == "$.submissions[0].id"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("submission", "did you mean submissions?"),
        ("probelm", "did you mean problem?"),
        ("starts_in_think", "options stand in the address"),
        ("preset", "options stand in the address"),
    ],
)
def test_a_request_that_says_what_is_not_read_is_refused(http: httpx2.Client, field: str, words: str) -> None:
    """Beside a problem nothing stands that belongs to others."""
    body: dict[str, Any] = {"problem": {"problem_id": "p", "tests": TESTS}, "submissions": [{"code": ADD}]}
    slip = {"submission": "submissions", "probelm": "problem"}.get(field)
    body[field] = body.pop(slip) if slip else True
    error = sent(http, JSON, body).json()["error"]
    assert (error["code"], error["path"]) == ("bad_request", f"$.{field}")
    assert words in error["message"]


def test_a_row_that_says_what_is_not_read_is_judged_and_told(http: httpx2.Client) -> None:
    """As `run` does; fields of a data set are its own."""
    row = {
        "problem_id": "p",
        "tests": TESTS,
        "checker": {"flag": ""},
        "submissions": [{"code": ADD, "labl": 1, "acept": True}],
    }
    answer = sent(http, JSON, row)
    assert rewards(answer) == [1.0]
    assert answer.json()["warnings"] == [
        "submissions[].acept: there is no such field; did you mean accept?",
        "checker.flag: there is no such field; did you mean flags?",
    ]
    answer = sent(
        http, JSON, HUMANEVAL | {"language": "python", "submissions": [{"code": "def first(x): return x[0]"}]}
    )
    assert rewards(answer) == [1.0] and "warnings" not in answer.json()
