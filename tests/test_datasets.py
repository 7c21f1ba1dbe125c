"""The formats of public data sets: rows of our own in their real shape, what is understood, what is refused."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest

from microcoder.evaluator import Problem, Submission
from microcoder.evaluator.datasets import FORMATS, BadRow, InputError, Rows
from microcoder.evaluator.datasets.base import Unusable
from microcoder.evaluator.datasets.cases import SHORT, parse
from microcoder.evaluator.datasets.values import objects
from microcoder.sandbox.limits import Limits

STDIO = {"inputs": ["1 2\n", "2 2\n"], "outputs": ["3\n", "4\n"]}


def lcb(**fields: object) -> dict[str, Any]:
    public = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]
    private = [{"input": "5 5\n", "output": "10\n", "testtype": "stdin"}]
    return {
        "question_title": "Sum",
        "question_content": "Add two numbers.",
        "platform": "atcoder",
        "question_id": "abc999_a",
        "contest_id": "abc999",
        "contest_date": "2024-08-03T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": json.dumps(public),
        "private_test_cases": packed(private),
        "metadata": "{}",
    } | fields


def packed(tests: object, protocol: int = 4) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests), protocol))).decode()


def functional(**fields: object) -> dict[str, Any]:
    tests = [{"input": '[1, 2]\n"x"', "output": "true", "testtype": "functional"}]
    metadata = json.dumps({"func_name": "isIn"})
    return lcb(public_test_cases=json.dumps(tests), private_test_cases="[]", metadata=metadata) | fields


def apps(**fields: object) -> dict[str, Any]:
    solutions = json.dumps(["print(sum(map(int, input().split())))"])
    row = {"problem_id": 7, "question": "Add.", "solutions": solutions, "difficulty": "interview", "starter_code": ""}
    return row | {"input_output": json.dumps(STDIO)} | fields


def contests(**fields: object) -> dict[str, Any]:
    return {
        "name": "1_A. Sum",
        "description": "Add.",
        "public_tests": {"input": ["1 2\n"], "output": ["3\n"]},
        "private_tests": {"input": [], "output": []},
        "generated_tests": {"input": ["2 2\n"], "output": ["4\n"]},
        "source": 2,
        "difficulty": 7,
        "cf_rating": 0,
        "solutions": {"language": [3, 2, 1], "solution": ["print(3)", "int main(){}", "print 3"]},
        "incorrect_solutions": {"language": [3], "solution": ["print(4)"]},
        "time_limit": {"seconds": 1, "nanos": 500_000_000},
        "memory_limit_bytes": 256_000_000,
        "input_file": "",
        "output_file": "",
    } | fields


def codeforces(**fields: object) -> dict[str, Any]:
    return {
        "id": "852/A",
        "title": "Digits",
        "description": "Find any.",
        "input_format": "n",
        "output_format": "any",
        "interaction_format": None,
        "note": None,
        "time_limit": 1.0,
        "memory_limit": 256.0,
        "rating": 2500,
        "contest_start": 1504019100,
        "official_tests": [{"input": "4\n", "output": "1\n"}],
        "input_mode": "stdio",
        "generated_checker": "print(1)",
    } | fields


def evalplus(**fields: object) -> dict[str, Any]:
    return {
        "task_id": "HumanEval/900",
        "prompt": "import math\n\ndef half(x):\n    '''Half of x.'''\n",
        "entry_point": "half",
        "contract": "",
        "canonical_solution": "    return x / 2\n",
        "base_input": [[1], [2]],
        "plus_input": [[3.5], [-1e10]],
        "atol": 0,
    } | fields


HUMANEVAL = {
    "task_id": "HumanEval/901",
    "prompt": "from typing import List\n\ndef first(x: List[int]) -> int:\n    '''First.'''\n",
    "entry_point": "first",
    "canonical_solution": "    return x[0]\n",
    "test": "def check(candidate):\n    assert candidate([1, 2]) == 1\n",
}
MBPP = {
    "task_id": 902,
    "text": "Add.",
    "code": "def add(a, b):\n    return a + b",
    "test_list": ["assert add(1, 2) == 3", "assert add(2, 2) == 4"],
    "test_setup_code": "",
    "challenge_test_list": ["assert add(-1, 1) == 0"],
}
VERIFIABLE = {
    "problem_id": "vcp_1",
    "prompt": "Add.",
    "gold_standard_solution": "```python\nprint(3)\n```",
    "verification_info": repr(
        {"language": "python", "test_cases": [{"type": "stdin_stdout", "input": "1 2\n", "output": "3\n"}]}
    ),
}
VERL = {
    "data_source": "taco",
    "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Add."}],
    "ability": "code",
    "reward_model": {"style": "rule", "ground_truth": json.dumps(STDIO)},
    "extra_info": {"split": "train", "index": 3},
}
DEEPCODER = {"problem": "Add.", "tests": json.dumps([{"input": "1 2\n", "output": "3\n"}]), "solutions": ["print(3)"]}
KODCODE = {
    "question_id": "Prefill_1_I",
    "question": "Add.",
    "solution": "def add(a, b):\n    return a + b\n",
    "test": "from solution import add\n\ndef test_a():\n    assert add(1, 2) == 3\n\ndef test_b():\n    assert add(2, 2) == 4\n",
    "test_info": [{"function_declaration": "def add(a, b):", "function_name": "add"}],
    "gpt_difficulty": "easy",
    "subset": "Prefill",
}
BIGCODEBENCH = {
    "task_id": "BigCodeBench/900",
    "complete_prompt": "import math\nPI = 3\n\ndef task_func(r):\n    '''Area.'''\n",
    "instruct_prompt": "Write a function.",
    "code_prompt": "import math\nPI = 3\n\ndef task_func(r):\n",
    "canonical_solution": "    return PI * r * r\n",
    "entry_point": "task_func",
    "test": "import unittest\n\nclass TestCases(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(task_func(1), 3)\n\n"
    "    def test_b(self):\n        self.assertAlmostEqual(task_func(2), 3 * math.pow(2, 2))\n",
}
ACECODE = {
    "id": "oss_1",
    "source": "oss",
    "question": "Add.",
    "test_cases": ["assert add(1, 2) == 3", "assert add(2, 2) == 4"],
}
AUTOCODEBENCH = {
    "question": "Add.",
    "canonical_solution": "def add(a, b):\n    return a + b\n",
    "demo_test_func": "def test():\n    assert add(1, 2) == 3\n",
    "full_test_func": "def test():\n    assert add(1, 2) == 3\n    assert add(2, 2) == 4\n",
    "language": "python",
    "difficulty": "easy",
}
AUTOEVAL = {
    "id": "ae_1",
    "content": "Add.",
    "labels": {"programming_language": "python"},
    "test": {"code": "assert add(1, 2) == 3"},
    "canonical_solution": "def add(a, b):\n    return a + b\n",
}
EVOLVECODER = {"id": "TACO_1", "question": "Add.", "tests": ACECODE["test_cases"]}
CHECKER = """\
#include "testlib.h"
int main(int argc, char* argv[]) {
  registerTestlibCmd(argc, argv);
  if (ouf.readInt() != ans.readInt()) quitf(_wa, "another one");
  quitf(_ok, "the same");
}
"""
CONTESTS_PLUS = {
    "source": "Codeforces",
    "id": "1_A",
    "title": "Sum",
    "description": "Add.",
    "time_limit": 1500,
    "memory_limit": 64,
    "validator": "",
    "generator": "",
    "generator_cmd": "",
    "checker": CHECKER,
    "correct_submissions": [
        {"code": "print(sum(map(int, input().split())))", "language": "py3"},
        {"code": "int main(){}", "language": "cpp"},
        {"code": "print 3", "language": "py2"},
    ],
    "incorrect_submissions": [{"code": "print(4)", "language": "py3"}],
    "test_cases": [{"input": "1 2\n", "output": "3\n"}, {"input": "2 2\n", "output": "4\n"}],
    "true_positive_rate": 1.0,
    "true_negative_rate": 1.0,
}
CONTESTS_O = {
    "name": "1_A. Sum",
    "description": "Add.",
    "corner_cases": [{"input": {"stdin": "1 2\n"}, "output": {"stdout": "3\n"}}],
    "commands": ["./gen 1"],
    "generator": "",
    "checker": CHECKER,
    "input_constraints_summary": "",
    "results": [],
}
JUDGING = """\
def output_judging_function(input_str: str, candidate_output: str, reference_output: str) -> bool:
    return sorted(candidate_output.split()) == sorted(reference_output.split())
"""
HARDTESTS = {
    "pid": "Codeforces-1A",
    "test_cases_kit": {"pid": "Codeforces-1A", "output_judging_function": JUDGING, "input_validator": "", "LLMGen": []},
    "mapping": {"LLMGen": [0], "RPGen": [], "SPGen": [], "HackGen": [[1]]},
    "test_cases": [{"input": "1 2\n", "output": "1 2\n"}, {"input": "3 3\n", "output": "3 3\n"}],
}
RSTAR = {
    "question_id": "seed_1",
    "question": "Add.",
    "starter_code": "",
    "inputs": json.dumps(STDIO["inputs"]),
    "outputs": json.dumps(STDIO["outputs"]),
    "is_synthesized": "[0, 1]",
    "test_case_type": '["seed", "large"]',
    "func_name": "",
    "class_name": "",
}
COMMON_OJ = {
    "id": "oj_1",
    "content": "Add.",
    "labels": {"problem_format": "Standard", "difficulty": "easy"},
    "test": [{"input": {"stdin": "1 2\n"}, "output": {"stdout": "3\n"}}],
    "canonical_solution": {"python": ["print(3)"], "C++": ["int main() {}"]},
}
LIVEBENCH = {
    "question_id": "lb_1",
    "category": "coding",
    "task": "LCB_generation",
    "turns": ["### Instructions: Add."],
    "question_title": "Sum",
    "public_test_cases": json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]),
    "private_test_cases": packed([{"input": "5 5\n", "output": "10\n", "testtype": "stdin"}]),
    "original_json": {
        "question_id": "abc1",
        "question_content": "Add.",
        "platform": "atcoder",
        "contest_date": "2024-01-01",
        "starter_code": "",
        "difficulty": "easy",
        "metadata": "{}",
    },
    "partial_solution": "",
    "solution": "",
}
HUMANEVAL_X = {
    "task_id": "Python/900",
    "prompt": "def first(x):\n    # First.\n",
    "declaration": "import math\n\ndef help(x): ...\n\ndef first(x):\n",
    "canonical_solution": "    return x[0]\n",
    "buggy_solution": "    return x[1]\n",
    "test": "\n\ndef check(first):\n    assert first([1, 2]) == 1\n\ncheck(first)\n",
    "example_test": "",
}
NEMO_GYM = {
    "responses_create_params": {"input": [{"role": "user", "content": "Add."}]},
    "verifier_metadata": {"unit_tests": STDIO},
    "hash_id": "h1",
    "dataset": "taco",
    "source": "codeforces",
}
INTELLECT = {
    "question": "Add.",
    "answer": "",
    "info": json.dumps({"tests": json.dumps(STDIO | {"fn_name": None}), "source": "taco"}),
    "in_source_id": "t1",
}
OPEN_INSTRUCT = {
    "messages": [{"role": "user", "content": "Add."}],
    "ground_truth": ["assert add(1, 2) == 3", "assert add(2, 2) == 4"],
    "dataset": "code",
}
CRUXEVAL = {
    "code": "def f(xs, k=2):\n    return [x * k for x in xs]",
    "input": "[1, 2]",
    "output": "[2, 4]",
    "id": "sample_7",
}
LCB_EXECUTION = {
    "question_id": 2777,
    "id": "sample_3",
    "function_name": "span",
    "code": "def span(xs: List[int]) -> int:\n    return max(xs) - min(xs)\n",
    "input": "span(xs = [1, 5, 2])",
    "output": "4",
    "numsteps": 12,
    "problem_id": 3,
    "contest_id": "weekly-1",
    "contest_date": "2023-05-06T00:00:00",
    "difficulty": "easy",
}
LCB_TEST_OUTPUT = {
    "question_title": "Is in",
    "question_content": "Is the text in the list?",
    "question_id": "3001",
    "contest_id": "weekly-1",
    "test_id": 1,
    "contest_date": "2023-05-06T00:00:00",
    "starter_code": "class Solution:\n    def isIn(self, xs: List[str], x: str) -> bool:\n        ",
    "function_name": "isIn",
    "difficulty": "easy",
    "test": json.dumps([{"input": '["a", "b"]\n"a"', "output": "true", "testtype": "functional"}]),
}
OURS = {"problem_id": "ours", "tests": [{"input": "", "output": "1"}]}


def write(path: Path, *rows: object) -> Path:
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=2))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path, **options: Any) -> tuple[str, Problem, list[Any]]:
    form, example = next(iter(Rows([path], **options).examples()))
    return form.name, example.problem, list(example.programs)


def read_row(tmp_path: Path, row: object, name: str = "rows.jsonl") -> tuple[str, Problem, list[Any]]:
    return read(write(tmp_path / name, row))


def bad_row(tmp_path: Path, row: object) -> BadRow:
    with pytest.raises(BadRow) as caught:
        read_row(tmp_path, row)
    return caught.value


# ------------------------------------------------------------------------------------------------------------ detection

ROWS: dict[str, dict[str, Any]] = {
    "microcoder": OURS,
    "livecodebench": lcb(),
    "evalplus": evalplus(),
    "humaneval": HUMANEVAL,
    "mbpp": MBPP,
    "verifiable-coding-problems": VERIFIABLE,
    "verl": VERL,
    "codeforces": codeforces(),
    "code_contests": contests(),
    "apps": apps(),
    "deepcoder": DEEPCODER,
    "kodcode": KODCODE,
    "bigcodebench": BIGCODEBENCH,
    "acecode": ACECODE,
    "autocodebench": AUTOCODEBENCH,
    "sandbox-fusion": AUTOEVAL,
    "livebench": LIVEBENCH,
    "humaneval-x": HUMANEVAL_X,
    "nemo-gym": NEMO_GYM,
    "intellect-3": INTELLECT,
    "open-instruct": OPEN_INSTRUCT,
    "evolvecoder": EVOLVECODER,
    "code_contests_plus": CONTESTS_PLUS,
    "code_contests_o": CONTESTS_O,
    "hardtests": HARDTESTS,
    "rstar-coder": RSTAR,
    "cruxeval-o": CRUXEVAL,
    "livecodebench-execution": LCB_EXECUTION,
    "livecodebench-test-output": LCB_TEST_OUTPUT,
}


def test_there_is_a_row_of_every_format() -> None:
    assert {*ROWS, "kattis", "cruxeval-i"} == set(FORMATS)


@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet"])
@pytest.mark.parametrize("name", ROWS)
def test_formats_are_seen_from_the_fields_in_every_kind_of_file(tmp_path: Path, name: str, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    form, problem, programs = read_row(tmp_path, ROWS[name], f"rows.{suffix}")
    assert form == name
    assert problem == read_row(tmp_path, ROWS[name])[1]
    assert all(isinstance(program, Submission) for program in programs)


def test_a_format_can_be_forced(tmp_path: Path) -> None:
    both = apps(problem="x", tests=STDIO, problem_id=None)
    del both["problem_id"]
    assert read(write(tmp_path / "rows.jsonl", both))[0] == "apps"
    assert read(write(tmp_path / "rows.jsonl", both), format="deepcoder")[0] == "deepcoder"
    with pytest.raises(BadRow, match=r"task_id: missing"):
        read(write(tmp_path / "rows.jsonl", both), format="mbpp")
    with pytest.raises(InputError, match=r"no format appps; there are microcoder, "):
        Rows([tmp_path / "rows.jsonl"], format="appps")


def test_rows_of_no_format_say_so(tmp_path: Path) -> None:
    error = bad_row(tmp_path, {"question": "x", "answer": "y"})
    assert error.reason.startswith("of no known format, by its fields: answer, question; known: microcoder, ")


# -------------------------------------------------------------------------------------------------------------- formats


@pytest.mark.parametrize("protocol", range(2, 6))
def test_livecodebench(tmp_path: Path, protocol: int) -> None:
    private = [{"input": "5 5\n", "output": "10\n", "testtype": "stdin"}]
    _, problem, _ = read_row(tmp_path, lcb(private_test_cases=packed(private, protocol)))
    assert [(test.input, test.output, test.group) for test in problem.tests] == [
        ("1 2\n", "3\n", "sample"),
        ("5 5\n", "10\n", "secret"),
    ]
    assert (problem.problem_id, problem.title, problem.difficulty) == ("abc999_a", "Sum", "easy")
    assert (problem.contest_date, problem.source) == ("2024-08-03T00:00:00", "atcoder")


def test_livecodebench_functions(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, functional())
    assert (problem.mode, problem.entry_class, problem.entry_point) == ("call", "Solution", "isIn")
    assert (json.loads(problem.tests[0].input), problem.tests[0].output) == ([[1, 2], "x"], "true")


class _Evil:
    def __reduce__(self) -> Any:
        return print, ("executed",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps(_Evil()), "not a pickle of text: it has the instruction"),
        (pickle.dumps(["text"]), "not a pickle of text: it has the instruction"),
        (b"\x80\x04X\x01\x00\x00\x00xr\xff\xff\xff\x7f.", None),  # a huge place in the memo: no memory is taken
        (b"\x80\x04\x8d" + (1 << 40).to_bytes(8, "little") + b"x.", "not a pickle of text"),
        (pickle.dumps("text")[:-3], "not a pickle of text"),
        (b"", "not a pickle of text"),
    ],
)
def test_pickles_are_never_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, reason: str | None
) -> None:
    error = bad_row(tmp_path, lcb(private_test_cases=base64.b64encode(zlib.compress(content)).decode()))
    assert error.field == "private_test_cases"
    assert error.reason.startswith(reason or "JSON is malformed")
    assert not capsys.readouterr().out


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microcoder.evaluator.datasets.packed.UNPACKED", 1 << 20)
    bomb = base64.b64encode(zlib.compress(bytes(2 << 20))).decode()
    assert bad_row(tmp_path, lcb(private_test_cases=bomb)).reason == "unpacks to more than 1 MiB"


@pytest.mark.parametrize("form", ["text", "python", "object"])
def test_apps(tmp_path: Path, form: str) -> None:
    value: object = {"text": json.dumps(STDIO), "python": repr(STDIO), "object": STDIO}[form]
    _, problem, programs = read_row(tmp_path, apps(input_output=value))
    assert [(test.input, test.output) for test in problem.tests] == [("1 2\n", "3\n"), ("2 2\n", "4\n")]
    assert (problem.problem_id, problem.difficulty, problem.statement) == ("7", "interview", "Add.")
    assert [(program.accept, program.name) for program in programs] == [(True, "solutions[0]")]


def test_lists_stand_for_lines(tmp_path: Path) -> None:
    tests = {"inputs": [["1", "2"]], "outputs": [["3", "4"]]}
    _, problem, _ = read_row(tmp_path, apps(input_output=tests))
    assert (problem.tests[0].input, problem.tests[0].output) == ("1\n2", "3\n4")


@pytest.mark.parametrize(
    ("starter", "outputs", "expected"),
    [
        ("", [[5], [6]], [5, 6]),
        ("", [5, 6], [5, 6]),
        ("", [[5], [6, 7]], [[5], [6, 7]]),
        ("def f(x: int) -> List[int]:", [[5], [6]], [[5], [6]]),
        ("def f(x: int) -> List[int]:", [[[5]], [[6, 7]]], [[5], [6, 7]]),
        ("def f(x: int) -> int:", [[5], [6]], [5, 6]),
        ("def f(x: int) -> List[List[int]]:", [[[5]], [[6]]], [[[5]], [[6]]]),
        ("", [["a"], ["b"]], ["a", "b"]),
    ],
)
def test_results_in_a_list_of_one(tmp_path: Path, starter: str, outputs: list[Any], expected: list[Any]) -> None:
    tests = {"fn_name": "f", "inputs": [[1], [2]], "outputs": outputs}
    _, problem, _ = read_row(tmp_path, apps(input_output=tests, starter_code=starter))
    assert [json.loads(test.output) for test in problem.tests] == expected
    assert [json.loads(test.input) for test in problem.tests] == [[1], [2]]
    assert (problem.mode, problem.entry_point, problem.checker.type) == ("call", "f", "python_eq")


def test_code_contests(tmp_path: Path) -> None:
    rows = Rows([write(tmp_path / "rows.jsonl", contests())])
    pairs = list(rows)
    problem = pairs[0][0]
    assert [test.group for test in problem.tests] == ["sample", "generated"]
    assert (problem.time_limit, problem.limits.memory) == (1.5, 256_000_000)
    assert (problem.difficulty, problem.source) == ("A", "codeforces")
    python = [(program.code, program.accept) for _, program in pairs if program.language == "python"]
    assert python == [("print(3)", True), ("print(4)", False)]
    assert rows.left_out["python2"] == 1


def test_code_contests_plus(tmp_path: Path) -> None:
    rows = Rows([write(tmp_path / "rows.jsonl", CONTESTS_PLUS)])
    pairs = list(rows)
    problem = pairs[0][0]
    assert (problem.problem_id, problem.title, problem.source) == ("1_A", "Sum", "Codeforces")
    assert (problem.time_limit, problem.limits.memory) == (1.5, 64 << 20)
    assert (problem.checker.type, problem.checker.source) == ("testlib", CHECKER)
    assert [(program.language, program.accept) for _, program in pairs] == [
        ("python", True),
        ("cpp", True),
        ("python", False),
    ]
    assert rows.left_out["python2"] == 1
    assert read_row(tmp_path, CONTESTS_PLUS | {"checker": ""})[1].checker.type == "default"
    generated = {name: value for name, value in CONTESTS_PLUS.items() if name != "test_cases"}
    assert bad_row(tmp_path, generated).reason.startswith("missing: the configurations 1x to 5x have tests")


def test_languages_as_numbers(tmp_path: Path) -> None:
    programs = [{"code": "print(3)", "language": number} for number in (2, 9)]
    rows = Rows([write(tmp_path / "rows.jsonl", CONTESTS_PLUS | {"correct_submissions": programs})])
    assert [program.code for _, program in rows] == ["print(3)", "print(4)"]
    assert rows.left_out == {"9": 1}


def test_code_contests_o(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, CONTESTS_O)
    assert (problem.problem_id, problem.tests[0].input, problem.tests[0].output) == ("1_A. Sum", "1 2\n", "3\n")
    assert problem.checker.type == "testlib"
    assert bad_row(tmp_path, CONTESTS_O | {"corner_cases": []}).reason == "empty: the problem has no tests"


@pytest.mark.parametrize("form", ["objects", "json", "packed"])
def test_hardtests(tmp_path: Path, form: str) -> None:
    tests = HARDTESTS["test_cases"]
    tests = {"objects": tests, "json": json.dumps(tests), "packed": packed(tests)}[form]
    _, problem, _ = read_row(tmp_path, HARDTESTS | {"test_cases": tests})
    assert [(test.output, test.group) for test in problem.tests] == [("1 2\n", "LLMGen"), ("3 3\n", "HackGen")]
    assert (problem.problem_id, problem.checker.type) == ("Codeforces-1A", "python")
    plain = read_row(tmp_path, HARDTESTS | {"test_cases_kit": {"output_judging_function": None}})[1]
    assert plain.checker.type == "default"


def test_hardtests_without_tests(tmp_path: Path) -> None:
    row = {name: value for name, value in HARDTESTS.items() if name != "test_cases"}
    assert bad_row(tmp_path, row).reason.startswith("missing: the row has only generators of tests; the tests are in ")
    row = {"pid": "Codeforces-1A", "question_content": "Add.", "public_test_cases": []}
    assert bad_row(tmp_path, row).reason.startswith("missing: the row has only samples and oracle programs; ")


def test_rstar_coder(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, RSTAR)
    assert [(test.input, test.group) for test in problem.tests] == [("1 2\n", "seed"), ("2 2\n", "large")]
    assert (problem.problem_id, problem.mode) == ("seed_1", "stdio")
    row = RSTAR | {"inputs": '["[1, 2]\\n3"]', "outputs": '["4"]', "func_name": "f", "class_name": "Solution"}
    _, problem, _ = read_row(tmp_path, row)
    assert (problem.mode, problem.entry_point, problem.entry_class) == ("call", "f", "Solution")
    assert (json.loads(problem.tests[0].input), problem.tests[0].output) == ([[1, 2], 3], "4")
    assert bad_row(tmp_path, RSTAR | {"outputs": "[]"}).reason == "2 inputs, but 0 outputs"


def test_evolvecoder(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, EVOLVECODER)
    assert ([test.code for test in problem.tests], problem.mode) == (EVOLVECODER["tests"], "assert")


def test_open_r1_codeforces(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, codeforces())
    assert (problem.checker.type, problem.checker.source, problem.checker.name) == ("python", "print(1)", "open-r1")
    assert (problem.time_limit, problem.limits.memory, problem.difficulty) == (1.0, 256 << 20, "2500")
    assert problem.contest_date == "2017-08-29T15:05:00"
    assert read_row(tmp_path, codeforces(generated_checker=None))[1].checker.type == "default"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("interaction_format", "print, then flush", "interactive problems are not supported"),
        ("input_mode", "file", "not supported; supported: stdio"),
        ("official_tests", [], "empty: the problem has no tests"),
    ],
)
def test_open_r1_codeforces_refusals(tmp_path: Path, field: str, value: object, reason: str) -> None:
    error = bad_row(tmp_path, codeforces(**{field: value}))
    assert (error.field, error.reason) == (field, reason)


def test_verl(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, VERL)
    assert (problem.problem_id, problem.statement, len(problem.tests)) == ("taco/train/3", "Add.", 2)
    calls = json.dumps({"fn_name": "add", "inputs": ["1\n2"], "outputs": ["3"]})
    _, problem, _ = read_row(tmp_path, VERL | {"reward_model": {"ground_truth": calls}})
    assert (problem.entry_point, problem.tests[0].input, problem.tests[0].output) == ("add", "[1, 2]", "3")
    error = bad_row(tmp_path, VERL | {"reward_model": {"style": "rule", "ground_truth": "42"}})
    assert (error.field, error.value) == ("reward_model.ground_truth", "42")


def test_verifiable_coding_problems(tmp_path: Path) -> None:
    _, problem, programs = read_row(tmp_path, VERIFIABLE)
    assert (problem.problem_id, problem.tests[0].output) == ("vcp_1", "3\n")
    assert programs[0].code == "print(3)"
    tests = [{"type": "function_call", "fn_name": "f", "input": [1], "output": 2}]
    error = bad_row(tmp_path, VERIFIABLE | {"verification_info": {"language": "rust", "test_cases": tests}})
    assert (error.field, error.value) == ("verification_info.language", '"rust"')


def test_deepcoder(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, DEEPCODER)
    assert problem.problem_id == "rows/1"
    tests = [{"input": "[1]", "output": "2", "testtype": "functional", "metadata": {"func_name": "twice"}}]
    _, problem, _ = read_row(tmp_path, {"problem": "class Solution: ...", "tests": tests})
    assert (problem.entry_point, problem.entry_class) == ("twice", "Solution")
    _, problem, _ = read_row(tmp_path, {"problem": "x", "tests": {"functional": "assert f() == 1"}})
    assert (problem.mode, problem.tests[0].code) == ("assert", "assert f() == 1")


def passes(problem: Problem, code: str | None) -> bool:
    space: dict[str, Any] = {}
    exec(problem.prelude + (code or ""), space)
    try:
        for test in problem.tests:
            exec(test.code or "", space)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("row", [HUMANEVAL, MBPP, evalplus()], ids=["humaneval", "mbpp", "evalplus"])
def test_assertions_accept_the_reference_and_nothing_else(tmp_path: Path, row: dict[str, Any]) -> None:
    _, problem, programs = read_row(tmp_path, row)
    assert (problem.mode, problem.checker.type) == ("assert", "assert")
    assert passes(problem, programs[0].code)
    name = problem.entry_point or "add"
    assert not passes(problem, f"def {name}(*_):\n    return 77")


def test_humaneval_keeps_what_comes_before_the_function(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, HUMANEVAL)
    assert problem.prelude == "from typing import List\n\n"
    assert (problem.statement, problem.starter_code) == (HUMANEVAL["prompt"], HUMANEVAL["prompt"])


# ------------------------------------------------------------------------------------------------------ tests as modules


def test_kodcode(tmp_path: Path) -> None:
    _, problem, programs = read_row(tmp_path, KODCODE)
    assert [test.function for test in problem.tests] == ["test_a", "test_b"]
    assert {test.code for test in problem.tests} == {KODCODE["test"]}
    assert (problem.problem_id, problem.mode, problem.checker.type) == ("Prefill_1_I", "assert", "assert")
    assert (problem.starter_code, problem.difficulty) == ("def add(a, b):\n", "easy")
    assert [(program.code, program.accept) for program in programs] == [(KODCODE["solution"], True)]


def test_functions_that_may_need_each_other_are_one_test(tmp_path: Path) -> None:
    shared = "from solution import Stack\nstack = Stack()\n\ndef test_a():\n    stack.push(1)\n\ndef test_b():\n    assert stack.pop() == 1\n"
    _, problem, _ = read_row(tmp_path, KODCODE | {"test": shared})
    assert [(test.code, test.function) for test in problem.tests] == [(shared, None)]


@pytest.mark.parametrize("form", ["bigcodebench", "humaneval"])
def test_bigcodebench(tmp_path: Path, form: str) -> None:
    row = dict(BIGCODEBENCH)
    if form == "humaneval":  # as it is passed on elsewhere
        row["prompt"] = row.pop("complete_prompt")
    name, problem, programs = read_row(tmp_path, row)
    assert name == form
    assert [test.function for test in problem.tests] == ["TestCases.test_a", "TestCases.test_b"]
    assert (problem.entry_point, problem.prelude) == ("task_func", "import math\nPI = 3\n\n")
    assert programs[0].code.endswith("return PI * r * r\n") and programs[0].accept


def test_acecode(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, ACECODE)
    assert [test.code for test in problem.tests] == ACECODE["test_cases"]
    assert (problem.problem_id, problem.source, problem.mode) == ("oss_1", "oss", "assert")
    assert bad_row(tmp_path, ACECODE | {"test_cases": []}).field == "test_cases"


def test_assertions_in_verification_info(tmp_path: Path) -> None:
    info = {"language": "python", "test_cases": ["assert add(1, 2) == 3"]}
    _, problem, _ = read_row(tmp_path, VERIFIABLE | {"verification_info": info})
    assert (problem.mode, [test.code for test in problem.tests]) == ("assert", ["assert add(1, 2) == 3"])


def test_pytest_in_rows_of_verl(tmp_path: Path) -> None:
    truth = {"style": "rule", "ground_truth": json.dumps({"pytest": KODCODE["test"]})}
    _, problem, _ = read_row(tmp_path, VERL | {"reward_model": truth})
    assert (problem.mode, [test.function for test in problem.tests]) == ("assert", ["test_a", "test_b"])


def test_test_functions_in_other_languages(tmp_path: Path) -> None:
    assert read_row(tmp_path, AUTOCODEBENCH)[1].tests[0].code == AUTOCODEBENCH["full_test_func"]
    assert bad_row(tmp_path, AUTOCODEBENCH | {"language": "java"}).reason.startswith("its tests are java, not Python")
    assert read_row(tmp_path, AUTOEVAL)[1].tests[0].code == "assert add(1, 2) == 3"
    error = bad_row(tmp_path, AUTOEVAL | {"labels": {"programming_language": "go"}})
    assert error.reason.startswith("its tests are go, not Python")


def test_mbpp(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, MBPP)
    assert [test.group for test in problem.tests] == ["base", "base", "challenge"]
    assert problem.problem_id == "Mbpp/902"
    _, problem, _ = read_row(tmp_path, MBPP | {"test": "assert add(1, 1) == 2", "test_imports": ["import math"]})
    assert [test.code for test in problem.tests] == ["assert add(1, 1) == 2"]
    assert problem.prelude == "import math\n"


def test_mbpp_sets_up_with_what_the_program_defines(tmp_path: Path) -> None:
    code = "class Node:\n    def __init__(self, v): self.v = v\ndef value(n): return n.v\ndef other(n): return n"
    setup = {"test_setup_code": "root = Node(3)", "test_list": ["assert value(root) == 3"], "challenge_test_list": []}
    _, problem, programs = read_row(tmp_path, MBPP | setup | {"code": code})
    assert (problem.prelude, problem.entry_point) == ("", "value")
    assert passes(problem, programs[0].code)


@pytest.mark.parametrize(
    ("code", "test", "name"),
    [
        ("def sum(a, b): return a + b", "assert sum(2, 3) == 5", "sum"),
        ("def same(a): return a", "assert set(same((1, 2))) == set((1, 2))", "same"),
        ("class Pair: ...\ndef chain(a): return 1", "assert chain([Pair(1, 2)]) == 1", "chain"),
        ("def help(a): return a\ndef f(a): return help(a)", "assert f(1) == 1", "f"),
        ("f = abs", "assert f(1) == 1", None),
    ],
)
def test_mbpp_tells_the_entry_point_by_the_reference(tmp_path: Path, code: str, test: str, name: str | None) -> None:
    _, problem, _ = read_row(tmp_path, MBPP | {"code": code, "test_list": [test], "challenge_test_list": []})
    assert problem.entry_point == name


def test_tasks_that_ask_much_of_right_programs_may_use_more(tmp_path: Path) -> None:
    usual = Limits()
    row = HUMANEVAL | {"task_id": "HumanEval/130"}
    for each in (row, evalplus(task_id="HumanEval/15")):
        assert read_row(tmp_path, each)[1].limits.output == 16 * usual.output
    assert read_row(tmp_path, HUMANEVAL)[1].limits == usual
    assert read_row(tmp_path, evalplus(task_id="Mbpp/599"))[1].limits.cpu_time == 60
    assert read_row(tmp_path, MBPP | {"task_id": 599, "test": "assert add(1, 1) == 2"})[1].limits.cpu_time == 60
    assert read_row(tmp_path, MBPP | {"task_id": 599})[1].limits == usual
    much = ["Dog", "Cat", "CatBird", "Bird", "Fish"], 77
    error = bad_row(tmp_path, evalplus(task_id="Mbpp/255", plus_input=[much]))
    assert error.field == "plus_input"
    assert "right programs return 1.6 million tuples" in error.reason
    assert bad_row(tmp_path, MBPP | {"task_id": 255, "test": f"assert add(*{[*much]}) == 2"}).field == "test"
    read_row(tmp_path, MBPP | {"task_id": 255, "test": "assert add(1, 1) == 2"})
    test = "def check(candidate):\n    assert _poly(*candidate(*inp), inp) <= 0.0001\n"
    assert bad_row(tmp_path, HUMANEVAL | {"task_id": "HumanEval/32", "test": test}).field == "test"


@pytest.mark.parametrize(
    ("number", "inputs", "reference", "right", "wrong"),
    [
        (2, [[[3, 4], [4]]], "def f(a, b):\n    return (*a, type(b))", "[tuple, *a[::-1]]", "[*a]"),
        (7, [["ab cd"]], "def f(a):\n    return a.split()", "a.split()[::-1]", "a.split()[1:]"),
        (295, [[6]], "def f(a):\n    return 6", "0", "1"),
        (252, [["(3+4j)"]], "def f(a):\n    return abs(a)", "5.0 + 1e-9", "5.1"),
        (580, [[[1, [2, [3]]]]], "def f(a):\n    return a", "(1, (2, (3,)))", "[1, [2, [3]]]"),
    ],
)
def test_evalplus_rules_of_mbpp(
    tmp_path: Path, number: int, inputs: list[Any], reference: str, right: str, wrong: str
) -> None:
    task = {"task_id": f"Mbpp/{number}", "prompt": '"""Do."""', "entry_point": "f", "canonical_solution": reference}
    _, problem, _ = read_row(tmp_path, evalplus(base_input=inputs, plus_input=[], **task))
    for answer, accepted in ((right, True), (wrong, False)):
        assert passes(problem, f"def f(a, *rest):\n    return {answer}") is accepted


@pytest.mark.parametrize(
    ("answer", "accepted"), [("m", True), ("m is not None", True), ("m and 1", True), ("m is None", False)]
)
def test_evalplus_takes_whether_there_is_a_match_for_the_match(tmp_path: Path, answer: str, accepted: bool) -> None:
    code = "import re\ndef check_str(a):\n    return re.search('b+', a)"
    task = {"task_id": "Mbpp/737", "prompt": '"""Do."""', "entry_point": "check_str", "canonical_solution": code}
    _, problem, _ = read_row(tmp_path, evalplus(base_input=[["abc"], ["a"]], plus_input=[], **task))
    assert passes(problem, f"import re\ndef check_str(a):\n    m = re.search('b+', a)\n    return {answer}") is accepted


def test_evalplus_files_hold_infinities(tmp_path: Path) -> None:
    _, problem, programs = read_row(tmp_path, evalplus(plus_input=[[float("inf")]]))
    assert len(problem.tests) == 2
    assert passes(problem, programs[0].code)


# --------------------------------------------------------------------------------------------------------------- faults


SEEN = '["asserts"]'
NAMELESS = {"inputs": [[1]], "outputs": [1], "fn_name": "a b"}


@pytest.mark.parametrize(
    ("row", "field", "reason", "value"),
    [
        (lcb(public_test_cases="[{]"), "public_test_cases", "JSON is malformed: ", None),
        (lcb(public_test_cases='[{"input": 1}]'), "public_test_cases[0].input", "Expected str, got int", None),
        (lcb(private_test_cases="xyz"), "private_test_cases", "neither JSON nor base64 of zlib: ", '"xyz"'),
        (functional(metadata="{}"), "metadata.func_name", "missing, but the tests are functional", None),
        (
            lcb(public_test_cases="[]", private_test_cases=""),
            "private_test_cases",
            "empty, as public_test_cases: ",
            None,
        ),
        (lcb(question_id=None), "question_id", "expected ", "null"),
        (apps(input_output=""), "input_output", "empty: the problem has no tests", None),
        (apps(input_output="{'a'"), "input_output", "neither JSON nor a Python literal: ", "\"{'a'\""),
        (apps(input_output={"inputs": ["1"]}), "input_output.outputs", "missing", None),
        (apps(input_output={"inputs": ["1"], "outputs": []}), "input_output", "1 inputs, but 0 outputs", None),
        (apps(input_output={"inputs": [], "outputs": []}), "input_output", "empty: the problem has no tests", None),
        (apps(input_output={"inputs": [{}], "outputs": [""]}), "input_output.inputs[0]", "neither text nor a ", "{}"),
        (apps(input_output=NAMELESS), "input_output.fn_name", "no name of a function", '"a b"'),
        (apps(solutions="[1]"), "solutions", "not a list of programs", '"[1]"'),
        (contests(public_tests={"input": ["1"], "output": []}), "public_tests", "1 inputs, but 0 outputs", None),
        (contests(input_file="input.txt"), "input_file", "not supported: programs read standard ", '"input.txt"'),
        (contests(time_limit={"seconds": 9999}), "time_limit", "expected float <= 3600.0", '{"seconds": 9999}'),
        (evalplus(entry_point="a.b"), "entry_point", "no name of a function", '"a.b"'),
        (evalplus(base_input=[1]), "base_input[0]", "expected array, got int", "1"),
        (VERL | {"reward_model": {}}, "reward_model.ground_truth", "missing", None),
        (VERL | {"reward_model": "{}"}, "reward_model.ground_truth", "missing", None),
        (VERL | {"reward_model": "[1]"}, "reward_model", "not an object", '"[1]"'),
        (VERL | {"reward_model": {"ground_truth": {"asserts": []}}}, "reward_model.ground_truth", "holds no ", SEEN),
        (DEEPCODER | {"tests": [{"input": "1"}]}, "tests[0].output", "missing", None),
        (MBPP | {"test_list": []} | {"challenge_test_list": []}, "test_list", "empty: the problem has no tests", None),
    ],
)
def test_faults_name_field_reason_and_value(
    tmp_path: Path, row: dict[str, Any], field: str, reason: str, value: str | None
) -> None:
    error = bad_row(tmp_path, row)
    assert (error.field, error.value) == (field, value)
    assert error.reason.startswith(reason)
    assert str(error).startswith(f"{tmp_path / 'rows.jsonl'}:1: {field}: ")


# --------------------------------------------------------------------------------------------------------------- files


def test_json_may_be_an_array_one_row_or_rows_one_after_the_other(tmp_path: Path) -> None:
    rows = [OURS | {"problem_id": name, "x": '"}]{[\\'} for name in "abc"]
    texts = {
        "array": json.dumps(rows),
        "lines": "\n".join(map(json.dumps, rows)),
        "pretty": "".join(json.dumps(row, indent=1) for row in rows),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.json").write_text(text)
        found = [example.problem.problem_id for _, example in Rows([tmp_path / f"{name}.json"]).examples()]
        assert found == ["a", "b", "c"], name


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
def test_json_is_split_wherever_it_is_cut(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    import io

    monkeypatch.setattr("microcoder.evaluator.datasets.values.CHUNK", chunk)
    rows = [{"a": '\\"{[', "b": [1, {"c": "]}"}]}, {}, {"é": "ü\\\\"}]
    texts = list(objects(io.BytesIO(json.dumps(rows, ensure_ascii=False).encode())))
    assert [json.loads(text) for text in texts] == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "not an object, nor an array of objects"),
        ('[{"problem_id": "a"', "not JSON: Input data was truncated"),
        ("", "holds no JSON object"),
        (json.dumps([OURS])[:-1], "the array does not end"),
        ('"text"', "not an object, nor an array of objects"),
    ],
)
def test_json_that_is_no_rows(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rows.json").write_text(text)
    with pytest.raises(InputError, match=message):
        list(Rows([tmp_path / "rows.json"]))


def test_a_row_may_not_unpack_to_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    for module in ("lines", "values"):
        monkeypatch.setattr(f"microcoder.evaluator.datasets.{module}.ROW", 1 << 20)
    for name in ("rows.jsonl.gz", "rows.json.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b'{"a": "' + b"x" * (4 << 20)))
        with pytest.raises(InputError, match=r"the row after 0 has more than"):
            list(Rows([tmp_path / name]))


def test_parquet_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match=r"rows.parquet: cannot be read after row 0: "):
        list(Rows([tmp_path / "rows.parquet"]))


def test_a_pointer_is_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(InputError, match="git lfs pull"):
        list(Rows([tmp_path / "rows.jsonl"]))


def test_the_directories_of_apps(tmp_path: Path) -> None:
    for name in ("0000", "0001"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "question.txt").write_text("Add.")
        (folder / "input_output.json").write_text(json.dumps(STDIO))
        (folder / "solutions.json").write_text(json.dumps(["print(3)"]))
        (folder / "metadata.json").write_text(json.dumps({"difficulty": "interview", "url": "https://x"}))
    pairs = list(Rows([tmp_path]))
    assert [problem.problem_id for problem, _ in pairs] == ["0000", "0001"]
    assert pairs[0][0].source == "https://x"


def test_the_hub_needs_its_library_and_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="must be hf:owner/name"):
        Rows([Path("hf:nothing")])
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(InputError, match=r"need the library datasets: pip install 'microcoder\[datasets\]'"):
        Rows([Path("hf:owner/name:test")])


# -------------------------------------------------------------------------------------------------- programs apart


def separate(tmp_path: Path, row: dict[str, Any], *programs: dict[str, Any]) -> list[Submission]:
    problems = write(tmp_path / "problems.jsonl", row)
    return [program for _, program in Rows([problems], [write(tmp_path / "programs.jsonl", *programs)])]


def test_programs_extracted_from_completions(tmp_path: Path) -> None:
    chat = [{"role": "assistant", "content": "```python\nprint(2)\n```"}]
    programs = separate(
        tmp_path,
        OURS,
        {"problem_id": "ours", "completion": "Sure.\n```python\nprint(1)\n```", "name": "a", "accept": True},
        {"problem_id": "ours", "completion": chat},
        {"problem_id": "ours", "completion": "I cannot."},
    )
    assert [(p.code, p.found, p.name, p.accept) for p in programs] == [
        ("print(1)", "tagged", "a", True),
        ("print(2)", "tagged", None, None),
        (None, "nothing", None, None),
    ]


def test_samples_of_other_evaluators(tmp_path: Path) -> None:
    assert [p.code for p in separate(tmp_path, lcb(), {"question_id": "abc999_a", "code_list": ["x", "y"]})] == [
        "x",
        "y",
    ]
    task = {"task_id": HUMANEVAL["task_id"]}
    bodies = [
        {"completion": "    return x[0]\n"},
        {"solution": "def first(x): pass"},
        {"completion": "def first(x):\n    return 1"},
    ]
    programs = separate(tmp_path, HUMANEVAL, *(task | body for body in bodies))
    assert [program.code for program in programs] == [
        HUMANEVAL["prompt"] + "    return x[0]",
        "def first(x): pass",
        "def first(x):\n    return 1",
    ]


def test_completions_in_a_problem_row(tmp_path: Path) -> None:
    row = OURS | {"submissions": [{"completion": "```\nprint(1)\n```"}, {"completion": 5}]}
    rows = Rows([write(tmp_path / "rows.jsonl", row)], skip_bad=True)
    assert [(program.code, program.found) for _, program in rows] == [("print(1)", "untagged")]
    assert rows.bad[0].field == "submissions[1].completion"


def test_a_long_python_literal_is_read_as_a_short_one() -> None:
    value = {"inputs": [(1, -2.5, None, True, 1j), {"é", "😀", "\ud800"}, b"\0"], "long": "x" * SHORT}
    assert parse(repr(value), "tests") == value
    for wrong in (f"['{'x' * SHORT}'", f"[f('{'x' * SHORT}')]", "[" * 2 * SHORT, "[{[]: 1}]"):
        with pytest.raises(Unusable, match="neither JSON nor a Python literal"):
            parse(wrong, "tests")
