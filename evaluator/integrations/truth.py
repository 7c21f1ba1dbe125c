"""Ground truth, in any form that a data set has it in, as a Problem.

    Problem                                       as it is
    a row of a known data set                     an object with the fields of one of ``datasets.FORMATS``
    {"language", "test_cases"}                    open-r1's verification_info
    any form of ``datasets.cases``                {"inputs", "outputs"}, [{"input", "output"}, ...], assertions

An object may come as JSON or as Python text. Equal truths are one Problem object, so that it is prepared, or sent to a
server, once.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from pathlib import Path
from typing import Any

import msgspec

from ...sandbox.bounded import Bounded
from ..datasets.base import BadRow, Row, Unusable, as_list, as_object
from ..datasets.cases import holds_cases, parse
from ..datasets.formats import format_of
from ..datasets.rows import check_arguments
from ..problem import Problem
from ..starter import is_class

BYTES = 1 << 30
"""Of problems that are remembered; the latest is kept whatever its size."""


def problem_of(truth: Any, *, field: str = "ground_truth", statement: str | None = None) -> Problem:
    """The problem. Raises BadRow, naming the field. ``statement`` tells the class and the type of results."""
    if isinstance(truth, Problem):
        return truth
    return _read(_text(truth, field), field, statement)


class Truths:
    """Problems that were made already, up to so many bytes."""

    def __init__(self, most: int = BYTES) -> None:
        self.held: Bounded[bytes, Problem] = Bounded(most)
        self._lock = threading.Lock()

    def problem(self, truth: Any, *, field: str = "ground_truth", statement: str | None = None) -> Problem:
        """Raises BadRow. Any number of threads may ask."""
        if isinstance(truth, Problem):
            return truth
        text = _text(truth, field)
        key = hashlib.sha256(text + b"\0" + (statement or "").encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            held = self.held.get(key)
        if held is not None:
            return held
        problem = _read(text, field, statement)
        size = problem.size
        with self._lock:
            held = self.held.get(key)
            if held is None:
                self.held[key] = problem, size
        return held or problem


def with_class(problem: Problem, code: str) -> Problem:
    """Where the truth does not say whether the function is a method, the program does, as in LiveCodeBench."""
    if problem.mode != "call" or problem.entry_class is not None:
        return problem
    if not is_class(code, "Solution") or is_class(code, str(problem.entry_point)):
        return problem
    if re.search(rf"^(async\s+)?def\s+{problem.entry_point}\b", code, re.MULTILINE):
        return problem
    return msgspec.structs.replace(problem, entry_class="Solution")


def _text(truth: Any, field: str) -> bytes:
    """As JSON. Arrays, as rows of parquet files have them, are lists."""
    try:
        value = parse(truth, field)
        return json.dumps(value, default=_plain).encode()
    except Unusable as error:
        raise BadRow((Path(field), 0), None, error.reason, error.value) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRow((Path(field), 0), None, f"no ground truth: {error}") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # of numpy
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not data")


def _read(text: bytes, field: str, statement: str | None) -> Problem:
    value = json.loads(text)
    place = Path(field), 0
    row = as_object(value)
    if row is None and not as_list(value):
        raise BadRow(place, None, "holds no tests", str(value)[:40])
    if row is not None and {"language", "test_cases"} <= row.keys():
        row = {"verification_info": row, "prompt": statement}
    elif row is None or holds_cases(row):
        row = {"reward_model": {"ground_truth": value}, "prompt": statement}
    source = Row(Path(field), 0, row)
    problem = format_of(source).read(source).problem
    if problem.mode == "call":
        try:
            check_arguments(problem)
        except ValueError as error:
            raise BadRow(place, None, str(error)) from None
    if problem.problem_id == source.fallback_id:
        return msgspec.structs.replace(problem, problem_id=hashlib.sha256(text).hexdigest()[:16])
    return problem
