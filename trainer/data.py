"""Problems to prompts.

A problem file is what microcoder-eval run takes, rows of ours or of a known data set, read as it reads them. A problem
to train on also says in ``statement`` what is asked, and may have ``starter_code`` (what a call-based solution must
define), ``difficulty`` and ``contest_date`` (YYYY-MM-DD...).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..evaluator import Problem
from ..evaluator.datasets import InputError, Rows
from .config import Data
from .errors import DataError


@dataclass(frozen=True)
class Task:
    """A problem as it is asked."""

    problem: Problem
    statement: str
    starter: str = ""
    difficulty: str = "unknown"
    date: str = ""
    """Of the contest, ISO 8601; empty when it is not known."""


@dataclass(frozen=True)
class Prompt:
    task: Task
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Split:
    train: list[Prompt]
    test: list[Prompt]
    too_long: int
    """Problems left out for their prompt."""
    told: list[str]
    """What to say of fields that are not read, but are called almost like one."""


def read(files: Iterable[Path], form: str | None = None) -> tuple[list[Task], list[str]]:
    """And what to say of fields that are not read. Raises DataError that names file, line and field."""
    tasks: list[Task] = []
    try:
        rows = Rows(files, format=form)
        for _, example in rows.examples():
            problem = example.problem
            if not problem.statement:
                where = rows.place_of(problem.problem_id)
                raise DataError(f"{where}: statement: missing, and nothing else in the row says what is asked")
            tasks.append(_task(problem, problem.statement))
    except InputError as error:
        raise DataError(str(error)) from None
    return tasks, [f"{slip.first[0]}:{slip.first[1]}: {told}" for told, slip in rows.misspelt.items()]


def _task(problem: Problem, statement: str) -> Task:
    starter = problem.starter_code or ""
    return Task(
        problem=problem,
        statement=statement,
        starter="" if starter in statement else starter,  # in some data sets one is the other
        difficulty=problem.difficulty or "unknown",
        date=problem.contest_date or "",
    )


def split(options: Data, tokenizer: Any) -> Split:
    """Training and held-out prompts. Raises DataError when there is nothing to train on, or a problem is in both."""
    train, told = read(options.files, options.format)
    test, more = read(options.test_files, options.format)
    if options.test_from:
        test += [task for task in train if task.date >= options.test_from]
        train = [task for task in train if not task.date or task.date < options.test_from]
    both = {task.problem.problem_id for task in train} & {task.problem.problem_id for task in test}
    if both:
        raise DataError(f"data.test_files: {min(both)!r} is to be trained on as well")
    prompts = [[Prompt(task, encode(task, options, tokenizer)) for task in part] for part in (train, test)]
    short = [[one for one in part if len(one.tokens) <= options.max_prompt_tokens] for part in prompts]
    if not short[0]:
        raise DataError(
            f"data.files: no problem with a prompt of at most {options.max_prompt_tokens} tokens to train on"
        )
    too_long = sum(map(len, prompts)) - sum(map(len, short))
    return Split(short[0], short[1], too_long=too_long, told=told + more)


def encode(task: Task, options: Data, tokenizer: Any) -> tuple[int, ...]:
    text = options.prompt.replace("{statement}", task.statement).replace("{starter}", task.starter)
    if options.chat:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
    return tuple(tokenizer.encode(text, add_special_tokens=not options.chat))


def place(seed: int, cursor: int, count: int) -> int:
    """Which of ``count`` problems is asked as the ``cursor``-th. Every epoch asks all, in an order of its own.

    The whole state of the data order is the cursor.
    """
    epoch, at = divmod(cursor, count)
    return _permutation(seed, epoch, count)[at]


_kept: dict[tuple[int, int, int], Sequence[int]] = {}


def _permutation(seed: int, epoch: int, count: int) -> Sequence[int]:
    key = seed, epoch, count
    if key not in _kept:
        _kept.clear()
        order = list(range(count))
        random.Random(f"order {seed} {epoch}").shuffle(order)
        _kept[key] = order
    return _kept[key]
