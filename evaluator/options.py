"""What evaluators, servers, clients and adapters are told: how to judge, and how to run. Passed whole.

JudgeOptions   how a program gets its verdict; every ``evaluate`` takes them
RewardOptions  the same, and how a completion gets its reward: which program it holds, what the verdict is worth
RunOptions     what programs run on, and what is kept of them; fixed when an Evaluator is made
ClientOptions  how a server is asked instead; fixed when a client is made

Whatever takes options by name takes these by their names, and refuses all others. All that does is in
tests/integrations/test_options.py, which tries each with every field.
"""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from ..sandbox.languages import NAMES
from ..sandbox.validated import Validated
from .answer import given_in
from .compare import preset as find_preset
from .extract import extract, extract_answer
from .memory import Memory
from .problem import PREDICTIONS, Checker, Problem
from .report import Report
from .submission import Submission

Jail = Literal["auto", "nsjail", "bubblewrap", "none"]
Workers = Annotated[int, msgspec.Meta(ge=1, le=1024)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
Form = Literal["fence", "raw"]
Scale = Literal["binary", "fraction", "score"]
AssertTrust = Literal["any", "sealed"]
"""Which ways of judging a test of assertions count: sealed are those where program and test share no process."""
Failures = Literal["none", "raise", "nan"]
"""What there is instead of a reward where there is no verdict: None, an exception, or NaN. Never 0."""
TOKEN = "MICROCODER_TOKEN"
"""Environment: lets a request into a server that needs a token."""

SHOWN = 80
"""Characters of a name that an error shows."""
ALIKE = 0.7
"""From 0 to 1, how alike two names are, as difflib measures it, of which one may be a slip."""

K = TypeVar("K", bound=Validated)


class JudgeOptions(Validated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a program gets its verdict. Raises ValueError that names the field."""

    preset: str | None = None
    """Rule that replaces that of every problem without a checker program: kattis, lcb, codeforces:rcmp6, ..."""
    run_all: bool = False
    """Go on after the first failure."""
    scores: bool = False
    """Go on as long as it takes to know the score, where tests are worth points."""
    benefit_of_doubt: bool = False
    """No verdict instead of a rejection where a program broke its worker, or made a checker crash."""
    assert_trust: AssertTrust = "any"
    """sealed: no verdict on a test of assertions that could only be judged in the process of the program."""

    def _check(self) -> None:
        if self.preset is not None:
            try:
                _checker(self.preset)
            except ValueError as error:
                raise ValueError(f"preset: {error}") from None

    @property
    def for_verdict(self) -> JudgeOptions:
        """What an evaluator is asked for."""
        return self

    @property
    def checker(self) -> Checker | None:
        """What the preset stands for."""
        return None if self.preset is None else _checker(self.preset)

    @property
    def key(self) -> bytes:
        """Others have another one."""
        return msgspec.msgpack.encode(self)


class RewardOptions(JudgeOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a completion gets its reward. Raises ValueError that names the field."""

    language: str = "python"
    """Of the program."""
    form: Form = "fence"
    """fence: the program is looked for as evaluator/extract/ does; raw: the completion is the program."""
    starts_in_think: bool = False
    """The prompts end with an opened think section."""
    reward: Scale = "binary"
    """binary: 1 or 0; fraction: the share of the tests that passed, all of which are run; score: the share of the
    points, where groups of tests are worth some, else 1 or 0."""

    def _check(self) -> None:
        super()._check()
        if self.language not in NAMES:
            raise ValueError(f"language: unknown language {self.language!r}; known are {', '.join(NAMES)}")
        if self.starts_in_think and self.form == "raw":
            raise ValueError("starts_in_think: nothing is looked for where form is raw")

    @property
    def for_verdict(self) -> JudgeOptions:
        return _for_verdict(self)

    def submission(self, completion: str, problem: Problem | None = None, *, language: str | None = None) -> Submission:
        """The program, or the answer, in what a model said. ``language``: not that of the options."""
        language = language or self.language
        begun = problem and problem.partial_solution
        if self.form == "raw":
            return Submission(code=_whole(completion, begun), language=language)
        thinks = self.starts_in_think
        if problem is not None and problem.mode in PREDICTIONS:
            found = extract_answer(completion, starts_in_think=thinks, given=given_in(problem))
        else:
            name = problem and problem.entry_point
            found = extract(completion, language, starts_in_think=thinks, entry_point=name)
        return Submission(code=_whole(found.code, begun), language=language, found=found.found)

    def worth(self, problem: Problem, report: Report) -> float | None:
        """The reward. None: the judge failed, on the program or on a test that decides how much."""
        if report.reward is None or self.reward == "binary":
            return report.reward
        if self.reward == "score":
            return report.score if problem.groups else report.reward
        undecided = any(test.status.is_judge_failure for test in report.tests)
        return None if undecided else report.passed / report.total


class RunOptions(Validated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What programs run on, and what is kept of them. Evaluator says what each option is. Raises ValueError that names
    the field."""

    workers: Workers | None = None
    jail: Jail = "auto"
    unsafe_no_jail: bool = False
    python: str | None = None
    packages: tuple[str, ...] | None = None
    lanes: bool = True
    keep_outputs: Amount = 0
    cache: Amount = 4096
    memory: Memory = Memory()

    def __post_init__(self) -> None:
        if isinstance(self.python, os.PathLike):
            msgspec.structs.force_setattr(self, "python", os.fspath(self.python))
        super().__post_init__()


class ClientOptions(Validated, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a server is asked. AsyncClient says what each option is. Raises ValueError that names the field."""

    token: str | None = None
    name: str | None = None
    deadline: Annotated[float, msgspec.Meta(gt=0)] | None = 600.0
    failures: Failures = "none"
    connections: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 512
    connect_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10.0


def check_names(given: Mapping[str, Any], *kinds: type[Validated]) -> None:
    """Raises TypeError for what is an option of none of them."""
    names = list(dict.fromkeys(name for kind in kinds for name in kind.__struct_fields__))
    for name in given:
        if name not in names:
            like = difflib.get_close_matches(name, names, 1, ALIKE)
            hint = f"did you mean {like[0]}?" if like else f"there are {', '.join(names)}"
            raise TypeError(f"there is no option {name[:SHOWN]!r}; {hint}")


def pick(kind: type[K], given: Mapping[str, Any]) -> K:
    """Those of this kind. Raises ValueError that names the field."""
    return kind(**{name: value for name, value in given.items() if name in kind.__struct_fields__})


def changed(options: Validated) -> dict[str, Any]:
    """The fields that are not as they are by themselves."""
    fields = msgspec.structs.fields(type(options))
    return {each.name: value for each in fields if (value := getattr(options, each.name)) != each.default}


def _whole(code: str | None, begun: str | None) -> str | None:
    """The program, with what the problem has begun of it."""
    if code is None or not begun or code.strip().startswith(begun.strip()):
        return code
    return f"{begun}\n{code}"


@functools.lru_cache(64)
def _for_verdict(options: RewardOptions) -> JudgeOptions:
    same = {name: getattr(options, name) for name in JudgeOptions.__struct_fields__}
    same["run_all"] = options.run_all or options.reward == "fraction"
    same["scores"] = options.scores or options.reward == "score"
    return JudgeOptions(**same)


@functools.cache
def _checker(name: str) -> Checker:
    """Raises ValueError."""
    return find_preset(name)
