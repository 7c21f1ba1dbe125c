"""What `inspect` tells of tests that are themselves at fault, and of reference solutions that are not accepted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microcoder.evaluator.cli import main
from microcoder.evaluator.inspection import suspicions

from .test_faults import FAULTS, SPAN, problem

TOLD = {  # by `inspect`, which runs nothing
    "a name that nothing gives": ("value", "helper", "helper in a with", "method of unittest", "class", "module", "alias of a module",
        "function of a module", "helper of the program's module"),
    "a test that asserts nothing": ("check", "check beside metadata", "check, kept"),
    "a test that raises by itself": ("index", "index in check", "key", "types", "division", "assertion on itself"),
    "a test that asks nothing of the program": ("its own copy",),
    "assertions that contradict each other": ("contradiction", "contradiction in a loop", "contradiction by a negation",
        "contradiction by a truth"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in TOLD.items() for name in names])
def test_a_test_at_fault_is_told_with_file_and_line(kind: str, name: str, tmp_path: Path) -> None:
    file, out = tmp_path / "rows.jsonl", tmp_path / "out.json"
    row = {"problem_id": "p", "mode": "assert", "entry_point": "span", "checker": {"type": "assert"}}
    file.write_text("\n" + json.dumps(row | {"tests": [{"code": FAULTS[name][0]}]}) + "\n")
    assert main(["inspect", str(file), "--json", str(out), "-q"]) == 1
    (told,) = json.loads(out.read_text())["suspicious"][kind]["names"]
    assert told.startswith(f"{file}:2: p: tests[0]")
    if kind not in ("a test that asserts nothing", "a test that asks nothing of the program"):
        assert "line " in told


def test_names_that_right_programs_give_are_none_that_nothing_gives() -> None:
    test = problem("assert span(Pair(1, 2)) == 3")
    assert [kind for kind, _ in suspicions(test)] == ["a name that nothing gives"]
    assert list(suspicions(test, ["class Pair: ...\ndef span(p): ..."])) == []


ROWS = [
    {
        "problem_id": name,
        "mode": "assert",
        "entry_point": "span",
        "checker": {"type": "assert"},
        "tests": [{"code": code}],
        "submissions": [{"code": SPAN, "name": "reference", "accept": accept}, {"code": "x = 1", "accept": False}],
    }
    for name, code, accept in (
        ("fine", "assert span([1, 5]) == 4", True),
        ("at fault", "assert span([1, 5]) == 5", True),
        ("unlabelled", "assert span([1, 5]) == 6", None),
    )
]


def test_inspect_verifies_reference_solutions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "rows.jsonl", tmp_path / "out.json"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    arguments = ["inspect", str(file), "--json", str(out), "--verify", "--workers", "1"]
    assert main(["inspect", str(file), "-q"]) == 0
    assert main(arguments) == 1
    (failure,) = (verified := json.loads(out.read_text())["verified"]).pop("failures")
    assert verified == {"programs": 2, "accepted": 1, "without": 1}
    why = "test 1: span([1, 5]): expected 5, got 4"
    assert failure == {
        "where": f"{file}:2",
        "problem_id": "at fault",
        "program": "reference",
        "status": "wrong_answer",
        "message": why,
    }
    shown = capsys.readouterr().out
    assert "reference solutions accepted: 1 of 2" in shown
    assert f"{file}:2: at fault, reference: wrong_answer: {why}" in shown
    file.write_text(json.dumps(ROWS[0]) + "\n")
    assert main(arguments) == 0


def test_references_are_verified_under_the_limits_of_a_run(tmp_path: Path) -> None:
    slow = "def span(xs):\n    n = 0\n    while n < 30_000_000: n += 1\n    return 4"
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(ROWS[0] | {"submissions": [{"code": slow, "accept": True}]}) + "\n")
    arguments = ["inspect", str(file), "-q", "--verify", "--workers", "1"]
    assert main([*arguments, "--limits.cpu-time", "0.2"]) == 1
    limits = tmp_path / "limits.jsonl"
    limits.write_text('{"problem_id": "fine", "time_limit": 0.2, "slowest": 1, "programs": 1}\n')
    assert main([*arguments, "--limits-from", str(limits)]) == 1
    assert main(arguments) == 0


def test_a_builtin_that_right_programs_define_is_asked_for() -> None:
    test = problem("assert sum(2, 3) == 5", entry_point=None)
    assert [kind for kind, _ in suspicions(test)] == ["a test that asks nothing of the program"]
    assert list(suspicions(test, ["def sum(a, b): return a + b"])) == []
