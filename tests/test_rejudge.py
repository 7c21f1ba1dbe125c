"""`microcoder-eval rejudge`: the same outputs under another rule; what cannot be decided is said, not guessed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcoder.evaluator.cli import main
from microcoder.evaluator.kept import keep, restore
from microcoder.evaluator.report import Report
from microcoder.evaluator.status import Status

PROGRAMS = {
    "exact": "print(input())",
    "near": "print(float(input()) * (1 + 1e-7))",
    "off": "print(float(input()) * (1 + 5e-6))",
    "loud": "print(input()); print(' ' * 5000)",
    "crash": "print(1 / 0)",
    "broken": "print(",
}


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    file = tmp_path / "problems.jsonl"
    tests = [{"input": f"{number}.5\n", "output": f"{number}.5\n"} for number in (1, 2, 3)]
    programs = [{"name": name, "code": code} for name, code in PROGRAMS.items()]
    file.write_text(json.dumps({"problem_id": "p", "tests": tests, "submissions": programs}) + "\n")
    return file


def command(*arguments: object) -> int:
    return main(list(map(str, arguments)))


def run(problems: Path, *options: object, name: str = "reports.jsonl") -> Path:
    out = problems.with_name(name)
    assert command("run", problems, "-q", "-o", out, "--unsafe-no-jail", "--overwrite", *options) == 0
    return out


def rejudged(problems: Path, before: Path, *options: object) -> tuple[dict[str | None, Report], dict[str, Any]]:
    out, summary = problems.with_name("again.jsonl"), problems.with_name("again.json")
    files = ("--reports", before, "-o", out, "--json", summary, "-q", "--overwrite")
    assert command("rejudge", problems, *files, *options) == 0
    reports = [msgspec.json.decode(line, type=Report) for line in out.read_bytes().splitlines()]
    return {report.name: report for report in reports}, json.loads(summary.read_text())


def test_as_if_it_had_run_under_that_preset(problems: Path) -> None:
    before = run(problems, "--run-all", "--keep-outputs", 10_000)
    for preset in ("prime", "codeforces:rcmp6"):
        again, summary = rejudged(problems, before, "--preset", preset)
        really = run(problems, "--run-all", "--preset", preset, name="really.jsonl").read_bytes().splitlines()
        for report in (msgspec.json.decode(line, type=Report) for line in really):
            found = again[report.name]
            assert (found.status, found.passed) == (report.status, report.passed)
            assert [(test.status, test.rule) for test in found.tests] == [
                (test.status, test.rule) for test in report.tests
            ]
        assert (summary["preset"], summary["not_rejudgeable"]) == (preset, 0)


def test_changes_are_shown(problems: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(problems, "--run-all", "--keep-outputs", 10_000)
    _, summary = rejudged(problems, before, "--preset", "prime")
    assert summary["changed"] == 1
    (change,) = summary["changes"]
    assert (change["name"], change["before"], change["after"]) == ("off", "wrong_answer", "accepted")
    assert (change["test"], change["rule"]) == (1, "allclose")
    assert summary["verdicts"] == {"accepted": 4, "runtime_error": 1, "compile_error": 1}
    assert summary["accepted_by"] == {"exact": 1, "lines": 1, "allclose": 2}
    assert command("rejudge", problems, "--reports", before, "--preset", "prime") == 0
    assert "1 of 6 programs have another verdict" in capsys.readouterr().out


def test_reports_and_problems_in_any_order(problems: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(problems, "--run-all", "--keep-outputs", 10_000)
    packed = before.with_name("packed.jsonl.gz")
    packed.write_bytes(gzip.compress(before.read_bytes()))
    for files in ((before, problems), (problems, before), (packed, problems), (problems, "--reports", before)):
        assert command("rejudge", *files, "--preset", "prime") == 0
        assert "1 of 6 programs have another verdict" in capsys.readouterr().out
    assert command("rejudge", before, "--preset", "prime") == 2
    told = f"which problems? Name the files of the run, too: rejudge {before} PROBLEMS"
    assert told in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("width", ["80", "40"])
def test_what_changed_fits_the_terminal(
    problems: Path, width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    row = json.loads(problems.read_text())
    row |= {"problem_id": "a_problem/with-a-name/that-is-long/" + "x" * 60}
    row["submissions"] = [{"name": f"off[{n}]\n" + "y" * 50, "code": PROGRAMS["off"]} for n in range(3)]
    problems.write_text(json.dumps(row) + "\n")
    before = run(problems, "--run-all", "--keep-outputs", 10_000)
    for preset in ("prime", "strict"):
        assert command("rejudge", before, problems, "--preset", preset) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= int(width)
    shown = lines[lines.index("changed") :]
    assert [line.strip().partition(": ")[0] for line in shown[1:7:2]] == ["wrong_answer → accepted"] * 3
    assert [line.strip().partition(",")[0] for line in shown[2:8:2]] == ["test 1"] * 3


def test_what_was_not_kept_or_not_run_is_not_guessed(problems: Path) -> None:
    again, summary = rejudged(problems, run(problems, "--keep-outputs", 100), "--preset", "prime")
    assert again["off"].status is Status.SKIPPED
    assert again["off"].reward is None
    assert again["off"].message == "cannot be judged again: test 2: it was not run (--run-all runs all tests)"
    assert "too long to be kept whole" in (again["loud"].message or "")
    assert again["exact"].status is Status.ACCEPTED
    assert (again["crash"].status, again["broken"].status) == (Status.RUNTIME_ERROR, Status.COMPILE_ERROR)
    assert summary["not_rejudgeable"] == 2
    again, _ = rejudged(problems, run(problems), "--preset", "prime")
    assert "its output was not kept" in (again["exact"].message or "")


def test_changed_tests_are_noticed(problems: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(problems, "--run-all", "--keep-outputs", 10_000)
    problems.write_text(problems.read_text().replace('"2.5\\n"}', '"7.5\\n"}'))
    again, _ = rejudged(problems, before)
    assert "the expected output has changed" in (again["exact"].message or "")
    row = json.loads(problems.read_text())
    problems.write_text(json.dumps(row | {"tests": row["tests"][:2]}))
    assert command("rejudge", problems, "--reports", before) == 2
    assert "reports.jsonl:1: p: a report of 3 tests, but the problem has 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "which FILE?"),
        (("PROBLEMS",), "which reports? Name the file that run --keep-outputs"),
        (("PROBLEMS", "--reports", "PROBLEMS"), "not a report"),
        (("PROBLEMS", "--reports", "none.jsonl"), "No such file"),
        (("PROBLEMS", "--reports", "PROBLEMS", "--preset", "kind"), "there is no preset 'kind'"),
        (("PROBLEMS", "--reports", "PROBLEMS", "-o", "PROBLEMS"), "is an input file, too"),
    ],
)
def test_mistakes(problems: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("rejudge", *(word.replace("PROBLEMS", str(problems)) for word in arguments)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@given(st.binary(max_size=50), st.binary(max_size=50), st.integers(1, 60))
def test_what_was_kept_is_restored_or_refused_and_never_another(expected: bytes, actual: bytes, limit: int) -> None:
    kept = msgspec.json.decode(msgspec.json.encode(keep(expected, actual, limit)), type=type(keep(b"", b"", 1)))
    assert len(kept.rest) <= limit
    for now in (expected, b"\0" + expected, expected[:-1]):
        try:
            assert restore(kept, now) == actual
        except ValueError:
            assert len(kept.rest) == limit or now != expected
