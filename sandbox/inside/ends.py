"""What the results of a test come to, in the words of the host.

passed    all that ran
failed    by an assertion, or any other exception of the test
raised    by an exception of the program that went through the test
faulty    the test cannot run, whatever the program gives
empty     nothing ran
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .outline import PROGRAM_MODULES
from .suite import FILE, Result

_IMPORTED = re.compile(r"cannot import name '(\w+)' from '(\w+)'")
_RAN = ("passed", "xfailed")


def end_of(results: Sequence[Result], own: str) -> dict[str, Any]:
    """``own``: how the names of the files begin whose code is the program's, or stands for it."""
    failed = next((result for result in results if _fails(result, own)), None)
    if failed is not None:
        end = "raised" if _raised_by(failed.error, own) else "failed"
        return {"end": end, "words": _words(failed), "missing": missing(failed.error, own)}
    faulty = next((result for result in results if result.outcome == "faulty"), None)
    if faulty is not None:
        return {"end": "faulty", "words": _words(faulty)}
    ran = any(result.outcome in (*_RAN, "exited") for result in results)
    return {"end": "passed"} if ran else {"end": "empty", "words": "; ".join(map(_words, results))}


def missing(error: BaseException | None, own: str) -> str | None:
    """A name that the test asked the program for, where that does not give it."""
    if isinstance(error, NameError) and not _raised_by(error, own):
        return error.name
    if isinstance(error, AttributeError) and getattr(error.obj, "__name__", None) in PROGRAM_MODULES:
        return error.name
    if isinstance(error, ImportError) and (found := _IMPORTED.match(str(error))) and found[2] in PROGRAM_MODULES:
        return found[1]
    return None


def _fails(result: Result, own: str) -> bool:
    if result.outcome == "exited":
        error = result.error
        return not isinstance(error, SystemExit) or bool(error.code) or _raised_by(error, own)
    return result.outcome == "failed"


def _raised_by(error: BaseException | None, own: str) -> bool:
    """Whether anything of the program was at it after all of the test: it may be text that the program executes."""
    trace = error.__traceback__ if error is not None else None
    found = False
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        found = file != FILE and (found or file.startswith(own) or (file[:1] == "<" and file[:7] != "<frozen"))
        trace = trace.tb_next
    return found


def _words(result: Result) -> str:
    words = f"{result.name}: {result.words}" if result.name else result.words
    return words.encode("utf-8", "backslashreplace").decode()
