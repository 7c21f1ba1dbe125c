"""Rows of predictions, and the values in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microcoder.evaluator import Checker, Problem, TestCase
from microcoder.evaluator.answer import value_of
from microcoder.evaluator.compare import comparison_for
from microcoder.evaluator.datasets import InputError, Rows
from microcoder.evaluator.integrations import Judge

from .judging import DOUBLE, inputs
from .test_datasets import CRUXEVAL, LCB_EXECUTION, LCB_TEST_OUTPUT, bad_row, read, read_row, write


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=8,
    )
)
def test_what_python_writes_is_read(value: object) -> None:
    assert value_of(repr(value)) == value
    assert value_of(f"assert f({value!r}) == {value!r}") == value


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"tests": (TestCase("f(1)", "x"),)},
            "tests[0].output: no value of Python: no constant, for it has the name x",
        ),
        ({"tests": (TestCase("f(1)", ""),)}, "tests[0].output: no value of Python: it is empty"),
        ({"checker": Checker(type="strict")}, "checker.type: strict does not go with mode output_prediction"),
        ({"checker": Checker(flags="case_sensitive")}, "checker.type: default does not go with mode output_prediction"),
    ],
)
def test_problems_that_make_no_sense(fields: dict[str, Any], words: str) -> None:
    problem = Problem(**({"problem_id": "o", "mode": "output_prediction", "tests": (TestCase("f", "1"),)} | fields))
    with pytest.raises(ValueError, match=re.escape(words)):
        comparison_for(problem)


def test_rewards() -> None:
    truths: list[Any] = [CRUXEVAL, json.dumps(CRUXEVAL), LCB_EXECUTION, LCB_TEST_OUTPUT, inputs(DOUBLE, "[2, 4]")]
    right = ["[2, 4]", "```python\nassert f([1, 2]) == [2, 4]\n```", "4", "assert isIn(['a', 'b'], 'a') == True"]
    right.append("[ANSWER]f([1, 2])[/ANSWER]")
    with Judge(workers=1) as judge:
        judged = judge.judge_all_now(zip(right, truths, strict=True))
        assert [each.reward for each in judged] == [1.0] * 5
        judged = judge.judge_all_now([("f([1, 2])", truth) for truth in truths])
        assert [each.reward for each in judged] == [0.0] * 4 + [1.0]


def test_cruxeval(tmp_path: Path) -> None:
    _, problem, programs = read_row(tmp_path, CRUXEVAL)
    assert (problem.problem_id, problem.mode) == ("sample_7", "output_prediction")
    assert problem.tests == (TestCase("f([1, 2])", "[2, 4]"),)
    assert [(program.code, program.accept) for program in programs] == [("[2, 4]", True)]
    assert "assert f([1, 2]) == ??\n" in str(problem.statement)
    form, problem, programs = read(write(tmp_path / "rows.jsonl", CRUXEVAL), format="cruxeval-i")
    assert (form, problem.mode, problem.entry_point) == ("cruxeval-i", "input_prediction", "f")
    assert (problem.prelude, problem.tests) == (CRUXEVAL["code"], (TestCase("[1, 2]", "[2, 4]"),))
    assert [(program.code, program.accept) for program in programs] == [("f([1, 2])", True)]
    assert "assert f(??) == [2, 4]\n" in str(problem.statement)
    error = bad_row(tmp_path, CRUXEVAL | {"output": "f(2)"})
    assert (error.field, error.reason) == ("tests[0].output", "no value of Python: no constant, for it has a call of f")


def test_livecodebench(tmp_path: Path) -> None:
    _, problem, _ = read_row(tmp_path, LCB_EXECUTION)
    assert (problem.problem_id, problem.tests) == ("sample_3", (TestCase("span(xs = [1, 5, 2])", "4"),))
    assert (problem.difficulty, problem.contest_date) == ("easy", "2023-05-06T00:00:00")
    _, problem, _ = read_row(tmp_path, LCB_TEST_OUTPUT)
    assert (problem.problem_id, problem.tests) == ("3001/1", (TestCase('isIn(["a", "b"], "a")', "True"),))
    assert "Is the text in the list?" in str(problem.statement) and "def isIn(self" in str(problem.statement)
    test = {"input": "1", "output": '{"a": [null, 1.50, NaN, "it\'s"]}', "testtype": "functional"}
    _, problem, _ = read_row(tmp_path, LCB_TEST_OUTPUT | {"test": json.dumps([test])})
    assert problem.tests[0].output == "{'a': [None, 1.5, float('nan'), \"it's\"]}"
    error = bad_row(tmp_path, LCB_TEST_OUTPUT | {"test": json.dumps([test | {"output": "True"}])})
    assert (error.field, error.value) == ("test[0].output", '"True"')
    assert bad_row(tmp_path, LCB_TEST_OUTPUT | {"test": json.dumps([test, test])}).field == "test"


def test_rows_of_our_own(tmp_path: Path) -> None:
    row = {"problem_id": "o", "mode": "output_prediction", "tests": [{"output": "4"}]}
    assert read_row(tmp_path, row)[1].tests[0].input == ""
    error = bad_row(tmp_path, row | {"tests": [{"output": "4"}] * 2})
    assert (error.field, error.reason.split(",")[0]) == ("tests", "2 of them")
    assert bad_row(tmp_path, row | {"tests": [{"input": "f(3)"}]}).field == "tests[0].output"
    error = bad_row(tmp_path, row | {"mode": "input_prediction"})
    assert (error.field, error.reason) == ("entry_point", "required when mode is input_prediction")


def test_programs_may_call_problems_as_others_do(tmp_path: Path) -> None:
    rows = [LCB_EXECUTION, LCB_EXECUTION | {"id": "sample_4", "problem_id": 9, "output": "5"}]
    file = write(tmp_path / "rows.jsonl", *rows, LCB_EXECUTION | {"id": "sample_5", "problem_id": 9})
    named = [{"problem_id": "3", "code": "4"}, {"id": "sample_4", "problem_id": 9, "pred_list": ["5", "6"]}]
    pairs = [
        (problem.problem_id, program.code) for problem, program in Rows([file], [write(tmp_path / "s.jsonl", *named)])
    ]
    assert pairs == [("sample_3", "4"), ("sample_4", "5"), ("sample_4", "6")]
    with pytest.raises(InputError, match="no such problem"):
        list(Rows([file], [write(tmp_path / "s.jsonl", {"problem_id": "9", "code": "5"})]))


def test_several_tests_of_a_question(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", LCB_TEST_OUTPUT, LCB_TEST_OUTPUT | {"test_id": 2})
    answers = [{"question_id": "3001", "test_id": n, "pred_list": [f"assert isIn() == {n}"]} for n in (2, 1)]
    pairs = list(Rows([file], [write(tmp_path / "s.jsonl", *answers)]))
    assert [problem.problem_id for problem, _ in pairs] == ["3001/2", "3001/1"]
