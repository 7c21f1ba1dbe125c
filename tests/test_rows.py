"""Reading problems and programs: forms, compression, and what is said of rows that cannot be used."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from microcoder.evaluator.datasets import BadRow, InputError, Rows

MODES = "not supported yet; supported: stdio, call, assert"
CHECKERS = "not supported yet; supported: default, python_eq, assert, strict, kattis, codeforces, lcb, prime, lenient, validator, testlib, python"


def row(problem_id: str = "p", programs: Iterable[object] = ("print(1)",), **fields: object) -> dict[str, Any]:
    submissions = [
        {"code": code, "name": f"s{n}"} if isinstance(code, str) else code for n, code in enumerate(programs)
    ]
    return {"problem_id": problem_id, "tests": [{"input": "", "output": "1\n"}], "submissions": submissions, **fields}


def call_row(**fields: object) -> dict[str, Any]:
    tests = [{"input": "[1]", "output": "1"}]
    return row(mode="call", entry_point="f", checker={"type": "python_eq"}) | {"tests": tests} | fields


def write(path: Path, rows: Iterable[object]) -> Path:
    text = "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows).encode()
    if path.suffix == ".gz":
        text = gzip.compress(text)
    elif path.suffix == ".zst":
        text = zstandard.compress(text)
    path.write_bytes(text)
    return path


def names(rows: Rows) -> list[str]:
    return [f"{problem.problem_id}/{submission.name}" for problem, submission in rows]


def bad_row(tmp_path: Path, *rows: object, submissions: Iterable[object] = ()) -> BadRow:
    file = write(tmp_path / "rows.jsonl", rows)
    separate = [write(tmp_path / "subs.jsonl", submissions)] if submissions else []
    with pytest.raises(BadRow) as caught:
        list(Rows([file], separate))
    assert str(caught.value).startswith(f"{caught.value.file}:{caught.value.line}: ")
    return caught.value


# --------------------------------------------------------------------------------------------------------------- forms


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_embedded_programs(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"rows{suffix}", [row("a", ["x", "y"]), row("b", [])])
    rows = Rows([file])
    assert names(rows) == ["a/s0", "a/s1"]
    assert rows.progress == 1.0


def test_programs_of_a_problem_share_one_object(tmp_path: Path) -> None:
    pairs = list(Rows([write(tmp_path / "rows.jsonl", [row("a", ["x", "y"])])]))
    assert pairs[0][0] is pairs[1][0]


def test_directory_in_name_order(tmp_path: Path) -> None:
    write(tmp_path / "2.jsonl", [row("b")])
    write(tmp_path / "1.jsonl.zst", [row("a")])
    write(tmp_path / "3.jsonl.gz", [row("c")])
    (tmp_path / "README.md").write_text("not a row")
    assert names(Rows([tmp_path])) == ["a/s0", "b/s0", "c/s0"]


def test_separate_programs_in_their_order(tmp_path: Path) -> None:
    problems = write(tmp_path / "problems.jsonl", [row("a"), row("b")])
    programs = [{"problem_id": "b", "code": "1", "name": "x"}, {"problem_id": "a", "code": None, "name": "y"}]
    first = write(tmp_path / "s1.jsonl.gz", programs)
    second = write(tmp_path / "s2.jsonl", [{"problem_id": "b", "code": "2", "accept": True}])
    pairs = list(Rows([problems], [first, second]))
    assert [(p.problem_id, s.code, s.name, s.accept) for p, s in pairs] == [
        ("b", "1", "x", None),
        ("a", None, "y", None),
        ("b", "2", None, True),
    ]
    assert pairs[0][0] is pairs[2][0]


def test_fields_of_data_sets_are_left_alone(tmp_path: Path) -> None:
    program = {"code": "1", "observed": "AC", "max_time": 0.1, "killer": None}
    tests = [{"input": "", "output": "", "from": "statement"}]
    file = write(tmp_path / "rows.jsonl", [row("a", [program], licence="x", rating=1) | {"tests": tests}])
    assert names(Rows([file])) == ["a/None"]


def test_a_checker_may_have_its_published_name(tmp_path: Path) -> None:
    tests = [{"code": "assert f() == 1"}]
    checker = {"type": "custom-in-test", "note": "any answer"}
    file = write(tmp_path / "rows.jsonl", [row(mode="assert", checker=checker) | {"tests": tests}])
    assert [problem.checker.type for problem, _ in Rows([file])] == ["assert"]


def test_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", ["\ufeff" + json.dumps(row("a")), "", "  \r", row("b")])
    assert names(Rows([file])) == ["a/s0", "b/s0"]


def test_several_zstd_frames(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl.zst"
    file.write_bytes(b"".join(zstandard.compress(json.dumps(row(name)).encode() + b"\n") for name in "abc"))
    assert names(Rows([file])) == ["a/s0", "b/s0", "c/s0"]


def test_lone_values_that_python_writes(tmp_path: Path) -> None:
    tests = [{"input": "[NaN, Infinity]", "output": "-Infinity"}]
    assert names(Rows([write(tmp_path / "rows.jsonl", [call_row(tests=tests)])])) == ["p/s0"]


def test_files_are_streamed(tmp_path: Path) -> None:
    big = "x" * 200_000
    file = write(tmp_path / "rows.jsonl.zst", [row(str(n), tests=[{"input": big, "output": big}]) for n in range(100)])
    tracemalloc.start()
    rows = Rows([file])
    progress = [rows.progress for _ in rows]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000  # the rows together: 40 million
    assert progress == sorted(progress)


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("broken", "field", "reason", "value"),
    [
        (
            row(tests=[{"input": "", "output": ""}] * 3 + [{"input": 5, "output": ""}]),
            "tests[3].input",
            "expected str, got int",
            "5",
        ),
        (row(tests=[{"input": ""}]), "tests[0].output", "missing", None),
        (row(tests=[]), "tests", "expected array of length >= 1", "[]"),
        ({"tests": []}, "tests", "expected array of length >= 1", "[]"),
        (row(difficulty=1), "difficulty", "expected str | null, got int", "1"),
        ({"problem_id": "p"}, "tests", "missing", None),
        (row(mode="interactive", tests=[{"code": "assert f()"}]), "mode", MODES, '"interactive"'),
        ({"tests": [{"code": ""}], "mode": "output-only"}, "mode", MODES, '"output-only"'),
        (row(mode="assert"), "tests[0].code", "required when mode is assert", None),
        (
            row(checker={"type": "interactor"}),
            "checker.type",
            CHECKERS,
            '"interactor"',
        ),
        (
            row(checker={"flags": "case_sensitive fuzzy"}),
            "checker.flags",
            "unknown flag 'fuzzy'",
            '"case_sensitive fuzzy"',
        ),
        (
            row(checker={"type": "python_eq"}),
            "checker.type",
            "python_eq compares returned values, but mode is stdio",
            '"python_eq"',
        ),
        (row(time_limit=0), "time_limit", "expected float > 0.0", "0"),
        (row(limits={"memroy": 1}), "limits.memroy", "there is no such field; did you mean memory?", "1"),
        (row(limits={"x": 1}), "limits.x", "there is no such field; there are cpu_time, ", "1"),
        (row(mode="call"), "entry_point", "required when mode is call", None),
        (call_row(entry_point="f()"), "entry_point", "expected str matching regex", '"f()"'),
        (call_row(tests=[{"input": "1", "output": "1"}]), "tests[0].input", "must be a JSON list of arguments", '"1"'),
        (
            call_row(tests=[{"input": "[1", "output": "1"}]),
            "tests[0].input",
            "must be a JSON list of arguments",
            '"[1"',
        ),
        (call_row(tests=[{"input": "[1]", "output": "x"}]), "tests[0].output", "not a JSON value", '"x"'),
        (
            row(programs=["1", {"code": "1", "language": "cobol"}]),
            "submissions[1].language",
            "not supported; known: python",
            '"cobol"',
        ),
        (
            row(programs=[{"code": ["a" * 100]}]),
            "submissions[0].code",
            "expected str | null, got array",
            f'["{"a" * 38}...',
        ),
        (row(programs=[{"name": "x"}]), "submissions[0].code", "missing", None),
        (
            row(programs=[{"code": "1", "files": {"../x": "1"}}]),
            "submissions[0].files",
            "not a plain relative name: '../x'",
            '{"../x": "1"}',
        ),
        (row(programs=[5]), "submissions[0]", "expected object, got int", "5"),
        (row() | {"submissions": "x"}, "submissions", "expected array, got str", '"x"'),
        ([1], None, "expected object, got array", "[1]"),
        ('{"problem_id": ', None, "not JSON: Input data was truncated", None),
        ('{"problem_id": nan}', None, "not JSON: invalid character (byte 16)", None),
        ('{"problem_id": "\\ud800"}', None, "not JSON: Input data was truncated, or half of a surrogate pair", None),
        ('{"x": ' + "[" * 100_000, None, "not JSON: nested too deep", None),
    ],
)
def test_bad_rows_name_field_reason_and_value(
    tmp_path: Path, broken: object, field: str | None, reason: str, value: str | None
) -> None:
    error = bad_row(tmp_path, row("fine"), "", broken)
    assert (error.file.name, error.line, error.field, error.value) == ("rows.jsonl", 3, field, value)
    assert error.reason.startswith(reason)
    assert "`" not in str(error)


def test_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'{"problem_id": "\xff"}\n')
    with pytest.raises(BadRow, match="not UTF-8"):
        list(Rows([file]))


def test_the_whole_message(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", [row(tests=[{"input": 5, "output": ""}])])
    with pytest.raises(BadRow) as caught:
        list(Rows([file]))
    assert str(caught.value) == f"{file}:1: tests[0].input: expected str, got int (found 5)"


def test_a_problem_twice(tmp_path: Path) -> None:
    error = bad_row(tmp_path, row("a"), row("b"), row("a"))
    assert (error.line, error.field, error.value) == (3, "problem_id", '"a"')
    assert error.reason == f"the same as in {error.file}:1"


def test_a_problem_twice_in_two_files(tmp_path: Path) -> None:
    files = [write(tmp_path / "1.jsonl", [row("a")]), write(tmp_path / "2.jsonl", [row("a")])]
    with pytest.raises(BadRow, match=r"the same as in .*1\.jsonl:1"):
        list(Rows(files))


def test_a_program_without_a_problem(tmp_path: Path) -> None:
    error = bad_row(tmp_path, row("a"), submissions=[{"problem_id": "a", "code": ""}, {"problem_id": "b", "code": ""}])
    assert (error.file.name, error.line, error.field, error.value) == ("subs.jsonl", 2, "problem_id", '"b"')


def test_a_bad_separate_program(tmp_path: Path) -> None:
    error = bad_row(tmp_path, row("a"), submissions=[{"problem_id": "a", "code": "", "language": "c++"}])
    assert (error.file.name, error.line, error.field) == ("subs.jsonl", 1, "language")


def test_rows_before_a_bad_one_are_given(tmp_path: Path) -> None:
    rows = iter(Rows([write(tmp_path / "rows.jsonl", [row("a"), "{"])]))
    assert next(rows)[0].problem_id == "a"
    with pytest.raises(BadRow):
        next(rows)


def test_skipping_leaves_out_what_is_bad_and_no_more(tmp_path: Path) -> None:
    programs = ["1", {"code": 5}, {"code": "", "language": "cobol"}, {"code": "2", "name": "last"}]
    file = write(tmp_path / "rows.jsonl", [row("a", programs), "{", row("b", mode="pairs"), row("a"), row("c")])
    rows = Rows([file], skip_bad=True)
    assert names(rows) == ["a/s0", "a/last", "c/s0"]
    assert [(error.line, error.field) for error in rows.bad] == [
        (1, "submissions[1].code"),
        (1, "submissions[2].language"),
        (2, None),
        (3, "mode"),
        (4, "problem_id"),
    ]
    assert rows.skipped == 5


def test_bad_rows_are_counted_but_not_all_kept(tmp_path: Path) -> None:
    rows = Rows([write(tmp_path / "rows.jsonl", ["{"] * 1000)], skip_bad=True)
    assert names(rows) == []
    assert (rows.skipped, len(rows.bad)) == (1000, 100)


@pytest.mark.parametrize("skip_bad", [False, True])
@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize(
    "content",
    [b"plain text", gzip.compress(b"x" * 10, mtime=0)[:-4], zstandard.compress(b"x" * 10)[:-4]],
    ids=["plain text", "cut gzip", "cut zstandard"],
)
def test_broken_compression(tmp_path: Path, suffix: str, content: bytes, skip_bad: bool) -> None:
    file = tmp_path / f"rows{suffix}"
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"rows{suffix}: cannot be read after line 0"):
        list(Rows([file], skip_bad=skip_bad))


def test_a_truncated_archive_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    text = "".join(json.dumps(row(str(n), [str(n) * 50])) + "\n" for n in range(5_000)).encode()
    for name, packed in (("a.jsonl.gz", gzip.compress(text)), ("a.jsonl.zst", zstandard.compress(text))):
        (tmp_path / name).write_bytes(packed[: len(packed) // 2])
        with pytest.raises(InputError):
            list(Rows([tmp_path / name]))


@pytest.mark.parametrize("name", ["nowhere.jsonl", "nowhere", "nowhere/", "rows.csv", "nowhere/rows.jsonl"])
def test_files_that_are_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{tmp_path / name}: No such file or directory$"):
        Rows([tmp_path / name])


@pytest.mark.parametrize("name", ["*.jsonl", "part-?.parquet", "part-[0-9].json"])
def test_a_pattern_that_matches_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="No such file or directory, and nothing that the pattern matches"):
        Rows([tmp_path / name])


def test_files_that_cannot_hold_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")
    with pytest.raises(InputError, match=r"rows.csv: not a .jsonl"):
        Rows([tmp_path / "rows.csv"])
    with pytest.raises(InputError, match=r"no .jsonl, .* files in this directory, and no problem package in it"):
        Rows([tmp_path])


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_each_file_has_to_hold_rows(tmp_path: Path, text: str) -> None:
    full, empty = write(tmp_path / "full.jsonl", [row("a")]), tmp_path / "empty.jsonl"
    empty.write_text(text)
    for files, programs in (([empty], []), ([full, empty], []), ([full], [empty])):
        with pytest.raises(InputError, match=r"empty.jsonl: holds no rows"):
            list(Rows(files, programs))
    assert names(Rows([tmp_path])) == ["a/s0"]  # of a directory, all of them together


def test_files_without_programs_are_known(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder / "1.jsonl", [row("d", [])])
    write(folder / "2.jsonl", [row("e")])
    files = [write(tmp_path / "1.jsonl", [row("a"), row("b", [])]), write(tmp_path / "2.jsonl", [row("c", [])]), folder]
    rows = Rows(files)
    assert names(rows) == ["a/s0", "e/s0"]
    assert rows.without_programs == [files[1]]
    programs = write(tmp_path / "programs.jsonl", [{"problem_id": "c", "code": ""}])
    separate = Rows(files, [programs])
    assert names(separate) == ["c/None"] and separate.without_programs == []


# ------------------------------------------------------------------------------------------------------------ programs

SAID = "So:\n```python\nprint(1)\n```"
PROGRAMS: dict[str, tuple[dict[str, Any], list[tuple[str | None, str | None]]]] = {
    "code": ({"code": "x"}, [("x", None)]),
    "no program": ({"code": None, "completion": SAID}, [(None, None)]),
    "completion": ({"completion": SAID}, [("print(1)", "tagged")]),
    "messages": ({"completion": [{"role": "assistant", "content": SAID}]}, [("print(1)", "tagged")]),
    "parts": ({"completion": [{"content": [{"type": "text", "text": SAID}, {"type": "image"}]}]}, [("print(1)", "tagged")]),
    "EvalPlus": ({"solution": "x"}, [("x", None)]),
    "LiveCodeBench": ({"code_list": ["x", "y"]}, [("x", None), ("y", None)]),
    "a solution beside what was said": ({"completion": SAID, "solution": "x"}, [("print(1)", "tagged")]),
    "columns that are empty": ({"completion": SAID, "solution": None, "code_list": None, "language": None}, [("print(1)", "tagged")]),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_the_same_wherever_they_stand(tmp_path: Path, name: str) -> None:
    program, expected = PROGRAMS[name]
    beside = write(tmp_path / "beside.jsonl", [row("a", [program])])
    problems, apart = write(tmp_path / "a.jsonl", [row("a", [])]), tmp_path / "apart.jsonl"
    write(apart, [{"problem_id": "a", **program}])
    for rows in (Rows([beside]), Rows([problems], [apart])):
        assert [(read.code, read.found) for _, read in rows] == expected


def test_samples_of_others_name_the_problem_in_their_words(tmp_path: Path) -> None:
    problems = write(tmp_path / "a.jsonl", [row("7", [])])
    sample = {"task_id": 7, "completion": SAID, "solution": "x"}
    pairs = list(
        Rows([problems], [write(tmp_path / "samples.jsonl", [sample, {"question_id": "7", "completion": SAID}])])
    )
    assert [program.code for _, program in pairs] == ["x", "print(1)"]


def test_a_program_is_no_problem(tmp_path: Path) -> None:
    error = bad_row(tmp_path, {"problem_id": "a", "code": "x"})
    assert "if this is a program, --submissions names its file" in error.reason


def test_a_slip_is_told_of_a_row_that_cannot_be_used(tmp_path: Path) -> None:
    rows = Rows([write(tmp_path / "rows.jsonl", [row("a", mode="call", entry_pont="f")])], skip_bad=True)
    assert names(rows) == [] and rows.skipped == 1
    assert [*rows.misspelt] == ["entry_pont: there is no such field; did you mean entry_point?"]
