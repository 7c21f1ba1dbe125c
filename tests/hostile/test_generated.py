"""bench/generated, briefly: made programs get the same verdict twice, and an interrupted run goes on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from microcoder.bench.grammar import Generator
from microcoder.bench.hacks import HACKS

from ..events import SECONDS

COMMAND = "-m", "microcoder.bench.generated", "--programs", "60", "--chunk", "20", "--seed", "5"
DIGEST = """
import hashlib, msgspec
from microcoder.bench.grammar import Generator
generator = Generator(7)
made = [msgspec.json.encode((one.problem, (one.program.code or "").encode("utf-8", "surrogatepass"), one.accept))
        for one in map(generator.program, range(300))]
print(hashlib.sha256(b"".join(made)).hexdigest())
"""


@pytest.mark.usefixtures("mounts_alike")
def test_a_short_run_that_is_interrupted(jail: str, tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    command = [sys.executable, *COMMAND, "--jail", jail, "--state", str(state), "--out", str(tmp_path)]
    with subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as first:
        until = time.monotonic() + SECONDS
        while not state.exists() or state.read_bytes().count(b"\n") < 2:  # what it has in common, a chunk
            assert first.poll() is None and time.monotonic() < until, first.communicate()
            time.sleep(0.02)
        first.kill()
    with state.open("ab") as file:
        file.write(b'{"number": 1, "progr')
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "hostile.json").read_text())["generated"]
    assert (result["programs"], result["starts"], result["jail"]) == (60, 2, jail)
    assert all(check["passed"] for check in result["checks"])
    assert not state.exists()


def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    state.write_text('{"seed":4,"chunk":20,"jail":"nsjail","grammar":"x"}\n')
    command = [sys.executable, *COMMAND, "--state", str(state), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 1
    assert "holds another run" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert state.read_text().count("\n") == 1


def test_programs_are_the_same_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_the_grammar_is_whole() -> None:
    sections = Generator(1).grammar.sections
    starts = {f"{symbol}{mode}" for symbol in ("ordinary", "fair", "unfair") for mode in ("", " call")}
    used = set(starts)
    for texts, _ in sections.values():
        for text in texts:
            for line in text.split("\n"):
                for name in re.findall(r"<([a-z][a-z ]*)>", line):
                    used.add(name)
                    if line.strip() != f"<{name}>":
                        assert all("\n" not in each for each in sections[name][0]), (name, line)
    assert used == set(sections)
    assert HACKS.count("\n== ") == len(sections)


@pytest.mark.parametrize("accept", [True, False, None])
def test_every_sort_of_program_is_made(accept: bool | None) -> None:
    generator = Generator(1)
    made = [one for one in map(generator.program, range(300)) if one.accept is accept]
    assert len({one.problem.mode for one in made}) == 3
    assert len({one.program.code for one in made}) == len(made) > 20
