"""``ulimit -u``: the kernel counts nothing that it refuses by it, and root is exempt. The evaluator runs as a user of the
test's own, so that nobody else's processes count."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from .test_shortage import THREADS, row

USER = 61_000 + os.getpid() % 4000
"""Nobody's, and of this process of the tests alone."""


@pytest.fixture
def run(jail: str):
    """``run(most, rows)``: reports and what was said, where that user may have so many processes and threads."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user, and of this one other processes count")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv of util-linux is missing")
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "prlimit"]

    def start(most: int, rows: str) -> tuple[list[dict[str, Any]], str]:
        file, reports = folder / "rows.jsonl", folder / "reports.jsonl"
        reports.unlink(missing_ok=True)
        file.write_text(rows)
        command = [sys.executable, "-m", "microcoder.evaluator.cli", "run", str(file), "--quiet", "--workers", "1"]
        command += ["--jail", jail, "--output", str(reports)]
        limited = [*become, f"--nproc={most}", *command]
        done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=100)
        assert "Traceback" not in done.stderr, done.stderr
        return [json.loads(line) for line in reports.read_text().splitlines()] if reports.exists() else [], done.stderr

    with tempfile.TemporaryDirectory() as name:  # that of pytest is closed to other users
        folder = Path(name)
        folder.chmod(0o777)
        reports, said = start(4096, row("p", ("", "1\n"), "print(1)"))
        if not reports:
            pytest.skip(f"another user cannot judge with this checkout and its Python: {said.splitlines()[-1]}")
        yield start


def test_threads_that_it_refuses_are_no_fault_of_the_program(run) -> None:
    reports, said = run(26, row("p", ("24\n", "24\n"), THREADS, "print(1)", "print(24)", idle_time=2))
    assert "(ulimit -u): not even one fits" in said
    assert [report["status"] for report in reports] == ["system_error", "wrong_answer", "accepted"], reports
    assert "ulimit -u left " in reports[0]["message"]


def test_where_there_is_room_a_failure_is_the_programs(run) -> None:
    greedy = "import threading\nwhile True: threading.Thread(target=threading.Event().wait, daemon=True).start()"
    reports, _ = run(200, row("p", ("24\n", "24\n"), THREADS, greedy, "1 / 0"))
    assert [report["status"] for report in reports] == ["accepted", "runtime_error", "runtime_error"], reports


@pytest.mark.parametrize("most", range(1, 20, 3))
def test_where_next_to_none_are_left_there_is_a_sentence(run, most: int) -> None:
    reports, said = run(most, row("p", ("24\n", "24\n"), THREADS, idle_time=2))
    assert said
    assert all(report["status"] == "system_error" for report in reports), reports
