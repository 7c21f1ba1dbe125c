"""A shortage of the host costs no program its reward, and no program can claim one.

The evaluator runs as a process of its own in cgroups that this file makes; skipped where none can be made.
"""

from __future__ import annotations

import json
import re
import sys

import pytest

from microcoder.evaluator.status import Status

from ..cgroups import limited

THREADS = """
import threading, time
wanted = int(input())
ready = threading.Barrier(wanted + 1)
for _ in range(wanted): threading.Thread(target=ready.wait).start()
time.sleep(0.3)  # several programs hold theirs at the same time
ready.wait()
print(wanted)
"""
MEMORY = (
    "held = bytearray(int(input()) << 20)\nfor at in range(0, len(held), 4096): held[at] = 1\nprint(len(held) >> 20)"
)
SELF_KILLED = {
    "kill": "import os\nos.kill(os.getpid(), 9)",
    "raise": "import signal\nsignal.raise_signal(9)",
    "thread": "import os, signal, threading\nsignal.pthread_kill(threading.get_ident(), 9)",
    "RLIMIT_CPU": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
    "timer": "import ctypes, struct\nlibc = ctypes.CDLL(None)\nevent = ctypes.create_string_buffer(64)\n"
    "struct.pack_into('<Qii', event, 0, 0, 9, 0)\ntimer = ctypes.c_int()\n"
    "libc.syscall(222, 1, event, ctypes.byref(timer))\n"
    "libc.syscall(223, timer.value, 0, struct.pack('<qqqq', 0, 0, 0, 1000), 0)\nwhile True: pass",
    "parent of its death": "import ctypes, os, threading\nctypes.CDLL(None).prctl(1, 9)\nos.kill(os.getpid(), 9)",
    "after holding memory": "held = bytearray(100 << 20)\nfor at in range(0, len(held), 4096): held[at] = 1\n"
    "import os\nos.kill(os.getpid(), 9)",
}
MIB = 1 << 20


def row(problem_id: str, test: tuple[str, str], *programs: str, **limits: object) -> str:
    submissions = [{"code": code, "name": str(number)} for number, code in enumerate(programs)]
    tests = [{"input": test[0], "output": test[1]}]
    problem = {"problem_id": problem_id, "tests": tests, "submissions": submissions, "limits": limits}
    return json.dumps(problem) + "\n"


def run(cgroups, tmp_path, rows: str, *options: str) -> tuple[int, list[dict], str]:
    """(exit code, reports, what it said)."""
    (tmp_path / "rows.jsonl").write_text(rows)
    command = [sys.executable, "-m", "microcoder.evaluator.cli", "run", str(tmp_path / "rows.jsonl"), "--quiet"]
    process = cgroups.start([*command, "--output", str(tmp_path / "reports.jsonl"), *options])
    try:
        _, said = process.communicate(timeout=100)
    finally:
        process.kill()
    assert "Traceback" not in said, said
    reports = tmp_path / "reports.jsonl"
    found = [json.loads(line) for line in reports.read_text().splitlines()] if reports.exists() else []
    return process.returncode, found, said


# --------------------------------------------------------------------------------------------------------- processes


@pytest.mark.parametrize("most", range(3, 24))
def test_a_process_that_was_refused_is_waited_for_by_nobody(tmp_path, jail, most):
    """One limit is where the evaluator, the jail, the runner, the zygote, a stand-in (for threading) or its test
    process is one too many."""
    with limited(pids=most) as cgroups:
        code, reports, said = run(
            cgroups, tmp_path, row("p", ("1\n", "1\n"), THREADS), "--workers", "1", "--jail", jail
        )
    assert (code, len(reports)) in ((0, 1), (1, 1)) or (code in (2, 3) and said), (code, reports, said)
    assert all(report["status"] in ("accepted", "system_error") for report in reports), reports


def test_threads_that_the_host_refused_are_given_to_a_program_that_is_alone(tmp_path, jail):
    rows = "".join(row(f"p{n}", ("24\n", "24\n"), THREADS, f"{THREADS}#") for n in range(3))
    with limited(pids=46) as cgroups:
        _, reports, said = run(cgroups, tmp_path, rows, "--workers", "3", "--jail", jail)
        assert cgroups.count("pids.events", "max") > 0
    assert "(pids.max of this cgroup): " in said, said
    assert [report["status"] for report in reports] == ["accepted"] * 6, (reports, said)


def test_threads_that_the_host_cannot_give_are_no_fault_of_the_program(tmp_path, jail):
    with limited(pids=20) as cgroups:
        code, reports, _ = run(cgroups, tmp_path, row("p", ("24\n", "24\n"), THREADS), "--workers", "1", "--jail", jail)
    (report,) = reports
    assert (code, report["status"]) == (1, "system_error")
    assert "refused processes or threads (max in " in report["message"], report["message"]


def test_a_program_cannot_make_the_host_refuse_it_threads(tmp_path, jail):
    """Its own limit comes first, however often it asks."""
    greedy = (
        "import threading\nwait = threading.Event().wait\nwhile True:\n  try: threading.Thread(target=wait).start()\n"
    )
    attack = f'{greedy}  except RuntimeError: raise SystemExit("can\'t start new thread")'
    with limited(pids=60) as cgroups:
        _, reports, _ = run(cgroups, tmp_path, row("p", ("", ""), attack, threads=24), "--workers", "1", "--jail", jail)
        assert cgroups.count("pids.events", "max") == 0
    assert reports[0]["status"] in ("runtime_error", "time_limit_exceeded")


# ------------------------------------------------------------------------------------------------------------ memory


def test_memory_that_the_host_lacks_is_no_fault_of_the_program(tmp_path, jail):
    with limited(memory=300 * MIB) as cgroups:
        rows = row("p", ("500\n", "500\n"), MEMORY)
        code, reports, said = run(cgroups, tmp_path, rows, "--workers", "1", "--jail", jail)
        assert re.search(r"warning: 1 worker may need \d{4} MiB of memory, and \d+ are left \(of this cgroup\)", said)
        assert "not even one fits" in said, said
        assert cgroups.count("memory.events" if cgroups.version == 2 else "memory.oom_control", "oom_kill") > 0
    (report,) = reports
    assert (code, report["status"]) == (1, "system_error"), report
    assert "want of memory (oom_kill in " in report["message"] and "it may use 1024" in report["message"]


def test_memory_that_suffices_for_one_is_given_to_a_program_that_is_alone(tmp_path, jail):
    rows = row("p", ("300\n", "300\n"), *(f"{MEMORY}#{n}" for n in range(4)))
    with limited(memory=500 * MIB) as cgroups:
        _, reports, said = run(cgroups, tmp_path, rows, "--workers", "2", "--jail", jail)
    assert [report["status"] for report in reports] == ["accepted"] * 4, (reports, said)


def test_a_program_that_holds_more_than_its_memory_in_files_has_exceeded_its_limit(tmp_path, jail):
    """There is room for all that it may use: what the kernel ended it for is its own doing."""
    files = "for n in range(7):\n  for f in '/tmp', '/work': open(f'{f}/{n}', 'wb').write(bytes(8 << 20))\n"
    attack = files + MEMORY.replace("int(input())", "380")
    with limited(memory=500 * MIB) as cgroups:
        rows = row("p", ("", "380\n"), attack, memory=400 * MIB)
        code, reports, _ = run(cgroups, tmp_path, rows, "--workers", "1", "--jail", jail)
    (report,) = reports
    assert (code, report["status"]) == (0, "memory_limit_exceeded"), report
    assert report["tests"][0]["limit"] == "memory" and "want of memory" in report["message"]


def test_a_program_that_ends_itself_by_the_same_signal_was_not_ended_by_the_host(tmp_path, jail):
    """Also while the kernel ends others: every second program is one that it does end."""
    programs = [part for attack in SELF_KILLED.values() for part in (attack, f"{MEMORY}#{attack}")]
    with limited(memory=300 * MIB) as cgroups:
        rows = row("p", ("500\n", "500\n"), *programs)
        _, reports, _ = run(cgroups, tmp_path, rows, "--workers", "2", "--jail", jail)
    statuses = [report["status"] for report in reports]
    assert statuses[1::2] == ["system_error"] * len(SELF_KILLED), statuses
    assert statuses[::2] == ["runtime_error"] * len(SELF_KILLED), dict(zip(SELF_KILLED, statuses[::2], strict=True))


@pytest.mark.parametrize("name", SELF_KILLED)
@pytest.mark.asyncio(loop_scope="session")
async def test_the_signal_alone_is_no_shortage(arena, name):
    result = await arena.run(SELF_KILLED[name], cpu_time=3, wall_time=60)
    assert (result.status, result.signal) == (Status.RUNTIME_ERROR, 9), result.message
