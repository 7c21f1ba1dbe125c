"""`microcoder-eval run`: options, reports, summary, resuming, interruption, exit codes.

Most tests replace the engine by one that reads the verdict out of the program, so that they test the command alone.
Those that use the fixture `demo` run the real one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from microcoder.evaluator.cli import main
from microcoder.evaluator.cli import progress as progress_module
from microcoder.evaluator.cli import run as run_module
from microcoder.evaluator.cli.engine import ONE_AFTER_THE_OTHER
from microcoder.evaluator.cli.options import LimitOptions
from microcoder.evaluator.cli.reports import OutputError, ReportFile
from microcoder.evaluator.problem import Problem, TestCase
from microcoder.evaluator.report import Report, TestResult
from microcoder.evaluator.status import Status
from microcoder.evaluator.submission import Submission
from microcoder.sandbox.errors import JailUnavailable
from microcoder.sandbox.limits import Limits

from .events import descendants, wait_until

DEMO = Path(__file__).resolve().parent.parent / "examples" / "demo.jsonl"


class VerdictInTheProgram:
    """Stands in for the Evaluator: the text of a program is its verdict."""

    options: ClassVar[dict[str, Any]] = {}
    limits: ClassVar[list[tuple[Limits, float | None]]] = []
    jail = "pretended"

    def __init__(self, *, workers: int | None = None, **options: Any) -> None:
        type(self).options = {"workers": workers, **options}
        type(self).limits = []
        self.workers = workers or 2

    async def __aenter__(self) -> VerdictInTheProgram:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def evaluate_many(
        self, pairs: Iterable[tuple[Problem, Submission]], finished: Callable[[int, Report], None]
    ) -> AsyncIterator[Report]:
        for place, (problem, program) in enumerate(pairs):
            self.limits.append((problem.limits, problem.time_limit))
            status = Status(program.code or "no_code")
            accepted = status is Status.ACCEPTED
            first, *others = problem.tests
            later = TestResult(status=Status.ACCEPTED if accepted else Status.SKIPPED)
            report = Report(
                problem_id=problem.problem_id,
                name=program.name,
                status=status,
                passed=len(problem.tests) if accepted else 0,
                total=len(problem.tests),
                tests=(TestResult(status=status, stdout=None if accepted else first.input), *[later] * len(others)),
                cpu_time=0.25,
                accept=program.accept,
                timing_sensitive=program.timing_sensitive,
            )
            finished(place, report)
            yield report


@pytest.fixture(autouse=True)
def pretended(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "demo" not in request.fixturenames:
        monkeypatch.setattr(run_module, "Evaluator", VerdictInTheProgram)


@pytest.fixture
def demo() -> Path:
    return DEMO


def program(verdict: str, accept: bool | None = None, **fields: object) -> dict[str, Any]:
    return {"code": verdict, "accept": accept, **fields}


def write(path: Path, *rows: tuple[str, list[dict[str, Any]]] | str) -> Path:
    tests = [{"input": "1\n", "output": "1\n"}] * 3
    lines: list[str] = []
    for row in rows:
        if isinstance(row, tuple):
            programs = [{"name": f"{row[0]}{n}", **each} for n, each in enumerate(row[1])]
            lines.append(json.dumps({"problem_id": row[0], "tests": tests, "submissions": programs}))
        else:
            lines.append(row)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write(
        tmp_path / "rows.jsonl",
        ("a", [program("accepted", True), program("wrong_answer", True), program("no_code")]),
        ("b", [program("accepted", False), program("runtime_error", False), program("accepted", True)]),
        ("c", [program("time_limit_exceeded", True, timing_sensitive=True), program("accepted", True)]),
    )


def command(*arguments: object) -> int:
    return main(["run", *map(str, arguments)])


def reports(path: Path) -> list[Report]:
    return [msgspec.json.decode(line, type=Report) for line in path.read_bytes().splitlines()]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """All that was printed as an error, on one line."""
    return " ".join(capsys.readouterr().err.replace("│", " ").split())


# ------------------------------------------------------------------------------------------------------------ results


def test_reports_in_the_order_of_the_input(rows: Path, tmp_path: Path) -> None:
    assert command(rows, "-o", tmp_path / "out.jsonl") == 0
    found = reports(tmp_path / "out.jsonl")
    assert [report.name for report in found] == ["a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1"]
    assert [report.status.value for report in found][:3] == ["accepted", "wrong_answer", "no_code"]


def test_summary(rows: Path, tmp_path: Path) -> None:
    assert command(rows, "--json", tmp_path / "summary.json") == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    rates = {
        name: summary.pop(name) for name in ("seconds", "programs_per_second", "tests_per_second", "processors_used")
    }
    assert all(rate >= 0 for rate in rates.values())
    assert summary == {
        "programs": 8,
        "resumed": 0,
        "interrupted": False,
        "tests_run": 16,
        "program_cpu_seconds": 2.0,
        "verdicts": {"accepted": 4, "wrong_answer": 1, "time_limit_exceeded": 1, "runtime_error": 1, "no_code": 1},
        "scored": 0,
        "mean_score": None,
        "labelled": 6,
        "confusion": {
            "labelled": 6,
            "right_accepted": 3,
            "right_rejected": 1,
            "wrong_accepted": 1,
            "wrong_rejected": 1,
            "undecided": 0,
        },
        "false_negatives": 1,
        "false_positives": 1,
        "timing_sensitive": {"labelled": 1, "false_negatives": 1, "false_positives": 0},
        "system_errors": 0,
        "sandbox_violations": 0,
        "checker_errors": 0,
        "missing_modules": {},
        "broken_problems": {},
        "workers": 2,
        "jail": "pretended",
        "skipped_rows": 0,
        "preset": None,
        "rules": {},
        "accepted_by": {},
    }


def test_table(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(rows) == 0
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines()][:6] == [
        ["verdicts"],
        ["accepted", "4", "50.0%"],
        ["wrong_answer", "1", "12.5%"],
        ["time_limit_exceeded", "1", "12.5%"],
        ["runtime_error", "1", "12.5%"],
        ["no_code", "1", "12.5%"],
    ]
    assert "right         3         1" in shown.out
    assert "timing-sensitive, counted apart: 1 labelled, 1 right rejected, 0 wrong accepted" in shown.out
    assert "2 workers in pretended" in shown.out
    assert shown.err == ""


def test_no_labels_no_confusion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(write(tmp_path / "rows.jsonl", ("a", [program("accepted")]))) == 0
    assert "labels" not in capsys.readouterr().out


def test_quiet(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(rows, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("verdict", ["system_error", "checker_error"])
def test_a_failing_judge_shows_in_the_exit_code(tmp_path: Path, verdict: str) -> None:
    file = write(tmp_path / "rows.jsonl", ("a", [program(verdict, True), program("accepted", True)]))
    assert command(file, "--json", tmp_path / "summary.json") == 1
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary[f"{verdict}s"] == 1
    assert (summary["labelled"], summary["false_negatives"], summary["confusion"]["undecided"]) == (2, 0, 1)


def test_programs_from_a_file_of_their_own(rows: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs.jsonl"
    each = [{"problem_id": "b", "code": "accepted", "name": "x"}, {"problem_id": "a", "code": None}]
    programs.write_text("".join(json.dumps(row) + "\n" for row in each))
    assert command(rows, "--submissions", programs, "-o", tmp_path / "out.jsonl") == 0
    assert [(report.problem_id, report.name) for report in reports(tmp_path / "out.jsonl")] == [("b", "x"), ("a", None)]


# ------------------------------------------------------------------------------------------------------------ options


def test_options_reach_the_engine(rows: Path, tmp_path: Path) -> None:
    assert command(rows, "-q") == 0
    assert VerdictInTheProgram.options == {
        "workers": None,
        "jail": "auto",
        "python": None,
        "packages": None,
        "lanes": True,
        "run_all": False,
        "scores": False,
        "benefit_of_doubt": False,
        "assert_trust": "any",
        "preset": None,
        "keep_outputs": 0,
        "memory": ONE_AFTER_THE_OTHER,
        "unsafe_no_jail": False,
    }
    python = ("--python", sys.executable)
    flags = (
        "-q",
        "--workers",
        3,
        "--run-all",
        "--scores",
        "--no-lanes",
        "--unsafe-no-jail",
        "--allow-package",
        "numpy",
        "sympy",
    )
    rules = ("--preset", "codeforces:rcmp6", "--keep-outputs", 100, "-o", tmp_path / "out.jsonl")
    assert command(rows, *flags, *python, *rules) == 0
    assert VerdictInTheProgram.options == {
        "workers": 3,
        "jail": "none",
        "python": sys.executable,
        "packages": ("numpy", "sympy"),
        "lanes": False,
        "run_all": True,
        "scores": True,
        "benefit_of_doubt": False,
        "assert_trust": "any",
        "preset": "codeforces:rcmp6",
        "keep_outputs": 100,
        "memory": ONE_AFTER_THE_OTHER,
        "unsafe_no_jail": True,
    }


def test_limits_replace_those_of_the_problems(tmp_path: Path) -> None:
    row = {"problem_id": "p", "tests": [{"input": "", "output": ""}], "submissions": [program("accepted")]}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row | {"time_limit": 7, "limits": {"memory": 5000, "output": 6000}}) + "\n")
    assert command(file, "-q") == 0
    assert VerdictInTheProgram.limits == [(Limits(memory=5000, output=6000), 7)]
    assert command(file, "-q", "--limits.memory", 4000) == 0
    assert VerdictInTheProgram.limits == [(Limits(memory=4000, output=6000), 7)]
    assert command(file, "-q", "--limits.cpu-time", 0.5) == 0
    assert VerdictInTheProgram.limits == [(Limits(memory=5000, output=6000, cpu_time=0.5), None)]


def test_every_limit_has_an_option() -> None:
    assert LimitOptions.__struct_fields__ == Limits.__struct_fields__


def test_help_needs_no_engine() -> None:
    code = (
        "import sys\n"
        "from microcoder.evaluator.cli import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'uvloop', 'zstandard', 'rich', 'microcoder.evaluator.engine', 'microcoder.sandbox.pool'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(word in done.stdout for word in ("FILE", "--resume", "--limits.cpu-time", "exit codes:", "130"))


# ----------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which FILE?"),
        (["ROWS", "--resume"], "--resume needs --output"),
        (["ROWS", "-o", "OUT", "--resume", "--overwrite"], "take one of them"),
        (["ROWS", "-o", "ROWS", "--overwrite"], "is an input file, too"),
        (["ROWS", "--json", "ROWS"], "is an input file, too"),
        (["ROWS", "-o", "OUT", "--json", "OUT"], "name the same file"),
        (["ROWS", "-o", "OUT/x/y"], "there is no directory"),
        (["ROWS", "-o", "."], "is a directory"),
        (["ROWS", "--jail", "none"], "it needs --unsafe-no-jail as well"),
        (["ROWS", "--jail", "nsjail", "--unsafe-no-jail"], "take one of them"),
        (["ROWS", "--python", "OUT"], "is not an executable file"),
        (["ROWS", "--testlib", "OUT"], "--testlib: there is no testlib.h"),
        (["ROWS", "--preset", "kind"], "--preset: there is no preset 'kind'; known: default, strict, kattis"),
        (["ROWS", "--preset", "codeforces:pointscmp"], "--preset: checker.name: codeforces has no checker 'pointscmp'"),
        (["ROWS", "--keep-outputs", "100"], "--keep-outputs needs --output"),
        (["nowhere.jsonl"], "nowhere.jsonl: No such file or directory"),
        (["README.md"], "README.md: not a .jsonl"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    rows: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"ROWS": str(rows), "OUT": str(tmp_path / "out.jsonl")}
    words = [word.replace("ROWS", names["ROWS"]).replace("OUT", names["OUT"]) for word in arguments]
    assert command(*words) == 2
    error = capsys.readouterr().err
    assert error.startswith("microcoder-eval: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--limits.cpu-time", "soon"], "'soon' is no number"),
        (["--limits.cpu-time", "-1"], "must be a number > 0.0"),
        (["--limits.memory", "1.5"], "must be bytes, or a number with KB"),
        (["--limits.memory", "256XB"], "found '256XB'"),
        (["--limits.memory", "0MB"], "must be a whole number >= 1"),
        (["--workers", "0"], "must be a whole number >= 1"),
        (["--jail", "chroot"], "invalid choice 'chroot'"),
        (["--reusme"], "Perhaps you meant: --resume"),
    ],
)
def test_mistakes_in_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command("rows.jsonl", *arguments)
    assert stop.value.code == 2
    assert message in said(capsys)


def test_a_bad_row_ends_the_run_after_what_came_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "rows.jsonl", ("a", [program("accepted")] * 2), '{"problem_id": 5}', ("b", []))
    assert command(file, "-o", tmp_path / "out.jsonl", "--json", tmp_path / "summary.json") == 2
    assert f"microcoder-eval: {file}:2: problem_id: expected str, got int (found 5)" in said(capsys)
    assert [report.name for report in reports(tmp_path / "out.jsonl")] == ["a0", "a1"]
    assert json.loads((tmp_path / "summary.json").read_text())["programs"] == 2


def test_skip_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "rows.jsonl", *["{"] * 12, ("b", [program("accepted")]))
    assert command(file, "--skip-bad", "--json", tmp_path / "summary.json") == 0
    assert json.loads((tmp_path / "summary.json").read_text())["skipped_rows"] == 12
    error = capsys.readouterr().err
    assert f"left out: {file}:1: not JSON" in error
    assert "left out: 2 more bad rows" in error


def test_a_file_without_programs_is_named_with_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, full = write(tmp_path / "rows.jsonl", ("a", [])), write(tmp_path / "full.jsonl", ("b", [program("accepted")]))
    words = f"{file}: no row holds a program that can be used; --submissions names files of programs"
    assert command(file) == 2
    assert f"there is nothing to judge: {words}" in said(capsys)
    assert command(file, full) == 0  # one has some
    assert f"warning: {words}" in said(capsys)
    assert main(["calibrate", str(file), "-o", str(tmp_path / "limits.jsonl")]) == 2
    assert f"there is nothing to calibrate by: {words}" in said(capsys)
    programs = tmp_path / "programs.jsonl"
    programs.write_text("[]\n")
    assert command(file, "--submissions", programs, "--skip-bad") == 2
    assert said(capsys).endswith(f"there is nothing to judge: {programs}: no row holds a program that can be used")


@pytest.mark.parametrize("name", ["run", "inspect", "calibrate", "rejudge"])
def test_a_file_that_is_empty_or_not_there_is_named(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, folder = tmp_path / "empty.jsonl", tmp_path / "folder"
    empty.write_text("")
    folder.mkdir()
    reports = tmp_path / "reports.jsonl"
    reports.write_text('{"status": "accepted", "passed": 1, "total": 1}\n')
    more = {"calibrate": ["-o", str(tmp_path / "limits.jsonl")], "rejudge": ["--reports", str(reports)]}.get(name, [])
    for given, words in (
        (empty, "holds no rows"),
        (tmp_path / "nowhere", "No such file or directory"),
        (folder, "no .jsonl, "),
        (tmp_path / "*.parquet", "No such file or directory, and nothing that the pattern matches"),
    ):
        assert main([name, str(given), *more]) == 2
        assert f"microcoder-eval: {given}: {words}" in said(capsys)


def test_no_jail(rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def unavailable(_: object) -> None:
        raise JailUnavailable("no jail works here:\n  nsjail: not installed")

    monkeypatch.setattr(VerdictInTheProgram, "__aenter__", unavailable)
    assert command(rows) == 3
    assert capsys.readouterr().err == "microcoder-eval: no jail works here:\n  nsjail: not installed\n"


def test_an_output_file_is_not_replaced_unasked(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("precious\n")
    assert command(rows, "-q", "-o", out) == 2
    assert "exists already; --resume goes on with it, --overwrite replaces it" in said(capsys)
    assert out.read_text() == "precious\n"
    assert command(rows, "-q", "-o", out, "--overwrite") == 0
    assert len(reports(out)) == 8


def test_a_full_disk(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(rows, "-q", "-o", "/dev/full") == 2
    assert capsys.readouterr().err == "microcoder-eval: /dev/full: No space left on device\n"


def test_progress_in_lines(rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress_module, "LINE_EVERY", 0)
    assert command(rows) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 8
    assert lines[0].startswith(" 34%  1 programs")
    assert lines[-1].startswith("100%  8 programs")
    assert lines[-1].endswith("4 accepted, 1 wrong_answer, 1 no_code")


def test_an_empty_output_file_is_no_obstacle(rows: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").touch()
    assert command(rows, "-q", "-o", tmp_path / "out.jsonl") == 0


# ------------------------------------------------------------------------------------------------------------- resume


@pytest.mark.parametrize("kept", ["nothing", "a torn row", "a row", "a row and a torn one", "all"])
def test_resume_completes_the_file(rows: Path, tmp_path: Path, kept: str) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert command(rows, "-q", "-o", whole) == 0
    lines = whole.read_bytes().splitlines(keepends=True)
    sizes = {
        "nothing": 0,
        "a torn row": 10,
        "a row": len(lines[0]),
        "a row and a torn one": len(lines[0] + lines[1]) - 1,
    }
    out.write_bytes(whole.read_bytes()[: sizes.get(kept)])
    assert command(rows, "-q", "-o", out, "--resume", "--json", tmp_path / "summary.json") == 0
    assert out.read_bytes() == whole.read_bytes()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["programs"], summary["tests_run"], summary["false_negatives"]) == (8, 16, 1)
    assert summary["resumed"] == {"a row": 1, "a row and a torn one": 1, "all": 8}.get(kept, 0)


def test_resume_without_a_file_starts_one(rows: Path, tmp_path: Path) -> None:
    assert command(rows, "-q", "-o", tmp_path / "out.jsonl", "--resume") == 0
    assert len(reports(tmp_path / "out.jsonl")) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('"a1"', '"x"'), "a report of a, program x, but the input has a, program a1"),
        (lambda text: text.replace('"problem_id":"b"', '"problem_id":"z"'), "out.jsonl:4: a report of z, program b0"),
        (lambda text: text + text, "out.jsonl:9: a report of a, program a0, but the input has ended before"),
        (lambda text: "precious\n" + text, "out.jsonl:1: not a report"),
    ],
)  # fmt: skip
def test_resume_only_goes_on_with_the_same_input(
    rows: Path, tmp_path: Path, change: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert command(rows, "-q", "-o", out) == 0
    out.write_text(changed := change(out.read_text()))
    assert command(rows, "-q", "-o", out, "--resume") == 2
    assert message in said(capsys)
    assert out.read_text() == changed


def test_reports_are_written_as_they_come(rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.jsonl"
    seen: list[int] = []
    judge = VerdictInTheProgram.evaluate_many

    async def watched(
        self: VerdictInTheProgram, pairs: Iterable[tuple[Problem, Submission]], finished: Callable[[int, Report], None]
    ) -> AsyncIterator[Report]:
        async for report in judge(self, pairs, finished):
            seen.append(len(reports(out)))
            yield report

    monkeypatch.setattr(VerdictInTheProgram, "evaluate_many", watched)
    assert command(rows, "-q", "-o", out) == 0
    assert seen == list(range(1, 9))


# ---------------------------------------------------------------------------------------------------- the real engine


def test_demo(demo: Path, tmp_path: Path) -> None:
    """The examples get the verdicts that they are labelled with."""
    out = tmp_path / "out.jsonl"
    assert command(demo, "-q", "-o", out, "--unsafe-no-jail") == 0
    labels = [row for line in demo.read_text().splitlines() for row in json.loads(line)["submissions"]]
    short = {
        Status.ACCEPTED: "AC",
        Status.WRONG_ANSWER: "WA",
        Status.TIME_LIMIT_EXCEEDED: "TLE",
        Status.RUNTIME_ERROR: "RTE",
        Status.COMPILE_ERROR: "CE",
        Status.NO_CODE: "NO_CODE",
    }
    found = [(report.name, short[report.status]) for report in reports(out)]
    assert found == [(row["name"], row["verdict"]) for row in labels]


@pytest.fixture
def endless(demo: Path, tmp_path: Path) -> Iterator[tuple[Path, Path, subprocess.Popen[bytes]]]:
    """A run that has written its first report and hangs on its second program."""
    test = {"input": "", "output": "1\n"}
    programs = [{"code": "print(1)", "name": "quick"}, {"code": "while True: pass", "name": "endless"}]
    file, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    row = {"problem_id": "p", "tests": [test], "time_limit": 600, "submissions": programs}
    file.write_text(json.dumps(row) + "\n")
    arguments = ["run", str(file), "-o", str(out), "--unsafe-no-jail", "--workers", "1", "--json", f"{out}.summary"]
    command = [sys.executable, "-m", "microcoder.evaluator.cli", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
        try:
            wait_until(lambda: process.poll() is not None or (out.exists() and out.read_bytes().endswith(b"\n")))
            assert process.poll() is None, process.communicate()[0].decode()
            yield file, out, process
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption_leaves_a_valid_file(
    endless: tuple[Path, Path, subprocess.Popen[bytes]], number: signal.Signals, code: int
) -> None:
    file, out, process = endless
    process.send_signal(number)
    told = process.communicate()[0].decode()
    assert process.returncode == code, told
    assert "Traceback" not in told
    assert "interrupted; --resume goes on" in told
    assert [report.name for report in reports(out)] == ["quick"]
    summary = json.loads(Path(f"{out}.summary").read_text())
    assert (summary["programs"], summary["interrupted"]) == (1, True)
    assert children_of(process.pid) == []
    assert command(file, "-q", "-o", out, "--unsafe-no-jail", "--resume", "--limits.cpu-time", 0.2) == 0
    assert [report.status.value for report in reports(out)] == ["accepted", "time_limit_exceeded"]


@pytest.mark.parametrize("how", [["--resume"], ["--overwrite"], []])
def test_a_file_that_is_being_written_is_refused_whole(
    endless: tuple[Path, Path, subprocess.Popen[bytes]], how: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, out, process = endless
    before = out.read_bytes()
    link = out.with_name("link.jsonl")
    link.symlink_to(out)
    for name in (out, link):
        assert command(file, "-q", "-o", name, *how) == 2
        assert f"{name.name}: another process writes it" in said(capsys)
    assert out.read_bytes() == before
    process.kill()
    process.wait()
    options = ["--unsafe-no-jail", "--resume", "--limits.cpu-time", 0.2]
    assert command(file, "-q", "-o", link, *options) == 0
    assert [report.name for report in reports(out)] == ["quick", "endless"]


def test_a_file_that_nothing_has_been_written_to_is_locked_too(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    with ReportFile(out):
        assert command(rows, "-q", "-o", out) == command(rows, "-q", "-o", out, "--resume") == 2
        assert "another process writes it" in said(capsys)
    assert command(rows, "-q", "-o", out) == 0


def test_without_locks_of_the_file_system_it_goes_on_and_says_so(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert command(rows, "-q", "-o", tmp_path / "out.jsonl") == 0
    assert "this file system has no locks" in said(capsys)
    assert len(reports(tmp_path / "out.jsonl")) == 8


def test_devices_and_pipes_are_not_locked(rows: Path, tmp_path: Path) -> None:
    with ReportFile(Path("/dev/null")):
        assert command(rows, "-q", "-o", "/dev/null") == 0
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert command(rows, "-q", "-o", pipe, "--resume") == 0
    assert os.read(reader, 1 << 20).count(b"\n") == 8
    os.close(reader)


# -------------------------------------------------------------------------------------------------------- before turn


@pytest.fixture
def stuck(demo: Path, tmp_path: Path) -> Iterator[tuple[Path, Path, subprocess.Popen[bytes]]]:
    """A run whose first program hangs, and that has finished the others."""
    test = {"input": "", "output": "1\n"}
    programs = [{"code": "while True: pass", "name": "endless"}]
    programs += [{"code": f"print(1)  # {number}", "name": f"quick{number}"} for number in range(5)]
    file, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    file.write_text(json.dumps({"problem_id": "p", "tests": [test], "time_limit": 600, "submissions": programs}) + "\n")
    arguments = ["run", str(file), "-o", str(out), "--unsafe-no-jail", "--workers", "2", "--json", f"{out}.summary"]
    command = [sys.executable, "-m", "microcoder.evaluator.cli", *arguments]
    ahead = Path(f"{out}.ahead")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
        try:
            wait_until(lambda: process.poll() is not None or (ahead.exists() and ahead.read_bytes().count(b"\n") == 5))
            assert process.poll() is None, process.communicate()[0].decode()
            yield file, out, process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_is_finished_before_its_turn_is_kept(
    stuck: tuple[Path, Path, subprocess.Popen[bytes]], number: signal.Signals
) -> None:
    file, out, process = stuck
    judging = descendants(process.pid)
    process.send_signal(number)
    process.communicate()
    wait_until(lambda: not any(each.is_running() for each in judging))  # also those that nothing isolates
    assert out.read_bytes() == b""
    if number is not signal.SIGKILL:
        summary = json.loads(Path(f"{out}.summary").read_text())
        assert (summary["programs"], summary["interrupted"]) == (5, True)
    assert command(file, "-q", "-o", out, "--unsafe-no-jail") == 2  # the reports beside an empty file are reports
    row = json.loads(file.read_text())
    for program in row["submissions"][1:]:
        program["code"] = "print(2)"  # nobody would accept them now
    file.write_text(json.dumps(row) + "\n")
    options = ["--unsafe-no-jail", "--resume", "--limits.cpu-time", 0.2, "--json", f"{out}.summary"]
    assert command(file, "-q", "-o", out, *options) == 0
    found = reports(out)
    assert [report.name for report in found] == ["endless", *(f"quick{n}" for n in range(5))]
    assert [report.status.value for report in found] == ["time_limit_exceeded"] + ["accepted"] * 5
    assert json.loads(Path(f"{out}.summary").read_text())["resumed"] == 5
    assert not Path(f"{out}.ahead").exists()


def report_of(name: str) -> Report:
    return Report(problem_id="p", name=name, status=Status.ACCEPTED, passed=1, total=1, tests=())


def test_reports_in_any_order(tmp_path: Path) -> None:
    out, ahead = tmp_path / "out.jsonl", tmp_path / "out.jsonl.ahead"
    with ReportFile(out) as file:
        for place in (2, 0, 3):
            file.add(place, report_of(str(place)))
        assert [report.name for report in reports(out)] == ["0"]
        assert [json.loads(line)[0] for line in ahead.read_bytes().splitlines()] == [2, 3]
        file.add(1, report_of("1"))
    assert [report.name for report in reports(out)] == ["0", "1", "2", "3"]
    assert not ahead.exists()


@pytest.mark.parametrize("torn", [b"", b'[2,{"problem_id":"p","na', b"\n\nnothing\n"])
def test_a_torn_row_before_its_turn_loses_no_other(tmp_path: Path, torn: bytes) -> None:
    out, ahead = tmp_path / "out.jsonl", tmp_path / "out.jsonl.ahead"
    with ReportFile(out) as file:
        file.add(1, report_of("1"))
    ahead.write_bytes(ahead.read_bytes() + torn)
    pairs = [(problem, Submission(code="", name=str(number))) for number in range(4)]
    for known in ({1}, {1, 3}):
        with ReportFile(out, resume=True) as file:
            assert list(file.held(iter(()))) == []
            given = {place: report is not None for place, _, report in file.unjudged(iter(pairs))}
            assert given == {place: place in known for place in range(4)}
            file.add(3, report_of("3"))
    with ReportFile(out, resume=True) as file:
        assert [place for place, _, report in file.unjudged(iter(pairs)) if report is None] == [0, 2]
        file.add(2, report_of("2"))
        file.add(0, report_of("0"))
    assert [report.name for report in reports(out)] == ["0", "1", "2", "3"]


problem = Problem(problem_id="p", tests=(TestCase("", ""),))


def test_reports_before_their_turn_are_of_the_same_input(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with ReportFile(out) as file:
        file.add(1, report_of("1"))
    with (
        ReportFile(out, resume=True) as file,
        pytest.raises(OutputError, match=r"out\.jsonl\.ahead: a report of p, pro"),
    ):
        list(file.unjudged(iter([(problem, Submission(code="", name="x"))] * 2)))
    with ReportFile(out, overwrite=True):
        assert not Path(f"{out}.ahead").exists()


def test_where_there_can_be_no_second_file_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.jsonl.ahead").mkdir()
    with ReportFile(tmp_path / "out.jsonl") as file:
        for place in (2, 1, 0):
            file.add(place, report_of(str(place)))
    assert "out.jsonl.ahead: Is a directory; reports that are finished before their turn are lost" in said(capsys)
    assert [report.name for report in reports(tmp_path / "out.jsonl")] == ["0", "1", "2"]


@pytest.mark.parametrize("module", ["tyro", "uvloop", "microcoder.evaluator.problem", "microcoder.evaluator.engine"])
def test_an_interrupt_while_modules_are_imported(rows: Path, module: str) -> None:
    code = (
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == sys.argv[1]: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from microcoder.evaluator.cli import main\n"
        "sys.exit(main(['run', sys.argv[2]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, module, rows], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def children_of(session: int) -> list[int]:
    """Processes that are left of a session."""
    left: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == session:
                    left.append(int(entry.name))
            except ProcessLookupError:
                pass
    return left


@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [
        (">/dev/full", 2, "microcoder-eval: cannot write: [Errno 28] No space left on device\n"),
        ("2>&-", 0, ""),
        (">&- 2>&-", 0, ""),
    ],
)
def test_streams_that_take_nothing(rows: Path, streams: str, code: int, said: str) -> None:
    command = f'{sys.executable} -m microcoder.evaluator.cli run "$0" --workers 1 {streams}'
    done = subprocess.run(["bash", "-c", command, rows], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"], ["serve", "--help"], ["doctor", "--help"]])
def test_who_reads_no_further_ends_it_without_a_word(command: list[str]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    run = [sys.executable, "-m", "microcoder.evaluator.cli", *command]
    done = subprocess.run(run, stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")
