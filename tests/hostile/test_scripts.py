"""Validators that are shell scripts see what is installed, and nothing else of the host; and leave nothing behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil
import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, TestCase

HERE = Path(__file__).resolve()
SCRIPT = """#!/bin/sh
told=""
for file in /etc/passwd /etc/hostname /home /sys /var @HERE@; do [ -e "$file" ] && told="$told $file"; done
python3 - > found 2>&1 <<PY
import socket
for kind in (socket.AF_INET, socket.AF_UNIX):
    try: print("socket", socket.socket(kind))
    except OSError: pass
for name in ("/usr/bin/mine", "/mine", "/dev/mine"):
    try: open(name, "w"); print("wrote", name)
    except OSError: pass
PY
sleep @LONG@ &
echo "saw:$told $(cat found)" > "$3"judgemessage.txt
exit 42
"""


@pytest.mark.skipif(not shutil.which("python3", path="/usr/bin:/usr/local/bin"), reason="needs a python3 in /usr")
@pytest.mark.asyncio(loop_scope="session")
async def test_scripts_of_a_validator_are_jailed(evaluator: Evaluator) -> None:
    if HERE.is_relative_to("/usr"):
        pytest.skip("the project itself is installed in /usr, which these scripts see")
    long = str(1_000_000 + os.getpid())  # tells its process from those of other tests
    source = SCRIPT.replace("@HERE@", os.fspath(HERE)).replace("@LONG@", long)
    checker = Checker(type="validator", language="run", source=source)
    problem = Problem(problem_id="p", tests=(TestCase("1", "1"), TestCase("2", "1")), checker=checker)
    report = await evaluator.evaluate(problem, "print(1)")
    assert report.accepted, report.message
    assert [test.message for test in report.tests] == ["saw:"] * 2
    assert not [each for each in psutil.process_iter(["cmdline"]) if long in (each.info["cmdline"] or ())]
