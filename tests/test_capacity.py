"""What is said at the start of what the host lacks, and what programs lacked in the end."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from microcoder.evaluator import Evaluator
from microcoder.evaluator.report import Report, TestResult
from microcoder.evaluator.server.metrics import MODULES, Metrics
from microcoder.evaluator.status import Status
from microcoder.sandbox import capacity
from microcoder.sandbox.errors import JailUnavailable, SandboxError
from microcoder.sandbox.limits import MIB, Limits


def cli(*arguments: str, files: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "microcoder.evaluator.cli", *arguments]
    lower = ["prlimit", f"--nofile={files}"] if files else []
    return subprocess.run([*lower, *command], capture_output=True, text=True, check=False, env=environment or None)


@pytest.fixture
def rows(tmp_path: Path):
    def write(*programs: str | dict[str, str]) -> str:
        submissions = [each if isinstance(each, dict) else {"code": each} for each in programs]
        row = {"problem_id": "p", "tests": [{"input": "", "output": "1\n"}], "submissions": submissions}
        (tmp_path / "rows.jsonl").write_text(json.dumps(row))
        return str(tmp_path / "rows.jsonl")

    return write


def test_as_many_workers_fit_as_there_is_room_for() -> None:
    room = capacity.Room("memory", "of this cgroup", MIB, 3000 * MIB, 50 * MIB, 1000 * MIB)
    assert (room.workers, room.hopeless) == (3, False)
    assert room.told(4) == "4 workers may need 4000 MiB of memory, and 3000 are left (of this cgroup): 3 fit"
    assert room._replace(left=1200 * MIB).told(4).endswith("1 fits")
    assert (
        room._replace(left=60 * MIB)
        .told(1)
        .endswith("1 worker may need 1000 MiB of memory, and 60 are left (of this cgroup): not even one fits")
    )
    assert room._replace(left=40 * MIB).hopeless
    assert room._replace(own=2500 * MIB).workers == 0


def test_more_workers_than_any_host_has_room_for() -> None:
    told = capacity.check(10**9, Limits())
    assert any("of memory" in words for words in told)


def test_a_worker_may_run_a_program_and_its_test() -> None:
    less, more = ({room.name: room for room in capacity.rooms(Limits(memory=size))} for size in (MIB, 2 * MIB))
    assert more["memory"].full - less["memory"].full == 2 * MIB
    fewer, many = ([room for room in capacity.rooms(Limits(threads=n)) if "threads" in room.name] for n in (1, 2))
    assert {b.full - a.full for a, b in zip(fewer, many, strict=True)} <= {2}


def test_a_host_without_room_for_one_worker(monkeypatch) -> None:
    real = resource.getrlimit
    most = len(os.listdir("/proc/self/fd")) + capacity.DESCRIPTORS - 1
    monkeypatch.setattr(
        resource, "getrlimit", lambda which: (most, most) if which == resource.RLIMIT_NOFILE else real(which)
    )
    with pytest.raises(JailUnavailable, match=r"one worker needs 12 open files, and \d+ are left"):
        capacity.check(1, Limits())


@pytest.fixture
def open_files():
    """Sets the limit of this process that it may raise itself."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_on_open_files_is_raised_where_workers_need_it(open_files) -> None:
    now, hard = len(os.listdir("/proc/self/fd")), resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = now + 3 * capacity.DESCRIPTORS + capacity.OWN_DESCRIPTORS + 5
    open_files(soft)
    capacity.make_room(3)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
    capacity.make_room(4)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


@pytest.mark.parametrize("jail", ["nsjail", "bubblewrap"])
async def test_a_higher_limit_is_not_for_programs(open_files, jail: str) -> None:
    open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    try:
        async with Evaluator(workers=1, jail=jail) as evaluator:
            (jailed,) = evaluator.pool.pids()
            inside = [each for each in psutil.Process(jailed).children(recursive=True) if "python" in each.name()]
            assert inside
            assert {max(each.rlimit(psutil.RLIMIT_NOFILE)) for each in inside} <= {*range(1025)}
    except JailUnavailable as lack:
        pytest.skip(str(lack))


def test_files_that_may_be_no_larger_than_programs_write(rows) -> None:
    """Else every large output would be the program's fault."""
    command = [sys.executable, "-m", "microcoder.evaluator.cli", "run", rows("print(1)"), "--workers", "1"]
    done = subprocess.run(["prlimit", "--fsize=100000", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, "no process more than 100000 here (ulimit -Hf)" in done.stderr) == (3, True), done.stderr


def test_languages_that_need_more_open_files_than_there_may_be(rows, cpp: None, tmp_path: Path) -> None:
    file = rows({"code": "int main() {}", "language": "cpp"}, {"code": "print(1)"})
    done = cli("run", file, "--workers", "1", "--output", str(tmp_path / "out"), files=300)
    reports = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [report["status"] for report in reports] == ["system_error", "accepted"], done.stderr
    assert "ulimit -Hn has to be more than 300" in reports[0]["message"]


def test_run_says_how_many_workers_fit(rows) -> None:
    done = cli("run", rows("print(1)"), "--workers", "20", "--quiet", files=256)
    assert "warning: 20 workers may need 304 open files" in done.stderr and "fit" in done.stderr, done.stderr
    assert done.returncode == 0


def test_packages_that_programs_may_import_can_be_imported(rows, tmp_path, monkeypatch) -> None:
    """One error names all that cannot: not installed, without what they need, needing what is not allowed, broken."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    contents = {
        "fine": "x = 1",
        "lonely": "import no_such_dependency",
        "hungry": "import fine",
        "loud": "print('hello')\nraise SystemExit('no')",
    }
    for name, text in contents.items():
        (tmp_path / f"{name}_package").mkdir()
        (tmp_path / f"{name}_package/__init__.py").write_text(text.replace("fine", "fine_package"))
    names = ["nowhere_to_be_found", *(f"{name}_package" for name in contents if name != "fine")]
    done = cli("run", rows("print(1)"), "--workers", "1", "--allow-package", *names, "numpy")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    for told in (
        "nowhere_to_be_found (not installed)",
        "lonely_package (ModuleNotFoundError: No module named 'no_such_dependency')",
        "hungry_package (ModuleNotFoundError: No module named 'fine_package')",
        "loud_package (SystemExit: no)",
    ):
        assert told in done.stderr, done.stderr
    assert "numpy" not in done.stderr
    done = cli(
        "run",
        rows("import hungry_package"),
        "--workers",
        "1",
        "--allow-package",
        "hungry_package",
        "fine_package",
        "-q",
    )
    assert done.returncode == 0, done.stderr
    done = cli("doctor", "--allow-package", *names)
    assert done.returncode == 3 and "lonely_package: ModuleNotFoundError" in done.stdout


async def test_the_default_packages_are_no_exception(monkeypatch) -> None:
    monkeypatch.setattr("microcoder.evaluator.engine.PROGRAM_PACKAGES", ("numpy", "nowhere_to_be_found"))
    with pytest.raises(SandboxError, match="nowhere_to_be_found"):
        async with Evaluator(workers=1):
            pass


def test_modules_that_programs_lacked_are_counted(rows, tmp_path) -> None:
    lacking = "import pandas_of_nobody.core", "import pandas_of_nobody as pd\nprint(2)", "import scipy_of_nobody"
    caught = "try: import pandas_of_nobody\nexcept ImportError: print(1)"
    done = cli("run", rows(*lacking, caught), "--json", str(tmp_path / "summary.json"))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["missing_modules"] == {"pandas_of_nobody": 2, "scipy_of_nobody": 1}
    assert "for want of a module: pandas_of_nobody 2, scipy_of_nobody 1" in " ".join(done.stdout.split())


def report(words: str, status: Status = Status.RUNTIME_ERROR) -> Report:
    tests = (TestResult(status=status, stderr=words),)
    return Report(problem_id="p", status=status, passed=0, total=1, tests=tests)


def test_the_names_in_metrics_are_bounded(monkeypatch) -> None:
    """Programs choose them."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    metrics = Metrics()
    for number in range(MODULES + 50):
        metrics.verdict(report(f"ModuleNotFoundError: No module named 'm{number}'\n"), None)
    metrics.verdict(report("ModuleNotFoundError: No module named 'm1'\n"), None)
    text = metrics.text().decode()
    assert 'microcoder_missing_modules_total{module="m1"} 2.0' in text
    assert 'microcoder_missing_modules_total{module="other"} 50.0' in text
    assert text.count("microcoder_missing_modules_total{") == MODULES + 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Traceback\nModuleNotFoundError: No module named 'a.b.c'\n", "a"),
        ("ModuleNotFoundError: No module named 'a'\nand more\n", None),
        ("ModuleNotFoundError: No module named '" + "x" * 65 + "'\n", None),
        ("ModuleNotFoundError: No module named 'a\"}\\n'\n", None),
        ("", None),
    ],
)
def test_what_is_a_missing_module(words, found) -> None:
    assert report(words).missing_module == found
    assert (
        msgspec.structs.replace(report(words), tests=(TestResult(status=Status.ACCEPTED, stderr=words),)).missing_module
        is None
    )
