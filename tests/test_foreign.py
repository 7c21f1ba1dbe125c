"""Adapters of others: installed packages whose formats are read, and whose faults are nobody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from .test_datasets import apps, write
from .test_docs import shown

ROWS = [
    {"slug": "one", "ask": "Print 1.", "checks": [["", "1\n"]], "answer": "print(1)", "rating": 9},
    {"slug": "two", "ask": "Print 2.", "checks": [["", "2\n"]], "seconds": 3.0},
    {"slug": "three", "ask": "Print 3.", "checks": []},
]


def install(site: Path, name: str, modules: dict[str, str], entries: dict[str, str]) -> None:
    """As pip leaves it: modules, and what says that they are there."""
    site.mkdir(exist_ok=True)
    for module, source in modules.items():
        (site / f"{module}.py").write_text(source)
    about = site / f"{name.replace('-', '_')}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    lines = "".join(f"{entry} = {value}\n" for entry, value in entries.items())
    (about / "entry_points.txt").write_text(f"[microcoder.datasets]\n{lines}")


def command(site: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path}
    line = [sys.executable, "-m", "microcoder.evaluator.cli", *map(str, words)]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)


def inspected(site: Path, file: Path, *more: str) -> tuple[dict[str, Any], str]:
    """What ``inspect`` understood, and what it said."""
    out = file.parent / "out.json"
    done = command(site, "inspect", file, "-q", "--json", out, *more)
    assert out.exists(), done.stderr
    return json.loads(out.read_text()), done.stderr


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter of docs/datasets/your_own.md, installed."""
    folder = tmp_path_factory.mktemp("package")
    shown("docs/datasets/your_own.md", folder)
    site = folder / "site"
    pip = [sys.executable, "-m", "pip", "-qq", "install", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", site, folder / "my-set"], check=True)
    return site


@pytest.mark.parametrize("more", [(), ("--format", "my-set")])
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_the_adapter_of_the_page_reads(package: Path, tmp_path: Path, suffix: str, more: tuple[str, ...]) -> None:
    file = tmp_path / f"rows.{suffix}"
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), file)
    else:
        write(file, *ROWS)
    found, told = inspected(package, file, *more)
    assert (found["formats"], found["problems"], found["labels"]) == ({"my-set": 2}, 2, {"right": 1})
    assert found["first_bad_rows"] == [f"{file}:3: checks: empty: the problem has no tests"]
    assert told == ""


def test_what_it_read_is_judged_and_converted(package: Path, tmp_path: Path) -> None:
    file, summary, there = (
        write(tmp_path / "rows.jsonl", *ROWS[:2]),
        tmp_path / "summary.json",
        tmp_path / "there.jsonl",
    )
    done = command(package, "run", file, "--json", summary, "--workers", "1", "-q")
    assert (done.returncode, json.loads(summary.read_text())["verdicts"]) == (0, {"accepted": 1}), done.stderr
    assert command(package, "convert", file, "--to", "verl", "-o", there).returncode == 0
    assert json.loads(there.read_text().splitlines()[0])["data_source"] == "my-set"
    assert inspected(tmp_path, there)[0]["problems"] == 2


def test_it_is_listed(package: Path) -> None:
    listed = command(package, "formats").stdout
    assert "\nmy-set\n    --format my-set; known by slug, checks; of an installed package\n" in listed


def test_formats_of_ours_come_first(package: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", apps() | ROWS[0])
    assert inspected(package, file)[0]["formats"] == {"apps": 1}
    assert inspected(package, file, "--format", "my-set")[0]["formats"] == {"my-set": 1}


GOOD = """\
import msgspec
from microcoder.evaluator.datasets import Example, Format, make_problem

class Row(msgspec.Struct):
    good: str

class Good(Format[Row]):
    name = "good"
    row = Row
    known_by = ("good",)
    def example(self, row, fallback_id):
        return Example(make_problem(problem_id=row.good, tests=[{"output": "1"}]))
"""
BROKEN: dict[str, tuple[str, str]] = {
    "no_module": ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    "no_name": ("", "AttributeError: module 'no_name' has no attribute 'Good'"),
    "exits": ("raise SystemExit('bye')", "SystemExit: bye"),
    "no_format": ("class Good: pass", "TypeError: no_format:Good is no Format, but a Good"),
    "abstract": (GOOD.replace("def example", "def exmple"), "TypeError: Can't instantiate abstract class Good"),
    "other_name": (GOOD, "TypeError: name: other_name:Good says 'good'"),
    "no_row": (
        GOOD.replace('"good"', '"no_row"').replace("row = Row", "row = dict"),
        "TypeError: row: must be a msgspec",
    ),
    "apps": (GOOD, "TypeError: there is a format of this name already"),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, and one that is fine."""
    site = tmp_path_factory.mktemp("broken")
    for name, (source, _) in BROKEN.items():
        install(site, f"of-{name}", {name: source}, {name: f"{name}:Good"})
    install(site, "zz", {"fine": GOOD}, {"good": "fine:Good"})
    return site


def test_broken_adapters_are_told_by_name_and_the_others_read(broken: Path, tmp_path: Path) -> None:
    found, told = inspected(broken, write(tmp_path / "rows.jsonl", {"good": "1"}))
    assert found["formats"] == {"good": 1}
    lines = {line.split("'")[1]: line for line in told.splitlines()}
    assert lines.keys() == BROKEN.keys()
    for name, (_, words) in BROKEN.items():
        assert lines[name].startswith(f"format {name!r} of the package of-{name} is left out: {words}")


def test_broken_adapters_are_nothing_to_who_does_not_need_one(broken: Path, tmp_path: Path) -> None:
    found, told = inspected(broken, write(tmp_path / "rows.jsonl", apps()))
    assert (found["formats"], told) == ({"apps": 1}, "")


def test_a_format_that_there_is_not(broken: Path, tmp_path: Path) -> None:
    done = command(broken, "inspect", write(tmp_path / "rows.jsonl", apps()), "--format", "exits")
    assert done.returncode == 2
    assert "format 'exits' of the package of-exits is left out: SystemExit: bye" in done.stderr
    assert "microcoder-eval: no format exits; there are microcoder, " in done.stderr
    assert done.stderr.endswith(", good\n")


FAILING = (
    GOOD
    + """
    def read(self, row):
        kind = row.content[10:-2].decode()
        if kind == "programs":
            def programs():
                yield "print(1)"
                raise KeyError("gone")
            return super().read(row)._replace(programs=programs())
        return None if kind == "nothing" else super().read(row) if kind == "fine" else 1 / 0
"""
)


def test_a_row_that_an_adapter_fails_on_cannot_be_used(tmp_path: Path) -> None:
    install(tmp_path / "site", "zz", {"failing": FAILING}, {"good": "failing:Good"})
    rows = [{"good": kind} for kind in ("fine", "error", "nothing", "programs")]
    file = write(tmp_path / "rows.jsonl", *rows)
    found, told = inspected(tmp_path / "site", file)
    assert (found["problems"], told) == (2, "")
    failed = "format 'good' of the package zz failed"
    assert found["first_bad_rows"] == [
        f"{file}:2: {failed}: ZeroDivisionError: division by zero",
        f"{file}:3: {failed}: gave no Example with a Problem, but NoneType",
        f"{file}:4: {failed}: gave no Submission, but str",
        f"{file}:4: {failed}: KeyError: 'gone'",
    ]


def test_an_adapter_that_cannot_look_at_names_is_told_once(tmp_path: Path) -> None:
    source = GOOD + "    def recognises(self, names):\n        return names['x']\n"
    install(tmp_path / "site", "aa", {"failing": source}, {"good": "failing:Good"})
    install(tmp_path / "site", "zz", {"fine": GOOD.replace('name = "good"', 'name = "fine"')}, {"fine": "fine:Good"})
    found, told = inspected(tmp_path / "site", write(tmp_path / "rows.jsonl", {"bad": 1}, {"bad": 2}, {"good": "1"}))
    assert (found["formats"], found["bad_rows"]) == ({"fine": 1}, 2)
    assert told.count("format 'good' of the package aa recognises nothing: TypeError") == 1
