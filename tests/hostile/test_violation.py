"""A program that breaks every worker is told from a host that does, by a control.

No program is known that breaks workers, so one is pretended: whenever a program with the mark runs, its worker is
killed from the host.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, Submission, TestCase, control, violations
from microcoder.evaluator.cli.summary import Tally
from microcoder.evaluator.control import failure_of_control
from microcoder.evaluator.server.metrics import Metrics
from microcoder.evaluator.status import Status
from microcoder.sandbox.kinds import NATIVE, PYTHON
from microcoder.sandbox.limits import MIB
from microcoder.sandbox.shortage import Shortages
from microcoder.sandbox.worker import Inputs, Work

from ..events import HELD, PATIENT, TURN, running, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUM = "a, b = map(int, input().split())\nprint(a + b)\n"
ATTACK = f"{HELD}{SUM}"
"""What tells that it runs is what is killed; see running."""
CPP = r"""
#include <csignal>
#include <cstdio>
#include <unistd.h>
int main() { fputs("running\n", stderr); pause(); }
"""
ONE_TEST = ("1 2\n", "3\n")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pairs are kept; what compilers made stays where it is."""
    monkeypatch.setattr(violations, "folder", lambda: tmp_path)
    return tmp_path / violations.NAME


@asynccontextmanager
async def worker_killer(
    evaluator: Evaluator,
    most: int = 1 << 30,
    then: Callable[[], object] = lambda: None,
    pids: Callable[[], list[int]] | None = None,
) -> AsyncGenerator[list[int]]:
    """Kills the workers of programs that tell that they run: the outermost process, or what runs in the jail. ``pids``
    says which jails are looked at: without it, those that run programs."""
    killed: list[int] = []
    jails = pids or evaluator.pool.pids

    async def kill() -> None:
        while len(killed) < most:
            await asyncio.sleep(TURN)
            for process in filter(_marked, running(*jails())):
                jail = next(pid for pid in jails() if _above(process, pid))
                victims = psutil.Process(jail).children() if len(killed) % 2 else []
                (victims[0] if victims else psutil.Process(jail)).kill()
                killed.append(jail)
                then()
                await until(lambda process=process: not _runs(process))

    async def forever() -> None:
        while len(killed) < most:
            with contextlib.suppress(psutil.NoSuchProcess, StopIteration):
                await kill()

    killing = asyncio.create_task(forever())
    try:
        yield killed
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _marked(process: psutil.Process) -> bool:
    """The control writes to standard error as well, but not this."""
    try:
        with open(f"/proc/{process.pid}/fd/2", "rb") as errors:
            return os.pread(errors.fileno(), 8, 0) == b"running\n"
    except OSError:
        return False


def _above(process: psutil.Process, pid: int) -> bool:
    return pid in [parent.pid for parent in process.parents()]


async def judged(
    jail: str,
    problem: Problem,
    program: Submission | str = ATTACK,
    *,
    benefit_of_doubt: bool = False,
    most: int = 1 << 30,
):
    async with Evaluator(jail=jail, workers=1, cache=0, benefit_of_doubt=benefit_of_doubt) as own:
        async with worker_killer(own, most) as killed:
            report = await own.evaluate(problem, program)
        assert (await own.evaluate(problem, SUM)).accepted
    return report, killed


async def test_a_program_that_new_workers_break_on_is_a_violation(jail, problem, kept):
    report, killed = await judged(jail, problem(ONE_TEST, **PATIENT))
    assert (report.status, report.reward) == (Status.RUNTIME_ERROR, 0.0), report
    assert (report.message or "").startswith("sandbox violation: ") and report.sandbox_violation
    assert len(killed) == 3  # the worker that there was, and two new ones
    tally, metrics = Tally(), Metrics()
    tally.add(report)
    metrics.verdict(report, None)
    summary = tally.summary(workers=1, jail=jail, skipped_rows=0, interrupted=False)
    assert (summary.sandbox_violations, summary.system_errors) == (1, 0)
    assert b"microcoder_sandbox_violations_total 1.0" in metrics.text()
    (row,) = map(json.loads, kept.read_bytes().splitlines())
    assert row["submissions"][0]["code"] == ATTACK
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_what_is_kept_can_be_run_again(problem, kept):
    violations.keep(problem(ONE_TEST), Submission(code=SUM))
    command = [sys.executable, "-m", "microcoder.evaluator.cli", "run", str(kept), "--workers", "1"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "accepted" in done.stdout + done.stderr, done.stderr


async def test_what_is_kept_is_bounded(problem, kept, monkeypatch):
    monkeypatch.setattr(violations, "BYTES", 3000)
    for number in range(9):
        violations.keep(problem(ONE_TEST), Submission(code=f"{SUM}# {number}" + "x" * 1000))
    violations.keep(problem(ONE_TEST), Submission(code="x" * 4000))
    assert {path.name for path in kept.parent.glob("*.jsonl")} == {violations.NAME, violations.OLD}
    assert all(path.stat().st_size <= 3000 for path in kept.parent.iterdir())
    assert "# 8" in kept.read_text()


async def test_no_half_of_a_row_is_left_where_the_disk_is_full(problem, kept):
    violations.keep(problem(ONE_TEST), Submission(code=SUM))
    before, (soft, hard) = kept.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        violations.keep(problem(ONE_TEST), Submission(code=SUM))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept.read_bytes() == before


@pytest.mark.parametrize("most", [1, 2])
async def test_two_workers_that_break_prove_nothing(jail, problem, kept, most):
    """The one that there was, and one new one; the third runs the program, which is let go by nobody."""
    report, _ = await judged(jail, problem(ONE_TEST, idle_time=0.5, wall_time=600.0), most=most)
    assert report.status is Status.TIME_LIMIT_EXCEEDED
    assert not kept.exists()


async def test_the_benefit_of_the_doubt_is_no_verdict(jail, problem, kept):
    report, _ = await judged(jail, problem(ONE_TEST, **PATIENT), benefit_of_doubt=True)
    assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None), report
    assert report.sandbox_violation and kept.exists()


async def test_where_the_control_breaks_workers_too_the_judge_has_failed(jail, problem, kept, monkeypatch):
    monkeypatch.setattr(control, "SOURCE", f"{HELD}{control.SOURCE}")
    report, killed = await judged(jail, problem(ONE_TEST, **PATIENT))
    assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None), report
    assert not report.sandbox_violation and "control" in (report.message or "")
    assert len(killed) == 4
    assert not kept.exists()


async def test_where_the_host_is_short_of_something_meanwhile_it_is_to_blame(jail, problem, kept, tmp_path):
    """A cgroup of the test's own: its counter moves with every kill."""
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "cgroup.controllers").write_text("memory pids\n")
    (tmp_path / "cgroup").write_text("0::/group\n")
    (tmp_path / "mountinfo").write_text(f"30 29 0:1 / {tmp_path} rw - cgroup2 cgroup2 rw\n")
    counter = tmp_path / "group" / "memory.events"
    counter.write_text("oom_kill 0\n")

    def count() -> None:
        counter.write_text(f"oom_kill {int(counter.read_text().split()[1]) + 1}\n")

    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        own.pool.shortages.close()
        own.pool.shortages = Shortages(tmp_path)
        async with worker_killer(own, then=count):
            report = await own.evaluate(problem(ONE_TEST, **PATIENT), ATTACK)
    assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None), report
    assert "oom_kill" in (report.message or "") and not kept.exists()


async def test_programs_of_other_languages(jail, problem, kept, cpp):
    report, _ = await judged(
        jail, problem(ONE_TEST, **PATIENT, compile_time=20.0), Submission(code=CPP, language="cpp")
    )
    assert (report.status, report.reward) == (Status.RUNTIME_ERROR, 0.0), report
    assert report.sandbox_violation and kept.exists()


async def test_calls_and_assertions(jail, call, kept):
    for mode in ("call", "assert"):
        built = call("f", ([1], 2), **PATIENT)
        if mode == "assert":
            tests = (TestCase(code="def near(x, y): return x == y\nassert near(f(1), 2)"),)
            built = Problem(
                problem_id="a",
                mode="assert",
                tests=tests,
                limits=built.limits,
                checker=Checker(type="assert"),
                entry_point="f",
            )
        async with Evaluator(jail=jail, workers=1, cache=0) as own, worker_killer(own):
            report = await own.evaluate(built, f"{HELD}def f(n): return n + 1")
        assert report.sandbox_violation and report.reward == 0.0, report


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"memory": 1024 * MIB, "output": 16 * MIB, "stderr": 4 * MIB, "file_size": 16 * MIB, "threads": 32},
        {"memory": 16 * MIB, "output": 1, "stderr": 1, "file_size": 1, "open_files": 8, "threads": 1},
        {"memory": 64 * MIB, "open_files": 1000, "threads": 500},
        {"memory": 1},
    ],
    ids=["small", "usual", "tiny", "many", "none"],
)
@pytest.mark.parametrize("kind", [PYTHON, NATIVE], ids=["python", "native"])
async def test_the_control_runs_well_under_every_limit(evaluator, problem, kind, limits):
    own = problem(ONE_TEST, **limits).limits
    work = Work(inputs=Inputs([b"1 2\n"] * 3), source=b"", tests=[2, 0, 1], limits=own)
    failure = await failure_of_control(evaluator.pool, kind, work, alone=False)
    if limits.get("memory") == 1:  # where no program is within its limits, none proves anything
        assert failure is not None and "memory" in failure
    else:
        assert failure is None


async def test_the_control_uses_what_there_is(evaluator, problem):
    """It is no control where it needs much less than a program may."""
    own = problem(ONE_TEST, memory=256 * MIB, output=MIB, cpu_time=60.0, idle_time=60.0, wall_time=600.0).limits
    used = {name: getattr(own, name) for name in control.USED}
    own_problem = Problem(problem_id="control", tests=problem(("", "x")).tests, limits=own)
    source = f"import json\nLIMITS = {json.dumps(used)!r}\n{control.SOURCE}"
    report = await evaluator.evaluate(own_problem, source)
    (test,) = report.tests
    assert (test.status, test.exit_code) == (Status.WRONG_ANSWER, 0), test
    assert 0.85 * 256 * MIB < (test.memory or 0) <= 256 * MIB


CHECK = f"""
def check(input, output, expected):
    if output != expected:
        {"; ".join(HELD.strip().splitlines())}
    return True
"""


async def test_an_output_that_workers_of_a_checker_break_on_is_rejected(jail, problem):
    """The control is the expected output."""
    own = problem(ONE_TEST)
    checker = Checker(type="python", source=CHECK, limits=msgspec.structs.replace(own.limits, **PATIENT))
    own = msgspec.structs.replace(own, checker=checker)
    async with Evaluator(jail=jail, workers=1, cache=0) as one:
        assert (await one.evaluate(own, SUM)).accepted
        async with worker_killer(one, pids=one.checkers.pids) as killed:
            report = await one.evaluate(own, "print(4)")
    assert (report.status, report.reward) == (Status.WRONG_ANSWER, 0.0), report
    assert len(killed) == 3
