"""TRL's own code calls the reward functions. docs/integrations.md says which script trains with them."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from microcoder.evaluator.integrations import Judge
from microcoder.evaluator.integrations.trl import code_reward, code_reward_sync, reward_function

from ..serve.conftest import Server
from .conftest import NONE, RIGHT, VERIFICATION, WRONG

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(400)]  # importing takes long
SAID = [RIGHT, WRONG, NONE, RIGHT]


@pytest.fixture
def calculate(framework: Callable[[str], Any]) -> Iterator[Callable[..., Any]]:
    """``GRPOTrainer._calculate_rewards`` with what it looks at of a trainer."""
    torch = framework("torch")
    trainer: Any = framework("trl.trainer.grpo_trainer").GRPOTrainer
    framework("accelerate").PartialState()  # TRL's logger wants to know its rank
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(functions: list[Any], truths: list[Any], said: list[Any]) -> Any:
        made = SimpleNamespace(
            accelerator=SimpleNamespace(device=torch.device("cpu"), is_main_process=True),
            args=SimpleNamespace(report_to=[]),
            reward_funcs=functions,
            reward_processing_classes=[None] * len(functions),
            reward_func_names=[each.__name__ for each in functions],
            state=SimpleNamespace(global_step=1),
            environments=None,
            async_loop=loop,
            _pending_extra_logs=defaultdict(list),
            _pending_metrics=defaultdict(list),
        )
        made._log_completion_extra = lambda *given: trainer._log_completion_extra(made, *given)
        made._log_metric = lambda *given: trainer._log_metric(made, *given)
        inputs = [{"prompt": "Add.", "verification_info": truth, "difficulty": 1} for truth in truths]
        made.rewards = trainer._calculate_rewards(made, inputs, ["Add."] * len(said), said, [[1]] * len(said)).tolist()
        return made

    yield run
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize("form", ["text", "messages"])
def test_rewards_of_sync_and_async_functions(calculate: Callable[..., Any], serving: Server, form: str) -> None:
    said = SAID if form == "text" else [[{"role": "assistant", "content": each}] for each in SAID]
    made = calculate([code_reward, code_reward_sync], [VERIFICATION] * 4, said)
    assert made.rewards == [[1, 1], [0, 0], [0, 0], [1, 1]]
    assert made._pending_extra_logs["status"][:4] == ["accepted", "wrong_answer", "no_code", "accepted"]
    assert made._pending_metrics["code/accepted"] == [0.5, 0.5]


def test_without_a_verdict_there_is_no_reward(calculate: Callable[..., Any], judge: Judge) -> None:
    with Judge("http://127.0.0.1:9", deadline=0.3) as nowhere:
        functions = [reward_function(judge=nowhere), reward_function(judge=judge, asynchronous=False, name="here")]
        made = calculate(functions, [VERIFICATION, "{"], [RIGHT, RIGHT])
    assert all(math.isnan(row[0]) for row in made.rewards)
    assert made.rewards[0][1] == 1 and math.isnan(made.rewards[1][1])
    assert made._pending_metrics["code/no_verdict"] == [0.5, 1.0]


def test_a_data_set_without_ground_truth_is_told(judge: Judge) -> None:
    with pytest.raises(ValueError, match="needs a column tests; it has solution"):
        reward_function(judge=judge, asynchronous=False, column="tests")(["p"], ["c"], solution=["s"])
