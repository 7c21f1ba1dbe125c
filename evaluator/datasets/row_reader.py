"""A row made a problem with its programs, the same way wherever it comes from: a file, a request, a ground truth.

The server reads problems that are ours already, and large, a test at a time; it looks at the same things then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from ..asserts import read_assertions
from ..compare import comparison_for
from ..digits import loads
from ..input_prediction import as_judged
from ..options import RewardOptions
from ..problem import Checker, Problem
from ..starter import read_starter
from .base import Example, Format, Row, explain
from .formats import format_of
from .native import Native
from .programs import PLAIN


class RowReader:
    """``read(row)``, any number of times. ``options``: for programs that stand in completions."""

    def __init__(self, options: RewardOptions = PLAIN) -> None:
        self.options = options
        self._checker: Checker | None = None
        """The last one of a stdio problem that was found usable. Whole files share one."""

    def read(self, row: Row, form: Format[Any] | None = None) -> Example:
        """Of a problem that can be judged, as far as can be said before. ``form``: of the row; None: as its fields say.
        Raises BadRow."""
        form = form or format_of(row)
        example = form.read(row, self.options) if isinstance(form, Native) else form.read(row)
        problem = example.problem
        try:
            self._check(problem)
        except ValueError as error:
            raise explain(
                error, row.content if isinstance(form, Native) else msgspec.to_builtins(problem), row.place
            ) from None
        return example

    def _check(self, problem: Problem) -> None:
        """Raises ValueError that names the field."""
        if problem.mode == "call":
            for _ in arguments_checked(problem):
                pass
        if problem.mode == "stdio" and problem.checker == self._checker:
            return
        comparison_for(problem)
        read_starter(problem)
        for _ in read_assertions(as_judged(problem)):
            pass
        self._checker = problem.checker if problem.mode == "stdio" else None


_json = msgspec.json.Decoder(msgspec.Raw)
_LIST = re.compile(r"[ \t\r\n]*+\[")


def arguments_checked(problem: Problem) -> Iterator[None]:
    """Raises ValueError, naming the field, where the input of a call-based test is no list of arguments. A test at a
    time; nothing is made of them."""
    for number, test in enumerate(problem.tests):
        try:
            _json.decode(test.input)
            is_list = _LIST.match(test.input) is not None
        except ValueError:  # the decoder knows no NaN and no Infinity, which JSON as Python writes it may hold
            try:
                is_list = isinstance(loads(test.input), list)
            except (ValueError, RecursionError):
                is_list = False
        except RecursionError:
            is_list = False
        if not is_list:
            raise ValueError(f"tests[{number}].input: must be a JSON list of arguments")
        yield
