"""``microcoder-eval convert``: what is written is read back as the same problems, and is there whole or not at all."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet
import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, Submission, TestCase
from microcoder.evaluator.cli import main
from microcoder.evaluator.cli.convert import main as convert_main
from microcoder.evaluator.cli.options import Convert
from microcoder.evaluator.cli.reports import OutputError
from microcoder.evaluator.conversion import TARGETS
from microcoder.evaluator.conversion.asking import conversation, question
from microcoder.evaluator.conversion.own import problem_row
from microcoder.evaluator.datasets import InputError, Rows
from microcoder.evaluator.datasets.base import Example
from microcoder.evaluator.datasets.prompts import Message
from microcoder.evaluator.problem import Group, Included
from microcoder.sandbox.limits import MIB, Limits

from .events import wait_until
from .test_datasets import INTELLECT, NEMO_GYM, OPEN_INSTRUCT, VERL, apps, lcb, write

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT.parent / "shared/cases/formats"
PROGRAMS = ("-subs.jsonl", "-samples.jsonl", "-rollouts.jsonl")
"""Files that hold no problems end so."""
FILES = [
    file
    for folder in (ROOT / "examples/datasets", CASES)
    for file in (sorted(folder.iterdir()) if folder.is_dir() else ())
    if not file.name.endswith(PROGRAMS)
]
SUFFIXES = ("jsonl", "parquet")
FORMS = {
    "microcoder": "microcoder",
    "verl": "verl",
    "trl": "open-instruct",
    "verifiers": "intellect-3",
    "intellect-3": "intellect-3",
    "open-instruct": "open-instruct",
}
"""As what rows of each kind are read."""
SUM = {
    "problem_id": "sum",
    "statement": "Add.",
    "tests": [{"input": "1 2\n", "output": "3\n"}, {"input": "", "output": ""}],
    "submissions": [{"code": "print(3)", "accept": False}, {"code": None}],
}


def convert(file: Path, to: Any, output: Path, programs: Path | None = None, **more: Any) -> int:
    options = Convert(files=(file,), to=to, output=output, submissions_output=programs, quiet=True, **more)
    return convert_main(options)


def read(*files: Path, must: bool = True) -> list[tuple[Problem, list[Submission]]]:
    rows = Rows(files, skip_bad=True)
    found = [(example.problem, list(rows.usable(example))) for _, example in rows.examples()]
    assert found or not must, rows.bad
    return found


# ---------------------------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}-{file.name}" for file in FILES])
def test_every_form_is_read_back_as_the_same_problems_and_programs(tmp_path: Path, file: Path) -> None:
    wanted = read(file, must=False)
    asked = [(problem, programs) for problem, programs in wanted if problem.statement]
    for to, target in TARGETS.items():
        for suffix in SUFFIXES:
            there, programs = tmp_path / f"{to}.{suffix}", tmp_path / f"{to}-programs.{suffix}"
            convert(file, to, there, programs)
            expected = wanted if target.programs else asked
            assert there.exists() == bool(expected)
            if not expected:
                continue
            assert [problem for problem, _ in read(there)] == [problem for problem, _ in expected]
            rows = Rows([there])
            assert {form.name for form, _ in rows.examples()} == {FORMS[to]}
            pairs = [(problem, program) for problem, several in expected for program in several]
            if pairs:
                assert list(Rows([there], [programs])) == pairs
            if target.programs:
                assert convert(file, to, there, overwrite=True) in (0, 1)
                assert read(there) == expected


PROBLEMS = [
    Problem(
        problem_id="one",
        tests=(
            TestCase("1\n", "2\n", group="secret/a"),
            TestCase("", "", group="secret/b"),
            TestCase("ü\u2028\0\n", '"\\\n', group="secret/a", flags="case_sensitive"),
        ),
        time_limit=2.5,
        limits=Limits(cpu_time=3.0, idle_time=4.0, wall_time=5.0, memory=300 * MIB, output=MIB, stderr=9, threads=2),
        checker=Checker(
            type="validator",
            flags="a b",
            source="raise SystemExit(42)",
            language="python",
            files={"a.py": "A = 1", "b.py": ""},
            limits=Limits(cpu_time=60.0, file_size=MIB, open_files=9, int_digits=700, compile_time=3.0),
            note="made up",
        ),
        groups={
            "secret/a": Group(max_score=0.1),
            "secret/b": Group(max_score=2, score_aggregation="min", require_pass=("secret/a",)),
        },
        include={"cpp": Included(files={"g.cpp": "", "g.h": "//"}, main="g.cpp", program="p.cpp")},
        title="T",
        statement="S",
        difficulty="7",
        contest_date="2024-01-01",
        source="https://example.org/p/1",
    ),
    Problem(
        problem_id="two",
        mode="call",
        tests=(TestCase("[1]", "0.5"), TestCase("[NaN]", "null")),
        checker=Checker(type="python_eq", float_tol=1e-9),
        entry_point="f",
        entry_class="C",
        prelude="import math\n",
        statement="S",
        starter_code="class C: ...",
        partial_solution="class C:\n    x = 1",
    ),
    Problem(
        problem_id="three",
        mode="assert",
        tests=(TestCase(code="def test_f():\n    assert f() == 1", function="test_f"), TestCase(code="assert f()")),
        checker=Checker(type="assert"),
        statement="S",
    ),
    Problem(
        problem_id="four", tests=(TestCase("", "1"),), checker=Checker(type="codeforces", name="wcmp"), statement="S"
    ),
]
RIGHT = Submission(
    code="import a\n",
    name="n",
    language="cpp",
    files={"a.py": "", "b.py": "1"},
    accept=True,
    verdict="AC",
    found="tagged",
    timing_sensitive=True,
)
NO_CODE = Submission(code=None, accept=False)


def structs(value: Any) -> Iterator[msgspec.Struct]:
    """All that there are in it."""
    if isinstance(value, msgspec.Struct):
        yield value
        value = list(msgspec.structs.asdict(value).values())
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from structs(each)


def test_these_say_all_that_there_is_to_say() -> None:
    silent: dict[type, set[str]] = {}
    for struct in structs([*PROBLEMS, RIGHT]):
        fields = msgspec.structs.fields(struct)
        usual = {field.name for field in fields if getattr(struct, field.name) == field.default}
        silent[type(struct)] = silent.get(type(struct), {field.name for field in fields}) & usual
    assert {kind.__name__: names for kind, names in silent.items() if names} == {}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("to", TARGETS)
def test_nothing_that_a_problem_says_is_lost(tmp_path: Path, to: str, suffix: str) -> None:
    file = write(tmp_path / "rows.jsonl", *(problem_row(problem, [RIGHT, NO_CODE]) for problem in PROBLEMS))
    assert read(file) == [(problem, [RIGHT, NO_CODE]) for problem in PROBLEMS]
    there = tmp_path / f"there.{suffix}"
    assert convert(file, to, there) == 0
    assert [problem for problem, _ in read(there)] == PROBLEMS
    assert convert(there, "microcoder", tmp_path / "back.jsonl") == 0
    assert [problem for problem, _ in read(tmp_path / "back.jsonl")] == PROBLEMS


def test_what_goes_without_saying_is_not_said(tmp_path: Path) -> None:
    convert(write(tmp_path / "rows.jsonl", SUM), "microcoder", tmp_path / "there.jsonl")
    assert json.loads((tmp_path / "there.jsonl").read_text()) == SUM


# -------------------------------------------------------------------------------------------------------------- judged

LABELLED = ("demo.jsonl", "datasets/code_contests_plus.jsonl", "datasets/kattis", "datasets/humanevalpack.jsonl")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("to", TARGETS)
async def test_the_verdicts_are_the_same(evaluator: Evaluator, tmp_path: Path, cpp: None, to: str) -> None:
    for number, name in enumerate(LABELLED):
        files = tmp_path / f"{number}.jsonl", tmp_path / f"{number}-programs.jsonl"
        convert(ROOT / "examples" / name, to, *files)
        pairs = list(Rows([files[0]], [files[1]]))
        assert {program.accept for _, program in pairs} == {True, False}
        for problem, program in pairs if number else pairs[::7]:
            report = await evaluator.evaluate(problem, program)
            assert report.reward == float(program.accept is True), (program, report)


# --------------------------------------------------------------------------------------------------- shapes and prompts

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Add."}]


def rows_of(tmp_path: Path, to: str, *rows: object, **more: Any) -> list[dict[str, Any]]:
    there = tmp_path / "there.jsonl"
    assert convert(write(tmp_path / "rows.jsonl", *rows), to, there, overwrite=True, **more) == 0
    return [json.loads(line) for line in there.read_text().splitlines()]


def test_the_shapes(tmp_path: Path) -> None:
    row = SUM | {"source": "https://judge.example.org/p/1"}
    told = json.dumps({name: value for name, value in row.items() if name != "submissions"})
    asked = question(read(write(tmp_path / "rows.jsonl", row))[0][0])
    said = [{"role": "user", "content": asked}]
    shapes: dict[str, dict[str, Any]] = {
        "verl": {
            "data_source": "judge.example.org",
            "prompt": said,
            "ability": "code",
            "reward_model": {"style": "rule", "ground_truth": told},
            "extra_info": {"index": 0, "problem_id": "sum"},
        },
        "trl": {"prompt": said, "ground_truth": told},
        "verifiers": {"prompt": said, "answer": "", "info": {"tests": told, "source": "judge.example.org"}},
        "intellect-3": {"question": asked, "answer": "", "info": {"tests": told, "source": "judge.example.org"}},
        "open-instruct": {"id": "sum", "messages": said, "ground_truth": told, "dataset": "code_stdio"},
    }
    for to, shape in shapes.items():
        (found,) = rows_of(tmp_path, to, row)
        assert decoded(found) == decoded(shape), to


def decoded(value: Any) -> Any:
    """With JSON that stands in texts read, as the order of fields means nothing."""
    if isinstance(value, dict):
        return {name: decoded(each) for name, each in value.items()}
    return decoded(json.loads(value)) if isinstance(value, str) and value.startswith("{") else value


@pytest.mark.parametrize(
    "row",
    [
        VERL | {"prompt": CHAT},
        INTELLECT | {"prompt": CHAT},
        OPEN_INSTRUCT | {"messages": [*CHAT, {"role": "assistant", "content": "def add(): ..."}]},
        NEMO_GYM | {"responses_create_params": {"input": CHAT}},
        apps(prompt=CHAT),
    ],
)
def test_a_model_is_asked_as_the_row_asks(tmp_path: Path, row: dict[str, Any]) -> None:
    assert rows_of(tmp_path, "verl", row)[0]["prompt"] == CHAT
    assert rows_of(tmp_path, "intellect-3", row)[0]["question"] == "Be brief.\n\nAdd."
    (changed,) = rows_of(tmp_path, "trl", row, prompt="{statement} Now.")
    assert changed["prompt"] == [{"role": "user", "content": "Add. Now."}]


def test_a_prompt_that_is_no_text_is_made_from_the_statement(tmp_path: Path) -> None:
    (row,) = rows_of(
        tmp_path, "trl", VERL | {"prompt": [{"role": "user", "content": "Add."}, {"role": "tool", "id": 1}]}
    )
    (message,) = row["prompt"]
    assert message["content"].startswith("Add.\n\nWrite a Python program")


def test_a_question_with_a_partial_solution() -> None:
    problem = Problem(problem_id="p", tests=(TestCase("1", "1"),), statement="Add.", partial_solution="x = 1")
    assert question(problem) == (
        "Add.\n\nGo on with this code:\n\n```python\nx = 1\n```\n\n"
        "Answer with what comes after it, as one ```python block.\n"
    )


def test_a_question_with_starter_code(tmp_path: Path) -> None:
    code = "def add(a, b):"
    (row,) = rows_of(tmp_path, "trl", lcb(starter_code=code))
    assert f"Add two numbers.\n\nBegin with this code:\n\n```python\n{code}\n```" in row["prompt"][0]["content"]
    (row,) = rows_of(tmp_path, "trl", lcb(starter_code=code, question_content=f"Add: {code}"))
    assert row["prompt"][0]["content"].count(code) == 1
    braces = lcb(starter_code=code, question_content="Add {starter}.")
    (row,) = rows_of(tmp_path, "trl", braces, prompt="{starter}|{statement}|{}")
    assert row["prompt"][0]["content"] == f"{code}|Add {{starter}}.|{{}}"


def call(**fields: Any) -> Problem:
    return Problem(problem_id="p", mode="call", entry_point="add", tests=(TestCase("[1]", "1"),), **fields)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (call(statement="Add."), "Add.\n\nThe function is called add.\n\nWrite it in Python. Answer"),
        (call(statement="S.", entry_class="A"), "The function is called add, a method of the class A.\n"),
        (call(statement="add(a): a"), "add(a): a\n\nWrite it in Python. Answer"),
        (
            call(statement="def add():\n", starter_code="def add():"),
            "Go on with this code:\n\n```python\ndef add():\n```",
        ),
    ],
)
def test_what_is_asked(problem: Problem, words: str) -> None:
    asked = question(problem)
    assert asked is not None
    assert words in asked
    assert conversation(Example(problem)) == [Message("user", asked)]


def test_a_prediction_is_asked_as_its_statement_says(tmp_path: Path) -> None:
    row = {"code": "def f(a):\n    return a", "input": "1", "output": "1", "id": "sample_0"}
    ((problem, _),) = read(write(tmp_path / "rows.jsonl", row))
    assert rows_of(tmp_path, "verl", row)[0]["prompt"] == [{"role": "user", "content": problem.statement}]


# --------------------------------------------------------------------------------------------------------------- refused


def test_rows_that_are_refused_are_told_and_the_others_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unasked = {name: value for name, value in SUM.items() if name != "statement"} | {"problem_id": "b"}
    file = write(tmp_path / "rows.jsonl", SUM, unasked, SUM | {"problem_id": "c", "tests": []}, SUM)
    assert main(["convert", str(file), "--to", "trl", "-o", str(tmp_path / "there.jsonl")]) == 1
    assert [problem.problem_id for problem, _ in read(tmp_path / "there.jsonl")] == ["sum"]
    told = capsys.readouterr()
    assert f"left out: {file}:3: tests: expected array of length >= 1" in told.err
    assert f"left out: {file}:4: problem_id: the same as in {file}:1" in told.err
    assert f"refused: {file}:2: statement: missing, but a model has to be asked something" in told.err
    assert "left out: 2 programs; --submissions-output FILE keeps them" in told.err
    assert [line.split()[:2] for line in told.out.splitlines()] == [["rows", "1"], ["programs", "0"], ["refused", "3"]]
    assert convert(file, "microcoder", tmp_path / "own.jsonl") == 1
    assert [problem.problem_id for problem, _ in read(tmp_path / "own.jsonl")] == ["sum", "b"]


def test_a_program_that_no_file_can_hold_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "rows.jsonl", apps(solutions=json.dumps(["print('\ud800')", "print(3)"])))
    assert convert(file, "microcoder", tmp_path / "there.jsonl") == 1
    ((_, programs),) = read(tmp_path / "there.jsonl")
    assert [program.code for program in programs] == ["print(3)"]
    assert f"refused: {file}:1: program solutions[0]: surrogates not allowed" in capsys.readouterr().err


def test_a_template_is_a_model_asked_too(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", {name: SUM[name] for name in ("problem_id", "tests")})
    assert convert(file, "verl", tmp_path / "there.jsonl", prompt="Guess.") == 1


# ------------------------------------------------------------------------------------------------------ whole or not at all


def left(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_no_file_is_overwritten_unasked(tmp_path: Path) -> None:
    file, there = write(tmp_path / "rows.jsonl", SUM), tmp_path / "there.jsonl"
    there.write_text("mine\n")
    for output in (there, None), (tmp_path / "new.jsonl", there):
        with pytest.raises(OutputError, match=r"there\.jsonl: exists already; --overwrite replaces it"):
            convert(file, "trl", *output)
    assert (there.read_text(), left(tmp_path)) == ("mine\n", ["rows.jsonl", "there.jsonl"])
    assert convert(file, "trl", there, overwrite=True) == 0
    assert read(there)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("-o", "rows.jsonl"), "--output: rows.jsonl is a FILE that is read, too"),
        (("-o", "a.jsonl", "--submissions-output", "./a.jsonl"), "--submissions-output: a.jsonl is --output, too"),
        (("-o", "a.csv"), "a.csv: rows are written as .jsonl or .parquet"),
        (("-o", "none/a.jsonl"), "none/a.jsonl: No such file or directory"),
        ((), "where to? Name the file of rows with --output"),
    ],
)
def test_mistakes_of_the_command_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("rows.jsonl"), SUM)
    assert main(["convert", "rows.jsonl", *more]) == 2
    assert words in capsys.readouterr().err
    assert left(tmp_path) == ["rows.jsonl"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_input_that_cannot_be_read_to_its_end_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    text = "".join(
        json.dumps(SUM | {"problem_id": str(number), "title": os.urandom(9).hex()}) + "\n" for number in range(999)
    )
    file = tmp_path / "rows.jsonl.gz"
    file.write_bytes(gzip.compress(text.encode())[:-2000])
    there = tmp_path / f"there.{suffix}"
    there.write_text("old")
    with pytest.raises(InputError, match=r"cannot be read after line \d+"):
        convert(file, "verl", there, tmp_path / "new.jsonl", overwrite=True)
    assert (there.read_text(), left(tmp_path)) == ("old", ["rows.jsonl.gz", there.name])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_who_ends_it_finds_no_half_of_a_file(tmp_path: Path, number: signal.Signals, code: int) -> None:
    rows, there = tmp_path / "rows.jsonl", tmp_path / "there.jsonl"
    os.mkfifo(rows)
    command = [sys.executable, "-m", "microcoder.evaluator.cli", "convert", str(rows), "-o", str(there)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process, rows.open("w") as feed:
        print(json.dumps(SUM), file=feed, flush=True)
        wait_until(lambda: len(left(tmp_path)) == 2)  # the one beside it
        process.send_signal(number)
        assert process.wait() == code
    assert left(tmp_path) == ["rows.jsonl"]


def test_a_file_that_comes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    rows, there = tmp_path / "rows.jsonl", tmp_path / "there.jsonl"
    os.mkfifo(rows)
    command = [sys.executable, "-m", "microcoder.evaluator.cli", "convert", str(rows), "-o", str(there)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        with rows.open("w") as feed:
            wait_until(lambda: len(left(tmp_path)) == 2)
            there.write_text("mine\n")
            print(json.dumps(SUM), file=feed)
        assert "has come meanwhile" in process.communicate()[1]
    assert (process.returncode, there.read_text(), len(left(tmp_path))) == (2, "mine\n", 2)


def test_what_a_link_names_is_replaced(tmp_path: Path) -> None:
    file, real, there = write(tmp_path / "rows.jsonl", SUM), tmp_path / "real.jsonl", tmp_path / "there.jsonl"
    real.write_text("")
    there.symlink_to(real)
    assert convert(file, "trl", there, overwrite=True) == 0
    assert there.is_symlink()
    assert read(real)


# -------------------------------------------------------------------------------------------------------------- large


def large() -> Iterator[str]:
    for number in range(160):
        tests = [{"input": "1 " * 500_000, "output": str(number)}]
        yield json.dumps({"problem_id": str(number), "statement": "S", "tests": tests}) + "\n"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path, suffix: str) -> None:
    file, there = tmp_path / "rows.jsonl", tmp_path / f"there.{suffix}"
    with file.open("w") as lines:
        lines.writelines(large())
    code = (
        "import re, sys\n"
        "from microcoder.evaluator.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]\n"  # not that of who started it
        "print(code, int(peak) // 1024)"
    )
    command = [sys.executable, "-c", code, "convert", str(file), "--to", "verl", "-o", str(there), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, used = map(int, done.stdout.split())
    assert (status, done.stderr) == (0, "")
    assert used < 300
    if suffix == "parquet":
        assert pyarrow.parquet.read_metadata(there).num_row_groups > 5
