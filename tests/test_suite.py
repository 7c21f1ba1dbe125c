"""The tests that a text has: what runs them says what unittest and pytest themselves say. No jail here."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

SUITES = Path(__file__).parent / "suites"
KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}

REPORTER = """
import json
file = open("reports", "a")
def tell(*words):
    file.write(json.dumps(words) + "\\n")
def pytest_runtest_logreport(report):
    tell(report.nodeid, report.when, report.outcome, hasattr(report, "wasxfail"))
def pytest_collectreport(report):
    if report.outcome != "passed":
        tell(report.nodeid, "collect", report.outcome, False)
"""


@functools.cache
def modules(kind: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Text and results of each, as the file has them. ``*`` stands for the text as a whole."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for block in re.split(r"^=== ", (SUITES / f"{kind}.txt").read_text(), flags=re.MULTILINE)[1:]:
        name, head, text = block.split("\n", 2)
        said = [each.split() for each in head.removeprefix("# ").split(",")]
        found[name] = text, {} if len(said[0]) == 1 else dict(said)
        if len(said[0]) == 1:
            found[name] = text, {"*": said[0][0]}
    return found


def ours(texts: dict[str, tuple[str, str | None, str]], folder: Path | None = None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as fresh:
        command = [sys.executable, str(SUITES / "ours.py")]
        done = subprocess.run(
            command, input=json.dumps(texts), capture_output=True, text=True, cwd=folder or fresh, env=KEPT, check=False
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@functools.cache
def our_results(kind: str) -> dict[str, dict[str, str]]:
    back = ours({name: (text, None, "") for name, (text, _) in modules(kind).items()})
    return {name: {each[0] or "*": each[1] for each in results} for name, (results, *_) in back.items()}


def one(text: str, function: str | None = None, prelude: str = "") -> list[list[str]]:
    return ours({"it": (text, function, prelude)})["it"][0]


def written(kind: str, folder: str) -> Path:
    path = Path(folder)
    (path / "solution.py").write_text((SUITES / "solution.py").read_text())
    for name, (text, _) in modules(kind).items():
        (path / f"test_{name}.py").write_text(text)
    return path


@functools.cache
def by_pytest() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {name: {} for name in modules("pytest")}
    with tempfile.TemporaryDirectory() as folder:
        path = written("pytest", folder)
        (path / "reporter.py").write_text(REPORTER)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "reporter", "--continue-on-collection-errors"]
        environment = KEPT | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": folder}
        subprocess.run([*command, "-c", os.devnull, "--rootdir", "."], cwd=path, env=environment, capture_output=True, check=False)
        for line in (path / "reports").read_text().splitlines():
            node, when, outcome, expected = json.loads(line)
            file, *places = re.sub(r"\[.*\]$", "", node).split("::")
            results = found[file.removeprefix("test_").removesuffix(".py")]
            name = ".".join(places) or "*"
            now = "xfailed" if outcome == "skipped" and expected else outcome
            if outcome != "passed" or when == "call":
                order = ("skipped", "xfailed", "passed", "failed")
                results[name] = max(results.get(name, now), now, key=order.index)
    return found


@functools.cache
def by_unittest() -> dict[str, dict[str, str]]:
    words = {"ok": "passed", "FAIL": "failed", "ERROR": "failed", "skipped": "skipped"}
    words |= {"expected failure": "xfailed", "unexpected success": "failed"}
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = written("unittest", folder)
        for name, (_, expected) in modules("unittest").items():
            command = [sys.executable, "-m", "unittest", "-v", f"test_{name}"]
            done = subprocess.run(command, cwd=path, capture_output=True, text=True, env=KEPT, check=False)
            results = found[name] = {}
            line = rf"(\w+) \((\S+?)\)(?: \[.*?\]| \(.*?\))? \.\.\. (?:\n +\S.*\.\.\. )?({'|'.join(words)})"
            for method, within, word in re.findall(line, done.stderr):
                place = within.removeprefix(f"test_{name}").removeprefix(".").removesuffix(f".{method}")
                if method in ("setUpClass", "setUpModule"):
                    results |= {each: words[word] for each in expected if each.startswith(place)}
                elif "FailedTest" in within:
                    results["*"] = "failed"
                else:
                    results[f"{place}.{method}"] = words[word]
    return found


@pytest.mark.parametrize("name", modules("pytest"))
def test_functions_of_pytest(name: str) -> None:
    expected = {key: value for key, value in modules("pytest")[name][1].items() if value != "left"}
    assert our_results("pytest")[name] == expected
    real = {key: "failed" if value == "faulty" else value for key, value in expected.items() if value != "empty"}
    if name == "star_import":
        real["test_of_the_program"] = "failed"  # it would be collected; it is the program's
    assert by_pytest()[name] == real


@pytest.mark.parametrize("name", modules("unittest"))
def test_classes_of_unittest(name: str) -> None:
    expected = modules("unittest")[name][1]
    assert our_results("unittest")[name] == expected
    assert by_unittest()[name] == expected


@pytest.mark.parametrize("name", modules("script"))
def test_scripts(name: str, tmp_path: Path) -> None:
    text, expected = modules("script")[name]
    assert our_results("script")[name] == expected
    (tmp_path / "solution.py").write_text((SUITES / "solution.py").read_text())
    (tmp_path / "script.py").write_text(text)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, env=KEPT, check=False)
    assert (done.returncode == 0) is (expected == {"*": "passed"})
