"""`make test COVERAGE=1`: its floor, and tools/inside_coverage.py, which measures what runs inside of jails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = '''"""A docstring."""

from __future__ import annotations

import asyncio
import contextlib

LIMIT = 3
"""About a constant."""


def decorated(function):
    return function


class Kind:
    """About a class."""

    size: int = 0

    @staticmethod
    def of(value):
        return Kind if value else None


@contextlib.asynccontextmanager
async def several(value):
    async def each():
        for item in value:
            yield item

    yield each()


async def awaited(value):
    async with several(value) as items:
        async for item in items:
            if item == 6:
                return 1
        else:
            return 2


@decorated
@decorated
def run(value):
    found = []
    for item in value:
        if item == 1:
            continue
        elif item == 2 and LIMIT:
            found.append(
                item,
            )
        else:
            pass
        if item > 7:
            break
    else:
        found.append(0)
    while len(found) < 2:
        found.append(9)
    while True:
        if len(found) > 2:
            break
        found.append(8)
    with contextlib.suppress(KeyError), contextlib.suppress(TypeError):
        {}[value[0]]
    try:
        found[0] / value[0]
        if value[0] == 2:
            raise TypeError
    except ZeroDivisionError:
        found.append(1)
    except (TypeError, KeyError):
        return [each for each in found if each]
    else:
        found.append(2)
    finally:
        found.append(3)
    match value[0]:
        case 4 if len(value) > 1:
            found.append(4)
        case 5 | 6:
            return None
        case 7:
            pass
    match len(value):
        case 1:
            found.append(5)
        case other:
            found.append(other)
    if Kind.of(value[0]):
        return [*found, asyncio.run(awaited(value))]
'''

BY_COVERAGE = """
import json, sys
import coverage
running = coverage.Coverage(data_file="by-coverage", branch=True, include=["*/sample.py"], config_file=False)
with running.collect():
    from plain import sample
    for value in json.loads(sys.argv[1]):
        sample.run(value)
running.json_report(outfile="by-coverage.json")
"""
BY_PROBES = """
import json, sys
from pathlib import Path
import coverage
from microcoder.tools.inside_coverage import Source
source = Source(Path("plain/sample.py"), 1, 5)
Path("probed").mkdir()
Path("probed/__init__.py").write_text(f"hits = bytearray({5 + len(source.probes)})")
Path("probed/sample.py").write_text(source.text)
from probed import hits, sample
for value in json.loads(sys.argv[1]):
    sample.run(value)
assert not any(hits[:5])
data = coverage.CoverageData("by-probes")
passed = [arcs for arcs, hit in zip(source.probes, hits[5:], strict=True) if hit]
data.add_arcs({str(Path("plain/sample.py").resolve()): set().union(*passed)})
data.write()
running = coverage.Coverage(data_file="by-probes", branch=True, config_file=False)
running.load()
running.json_report(outfile="by-probes.json")
"""


def environment(*path: Path) -> dict[str, str]:
    """Of a process that this run does not measure."""
    found = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
    return {**found, "PYTHONPATH": os.pathsep.join([*map(str, path), *found.get("PYTHONPATH", "").split(os.pathsep)])}


@pytest.mark.parametrize(
    "values", [[], [[1]], [[2]], [[0, 1, 2]], [[4, 9]], [[4]], [[5]], [[7, 8]], [[1], [6], [0], [4, 2]]]
)
def test_probes_see_what_coverage_sees(tmp_path: Path, values: list[list[int]]) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/__init__.py").touch()
    (tmp_path / "plain/sample.py").write_text(SAMPLE)
    seen = []
    for script, name in ((BY_COVERAGE, "by-coverage"), (BY_PROBES, "by-probes")):
        subprocess.run(
            [sys.executable, "-c", script, json.dumps(values)], cwd=tmp_path, env=environment(tmp_path), check=True
        )
        (file,) = json.loads((tmp_path / f"{name}.json").read_text())["files"].values()
        seen.append(
            {key: file[key] for key in ("executed_lines", "missing_lines", "executed_branches", "missing_branches")}
        )
    assert seen[0] == seen[1]
    assert seen[0]["executed_lines"]
    assert seen[0]["missing_branches"]


@pytest.mark.long
def test_jails_start_with_probes(tmp_path: Path) -> None:
    """What they run of all folders of `sandbox/inside` is measured, and works as it does without."""
    tests = "tests/test_doctor.py::test_a_jail_that_holds_is_safe"
    words = ("run", f"--data-file={tmp_path / 'data'}", "-m", "pytest", "-p", "microcoder.tools.inside_coverage")
    subprocess.run(
        [sys.executable, "-m", "coverage", *words, "-n", "0", "-p", "no:cacheprovider", tests],
        cwd=ROOT,
        env=environment(),
        check=True,
    )
    (file,) = tmp_path.glob("data.inside.*")
    data = coverage.CoverageData(str(file))
    data.read()
    inside = ROOT / "sandbox/inside"
    assert {each.parent for each in inside.rglob("*.py")} == {
        Path(each).parent for each in data.measured_files() if data.arcs(each)
    }


def floor(pyproject: str) -> float:
    return tomllib.loads(pyproject)["tool"].get("coverage", {}).get("report", {}).get("fail_under", 0)


def test_the_floor_only_rises() -> None:
    """Against what every commit had that this clone knows of."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=True, text=True).stdout

    try:
        commits = git("log", "--format=%H", "-G^fail_under", "--", "pyproject.toml").split()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a clone: {error}")
    before = [floor(git("show", f"{commit}:pyproject.toml")) for commit in commits]
    assert floor((ROOT / "pyproject.toml").read_text()) >= max(before, default=0)
