"""What every reward function may be told, and how it asks. One set of options for all of them.

    AskOptions      how completions are judged, and what there is without a verdict
    AdapterOptions  and in which column the truth stands, and who judges

Besides these a reward function takes, by their names, RunOptions where programs are judged in this process, and
ClientOptions where a server judges them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

from ..options import ClientOptions, Failures, RunOptions, check_names, pick
from .judge import AskOptions, Judge, Judged, Pair, check_running, shared_judge


class AdapterOptions(AskOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By whom, and by what. Raises ValueError that names the field."""

    server: str | tuple[str, ...] | None = None
    """Address, or several, also as one text with commas. None: as MICROCODER_SERVER says; unset: this process."""
    column: str | None = None
    """Where the ground truth stands. None: where the framework has it, or in the first of COLUMNS that there is."""


COLUMNS = ("verification_info", "reward_model", "ground_truth", "test_cases", "tests", "input_output", "answer")
"""Where the ground truth is looked for, in this order."""


class Adapter:
    """What a reward function was told: looked at when it is made, used by every call. Can be pickled.

    failures  what there is without a verdict, where the options do not say
    allowed   what the framework can carry of that
    judge     instead of the shared one; it has options of its own, which only what is given here replaces
    without   options that make no sense with this framework, and why

    None is what an option is by itself. Raises TypeError for an option that there is not, and ValueError that names one
    that makes no sense.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        failures: Failures = "none",
        allowed: Sequence[Failures] = get_args(Failures),
        judge: Judge | None = None,
        without: Mapping[str, str] | None = None,
    ) -> None:
        own = AdapterOptions.__struct_fields__
        given = {name: _plain(value) for name, value in options.items() if value is not None or name not in own}
        check_names(given, AdapterOptions, RunOptions, ClientOptions)
        for name, why in (without or {}).items():
            if name in given:
                raise TypeError(f"option {name!r}: {why}")
        told = pick(AdapterOptions, {"failures": failures} | given)
        if told.failures not in allowed:
            raise ValueError(f"failures: {' or '.join(allowed)}, not {told.failures!r}")
        self.column = told.column
        self.failures = told.failures
        names = AskOptions.__struct_fields__
        self._asked = {name: getattr(told, name) for name in names if judge is None or name in given}
        self._server = told.server
        self._running = {name: each for name, each in given.items() if name not in own}
        check_running(self._running)
        self._judge = judge
        if judge is not None and (self._server or self._running):
            name = next(iter(self._running), "server")
            raise TypeError(f"option {name!r}: the judge that is given has its own")

    @property
    def judge(self) -> Judge:
        return self._judge or shared_judge(self._server, **self._running)

    async def one(self, completion: str, truth: Any, **about: Any) -> Judged:
        return await self.judge.judge(completion, truth, **{**self._asked, **about})

    async def all(self, pairs: Iterable[Pair], **about: Any) -> list[Judged]:
        return await self.judge.judge_all(pairs, **{**self._asked, **about})

    def all_now(self, pairs: Iterable[Pair], **about: Any) -> list[Judged]:
        return self.judge.judge_all_now(pairs, **{**self._asked, **about})


def column_of(columns: Mapping[str, Any], wanted: str | None) -> str:
    """The column with the ground truth. Raises ValueError."""
    for name in (wanted,) if wanted else COLUMNS:
        if name in columns:
            return name
    there = ", ".join(columns) or "none"
    raise ValueError(f"no ground truth: the data set needs a column {wanted or ' or '.join(COLUMNS)}; it has {there}")


def _plain(value: Any) -> Any:
    """Sequences of other libraries, such as omegaconf's, as lists."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(cast("Sequence[Any]", value))
    return value
