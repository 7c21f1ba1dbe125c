"""Kattis problem packages, legacy and since 2023-07: what is understood, and that nothing outside is read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Evaluator, Problem, Status, Submission, TestCase
from microcoder.evaluator.datasets import BadRow, Rows
from microcoder.evaluator.problem import Group

YAML = "source: A contest\nlimits:\n    memory: 512\n    output: 4\n"


def package(path: Path, files: dict[str, str] | None = None) -> Path:
    """A package with two tests, and these files besides or instead."""
    basic = {
        "problem.yaml": YAML,
        "data/sample/1.in": "1\n",
        "data/sample/1.ans": "2\n",
        "data/secret/2.in": "2\n",
        "data/secret/2.ans": "3\n",
    }
    for name, text in (basic | (files or {})).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def read(path: Path) -> tuple[Problem, list[Any]]:
    _, example = next(iter(Rows([path]).examples()))
    return example.problem, list(example.programs)


def refused(path: Path) -> BadRow:
    with pytest.raises(BadRow) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    return caught.value


def test_a_package(tmp_path: Path) -> None:
    tex = "\\problemname{Next Number}\nSay it."
    problem, _ = read(package(tmp_path / "next", {"problem_statement/problem.en.tex": tex, ".timelimit": "3\n"}))
    assert (problem.problem_id, problem.title, problem.statement) == ("next", "Next Number", tex)
    assert [(test.input, test.output, test.group) for test in problem.tests] == [
        ("1\n", "2\n", "sample"),
        ("2\n", "3\n", "secret"),
    ]
    assert (problem.time_limit, problem.limits.memory, problem.limits.output) == (3.0, 512 << 20, 4 << 20)
    assert (problem.checker.type, problem.checker.flags, problem.source) == ("kattis", "", "A contest")


def test_groups_in_groups_inherit_their_flags(tmp_path: Path) -> None:
    files = {
        "problem.yaml": "validator_flags: case_sensitive\n",
        "data/testdata.yaml": "output_validator_flags: float_tolerance 1e-6\n",
        "data/secret/a/b/3.in": "",
        "data/secret/a/b/3.ans": "",
        "data/secret/a/testdata.yaml": "grader_flags: min\naccept_score: 30\n",
    }
    problem, _ = read(package(tmp_path, files))
    assert [test.group for test in problem.tests] == ["sample", "secret", "secret/a/b"]
    assert problem.checker.flags == "case_sensitive float_tolerance 1e-6"


LEGACY = {
    "problem.yaml": "type: scoring\ngrading: {objective: max, show_test_data_groups: yes}\n",
    "data/testdata.yaml": "on_reject: continue\nrange: 0 100\ngrader_flags: ignore_sample\n",
    "data/sample/testdata.yaml": "accept_score: 0\ngrader_flags: first_error\n",
    "data/secret/testdata.yaml": "grader_flags: first_error accept_if_any_accepted\n",
    "data/secret/a/testdata.yaml": "on_reject: break\naccept_score: 30\ngrader_flags: min\n",
    "data/secret/b/testdata.yaml": "accept_score: 35\ngrader_flags: sum\n",
}
SINCE = {
    "problem.yaml": "problem_format_version: 2025-09\ntype: scoring\n",
    "data/secret/a/test_group.yaml": "max_score: 30\nrequire_pass: sample\n",
    "data/secret/b/test_group.yaml": "max_score: 70\nscore_aggregation: sum\nrequire_pass: [a]\n",
}


def scoring(path: Path, files: dict[str, str]) -> dict[str, Group]:
    """A package with one test in the group a, and two in b."""
    tests = {f"data/secret/{name}.{kind}": "" for name in ("a/1", "b/2", "b/3") for kind in ("in", "ans")}
    made = package(path, tests | files)
    (made / "data/secret/2.in").unlink()
    (made / "data/secret/2.ans").unlink()
    return dict(read(made)[0].groups)


def test_groups_that_are_worth_points(tmp_path: Path) -> None:
    in_sample = {"data/sample/more/4.in": "", "data/sample/more/4.ans": ""}
    assert scoring(tmp_path / "legacy", LEGACY | in_sample) == {
        "secret/a": Group(max_score=30, score_aggregation="min"),
        "secret/b": Group(max_score=70, score_aggregation="sum"),
    }
    assert scoring(tmp_path / "since", SINCE) == {
        "secret/a": Group(max_score=30, require_pass=("sample",)),
        "secret/b": Group(max_score=70, score_aggregation="sum", require_pass=("secret/a",)),
    }


def test_a_package_of_samples_has_no_points(tmp_path: Path) -> None:
    made = package(tmp_path, {"problem.yaml": SINCE["problem.yaml"]})
    shutil.rmtree(made / "data/secret")
    assert read(made)[0].groups == {}


def test_a_sample_that_counts_and_a_mean(tmp_path: Path) -> None:
    changed = {
        "data/testdata.yaml": "on_reject: continue\n",
        "data/sample/testdata.yaml": "accept_score: 5\n",
        "data/secret/b/testdata.yaml": "accept_score: 35\ngrader_flags: avg\n",
    }
    assert scoring(tmp_path, LEGACY | changed) == {
        "sample": Group(max_score=5, score_aggregation="sum"),
        "secret/a": Group(max_score=30, score_aggregation="min"),
        "secret/b": Group(max_score=35, score_aggregation="sum"),
    }


def test_points_of_secret_as_a_whole(tmp_path: Path) -> None:
    problem, _ = read(package(tmp_path, {"problem.yaml": "problem_format_version: 2025-09\ntype: scoring\n"}))
    assert problem.groups == {"secret": Group(max_score=100, score_aggregation="sum")}


@pytest.mark.parametrize(
    "changed",
    [
        LEGACY | {"problem.yaml": ""},
        LEGACY | {"problem.yaml": "type: scoring\ngrading: {objective: min}"},
        LEGACY | {"data/testdata.yaml": "grader_flags: ignore_sample\ngrading: custom"},
        LEGACY | {"data/secret/testdata.yaml": "grader_flags: max"},
        LEGACY | {"data/secret/a/testdata.yaml": "accept_score: 30\nreject_score: 1\ngrader_flags: min"},
        LEGACY | {"data/secret/b/testdata.yaml": "on_reject: break\naccept_score: 35"},
        LEGACY | {"data/secret/b/c/4.in": "", "data/secret/b/c/4.ans": ""},
        SINCE | {"data/secret/test_group.yaml": "score_aggregation: min"},
        SINCE | {"data/secret/b/test_group.yaml": "max_score: unbounded"},
        SINCE | {"data/secret/b/test_group.yaml": "max_score: 70\nstatic_validation_score: 10"},
    ],
)
def test_points_that_groups_do_not_tell_are_left_out(tmp_path: Path, changed: dict[str, str]) -> None:
    assert scoring(tmp_path, changed) == {}


@pytest.mark.parametrize("validator", ["default", "custom"])
@pytest.mark.asyncio(loop_scope="session")
async def test_flags_of_a_group_are_for_its_tests(tmp_path: Path, evaluator: Evaluator, validator: str) -> None:
    files = {
        "problem.yaml": f"validation: {validator}\nvalidator_flags: case_sensitive\n",
        "output_validators/v.py": "import sys\nsys.exit(42 if '0.1' in sys.argv or sys.stdin.read() == '5.0\\n' else 43)",
        "data/secret/2.in": "",
        "data/secret/2.ans": "5.0\n",
        "data/secret/near/3.in": "",
        "data/secret/near/3.ans": "5.0\n",
        "data/secret/near/testdata.yaml": "output_validator_flags: float_tolerance 0.1\n",
        "data/sample/1.ans": "5.0\n",
    }
    problem, _ = read(package(tmp_path, files))
    assert problem.checker.flags == "case_sensitive"
    assert [test.flags for test in problem.tests] == [None, None, "case_sensitive float_tolerance 0.1"]
    report = await evaluator.evaluate(problem, "print('5.05')")
    assert report.status is Status.WRONG_ANSWER
    assert (report.message or "").startswith("test 1 (sample): ")
    ends = [(await judge_all(evaluator, problem, code)) for code in ("print('5.0')", "print('5.05')")]
    assert ends == [[True, True, True], [False, False, True]]


async def judge_all(evaluator: Evaluator, problem: Problem, code: str) -> list[bool]:
    alone = (msgspec.structs.replace(problem, tests=(test,)) for test in problem.tests)
    return [(await evaluator.evaluate(one, code)).accepted for one in alone]


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        ("validation: custom\n", "output_validators/validate"),
        ("validation: custom score\n", "output_validators"),
        ("problem_format_version: 2023-07-draft\nname: {en: Next, sv: Nästa}\n", "output_validator"),
        ("problem_format_version: 2025-09\nname: Next\n", "output_validator/validate"),
    ],
)
def test_output_validators(tmp_path: Path, settings: str, folder: str) -> None:
    files = {
        "problem.yaml": settings + "limits: {validation_time: 7}\n",
        f"{folder}/validate.cpp": "int main() {}",
        f"{folder}/validate.h": "// header",
        "data/test_group.yaml": "output_validator_args: [abc, '5']\n",
    }
    checker = read(package(tmp_path, files))[0].checker
    assert (checker.type, checker.language, checker.source) == ("validator", "cpp", "int main() {}")
    assert (checker.files, checker.flags) == ({"validate.h": "// header"}, "abc 5")
    assert checker.limits is not None
    assert checker.limits.cpu_time == 7


def test_a_validator_that_legacy_settings_do_not_ask_for_is_left_aside(tmp_path: Path) -> None:
    assert read(package(tmp_path, {"output_validators/v.py": "main()"}))[0].checker.type == "kattis"


def test_programs_and_their_labels(tmp_path: Path) -> None:
    names = {
        "accepted/a.py": ("python", True, "AC", False),
        "partially_accepted/b.cc": ("cpp", False, "PARTIAL", False),
        "run_time_error/c.py": ("python", False, "RTE", False),
        "slow_accepted/d.cpp": ("cpp", True, "AC", True),
        "strange/e.py": ("python", None, None, False),
        "time_limit_exceeded/f.py": ("python", False, "TLE", True),
        "wrong_answer/g/main.cpp": ("cpp", False, "WA", False),
    }
    files = {f"submissions/{name}": "x" for name in names} | {"submissions/accepted/README.md": "x"}
    _, found = read(package(tmp_path, files))
    assert [(p.name, (p.language, p.accept, p.verdict, p.timing_sensitive)) for p in found] == [
        (name.removesuffix("/main.cpp"), expected) for name, expected in names.items()
    ]


def test_programs_that_cannot_be_judged(tmp_path: Path) -> None:
    files = {
        "submissions/accepted/a.kt": "x",
        "submissions/accepted/b.py": "print 'hello'",
        "submissions/accepted/c/main.go": "x",
        "submissions/accepted/c/util.go": "x",
        "submissions/accepted/d.py": "print('hello')",
        "submissions/accepted/e/main.py": "x",
        "submissions/accepted/e/util.cpp": "x",
    }
    rows = Rows([package(tmp_path, files)], skip_bad=True)
    assert [program.name for _, program in rows] == ["accepted/d.py"]
    assert rows.left_out == {"kotlin": 1, "python2": 1}
    assert [error.field for error in rows.bad] == ["submissions/accepted/c", "submissions/accepted/e"]


SEVERAL = {
    "py/__main__.py": "from util import double\nfrom parts.more import n\nprint(double(n()))",
    "py/util.py": "import queue\ndef double(n): return n + n if queue.mine else 0",
    "py/queue.py": "mine = True",
    "cpp/solve.cc": '#include "util.h"\nint main() { std::cout << twice(read()) << "\\n"; }',
    "cpp/util.h": "#include <iostream>\nint twice(int);\nint read();",
    "cpp/main.cpp": '#include "util.h"\nint twice(int n) { return 2 * n; }',
    "cpp/other.cxx": '#include "util.h"\nint read() { int n; std::cin >> n; return n; }',
    "c/main.c": '#include <stdio.h>\nint twice(int);\nint main() { int n; scanf("%d", &n); printf("%d\\n", twice(n)); }',
    "c/util.c": "int twice(int n) { return 2 * n; }",
}


@pytest.mark.asyncio(loop_scope="session")
async def test_programs_of_several_files(tmp_path: Path, evaluator: Evaluator) -> None:
    files = {f"submissions/accepted/{name}": text for name, text in SEVERAL.items()}
    files |= {
        f"submissions/wrong_answer/{name}": text.replace("2 * n", "3 * n").replace("n + n", "n")
        for name, text in SEVERAL.items()
    }
    files |= {"data/secret/2.in": "4\n", "data/secret/2.ans": "8\n"}
    rows = list(Rows([package(tmp_path, files)]))
    assert len(rows) == 6
    for problem, program in rows:
        program = msgspec.structs.replace(
            program, files={**program.files, "parts/more.py": "def n(): return int(input())"}
        )
        report = await evaluator.evaluate(problem, program)
        assert report.accepted == program.accept, (program.name, report.message, report.tests)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_file_of_a_program_lies_in_its_folder(evaluator: Evaluator) -> None:
    problem = Problem(problem_id="p", tests=(TestCase("", "1"),))
    with pytest.raises(ValueError, match=r"files: not a plain relative name: '\.\./x'"):
        await evaluator.evaluate(problem, Submission(code="print(1)", files={"../x": ""}))


def test_packages_below_a_directory(tmp_path: Path) -> None:
    for name in ("2020/final/b", "2020/a", "2021/c"):
        package(tmp_path / "contest" / name)
    found = [example.problem.problem_id for _, example in Rows([tmp_path / "contest"]).examples()]
    assert found == ["contest/2020/a", "contest/2020/final/b", "contest/2021/c"]


@pytest.mark.parametrize(
    ("name", "text", "field", "reason"),
    [
        ("problem.yaml", "validation: custom interactive", "validation", "interactive problems are not supported"),
        ("problem.yaml", "type: multi-pass", "type", "not supported; supported: pass-fail, scoring"),
        ("problem.yaml", "type: [scoring, interactive]", "type", "not supported; supported: pass-fail, scoring"),
        ("problem.yaml", "validation: custom", "validation", "custom, but there is no directory output_validators"),
        ("problem.yaml", "limits: {memory: lots}", "problem.yaml: limits.memory", "expected float | null, got str"),
        ("problem.yaml", "a: [", "problem.yaml", "not YAML that can be read: "),
        ("problem.yaml", "a: &x [1]\nb: [*x, *x]", "problem.yaml", "not YAML that can be read: aliases are not"),
        ("problem.yaml", "[" * 5000, "problem.yaml", "not YAML that can be read: "),
        (".timelimit", "soon", ".timelimit", "not a number of seconds"),
        ("data/secret/5.in", "x", "data/secret/5.ans", "missing"),
        ("data/secret/2.args", "--fast", "data/secret/2.in", "the test has command line arguments, not supported"),
    ],
)
def test_refusals(tmp_path: Path, name: str, text: str, field: str, reason: str) -> None:
    error = refused(package(tmp_path, {name: text}))
    assert error.field == field
    assert error.reason.startswith(reason)


def test_links_within_the_package_are_followed_and_no_others(tmp_path: Path) -> None:
    path = package(tmp_path / "p")
    (path / "data/secret/3.in").symlink_to("../sample/1.in")
    (path / "data/secret/3.ans").symlink_to("../sample/1.ans")
    assert read(path)[0].tests[2].input == "1\n"
    (tmp_path / "secret.txt").write_text("key")
    for name in ("data/secret/4.in", "submissions/accepted/x.py", "data/secret/group"):
        link = path / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tmp_path / "secret.txt" if link.suffix else tmp_path)
        with pytest.raises(BadRow, match="a link that leads out of the package"):
            list(Rows([path]))
        link.unlink()
    (path / "data/secret/5.in").symlink_to("nowhere")
    with pytest.raises(BadRow, match="a link that leads nowhere"):
        read(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(package(tmp_path) / "data/secret/3.in")
    assert refused(tmp_path).reason == "not a file"


def test_packages_have_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microcoder.evaluator.datasets.kattis.PACKAGE", 1 << 20)
    error = refused(package(tmp_path, {"data/secret/3.in": "x" * (2 << 20), "data/secret/3.ans": ""}))
    assert error.field == "data/secret/3.in"
    assert error.reason == "the files of the package are larger than 1 MiB together"


def test_tests_that_are_not_text(tmp_path: Path) -> None:
    (package(tmp_path) / "data/secret/2.ans").write_bytes(b"\xff")
    assert refused(tmp_path).reason == "not UTF-8: invalid start byte at byte 0"


def test_submissions_are_submissions(tmp_path: Path) -> None:
    _, found = read(package(tmp_path, {"submissions/accepted/a.py": "print(1)"}))
    assert found == [Submission(code="print(1)", name="accepted/a.py", accept=True, verdict="AC")]
