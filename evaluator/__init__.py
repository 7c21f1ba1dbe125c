"""The evaluator: programs in, reports out. The trusted side: expected outputs live here and nowhere else.

engine       Evaluator, the asyncio engine: order, batches, early stop, retry
streams      what every evaluator can do that can judge one program
sync         the same for callers without an event loop
background   an event loop in a thread of its own
dropped      what is dropped without having been closed
attempt      how a program is run this time; whose fault a failure is where the host was short of something
options      how to judge and how to run, as one Struct each
helper       trusted processes beside this one, for what may take long
control      a program of ours in the place of one that workers broke on
violations   programs that broke the sandbox, kept
judgement    one program: executions become test results; what a lane rejects is confirmed
prepared     a problem made ready once, shared by its programs
starter      what the starter code says of a function: which arguments and results are LeetCode's nodes
answer       what an answer to a prediction says: a value, or a call
input_prediction   predictions of an input, as assertions and programs for them
included     what a problem adds to its programs: headers, modules, graders
reference    what the expected output costs its judge, the yardstick for others
encodable    text of programs in what the evaluator says
digits       JSON with integers of any length
kept         whole outputs in reports, to be judged again
rejudge      the same reports under another rule, without running anything
asserts/     tests that are assertions: read and compared, or run apart from the program
compare/     rules that decide whether an output is the expected one
comparing/   processes in which that is decided for outputs that are not small
memory       how much of problems and verdicts is kept for later
inspection   what was understood of a data set, and what looks wrong in it
pile         a list of what may be as much as there are rows in a data set
spread       smallest, middle and largest of as many numbers
version      which microcoder this is
problem, submission, report, status   the types in files, on the wire and in the API
datasets/    problems and programs from the files that data sets are published as
cli/         microcoder-eval
cluster/     the same on a Ray cluster
server/      microcoder-eval serve
client/      clients of it
integrations/  adapters for RL trainers and harnesses
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Evaluator
    from .memory import Memory
    from .options import ClientOptions, JudgeOptions, RewardOptions, RunOptions
    from .problem import Checker, Problem, TestCase
    from .report import Report, TestResult
    from .status import Status
    from .submission import Submission
    from .sync import SyncEvaluator

__all__ = [
    "Checker",
    "ClientOptions",
    "Evaluator",
    "JudgeOptions",
    "Memory",
    "Problem",
    "Report",
    "RewardOptions",
    "RunOptions",
    "Status",
    "Submission",
    "SyncEvaluator",
    "TestCase",
    "TestResult",
]

_WHERE = {
    "Checker": "problem",
    "ClientOptions": "options",
    "Evaluator": "engine",
    "JudgeOptions": "options",
    "Memory": "memory",
    "Problem": "problem",
    "Report": "report",
    "RewardOptions": "options",
    "RunOptions": "options",
    "Status": "status",
    "Submission": "submission",
    "SyncEvaluator": "sync",
    "TestCase": "problem",
    "TestResult": "report",
}


def __getattr__(name: str) -> Any:
    """Imported when first asked for: a command has caught Ctrl-C before it imports anything that takes its time."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    return found
