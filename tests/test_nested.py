"""Rows of trainers and their data sets: tests nested, renamed, encoded twice; and data sets that are refused by name."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest

from microcoder.evaluator import Evaluator, Problem
from microcoder.evaluator.cli import main
from microcoder.evaluator.datasets import InputError, Rows
from microcoder.evaluator.integrations.truth import problem_of
from microcoder.evaluator.options import RewardOptions
from microcoder.sandbox.limits import MIB, Limits

from .test_datasets import (
    BIGCODEBENCH,
    COMMON_OJ,
    DEEPCODER,
    HUMANEVAL,
    HUMANEVAL_X,
    INTELLECT,
    KODCODE,
    LIVEBENCH,
    MBPP,
    NEMO_GYM,
    OPEN_INSTRUCT,
    STDIO,
    VERIFIABLE,
    VERL,
    apps,
    bad_row,
    codeforces,
    evalplus,
    lcb,
    packed,
    read_row,
    write,
)

CASES = Path(__file__).resolve().parent.parent.parent / "shared/cases/formats"
PAIR = [("1 2\n", "3\n"), ("2 2\n", "4\n")]
OBJECTS = [{"input": given, "output": wanted} for given, wanted in PAIR]
ASSERTS = ["assert add(1, 2) == 3"]


def pairs(problem: Problem) -> list[tuple[str, str]]:
    return [(test.input, test.output) for test in problem.tests]


@pytest.mark.parametrize(
    "truth",
    [
        STDIO,
        json.dumps(json.dumps(STDIO)),
        json.dumps(json.dumps(json.dumps(STDIO))),
        {name: json.dumps(values) for name, values in STDIO.items()},
        {"stdin": STDIO["inputs"], "stdout": STDIO["outputs"]},
        {"input": STDIO["inputs"], "output": STDIO["outputs"], "inputs": None, "outputs": []},
        {f"test_case_{name}": [json.dumps(each) for each in values] for name, values in STDIO.items()},
        OBJECTS,
        [json.dumps(each) for each in OBJECTS],
        [json.dumps(OBJECTS)],
        {"test_cases": json.dumps(OBJECTS)},
        [{"input": given, "expected_output": wanted} for given, wanted in PAIR],
        [{"input": {"stdin": given}, "output": {"stdout": wanted}} for given, wanted in PAIR],
        packed(STDIO),
    ],
)
def test_forms_of_tests_on_standard_input(tmp_path: Path, truth: object) -> None:
    problem = read_row(tmp_path, VERL | {"reward_model": {"ground_truth": truth}})[1]
    assert (problem.mode, pairs(problem)) == ("stdio", PAIR)
    assert pairs(problem_of(truth)) == PAIR


def test_tests_are_not_nested_without_end(tmp_path: Path) -> None:
    truth: object = STDIO
    for _ in range(300):
        truth = {"test_cases": truth}
    error = bad_row(tmp_path, VERL | {"reward_model": {"ground_truth": truth}})
    assert (error.field, error.reason) == ("reward_model.ground_truth.test_cases", "not a list")


def test_one_test_in_an_object(tmp_path: Path) -> None:
    assert pairs(read_row(tmp_path, DEEPCODER | {"tests": OBJECTS[0]})[1]) == PAIR[:1]
    assert bad_row(tmp_path, DEEPCODER | {"tests": {"input": "1 2\n"}}).field == "tests.output"


@pytest.mark.parametrize("named", [{"fn_name": "f"}, {"metadata": {"func_name": "f"}}])
def test_where_the_name_of_a_function_stands(tmp_path: Path, named: dict[str, Any]) -> None:
    truth = {"inputs": [[1]], "outputs": [2]} | named
    problem = read_row(tmp_path, VERL | {"reward_model": {"ground_truth": truth}})[1]
    assert (problem.mode, problem.entry_point, pairs(problem)) == ("call", "f", [("[1]", "2")])


def test_skyrl(tmp_path: Path) -> None:
    row = {name: value for name, value in VERL.items() if name != "reward_model"}
    form, problem, _ = read_row(
        tmp_path, row | {"reward_spec": {"method": "rule", "ground_truth": json.dumps(OBJECTS)}}
    )
    assert (form, problem.problem_id, pairs(problem)) == ("verl", "taco/train/3", PAIR)
    assert bad_row(tmp_path, row | {"reward_spec": {"method": "rule"}}).field == "reward_spec.ground_truth"


def test_skywork(tmp_path: Path) -> None:
    truth = {
        "entry_point": "Solution().add",
        "import_prefix": "from typing import *\nclass ListNode: ...\n",
        "test_code": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
    }
    problem = read_row(tmp_path, VERL | {"reward_model": {"ground_truth": json.dumps(truth)}})[1]
    assert problem.tests[0].code == truth["test_code"] + "\n\ncheck(Solution().add)\n"
    assert problem.prelude.endswith("class ListNode: ...\n\n")
    assert problem.prelude.count("class ListNode") == 1
    error = bad_row(tmp_path, VERL | {"reward_model": {"ground_truth": {"question_id": "abc1"}}})
    assert error.field == "reward_model.ground_truth.question_id"
    assert "judge the files of LiveCodeBench" in error.reason


def test_what_verl_puts_before_a_program(tmp_path: Path) -> None:
    row = {"reward_model": {"ground_truth": ASSERTS}, "extra_info": {"prefix": "ONE = 1"}}
    assert "\nONE = 1\n" in read_row(tmp_path, VERL | row)[1].prelude


def test_intellect(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, INTELLECT)
    assert (problem.problem_id, problem.statement, problem.source) == ("rows/1", "Add.", "taco")
    assert pairs(problem) == PAIR
    tests = {f"test_case_{name}": [json.dumps(each) for each in values] for name, values in STDIO.items()}
    info = {"verification_info": tests | {"fn_name": None, "timeout": 20}, "subset": "i3-code"}
    prompt = [{"role": "user", "content": "Add."}]
    _, problem, programs = read_row(tmp_path, {"prompt": prompt, "answer": "```python\nprint(3)\n```", "info": info})
    assert (problem.time_limit, problem.source, pairs(problem)) == (20, "i3-code", PAIR)
    assert [program.code for program in programs] == ["print(3)"]
    assert bad_row(tmp_path, INTELLECT | {"info": {"difficulty": 1}}).field == "info.tests"


def test_nemo_gym(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, NEMO_GYM)
    assert (problem.statement, problem.source, pairs(problem)) == ("Add.", "codeforces", PAIR)
    task = {
        "task_id": "BigCodeBench/9",
        "test": "assert f() == 1",
        "entry_point": "f",
        "code_prompt": "X = 1\ndef f():\n",
    }
    _, problem, _ = read_row(tmp_path, NEMO_GYM | {"verifier_metadata": task})
    assert (problem.problem_id, problem.mode, problem.prelude) == ("BigCodeBench/9", "assert", "X = 1\n")
    error = bad_row(tmp_path, NEMO_GYM | {"verifier_metadata": {"task_id": "HumanEval/0"}})
    assert error.reason.startswith("missing: the tests lie in the environment")


@pytest.mark.parametrize(
    ("fields", "tests"),
    [
        ({}, OPEN_INSTRUCT["ground_truth"]),
        ({"dataset": ["code"], "ground_truth": [json.dumps(ASSERTS)]}, ASSERTS),
        ({"dataset": ["math", "code"], "ground_truth": ["4", json.dumps(ASSERTS)]}, ASSERTS),
        ({"dataset": None, "ground_truth": ASSERTS, "prompt": "Add."}, ASSERTS),
    ],
)
def test_open_instruct(tmp_path: Path, fields: dict[str, Any], tests: list[str]) -> None:
    _, problem, _ = read_row(tmp_path, OPEN_INSTRUCT | fields)
    assert (problem.mode, problem.statement, [test.code for test in problem.tests]) == ("assert", "Add.", tests)


def test_open_instruct_of_other_kinds(tmp_path: Path) -> None:
    row = OPEN_INSTRUCT | {"dataset": "code_stdio", "ground_truth": json.dumps(OBJECTS)}
    assert pairs(read_row(tmp_path, row)[1]) == PAIR
    error = bad_row(tmp_path, OPEN_INSTRUCT | {"dataset": "math", "ground_truth": "4"})
    assert (error.field, error.value) == ("dataset", '"math"')
    listed = base64.b64encode(zlib.compress(pickle.dumps(ASSERTS))).decode()
    error = bad_row(tmp_path, OPEN_INSTRUCT | {"ground_truth": listed})
    assert error.reason.startswith("not a pickle of text: it has the instruction")
    dolci = {"id": "d1", "prompt": "Add.", "solution": "add = sum", "ground_truth": ASSERTS}
    _, problem, programs = read_row(tmp_path, dolci)
    assert (problem.problem_id, [(each.code, each.accept) for each in programs]) == ("d1", [("add = sum", True)])
    tests = [{"input": "1\n2", "output": "3", "testtype": "functional", "metadata": {"func_name": "add"}}]
    rllm = {"uid": "u1", "question": "Add.", "ground_truth": json.dumps(tests), "metadata": '{"func_name": "add"}'}
    _, problem, _ = read_row(tmp_path, rllm)
    assert (problem.problem_id, problem.entry_point, pairs(problem)) == ("u1", "add", [("[1, 2]", "3")])


def test_rlvr_problems(tmp_path: Path) -> None:
    tests = {"input": STDIO["inputs"], "output": STDIO["outputs"]}
    row = {"problem": "Add.", "tests": tests, "time_limit": 2, "memory_limit": 256, "fn_name": "", "starter_code": ""}
    _, problem, _ = read_row(tmp_path, row)
    assert (problem.time_limit, problem.limits.memory, pairs(problem)) == (2.0, 256 << 20, PAIR)
    for said, memory in ((256 << 20, 256 << 20), ("64.0 megabytes", 64 << 20), (None, 1 << 30)):
        assert read_row(tmp_path, row | {"memory_limit": said})[1].limits.memory == memory
    calls = {"tests": {"input": [[1]], "output": [2]}, "fn_name": "f"}
    assert read_row(tmp_path, row | calls)[1].entry_point == "f"


def test_areal_boba(tmp_path: Path) -> None:
    row = {"task": "code", "query_id": "q-1", "prompt": "Add.", "input_output": json.dumps(STDIO), "language": "PYTHON"}
    _, problem, programs = read_row(tmp_path, row | {"solutions": ["print(3)"]})
    assert (problem.problem_id, problem.statement, programs[0].language) == ("q-1", "Add.", "python")
    assert read_row(tmp_path, row | {"language": "C++", "solutions": ["int"]})[2][0].language == "cpp"
    calls = json.dumps({"inputs": [[1]], "outputs": [2], "fn_name": "f"})
    error = bad_row(tmp_path, row | {"language": "JAVA", "input_output": calls})
    assert (error.field, error.value) == ("language", '"JAVA"')


def test_x_coder(tmp_path: Path) -> None:
    row = {"prompter_type": "leetcode", "input_output": json.dumps(json.dumps({"test_cases": ASSERTS}))}
    assert [test.code for test in read_row(tmp_path, row)[1].tests] == ASSERTS


def test_programs_in_other_languages(tmp_path: Path) -> None:
    info = {"language": "cpp", "test_cases": OBJECTS}
    _, problem, programs = read_row(tmp_path, VERIFIABLE | {"verification_info": json.dumps(info)})
    assert (pairs(problem), programs[0].language) == (PAIR, "cpp")
    error = bad_row(tmp_path, {"task_type": "math", "prompt": "1 + 1?", "verification_info": '{"ground_truth": "2"}'})
    assert (error.field, error.value) == ("task_type", '"math"')


def test_common_oj(tmp_path: Path) -> None:
    encoded = {name: json.dumps(COMMON_OJ[name]) for name in ("labels", "test", "canonical_solution")}
    for row in (COMMON_OJ, COMMON_OJ | encoded):
        form, problem, programs = read_row(tmp_path, row)
        assert (form, problem.problem_id, problem.difficulty) == ("sandbox-fusion", "oj_1", "easy")
        assert pairs(problem) == PAIR[:1]
        assert [(each.language, each.accept) for each in programs] == [("python", True), ("cpp", True)]
    files = [{"input": {"stdin": "", "data.txt": "1"}, "output": {"stdout": "3"}}]
    error = bad_row(tmp_path, COMMON_OJ | {"test": files})
    assert (error.field, error.value) == ("test[0].input", '["data.txt"]')
    assert bad_row(tmp_path, COMMON_OJ | {"labels": {"problem_format": "Testlib"}}).field == "labels.problem_format"


def test_functions_of_sandbox_fusion(tmp_path: Path) -> None:
    prompt = "def add(a, b):\n    '''Add.'''\n"
    test = "def check(candidate):\n    assert candidate(1, 2) == 3\n"
    row = {
        "id": 3,
        "content": prompt,
        "labels": '{"entry_point": "add"}',
        "test": test,
        "canonical_solution": "    return a + b\n",
    }
    _, problem, programs = read_row(tmp_path, row)
    assert (problem.problem_id, problem.entry_point) == ("3", "add")
    assert programs[0].code == prompt + row["canonical_solution"]
    mhpp = {"id": 1, "content": prompt, "labels": '{"difficulty_type": "Distraction"}', "test": ASSERTS[0]}
    assert [test.code for test in read_row(tmp_path, mhpp)[1].tests] == ASSERTS
    assert bad_row(tmp_path, mhpp | {"labels": '{"language": "cpp"}'}).field == "labels.language"


def test_mbpp_of_sandbox_fusion(tmp_path: Path) -> None:
    row = {"id": 11, "content": "Add.", "labels": {"challenge_test_list": ASSERTS}, "test_list": ASSERTS}
    _, problem, programs = read_row(tmp_path, row | {"canonical_solution": "def add(a, b): return a + b"})
    assert (problem.problem_id, problem.entry_point, len(programs)) == ("11", "add", 1)
    assert [test.group for test in problem.tests] == ["base", "challenge"]


async def rewards(evaluator: Evaluator, folder: Path, row: dict[str, Any], *programs: dict[str, Any]) -> list[float]:
    """Of programs for a row, from files as other people have them."""
    files = write(folder / "rows.jsonl", row), write(folder / "programs.jsonl", *programs)
    reports = [await evaluator.evaluate(*pair) for pair in Rows(files[:1], files[1:])]
    return [report.reward if report.reward is not None else pytest.fail(str(report)) for report in reports]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    "test",
    [
        "assert total('data/numbers.txt') == 6",
        "def test_total():\n    assert str(total('data/numbers.txt')) == open('sum.txt').read()\n",
    ],
)
async def test_files_beside_a_test_of_sandbox_fusion(evaluator: Evaluator, tmp_path: Path, test: str) -> None:
    asset = {"data/numbers.txt": base64.b64encode(b"1 2 3\n").decode(), "sum.txt": base64.b64encode(b"6").decode()}
    row = {"id": "a", "content": "Add.", "labels": {"programming_language": "python"}}
    right = "def total(name):\n    return sum(map(int, open(name).read().split()))"
    programs = [{"problem_id": "a", "code": code} for code in (right, right.replace("sum", "max"))]
    for each in (asset, json.dumps(asset)):
        assert await rewards(evaluator, tmp_path, row | {"test": {"code": test, "asset": each}}, *programs) == [1, 0]


@pytest.mark.parametrize(
    ("asset", "reason"),
    [
        (["a"], "not an object of files in base64"),
        ({"a": 1}, "not an object of files in base64"),
        ({"a": "é"}, "not base64"),
        ({"a/../../b": "MQ=="}, "not a plain relative name"),
        ({"a": "MQ==", "a/b": "MQ=="}, "cannot be a file and the folder of"),
        ({"a": "A" * (12 << 20)}, "files of 9437184 bytes, more than 8388608"),
    ],
)
def test_files_that_cannot_lie_beside_a_test(tmp_path: Path, asset: Any, reason: str) -> None:
    row = {
        "content": "Add.",
        "labels": {"programming_language": "python"},
        "test": {"code": ASSERTS[0], "asset": asset},
    }
    error = bad_row(tmp_path, row)
    assert error.field == "test.asset"
    assert reason in error.reason


@pytest.mark.asyncio(loop_scope="session")
async def test_a_program_between_two_parts_of_a_test(evaluator: Evaluator, tmp_path: Path) -> None:
    code = "class Node:\n    pass\n#<INSERT>\nassert make().value == 3\n"
    row = {"id": "a", "content": "Make.", "labels": {}, "test": {"code": code}}
    right = "def make():\n    node = Node()\n    node.value = 3\n    return node"
    programs = [{"problem_id": "a", "code": text} for text in (right, right.replace("3", "4"))]
    assert await rewards(evaluator, tmp_path, row, *programs) == [1, 0]
    within = row | {"test": {"code": "code = [#<INSERT>\n]"}}
    assert bad_row(tmp_path, within).reason == "a program within other code is not supported"


@pytest.mark.asyncio(loop_scope="session")
async def test_completions_go_on_from_a_partial_solution(evaluator: Evaluator, tmp_path: Path) -> None:
    begun = "def read():\n    return map(int, input().split())\n\ndef main():\n    a, b = read()"
    row = LIVEBENCH | {"partial_solution": begun, "solution": f"{begun}\n    print(a + b)\n\nmain()"}
    rest = "    print(a + b)\n\nmain()"
    completions = [
        f"The rest:\n```python\n{rest}\n```",
        f"```python\n{begun}\n{rest}\n```",
        f"```python\n{rest.replace('+', '-')}\n```",
        "I do not know.",
    ]
    programs = [{"question_id": "lb_1", "completion": each} for each in completions]
    assert await rewards(evaluator, tmp_path, row, *programs) == [1, 1, 0, 0]
    [(problem, reference)] = Rows([tmp_path / "rows.jsonl"])
    assert (await evaluator.evaluate(problem, reference)).accepted
    raw = Rows([tmp_path / "rows.jsonl"], [write(tmp_path / "raw.jsonl", *programs)], options=RewardOptions(form="raw"))
    assert [str(program.code).count("def main") for _, program in raw] == [1, 2, 1, 1]


def test_a_task_of_bigcodebench_may_call_its_prompt_so(tmp_path: Path) -> None:
    renamed = {"prompt" if name == "complete_prompt" else name: value for name, value in BIGCODEBENCH.items()}
    file = write(tmp_path / "rows.jsonl", renamed)
    [(form, example)] = Rows([file]).examples()
    assert (form.name, example.form) == ("humaneval", "bigcodebench")
    assert example.problem.tests == read_row(tmp_path, BIGCODEBENCH)[1].tests
    assert main(["inspect", str(write(file, renamed)), "--json", str(tmp_path / "told.json"), "-q"]) in (0, 1)
    assert json.loads((tmp_path / "told.json").read_bytes())["formats"] == {"bigcodebench": 1}


def test_the_memory_limit_of_taco(tmp_path: Path) -> None:
    """Where the units are said, they count: CodeChef says of programs how long they may be."""
    usual = Limits().memory
    for value, limit in (
        *(
            (each, 256 * MIB)
            for each in ("256.0 megabytes", "256 MB", "262144 KiB", "0.25 GB", "268435456 bytes", "256")
        ),
        *((each, usual) for each in (None, "0", "50000 bytes", "0.5 MB", "none")),
    ):
        assert read_row(tmp_path, apps(memory_limit=value))[1].limits.memory == limit, value


@pytest.mark.parametrize(("value", "limit"), [("2.0 seconds", 2.0), ("500 ms", 0.5), ("1500 milliseconds", 1.5)])
def test_the_time_limit_of_taco(tmp_path: Path, value: str, limit: float) -> None:
    assert read_row(tmp_path, apps(time_limit=value))[1].time_limit == limit


def test_solutions_may_be_encoded_twice(tmp_path: Path) -> None:
    row = apps(solutions=json.dumps(json.dumps(["print(3)"])))
    assert [each.code for each in read_row(tmp_path, row)[2]] == ["print(3)"]


@pytest.mark.parametrize(
    ("row", "slips", "name"),
    [
        (apps(), {"language": None, "date": 20191231}, None),
        (VERIFIABLE, {"problem_id": 7}, "7"),
        (lcb(private_test_cases="[]"), {"private_test_cases": None, "metadata": None}, None),
        (LIVEBENCH, {"original_json": json.dumps(LIVEBENCH["original_json"])}, None),
        (MBPP, {"test_list": json.dumps(MBPP["test_list"]), "test_imports": "[]"}, None),
        (evalplus(), {"base_input": json.dumps(evalplus()["base_input"]), "atol": None}, None),
        (codeforces(), {"time_limit": "3.5", "official_tests": json.dumps(codeforces()["official_tests"])}, None),
        (NEMO_GYM, {"responses_create_params": None, "difficulty": 5}, None),
    ],
)
def test_slips_of_those_who_pass_rows_on(
    tmp_path: Path, row: dict[str, Any], slips: dict[str, Any], name: str | None
) -> None:
    """null for what may be missing, numbers as text and names as numbers, JSON for what it says."""
    usual, problem = read_row(tmp_path, row)[1], read_row(tmp_path, row | slips)[1]
    assert problem.tests == usual.tests
    assert problem.problem_id == (name or usual.problem_id)
    assert problem.time_limit == (float(slips["time_limit"]) if "time_limit" in slips else usual.time_limit)


@pytest.mark.parametrize(
    ("slips", "field", "reason"),
    [
        ({"time_limit": "soon"}, "time_limit", "expected float | null, got str"),
        ({"time_limit": True}, "time_limit", "expected float | null, got bool"),
        ({"id": None}, "id", "expected str, got null"),
        ({"official_tests": "3"}, "official_tests", "expected array | null, got str"),
        ({"title": 3, "official_tests": '[{"input": "1"}]'}, "official_tests[0].output", "missing"),
    ],
)
def test_what_is_no_slip(tmp_path: Path, slips: dict[str, Any], field: str, reason: str) -> None:
    error = bad_row(tmp_path, codeforces() | slips)
    assert (error.field, error.reason) == (field, reason)


MODULE = "from solution import add\n\ndef test_one():\n    assert add(1, 2) == 3\n\ndef test_two():\n    assert add(2, 2) == 4\n"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("truth", "tests"),
    [
        (MODULE, 2),
        (json.dumps(MODULE), 2),
        ("assert add(1, 2) == 3\nassert add(2, 2) == 4\n", 1),
        ("def check(f):\n    assert f(1, 2) == 3\n\ncheck(add)\n", 1),
        ({"functional": "def check(f):\n    assert f(1, 2) == 3\n\n\ncheck(add)"}, 1),
        ({"assert_case": "assert add(1, 2) == 3"}, 1),
    ],
)
async def test_source_as_the_ground_truth(evaluator: Evaluator, tmp_path: Path, truth: Any, tests: int) -> None:
    """As rLLM has it for KodCode and HumanEval+. ``add`` is a function of Python's library, too."""
    row = VERL | {"reward_model": {"ground_truth": truth}}
    problem = read_row(tmp_path, row)[1]
    assert (problem.mode, len(problem.tests)) == ("assert", tests)
    assert problem_of(truth).tests == problem.tests
    programs = (
        {"problem_id": problem.problem_id, "code": f"def add(a, b):\n    return {code}"} for code in ("a + b", "a")
    )
    assert await rewards(evaluator, tmp_path, row, *programs) == [1.0, 0.0]


def test_source_that_asks_nothing_is_no_ground_truth(tmp_path: Path) -> None:
    for truth in ("def check(f):\n    assert f(1) == 1\n", "print(1)", "add(1, 2)", ""):
        error = bad_row(tmp_path, VERL | {"reward_model": {"ground_truth": truth}})
        assert error.field == "reward_model.ground_truth"


@pytest.mark.parametrize(
    ("truth", "field", "reason"),
    [
        (["add(1, 2) == 3"], "[0]", "asserts nothing, and would accept every program"),
        (["assert add(1, 2) == 3", "assert candidate(1, 2) == 3"], "[1]", "calls candidate, which nobody defines"),
        (
            [{"type": "function_call", "fn_name": name, "input": [1], "output": 1} for name in ("up", "up", "down")],
            "[2].fn_name",
            "another function than that of the tests before it, up",
        ),
    ],
)
def test_tests_that_would_say_something_else(tmp_path: Path, truth: list[Any], field: str, reason: str) -> None:
    error = bad_row(tmp_path, VERL | {"reward_model": {"ground_truth": truth}})
    assert error.field == f"reward_model.ground_truth{field}"
    assert error.reason.startswith(reason)


@pytest.mark.parametrize("text", [json.dumps, repr, dict])
def test_kodcode_on_standard_input(tmp_path: Path, text: Any) -> None:
    test = text({"stdin": [given for given, _ in PAIR], "stdout": [wanted for _, wanted in PAIR]})
    form, problem, programs = read_row(tmp_path, KODCODE | {"test": test})
    assert (form, problem.mode, pairs(problem), len(programs)) == ("kodcode", "stdio", PAIR, 1)


def test_what_lists_of_assertions_of_mbpp_are_asked(tmp_path: Path) -> None:
    error = bad_row(tmp_path, MBPP | {"test_list": ["assert add(1, 2) == 3", "add(1, 2) == 3"]})
    assert (error.field, error.value) == ("test_list[1]", '"add(1, 2) == 3"')


def test_humaneval_with_assertions_instead_of_check(tmp_path: Path) -> None:
    test = "assert half(4) == 2\n"
    assert read_row(tmp_path, HUMANEVAL | {"test": test})[1].tests[0].code == test


def test_arguments_in_a_tuple(tmp_path: Path) -> None:
    truth = repr({"fn_name": "ends", "inputs": [([1, 5, 2],)], "outputs": [(1, 2)]})
    assert pairs(read_row(tmp_path, VERL | {"reward_model": {"ground_truth": truth}})[1]) == [("[[1, 5, 2]]", "[1, 2]")]


@pytest.mark.parametrize(("value", "language"), [("print(3)", "python"), ({"cpp": "int main() {}"}, "cpp")])
def test_a_solution_of_common_oj_as_it_is(tmp_path: Path, value: Any, language: str) -> None:
    programs = read_row(tmp_path, COMMON_OJ | {"canonical_solution": value})[2]
    assert [(each.language, each.accept) for each in programs] == [(language, True)]
    assert bad_row(tmp_path, COMMON_OJ | {"canonical_solution": [1]}).field == "canonical_solution"


def test_livebench(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, LIVEBENCH)
    assert (problem.problem_id, problem.title, problem.source) == ("lb_1", "Sum", "atcoder")
    assert [(test.input, test.group) for test in problem.tests] == [("1 2\n", "sample"), ("5 5\n", "secret")]
    task = {
        "question_id": "t",
        "turns": ["Do."],
        "code_prompt": "def f():\n",
        "entry_point": "f",
        "tests": "assert f() == 1",
    }
    assert read_row(tmp_path, task)[1].tests[0].code == task["tests"]


def test_humaneval_in_several_languages(tmp_path: Path) -> None:
    _, problem, programs = read_row(tmp_path, HUMANEVAL_X)
    assert (problem.entry_point, problem.tests[0].code) == ("first", HUMANEVAL_X["test"])
    assert [(each.name, each.accept) for each in programs] == [("canonical_solution", True), ("buggy_solution", False)]
    for language in ("CPP", "JavaScript", "Java", "Go", "Rust"):
        error = bad_row(tmp_path, HUMANEVAL_X | {"task_id": f"{language}/900"})
        assert (error.field, error.value) == ("task_id", f'"{language}/900"')
        assert error.reason.startswith(f"its tests are {language}, not Python")


def test_programs_may_name_a_problem_by_file_and_number(tmp_path: Path) -> None:
    problems = write(tmp_path / "boba.jsonl", apps(), apps(problem_id=8))
    programs = write(tmp_path / "programs.jsonl", *({"problem_id": name, "code": name} for name in ("8", "boba/1")))
    found = [(problem.problem_id, program.code) for problem, program in Rows([problems], [programs])]
    assert found == [("8", "8"), ("7", "boba/1")]


def test_files_with_the_same_name_number_no_problems(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files = [write(tmp_path / "a.jsonl", apps()), write(tmp_path / "other/a.jsonl", apps(problem_id=8))]
    programs = write(tmp_path / "programs.jsonl", {"problem_id": "a/1", "code": ""})
    with pytest.raises(InputError, match="no such problem"):
        list(Rows(files, [programs]))


# ------------------------------------------------------------------------------------------------------------ refused

REFUSED = {
    "MultiPL-E": ({"name": "x", "language": "lua", "prompt": "", "tests": "", "stop_tokens": []}, "language", '"lua"'),
    "DS-1000": ({"prompt": "", "reference_code": "", "code_context": "x"}, "code_context", '"x"'),
    "IOI of open-r1": (
        {"problem_name": "x", "subtask": "1", "test_names": ["1"], "problem_id": "x"},
        "test_names",
        '["1"]',
    ),
    "ioi-test-cases of open-r1": (
        {"problem_id": "x", "test_name": "1", "test_input": "", "test_output": ""},
        "test_name",
        '"1"',
    ),
    "competitive coding challenges of NeMo-Gym": (
        {"competition_id": "u", "problem_id": "x", "subtask_score": 1},
        "problem_id",
        '"x"',
    ),
    "LiveCodeBench-Pro": (
        {"problem_id": "2000A", "problem_title": "A", "problem_statement": "Add.", "platform": "codeforces"},
        "tests",
        None,
    ),
    "OpenCodeReasoning": ({"id": "a", "input": "", "output": "", "solution": "", "license": ""}, "tests", None),
    "OpenCodeReasoning-2": ({"question": "", "r1_generation": "", "dataset": "taco"}, "tests", None),
    "SciCode": ({"problem_id": "10", "problem_name": "x", "sub_steps": []}, "sub_steps", "[]"),
    "SWE-bench": ({"instance_id": "a", "base_commit": "b", "patch": "c"}, "instance_id", '"a"'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_data_sets_refused_by_name(tmp_path: Path, name: str) -> None:
    row, field, value = REFUSED[name]
    error = bad_row(tmp_path, row)
    assert (error.field, error.value) == (field, value)
    assert error.reason.startswith(f"{name}: ")
    assert str(error).startswith(f"{tmp_path / 'rows.jsonl'}:1: {field}: ")


# -------------------------------------------------------------------------------------------------------------- judged

JUDGED = (
    "acecode",
    "areal_boba",
    "autocodebench",
    "autoeval",
    "bigcodebench",
    "bigcodebench_prompt",
    "call_nodes",
    "code_r1",
    "code_r1_pytest",
    "common_oj",
    "deepcoder",
    "deepcoder_lcb",
    "eurus",
    "hardtests",
    "humanevalpack_python",
    "intellect2",
    "intellect3",
    "kodcode",
    "leetcode_functional_nodes",
    "leetcode_nodes",
    "livebench_coding",
    "mbpp_sanitized",
    "nemotron_gym",
    "rlvr_code",
    "rlvr_problems",
    "rstar_seed_testcase",
    "skyrl",
    "skywork",
    "skywork_assert",
    "synthetic1",
    "taco_verified",
    "verif_asserts",
)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", JUDGED)
async def test_the_cases(evaluator: Evaluator, name: str) -> None:
    if not CASES.is_dir():
        pytest.skip("no cases here")
    files = CASES / f"{name}.jsonl", CASES / f"{name}-subs.jsonl"
    found = [*Rows([files[0]], [files[1]]), *Rows([files[0]])]
    assert found
    for problem, program in found:
        report = await evaluator.evaluate(problem, program)
        assert report.reward == float(program.accept is True), (program, report)


@pytest.mark.parametrize(
    "name",
    [
        "synthetic_other",
        "humaneval_x",
        "humanevalpack_cpp",
        "humanevalpack_js",
        "multipl_e",
        "ds1000",
        "ioi",
        "ioi_tests",
        "lcb_pro",
        "open_code_reasoning",
    ],
)
def test_the_cases_refused(name: str) -> None:
    if not CASES.is_dir():
        pytest.skip("no cases here")
    with pytest.raises(InputError, match=rf"{name}\.jsonl:1: \w+: "):
        list(Rows([CASES / f"{name}.jsonl"]).examples())


# ----------------------------------------------------------------------------------------------- rows of ours as truth

OWN = {
    "problem_id": "sum",
    "tests": OBJECTS,
    "checker": {"type": "strict"},
    "limits": {"memory": "256MB"},
    "title": "Sum",
}


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (VERL | {"reward_model": {"style": "rule", "ground_truth": json.dumps(OWN)}}, "reward_model.ground_truth"),
        (INTELLECT | {"info": {"tests": OWN}}, "info.tests"),
        (INTELLECT | {"info": json.dumps({"tests": json.dumps(OWN)})}, "info.tests"),
        (OPEN_INSTRUCT | {"dataset": "code", "ground_truth": json.dumps(OWN)}, "ground_truth"),
        ({"prompt": "Add.", "ground_truth": OWN | {"prelude": None, "groups": None}}, "ground_truth"),
    ],
)
def test_a_row_of_ours_is_the_truth(tmp_path: Path, row: dict[str, Any], field: str) -> None:
    wanted = read_row(tmp_path, OWN)[1]
    assert read_row(tmp_path, row)[1] == wanted
    assert problem_of(json.dumps(OWN)) == wanted
    wrong = json.loads(json.dumps(row).replace("strict", "strct"))
    assert (bad_row(tmp_path, wrong).field, bad_row(tmp_path, wrong).value) == (f"{field}.checker.type", '"strct"')


def test_a_truth_that_no_encoding_takes(tmp_path: Path) -> None:
    truth = json.dumps(OWN | {"title": "\ud800"})
    error = bad_row(tmp_path, VERL | {"reward_model": {"ground_truth": truth}})
    assert (error.field, error.reason[:9]) == ("reward_model.ground_truth", "not JSON:")
