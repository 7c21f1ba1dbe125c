"""What the results of a test come to, in the words of the host.

passed    all that ran
failed    by an assertion, or any other exception of the test
raised    by an exception of the program that went through the test
faulty    the test cannot run, whatever the program gives
empty     nothing ran
"""

from __future__ import annotations

import os
import re
import sys
import unittest
from collections.abc import Sequence
from types import CodeType
from typing import Any

from .outline import PROGRAM_MODULES
from .suite import FILE, Result, words_of

_IMPORTED = re.compile(r"cannot import name '(\w+)' from '(\w+)'")
_IDLE = ("skipped", "empty")
_ENDING = "exit", "fail", "main", "quit", "skip"
"""Parts of the names by which a test ends itself."""


def end_of(results: Sequence[Result], own: str) -> dict[str, Any]:
    """``own``: how the names of the files begin whose code is the program's, or stands for it."""
    results = [_honest(result, own) for result in results]
    failed = next((result for result in results if _fails(result, own)), None)
    if failed is not None:
        end = "raised" if _raised_by(failed.error, own) else "failed"
        return {"end": end, "words": _words(failed), "missing": missing(failed.error, own)}
    return unfit(results) or {"end": "passed"}


def unfit(results: Sequence[Result]) -> dict[str, str] | None:
    """What kept the test from running. None: nothing."""
    faulty = next((result for result in results if result.outcome == "faulty"), None)
    if faulty is not None:
        return {"end": "faulty", "words": _words(faulty)}
    if all(result.outcome in _IDLE for result in results):
        return {"end": "empty", "words": "; ".join(map(_words, results))}
    return None


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


def _honest(result: Result, own: str) -> Result:
    """A test may skip or end itself. Where the program has done that, the test has failed."""
    error = result.error
    if result.outcome not in ("exited", "skipped", "xfailed") or error is None:
        return result
    if isinstance(error, Exception) and not isinstance(error, unittest.SkipTest):
        return result  # which the test expects
    if _of_the_test(error, own):
        return result
    return result._replace(outcome="failed", words=f"the program has ended the test by {words_of(error)}")


def _of_the_test(error: BaseException | None, own: str) -> bool:
    """Whether no code but the test's, and that of libraries which it names, was at it."""
    if error is None:
        return True
    trace = error.__traceback__
    last: CodeType | None = None
    libraries = _libraries()
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == FILE:
            last = code
        elif code.co_filename.startswith(own) or not code.co_filename.startswith(libraries):
            return False
        trace = trace.tb_next
    if last is None:  # made of another one
        return _of_the_test(error.__cause__ or error.__context__, own)
    return any(part in name.lower() for name in last.co_names for part in _ENDING)


def _libraries() -> tuple[str, ...]:
    """How the names of files begin that no program has written."""
    pytest = sys.modules.get("_pytest")
    folders = [os.path.dirname(os.__file__), os.path.dirname(__file__)]
    folders += [os.path.dirname(folder) for folder in pytest.__path__] if pytest else []
    return (*(f"{folder}{os.sep}" for folder in folders), "<frozen ")


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
