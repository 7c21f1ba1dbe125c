"""Nothing that stands in a file, or that a program or its checker wrote, reaches the terminal as a control character."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcoder.evaluator.cli.terminal import plain

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\x08\u202e"
CHECKER = "import sys\nsys.stderr.write(open(sys.argv[2]).read())\nsys.exit(3)\n"


@given(st.text())
def test_what_is_printed_is_visible(text: str) -> None:
    shown = plain(text)
    assert len(shown) == len(text)
    for character, instead in zip(text, shown, strict=True):
        kept = character in "\n\t" or unicodedata.category(character)[0] not in "CZ" or character in " \u3000\xa0"
        if kept:
            assert instead == character
        assert instead in "\n\t" or unicodedata.category(instead)[0] != "C"
    assert plain(shown) == shown
    shown.encode()


def test_surrogates_can_be_printed() -> None:
    assert plain("a\ud800") == "a\N{REPLACEMENT CHARACTER}"


def rows() -> list[dict[str, Any]]:
    problem = {
        "problem_id": f"id{EVIL}",
        "title": EVIL,
        "tests": [{"input": "1\n", "output": f"{EVIL}\n"}],
        "checker": {"type": "python", "source": CHECKER},
        f"time_limt{EVIL}": 1,
    }
    programs = [{"code": f"print({EVIL!r})", "name": EVIL}, {"code": "print(1)", "language": f"cobol{EVIL}"}]
    plainly = {"problem_id": f"plain{EVIL}", "tests": [{"input": "", "output": EVIL}], "mode": "stdio"}
    return [
        problem | {"submissions": programs},
        plainly | {"submissions": [{"code": f"print({EVIL!r} + 'x')", "name": EVIL}]},
        {f"bad{EVIL}": EVIL, "problem_id": EVIL, "tests": EVIL},
    ]


COMMANDS = {
    "run": ["run", "{file}", "--skip-bad", "-o", "{folder}/reports.jsonl", "--keep-outputs", "4096", "--workers", "1"],
    "run, a bad row": ["run", "{file}", "--workers", "1"],
    "inspect": ["inspect", "{file}"],
    "convert": ["convert", "{file}", "--to", "trl", "-o", "{folder}/there.jsonl", "--overwrite"],
    "calibrate": ["calibrate", "{file}", "--skip-bad", "-o", "{folder}/limits.jsonl", "--workers", "1"],
    "rejudge": ["rejudge", "{file}", "--skip-bad", "--reports", "{folder}/reports.jsonl", "--preset", "lenient"],
    "rejudge, a bad report": ["rejudge", "{good}", "--reports", "{file}"],
    "no such file": ["run", "{file}" + EVIL],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evil")
    lines = [json.dumps(row) + "\n" for row in rows()]
    (folder / "rows.jsonl").write_text("".join(lines))
    (folder / "good.jsonl").write_text(lines[1])
    command(folder, "run")
    return folder


def command(folder: Path, name: str) -> tuple[int, bytes]:
    places = {"file": str(folder / "rows.jsonl"), "good": str(folder / "good.jsonl"), "folder": str(folder)}
    words = [word.format(**places) for word in COMMANDS[name]]
    ran = subprocess.run(
        [sys.executable, "-m", "microcoder.evaluator.cli", *words, *(["--overwrite"] if name == "run" else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return ran.returncode, ran.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_prints_control_characters(folder: Path, name: str) -> None:
    code, printed = command(folder, name)
    assert code in (0, 1, 2), printed
    assert len(printed) > 20
    text = printed.decode()
    assert "\nTraceback" not in text
    bad = {c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs")}
    assert not bad, text
