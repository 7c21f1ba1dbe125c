"""Completion and truth to reward, without any framework."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from microcoder.evaluator import Problem, TestCase
from microcoder.evaluator.integrations import Judge, NoVerdict, problem_of
from microcoder.evaluator.integrations.judge import text_of
from microcoder.evaluator.integrations.openrlhf import response_of
from microcoder.evaluator.integrations.truth import Truths

from .conftest import CALL, METHOD, NONE, RIGHT, TRUTH, VERIFICATION, WRONG

ROW = {"problem_id": "sum", "tests": [{"input": "1 2\n", "output": "3\n"}]}


@pytest.mark.parametrize(
    "truth",
    [
        TRUTH,
        json.dumps(TRUTH),
        repr(TRUTH),
        VERIFICATION,
        json.dumps(VERIFICATION),
        {"verification_info": VERIFICATION},
        {"reward_model": {"style": "rule", "ground_truth": json.dumps(TRUTH)}, "data_source": "taco"},
        {"input_output": json.dumps(TRUTH)},
        [{"input": "1 2\n", "output": "3\n"}],
        ROW,
        Problem(problem_id="sum", tests=(TestCase("1 2\n", "3\n"),)),
    ],
    ids=lambda truth: str(truth)[:30],
)
def test_every_form_of_truth_tells_right_from_wrong(judge: Judge, truth: Any) -> None:
    judged = judge.judge_all_now([(RIGHT, truth), (WRONG, truth), (NONE, truth)])
    assert [each.reward for each in judged] == [1.0, 0.0, 0.0]
    assert [each.status for each in judged] == ["accepted", "wrong_answer", "no_code"]


def test_a_method_is_found_where_the_truth_names_only_a_function(judge: Judge) -> None:
    function = "```python\nclass Solution: ...\ndef put(a, b):\n    return [*a, b]\n```"
    assert [judge.judge_now(each, CALL).reward for each in (METHOD, function)] == [1.0, 1.0]
    asserted = {"assert_case": ["assert plus(1, 2) == 3", "assert plus(0, 0) == 0"]}
    assert judge.judge_now("```\ndef plus(a, b):\n    return a + b\n```", asserted).reward == 1.0


def test_equal_truths_are_one_problem_and_memory_is_bounded() -> None:
    truths = Truths(most=1000)
    first = truths.problem(TRUTH)
    assert truths.problem(json.dumps(TRUTH)) is first
    for number in range(40):
        truths.problem({"inputs": [f"{number}"], "outputs": ["1"]})
    assert truths.problem(TRUTH) is not first
    assert truths.problem(TRUTH) == first


@pytest.mark.parametrize(
    ("truth", "field"),
    [
        ("{not json", "neither JSON nor a Python literal"),
        ("[]", "holds no tests"),
        (None, "holds no tests"),
        (17, "holds no tests"),
        (b"1", "bytes is not data"),
        ({"inputs": ["1"], "outputs": []}, "1 inputs, but 0 outputs"),
        ({"language": "cobol", "test_cases": [{"input": "1", "output": "1"}]}, "language"),
        ({"answer": "42"}, "of no known format"),
        (VERIFICATION | {"test_cases": [{"input": "1"}]}, "test_cases[0].output: missing"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_truth_that_cannot_be_used_names_its_field(judge: Judge, truth: Any, field: str) -> None:
    with pytest.raises(Exception, match="labels") as caught:
        problem_of(truth, field="labels")
    assert field in str(caught.value)
    judged = judge.judge_now(RIGHT, truth)
    assert judged.reward is None and field in (judged.failure or "")


async def test_no_server_is_none_or_an_exception_and_never_0() -> None:
    nowhere = "http://127.0.0.1:9"
    with Judge(nowhere, deadline=0.3) as judge:
        assert [each.reward for each in await judge.judge_all([(RIGHT, TRUTH), (WRONG, TRUTH)])] == [None, None]
    with Judge(nowhere, deadline=0.3, failures="raise") as judge, pytest.raises(NoVerdict, match="no verdict within"):
        await judge.judge_all([(RIGHT, TRUTH), (WRONG, TRUTH)])


async def test_any_number_of_event_loops_may_ask(judge: Judge) -> None:
    def on_a_loop_of_its_own() -> float | None:
        return asyncio.run(judge.judge(RIGHT, TRUTH)).reward

    rewards = await asyncio.gather(*(asyncio.to_thread(on_a_loop_of_its_own) for _ in range(4)))
    assert rewards == [1.0] * 4
    assert (await judge.judge(RIGHT, TRUTH)).reward == 1.0


def test_completions_are_text_or_messages() -> None:
    assert text_of("a") == text_of([{"role": "user", "content": "b"}, {"role": "assistant", "content": "a"}]) == "a"
    assert text_of([{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "image"}]}]) == "a"
    assert text_of([{"role": "assistant", "content": None}]) == ""
    with pytest.raises(TypeError, match="a completion is text or a list of messages"):
        text_of(3)


@pytest.mark.parametrize("end", ["", "<|im_end|>", "<|im_end|>\n<|endoftext|>", "</s></s>\n", "<｜end▁of▁sentence｜>"])
def test_the_response_is_the_query_without_prompt_and_special_tokens(end: str) -> None:
    prompt = "<|im_start|>user\nAdd.<|im_end|>\n<|im_start|>assistant\n"
    assert response_of(f"<s>{prompt}{RIGHT}{end}", prompt) == RIGHT.rstrip()
    assert response_of(f"{RIGHT}{end}", None) == response_of(f"{RIGHT}{end}", "another") == RIGHT.rstrip()
