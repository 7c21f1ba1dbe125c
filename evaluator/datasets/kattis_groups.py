"""Groups of tests in a Kattis package: their settings, and what they are worth.

The legacy format aggregates with graders, at every directory; since 2023-07 a group has a score of its own. What both
say is told by `Group` where the groups are added up, which is how such problems are made. Other problems have no
groups that are worth anything: those with a grader or a validator that makes scores of its own, with groups in groups,
with points for what is rejected, or where less is better.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import msgspec

from ..problem import Group

_SAMPLE, _SECRET = "sample", "secret"


class TestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one test."""

    __test__ = False  # not a pytest class

    args: list[str] | None = None
    output_validator_args: str | list[str] | None = None
    output_validator_flags: str | dict[str, str] | None = None
    UNREAD: ClassVar[tuple[str, ...]] = (
        *("input_validator_args", "input_visualizer_args", "output_visualizer_args", "full_feedback", "hint"),
        "description",
    )


class GroupSettings(TestSettings, frozen=True, kw_only=True):
    """testdata.yaml (legacy) or test_group.yaml."""

    # legacy
    on_reject: str | None = None
    grading: str | None = None
    grader_flags: str | None = None
    accept_score: float | None = None
    reject_score: float | None = None
    # since 2023-07
    max_score: float | Literal["unbounded"] | None = None
    score_aggregation: Literal["pass-fail", "min", "sum"] | None = None
    static_validation_score: Any = None
    require_pass: str | list[str] | None = None
    # of drafts
    scoring: Any = None
    static_validation: Any = None
    UNREAD = (*TestSettings.UNREAD, "range", "input_validator_flags", "static_validator_args")

    def around(self, inner: TestSettings) -> GroupSettings:
        """The settings of a test or a group within, and these where it has none; scores since 2023-07 are not handed
        on."""
        own = {name: value for name in inner.__struct_fields__ if (value := getattr(inner, name)) is not None}
        return msgspec.structs.replace(self, **(dict.fromkeys(_NOT_HANDED_ON) | own))

    @property
    def flags(self) -> str:
        """Of the output validator."""
        given = self.output_validator_flags or self.output_validator_args or ""
        if isinstance(given, dict):
            given = given.get("flags", "")
        return " ".join(given.split()) if isinstance(given, str) else shlex.join(given)


_NOT_HANDED_ON = ("max_score", "score_aggregation", "static_validation_score", "require_pass", "scoring")


def groups(legacy: bool, settings: Mapping[str, GroupSettings], tests: Mapping[str, int]) -> dict[str, Group]:
    """What each is worth, by name.

    settings    of each directory below data, by its path there; ``.`` is data itself
    tests       how many lie in each
    """
    if any(name.count("/") > 1 for name in tests):
        return {}
    worth = _legacy(settings, tests) if legacy else _since(settings, tests)
    return worth or {}


def _legacy(settings: Mapping[str, GroupSettings], tests: Mapping[str, int]) -> dict[str, Group] | None:
    ignored = "ignore_sample" in _words(settings["."].grader_flags)
    leaves = [name for name in tests if not (ignored and _is_sample(name))]
    around = {".", *(name.partition("/")[0] for name in leaves if "/" in name)}
    if any(settings[name].grading == "custom" or _aggregation(settings[name]) != "sum" for name in around):
        return None
    found: dict[str, Group] = {}
    for name in leaves:
        own = settings[name]
        how = _aggregation(own)
        if own.grading == "custom" or own.reject_score or how == "max":
            return None
        score = 1.0 if own.accept_score is None else own.accept_score
        if score <= 0:
            continue
        if how == "min":
            found[name] = Group(max_score=score, score_aggregation="min")
        elif own.on_reject == "continue":
            found[name] = Group(max_score=score * tests[name] if how == "sum" else score, score_aggregation="sum")
        else:  # tests after a failure count for nothing
            return None
    return found


def _since(settings: Mapping[str, GroupSettings], tests: Mapping[str, int]) -> dict[str, Group] | None:
    leaves = [name for name in tests if not _is_sample(name)]
    secret = settings.get(_SECRET, GroupSettings())
    whole = leaves == [_SECRET]
    if not whole and (_SECRET in leaves or (secret.score_aggregation or "sum") != "sum"):
        return None
    found: dict[str, Group] = {}
    for name in leaves:
        own = settings[name]
        most = 100.0 if whole and own.max_score is None else own.max_score
        if most is None or most == "unbounded" or own.scoring is not None:
            return None
        required = _required(secret) + ([] if whole else _required(own))
        if most > 0:
            found[name] = Group(
                max_score=most,
                score_aggregation=own.score_aggregation or ("sum" if whole else "pass-fail"),
                require_pass=tuple(each for each in required if each in tests),
            )
    return found


def _is_sample(name: str) -> bool:
    return name.partition("/")[0] == _SAMPLE


def _aggregation(settings: GroupSettings) -> Literal["sum", "avg", "min", "max"]:
    how: Literal["sum", "avg", "min", "max"] = "sum"
    for word in _words(settings.grader_flags):
        if word in ("sum", "avg", "min", "max"):
            how = word
    return how


def _required(settings: GroupSettings) -> list[str]:
    named = settings.require_pass or []
    return [
        name if name == _SAMPLE else f"{_SECRET}/{name.removeprefix(f'{_SECRET}/')}"
        for name in ([named] if isinstance(named, str) else named)
    ]


def _words(flags: str | None) -> list[str]:
    return (flags or "").split()
