"""What a server keeps for later, and how much memory and disk each part of it may take.

The operator says how much it may be together; here it is divided.
"""

from __future__ import annotations

import msgspec

from ..memory import Memory

PROBLEMS, PREPARED, TRUTHS, VERDICTS, HISTORY, CHECKERS = 0.35, 0.40, 0.05, 0.08, 0.05, 0.07
"""Of the memory. A problem is ready for judging, or just held, when its programs come again and again."""
PROBLEM_FILES, VERDICT_FILE = 0.75, 0.25
"""Of the disk."""
KINDS = (
    *("problems", "prepared", "truths", "verdicts", "history", "checkers"),
    *("problem_files", "verdict_file"),
)
"""Names of all that is kept."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that one engine process may keep; of what is on the disk, all of them together."""

    problems: int
    """Problems, as clients sent them."""
    evaluator: Memory
    """Problems ready for judging, verdicts and checkers."""
    truths: int
    """Problems that were made of the ground truth of reward requests."""
    history: int
    """Judgements that can be read on the status page."""
    problem_files: int
    verdict_file: int


def divided(memory: int, disk: int, engines: int) -> Budget:
    """The budget of each of the engines. ``memory``, ``disk``: bytes of the whole server."""
    share = memory / engines
    return Budget(
        problems=int(PROBLEMS * share),
        evaluator=Memory(
            prepared=int(PREPARED * share),
            verdicts=int(VERDICTS * share),
            checkers=int(CHECKERS * share),
        ),
        truths=int(TRUTHS * share),
        history=int(HISTORY * share),
        problem_files=int(PROBLEM_FILES * disk),
        verdict_file=int(VERDICT_FILE * disk),
    )
