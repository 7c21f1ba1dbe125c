"""Completion and ground truth in, reward out: judged here or by a server. All adapters do no more than call this.

It runs in a thread of its own, so that it serves sync and async callers on any loop, and never blocks theirs. When
there is no verdict the reward is None or there is an exception, as ``failures`` says; never 0.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import logging
import os
import threading
from collections.abc import Iterable
from typing import Any, Literal, Protocol, cast

import msgspec

from ...sandbox.errors import MicrocoderError
from ..background import Background
from ..datasets.base import as_list
from ..engine import Evaluator
from ..extract import extract
from ..problem import Problem
from ..report import Report
from ..submission import Submission
from .truth import Truths, with_class

SERVER = "MICROCODER_SERVER"
"""Environment: addresses of servers, separated by commas; unset: programs are judged in this process."""
TOKEN = "MICROCODER_TOKEN"
VARIANTS = 1024
"""Problems remembered with the class that their programs turned out to have."""

Failures = Literal["none", "raise"]
Pair = tuple[str, Any]
"""Completion and truth."""
log = logging.getLogger(__name__)


class NoVerdict(MicrocoderError):
    """The judge, not the program, failed."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one completion."""

    reward: float | None
    """1.0 or 0.0; None: there is no verdict."""
    report: Report | None = None
    failure: str | None = None
    """Why there is no verdict."""

    @property
    def status(self) -> str:
        return "no_verdict" if self.report is None else self.report.status.value

    @property
    def passed(self) -> float:
        """Share of the tests that passed. Tests that were not run, because an earlier one failed, did not."""
        return 0.0 if self.report is None else self.report.passed / max(1, self.report.total)


class _Judging(Protocol):
    async def evaluate(self, problem: Problem, program: Submission) -> Report: ...
    async def __aenter__(self) -> Any: ...
    async def __aexit__(self, *_: object) -> None: ...


class Judge:
    """``with Judge(server) as judge``. Any number of threads and event loops may use it.

    server           address of ``microcoder-eval serve``, or several; None: an Evaluator in this process
    failures         none: the reward is None where there is no verdict; raise: NoVerdict
    language         of the programs
    starts_in_think  the prompts end with an opened think section
    options          of AsyncClient (token, deadline, ...) or of Evaluator (workers, jail, ...)
    """

    def __init__(
        self,
        server: str | list[str] | None = None,
        *,
        failures: Failures = "none",
        language: str = "python",
        starts_in_think: bool = False,
        **options: Any,
    ) -> None:
        self._background = Background("microcoder-judge", functools.partial(_judging, server, options))
        self._failures = failures
        self._language = language
        self._starts_in_think = starts_in_think
        self._remember()

    def _remember(self) -> None:
        self._truths = Truths()
        self._variants: dict[int, tuple[Problem, Problem]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without what it remembers."""
        return {name: value for name, value in vars(self).items() if name not in ("_truths", "_variants")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._remember()

    def __enter__(self) -> Judge:
        self._background.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._background.close()

    async def judge(self, completion: str, truth: Any, **about: Any) -> Judged:
        """On any event loop. ``about``: ``field``, ``statement`` of the truth; ``language``; ``is_code``."""
        return await asyncio.wrap_future(
            self._background.submit(lambda judging: self._one(judging, completion, truth, **about))
        )

    def judge_now(self, completion: str, truth: Any, **about: Any) -> Judged:
        """Blocks the calling thread."""
        return self._background.do(lambda judging: self._one(judging, completion, truth, **about))

    async def judge_all(
        self, pairs: Iterable[Pair], *, statements: Iterable[str | None] | None = None, **about: Any
    ) -> list[Judged]:
        """Completions with their truths, at the same time. In the order of the pairs."""
        return await asyncio.wrap_future(
            self._background.submit(lambda judging: self._all(judging, list(pairs), statements, about))
        )

    def judge_all_now(
        self, pairs: Iterable[Pair], *, statements: Iterable[str | None] | None = None, **about: Any
    ) -> list[Judged]:
        return self._background.do(lambda judging: self._all(judging, list(pairs), statements, about))

    # -- within, on the loop of its own

    async def _all(
        self, judging: _Judging, pairs: list[Pair], statements: Iterable[str | None] | None, about: dict[str, Any]
    ) -> list[Judged]:
        told = [None] * len(pairs) if statements is None else statements
        tasks = [
            asyncio.create_task(self._one(judging, completion, truth, statement=statement, **about))
            for (completion, truth), statement in zip(pairs, told, strict=True)
        ]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _one(
        self,
        judging: _Judging,
        completion: str,
        truth: Any,
        *,
        field: str = "ground_truth",
        statement: str | None = None,
        language: str | None = None,
        is_code: bool = False,
    ) -> Judged:
        language = language or self._language
        report = None
        try:
            problem = self._truths.problem(truth, field=field, statement=statement)
            submission = submission_of(
                completion,
                language,
                starts_in_think=self._starts_in_think,
                is_code=is_code,
                entry_point=problem.entry_point,
            )
            problem = self._fitting(problem, submission.code or "")
            report = await judging.evaluate(problem, submission)
            failure = None if report.reward is not None else why_not(report)
        except (MicrocoderError, ValueError) as error:  # no server, a truth that makes no sense, ...
            failure = str(error)
            if self._failures == "raise":
                raise NoVerdict(failure) from error
        if failure is not None:
            if self._failures == "raise":
                raise NoVerdict(failure)
            log.warning("no verdict, so no reward: %s", failure)
        return Judged(reward=None if report is None else report.reward, report=report, failure=failure)

    def _fitting(self, problem: Problem, code: str) -> Problem:
        fitting = with_class(problem, code)
        if fitting is problem:
            return problem
        # One object for each, as the problem itself; the entry keeps the problem alive, so its id stays its own.
        _, fitting = self._variants.setdefault(id(problem), (problem, fitting))
        if len(self._variants) > VARIANTS:
            del self._variants[next(iter(self._variants))]
        return fitting


def submission_of(
    completion: str,
    language: str,
    *,
    starts_in_think: bool = False,
    is_code: bool = False,
    entry_point: str | None = None,
) -> Submission:
    """The program in a completion; or the completion, where ``is_code``."""
    if is_code:
        return Submission(code=completion, language=language)
    found = extract(completion, language, starts_in_think=starts_in_think, entry_point=entry_point)
    return Submission(code=found.code, language=language, found=found.found)


def why_not(report: Report) -> str:
    """What the judge says of its failure."""
    return f"{report.status}: {report.message or 'no message'}"


@functools.cache
def _shared(server: str | None, failures: Failures, starts_in_think: bool) -> Judge:
    judge = Judge(server.split(",") if server else None, failures=failures, starts_in_think=starts_in_think)
    judge.__enter__()
    atexit.register(judge.__exit__)
    return judge


_lock = threading.Lock()


def _new_lock() -> None:
    """In a child, where nobody would release that of the parent."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)


def shared_judge(
    server: str | None = None, *, failures: Failures = "none", starts_in_think: bool | None = None
) -> Judge:
    """One for the process, until its end. ``server`` may name several, separated by commas; None: as SERVER says."""
    with _lock:
        return _shared(server or os.environ.get(SERVER), failures, bool(starts_in_think))


def _judging(server: str | list[str] | None, options: dict[str, Any]) -> _Judging:
    if server is None:
        return Evaluator(**options)
    from ..client import AsyncClient  # needs the extra serve

    more: dict[str, Any] = {"token": os.environ.get(TOKEN)} | options
    return AsyncClient(server, **more)


def text_of(completion: Any) -> str:
    """Of a completion as text or as chat messages, of which the last one counts."""
    if isinstance(completion, str):
        return completion
    try:
        content: Any = completion[-1]["content"]
        if (parts := as_list(content)) is not None:  # those with text count
            content = "".join(part["text"] for part in parts if "text" in part)
    except (LookupError, TypeError):
        content = completion
    if content is not None and not isinstance(content, str):
        raise TypeError(f"a completion is text or a list of messages, not {completion!r:.80}")
    return content or ""


def statement_of(prompt: Any) -> str | None:
    """What the user says first, in a prompt as text or as chat messages. None for any other: it only helps."""
    if isinstance(prompt, str):
        return prompt
    for message in as_list(prompt) or ():
        if isinstance(message, dict) and cast("dict[str, Any]", message).get("role") == "user":
            with contextlib.suppress(TypeError):
                return text_of([message])
    return None
