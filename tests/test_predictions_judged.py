"""Predictions of outputs and of inputs, judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from microcoder.evaluator import Evaluator, Status
from microcoder.evaluator.comparing import Comparing
from microcoder.evaluator.datasets import Rows
from microcoder.evaluator.integrations.truth import problem_of
from microcoder.evaluator.options import JudgeOptions, RewardOptions
from microcoder.evaluator.prepared import Prepared
from microcoder.evaluator.rejudge import rejudge

from .judging import DOUBLE, inputs, output

pytestmark = pytest.mark.asyncio(loop_scope="session")

CASES = Path(__file__).resolve().parent.parent.parent / "shared/cases/formats"
NAMES = ("cruxeval", "lcb_execution", "lcb_test_output")


# ------------------------------------------------------------------------------------------------------------- outputs


async def test_outputs_are_compared_without_a_worker(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator.pool, "worker", None)
    problem = output("[2, 4]")
    for answer, rule in (("[2, 4]", "exact"), ("assert f(3) == [2,4]", "values"), ("[2.0] + [4]", "values")):
        report = await evaluator.evaluate(problem, answer)
        assert (report.status, report.rule, report.passed) == (Status.ACCEPTED, rule, 1)
    report = await evaluator.evaluate(problem, "assert f(3) == [2, 5]")
    assert (report.status, report.reward) == (Status.WRONG_ANSWER, 0.0)
    assert report.message == "test 1: expected [2, 4], got [2, 5]"
    assert report.tests[0].stdout == "assert f(3) == [2, 5]"
    report = await evaluator.evaluate(problem, "f(3)")
    assert report.message == "test 1: the answer is no value: no constant, for it has a call of f"
    assert (await evaluator.evaluate(problem, " ")).status is Status.NO_CODE


async def test_what_may_be_large_is_read_in_a_comparing_process(evaluator: Evaluator) -> None:
    large = output(repr(list(range(20000))))
    assert (await evaluator.evaluate(large, "list(range(20000))")).accepted
    assert (await evaluator.evaluate(large, "[*range(10000), *range(10000, 20000)]")).rule == "values"
    report = await evaluator.evaluate(large, "list(range(20001))")
    assert report.status is Status.WRONG_ANSWER


async def test_an_expected_output_that_is_large_and_no_value_is_a_fault(evaluator: Evaluator) -> None:
    report = await evaluator.evaluate(output("[" + "f(1), " * 2000 + "]"), "[1]")
    assert (report.status, report.reward) == (Status.CHECKER_ERROR, None)


async def test_no_more_answers_at_a_time_than_workers(jail: str) -> None:
    async with Evaluator(workers=2, jail=jail) as one:
        problem = output("0")
        answers = [f"[0] * {n}" for n in range(999_900, 1_000_000)]
        reports = [report async for report in one.evaluate_many((problem, answer) for answer in answers)]
        assert {report.status for report in reports} == {Status.WRONG_ANSWER}
        assert len(one._comparing.pids()) <= 2


async def test_kept_answers_are_judged_again(jail: str) -> None:
    async with Evaluator(workers=1, jail=jail, keep_outputs=1000) as keeping:
        report = await keeping.evaluate(output("4"), " assert f(3) == 5\n")
    comparing = Comparing()
    again = await rejudge(Prepared(output("4")), report, comparing)
    assert (again.status, again.message) == (report.status, report.message)
    assert (await rejudge(Prepared(output("5")), report, comparing)).accepted


# -------------------------------------------------------------------------------------------------------------- inputs


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ("f([1, 2])", "assert"),
        ("assert f([1, 2]) == [2, 4]", "assert"),
        ("assert f([1, 2]) == 'whatever stands here'", "assert"),
        ("f([-1, -2], k=-2)", "assert"),
        ("f(*([1] + [2],))", "assert"),
        ("[1, 2], 2", "assert"),
        ("(1, 2)", "assert"),
        ("range(1, 3)", "assert replayed"),
        ("f([int(c) for c in '12'])", "assert replayed"),
        ("f(f([1, 1], k=1)[:1] + [2])", "assert replayed"),
    ],
)
async def test_any_input_that_gives_the_output_is_right(evaluator: Evaluator, answer: str, rule: str) -> None:
    report = await evaluator.evaluate(inputs(DOUBLE, "[2, 4]"), answer)
    assert (report.status, report.rule) == (Status.ACCEPTED, rule), report


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("f([1, 3])", Status.WRONG_ANSWER),
        ("f([1, 2], 3)", Status.WRONG_ANSWER),
        ("f()", Status.RUNTIME_ERROR),
        ("f(x)", Status.RUNTIME_ERROR),
        ("f([1] * 10 ** 10)", Status.MEMORY_LIMIT_EXCEEDED),
        ("g([1, 2])", Status.RUNTIME_ERROR),
        ("no idea", Status.WRONG_ANSWER),
        ("f([1, 2]", Status.WRONG_ANSWER),
        (f"f({[1] * 5000})", Status.WRONG_ANSWER),
    ],
)
async def test_wrong_inputs(evaluator: Evaluator, answer: str, status: Status) -> None:
    report = await evaluator.evaluate(inputs(DOUBLE, "[2, 4]"), answer)
    assert (report.reward, report.status) == (0.0, status), report


@pytest.mark.parametrize("expected", ["[2, 4]", " [2,\n4]", "[2, 4]  # twice", "[2] + [4]"])
async def test_however_the_value_is_written(evaluator: Evaluator, expected: str) -> None:
    problem = inputs(DOUBLE, expected)
    for answer, accepted in (("f([1, 2])", True), ("f([1])", False), ("f(range(1, 3))", True), ("f(range(3))", False)):
        assert (await evaluator.evaluate(problem, answer)).accepted is accepted


async def test_functions_may_be_arguments(evaluator: Evaluator) -> None:
    problem = inputs("def f(xs, g):\n    g(xs)\n    return [x for x in xs if x]\n", "[3, 1]")
    for answer, accepted in (
        ("f([1, 0, 3], lambda x: x.reverse())", True),
        ("f([1, 0, 3], lambda x: x.sort())", False),
    ):
        assert (await evaluator.evaluate(problem, answer)).accepted is accepted


FORGED = (
    "f((globals().update(f=lambda *_: [2, 4]), [1])[1])",
    "f(*(exec('global f\\nf = lambda *_: [2, 4]') or [[1]]))",
    "f((setattr(__import__('builtins'), 'list', 4), [7])[1])",
    "f((setattr(__import__(__name__), 'f', lambda *_: [2, 4]), [7])[1])",
    "f((f.__globals__.update(f=lambda *_: [2, 4]), [7])[1])",
    "f((setattr(f, '__code__', (lambda xs, k=2: [2, 4]).__code__), [7])[1])",
    "f((setattr(f, '__defaults__', (0,)), [7])[1])",
    "f(__import__('os')._exit(0))",
    "f(exit())",
    "f(type('A', (), {'__iter__': lambda s: iter([s]), '__mul__': lambda s, k: s, '__eq__': lambda s, o: True})())",
    "f([type('A', (), {'__mul__': lambda s, k: s, '__eq__': lambda s, o: True})()] * 2)",
    "f([1])) or (lambda *_: [2, 4])(([1]",
    "[1])\n    return [2, 4]\n    (",
    "f([1]) == 1 or 1",
    "[1])\nf = lambda *_: [2, 4]\nassert f([1]",
    "f([1])\nf = lambda *_: [2, 4]\nassert f([1])",
    "[1])\nf = lambda *_: [2, 4]\nf([1]",
)


@pytest.mark.parametrize("answer", FORGED)
async def test_an_answer_puts_nothing_in_place_of_the_function(evaluator: Evaluator, answer: str) -> None:
    report = await evaluator.evaluate(inputs(DOUBLE, "[2, 4]"), answer)
    assert report.reward == 0.0, report


async def test_the_function_has_its_module(evaluator: Evaluator) -> None:
    code = "import math\nBASE = [1, 2]\nclass Pair:\n    def __init__(self, a): self.a = a\ndef f(x):\n    return x.a\n"
    assert (await evaluator.evaluate(inputs(code, "[1, 2]"), "f(Pair(BASE[:]))")).accepted
    assert (await evaluator.evaluate(inputs(code, "3"), "f(Pair(math.floor(3.5)))")).accepted


async def test_a_function_that_cannot_be_is_at_fault(evaluator: Evaluator) -> None:
    report = await evaluator.evaluate(inputs("raise ValueError('no')", "1"), "f(1)")
    assert report.status is Status.CHECKER_ERROR
    with pytest.raises(ValueError, match="prelude: SyntaxError"):
        await evaluator.evaluate(inputs("def f(:", "1"), "f(1)")


async def test_sealed_is_what_literals_are(evaluator: Evaluator) -> None:
    sealed = JudgeOptions(assert_trust="sealed")
    for answer in ("f([1, 2])", "f(list((1, 2)))"):
        assert (await evaluator.evaluate(inputs(DOUBLE, "[2, 4]"), answer, sealed)).accepted


# ---------------------------------------------------------------------------------------------------------- completions


async def test_completions(evaluator: Evaluator) -> None:
    options = RewardOptions()
    wanted, asked = inputs(DOUBLE, "[2, 4]"), output("[2, 4]", "f([1, 2])")
    said = "Twice each.\n[ANSWER]\nassert f([1, 2]) == [2, 4]\n[/ANSWER]\n"
    for problem in (wanted, asked):
        submission = options.submission(said, problem)
        assert (submission.code, submission.found) == ("assert f([1, 2]) == [2, 4]", "tagged")
        assert (await evaluator.evaluate(problem, submission)).accepted
    submission = RewardOptions(starts_in_think=True).submission("f([1, 2]) is", asked)
    assert (submission.code, submission.found) == (None, "unclosed_think")


# ------------------------------------------------------------------------------------------------------------ data sets


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", [None, "cruxeval-i"])
async def test_the_cases(evaluator: Evaluator, name: str, form: str | None) -> None:
    if not CASES.is_dir() or (form and name != "cruxeval"):
        pytest.skip("no cases here, or not of this form")
    files = [CASES / f"{name}.jsonl"]
    pairs = list(Rows(files, format=form)) + ([] if form else list(Rows(files, [CASES / f"{name}-subs.jsonl"])))
    assert pairs
    for problem, program in pairs:
        assert (await evaluator.evaluate(problem, program)).reward == float(program.accept is True), program
        assert (await evaluator.evaluate(problem, "[0, 'no']")).reward == 0.0


async def test_a_truth_of_our_own(evaluator: Evaluator) -> None:
    row = {"problem_id": "i", "mode": "input_prediction", "entry_point": "f", "prelude": DOUBLE}
    problem = problem_of(row | {"tests": [{"output": "[2, 4]"}]})
    assert (await evaluator.evaluate(problem, "f([1, 2])")).accepted
