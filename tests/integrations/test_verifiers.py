"""verifiers' own code scores a trace, and, with a release that has rubrics, a rollout."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microcoder.evaluator.integrations import NoVerdict
from microcoder.evaluator.integrations.verifiers import code_reward, rubric_reward

from ..serve.conftest import Server
from .conftest import NONE, PEERS, RIGHT, TRUTH, WRONG, text

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(400)]  # importing takes long
SAID = {RIGHT: 1.0, WRONG: 0.0, NONE: 0.0}
NAMES = {name: f"microcoder.evaluator.integrations.verifiers:{name}" for name in ("code_reward", "tests_passed")}


@pytest.fixture
def score(framework: Callable[[str], Any]) -> Callable[..., Any]:
    """A trace with this reply, after verifiers scored it with our functions plugged by name."""
    if getattr(framework("verifiers"), "Rubric", None) is not None:
        pytest.skip("this release of verifiers has rubrics instead of tasks")
    vf = framework("verifiers.v1")

    class Data(vf.TaskData):
        ground_truth: Any

    class Task(vf.Task[Data]):
        pass

    config = vf.TaskConfig(
        rewards={"accepted": {"fn": NAMES["code_reward"]}}, metrics={"passed": {"fn": NAMES["tests_passed"]}}
    )

    async def scored(said: str, truth: Any) -> Any:
        task = Task(Data(prompt="Add.", ground_truth=truth), config)
        message = vf.MessageNode(message=vf.AssistantMessage(content=said), sampled=True)
        agent = vf.AgentInfo(config=vf.AgentConfig(runtime=vf.SubprocessConfig()))
        trace = vf.Trace(task=vf.TraceTask(type="Task", data=task.data), agent=agent, nodes=[message])
        try:
            await task.score(trace)
        except vf.TaskError as error:
            trace.record_error(error)
        return trace

    return scored


async def test_a_trace_gets_the_verdict(score: Callable[..., Any], serving: Server) -> None:
    for said, reward in SAID.items():
        trace = await score(said, TRUTH)
        assert (trace.rewards["accepted"].value, trace.metrics["passed"]) == (reward, reward)


async def test_without_a_verdict_a_trace_has_an_error_and_no_reward(score: Callable[..., Any], serving: Server) -> None:
    trace = await score(RIGHT, "{")
    assert trace.rewards["accepted"] is None
    assert "neither JSON nor" in trace.last_error.message


async def test_a_rubric_gets_the_verdict_and_never_makes_up_one(
    framework: Callable[[str], Any], serving: Server
) -> None:
    pytest.importorskip("verifiers")
    vf = framework("verifiers")
    if getattr(vf, "Rubric", None) is None:
        pytest.skip("this release of verifiers has no rubrics; the next test runs it with another")
    rubric = vf.Rubric(funcs=[rubric_reward])
    cases = [({"answer": text(TRUTH)}, said, reward) for said, reward in SAID.items()]
    cases += [({"info": {"ground_truth": TRUTH}}, RIGHT, 1.0), ({"answer": "{"}, RIGHT, math.nan)]
    for columns, said, reward in cases:
        messages = {
            "prompt": [{"role": "user", "content": "Add."}],
            "completion": [{"role": "assistant", "content": said}],
        }
        state = vf.State(input={"answer": "", "info": {}, "example_id": 0, "task": "code"} | columns | messages)
        state |= messages | {"trajectory": [], "timing": {"scoring_ms": 0.0, "total_ms": 0.0}}
        await rubric.score_rollout(state)
        assert state["reward"] == pytest.approx(reward, nan_ok=True)
        assert isinstance(state.get("error"), vf.InfraError) is math.isnan(reward)


RUBRICS = Path(sys.prefix, "rubrics")
"""An older release; tools/setup.sh installs it with the set peers."""


@pytest.mark.skipif(not RUBRICS.exists(), reason=f"a release of verifiers that has rubrics: {PEERS}")
def test_the_release_that_has_rubrics() -> None:
    test = f"{__file__}::{test_a_rubric_gets_the_verdict_and_never_makes_up_one.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", test],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(RUBRICS), os.environ.get("PYTHONPATH"))))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


class Data:
    prompt = "Add."

    def __init__(self, hidden: Any) -> None:
        self.hidden = hidden


class Trace:
    last_reply = RIGHT


async def test_the_field_of_the_truth_may_be_named(serving: Server) -> None:
    assert await code_reward(Data(TRUTH), Trace(), column="hidden", server=serving.address) == 1.0
    with pytest.raises(ValueError, match="needs a column verification_info or"):
        await code_reward(Data(TRUTH), Trace())
    with pytest.raises(NoVerdict):
        await code_reward(Data("{"), Trace(), column="hidden")
