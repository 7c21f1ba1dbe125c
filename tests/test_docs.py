"""Every command of docs/run.md, docs/convert.md and docs/datasets/ runs as it is written, on files that the repository
has, and on those that the page shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from microcoder.evaluator.cli import main
from microcoder.evaluator.datasets import FORMATS, table
from microcoder.tools.formats import PAGE, written

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""A file, by its name."""
PAGES = (
    "docs/run.md",
    "docs/convert.md",
    *(f"docs/datasets/{page.name}" for page in sorted((ROOT / "docs/datasets").glob("*.md"))),
)
COMMANDS = [(page, block) for page in PAGES for block in BLOCK.findall((ROOT / page).read_text())]
LABELS = re.compile(r"^(right|wrong) +(\d+) +(\d+)", re.MULTILINE)


def shown(page: str, folder: Path) -> None:
    """The files that a page shows."""
    for name, text in SHOWN.findall((ROOT / page).read_text()):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(("page", "block"), COMMANDS, ids=[f"{page}-{at}" for at, (page, _) in enumerate(COMMANDS)])
def test_commands(tmp_path: Path, page: str, block: str) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shown(page, tmp_path)
    command = tmp_path / "bin" / "microcoder-eval"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m microcoder.evaluator.cli "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    script = f"set -ex\n{block}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "_error" not in done.stdout.replace("runtime_error", "").replace("compile_error", "")
    # Under another rule some verdicts are others.
    for label, accepted, rejected in LABELS.findall(done.stdout) if "rejudge" not in block else []:
        assert (rejected if label == "right" else accepted) == "0", done.stdout
    judged = [line for line in block.splitlines() if line.startswith("microcoder-eval run")]
    assert done.stdout.count("verdicts ") == len(judged) + block.count("microcoder-eval rejudge"), done.stdout


def test_every_page_of_a_data_set_has_commands() -> None:
    assert {page for page, _ in COMMANDS} == set(PAGES)


def test_the_table_of_formats_is_that_of_the_code() -> None:
    assert PAGE.read_text() == written(PAGE.read_text()), "python tools/formats.py writes it"


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_says_what_it_is_for(name: str) -> None:
    form = FORMATS[name]
    assert form.public
    assert all((ROOT / "docs/datasets" / f"{each.page}.md").is_file() for each in form.public)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.known_by])
def test_a_format_is_known_by_its_fields(name: str) -> None:
    form = FORMATS[name]
    whole = [(field,) if isinstance(field, str) else field for field in form.known_by]
    assert all(form.recognises({names[place % len(names)] for names in whole}) for place in range(3))
    for left_out in whole:
        assert not form.recognises({name for names in whole if names is not left_out for name in names})


def test_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["formats"]) == 0
    told = capsys.readouterr().out
    assert all(each.names in told and f"--format {each.format}; known by " in told for each in table.read())
    assert all(each.name in told and f"{each.field}: {each.reason}" in told for each in table.not_read())
