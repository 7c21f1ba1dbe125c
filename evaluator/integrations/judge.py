"""Completion and ground truth in, reward out: judged here or by a server. All adapters do no more than call this.

It runs in a thread of its own, so that it serves sync and async callers on any loop, and never blocks theirs. When
there is no verdict the reward is None or there is an exception, as ``failures`` says; never 0.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import logging
import math
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ...sandbox.errors import MicrocoderError
from ..background import Background
from ..datasets.programs import program_in
from ..datasets.prompts import said
from ..engine import Evaluator
from ..options import TOKEN, ClientOptions, Failures, JudgeOptions, RewardOptions, RunOptions, check_names, pick
from ..problem import Problem
from ..report import Report
from ..submission import Submission
from .truth import Truths

SERVER = "MICROCODER_SERVER"
"""Environment: addresses of servers, separated by commas; unset: programs are judged in this process."""
FIELD = "ground_truth"
"""What a truth is called in errors, where nobody says."""

Pair = tuple[str, Any]
"""Completion and truth."""
log = logging.getLogger(__name__)


class NoVerdict(MicrocoderError):
    """The judge, not the program, failed."""


class AskOptions(RewardOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """And what there is without a verdict."""

    failures: Failures = "none"
    """none: the reward is None; nan: it is NaN; raise: NoVerdict."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one completion."""

    reward: float | None
    """1.0 or 0.0, or as the options say; None or NaN: there is no verdict."""
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
    async def evaluate(self, problem: Problem, program: Submission, judging: JudgeOptions) -> Report: ...
    async def __aenter__(self) -> Any: ...
    async def __aexit__(self, *_: object) -> None: ...


def check_running(running: Mapping[str, Any]) -> None:
    """Raises TypeError for a name that is no option, and ValueError that names one that makes no sense."""
    check_names(running, AskOptions, RunOptions, ClientOptions)
    pick(RunOptions, running)
    pick(ClientOptions, running)


def _check_place(server: object, running: Mapping[str, Any]) -> None:
    """Raises TypeError for an option of the other kind of judge."""
    for name in running:
        if server is None and name not in RunOptions.__struct_fields__:
            raise TypeError(f"option {name!r} is for a server, and there is none")
        if server is not None and name not in ClientOptions.__struct_fields__:
            raise TypeError(f"option {name!r} is for programs that are judged in this process, not by a server")


class Judge:
    """``with Judge(server) as judge``. Any number of threads and event loops may use it.

    server   address of ``microcoder-eval serve``, or several; None: an Evaluator in this process
    options  by their names: of AskOptions, for whatever is asked without others; of RunOptions, or with a server of
             ClientOptions, whose token is by itself what MICROCODER_TOKEN holds

    Raises TypeError for an option that there is not, and ValueError that names one that makes no sense.
    """

    def __init__(self, server: str | Sequence[str] | None = None, **options: Any) -> None:
        self.options = pick(AskOptions, options)
        running = {name: value for name, value in options.items() if name not in AskOptions.__struct_fields__}
        check_running(running)
        _check_place(server, running)
        self._background = Background("microcoder-judge", functools.partial(_judging, server, running))
        self._remember()

    def _remember(self) -> None:
        self._truths = Truths()

    def __getstate__(self) -> dict[str, Any]:
        """Without what it remembers."""
        return {name: value for name, value in vars(self).items() if name != "_truths"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._remember()

    def __enter__(self) -> Judge:
        self._background.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._background.close()

    async def judge(
        self, completion: str, truth: Any, *, field: str = FIELD, statement: str | None = None, **options: Any
    ) -> Judged:
        """On any event loop. ``field``, ``statement``: of the truth. ``options``: those of AskOptions that differ."""
        how = self._how(options)
        return await asyncio.wrap_future(
            self._background.submit(lambda judging: self._one(judging, completion, truth, how, field, statement))
        )

    def judge_now(
        self, completion: str, truth: Any, *, field: str = FIELD, statement: str | None = None, **options: Any
    ) -> Judged:
        """Blocks the calling thread."""
        how = self._how(options)
        return self._background.do(lambda judging: self._one(judging, completion, truth, how, field, statement))

    async def judge_all(
        self,
        pairs: Iterable[Pair],
        *,
        field: str = FIELD,
        statements: Iterable[str | None] | None = None,
        **options: Any,
    ) -> list[Judged]:
        """Completions with their truths, at the same time. In the order of the pairs."""
        how = self._how(options)
        return await asyncio.wrap_future(
            self._background.submit(lambda judging: self._all(judging, list(pairs), how, field, statements))
        )

    def judge_all_now(
        self,
        pairs: Iterable[Pair],
        *,
        field: str = FIELD,
        statements: Iterable[str | None] | None = None,
        **options: Any,
    ) -> list[Judged]:
        how = self._how(options)
        return self._background.do(lambda judging: self._all(judging, list(pairs), how, field, statements))

    def _how(self, options: Mapping[str, Any]) -> AskOptions:
        if not options:
            return self.options
        check_names(options, AskOptions)
        return AskOptions(**{**msgspec.structs.asdict(self.options), **options})

    # -- within, on the loop of its own

    async def _all(
        self,
        judging: _Judging,
        pairs: list[Pair],
        how: AskOptions,
        field: str,
        statements: Iterable[str | None] | None,
    ) -> list[Judged]:
        told = [None] * len(pairs) if statements is None else statements
        tasks = [
            asyncio.create_task(self._one(judging, completion, truth, how, field, statement))
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
        how: AskOptions,
        field: str,
        statement: str | None,
    ) -> Judged:
        report = reward = None
        try:
            problem = self._truths.problem(truth, field=field, statement=statement)
            submission = program_in(completion, problem, how)
            report = await judging.evaluate(problem, submission, how.for_verdict)
            reward = how.worth(problem, report)
            failure = None if reward is not None else why_not(report)
        except (MicrocoderError, ValueError) as error:  # no server, a truth that makes no sense, ...
            failure = str(error)
            if how.failures == "raise":
                raise NoVerdict(failure) from error
        if failure is not None:
            if how.failures == "raise":
                raise NoVerdict(failure)
            log.warning("no verdict, so no reward: %s", failure)
        if failure is not None and how.failures == "nan":
            reward = math.nan
        return Judged(reward=reward, report=report, failure=failure)


def why_not(report: Report) -> str:
    """What the judge says of its failure."""
    if report.reward is not None:
        return "the judge failed on a test that the reward depends on"
    return f"{report.status}: {report.message or 'no message'}"


_shared: dict[bytes, Judge] = {}
"""By server and options."""
_lock = threading.Lock()


def _new_lock() -> None:
    """In a child, where nobody would release that of the parent."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)


def shared_judge(server: str | Sequence[str] | None = None, **running: Any) -> Judge:
    """One for the process, until its end. ``server`` may name several, as one text with commas, too; None: as SERVER
    says. ``running``: as Judge takes what runs the programs."""
    check_running(running)
    server = server or os.environ.get(SERVER) or None
    addresses = [each.strip() for each in server.split(",")] if isinstance(server, str) else server
    key = msgspec.msgpack.encode((addresses, sorted(running.items())))
    with _lock:
        if key not in _shared:
            judge = Judge(addresses, **running)
            judge.__enter__()
            atexit.register(judge.__exit__)
            _shared[key] = judge
        return _shared[key]


def _judging(server: str | Sequence[str] | None, options: dict[str, Any]) -> _Judging:
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
        if content is None or isinstance(content, str | list):
            return said(content)
    except (LookupError, TypeError):
        pass
    raise TypeError(f"a completion is text or a list of messages, not {completion!r:.80}")
