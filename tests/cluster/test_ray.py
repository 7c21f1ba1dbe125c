"""The evaluator on a Ray cluster: verdicts as here, problems once to a node, nodes that go and come."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from microcoder.evaluator import Evaluator, JudgeOptions, Memory, Problem, RewardOptions, Status, Submission, TestCase
from microcoder.evaluator.cluster import ClusterUnavailable, RayEvaluator, crew
from microcoder.evaluator.cluster.placement import Node, sizes, told
from microcoder.evaluator.integrations import problem_of
from microcoder.sandbox.limits import MIB, Limits

from ..events import PATIENT, until, wait_until
from ..integrations.test_options import CASES, NOTHING
from ..serve.conftest import ADD, SUMS, Server
from ..serve.conftest import start as start
from ..warned import Warned
from .conftest import ENVIRON, short_folder

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


async def test_how_to_judge_travels_with_each_program(cluster: Any, nodes: Nodes) -> None:
    nodes(1)
    async with RayEvaluator(cluster.address) as evaluator:
        for field in JudgeOptions.__struct_fields__:
            case = CASES[field]
            problem, program = problem_of(case.truth), RewardOptions().submission(case.said)
            for how, seen in ((None, case.plain), (JudgeOptions(**{field: case.value}), case.seen)):
                report = await evaluator.evaluate(problem, program, how)
                assert (NOTHING if report.reward is None else report.reward) == seen["reward"], field
                assert report.passed / report.total == seen.get("passed", report.passed / report.total), field


async def test_what_is_kept_of_problems_is_bounded(cluster: Any, nodes: Nodes) -> None:
    nodes(1)
    problems = [Problem(problem_id="p", tests=(TestCase("x" * 300_000, f"{number}\n"),)) for number in range(6)]
    async with RayEvaluator(cluster.address, workers=1, memory=Memory(prepared=MIB)) as evaluator:
        for _ in range(2):
            for number, problem in enumerate(problems):
                assert (await evaluator.evaluate(problem, f"print({number})")).accepted
            kept = evaluator.kept["prepared"]
            assert 0 < kept.bytes <= kept.most == MIB
        (member,) = evaluator.members
        assert (await member.actor.counted.remote())[1] == 2 * len(problems)  # it held no more, either


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
    server = start("--ray", cluster.address, "--actor-workers", "1", "--actor-wait", "60", **warned.environ)
    with server.http() as http:
        request = {"problem": msgspec.to_builtins(SUMS), "submissions": [{"code": ADD}, {"code": WRONG}]}
        results = http.post("/v1/evaluate", json=request).json()["results"]
        assert [result["reward"] for result in results] == [1.0, 0.0]
        ran = http.post("/run_code", json={"code": "print(2)", "language": "python"}).json()
        assert ran["run_result"]["stdout"] == "2\n"
        wait_until(lambda: http.get("/v1/status").json()["workers"] == 2)
    server.close()
    assert server.process.returncode == 0
    warned.check()


def test_actors_are_no_larger_than_what_nodes_have_free() -> None:
    def of(free: list[float], workers: int | None, most: int = 16) -> list[tuple[str, int]]:
        nodes = [Node(name, name, 64.0, here) for name, here in zip("abcd", free, strict=False)]
        return [(node.id, size) for node, size in sizes(nodes, workers, most)]

    assert of([40, 0], None) == [("a", 14), ("a", 13), ("a", 13)]
    assert of([2, 2], 4) == [("a", 2), ("b", 2)]
    assert of([2, 2], 4, 1) == [("a", 1), ("b", 1), ("a", 1), ("b", 1)]
    assert of([8, 1.5, 3], 100) == [("a", 8), ("c", 3), ("b", 1)]
    assert of([64, 64], 32) == [("a", 16), ("b", 16)]
    assert of([40], 17) == [("a", 9), ("a", 8)]
    assert of([0.9, 0], 4) == of([], None) == of([9], 0) == []


def test_what_is_told_of_nodes_is_short() -> None:
    nodes = [Node(str(n), f"node{n}", 16.0, n / 2) for n in range(20)]
    said = told(nodes, 16)
    assert said.startswith(
        "one actor wants a free processor of one node at least, and at most 16; free are 9.5 of 16 on"
    )
    assert said.endswith("6 of 16 on node12, and 12 more nodes")
    assert told([], 1) == "one actor wants a free processor of one node at least; the cluster has 0 CPUs"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("workers", value) for value in ("4", 0, -1, 2.5, True, [4], 1 << 40)),
        *(("actor_workers", value) for value in ("16", 0, None, 1.5)),
        *(("nobody", value) for value in ("x", None, 0, -3.0, float("nan"), True)),
        *(("idle", value) for value in ("x", 0, float("nan"))),
        *(("actor_wait", value) for value in ("1", None, -1)),
        *(
            ("address", value)
            for value in (5, b"a:1", "", "head", "ray://head:10001", "head:0", "head:x", "local", "a b:1")
        ),
        *(("runtime_env", value) for value in ("pip", 7, [])),
        *(("preset", value) for value in ("no such",)),
        ("worker", 4),
    ],
)
def test_arguments_that_make_no_sense_are_refused_at_once(name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b"):
        RayEvaluator(**{name: value})


async def test_what_is_not_open_or_open_elsewhere_says_so(cluster: Any, nodes: Nodes) -> None:
    nodes(1)
    evaluator = RayEvaluator(cluster.address)
    with pytest.raises(TypeError, match="pass its arguments"):
        pickle.dumps(evaluator)
    for _ in range(2):
        with pytest.raises(ClusterUnavailable, match="not started"):
            await evaluator.evaluate(SUMS, ADD)
        async with evaluator:
            with pytest.raises(RuntimeError, match="enter it once"):
                await evaluator.__aenter__()
            for use in (lambda: evaluator.evaluate(SUMS, ADD), evaluator.__aexit__):
                with pytest.raises(RuntimeError, match="another event loop"):
                    await asyncio.to_thread(lambda use=use: asyncio.run(use()))
            assert (await evaluator.evaluate(SUMS, ADD)).accepted


def test_one_whose_loop_has_ended_may_be_entered_again(cluster: Any, nodes: Nodes) -> None:
    nodes(1)
    evaluator = RayEvaluator(cluster.address)

    async def leave_open() -> bool:
        await evaluator.__aenter__()
        return (await evaluator.evaluate(SUMS, ADD)).accepted

    async def again() -> bool:
        async with evaluator:
            return (await evaluator.evaluate(SUMS, ADD)).accepted

    assert asyncio.run(leave_open())
    assert asyncio.run(again())


async def test_actors_of_one_that_is_dropped_end(cluster: Any, nodes: Nodes) -> None:
    ray: Any = pytest.importorskip("ray")
    nodes(1)

    async def drop() -> int:
        evaluator = RayEvaluator(cluster.address)
        await evaluator.__aenter__()
        assert (await evaluator.evaluate(SUMS, ADD)).accepted
        (member,) = evaluator.members
        pid, _ = await member.actor.counted.remote()
        return pid

    pid = await drop()
    await until(lambda: not psutil.pid_exists(pid))
    await until(lambda: not ray.is_initialized())
    await until(lambda: not ray.is_initialized())


async def test_of_two_in_a_process_either_may_end_first(cluster: Any, nodes: Nodes) -> None:
    nodes(2)
    async with RayEvaluator(cluster.address, workers=1) as one:
        async with RayEvaluator(cluster.address, workers=1) as other:
            assert (await other.evaluate(SUMS, ADD)).accepted
        assert (await one.evaluate(SUMS, ADD)).accepted


async def test_an_address_that_would_be_ignored_is_refused(cluster: Any, nodes: Nodes) -> None:
    ray: Any = pytest.importorskip("ray")
    nodes(1)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        with pytest.raises(ClusterUnavailable, match=f"connected to the Ray cluster at {cluster.address}, not to"):
            async with RayEvaluator("127.0.0.1:9"):
                pass
        for address in (None, "auto", cluster.address, cluster.address.replace("127.0.0.1", "localhost")):
            async with RayEvaluator(address) as evaluator:
                assert (await evaluator.evaluate(SUMS, ADD)).accepted
            await until(lambda: ray.available_resources().get("CPU") == 1)
    finally:
        ray.shutdown()


async def test_workers_are_where_small_nodes_have_room_for_them(cluster: Any, nodes: Nodes) -> None:
    """No node has room for all of them, one is partly taken, and some find no place until there is a new node."""
    ray: Any = pytest.importorskip("ray")
    nodes(2)
    nodes(2)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        group = ray.util.placement_group([{"CPU": 1}])
        assert group.wait(60)
        async with RayEvaluator(workers=4) as evaluator:
            await until(lambda: evaluator.workers == 3)
            assert sorted(member.place.workers for member in evaluator.members) == [1, 2]
            nodes(3)
            await until(lambda: evaluator.workers == 4)
            assert (await evaluator.evaluate(SUMS, ADD)).accepted
    finally:
        ray.shutdown()


async def test_where_nothing_is_free_it_is_told_what_nodes_have(
    cluster: Any, nodes: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    ray: Any = pytest.importorskip("ray")
    nodes(2)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        group = ray.util.placement_group([{"CPU": 2}])
        assert group.wait(60)
        wanted = "one actor wants a free processor of one node at least, and at most 16; free are 0 of 2 on 127.0.0.1"
        for workers in (None, 4):
            with pytest.raises(ClusterUnavailable, match=wanted):
                async with RayEvaluator(workers=workers, actor_wait=1):
                    pass
        assert "no place for 4 of 4 workers: one actor wants" in caplog.text
        waiting = asyncio.create_task(RayEvaluator(workers=4, actor_wait=100).__aenter__())
        await until(lambda: caplog.text.count("no place for 4 of 4") == 2)
        ray.util.remove_placement_group(group)
        evaluator = await waiting
        assert evaluator.workers == 2
        await evaluator.__aexit__()
    finally:
        ray.shutdown()


async def test_the_time_without_nodes_counts_from_when_a_program_waits(cluster: Any, nodes: Nodes) -> None:
    node = nodes(1)
    async with RayEvaluator(cluster.address, nobody=100) as evaluator:
        cluster.remove_node(node)
        await until(lambda: not evaluator.members)
        assert evaluator._crew is not None
        evaluator._crew._alone_since -= 1000  # long ago, while there was nothing to do
        tasks = [asyncio.create_task(evaluator.evaluate(SUMS, ADD)), asyncio.create_task(evaluator.execute("print(2)"))]
        await asyncio.sleep(0)  # both wait
        evaluator._nobody = 0.1
        for use in (evaluator.evaluate(SUMS, ADD), evaluator.execute(ADD)):
            with pytest.raises(ClusterUnavailable, match="the cluster has 0 CPUs"):
                await use
        nodes(1)
        report, ran = await asyncio.gather(*tasks)
        assert report.accepted
        assert ran.stdout == b"2\n"


async def test_a_connection_of_somebody_else_is_not_made_again(
    cluster: Any, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray: Any = pytest.importorskip("ray")
    monkeypatch.setattr(crew, "PAUSE", 0.1)
    nodes(1)
    ray.init(address=cluster.address, log_to_driver=False)
    async with RayEvaluator(cluster.address) as evaluator:
        assert (await evaluator.evaluate(SUMS, ADD)).accepted
        waiting = asyncio.create_task(evaluator.execute("import time\ntime.sleep(999)", limits=ENDLESS.limits))
        await until(lambda: evaluator.busy)
        ray.shutdown()
        for use in (waiting, evaluator.evaluate(msgspec.structs.replace(SUMS, problem_id="new"), ADD)):
            with pytest.raises(ClusterUnavailable, match="not connected to"):
                await use
        assert not ray.is_initialized()
        ray.init(address=cluster.address, log_to_driver=False)
        await until(lambda: evaluator.members)
        assert (await evaluator.evaluate(SUMS, ADD)).accepted
    ray.shutdown()


LOST = r"""
import asyncio, contextlib, importlib, os, psutil
from microcoder.evaluator.cluster import ClusterUnavailable, RayEvaluator, connection, crew
from microcoder.tests.cluster.test_ray import ADD, ENDLESS, SUMS
from microcoder.tests.events import until
Cluster = importlib.import_module("ray.cluster_utils").Cluster
LIKE = {"include_dashboard": False, "node_ip_address": "127.0.0.1"}
HOLD = "import time\ntime.sleep(999)"
crew.GONE = 1.0

def begun(**more):
    made = Cluster(initialize_head=True, head_node_args=LIKE | {"num_cpus": 0} | more)
    made.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    return made

def end(made):
    for node in (made.head_node, *made.worker_nodes):
        for kind in node.all_processes.values():
            for process in kind:
                below = psutil.Process(process.process.pid).children(recursive=True)
                process.process.kill()
                process.process.wait()
                for each in below:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.kill()

async def main():
    first = begun()
    async with RayEvaluator(first.address) as evaluator:
        tasks = [asyncio.create_task(evaluator.evaluate(ENDLESS, f"{HOLD}# {n}")) for n in range(5)]
        tasks.append(asyncio.create_task(evaluator.execute(HOLD, limits=ENDLESS.limits)))
        await until(lambda: evaluator.busy and evaluator.members[0].executing)
        end(first)
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            print(type(error).__name__, str(error).partition(":")[0])
        for use in (evaluator.evaluate(SUMS, ADD), evaluator.execute(ADD)):
            try:
                await use
            except ClusterUnavailable as error:
                print(type(error).__name__, str(error).partition(":")[0])
        second = begun(gcs_server_port=int(first.address.rpartition(":")[2]))
        await until(lambda: evaluator.members)
        print((await evaluator.evaluate(SUMS, ADD)).status.value, flush=True)
        end(second)
    print("closed", flush=True)
    os._exit(0)  # what Ray has at exit is about clusters that are there

asyncio.run(main())
"""


def test_who_waits_when_the_head_is_lost_is_told_and_a_new_one_is_used(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with short_folder() as folder:
        command = [sys.executable, "-W", "ignore", "-c", LOST]
        environ = os.environ | ENVIRON | {"RAY_TMPDIR": folder}
        with (tmp_path / "errors").open("wb+") as errors:  # processes of Ray may keep it open
            done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=errors, timeout=170, check=False)
        said = (tmp_path / "errors").read_text()
    told = b"ClusterUnavailable the Ray cluster was lost\n"
    assert done.stdout == told * 8 + b"accepted\nclosed\n", said
    assert "the Ray cluster was lost" in said


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--actor-workers", "4"), "--actor-workers needs --ray"),
        (("--actor-wait", "4"), "--actor-wait needs --ray"),
        (("--ray", "head"), "--ray: address: must be HOST:PORT"),
    ],
)
def test_options_that_would_be_ignored_are_refused(arguments: tuple[str, ...], words: str) -> None:
    command = [sys.executable, "-m", "microcoder.evaluator.cli", "serve", "--port", "0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
