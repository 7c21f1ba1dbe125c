"""The evaluator on a Ray cluster: verdicts as here, problems once to a node, nodes that go and come."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Evaluator, Problem, Status, Submission, TestCase
from microcoder.evaluator.cluster import ClusterUnavailable, RayEvaluator
from microcoder.evaluator.cluster.placement import Place, places
from microcoder.sandbox.limits import Limits

from ..events import PATIENT, until
from ..serve.conftest import ADD, SUMS, Server
from ..serve.conftest import start as start
from ..warned import Warned

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(180)]  # of ray; starting nodes takes seconds
Nodes = Callable[[int], Any]
WRONG = "print(0)"
ENDLESS = msgspec.structs.replace(SUMS, limits=Limits(**PATIENT))
SLOW = f"import time\ntime.sleep(0.1)\n{ADD}"
PROGRAMS = [ADD, WRONG, "1 / 0", "", "def", "\ud800", f"{ADD}# again"]


async def test_verdicts_are_those_of_an_evaluator_here_and_problems_travel_once(cluster: Any, nodes: Nodes) -> None:
    for _ in range(2):
        nodes(1)
    other = msgspec.structs.replace(SUMS, problem_id="other", limits=Limits(cpu_time=1.5))
    pairs = [(problem, program) for program in PROGRAMS * 4 for problem in (SUMS, other, msgspec.structs.replace(SUMS))]
    async with Evaluator(workers=1) as here:
        expected = [(report.problem_id, report.status, report.passed) async for report in here.evaluate_many(pairs)]
    async with RayEvaluator(cluster.address, cache=0) as evaluator:
        await until(lambda: evaluator.workers == 2)
        got = [(report.problem_id, report.status, report.passed) async for report in evaluator.evaluate_many(pairs)]
        received = [(await member.actor.counted.remote())[1] for member in evaluator.members]
        labelled = await evaluator.evaluate(SUMS, Submission(code=ADD, name="mine", accept=True))
        files = {"adding.py": "add = int.__add__"}
        main = "from adding import add\nprint(add(*map(int, input().split())))"
        parted = await evaluator.evaluate(SUMS, Submission(code=main, files=files))
        ran = await evaluator.execute("print(input()[::-1])", b"abc")
    assert got == expected
    assert received == [2, 2]
    assert (labelled.name, labelled.accept, labelled.reward) == ("mine", True, 1.0)
    assert parted.accepted
    assert getattr(ran, "stdout", None) == b"cba\n"


async def test_what_makes_no_sense_is_said_as_by_an_evaluator_here(cluster: Any, nodes: Nodes) -> None:
    nodes(1)
    bad = Problem(problem_id="bad", tests=(TestCase("", ""),), checker={"type": "kattis", "flags": "no_such"})  # type: ignore[arg-type]
    bad = msgspec.convert(msgspec.to_builtins(bad), Problem)
    async with Evaluator(workers=1) as here, RayEvaluator(cluster.address) as there:
        for problem, program in ((bad, ADD), (SUMS, Submission(code=ADD, language="cobol"))):
            said: list[str] = []
            for evaluator in (here, there):
                with pytest.raises(ValueError, match=r"flags|language") as caught:
                    await evaluator.evaluate(problem, program)
                said.append(str(caught.value))
            assert said[0] == said[1]
        assert (await there.evaluate(SUMS, ADD)).accepted


async def test_a_node_that_is_killed_loses_nothing_and_a_new_one_is_used(cluster: Any, nodes: Nodes) -> None:
    first = nodes(2)
    async with RayEvaluator(cluster.address) as evaluator:
        done = 0
        pairs = [(SUMS, f"{SLOW if n % 3 else WRONG}# {n}") for n in range(30)]
        nodes(2)
        await until(lambda: evaluator.workers == 4)
        reports: dict[int, Any] = {}
        async for place, report in evaluator.stream(pairs):
            reports[place] = report
            done += 1
            if done == 6:
                assert all(member.held for member in evaluator.members)
                cluster.remove_node(first, allow_graceful=False)
            if done == 12:
                nodes(1)
        assert evaluator.restarts >= 2
        await until(lambda: evaluator.workers == 3)
        assert [reports[n].reward for n in range(30)] == [1.0 if n % 3 else 0.0 for n in range(30)]


async def test_a_program_whose_actors_are_lost_twice_has_no_reward(cluster: Any, nodes: Nodes) -> None:
    ray: Any = pytest.importorskip("ray")

    nodes(1)
    async with RayEvaluator(cluster.address) as evaluator:
        task = asyncio.create_task(evaluator.evaluate(ENDLESS, "import time\ntime.sleep(999)"))
        for _ in range(2):
            await until(lambda: any(member.held for member in evaluator.members))
            (member,) = evaluator.members
            ray.kill(member.actor)
            await until(lambda member=member: member not in evaluator.members)
        report = await task
        assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None)
        assert "two nodes failed" in (report.message or "")
        assert (await evaluator.evaluate(SUMS, ADD)).accepted


async def test_idle_actors_give_their_processors_back_until_programs_wait(cluster: Any, nodes: Nodes) -> None:
    nodes(2)
    async with RayEvaluator(cluster.address, workers=2, actor_workers=1, idle=0.5) as evaluator:
        await until(lambda: evaluator.workers == 2)
        await until(lambda: evaluator.workers == 1)
        tasks = [
            asyncio.create_task(evaluator.evaluate(ENDLESS, f"import time\ntime.sleep(50)# {n}")) for n in range(9)
        ]
        await until(lambda: evaluator.workers == 2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await evaluator.evaluate(SUMS, ADD)).accepted


async def test_cancelling_frees_the_worker(cluster: Any, nodes: Nodes) -> None:
    nodes(1)
    async with RayEvaluator(cluster.address, workers=1) as evaluator:
        tasks = [
            asyncio.create_task(evaluator.evaluate(ENDLESS, f"import time\ntime.sleep(999)# {n}")) for n in range(9)
        ]
        await until(lambda: evaluator.busy)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await evaluator.evaluate(SUMS, ADD)).accepted


async def test_of_several_that_wait_one_may_give_up_and_on_close_all_are_cancelled(cluster: Any, nodes: Nodes) -> None:
    """Those that a node has, those that wait for one, and those that only run a program."""
    nodes(1)
    evaluator = RayEvaluator(cluster.address, workers=1)
    with pytest.raises(ClusterUnavailable, match="not started"):
        await evaluator.evaluate(SUMS, ADD)
    async with evaluator:
        tasks = [
            asyncio.create_task(evaluator.evaluate(ENDLESS, f"import time\ntime.sleep(1)\n{ADD}")) for _ in range(3)
        ]
        await until(lambda: evaluator.busy)
        tasks[0].cancel()
        assert [report.accepted for report in await asyncio.gather(*tasks[1:])] == [True] * 2
        endless = "import time\ntime.sleep(50)"
        tasks = [asyncio.create_task(evaluator.evaluate(ENDLESS, f"{endless}# {n % 9}")) for n in range(40)]
        running = asyncio.create_task(evaluator.execute(endless, limits=ENDLESS.limits))
        await until(lambda: evaluator.busy and running)
    async with asyncio.timeout(20):
        await asyncio.wait((*tasks, running))
    assert all(task.cancelled() for task in (*tasks, running))
    with pytest.raises(ClusterUnavailable, match="not started"):
        await evaluator.execute(ADD)


async def test_where_no_node_can_judge_the_reason_is_told(cluster: Any, nodes: Nodes) -> None:
    with pytest.raises(ClusterUnavailable, match="the cluster has 0 CPUs"):
        async with RayEvaluator(cluster.address, workers=2, nobody=2):
            pass
    nodes(1)
    with pytest.raises(ClusterUnavailable, match="unsafe_no_jail"):
        async with RayEvaluator(cluster.address, jail="none"):
            pass


def test_the_server_judges_on_the_cluster(
    cluster: Any, nodes: Nodes, start: Callable[..., Server], warned: Warned
) -> None:
    nodes(2)
    server = start("--ray", cluster.address, **warned.environ)
    with server.http() as http:
        request = {"problem": msgspec.to_builtins(SUMS), "submissions": [{"code": ADD}, {"code": WRONG}]}
        results = http.post("/v1/evaluate", json=request).json()["results"]
        assert [result["reward"] for result in results] == [1.0, 0.0]
        ran = http.post("/run_code", json={"code": "print(2)", "language": "python"}).json()
        assert ran["run_result"]["stdout"] == "2\n"
        assert http.get("/v1/status").json()["workers"] == 2
    server.close()
    assert server.process.returncode == 0
    warned.check()


def test_places_follow_the_nodes_or_the_number_of_workers() -> None:
    nodes = [
        {"NodeID": "a", "Alive": True, "Resources": {"CPU": 40.0}},
        {"NodeID": "b", "Alive": True, "Resources": {"memory": 1.0}},
        {"NodeID": "c", "Alive": False, "Resources": {"CPU": 8.0}},
    ]
    assert places(nodes, None, 16) == [Place("a", 0, 14), Place("a", 1, 13), Place("a", 2, 13)]
    assert places(nodes, 17, 16) == [Place(None, 0, 9), Place(None, 1, 8)]


def test_without_ray_or_without_a_cluster_it_says_what_to_do() -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from microcoder.evaluator.cli import main; sys.exit(main(['serve', '--port', '0', '--ray']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "microcoder[ray]" in done.stderr) == (2, True)
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    command = [sys.executable, "-m", "microcoder.evaluator.cli", "serve", "--port", "0", "--ray", "127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "no Ray cluster at 127.0.0.1:9" in done.stderr) == (2, True)
