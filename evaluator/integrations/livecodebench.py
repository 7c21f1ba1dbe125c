"""``codegen_metrics`` as LiveCodeBench has it: the same arguments, the same form of answer, judged by this evaluator.

    from microcoder.evaluator.integrations.livecodebench import codegen_metrics

    metrics, results, metadata = codegen_metrics(samples, generations, k_list=[1, 5])

What differs: the verdicts; ``results`` hold no entry for tests that were not run, which need not be the last ones; and
when the judge failed there is an exception, or with ``failures="none"`` a None in ``results``, which pass@k leaves out.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..options import pick
from ..problem import Mode, Problem
from ..report import Report
from ..status import Status
from .adapter import Adapter, AdapterOptions
from .judge import Judge, Judged
from .truth import problem_of

Code = bool | int
K_LIST = (1, 5, 10, 20, 40, 50, 75, 100, 125, 150, 200, 500, 1000)
CODES: dict[Status, Code] = {
    Status.ACCEPTED: True,
    Status.WRONG_ANSWER: -2,
    Status.TIME_LIMIT_EXCEEDED: -3,
    Status.OUTPUT_LIMIT_EXCEEDED: -4,
    Status.MEMORY_LIMIT_EXCEEDED: -4,
    Status.RUNTIME_ERROR: -4,
    Status.COMPILE_ERROR: -4,
    Status.NO_CODE: -4,
}
"""LiveCodeBench's codes. It has none for a judge that failed."""
_WITHOUT = {"reward": "metrics count programs that passed all tests"}
MESSAGES = {-2: "Wrong Answer", -3: "Time Limit Exceeded", -4: "Runtime Error"}


def codegen_metrics(
    samples_list: Sequence[Mapping[str, Any]],
    generations_list: Sequence[Sequence[str]],
    k_list: Iterable[int] = K_LIST,
    num_process_evaluate: int | None = None,
    timeout: float = 6,
    debug: bool = False,
    *,
    judge: Judge | None = None,
    **options: Any,
) -> list[Any]:
    """``[metrics, results, metadata]``. Raises NoVerdict, and BadRow for a sample that cannot be used.

    samples_list      ``{"input_output": JSON of {"inputs", "outputs", "fn_name"}}``, one a problem
    generations_list  programs: a list for each problem; completions where ``form`` is fence
    num_process_evaluate  workers; None: one for each processor. A server has its own
    timeout           processor seconds for each test
    judge             that is running. None: one for this call
    options           as Adapter says, which also says what it raises; ``preset="lcb"`` has programs compared as
                      LiveCodeBench does
    debug             ignored
    """
    if len(samples_list) != len(generations_list):
        raise ValueError(f"generations_list: {len(generations_list)} lists for {len(samples_list)} samples")
    told = {"form": "raw", **options}
    with contextlib.ExitStack() as stack:
        if judge is None:
            judge = stack.enter_context(_judge(told, num_process_evaluate))
        adapter = Adapter(told, judge=judge, without=_WITHOUT)
        column = adapter.column or "input_output"
        problems = [problem_of_sample(sample, number, timeout, column) for number, sample in enumerate(samples_list)]
        places = [(number, code) for number, codes in enumerate(generations_list) for code in codes]
        judged = adapter.all_now([(code, problems[number]) for number, code in places])
    results: defaultdict[int, list[list[Code] | None]] = defaultdict(list)
    metadata: defaultdict[int, list[str]] = defaultdict(list)
    for (number, _), each in zip(places, judged, strict=True):
        results[number].append(None if each.failure is not None else codes_of(each.report, problems[number].mode))
        metadata[number].append(json.dumps(metadata_of(each, problems[number])))
    return [metrics_of(results, k_list), results, [metadata[number] for number in sorted(metadata)]]


def _judge(options: dict[str, Any], workers: int | None) -> Judge:
    """For one call. Takes out of the options what runs the programs."""
    server = pick(AdapterOptions, options).server
    options.pop("server", None)
    running = {name: options.pop(name) for name in [*options] if name not in AdapterOptions.__struct_fields__}
    if server is None:
        running.setdefault("workers", workers)
    return Judge(server, failures="raise", **running)


def problem_of_sample(sample: Mapping[str, Any], number: int, timeout: float, column: str) -> Problem:
    if column not in sample:
        raise ValueError(f"samples_list[{number}]: has no {column!r}")
    problem = problem_of({"input_output": sample[column]}, field=f"samples_list[{number}]")
    return msgspec.structs.replace(problem, time_limit=float(timeout))


def codes_of(report: Report | None, mode: Mode) -> list[Code]:
    """One a test that was run, the one that failed at the end. A wrong value is False there, wrong output -2."""
    if report is None:
        return []
    ran = [test.status for test in report.tests if test.status is not Status.SKIPPED]
    codes: list[Code] = [CODES[status] for status in ran if status is Status.ACCEPTED]
    if not report.accepted:
        wrong_value = mode == "call" and report.status is Status.WRONG_ANSWER
        codes.append(False if wrong_value else CODES[report.status])
    return codes


def metadata_of(judged: Judged, problem: Problem) -> dict[str, Any]:
    report = judged.report
    if report is None or judged.failure is not None:
        return {"error": judged.failure, "error_code": -5, "error_message": "TestRunnerError"}
    if report.accepted:
        return {"execution time": report.cpu_time}
    code = CODES[report.status]
    failed = {"error_code": code, "error_message": MESSAGES[code], "status": report.status.value}
    ran = (place for place, test in enumerate(report.tests) if test.status is report.status)
    place = next(ran, None)
    if place is None:
        return failed | {"error": report.message}
    test, result = problem.tests[place], report.tests[place]
    shown = {"output": result.stdout, "inputs": test.input[:300], "expected": test.output[:300]}
    return failed | shown | {"error": result.message}


def metrics_of(results: Mapping[int, Sequence[Sequence[Code] | None]], k_list: Iterable[int]) -> dict[str, Any]:
    """``pass@k`` over all problems, and for each under ``detail``; for every k that all problems have programs for."""
    counts: dict[int, tuple[int, int]] = {}
    for number, generations in results.items():
        codes = [each for each in generations if each is not None]
        counts[number] = len(codes), sum(bool(each) and all(code > 0 for code in each) for each in codes)
    ks = [k for k in k_list if counts and all(n >= k for n, _ in counts.values())]
    detail = {f"pass@{k}": {number: pass_at_k(n, c, k) for number, (n, c) in counts.items()} for k in ks}
    means: dict[str, Any] = {name: math.fsum(each.values()) / len(each) for name, each in detail.items()}
    return means | {"detail": detail}


def pass_at_k(n: int, c: int, k: int) -> float:
    """The unbiased estimate from n programs, of which c are right: 1 - C(n - c, k) / C(n, k). Chen et al. 2021."""
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"pass@k needs 0 <= c <= n and 1 <= k <= n, not n={n}, c={c}, k={k}")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)
