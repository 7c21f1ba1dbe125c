"""A task of verifiers (0.2 and later) whose reward is a verdict, on a trace that is made up.

microcoder-eval serve --port 8080
MICROCODER_SERVER=http://127.0.0.1:8080 python examples/integrations/verifiers_task.py
"""

import asyncio

import verifiers.v1 as vf

from microcoder.evaluator.integrations.verifiers import code_reward, tests_passed


class CodeData(vf.TaskData):
    ground_truth: dict


class CodeTask(vf.Task[CodeData]):
    @vf.reward
    async def accepted(self, trace: vf.Trace) -> float:
        return await code_reward(self.data, trace)

    @vf.metric
    async def passed(self, trace: vf.Trace) -> float:
        return await tests_passed(self.data, trace)


async def main() -> None:
    truth = {"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"]}
    task = CodeTask(CodeData(prompt="Read two integers and print their sum.", ground_truth=truth))
    for said in ("```python\nprint(sum(map(int, input().split())))\n```", "```python\nprint(3)\n```", "No idea."):
        message = vf.MessageNode(message=vf.AssistantMessage(content=said), sampled=True)
        about = vf.TraceTask(type="CodeTask", data=task.data)
        agent = vf.AgentInfo(config=vf.AgentConfig(runtime=vf.SubprocessConfig()))
        trace = vf.Trace(task=about, agent=agent, nodes=[message])
        await task.score(trace)
        print({name: reward.value for name, reward in trace.rewards.items()}, trace.metrics)


asyncio.run(main())
