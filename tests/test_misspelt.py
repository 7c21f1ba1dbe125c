"""Fields that are none, but are called almost like one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from microcoder.evaluator import Problem, Submission
from microcoder.evaluator.cli import main
from microcoder.evaluator.datasets.misspelt import LOOKED_AT, misspelt
from microcoder.evaluator.datasets.native import FIELDS_OF_ROW

FULL: dict[str, Any] = {
    "problem_id": "p",
    "tests": [{"input": "1", "output": "1"}],
    "limits": {},
    "checker": {"limits": {}},
    "groups": {"a": {}},
    "include": {"a": {}},
    "submissions": [{"completion": [{"content": "1"}]}],
}


def told(row: object) -> list[str]:
    return [str(slip) for slip in misspelt(FIELDS_OF_ROW, msgspec.json.encode(row))]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("time_limt", "time_limit"),
        ("timelimit", "time_limit"),
        ("timeLimit", "time_limit"),
        ("time-limit", "time_limit"),
        ("Time_Limit", "time_limit"),
        ("time_limit_s", "time_limit"),
        ("entrypoint", "entry_point"),
        ("chekcer", "checker"),
        ("submission", "submissions"),
    ],
)
def test_it_is_found(given: str, meant: str) -> None:
    assert told({given: 1}) == [f"{given}: there is no such field; did you mean {meant}?"]


def test_others_are_left_alone() -> None:
    row = {"rating": 1, "url": "", "tags": [], "id": 1, "author": "", "n": 1, "metadata": {"time_limt": 1}}
    assert told(FULL | row) == []
    assert told({"time_limit": 1, "time_limits": 2}) == []  # the right one is there


def test_names_that_nobody_can_have_meant_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr("difflib.get_close_matches", lambda name, *_: compared.append(name) or [])
    told({"ab" * 10_000_000: 1, "time_limt": 1})
    assert compared == ["time_limt"]
    compared.clear()
    tests = [{"input": "1", "output": "1", f"inpu{n}": 1} for n in range(5_000)]
    told(FULL | {"tests": tests} | {f"time_limt{n}": 1 for n in range(5_000)})
    assert len(compared) == LOOKED_AT


def test_others_that_come_often_hide_none() -> None:
    tests = [{"input": "1", "testtype": "stdin"}] * 1_000
    assert told({"problem_id": "p", "tests": tests, "time_limt": 1}) == [
        "time_limt: there is no such field; did you mean time_limit?"
    ]


def objects(kind: type[msgspec.Struct], path: str = "") -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """Where in a row objects with fields of their own stand, whatever stands around them."""
    yield path, kind
    for name, hint in get_type_hints(kind).items():
        hints = [hint]
        for each in hints:
            hints += get_args(each)
            if isinstance(each, type) and issubclass(each, msgspec.Struct):
                yield from objects(each, f"{path}{name}.")


@pytest.mark.parametrize("path", [path for path, _ in objects(FIELDS_OF_ROW)])
def test_it_is_found_in_every_object(path: str) -> None:
    kind = dict(objects(FIELDS_OF_ROW))[path]
    row: Any = json.loads(json.dumps(FULL))
    place = row
    for name in path.split(".")[:-1]:
        place = place[name]
        if isinstance(place, list):
            place = place[0]
        elif name in ("groups", "include"):
            place = place["a"]
    meant = next(name for name in kind.__struct_fields__ if name not in place or len(name) > 4)
    place.pop(meant, None)
    place[f"{meant}x"] = 1
    assert [words.split(": ")[0].replace("[]", "").endswith(f"{path}{meant}x") for words in told(row)] == [True]


@pytest.mark.parametrize("text", [b"[1]", b"null", b'{"tests": NaN, "time_limt": 1}', b'{"tests": 5}', b"{", b"\xff"])
def test_what_is_no_row_says_nothing(text: bytes) -> None:
    assert misspelt(FIELDS_OF_ROW, text) == []


def test_fields_of_a_row_are_all_that_is_read() -> None:
    fields = set(FIELDS_OF_ROW.__struct_fields__)
    assert fields == {*Problem.__struct_fields__, "submissions"}
    programs = dict(objects(FIELDS_OF_ROW))["submissions."].__struct_fields__
    assert set(programs) >= {*Submission.__struct_fields__, "completion", "problem_id"}


def test_run_says_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"problem_id": f"{n}", "time_limt": 3, "tests": [{"input": "1", "output": "1"}], "submissions": [{"code": "print(1)"}]}
        for n in range(3)
    ]  # fmt: skip
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["run", str(file), "--quiet", "--workers", "1"]) == 0
    warning = f"warning: {file}:1: time_limt: there is no such field; did you mean time_limit?\n"
    assert capsys.readouterr().err == warning
    programs = tmp_path / "programs.jsonl"
    programs.write_text('{"problem_id": "1", "code": "print(1)", "langauge": "python"}\n')
    assert main(["run", str(file), "--submissions", str(programs), "--quiet", "--workers", "1"]) == 0
    assert f"{programs}:1: langauge: there is no such field; did you mean language?" in capsys.readouterr().err
