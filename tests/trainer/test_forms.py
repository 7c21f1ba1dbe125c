"""Training on files of every form that ``run`` reads: what stands there is asked and judged, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from microcoder.evaluator.datasets import InputError, Rows
from microcoder.trainer import loop
from microcoder.trainer.data import read
from microcoder.trainer.errors import DataError

from ..forms import FORMS
from ..serve.conftest import Server

pytestmark = pytest.mark.timeout(300)
STEPS = 2
NO_STATEMENT = ("examples/hardtests", "cases/hardtests")
"""Forms whose rows have tests and do not say what is asked."""


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("judge"))
    yield running
    running.close()


def problems_of(file: Path) -> list[Any] | InputError:
    """As `run` reads them."""
    try:
        return [example.problem for _, example in Rows([file]).examples()]
    except InputError as error:
        return error


@pytest.mark.parametrize("name", FORMS)
def test_two_steps_on_a_file_of_any_form(described: Callable[..., Any], serving: Server, name: str) -> None:
    file = FORMS[name].file
    if name in NO_STATEMENT:
        with pytest.raises(DataError, match=rf"{file}:1: statement: missing"):
            read([file])
        return
    problems = problems_of(file)
    if isinstance(problems, InputError):  # in the same words
        with pytest.raises(DataError) as refused:
            read([file])
        assert str(refused.value) == str(problems)
        return
    assert [task.problem for task in read([file])[0]] == problems
    config = described(
        steps=STEPS,
        data={"files": [str(file)], "test_files": [], "max_prompt_tokens": 10_000},
        rollout={"max_tokens": 4},
        batch={"prompts": 1, "group": 2, "token_budget": 20_000},
        judge={"url": serving.address, "workers": None},
    )
    with serving.http() as http, loop.opened(config) as this:
        before = http.get("/v1/status").json()["judged"]
        rows = [loop.step(this) for _ in range(STEPS)]
        judged = http.get("/v1/status").json()["judged"] - before
    assert judged == STEPS * config.batch.group
    assert [row.version for row in rows] == [0, 1]
    for row in rows:
        assert sum(row.verdicts.values()) == config.batch.group
        assert "system_error" not in row.verdicts
