"""``microcoder-eval``: the evaluator as a command.

    options   the command line as types; the text of --help
    run       judge files of programs: sets everything up, handles interruption, decides the exit code
    reports   the file of reports: written row by row, gone on with after an interruption
    summary   what a run comes to: counts, rates, labels against verdicts; as JSON and as a table
    progress  what is seen of a run while it lasts

Nothing heavy is imported before the command line has parsed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of ``microcoder-eval``; returns the exit code."""
    from .options import Doctor, parse

    options = parse(arguments)
    try:
        if isinstance(options, Doctor):
            from ...sandbox.doctor import main as doctor

            return doctor(options)
        from .run import run

        return run(options)
    except BrokenPipeError:  # whoever read our output has had enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE
