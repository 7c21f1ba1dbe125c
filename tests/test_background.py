"""What has a thread of its own: in forked children, pickled, entered twice, used before and after."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
import subprocess
import sys

import pytest

from microcoder.evaluator import Evaluator, Problem, SyncEvaluator, TestCase
from microcoder.evaluator.integrations import trl
from microcoder.evaluator.integrations.judge import Judge

pytest.importorskip("aiohttp", reason="the client is of the extra serve")
from microcoder.evaluator.client import AsyncClient, Client

ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
SUM = Problem(problem_id="sum", tests=(TestCase("1 2\n", "3\n"),))
TRUTH = json.dumps({"inputs": ["1 2\n"], "outputs": ["3\n"]})

BEGIN = f"""
import asyncio, gc, os, sys, signal, json, multiprocessing
from microcoder.evaluator import Checker, Evaluator, Problem, SyncEvaluator, TestCase
from microcoder.evaluator.integrations import trl, verl
from microcoder.evaluator.integrations.judge import Judge, shared_judge
ADD, TRUTH = {ADD!r}, {TRUTH!r}
ANSWER = "```python\\n" + ADD + "```"
SUM = Problem(problem_id="sum", tests=(TestCase("1 2\\n", "3\\n"),))
os.environ.pop("MICROCODER_SERVER", None)

def both(use):
    '''Here, in a child, and here again.'''
    print(use(), flush=True)
    child = os.fork()
    if not child:
        signal.alarm(60)
        print(use(), flush=True)
        sys.exit(7)  # exit handlers run
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    print(use(), flush=True)
"""
USES = {
    "evaluator": "with SyncEvaluator(workers=1, cache=0) as e: both(lambda: e.evaluate(SUM, ADD).reward)",
    "shared judge": "both(lambda: shared_judge().judge_now(ANSWER, TRUTH).reward)",
    "trl": "f = trl.reward_function(asynchronous=False); both(lambda: f(['p'], [ANSWER], ground_truth=[TRUTH])[0])",
    "verl": "both(lambda: asyncio.run(verl.compute_score(None, ANSWER, TRUTH))['score'])",
}


def run(code: str) -> str:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", BEGIN + code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", USES)
def test_a_forked_child_has_its_own(name: str) -> None:
    assert run(USES[name]).split() == ["1.0", "1.0", "7", "1.0"]


def test_a_child_that_uses_nothing_leaves_that_of_its_parent_alone() -> None:
    code = "judge = shared_judge()\nboth(lambda: os.getpid() != parent or judge.judge_now(ANSWER, TRUTH).reward)"
    assert run(f"parent = os.getpid()\n{code}").split() == ["1.0", "True", "7", "1.0"]


def test_a_child_of_one_that_has_looked_up_an_address_ends_as_it_should() -> None:
    code = """
from microcoder.evaluator.client import Client
with Client("http://localhost:9", deadline=0.2) as client:
    print(client.reward(SUM, ADD))
    both(lambda: os.getpid() != parent or client.reward(SUM, ADD))
"""
    assert run(f"parent = os.getpid()\n{code}").split() == ["None", "None", "True", "7", "None"]


def test_what_lives_on_an_event_loop_says_so_in_a_child_and_leaves_that_of_its_parent_alone() -> None:
    code = """
from microcoder.evaluator import Evaluator
from microcoder.evaluator.client import AsyncClient
loop = asyncio.new_event_loop(); do = loop.run_until_complete
evaluator, nowhere = do(Evaluator(workers=1, cache=0).__aenter__()), AsyncClient("http://localhost:9", deadline=0.2)
def judge(): return do(evaluator.evaluate(SUM, ADD)).reward, do(nowhere.reward(SUM, ADD)), evaluator.restarts
print(judge(), flush=True)
child = os.fork()
if not child:
    for use in lambda: do(evaluator.evaluate(SUM, ADD)), lambda: do(nowhere.reward(SUM, ADD)):
        try: use()
        except RuntimeError as error: print("or before a fork" in str(error), flush=True)
    do(evaluator.__aexit__(None, None, None)); do(nowhere.__aexit__(None, None, None)); sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(judge())
do(evaluator.__aexit__(None, None, None)); do(nowhere.__aexit__(None, None, None)); loop.close()
"""
    assert run(code).splitlines() == ["(1.0, None, 0)", "True", "True", "7", "(1.0, None, 0)"]


def test_a_pool_of_forked_processes_has_rewards() -> None:
    code = """
f = trl.reward_function(asynchronous=False)
def reward(n): return f(['p'], [ANSWER.replace("a + b", f"a + b + {n}")], ground_truth=[TRUTH])[0]
print(reward(0))
with multiprocessing.get_context("fork").Pool(2) as pool: print(*pool.map(reward, range(4)))
"""
    assert run(code).split() == ["1.0", "1.0", "0.0", "0.0", "0.0"]


def test_an_evaluator_that_is_dropped_leaves_no_jail() -> None:
    code = """
import psutil, threading, time
def drop():
    e = SyncEvaluator(workers=2); e.__enter__(); print(e.evaluate(SUM, ADD).reward)
drop(); gc.collect()
until = time.monotonic() + 60
while (psutil.Process().children() or threading.active_count() > 1) and time.monotonic() < until: time.sleep(0.01)
print(psutil.Process().children(), threading.active_count())
"""
    assert run(code).split() == ["1.0", "[]", "1"]


DROP = """
import psutil, time, weakref
LARGE = Problem(problem_id="large", tests=(TestCase("", "x " * 20_000),))
CHECKED = Problem(problem_id="checked", tests=(TestCase("1 2\\n", "3\\n"),), checker=Checker(
    type="python", source="def check(input, output, expected): return output == expected"))
async def use():
    evaluator = await Evaluator(workers=2, cache=0).__aenter__()
    for problem, code in (SUM, ADD), (LARGE, "print('x ' * 20_000)"), (CHECKED, ADD):
        print((await evaluator.evaluate(problem, code)).status.value)
    return evaluator
def children(): return psutil.Process().children(recursive=True)
def descriptors(): return len(os.listdir("/proc/self/fd"))
"""


def test_an_evaluator_that_is_dropped_in_an_event_loop_leaves_nothing() -> None:
    code = """
async def main():
    await asyncio.sleep(0); before = descriptors()
    evaluator = await use(); print(len(children()) > 6)
    del evaluator; gc.collect()
    until = time.monotonic() + 60
    while (children() or descriptors() > before) and time.monotonic() < until: await asyncio.sleep(0.01)
    print(children(), descriptors() - before)
asyncio.run(main())
"""
    assert run(DROP + code).split() == ["accepted"] * 3 + ["True", "[]", "0"]


def test_an_evaluator_that_is_dropped_after_its_event_loop_leaves_nothing() -> None:
    code = """
before = descriptors(); evaluator = asyncio.run(use()); print(len(children()) > 6)
child = os.fork()  # which drops a copy
if not child: del evaluator; gc.collect(); os._exit(0)
os.waitpid(child, 0); print(len(children()) > 6)
del evaluator; gc.collect(); print(children(), descriptors() - before)
"""
    assert run(DROP + code).split() == ["accepted"] * 3 + ["True", "True", "[]", "0"]


async def test_an_evaluator_is_entered_once() -> None:
    async with Evaluator(workers=1) as evaluator:
        with pytest.raises(RuntimeError, match="is started already"):
            await evaluator.__aenter__()
        assert (await evaluator.evaluate(SUM, ADD)).accepted


MAKE = {"evaluator": lambda: SyncEvaluator(workers=1), "judge": Judge, "client": lambda: Client("http://127.0.0.1:9")}


@pytest.mark.parametrize("name", MAKE)
def test_before_and_after_it_is_open_it_says_so(name: str) -> None:
    made = MAKE[name]()

    def use() -> object:
        return made.judge_now(ADD, TRUTH) if isinstance(made, Judge) else made.evaluate(SUM, ADD)

    with pytest.raises(RuntimeError, match=f"microcoder-{name} is not started: use it as `with"):
        use()
    for _ in range(2):
        with made, pytest.raises(RuntimeError, match="is open already"), made:
            pass
        with pytest.raises(RuntimeError, match="is not started"):
            use()


@pytest.mark.parametrize("name", MAKE)
def test_it_can_be_pickled_and_is_open_where_it_was(name: str) -> None:
    made = MAKE[name]()
    assert isinstance(pickle.loads(pickle.dumps(made)), type(made))
    if name == "client":
        return
    with made:
        again = pickle.loads(pickle.dumps(made))
        if isinstance(again, Judge):
            assert again.judge_now(f"```python\n{ADD}```", TRUTH).reward == 1.0
        else:
            assert again.evaluate(SUM, ADD).accepted
        again.__exit__(None, None, None)


async def test_an_asynchronous_client_in_use_can_be_pickled() -> None:
    async with AsyncClient("http://127.0.0.1:9", deadline=0.1, name="tests") as used:
        assert await used.reward(SUM, ADD) is None
        for again in (pickle.loads(pickle.dumps(used)), copy.deepcopy(used)):
            async with again:
                assert await again.reward(SUM, ADD) is None
                assert again._options == used._options


def test_reward_functions_can_be_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MICROCODER_SERVER", raising=False)
    for function in (trl.code_reward, trl.code_reward_sync, trl.reward_function("http://127.0.0.1:9", name="code")):
        again = pickle.loads(pickle.dumps(function))
        assert again.__name__ == function.__name__
        assert inspect.iscoroutinefunction(again) == (function is not trl.code_reward_sync)
    now = pickle.loads(pickle.dumps(trl.code_reward_sync))
    assert now(["p"], [f"```python\n{ADD}```"], ground_truth=[TRUTH]) == [1.0]


def test_what_lives_on_one_loop_says_so_on_another() -> None:
    evaluator = Evaluator(workers=1)
    nowhere = AsyncClient("http://127.0.0.1:9", deadline=0.01)
    with asyncio.Runner() as one:
        one.run(evaluator.__aenter__())
        assert one.run(evaluator.evaluate(SUM, ADD)).accepted
        assert one.run(nowhere.reward(SUM, ADD)) is None
        with asyncio.Runner() as other:
            with pytest.raises(RuntimeError, match="this Evaluator was started on another event loop"):
                other.run(evaluator.evaluate(SUM, ADD))
            with pytest.raises(RuntimeError, match="this AsyncClient was used on another event loop"):
                other.run(nowhere.reward(SUM, ADD))
        one.run(evaluator.__aexit__(None, None, None))
        one.run(nowhere.__aexit__(None, None, None))
    assert asyncio.run(nowhere.reward(SUM, ADD)) is None
    asyncio.run(nowhere.__aexit__(None, None, None))


def test_what_cannot_be_pickled_says_what_to_pass_instead() -> None:
    with pytest.raises(TypeError, match="pass its options, or a SyncEvaluator"):
        pickle.dumps(Evaluator())


def test_what_is_wrong_with_options_is_said_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="worker"):
        SyncEvaluator(worker=1)
    with pytest.raises(ValueError, match="is no address"):
        Client("nowhere")
