"""Programs that broke the sandbox, kept with their problems for whoever mends it.

They lie in ``violations.jsonl`` in the cache folder (`sandbox.languages.cache`), as rows that ``microcoder-eval run``
reads. The file is bounded: a full one becomes ``violations.old.jsonl``, instead of the one that was that before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

import msgspec

from ..sandbox.languages.cache import folder
from ..sandbox.limits import MIB
from .problem import Problem
from .submission import Submission

NAME, OLD = "violations.jsonl", "violations.old.jsonl"
BYTES = 64 * MIB
"""Of each of the two files. A row that is larger is not kept."""


def path() -> Path:
    """Of the file that grows."""
    return folder() / NAME


def keep(problem: Problem, submission: Submission) -> None:
    """Add a row. A disk that is full costs the row, not the verdict. Safe between processes and threads."""
    row = msgspec.json.encode({**msgspec.structs.asdict(problem), "submissions": [submission]}) + b"\n"
    if len(row) > BYTES:
        return
    with contextlib.suppress(OSError), open(folder() / ".violations.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = path()
        if place.exists() and place.stat().st_size + len(row) > BYTES:
            place.replace(folder() / OLD)
        descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with open(descriptor, "ab", buffering=0) as file:
            end = file.tell()
            if file.write(row) < len(row):  # the disk is full now
                file.truncate(end)
