"""``microcoder-eval inspect``: what it counts, what it finds suspicious, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Checker, Problem, TestCase
from microcoder.evaluator.cli import main
from microcoder.evaluator.inspection import suspicions
from microcoder.sandbox.limits import Limits

GOOD = {
    "problem_id": "good",
    "title": "Good",
    "time_limit": 2,
    "tests": [{"input": "1", "output": "2"}, {"input": "2", "output": "3"}],
    "submissions": [
        {"code": "print(2)", "accept": False, "timing_sensitive": True},
        {"completion": "```python\nprint(int(input()) + 1)\n```", "accept": True},
    ],
}


def inspect(tmp_path: Path, *rows: object) -> tuple[int, dict[str, Any]]:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    code = main(["inspect", str(file), "--json", str(tmp_path / "out.json")])
    return code, json.loads((tmp_path / "out.json").read_text())


def test_what_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = inspect(tmp_path, GOOD)
    assert code == 0
    assert (result["formats"], result["problems"], result["tests"]) == ({"microcoder": 1}, 1, 2)
    assert (result["modes"], result["checkers"]) == ({"stdio": 1}, {"default": 1})
    assert result["labels"] == {"wrong": 1, "timing_sensitive": 1, "right": 1}
    assert (result["found"], result["described"]) == ({"tagged": 1}, {"title": 1})
    assert result["time_limits"] == {"least": 2.0, "median": 2.0, "most": 2.0}
    table = capsys.readouterr().out
    assert "microcoder 1" in table
    assert "2; each problem 2 to 2" in table


def test_bad_rows_are_counted_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = inspect(tmp_path, GOOD, "{", GOOD | {"problem_id": "b", "tests": []}, GOOD)
    assert code == 1
    assert (result["problems"], result["bad_rows"], len(result["first_bad_rows"])) == (1, 3, 3)
    out = capsys.readouterr().out
    assert "rows.jsonl:3: tests: expected array of length >= 1" in out
    assert "rows.jsonl:4: problem_id: the same as in" in out


def test_a_field_that_is_almost_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = inspect(tmp_path, GOOD | {"time_limt": 3}, GOOD | {"problem_id": "b", "time_limt": 3, "rating": 1})
    told = "time_limt: there is no such field; did you mean time_limit?"
    assert (code, result["misspelt"]) == (0, {})  # the right one is there, too
    without = {name: value for name, value in GOOD.items() if name != "time_limit"}
    code, result = inspect(tmp_path, without | {"time_limt": 3}, without | {"problem_id": "b", "time_limt": 3})
    assert (code, result["misspelt"]) == (1, {told: 2})
    assert f"{told} 2 rows" in capsys.readouterr().out


def problem(*tests: tuple[str, str], statement: str = "", **checker: Any) -> Problem:
    cases = tuple(TestCase(given, expected) for given, expected in tests)
    return Problem(problem_id="p", tests=cases, statement=statement, checker=Checker(**checker))


@pytest.mark.parametrize(
    ("suspect", "kind"),
    [
        (problem(("1", "")), "empty expected output"),
        (problem(("1", " \n")), "empty expected output"),
        (problem(("1", "2"), ("1", "3")), "same input, different expected outputs"),
        (problem(("1", "2"), ("1", "2")), "same test again"),
        (problem(("1" * (17 << 20), "2")), "giant test"),
        (problem(("1", "0.5 nan")), "nan or inf expected"),
        (
            msgspec.structs.replace(problem(("1", "é" * 600)), limits=Limits(output=1000)),
            "more output expected than limits.output allows: no program can be accepted",
        ),
        (Problem(problem_id="p", tests=(TestCase("1", "2", group="sample"),)), "no tests but samples"),
        (
            problem(("1", "2"), statement="If there are multiple answers, print any of them."),
            "several answers may be right, but there is no checker",
        ),
        (
            problem(("1", "2"), statement="The absolute or relative error must be small."),
            "several answers may be right, but there is no checker",
        ),
    ],
)
def test_suspicions(suspect: Problem, kind: str) -> None:
    assert [found for found, _ in suspicions(suspect)] == [kind]


@pytest.mark.parametrize(
    "fine",
    [
        problem(("1", "2"), ("2", "2")),
        problem(("1", "information")),
        problem(("1", "2"), statement="Print any valid answer.", type="validator", source="x"),
        problem(("1", "2"), statement="relative error 1e-6", flags="float_tolerance 1e-6"),
        Problem(problem_id="p", tests=(TestCase("1", "2", group="sample"), TestCase("1", "2", group="secret/group1"))),
    ],
)
def test_no_suspicions(fine: Problem) -> None:
    assert list(suspicions(fine)) == []


def test_names_from_a_file_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = GOOD | {"problem_id": "[red]x[/red]", "tests": [{"input": "1", "output": ""}]}
    assert inspect(tmp_path, row)[0] == 1
    assert "[red]x[/red]: tests[0]" in capsys.readouterr().out


def test_mistakes_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect"]) == 2
    assert main(["inspect", str(tmp_path / "nowhere.jsonl")]) == 2
    assert main(["inspect", str(tmp_path), "--format", "x"]) == 2
    errors = capsys.readouterr().err
    assert "nowhere.jsonl: No such file" in errors
    assert "no format x; there are microcoder," in errors
