"""Ground truth, in any form that a data set has it in, as a Problem.

    Problem                                       as it is
    a row of a known data set                     an object with the fields of one of ``datasets.FORMATS``
    {"language", "test_cases"}                    open-r1's verification_info
    any form of ``datasets.cases``                {"inputs", "outputs"}, [{"input", "output"}, ...], assertions, source

An object may come as JSON or as Python text. Equal truths are one Problem object, so that it is prepared, or sent to a
server, once.
"""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import msgspec

from ...sandbox.bounded import Bounded
from ..datasets.base import BadRow, Example, Row, Unusable, as_list, as_object, decode, names_of
from ..datasets.cases import holds_cases, is_source, parse
from ..datasets.formats import format_of, recognised
from ..datasets.programs import PLAIN
from ..datasets.row_reader import RowReader
from ..options import RewardOptions
from ..problem import Problem

BYTES = 1 << 30
"""Of problems that are remembered; the latest is kept whatever its size."""


def problem_of(truth: Any, *, field: str = "ground_truth", statement: str | None = None) -> Problem:
    """The problem. Raises BadRow, naming the field. ``statement`` tells the class and the type of results."""
    if isinstance(truth, Problem):
        return truth
    return _read(_text(truth, field), field, statement)


def example_of(content: Any, text: bytes, field: str, options: RewardOptions = PLAIN) -> tuple[str, Example]:
    """The name of its format, its problem and its programs, of a row as ``text`` in JSON or msgpack. ``content``: the
    same text where that is JSON, else its objects. Raises BadRow."""
    row = Row(Path(field), 0, content)
    names = names_of(content)
    if names is not None and recognised(names) is None:
        value = decode(dict[str, Any], content, row.place)
        row = row._replace(content=_row(value, value, None))
    form = format_of(row)
    example = RowReader(options).read(row, form)
    return form.name, example._replace(problem=named_after(text, row, example.problem))


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
    row = as_object(value)
    if row is None and not as_list(value) and not (isinstance(value, str) and is_source(value)):
        raise BadRow((Path(field), 0), None, "holds no tests", str(value)[:40])
    if row is None or recognised(row.keys()) is None:
        row = _row(row, value, statement)
    source = Row(Path(field), 0, row)
    return named_after(text, source, RowReader().read(source).problem)


def _row(row: dict[str, Any] | None, value: Any, statement: str | None) -> Any:
    """Of a truth that is none itself."""
    if row is not None and {"language", "test_cases"} <= row.keys():
        return {"verification_info": row, "prompt": statement}
    if row is None or holds_cases(row):
        return {"reward_model": {"ground_truth": value}, "prompt": statement}
    return row


def named_after(text: bytes, row: Row, problem: Problem) -> Problem:
    """Called after its text where the row does not name it."""
    if problem.problem_id != row.fallback_id:
        return problem
    return msgspec.structs.replace(problem, problem_id=hashlib.sha256(text).hexdigest()[:16])
