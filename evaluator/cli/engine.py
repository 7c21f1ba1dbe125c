"""The options that ``run``, ``serve``, ``calibrate`` and ``inspect`` have in common, as the engine takes them."""

from __future__ import annotations

import os
import shutil
from typing import Any

from ...sandbox import capacity
from ...sandbox.languages import testlib
from ...sandbox.limits import MIB, Limits
from ...sandbox.validated import own_words
from ..compare import preset
from ..memory import Memory
from ..options import RewardOptions
from .errors import UsageError
from .options import Calibrate, Inspect, Run, Serve
from .terminal import say

ONE_AFTER_THE_OTHER = Memory(prepared=32 * MIB, verdicts=32 * MIB, checkers=32 * MIB)
"""What is kept where the programs of a problem stand together: it does not come again."""


def engine_options(options: Run | Serve | Calibrate | Inspect) -> dict[str, Any]:
    """The options of Evaluator. Raises UsageError."""
    jail = options.jail
    if jail == "none" and not options.unsafe_no_jail:
        raise UsageError("--jail none runs programs with your own rights; it needs --unsafe-no-jail as well")
    if options.unsafe_no_jail and jail not in ("auto", "none"):
        raise UsageError(f"--unsafe-no-jail and --jail {jail}: take one of them")
    if options.unsafe_no_jail:
        jail = "none"
    python = None
    if options.python and not (python := shutil.which(str(options.python))):
        raise UsageError(f"--python: {options.python} is not an executable file")
    if options.testlib:
        place = options.testlib / testlib.HEADER if options.testlib.is_dir() else options.testlib
        if not place.is_file():
            raise UsageError(f"--testlib: there is no {testlib.HEADER}: {options.testlib}")
        os.environ[testlib.VARIABLE] = str(place.resolve())  # for the processes of serve, too
    found = {
        "workers": options.workers,
        "jail": jail,
        "python": python,
        "packages": options.allow_package,
        "unsafe_no_jail": options.unsafe_no_jail,
    }
    if options.preset is not None:
        try:
            preset(options.preset)
        except ValueError as error:
            raise UsageError(f"--preset: {error}") from None
    found["preset"] = options.preset
    if not isinstance(options, Calibrate | Inspect):
        found |= {
            "lanes": not options.no_lanes,
            "run_all": options.run_all,
            "scores": options.scores,
            "benefit_of_doubt": options.benefit_of_doubt,
            "assert_trust": options.assert_trust,
        }
    return found


def for_rows(options: Run | Calibrate | Inspect) -> RewardOptions:
    """For programs that stand in completions. Raises UsageError."""
    names = ("language", "form", "starts_in_think")
    try:
        return RewardOptions(**{name: getattr(options, name) for name in names})
    except ValueError as error:
        field, reason = own_words(str(error)) or ("", str(error))
        raise UsageError(f"--{field.replace('_', '-')}: {reason}") from None


def warn_of_shortage(workers: int | None, limits: Limits) -> None:
    """On standard error, where the host has too little of something for so many workers. None: as many as processors.

    Raises JailUnavailable where not even one can start."""
    for told in capacity.check(workers or len(os.sched_getaffinity(0)), limits):
        say(f"microcoder-eval: warning: {told}")
