"""verl's own code loads and calls compute_score and the reward manager."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microcoder.evaluator.integrations import NoVerdict
from microcoder.evaluator.integrations.verl import compute_score, compute_scores

from ..serve.conftest import Server
from .conftest import NONE, RIGHT, TRUTH, WRONG, text
from .test_options import CASES, NOTHING, Case

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(400)]  # importing takes long
SAID = {RIGHT: 1.0, WRONG: 0.0, NONE: 0.0}
EXAMPLE = Path(__file__).parents[2] / "examples/integrations/verl_reward.py"


async def test_every_answer_has_the_same_keys(serving: Server) -> None:
    batch = [*SAID] * 2
    answers = await compute_scores(["taco"] * 6, batch, [text(TRUTH)] * 6, [None] * 6)
    assert [answer["score"] for answer in answers] == [*SAID.values()] * 2
    with pytest.raises(NoVerdict, match="neither JSON nor"):
        await compute_score("taco", RIGHT, "{")
    failed = await compute_score("taco", RIGHT, "{", failures="nan")
    assert math.isnan(failed["score"])  # type: ignore[arg-type]
    assert {tuple(answer) for answer in (*answers, failed)} == {tuple(failed)}


class Tokenizer:
    """Tokens are characters."""

    def decode(self, tokens: Any, **_: Any) -> str:
        return "".join(map(chr, tokens.tolist()))


@pytest.fixture
def run(framework: Callable[[str], Any]) -> Callable[..., Any]:
    """A reward manager as verl makes it from these options, on one sample."""
    framework("verl")
    torch, reward = framework("torch"), framework("verl.trainer.ppo.reward")
    proto, conf = framework("verl").DataProto, framework("omegaconf").OmegaConf

    async def ran(options: dict[str, Any], said: str, truth: Any = TRUTH) -> dict[str, Any]:
        made = conf.create({"reward": {"reward_manager": {"source": "register", "name": "naive"}} | options})
        manager = reward.load_reward_manager(made, Tokenizer())
        responses = torch.tensor([[*map(ord, said), 0, 0]])
        mask = torch.tensor([[1, 1] + [1] * len(said) + [0, 0]])
        data = proto.from_dict(
            tensors={"prompts": torch.ones(1, 2, dtype=torch.long), "responses": responses, "attention_mask": mask},
            non_tensors={
                "data_source": ["codecontests"],
                "reward_model": [{"style": "rule", "ground_truth": text(truth)}],
                "extra_info": [{"index": 0, "hidden": text(TRUTH)}],
            },
        )
        return await manager.run_single(data)

    return ran


@pytest.mark.parametrize("path", ["pkg://microcoder.evaluator.integrations.verl", str(EXAMPLE)], ids=["pkg", "file"])
async def test_verl_loads_the_function_and_its_manager_awaits_it(
    serving: Server, run: Callable[..., Any], path: str
) -> None:
    function = {"path": path, "name": "compute_score", "reward_kwargs": {"server": serving.address}}
    for said, score in SAID.items():
        answer = await run({"custom_reward_function": function}, said)
        assert answer["reward_score"] == answer["reward_extra_info"]["acc"] == score


async def test_verl_loads_our_manager(serving: Server, run: Callable[..., Any]) -> None:
    module = {"path": "pkg://microcoder.evaluator.integrations.verl_manager"}
    options = {
        "reward_manager": {"source": "importlib", "name": "MicrocoderRewardManager", "module": module},
        "reward_kwargs": {"server": serving.address},
    }
    for said, score in SAID.items():
        answer = await run(options, said)
        assert answer["reward_score"] == score
        assert set(answer["reward_extra_info"]) == {"score", "acc", "tests_passed", "no_code", "status"}


def managed(serving: Server, **more: Any) -> dict[str, Any]:
    module = {"path": "pkg://microcoder.evaluator.integrations.verl_manager"}
    manager = {"source": "importlib", "name": "MicrocoderRewardManager", "module": module}
    return {"reward_manager": manager, "reward_kwargs": {"server": serving.address} | more}


@pytest.mark.parametrize("field", CASES)
async def test_our_manager_takes_every_option(serving: Server, run: Callable[..., Any], field: str) -> None:
    case: Case = CASES[field]
    options = managed(serving, failures="nan", **{field: case.value})
    if case.seen["reward"] == NOTHING:  # that takes three tries
        options = managed(serving, **{field: case.value})
        with pytest.raises(NoVerdict):
            await run(options, case.said, case.truth)
        return
    answer = await run(options, case.said, case.truth)
    assert answer["reward_score"] == pytest.approx(case.seen["reward"])
    passed = answer["reward_extra_info"]["tests_passed"]
    assert passed == pytest.approx(case.seen.get("passed", passed))


async def test_our_manager_refuses_what_it_does_not_know(serving: Server, run: Callable[..., Any]) -> None:
    assert (await run(managed(serving, column="hidden"), RIGHT, "{"))["reward_score"] == 1.0
    for wrong in ({"starts_in_thnk": True}, {"failures": "none"}, {"preset": "no such"}, {"deadline": "1"}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            await run(managed(serving, **wrong), RIGHT)


async def test_verl_gives_no_argument_that_is_taken_for_an_option(framework: Callable[[str], Any]) -> None:
    """Every call of a reward function in the managers that await it, by the names of its arguments."""
    folder = Path(framework("verl").__file__).parent / "experimental/reward_loop/reward_manager"
    named: set[str | None] = set()
    for file in folder.glob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("compute_score"):
                named |= {keyword.arg for keyword in node.keywords}
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "extra_reward_kwargs":
                named |= {
                    key.value for key in ast.walk(node) if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
    parameters = inspect.signature(compute_score).parameters.values()
    ours = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}
    assert named - {None} == ours
