"""Who waits for a processor is not idle, and who is blocked is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LOOK = """
from microcoder.sandbox.inside.idle import Idle
idle = Idle(0.0)
for number in range(1, 11):
    idle.look(0.2 * number, USED * number, in_time=True)
print(idle.seconds > 1)
"""
ORDINARY, NICE, LAST = "pass", "os.nice(19)", "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"


@pytest.mark.parametrize(
    ("priority", "used", "idle"),
    [
        (ORDINARY, 0.0, True),
        (ORDINARY, 0.0005, True),
        (ORDINARY, 0.002, False),
        (NICE, 0.0, True),
        (NICE, 0.0005, False),
        (LAST, 0.0, True),
        (LAST, 0.0005, False),
    ],
)
def test_the_share_of_a_processor_that_shows_it_is_what_the_priority_leaves(
    priority: str, used: float, idle: bool
) -> None:
    """``used``: seconds in each sample of 0.2."""
    if priority == ORDINARY and (os.getpriority(os.PRIO_PROCESS, 0) > 0 or os.sched_getscheduler(0) == os.SCHED_IDLE):
        pytest.skip("this run has no ordinary priority")
    code = f"import os\n{priority}\n{LOOK.replace('USED', str(used))}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{idle}\n"
