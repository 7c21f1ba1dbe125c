"""``microcoder-eval``: the evaluator as a command.

    options   the command line as types; the text of --help; which module does each command
    calibrate limits from what right programs take
    errors    mistakes of the user, and the exit codes
    rejudge   the reports of a run under another rule
    run       judge files of programs: sets everything up, handles interruption, decides the exit code
    serve     the server: address, tokens, folder; hands over to evaluator/server
    engine    the options that run and serve have in common
    notices   what is said of the rows that were read
    inspect   say what was understood of files of problems
    formats   say which data sets are read
    convert   write problems as rows of another format
    rowfile   files of such rows: there whole, or not at all
    reports   the file of reports: written row by row, gone on with after an interruption
    ahead     reports that are there before their turn
    summary   what a run comes to: counts, rates, labels against verdicts; as JSON and as a table
    progress  what is seen of a run while it lasts
    terminal  how all of them write: what files and programs say has no control over a terminal

Nothing heavy is imported before the command line has parsed.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of ``microcoder-eval``; returns the exit code. A mistake of the user is a sentence on stderr."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by `2>&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115

    from ...sandbox.errors import JailUnavailable, MicrocoderError, WorkerFailure
    from .errors import NO_JAIL, UNUSABLE
    from .terminal import say

    try:
        try:
            from .options import parse

            module, options = parse(arguments)
            return importlib.import_module(module, __package__).main(options)
        finally:
            sys.stdout.flush()
    except MicrocoderError as error:
        say(f"microcoder-eval: {error}")
        return NO_JAIL if isinstance(error, JailUnavailable | WorkerFailure) else UNUSABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # whoever read our output has had enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        say(f"microcoder-eval: cannot write: {error}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return UNUSABLE
