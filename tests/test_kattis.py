"""Kattis problem packages, legacy and since 2023-07: what is understood, and that nothing outside is read."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Evaluator, Problem, Status, Submission, TestCase
from microcoder.evaluator.datasets import BadRow, Rows
from microcoder.evaluator.problem import Group, Included
from microcoder.sandbox.languages import LANGUAGES

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
        LEGACY | {"problem.yaml": "", "data/secret/testdata.yaml": "grader_flags: first_error\n"},
        LEGACY | {"problem.yaml": "type: scoring\ngrading: {objective: min}"},
        LEGACY | {"data/testdata.yaml": "grader_flags: ignore_sample\ngrading: custom"},
        LEGACY | {"data/secret/testdata.yaml": "grader_flags: max"},
        LEGACY | {"data/secret/a/testdata.yaml": "accept_score: 30\nreject_score: 1\ngrader_flags: min"},
        LEGACY | {"data/secret/b/testdata.yaml": "on_reject: break\naccept_score: 35"},
        LEGACY | {"data/secret/b/c/4.in": "", "data/secret/b/c/4.ans": ""},
        SINCE | {"data/secret/test_group.yaml": "score_aggregation: min"},
        SINCE | {"data/secret/b/test_group.yaml": "max_score: unbounded"},
        SINCE | {"data/secret/b/test_group.yaml": "max_score: 70\nscoring: {score: 10}"},
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
        ("data/secret/3.ans", "5\n", "data/secret/3.ans", "there is no 3.in: an answer without a test"),
        ("data/sample/9.ans", "5\n", "data/sample/9.ans", "there is no 9.in: an answer without a test"),
        ("data/secret/group/3.ans", "5\n", "data/secret/group/3.ans", "there is no 3.in"),
        ("data/3.in", "5\n", "data/3.in", "lies in neither data/sample nor data/secret"),
        ("data/Secret/3.in", "5\n", "data/Secret", "a directory that the format does not have"),
        ("data/secret2/3.in", "5\n", "data/secret2", "a directory that the format does not have"),
        ("data/secret/2.files/a.txt", "5\n", "data/secret/2.files", "files for a test are not supported"),
        ("data/secret/3.IN", "5\n", "data/secret/3.IN", "the ending of a test is .in"),
        ("data/secret/3.in.gz", "5\n", "data/secret/3.in.gz", "an archive, in which there may be tests"),
        ("data/secret/more.zip", "5\n", "data/secret/more.zip", "an archive, in which there may be tests"),
        ("data/secret/testdata.yml", "args: [a]", "data/secret/testdata.yml", "settings of nothing"),
        ("data/secret/3.yaml", "args: [a]", "data/secret/3.yaml", "settings of nothing"),
        ("data/secret/2.yaml", "args: [a]", "data/secret/2.in", "the test has command line arguments"),
        ("data/secret/2.yaml", "max_score: 3", "data/secret/2.yaml: max_score", "there is no such key"),
        ("data/testdata.yaml", "on_rejct: break", "data/testdata.yaml: on_rejct", "there is no such key; did you mean on_"),
        ("data/testdata.yaml", "grading: custom", "data/.", "a grader that decides is not supported"),
        ("data/testdata.yaml", "grader_flags: accept_if_any_accepted", "data/.", "groups that accept some failures are"),
        ("data/test_group.yaml", "static_validation_score: 3", "data/test_group.yaml", "static validators are not"),
        ("static_validator/v.py", "", "static_validator", "static validators are not supported"),
        ("includes/cpp/a.h", "", "includes", "there is no such directory in a package; did you mean include?"),
        ("output-validators/v.py", "", "output-validators", "there is no such directory in a package; did you mean output_v"),
        ("include/a.h", "", "include/a.h", "lies in no directory of a language"),
        ("include/c++/a.h", "", "include/c++", "a directory of a language that the format does not know"),
        ("include/cpp/build", "", "include/cpp/build", "scripts that build programs are not supported"),
        ("problem.yaml", "validater_flags: x", "problem.yaml: validater_flags", "there is no such key; did you mean valida"),
        ("problem.yaml", "limits: {time_limt: 1}", "problem.yaml: limits: time_limt", "there is no such key; did you mean"),
        ("problem.yaml", "grading: {objectiv: min}", "problem.yaml: grading: objectiv", "there is no such key; did you"),
        ("problem.yaml", "limits: {code: 1}", "problem.yaml: limits.code", "a limit on the size of programs is not supp"),
        ("problem.yaml", "validation: custm", "validation", "not supported; supported: default, custom, custom score"),
        ("problem.yaml", "problem_format_version: 2031-01", "problem_format_version", "not known; known: legacy, "),
        ("domjudge-problem.ini", "special_compare = float", "domjudge-problem.ini: special_compare", "programs that a"),
    ],
)  # fmt: skip
def test_what_could_change_a_verdict_is_refused_by_name(
    tmp_path: Path, name: str, text: str, field: str, reason: str
) -> None:
    error = refused(package(tmp_path, {name: text}))
    assert error.field == field
    assert error.reason.startswith(reason)


def test_what_changes_no_verdict_is_no_obstacle(tmp_path: Path) -> None:
    files = {
        "problem.yaml": "problem_format_version: 2025-09\nname: {en: N}\nuuid: 1\nversion: 2\ncredits: me\n"
        "license: cc0\nrights_owner: us\nembargo_until: 2031-01-01\nkeywords: [a]\nlanguages: all\n"
        "allow_file_writing: true\nlimits: {code: 128, time_resolution: 0.1, validation_output: 3,"
        " time_multipliers: {ac_to_time_limit: 3}}\n",
        "data/secret/2.yaml": "hint: think\ndescription: deep\nfull_feedback: true\n",
        "data/sample/1.interaction": "<1\n",
        "data/secret/2.desc": "deep",
        "data/secret/README.md": "x",
        "data/secret/.2.in.swp": "x",
        "data/secret/._2.in": "x",
        "data/secret/gen.py": "x",
        "data/sample/1.in.statement": "x",
        "data/invalid_input/1.in": "x",
        "data/invalid_output/1.ans": "x",
        "data/generators.yaml": "x: [",
        "attachments/a.zip": "x",
        "solution/a.md": "x",
        "input_validators/v.py": "x",
        "output_visualizer/v.py": "x",
        "notes/secret.ans": "x",
        ".git/config": "x",
    }
    problem, _ = read(package(tmp_path, files))
    assert [test.input for test in problem.tests] == ["1\n", "2\n"]


# --------------------------------------------------------------------------------------------------- included files

GRADER = {
    "include/cpp/grader.cpp": '#include "twice.h"\n#include <cstdio>\n'
    'int main() { int n; scanf("%d", &n); printf("%d\\n", twice(n)); }',
    "include/cpp/twice.h": "int twice(int);",
    "include/c/grader.c": '#include <stdio.h>\nint twice(int);\nint main() { int n; scanf("%d", &n); printf("%d", twice(n)); }',
    "include/java/Main.java": "import java.util.*;\nclass Main { public static void main(String[] a) {"
    " System.out.println(Twice.twice(new Scanner(System.in).nextInt())); } }",
    "include/python3/main.py": "import sys\nfrom twice import twice\nfrom lib.reading import number\nprint(twice(number()))",
    "include/python3/lib/reading.py": "def number(): return int(input())",
    "include/javascript/main.js": "const { twice } = require('./twice');\nconsole.log(twice(+require('fs').readFileSync(0)));",
    "include/rust/main.rs": "mod twice;\nfn main() { let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap();"
    ' println!("{}", twice::twice(s.trim().parse().unwrap())); }',
    "include/go/grader.go": 'package main\nimport "fmt"\nfunc main() { var n int; fmt.Scan(&n); fmt.Println(twice(n)) }',
}
TWICE = {
    "cpp": ("a.cpp", '#include "twice.h"\nint twice(int n) { return 2 * n; }', '#include "twice.h"\nint twice(int n) { return n; }'),
    "c": ("b.c", "int twice(int n) { return 2 * n; }", "int twice(int n) { return n; }"),
    "java": ("Twice.java", "class Twice { static int twice(int n) { return 2 * n; } }", "class Twice { static int twice(int n) { return n; } }"),
    "python": ("twice.py", "def twice(n): return 2 * n", "def twice(n): return n"),
    "javascript": ("twice.js", "exports.twice = n => 2 * n", "exports.twice = n => n"),
    "rust": ("twice.rs", "pub fn twice(n: i64) -> i64 { 2 * n }", "pub fn twice(n: i64) -> i64 { n }"),
    "go": ("c.go", "package main\nfunc twice(n int) int { return 2 * n }", "package main\nfunc twice(n int) int { return n }"),
}  # fmt: skip
ANSWERS = {"data/sample/1.ans": "2\n", "data/secret/2.ans": "4\n"}


def there(language: str) -> bool:
    return language == "python" or LANGUAGES[language].missing() is None


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("language", TWICE)
@pytest.mark.asyncio(loop_scope="session")
async def test_programs_are_judged_with_what_the_package_includes(
    tmp_path: Path, evaluator: Evaluator, language: str, labelled: bool
) -> None:
    if not there(language):
        pytest.skip(f"no toolchain for {language}")
    name, right, wrong = TWICE[language]
    files = {f"submissions/accepted/{name}": right, f"submissions/wrong_answer/{name}": wrong}
    problem, programs = read(package(tmp_path, ANSWERS | GRADER | (files if labelled else {})))
    named = [Submission(code=right, language=language), Submission(code=wrong, language=language)]
    if language in ("cpp", "python"):
        other = {"cpp": "cpp17", "python": "pypy"}[language]
        named += [Submission(code=right, language=other)] if there(other) else []
    for program, accepted in zip(
        [*named, *programs], [True, False, *[True] * (len(named) - 2), True, False], strict=False
    ):
        report = await evaluator.evaluate(problem, program)
        assert report.accepted is accepted, (program, report.message, report.tests)
        assert accepted or report.status is Status.WRONG_ANSWER, report.message


@pytest.mark.asyncio(loop_scope="session")
async def test_included_files_overwrite_those_of_a_program(tmp_path: Path, evaluator: Evaluator) -> None:
    own = {
        "submissions/accepted/cpp/grader.cpp": "int main() { return 1; }",  # a copy, as it was for trying out
        "submissions/accepted/cpp/twice.h": "#error",
        "submissions/accepted/cpp/solve.cpp": TWICE["cpp"][1],
        "submissions/accepted/python/main.py": "print(0)",
        "submissions/accepted/python/twice.py": TWICE["python"][1],
    }
    problem, programs = read(package(tmp_path, ANSWERS | GRADER | own))
    for program in programs:
        report = await evaluator.evaluate(problem, program)
        assert report.accepted, (program, report.message)


@pytest.mark.asyncio(loop_scope="session")
async def test_modules_without_a_grader(tmp_path: Path, evaluator: Evaluator) -> None:
    files = ANSWERS | {
        "include/default/data.txt": "2",
        "include/python3/helper.py": "import numpy, solve\ndef twice(n): return n * int(open('data.txt').read()) + solve.nothing",
        "submissions/accepted/solve.py": "nothing = 0\nif __name__ == '__main__':\n    import helper\n    print(helper.twice(int(input())))",
        "submissions/accepted/x.cpp": '#include <fstream>\n#include <iostream>\nint main() { int n, m; std::ifstream("data.txt")'
        ' >> m; std::cin >> n; std::cout << n * m; }',
    }  # fmt: skip
    problem, programs = read(package(tmp_path, files))
    assert problem.include["python"].program == "solve.py"
    assert set(problem.include["cpp"].files) == {"data.txt"}
    report = await evaluator.evaluate(problem, programs[0])
    assert report.accepted, report.message


def test_a_grader_that_asks_for_nobody_knows_whom(tmp_path: Path) -> None:
    files = {"include/python3/main.py": "import importlib, sys\nimportlib.import_module(sys.argv[1])"}
    made = package(tmp_path, files | {"submissions/accepted/a.py": "", "submissions/accepted/b.cpp": ""})
    rows = Rows([made], skip_bad=True)
    assert [program.name for _, program in rows] == ["accepted/b.cpp"]
    assert "asks for it by a name that is not known" in rows.bad[0].reason


@pytest.mark.asyncio(loop_scope="session")
async def test_where_the_name_is_not_known_there_is_no_verdict(evaluator: Evaluator) -> None:
    include = {"python": Included(files={"main.py": "import twice"}, main="main.py")}
    problem = Problem(problem_id="p", tests=(TestCase("", "1"),), include=include)
    report = await evaluator.evaluate(problem, "print(1)")
    assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None)
    assert "finds a program in python by its name" in (report.message or "")


@pytest.mark.parametrize(
    ("include", "reason"),
    [
        ({"files": {"../x": ""}}, "files: not a plain relative name"),
        ({"files": {}, "main": "x"}, "main: is none of the files"),
        ({"files": {"x": ""}, "program": "x"}, "program: is one of the files"),
        ({"files": {"x": ""}, "program": "/x"}, "program: not a plain relative name"),
        ({"files": {"x/y": ""}, "program": "x"}, "files: 'x' cannot be a file and the folder"),
    ],
)
def test_files_that_cannot_be_included(include: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        Included(**include)


def test_constants_stand_in_programs_and_settings(tmp_path: Path) -> None:
    files = {
        "problem.yaml": "problem_format_version: 2025-09\nname: N\nconstants: {n: 5, eps: 1e-6, text: a b}\n",
        "include/cpp/n.h": "const int n = {{n}}; // {{m}}",
        "submissions/accepted/a.py": "print({{n}}, '{{text}}')",
        "data/test_group.yaml": "output_validator_args: [float_tolerance, '{{eps}}']",
        "data/secret/2.in": "{{n}}",
    }
    problem, programs = read(package(tmp_path, files))
    assert problem.include["cpp"].files == {"n.h": "const int n = 5; // {{m}}"}
    assert programs[0].code == "print(5, 'a b')"
    assert problem.checker.flags == "float_tolerance 1e-6"
    assert problem.tests[1].input == "{{n}}"


# ------------------------------------------------------------------------------------------------------------ programs


@pytest.mark.parametrize(
    ("source", "language"),
    [
        ("print 'hello'", "python2"),
        ("print 1", "python2"),
        ("print", "python"),
        ("try: pass\nexcept ValueError, e: pass", "python2"),
        ("exec 'x = 1'", "python2"),
        ("print `1`", "python2"),
        ("x = 0777", "python2"),
        ("raise ValueError, 'x'", "python2"),
        ("#!/usr/bin/env python2\nprint(1)", "python2"),
        ("#!/usr/bin/python3\nprint(1)", "python"),
        ('"""\nprint this line, or\n  print "that"\n"""\nprint(1)', "python"),
        ("match 1:\n    case 1: print(1)", "python"),
        ("x = '\\d'  # a warning, no error", "python"),
        ("\ufeffprint(1)", "python"),
        ("print('x' * 1000000)", "python"),
        ("(" * 5000, "python2"),
    ],
)
def test_python_2_is_what_python_3_does_not_compile(tmp_path: Path, source: str, language: str) -> None:
    _, programs = read(package(tmp_path, {"submissions/accepted/a.py": source}))
    assert programs[0].language == language


def test_labels_that_the_package_gives(tmp_path: Path) -> None:
    names = ("accepted/a", "accepted/slow", "mine/a", "mine/b", "mine/c", "wrong_answer/a", "brute_force/a", "x/y1z2")
    rules = """
        accepted/slow.py: {permitted: [AC, TLE], use_for_time_limit: false}
        mine/{a,b}.py: {permitted: [AC]}
        mine/b.py: {required: [WA], secret/group: {permitted: [WA]}}
        wrong_answer: {permitted: [AC, WA], required: [AC]}
        x/y*z*.py: {required: [TLE, RTE], authors: [me]}
        mine/*: {message: hello}
    """
    files = {f"submissions/{name}.py": "print(1)" for name in names} | {"submissions/submissions.yaml": rules}
    _, programs = read(package(tmp_path, files))
    assert {program.name.removesuffix(".py"): program.accept for program in programs} == {
        "accepted/a": True,
        "accepted/slow": True,
        "brute_force/a": False,
        "mine/a": True,
        "mine/b": False,
        "mine/c": None,
        "wrong_answer/a": None,
        "x/y1z2": False,
    }


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("accepted: {permited: [AC]}", "there is no such key; did you mean permitted?"),
        ("accepted: {language: snake}", "a language that the format does not know"),
        ("accepted: {permitted: AC}", "Expected `array | null`, got `str`"),
    ],
)
def test_labels_that_cannot_be_read(tmp_path: Path, rules: str, reason: str) -> None:
    files = {"submissions/accepted/a.py": "print(1)", "submissions/submissions.yaml": rules}
    _, programs = read(package(tmp_path, files))
    assert isinstance(programs[0], BadRow)
    assert programs[0].reason.startswith(reason)


def test_the_entry_and_the_language_that_a_package_names(tmp_path: Path) -> None:
    files = {
        "submissions/accepted/several/a.py": "import b",
        "submissions/accepted/several/b.py": "print(1)",
        "submissions/accepted/c.cc": "x",
        "submissions/submissions.yaml": "accepted/several: {entrypoint: b.py}\naccepted/c.cc: {language: cppgmp}\n",
    }
    _, programs = read(package(tmp_path, files))
    assert [(each.name, each.language, each.code) for each in programs] == [
        ("accepted/c.cc", "cppgmp", "x"),
        ("accepted/several", "python", "print(1)"),
    ]


# ---------------------------------------------------------------------------------------------------------- validators

SCRIPTS = {
    "compiled by a shell script": {
        "build": "#!/bin/sh\nset -e\nc++ -O1 -o validate src/v.cc\nprintf '#!/bin/sh\\nexec ./validate \"$@\"\\n' > run\nchmod +x run\n",
        "src/v.cc": '#include "v.h"\n#include <fstream>\n#include <iostream>\n'
        'int main(int, char** a) { int x, y; std::ifstream(a[2]) >> x; std::cin >> y; std::ofstream(std::string(a[3]) + '
        '"judgemessage.txt") << a[4]; return x == y ? 42 : WRONG; }',
        "src/v.h": "#define WRONG 43",
    },
    "an executable": {"build": "#!/bin/sh\nc++ -x c++ -o run v.source", "v.source": "#include <fstream>\n#include <iostream>\n"
        'int main(int, char** a) { int x, y; std::ifstream(a[2]) >> x; std::cin >> y; std::ofstream(std::string(a[3]) + '
        '"judgemessage.txt") << a[4]; return x == y ? 42 : 43; }'},
    "run by python3": {
        "run": '#!/bin/sh\npython3 v.py "$@"\n',
        "v.py": "import sys\nopen(sys.argv[3] + 'judgemessage.txt', 'w').write(sys.argv[4])\n"
        "sys.exit(42 if open(sys.argv[2]).read().split() == sys.stdin.read().split() else 43)",
    },
}  # fmt: skip


@pytest.mark.skipif(not all(map(shutil.which, ("c++", "python3", "tar"))), reason="needs a compiler and a python3")
@pytest.mark.parametrize("scripts", SCRIPTS)
@pytest.mark.asyncio(loop_scope="session")
async def test_validators_that_are_built_and_run_by_scripts(tmp_path: Path, evaluator: Evaluator, scripts: str) -> None:
    files = {f"output_validators/v/{name}": text for name, text in SCRIPTS[scripts].items()}
    made = package(tmp_path, ANSWERS | files | {"problem.yaml": "validation: custom\nvalidator_flags: seen\n"})
    for name in ("build", "run"):
        if (script := made / "output_validators/v" / name).exists():
            script.chmod(0o755)
    problem, _ = read(made)
    right = await evaluator.evaluate(problem, "print(2 * int(input()))")
    assert right.accepted, (right.message, right.tests)
    assert [(test.rule, test.message) for test in right.tests] == [("validator", "seen")] * 2
    wrong = await evaluator.evaluate(problem, "print(2)")
    assert (wrong.status, wrong.message) == (Status.WRONG_ANSWER, "test 2 (secret): seen")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_validator_that_is_not_built_is_a_broken_problem(tmp_path: Path, evaluator: Evaluator) -> None:
    files = {"output_validator/build": "#!/bin/sh\necho no compiler >&2\nexit 1\n"}
    made = package(tmp_path, ANSWERS | files | {"problem.yaml": "problem_format_version: 2025-09\nname: N\n"})
    (made / "output_validator/build").chmod(0o755)
    report = await evaluator.evaluate(read(made)[0], "print(2 * int(input()))")
    assert (report.status, report.reward) == (Status.CHECKER_ERROR, None)
    assert "no compiler" in (report.message or "")


def test_scripts_are_for_validators_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="language: unknown language 'build'"):
        Submission.of(Submission(code="#!/bin/sh", language="build"))
    files = {"output_validator/run": "#!/bin/sh", "problem.yaml": "problem_format_version: 2025-09\nname: N\n"}
    assert refused(package(tmp_path, files)).reason == "is not executable"


def test_a_validator_in_python_2_is_refused(tmp_path: Path) -> None:
    files = {"problem.yaml": "validation: custom\n", "output_validators/v.py": "print 1"}
    assert "the validator is no Python 3" in refused(package(tmp_path, files)).reason


# --------------------------------------------------------------------------------------------------------------- links


@pytest.mark.parametrize("repository", [True, False])
def test_links_within_the_repository_are_followed(tmp_path: Path, repository: bool) -> None:
    path = package(
        tmp_path / "contest" / "p", {"problem.yaml": "validation: custom\n", "output_validators/v.cpp": "main()"}
    )
    (tmp_path / "contest/headers").mkdir()
    (tmp_path / "contest/headers/validation.h").write_text("// shared")
    (path / "output_validators/validation.h").symlink_to("../../headers/validation.h")
    (path / "include").mkdir()
    (path / "include/cpp").symlink_to("../../headers")
    if repository:
        (tmp_path / "contest/.git").mkdir()
    problem, _ = read(path if repository else path.parent)
    assert problem.checker.files == {"validation.h": "// shared"}
    assert problem.include["cpp"].files == {"validation.h": "// shared"}
    if repository:
        (tmp_path / "contest/.git").rmdir()
    assert "a link that leads out of the package" in refused(path).reason  # nobody has said how far it may lead


def test_links_lead_to_nothing_that_is_hidden_and_not_out_of_the_repository(tmp_path: Path) -> None:
    path = package(tmp_path / "contest" / "p")
    (tmp_path / "contest/.git").mkdir()
    (tmp_path / "contest/.git/config").write_text("token")
    (tmp_path / "contest/.env").write_text("token")
    (tmp_path / "secret").write_text("token")
    for target in (".git/config", ".env", "../secret", ".git"):
        link = path / ("include" if target == ".git" else "data/secret/4.in")
        link.symlink_to(tmp_path / "contest" / target)
        with pytest.raises(
            BadRow, match=r"a link that leads (to what is hidden|out of the package, and of its repository)"
        ):
            list(Rows([path]))
        link.unlink()


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    path = package(tmp_path, {"data/secret/a/3.in": "", "data/secret/a/3.ans": "", "include/cpp/x/a.h": ""})
    for link, target in (
        ("data/secret/b", "."),
        ("include/cpp/x/cpp", "../../cpp"),
        ("data/secret/a/b", "../../secret"),
    ):
        (path / link).symlink_to(target)
        assert refused(path).reason == "a link to a directory around it"
        (path / link).unlink()
    (path / "data/secret/a/b").symlink_to("../../sample")
    (path / "data/sample/a").symlink_to("../secret/a")
    assert refused(path).reason == "a link to a directory around it"


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
    monkeypatch.setattr("microcoder.evaluator.datasets.kattis_folder.PACKAGE", 1 << 20)
    error = refused(package(tmp_path, {"data/secret/3.in": "x" * (2 << 20), "data/secret/3.ans": ""}))
    assert error.field == "data/secret/3.in"
    assert error.reason == "the files of the package are larger than 1 MiB together"


def test_tests_that_are_not_text(tmp_path: Path) -> None:
    (package(tmp_path) / "data/secret/2.ans").write_bytes(b"\xff")
    assert refused(tmp_path).reason == "not UTF-8: invalid start byte at byte 0"


def test_submissions_are_submissions(tmp_path: Path) -> None:
    _, found = read(package(tmp_path, {"submissions/accepted/a.py": "print(1)"}))
    assert found == [Submission(code="print(1)", name="accepted/a.py", accept=True, verdict="AC")]
