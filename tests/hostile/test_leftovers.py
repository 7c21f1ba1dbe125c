"""Nothing is left behind: no process, no mount, no file, no descriptor; however the evaluator or a jail ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from microcoder.evaluator import Evaluator, Report
from microcoder.evaluator.status import Status
from microcoder.sandbox.worker import Inputs

from ..events import HELD, PATIENT, SECONDS, TELLS, descendants, finish, running, running_in, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUM = "a, b = map(int, input().split())\nprint(a + b)\n"
PROGRAMS = {
    "computing": f"{TELLS}while True: pass",
    "asleep": f"{TELLS}import time\ntime.sleep(999)",
    "deaf": "import signal\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n"
    f"  except (OSError, ValueError): pass\n{TELLS}while True: pass",
    "compiling": "".join(f"{' ' * n}try: pass\n{' ' * n}finally:\n" for n in range(24)) + " " * 24 + "pass",
    "with files": "open('/tmp/f', 'wb').write(bytes(1 << 20))\nopen('/work/f', 'wb').write(bytes(1 << 20))\n"
    f"{TELLS}while True: pass",
    "with threads": "import threading\ndef f():\n  while True: pass\n"
    f"for _ in range(5): threading.Thread(target=f).start()\n{TELLS}",
    "with numpy": f"import numpy\n{TELLS}while True: pass",
}
JUDGE = """
import asyncio, signal, sys
from microcoder.evaluator import Evaluator, Problem, TestCase
from microcoder.sandbox.worker import Inputs
from microcoder.sandbox.limits import Limits

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored

async def main():
    limits = Limits(cpu_time=600, idle_time=600, compile_time=600)
    problem = Problem(problem_id="endless", tests=(TestCase("", ""),), limits=limits)
    async with Evaluator(jail=sys.argv[1], workers=2, cache=0) as evaluator:
        await asyncio.gather(*(evaluator.evaluate(problem, f"{sys.argv[2]}\\n# {n}") for n in range(4)))

asyncio.run(main())
"""


class Started:
    """A process of its own session, with a folder for temporary files, and everything that descends from it."""

    def __init__(self, *arguments: str, temporary: Path, output: int = subprocess.PIPE) -> None:
        self.temporary = temporary
        self.mounts = mounts()
        environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=output, stderr=subprocess.PIPE, text=True
        )

    async def until_two_programs_run(self) -> list[psutil.Process]:
        """Or are compiled, each in a process of its own. All processes there are then."""

        def two() -> bool:
            assert self.process.poll() is None, self.process.communicate()[1]
            return len(running(self.process.pid)) + len(guards(self.process.pid)) >= 2

        await until(two)
        return descendants(self.process.pid)

    def end(self) -> None:
        for process in (*descendants(self.process.pid), self.process) if self.process.poll() is None else ():
            process.kill()
        self.process.communicate()


def guards(evaluator: int) -> list[psutil.Process]:
    """Processes that compile one program: what runners have started besides their zygotes."""
    found: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for outermost in psutil.Process(evaluator).children():
            for runner in outermost.children():
                found += runner.children()[1:]
    return found


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Without those that only wait to be reaped by somebody else."""

    def lives(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:  # it ended between the two questions
            return False

    return [process for process in processes if lives(process)]


async def survivors(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that do not end. This ends them, so that no test leaves what its subject has left."""
    with contextlib.suppress(AssertionError):
        await until(lambda: not alive(processes))
    found = alive(processes)
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return found


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


async def nothing_is_left(started: Started, before: list[psutil.Process]) -> None:
    assert await survivors(before) == []
    assert list(started.temporary.iterdir()) == []
    assert mounts() == started.mounts


@pytest.fixture
def start(tmp_path, mounts_alike) -> Iterator:
    folder = tmp_path / "temporary"
    folder.mkdir()
    started: list[Started] = []

    def new(*arguments: str, **options) -> Started:
        started.append(Started(*arguments, temporary=folder, **options))
        return started[-1]

    yield new
    for each in started:
        each.end()


@pytest.mark.parametrize(
    ("program", "how"), [*((name, "SIGKILL") for name in PROGRAMS), ("computing", "SIGTERM"), ("asleep", "SIGHUP")]
)
async def test_the_end_of_the_evaluator_is_the_end_of_all(start, jail, program, how):
    started = start("-c", JUDGE, jail, PROGRAMS[program])
    before = await started.until_two_programs_run()
    started.process.send_signal(getattr(signal, how))
    await asyncio.to_thread(started.process.wait, SECONDS)
    await nothing_is_left(started, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_an_interrupted_run_leaves_a_valid_file_and_nothing_else(start, jail, tmp_path, number):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "reports.jsonl"
    submissions = [{"code": f"import time\ntime.sleep(0.05)\n{SUM}# {n}"} for n in range(400)]
    row = {"problem_id": "sums", "tests": [{"input": "1 2\n", "output": "3\n"}], "submissions": submissions}
    await asyncio.to_thread(rows.write_text, json.dumps(row) + "\n")
    command = ["-m", "microcoder.evaluator.cli", "run", str(rows), "-o", str(out), "--jail", jail, "--workers", "2"]
    started = start(*command, output=subprocess.DEVNULL)
    await until(lambda: out.exists() and out.read_bytes().count(b"\n") >= 4)
    before = descendants(started.process.pid)
    assert len(before) >= 4
    started.process.send_signal(number)
    code = await asyncio.to_thread(started.process.wait, SECONDS)
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    await nothing_is_left(started, before)
    lines = (await asyncio.to_thread(out.read_bytes)).split(b"\n")
    complete = lines[:-1] if number == signal.SIGKILL else [line for line in lines if line]
    assert 4 <= len(complete) < 400
    for line in complete:
        assert msgspec.json.decode(line, type=Report).status is Status.ACCEPTED


# ---------------------------------------------------------------------------------------- a jail that ends too early


def everything_in(evaluator: Evaluator) -> list[psutil.Process]:
    return [process for pid in evaluator.pool.pids() for process in (psutil.Process(pid), *descendants(pid))]


async def test_a_killed_jail_costs_its_program_nothing(jail, problem):
    async with Evaluator(jail=jail, workers=2, cache=0) as own:
        sums = problem(("1 2\n", "3\n"), **PATIENT)
        judging = asyncio.gather(*(own.evaluate(sums, f"{HELD}{SUM}# {n}") for n in range(2)))
        await until(lambda: len(running_in(own)) == 2)
        before = everything_in(own)
        for pid in own.pool.pids():
            os.kill(pid, signal.SIGKILL)
        for report in await finish(judging, own):
            assert report.status is Status.ACCEPTED, report.message
        assert await survivors(before) == []


@pytest.mark.parametrize("which", ["outermost", "process 1", "zygote", "test"])
async def test_any_process_of_a_jail_may_die(jail, problem, which):
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        judging = asyncio.create_task(own.evaluate(problem(("1 2\n", "3\n"), **PATIENT), HELD + SUM))
        (test,) = await until(lambda: running_in(own))
        outermost, first, *_ = everything_in(own)
        zygote = test.parent()
        assert zygote is not None and zygote.parent() == first
        {"outermost": outermost, "process 1": first, "zygote": zygote, "test": test}[which].kill()
        report = await finish(judging, own)
        allowed = [Status.ACCEPTED]
        if which == "test":  # which looks as if the program had killed itself
            allowed.append(Status.RUNTIME_ERROR)
        assert report.status in allowed, report.message
        assert (await own.evaluate(problem(("1 2\n", "3\n")), SUM)).accepted
        assert (await own.evaluate(problem(("1 2\n", "4\n")), SUM)).status is Status.WRONG_ANSWER


async def test_what_programs_compute_counts_with_the_processes_that_were_waited_for(jail, problem):
    """In getrusage, which is how a run, or a batch system, sees what it used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        report = await own.evaluate(problem(("1 2\n", "3\n"), cpu_time=5), f"sum(range(20_000_000))\n{SUM}")
    assert report.accepted
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before >= 0.8 * report.cpu_time


async def test_a_jail_that_dies_while_idle_is_replaced(jail, problem):
    async with Evaluator(jail=jail, workers=2, cache=0) as own:
        for number in range(3):
            for pid in own.pool.pids():
                os.kill(pid, signal.SIGKILL)
            reports = [own.evaluate(problem(("1 2\n", "3\n")), f"{SUM}# {number} {n}") for n in range(4)]
            assert all(report.accepted for report in await asyncio.gather(*reports))


async def test_the_end_of_the_outermost_process_is_the_end_of_its_jail(jail, problem):
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        judging = asyncio.create_task(own.evaluate(problem(("", ""), **PATIENT), PROGRAMS["asleep"]))
        await until(lambda: running_in(own))
        before = everything_in(own)
        os.kill(own.pool.pids()[0], signal.SIGKILL)
        assert await survivors(before) == []
        judging.cancel()
        await asyncio.gather(judging, return_exceptions=True)


async def test_a_stopped_jail_can_be_closed(jail, problem):
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        assert (await own.evaluate(problem(("1 2\n", "3\n")), SUM)).accepted
        before = everything_in(own)
        for process in before:
            process.suspend()
    assert await survivors(before) == []


async def test_a_cancelled_program_does_not_run_on(jail, problem):
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        judging = asyncio.create_task(own.evaluate(problem(("", ""), **PATIENT), PROGRAMS["asleep"]))
        tests = await until(lambda: running_in(own))
        judging.cancel()
        await asyncio.gather(judging, return_exceptions=True)
        assert await survivors(tests) == []
        assert (await own.evaluate(problem(("1 2\n", "3\n")), SUM)).accepted


# -------------------------------------------------------------------------------------------------------- after close


def descriptors() -> dict[str, str]:
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that reads the folder
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found


@pytest.mark.parametrize("end", ["ends", "raises", "is killed"])
async def test_after_close_there_is_nothing(jail, problem, tmp_path, monkeypatch, end):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def use() -> list[psutil.Process]:
        async with Evaluator(jail=jail, workers=2, cache=0) as own:
            sources = [
                SUM,
                "while True: pass",
                "import os\nos._exit(1)",
                "x = bytearray(10 ** 10)",
                f"import numpy\n{SUM}",
            ]
            await asyncio.gather(*(own.evaluate(problem(("1 2\n", "3\n"), cpu_time=0.2), each) for each in sources))
            found = everything_in(own)
            if end == "raises":
                raise KeyError(found)
            if end == "is killed":
                for pid in own.pool.pids():
                    os.kill(pid, signal.SIGKILL)
        return found

    async def used() -> list[psutil.Process]:
        try:
            return await use()
        except KeyError as error:
            return error.args[0]

    await used()  # what is opened once and kept: the executor, numpy's place
    before, children = descriptors(), {p.pid for p in psutil.Process().children(recursive=True)}
    processes = await used()
    assert await survivors(processes) == []
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= children
    assert len(descriptors()) <= len(before), set(descriptors().items()) - set(before.items())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["cancelled", "closed"])
async def test_a_jail_that_is_still_starting_is_not_forgotten(jail, problem, tmp_path, monkeypatch, end):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def use(delay: float) -> None:
        async with Evaluator(jail=jail, workers=1, cache=0) as own:
            os.kill(own.pool.pids()[0], signal.SIGKILL)
            await until(lambda: not own.pool.pids())  # it is known to be dead
            judging = asyncio.create_task(own.evaluate(problem(("1 2\n", "3\n")), SUM))
            await asyncio.sleep(delay)
            if end == "cancelled":
                judging.cancel()
        judging.cancel()
        await asyncio.gather(judging, return_exceptions=True)

    await use(0.5)
    before, children = descriptors(), {p.pid for p in psutil.Process().children(recursive=True)}
    for delay in (0, 0.005, 0.02, 0.04):
        await use(delay)
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= children
    assert len(descriptors()) <= len(before), set(descriptors().items()) - set(before.items())


async def test_who_gives_up_while_it_is_to_be_alone_leaves_no_jail(jail):
    """Nor while the idle workers are closed for it, at whichever turn of the loop."""
    inputs = Inputs([b""])

    async def use() -> None:
        async with Evaluator(jail=jail, workers=3, cache=0) as own:
            for turns in range(8):
                async with own.pool.worker(inputs), own.pool.worker(inputs), own.pool.worker(inputs):
                    pass
                alone = asyncio.create_task(own.pool.alone().__aenter__())
                for _ in range(turns):
                    await asyncio.sleep(0)
                alone.cancel()
                await asyncio.gather(alone, return_exceptions=True)

    async with Evaluator(jail=jail, workers=1, cache=0):
        pass  # what is opened once and kept
    before, children = descriptors(), {p.pid for p in psutil.Process().children(recursive=True)}
    await use()
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= children
    assert len(descriptors()) <= len(before), set(descriptors().items()) - set(before.items())
