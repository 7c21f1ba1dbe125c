"""The engine: what comes out for what goes in, in which order, and what happens to work that is not wanted any more."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import NoReturn

import msgspec
import psutil
import pytest
import pytest_asyncio

from microcoder.evaluator import (
    Evaluator,
    JudgeOptions,
    Problem,
    Status,
    Submission,
    SyncEvaluator,
    TestCase,
    TestResult,
    control,
)
from microcoder.evaluator.comparing import Comparing
from microcoder.evaluator.judgement import Judgement
from microcoder.evaluator.prepared import Prepared
from microcoder.sandbox import worker
from microcoder.sandbox.errors import JailUnavailable, SandboxError
from microcoder.sandbox.limits import Limits

from .events import HELD, PATIENT, finish, running_in, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
SUMS = Problem(problem_id="sums", tests=tuple(TestCase(f"{n} 1\n", f"{n + 1}\n") for n in range(5)))
SUM = Problem(problem_id="sum", tests=(TestCase("1 2\n", "3\n"),), limits=Limits(**PATIENT))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two() -> AsyncIterator[Evaluator]:
    async with Evaluator(workers=2) as running:
        yield running


async def test_a_right_program_is_accepted_with_figures_for_every_test(two: Evaluator) -> None:
    report = await two.evaluate(SUMS, ADD)
    assert (report.status, report.passed, report.total, report.reward) == (Status.ACCEPTED, 5, 5, 1.0)
    assert all(result.rule == "exact" and result.memory for result in report.tests)


async def test_the_prelude_comes_before_every_test(two: Evaluator) -> None:
    problem = msgspec.structs.replace(SUMS, prelude="import math\none = [math.floor(1.5)]\n")
    report = await two.evaluate(problem, "a, b = map(int, input().split())\nprint(a + one.pop())\n")
    assert report.accepted, report


async def test_a_worker_that_says_nothing_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that this program may take, whatever the one before it might have taken."""
    monkeypatch.setattr(worker, "GRACE_SECONDS", 0.0)
    hasty = msgspec.structs.replace(SUM, limits=Limits(cpu_time=1, wall_time=1, compile_time=0.1))
    async with Evaluator(workers=1) as evaluator:
        assert (await evaluator.evaluate(SUM, ADD)).accepted
        for process in psutil.Process(evaluator.pool.pids()[0]).children(recursive=True):
            process.suspend()
        report = await asyncio.wait_for(evaluator.evaluate(hasty, ADD), SUM.limits.wall_seconds)
        assert report.accepted, report
        assert evaluator.restarts == 1


async def test_a_synchronous_evaluator_says_that_it_is_not_started() -> None:
    evaluator = SyncEvaluator(workers=1)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="microcoder-evaluator is not started: use it as `with"):
            evaluator.evaluate(SUM, ADD)
        with contextlib.suppress(RuntimeError), evaluator:
            assert evaluator.evaluate(SUM, ADD).accepted


async def test_the_first_failure_ends_a_program(two: Evaluator) -> None:
    report = await two.evaluate(SUMS, "a, b = map(int, input().split())\nimport time\nprint(-1)\n")
    assert report.status is Status.WRONG_ANSWER
    assert report.tests[-1].status is Status.SKIPPED
    assert report.reward == 0.0


async def test_run_all_runs_all() -> None:
    async with Evaluator(workers=1, run_all=True) as every:
        report = await every.evaluate(SUMS, "a, b = map(int, input().split())\nprint(a + b if a % 2 else 'no')\n")
    assert [result.status is Status.ACCEPTED for result in report.tests] == [False, True, False, True, False]
    assert (report.passed, report.status) == (2, Status.WRONG_ANSWER)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("", Status.NO_CODE),
        ("  \n\t", Status.NO_CODE),
        (None, Status.NO_CODE),
        ("def f(:\n", Status.COMPILE_ERROR),
        ("print('\ud800')", Status.COMPILE_ERROR),
        ("#" + "x" * (5 << 20), Status.COMPILE_ERROR),
        ("1 / 0", Status.RUNTIME_ERROR),
        (ADD + "import sys; sys.exit(3)", Status.RUNTIME_ERROR),
        (ADD + "import os; os.abort()", Status.RUNTIME_ERROR),
    ],
)
async def test_every_kind_of_failure_has_a_status(two: Evaluator, source: str | None, status: Status) -> None:
    report = await two.evaluate(SUMS, Submission(code=source, name="s"))
    assert (report.status, report.name, report.total) == (status, "s", 5)
    assert report.message or report.tests[0].message


EXITS = (
    *("0", "3", "256", "257", "-1", "True", "1 << 31", "1 << 32", "(1 << 63) - 1", "1 << 63", "1 << 70", "-(1 << 63)"),
    *("-(1 << 63) - 1", "None", "''", "0.0", "[]", "type('I', (int,), {'__and__': lambda *_: 0})(5)"),
)


@pytest.mark.parametrize("code", EXITS)
async def test_an_exit_code_is_what_it_is_for_python(two: Evaluator, code: str) -> None:
    source = f"import sys\nprint(3)\nsys.exit({code})"
    python = await asyncio.create_subprocess_exec(sys.executable, "-c", source, stdout=-3, stderr=-3)
    report = await two.evaluate(Problem(problem_id="exits", tests=(TestCase("", "3\n"),)), source)
    assert report.tests[0].exit_code == await python.wait()


async def test_reports_come_in_the_order_of_the_programs(two: Evaluator) -> None:
    slow = "import time\ntime.sleep(0.1)\n"
    programs = [Submission(code=(slow if n % 3 == 0 else "") + ADD + f"# {n}", name=str(n)) for n in range(20)]
    reports = [report async for report in two.evaluate_many((SUMS, program) for program in programs)]
    assert [report.name for report in reports] == [str(n) for n in range(20)]
    assert all(report.accepted for report in reports)


async def test_a_stream_gives_every_place_once(two: Evaluator) -> None:
    async def pairs() -> AsyncIterator[tuple[Problem, str]]:
        for n in range(10):
            yield SUMS, ADD + f"# stream {n}"

    assert sorted([place async for place, _ in two.stream(pairs())]) == list(range(10))


async def test_pairs_are_read_as_they_are_needed(two: Evaluator) -> None:
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield SUMS, ADD + f"# endless {read}"

    reports = two.evaluate_many(endless())
    async for _ in reports:
        break
    await reports.aclose()
    assert read <= 200


async def test_identical_programs_are_judged_once(two: Evaluator) -> None:
    program = "import random\nprint(random.random())  # once"
    reports = [report async for report in two.evaluate_many([(SUMS, program)] * 8)]
    assert len({report.tests[0].stdout for report in reports}) == 1


async def test_a_cache_of_nothing_judges_every_time() -> None:
    async with Evaluator(workers=1, cache=0) as forgetful:
        program = "import random\nprint(random.random())"
        reports = [report async for report in forgetful.evaluate_many([(SUMS, program)] * 4)]
    assert len({report.tests[0].stdout for report in reports}) == 4


async def test_what_failed_before_runs_first() -> None:
    async with Evaluator(workers=1, lanes=False) as one:
        wrong = "a, b = map(int, input().split())\nprint(a + b if a < 4 else 'no')\n"
        first = await one.evaluate(SUMS, wrong)
        second = await one.evaluate(SUMS, wrong + "# again")
    assert [result.status for result in first.tests] == [Status.ACCEPTED] * 4 + [Status.WRONG_ANSWER]
    # One test may have been under way when the verdict was known; the order of the results is that of the problem.
    assert second.tests[4].status is Status.WRONG_ANSWER
    assert [result.status for result in second.tests].count(Status.SKIPPED) >= 3


async def test_many_tests_are_split_over_idle_workers(two: Evaluator) -> None:
    sleepy = Problem(
        problem_id="many",
        tests=tuple(TestCase(f"{n} 1\n", f"{n + 1}\n") for n in range(64)),
        limits=Limits(cpu_time=5),
    )
    alone = asyncio.create_task(two.evaluate(sleepy, "import time\ntime.sleep(0.02)\n" + ADD + "__builtins__"))
    busy = 0
    while not alone.done():
        busy = max(busy, two.pool.busy)
        await asyncio.sleep(0.01)
    assert (await alone).accepted
    assert busy == 2


@pytest.mark.parametrize("program", [ADD, "this is no program (", "import os\nos._exit(0)"])
async def test_where_nothing_is_run_nothing_is_accepted(two: Evaluator, program: str) -> None:
    empty = Problem(problem_id="empty", tests=(TestCase(),))
    msgspec.structs.force_setattr(empty, "tests", ())  # no other way leads to such a Problem
    report = await two.evaluate(empty, program)
    assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None)


@pytest.mark.parametrize("tests", range(1, 4))
async def test_accepted_is_what_has_an_accepted_result_for_every_test(tests: int) -> None:
    problem = Problem(problem_id="p", tests=(TestCase(),) * tests)
    for given in itertools.product((None, Status.ACCEPTED, Status.WRONG_ANSWER, Status.CHECKER_ERROR), repeat=tests):
        judgement = Judgement(Prepared(problem), b"", JudgeOptions(run_all=True), comparing=Comparing())
        judgement.results = {n: TestResult(status=status) for n, status in enumerate(given) if status is not None}
        report = judgement.report()
        assert report.accepted == (set(given) == {Status.ACCEPTED})
        if set(given) <= {None, Status.ACCEPTED} and None in given:
            assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None)


async def test_cancelling_frees_the_worker() -> None:
    async with Evaluator(workers=1) as one:
        hanging = asyncio.create_task(one.evaluate(SUM, HELD))
        await until(lambda: running_in(one))
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert (await one.evaluate(SUM, ADD)).accepted
        assert one.pool.restarts == 0


def counters_of_the_kernel() -> int:
    """How many this process holds open."""
    opened = 0
    for file in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            opened += os.readlink(f"/proc/self/fd/{file}").startswith(("/sys/fs/cgroup/", "/proc/"))
    return opened


async def test_who_gives_up_while_it_starts_leaves_nothing_behind() -> None:
    before, counters = set(psutil.Process().children()), counters_of_the_kernel()
    one = Evaluator(workers=2)
    starting = asyncio.create_task(one.__aenter__())
    await until(lambda: set(psutil.Process().children()) - before)
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
        await one.__aexit__(None, None, None)
    await until(lambda: not set(psutil.Process().children()) - before)
    assert counters_of_the_kernel() == counters


@pytest.mark.parametrize("turns", range(1, 12))
async def test_who_gives_up_while_it_closes_leaves_nothing_behind(turns: int) -> None:
    compared = msgspec.structs.replace(SUM, tests=(TestCase("1 2\n", "3\n" * 100_000),))
    before, counters = set(psutil.Process().children()), counters_of_the_kernel()
    one = await Evaluator(workers=1).__aenter__()
    assert (await one.evaluate(compared, "print('4\\n' * 100_000)")).status is Status.WRONG_ANSWER
    hanging = asyncio.create_task(one.evaluate(SUM, HELD))
    await until(lambda: running_in(one))
    children = set(psutil.Process().children()) - before
    assert len(children) > 1
    closing = asyncio.create_task(one.__aexit__(None, None, None))
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await closing
    await until(lambda: not any(child.is_running() for child in children))
    assert counters_of_the_kernel() == counters
    with pytest.raises(asyncio.CancelledError):
        await hanging


async def test_one_of_two_that_wait_for_the_same_program_may_give_up(two: Evaluator) -> None:
    first = asyncio.create_task(two.evaluate(SUM, HELD + ADD))
    second = asyncio.create_task(two.evaluate(SUM, HELD + ADD))
    await until(lambda: running_in(two))
    first.cancel()
    assert (await finish(second, two)).accepted
    assert first.cancelled()


async def test_a_worker_that_dies_costs_the_program_nothing(two: Evaluator) -> None:
    judging = asyncio.create_task(two.evaluate(SUM, HELD + ADD + "# dies"))
    await until(lambda: running_in(two))
    for pid in two.pool.pids():
        os.kill(pid, signal.SIGKILL)
    assert (await finish(judging, two)).accepted


async def test_where_every_worker_is_lost_it_is_a_system_error_and_no_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control as well."""
    monkeypatch.setattr(control, "SOURCE", HELD)
    async with Evaluator(workers=1, cache=0) as one:
        judging = asyncio.create_task(one.evaluate(SUM, HELD + ADD))
        dead: set[psutil.Process] = set()
        for _ in range(4):
            found = await until(lambda dead=dead: set(running_in(one)) - dead)
            for pid in one.pool.pids():
                os.kill(pid, signal.SIGKILL)
            dead |= found
        report = await judging
        assert report.status is Status.SYSTEM_ERROR
        assert report.reward is None
        assert (await one.evaluate(SUM, ADD)).accepted


async def test_a_defect_of_ours_costs_one_program_its_verdict(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with Evaluator(workers=1, cache=0) as one:
        with monkeypatch.context() as patched:
            patched.setattr(Judgement, "report", lambda _: [][0])
            report = await one.evaluate(SUM, ADD)
        assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None)
        assert report.message == "a defect of the judge: IndexError('list index out of range')"
        assert "IndexError" in caplog.text
        assert (await one.evaluate(SUM, ADD)).accepted


@pytest.mark.parametrize("lack", [OSError(errno.EMFILE, "Too many open files"), MemoryError()], ids=repr)
async def test_what_the_host_lacks_is_no_defect_of_ours(monkeypatch: pytest.MonkeyPatch, lack: Exception) -> None:
    def short(_: Judgement) -> NoReturn:
        raise lack

    async with Evaluator(workers=1, cache=0) as one:
        with monkeypatch.context() as patched:
            patched.setattr(Judgement, "report", short)
            with pytest.raises(type(lack)):
                await one.evaluate(SUM, ADD)
        assert (await one.evaluate(SUM, ADD)).accepted


async def test_lanes_and_forks_agree_on_a_program_that_counts_its_runs() -> None:
    counting = ADD + "import math\nmath.runs = getattr(math, 'runs', 0) + 1\nif math.runs > 1: print('again')"
    reports: list[list[Status]] = []
    for lanes in (True, False):
        async with Evaluator(workers=1, lanes=lanes) as one:
            reports.append([result.status for result in (await one.evaluate(SUMS, counting)).tests])
    assert reports[0] == reports[1] == [Status.ACCEPTED] * 5


async def test_the_problem_must_make_sense(two: Evaluator) -> None:
    from microcoder.evaluator import Checker

    with pytest.raises(ValueError, match="flags"):
        await two.evaluate(
            Problem(problem_id="p", tests=(TestCase("", ""),), checker=Checker(flags="no_such_flag")), ADD
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "workers"),
        ({"jail": "chroot"}, "chroot"),
        ({"jail": "none"}, "unsafe_no_jail"),
        ({"python": "/no/such/python"}, "/no/such/python"),
        ({"python": "/bin/true"}, "/bin/true"),
    ],
)
async def test_options_that_make_no_sense_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises((SandboxError, ValueError), match=words):
        async with Evaluator(**options):  # pyright: ignore[reportArgumentType]
            pass


async def test_a_host_without_jails_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from microcoder.sandbox.jails import bubblewrap, nsjail

    lacking: Callable[[], None] = lambda: None  # noqa: E731
    monkeypatch.setattr(nsjail, "binary", lacking)
    monkeypatch.setattr(bubblewrap, "binary", lacking)
    with pytest.raises(JailUnavailable, match="install"):
        async with Evaluator():
            pass


async def test_the_synchronous_form_works_within_a_loop_and_from_several_threads() -> None:
    with SyncEvaluator(workers=2) as evaluator:
        assert evaluator.evaluate(SUMS, ADD).accepted
        verdicts: list[bool] = []
        threads = [
            threading.Thread(target=lambda n=n: verdicts.append(evaluator.evaluate(SUMS, ADD + f"# {n}").accepted))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        many = list(evaluator.evaluate_many([(SUMS, ADD + f"# many {n}") for n in range(5)]))
    assert verdicts == [True] * 4
    assert [report.accepted for report in many] == [True] * 5


async def test_large_outputs_are_compared_off_the_event_loop(two: Evaluator) -> None:
    text = "\n".join(f"{n} {n * 0.5}" for n in range(300_000))
    large = Problem(problem_id="large", tests=(TestCase("", text),))
    gaps: list[float] = []

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.001)
            gaps.append(loop.time() - before)

    heart = asyncio.create_task(beat())
    report = await two.evaluate(large, "print(*(f'{n}  {n * 0.5}' for n in range(300_000)), sep='\\n')")
    heart.cancel()
    assert report.accepted, report.tests
    assert report.tests[0].rule == "tokens"
    assert len(gaps) > 10


async def test_call_based_programs_return_values() -> None:
    problem = Problem(
        problem_id="pairs",
        mode="call",
        entry_class="Solution",
        entry_point="pair",
        prelude="from typing import *\n",
        tests=(TestCase("[1, [2]]", "[1, [2]]"), TestCase('["a", null]', '["a", null]')),
    )
    async with Evaluator(workers=1) as one:
        right = "class Solution:\n    def pair(self, a: Any, b: Any) -> Tuple: return a, b\n"
        kept = "class Solution:\n    seen = []\n    def pair(self, a, b):\n        self.seen.append(a)\n        return self.seen, b"
        assert (await one.evaluate(problem, right)).accepted
        assert (await one.evaluate(problem, kept)).status is Status.WRONG_ANSWER
        report = await one.evaluate(problem, "class Solution:\n    def pair(self, a, b): return {a}")
        assert report.status is Status.RUNTIME_ERROR
        assert "not JSON data" in (report.tests[0].message or "")
        assert (await one.evaluate(problem, "class Other: pass")).status is Status.RUNTIME_ERROR
        # Where the problem names only the function, the program says whether it is a method.
        only_named = msgspec.structs.replace(problem, entry_class=None)
        function = "class Solution: ...\ndef pair(a, b): return a, b\n"
        for program in (right, function):
            assert (await one.evaluate(only_named, program)).accepted
        assert (await one.evaluate(only_named, "class Other:\n    def pair(self, a, b): return a, b")).reward == 0.0
