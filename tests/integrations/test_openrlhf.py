"""OpenRLHF's own code: `SingleTurnAgentExecutor` asks the server, and loads the file; the model is scripted."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ..serve.conftest import Server
from .conftest import NONE, RIGHT, TRUTH, WRONG, text

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(400)]  # importing takes long
PROMPT = "<|im_start|>user\nAdd.<|im_end|>\n<|im_start|>assistant\n"
END = "<|im_end|>"
EXAMPLE = str(Path(__file__).parents[2] / "examples/integrations/openrlhf_reward.py")


def ask(server: Server, path: str, body: Any) -> tuple[int, Any]:
    with server.http() as http:
        answer = http.post(path, json=body)
    return answer.status_code, answer.json()


def test_batches_of_any_size(serving: Server) -> None:
    said = [RIGHT, WRONG, NONE]
    body = {"query": [PROMPT + each + END for each in said], "prompts": [PROMPT] * 3, "labels": [text(TRUTH)] * 3}
    status, answer = ask(serving, "/get_reward", body)
    assert status == 200
    assert answer == {
        "rewards": [1.0, 0.0, 0.0],
        "scores": [1.0, 0.0, 0.0],
        "extra_logs": {"tests_passed": [1.0, 0.0, 0.0]},
    }
    _, one = ask(serving, "/get_reward", {"query": RIGHT, "labels": text(TRUTH)})
    assert one["rewards"] == [1.0]
    for empty in ({"query": [], "prompts": [], "labels": []}, {"query": []}):
        assert ask(serving, "/get_reward", empty)[1]["rewards"] == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"query": [RIGHT]}, "$.labels"),
        ({"query": [RIGHT], "labels": [text(TRUTH)] * 2}, "$.labels"),
        ({"query": [RIGHT], "labels": ["{"]}, "$.labels[0]"),
        ({"query": [RIGHT], "labels": [{"inputs": ["1"]}]}, "$.labels[0].reward_model.ground_truth.outputs"),
        ({"query": [3], "labels": [text(TRUTH)]}, "$.query[0]"),
    ],
    ids=str,
)
def test_bad_requests_name_the_field(serving: Server, body: Any, path: str) -> None:
    status, answer = ask(serving, "/get_reward", body)
    assert (status, answer["error"]["path"]) == (400, path)


BROKEN = {
    "problem_id": "x",
    "tests": [{"input": "1 2", "output": "3"}],
    "checker": {"type": "python", "source": "def check(*_, **__):\n    raise ValueError\n"},
}
"""A problem that gives no verdict."""


def test_without_a_verdict_there_is_no_answer(serving: Server) -> None:
    for path, body in (
        ("/get_reward", {"query": [RIGHT], "labels": [BROKEN]}),
        ("/get_reward", {"query": [RIGHT, WRONG], "labels": [BROKEN, BROKEN]}),
        ("/remote_rm", {"response": RIGHT, "label": BROKEN}),
    ):
        status, answer = ask(serving, path, body)
        assert status == 503 and "checker_error" in answer["error"]["message"]


def test_a_program_without_verdict_costs_others_nothing(serving: Server) -> None:
    body = {"query": [RIGHT, RIGHT, WRONG], "labels": [text(TRUTH), BROKEN, text(TRUTH)]}
    for path in ("/get_reward", "/get_reward?no_verdict=nan"):
        status, answer = ask(serving, path, body)
        assert status == 200
        for rewards in (answer["rewards"], answer["scores"]):
            assert (rewards[0], rewards[2]) == (1.0, 0.0)
            assert math.isnan(rewards[1])
    status, answer = ask(serving, "/get_reward?no_verdict=refuse", body)
    assert status == 503 and "checker_error" in answer["error"]["message"]


def test_a_client_may_ask_for_nan(serving: Server) -> None:
    status, answer = ask(serving, "/get_reward?no_verdict=nan", {"query": [RIGHT], "labels": [BROKEN]})
    assert status == 200 and math.isnan(answer["rewards"][0])
    status, answer = ask(serving, "/remote_rm?no_verdict=nan", {"response": RIGHT, "label": BROKEN})
    assert status == 200 and math.isnan(answer)
    status, answer = ask(serving, "/remote_rm?no_verdict=0", {"response": RIGHT, "label": BROKEN})
    assert (status, answer["error"]["path"]) == (400, "no_verdict")


ODD_PROMPTS = [None, 1, {}, [], [None], [1], ["x"], [[]], [{}], [{"role": "user"}]] + [
    [{"role": "user", "content": content}] for content in (None, 1, [], [1], ["text"], [{"text": 1}], {"text": "x"})
]


@pytest.mark.parametrize("prompt", ODD_PROMPTS, ids=str)
def test_a_prompt_of_any_form_only_helps(serving: Server, prompt: Any) -> None:
    assert ask(serving, "/remote_rm", {"prompt": prompt, "response": RIGHT, "label": text(TRUTH)}) == (200, 1.0)


def test_slime(serving: Server) -> None:
    for said, reward in ((RIGHT + END, 1.0), (WRONG, 0.0), (NONE, 0.0)):
        for prompt in ("Add.", [{"role": "user", "content": "Add."}]):
            body = {"prompt": prompt, "response": said, "label": text(TRUTH)}
            assert ask(serving, "/remote_rm", body) == (200, reward)


@pytest.mark.parametrize("endpoint", ["/get_reward", EXAMPLE], ids=["url", "file"])
async def test_openrlhfs_executor(serving: Server, framework: Callable[[str], Any], endpoint: str) -> None:
    agent = framework("openrlhf.utils.agent")
    url = endpoint if endpoint.endswith(".py") else serving.address + endpoint
    executor = agent.SingleTurnAgentExecutor(url)
    for said, reward in ((RIGHT, 1.0), (WRONG, 0.0), (NONE, 0.0)):
        tokenizer = _Tokenizer()
        action = [*map(ord, said + END)]

        class Engine:
            async def generate(self, *_: Any, action: list[int] = action, **__: Any) -> Any:
                output = SimpleNamespace(token_ids=action, finish_reason="stop", logprobs=None)
                return SimpleNamespace(outputs=[output])

        sampling = SimpleNamespace(max_tokens=100, logprobs=None)
        output = await executor.execute(PROMPT, text(TRUTH), sampling, 1000, tokenizer, Engine())
        assert [float(output["reward"][0]), float(output["scores"][0])] == [reward, reward]
        assert "tests_passed" in output["extra_logs"]


class _Tokenizer:
    """Tokens are characters."""

    def __call__(self, text: str, **_: Any) -> dict[str, Any]:
        torch: Any = pytest.importorskip("torch")
        return {"input_ids": torch.tensor([[*map(ord, text)]])}

    def decode(self, tokens: Any, **_: Any) -> str:
        return "".join(map(chr, tokens))
