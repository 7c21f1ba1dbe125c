"""What is raised on purpose can be handed to another process: multiprocessing and Ray wait for ever for what cannot."""

from __future__ import annotations

import contextlib
import importlib
import pickle
import pkgutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import microcoder.evaluator
import microcoder.sandbox
import microcoder.trainer
from microcoder.evaluator import Problem, Status, TestCase
from microcoder.evaluator.client import JudgeFailed, RequestRefused
from microcoder.evaluator.datasets.base import BadRow
from microcoder.evaluator.report import not_run
from microcoder.evaluator.server.errors import TooMany
from microcoder.sandbox.errors import MicrocoderError

REPORT = not_run(Problem(problem_id="p", tests=(TestCase(),)), Status.SYSTEM_ERROR, "no jail")
MADE = [
    RequestRefused(400, "bad_request", "no", "$.x"),
    JudgeFailed(REPORT),
    BadRow((Path("a file"), 1), "tests", "no"),
    TooMany("too many", retry_after=1.0),
]


def kinds(kind: type[MicrocoderError] = MicrocoderError) -> Iterator[type[MicrocoderError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from kinds(each)


def same(one: MicrocoderError, other: MicrocoderError) -> bool:
    return (type(one), one.args, vars(one)) == (type(other), other.args, vars(other))


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_what_is_made_of_several_things_survives_pickling(error: MicrocoderError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert same(error, again) and str(error) == str(again)


def test_everything_that_is_raised_on_purpose_survives_pickling() -> None:
    for package in (microcoder.sandbox, microcoder.evaluator, microcoder.trainer):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "__main__" not in module.name and ".inside" not in module.name:
                with warnings.catch_warnings(), contextlib.suppress(ImportError):  # extras that are not installed
                    warnings.simplefilter("ignore")  # of what others import
                    importlib.import_module(module.name)
    found = set(kinds())
    assert len(found) > 30
    for kind in found:
        error = kind.__new__(kind, "words", 2)
        error.more = {"told": 3}  # pyright: ignore[reportAttributeAccessIssue]
        assert same(error, pickle.loads(pickle.dumps(error)))
