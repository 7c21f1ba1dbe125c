"""Who waits for a processor is not idle, and who is blocked is."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("niceness", "used", "idle"),
    [(0, 0.0, True), (0, 0.0005, True), (0, 0.002, False), (19, 0.0, True), (19, 0.0005, False)],
)
def test_a_share_of_the_processor_is_what_that_niceness_leaves(niceness: int, used: float, idle: bool) -> None:
    """``used``: seconds in each sample of 0.2."""
    command = ["nice", "-n", str(niceness), sys.executable, "-c", LOOK.replace("USED", str(used))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{idle}\n"
