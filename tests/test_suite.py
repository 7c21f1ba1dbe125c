"""The tests that a text has: what runs them says what unittest and pytest themselves say. No jail here."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
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


class Ours:
    """Runs texts as the process of a test does."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, str(SUITES / "ours.py")]
        self.process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=folder, env=KEPT)

    def run(self, text: str, function: str | None = None, prelude: str = "") -> Any:
        """Results: name, outcome, words, class of the error."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([text, function, prelude]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self) -> Ours:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process as process:
            process.terminate()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    with Ours(tmp_path_factory.mktemp("empty")) as ours:
        yield ours


Run = Callable[..., list[list[str]]]


@pytest.fixture(scope="module")
def one(ours: Ours) -> Run:
    return ours.run


def outcomes(results: list[list[str]]) -> dict[str, str]:
    return {each[0] or "*": each[1] for each in results}


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
        subprocess.run(
            [*command, "-c", os.devnull, "--rootdir", "."], cwd=path, env=environment, capture_output=True, check=False
        )
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
def test_functions_of_pytest(one: Run, name: str) -> None:
    expected = {key: value for key, value in modules("pytest")[name][1].items() if value != "left"}
    assert outcomes(one(modules("pytest")[name][0])) == expected
    real = {key: "failed" if value == "faulty" else value for key, value in expected.items()}
    if name == "parametrize_mismatch":
        real = {"*": "failed"}  # it gives up the module
    if name == "star_import":
        real["test_of_the_program"] = "failed"  # it would be collected; it is the program's
    assert by_pytest()[name] == real


@pytest.mark.parametrize("name", modules("unittest"))
def test_classes_of_unittest(one: Run, name: str) -> None:
    expected = modules("unittest")[name][1]
    assert outcomes(one(modules("unittest")[name][0])) == expected
    assert by_unittest()[name] == expected


@pytest.mark.parametrize("name", modules("script"))
def test_scripts(one: Run, name: str, tmp_path: Path) -> None:
    text, expected = modules("script")[name]
    assert outcomes(one(text)) == expected
    (tmp_path / "solution.py").write_text((SUITES / "solution.py").read_text())
    (tmp_path / "script.py").write_text(text)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, env=KEPT, check=False)
    assert (done.returncode == 0) is (expected == {"*": "passed"})


# ------------------------------------------------------------------------------------------------------------ one module

SEVERAL = """
import pytest
from solution import add, wrong

@pytest.mark.parametrize("a", [1, 2])
def test_a(a):
    assert wrong(a, 1) == a - 1

def test_b():
    assert wrong(1, 2) == 3

class TestC:
    class TestInner:
        def test_d(self):
            assert add(1, 1) == 2
    def test_b(self):
        pass
"""


@pytest.mark.parametrize(
    ("function", "outcome"),
    [("test_a", "passed"), ("test_b", "failed"), ("TestC.test_b", "passed"), ("TestC.TestInner.test_d", "passed")],
)
def test_one_function(one: Run, function: str, outcome: str) -> None:
    assert [each[:2] for each in one(SEVERAL, function)] == [[function, outcome]]


@pytest.mark.parametrize("function", ["test_c", "TestC", "TestC.test_a", "test_a[1]", ""])
def test_no_such_function(one: Run, function: str) -> None:
    assert one(SEVERAL, function) == [[function, "empty", "there is no such test function", "NoneType"]]


def test_one_method_of_unittest(one: Run) -> None:
    text = modules("unittest")["set_up_class"][0]
    assert [each[:2] for each in one(text, "TestIt.test_a")] == [["TestIt.test_a", "passed"]]
    assert [each[:2] for each in one(text, "TestIt.test_b")] == [["TestIt.test_b", "failed"]]  # it needs the other


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from solution import *\nassert add(1, 2) == 4", "AssertionError: assert add(1, 2) == 4 (line 2)"),
        ("assert 1 == 2, 'not so'", "AssertionError: not so (line 1)"),
        ("def test_a():\n    x = 1\n    assert x == 2", "AssertionError: assert x == 2 (line 3)"),
        ("from solution import boom\ndef test_a():\n    boom()", "MyError: no (line 3)"),
        ("import pytest\n@pytest.mark.parametrize('x', ['a', 'b'])\ndef test_a(x):\n    assert x == 'a'", "[b] AssertionError: assert x == 'a' (line 4)"),
        ("import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        with self.subTest(i=2):\n            self.assertEqual(1, 2)", "(i=2) AssertionError: 1 != 2 (line 5)"),
    ],
)  # fmt: skip
def test_words(one: Run, text: str, words: str) -> None:
    assert [each[2] for each in one(text)] == [words]


def test_names_that_nobody_gives_are_the_programs(one: Run) -> None:
    assert one("assert add(1, 2) == 3 and PI == 3.5")[0][1] == "passed"
    assert one("assert next_id() == 1 and count == 1 and next_id() == 2 and count == 2")[0][1] == "passed"
    assert one("def test_a():\n    assert Stack([1]).pop() == 1")[0][1] == "passed"


def test_names_that_the_program_does_not_have_are_told(one: Run) -> None:
    told = one("add\ntry:\n    a_name\nexcept NameError:\n    pass\nother_name")
    assert told == [["", "failed", "NameError: name 'other_name' is not defined (line 6)", "NameError"]]


def test_what_the_prelude_gives_is_the_tests(one: Run) -> None:
    assert one("assert add(1) == 'mine'", prelude="def add(x):\n    return 'mine'")[0][1] == "passed"
    assert one("assert add(1, 2) == 3", prelude="from math import *")[0][1] == "passed"
    # ... but for the names that are the program's in any case, in the runner beside the modules: "forced"
    assert one("forced", prelude="forced = 1")[0][2].startswith("NameError")


@pytest.mark.parametrize(
    "ending",
    [
        "unittest.main()",
        "unittest.main(verbosity=2)",
        "unittest.main(argv=[''], exit=False)",
        "from unittest import main\nmain()",
        "result = unittest.main(exit=False).result\nassert result.wasSuccessful()",
        "import sys\nsys.exit(not unittest.main(exit=False).result.wasSuccessful())",
        "import pytest\npytest.main([__file__])",
        "import pytest, sys\nsys.exit(pytest.main([__file__, '-v']))",
        "if __name__ == '__main__':\n    unittest.main()",
    ],
)
def test_a_call_of_the_runner_at_the_end(one: Run, ending: str) -> None:
    text = (
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual({}(1, 2), 3)\n"
    )
    assert [each[:2] for each in one(text.format("add") + ending)] == [["T.test_a", "passed"]]
    assert [each[:2] for each in one(text.format("wrong") + ending)] == [["T.test_a", "failed"]]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("raise SystemExit", "exited"),
        ("import sys\nsys.exit(1)", "exited"),
        ("leave(0)", "exited"),
        ("def test_a():\n    pass\nexit()", "exited"),
        ("def test_a():\n    leave(0)", "failed"),
        ("", "empty"),
        ("import math\n'text'", "empty"),
        ("def check(candidate):\n    assert candidate(1)", "empty"),
        ("class TestNothing:\n    pass", "empty"),
        ("import pytest\npytest.skip('x', allow_module_level=True)", "skipped"),
        ("import unittest\nraise unittest.SkipTest", "skipped"),
        ("import pytest\nnumpy = pytest.importorskip('no_such_module_anywhere')", "skipped"),
        ("import no_such_module_anywhere", "faulty"),
        ("def test_a(no_such_fixture):\n    pass", "faulty"),
        ("import pytest\ndef test_a():\n    pytest.exit('now')", "exited"),
        ("def test_a():\n    raise KeyboardInterrupt", "failed"),
        ("import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        raise KeyboardInterrupt", "failed"),
        ("import unittest\nclass T(unittest.TestCase):\n    def __init__(self):\n        pass\n    def test_a(self):\n        pass", "failed"),
        ("def test_a():\n    return add(1, 2)", "passed"),
        ("async def test_a():\n    assert await later(1) == 1", "passed"),
        ("async def test_a():\n    assert await later(1) == 2", "failed"),
        ("import pytest\n@pytest.mark.asyncio\nasync def test_a():\n    assert await later(1) == 2", "failed"),
    ],
)  # fmt: skip
def test_outcomes(one: Run, text: str, outcome: str) -> None:
    assert [each[1] for each in one(text)] == [outcome]


def test_text_that_is_no_python(one: Run) -> None:
    assert one("def test_a(:")[0][1] == "raised"


# ------------------------------------------------------------------------------------------------ nothing else is read


FAILS = "def test_a(tmp_path):\n    assert 1 == 2\n"


def test_files_of_a_folder_that_programs_can_write_to_are_not_read(tmp_path: Path) -> None:
    spoils = "open('read', 'a').write(__name__ + ' ')\nimport pytest\n@pytest.fixture(autouse=True)\ndef x():\n    pytest.skip('x')\n"
    for name in "conftest evil sitecustomize usercustomize colorama exceptiongroup pytest_asyncio".split():
        (tmp_path / f"{name}.py").write_text(spoils)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --collect-only -p evil\npython_functions = nothing\n")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--collect-only'\n")
    (tmp_path / "tox.ini").write_text("[pytest]\naddopts = --collect-only\n")
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\naddopts = --collect-only\n")
    before = sorted(tmp_path.iterdir())
    with Ours(tmp_path) as ours:
        assert outcomes(ours.run(FAILS)) == {"test_a": "failed"}
    assert sorted(tmp_path.iterdir()) == before


def test_variables_of_the_environment_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KEPT, "PYTEST_ADDOPTS", "--collect-only")
    monkeypatch.setitem(KEPT, "PYTEST_PLUGINS", "no_such_plugin")
    with Ours(tmp_path) as ours:
        assert outcomes(ours.run(FAILS)) == {"test_a": "failed"}
