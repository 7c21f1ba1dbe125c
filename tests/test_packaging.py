"""The checkout is the package: what is listed, linked, imported and built agrees with the folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOP_PACKAGES = ("bench", "evaluator", "sandbox", "trainer")
LISTED = frozenset(PYPROJECT["tool"]["setuptools"]["packages"])
# Not ours, or made from ours.
NOT_SOURCE = re.compile(r"\.git|\.venv|build|dist|__pycache__|\..*_cache|\.hypothesis|\.benchmarks|.*\.egg-info")


def run(*command: str | Path, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | environ
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done


def source_files() -> Iterator[Path]:
    """What git knows of; what else lies in a clone, such as a log, is nobody's. All files where git is not there."""
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listed = subprocess.run(git, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        yield from all_files()
    else:
        yield from (ROOT / name for name in listed if name)


def all_files() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not NOT_SOURCE.fullmatch(name)]
        yield from (Path(folder, name) for name in files)


def test_every_package_is_listed() -> None:
    found = {"microcoder"}
    for top in TOP_PACKAGES:
        for init in (ROOT / top).rglob("__init__.py"):
            found.add(".".join(("microcoder", *init.parent.relative_to(ROOT).parts)))
    assert found == LISTED


def test_no_module_lies_outside_a_package() -> None:
    folders = {file.parent for top in TOP_PACKAGES for file in (ROOT / top).rglob("*.py")}
    assert {str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()} == set()


def test_console_scripts_exist() -> None:
    for target in PYPROJECT["project"]["scripts"].values():
        module, _, function = target.partition(":")
        run(sys.executable, "-c", f"import {module}; assert callable({module}.{function})", cwd=Path("/"))


def test_imports_go_one_way() -> None:
    # importlinter.cli.lint_imports would share this process's sys.modules and logging.
    run(sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache")


def test_root_imports_nothing_eagerly() -> None:
    code = "import sys; before = set(sys.modules); import microcoder; print(*sorted(set(sys.modules) - before))"
    loaded = run(sys.executable, "-c", code, cwd=Path("/")).stdout.split()
    assert [name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names] == ["microcoder"]


def test_static_checkers_find_every_package() -> None:
    """`typings/microcoder` mirrors the root: that is where pyright resolves `microcoder.*` for the tests."""
    links = {link.name: link.resolve() for link in (ROOT / "typings" / "microcoder").iterdir()}
    assert links == {name: ROOT / name for name in (*TOP_PACKAGES, "tools", "__init__.py")}


def test_no_file_names_a_registry_or_a_place_of_one_machine() -> None:
    # With a bar in each, so that this file does not name them either.
    hosts = "pypi|.org", "pythonhosted|.org", "npmjs|.org", "npmjs|.com", "deb|.debian.org"
    places = "/root|/.pyenv", "/work|/main", "/work|/shared", "/work|/.library", "/opt|/wheels", "/opt|/pypi"
    names = b"|".join(re.escape(name.replace("|", "").encode()) for name in hosts + places)
    unwanted = re.compile(b"(?:%b)(?![.]?\\w)" % names)  # a jail's own main.py is nobody's checkout
    found = [
        f"{file.relative_to(ROOT)}: {hit.group().decode()}"
        for file in source_files()
        if file.is_file() and not file.is_symlink()
        for hit in unwanted.finditer(file.read_bytes())
    ]
    assert found == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because setuptools writes beside the sources."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for file in all_files():
        if file.is_file() and file.relative_to(ROOT).parts[0] not in ("typings", "tests", "docs", "examples"):
            copy = tree / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    run(sys.executable, "-m", "pip", "-qq", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", out, tree)
    (built,) = out.glob("*.whl")
    return built


def test_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    inside = {name for name in names if name.startswith("microcoder/")}
    assert set(names) - inside == {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert {name.removeprefix("microcoder/") for name in inside if "/" not in name.removeprefix("microcoder/")} == {
        "__init__.py",
        "py.typed",
    }
    assert {str(Path(name).parent).replace("/", ".") for name in inside} == LISTED


def test_wheel_works_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "-qq", "install", "--no-deps", "--no-index", "--target", tmp_path, wheel)
    code = "import microcoder, microcoder.sandbox.limits, microcoder.evaluator.problem; print(microcoder.__file__)"
    where = run(sys.executable, "-c", code, cwd=Path("/"), PYTHONPATH=str(tmp_path)).stdout.strip()
    assert where == str(tmp_path / "microcoder" / "__init__.py")
