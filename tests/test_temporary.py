"""Temporary folders: removed by their process, or by whoever starts after it was killed; never while they are in use."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from microcoder.evaluator import Evaluator
from microcoder.sandbox.languages.cache import Cache
from microcoder.sandbox.temporary import LOCK, TemporaryFolder, sweep

HOLDS = """
import sys
from pathlib import Path
from microcoder.sandbox.temporary import TemporaryFolder
folder = TemporaryFolder("test", Path(sys.argv[1]))
(folder.path / "deep").mkdir()
(folder.path / "deep" / "file").write_text("x")
(folder.path / "link").symlink_to(sys.argv[1])
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process, and the folder that it has."""
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_what_a_killed_process_left_is_removed_and_nothing_sooner(
    other: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    process, folder = other
    sweep(tmp_path)
    assert (folder / "deep" / "file").exists()
    process.kill()
    process.wait()
    assert folder.exists()
    sweep(tmp_path, tmp_path / "not there")
    assert list(tmp_path.iterdir()) == []


def test_who_inherits_the_lock_keeps_the_folder(tmp_path: Path) -> None:
    code = HOLDS + "import os, subprocess\n"
    code = code.replace(
        "sys.stdin.read()",
        "import subprocess\nsubprocess.Popen([sys.executable, '-c', 'input()'], pass_fds=[folder.lock])",
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        process.wait()  # its child has its streams
        sweep(tmp_path)
        assert folder.exists()
        process.stdin.close()
        process.stdout.read()  # it ends
    sweep(tmp_path)
    assert not folder.exists()


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    names = ["microcoder-serve-results1", "microcoder-mine", "microcoder-serve-12345678x", "other-serve-12345678"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "microcoder-serve-elsewher").symlink_to(tmp_path / names[0])
    (tmp_path / "microcoder-serve-itsafile").touch()
    (tmp_path / "microcoder-serve-new_born").mkdir()  # between two steps of a process that was killed there
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == [path for path in before if path.name != "microcoder-serve-new_born"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away")
def test_folders_of_other_users_are_left_alone(other: tuple[subprocess.Popen[str], Path], tmp_path: Path) -> None:
    process, folder = other
    process.kill()
    process.wait()
    os.chown(folder, 65534, 65534)
    sweep(tmp_path)
    assert folder.exists()


def test_without_locks_nothing_is_swept(
    other: tuple[subprocess.Popen[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    process, folder = other
    process.kill()
    process.wait()
    with TemporaryFolder("test", tmp_path) as own:
        sweep(tmp_path)
        assert own.exists()
        assert folder.exists()
    assert not own.exists()


def test_many_make_and_sweep_at_the_same_time(tmp_path: Path) -> None:
    stop, failures = threading.Event(), list[BaseException]()

    def sweeps() -> None:
        while not stop.is_set():
            sweep(tmp_path)

    def makes() -> None:
        try:
            for _ in range(300):
                with TemporaryFolder("test", tmp_path) as folder:
                    (folder / "file").write_text("x")
                    assert (folder / LOCK).exists()
        except BaseException as failure:
            failures.append(failure)

    sweepers = [threading.Thread(target=sweeps) for _ in range(2)]
    makers = [threading.Thread(target=makes) for _ in range(3)]
    for thread in (*sweepers, *makers):
        thread.start()
    for thread in makers:
        thread.join()
    stop.set()
    for thread in sweepers:
        thread.join()
    assert failures == []
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_removes_nothing(tmp_path: Path) -> None:
    with TemporaryFolder("test", tmp_path) as folder:
        code = "import os, sys\nfrom pathlib import Path\n" + HOLDS.replace("sys.stdin.read()", "").replace(
            "print(folder.path, flush=True)",
            "child = os.fork()\nif child == 0: folder.remove(); os._exit(0)\nos.waitpid(child, 0)\n"
            "print(folder.path.exists())\nfolder.remove()\nprint(folder.path.exists())",
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["True", "False"]
        assert folder.exists()


def test_an_evaluator_sweeps_where_temporary_and_compiled_things_are(
    other: tuple[subprocess.Popen[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, folder = other
    process.kill()
    process.wait()
    monkeypatch.setenv("MICROCODER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "cache").mkdir()
    for place in ("programs", "headers"):
        (tmp_path / "cache" / place).mkdir()
    folder.rename(tmp_path / "cache" / "programs" / folder.name)
    subprocess.run([sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.DEVNULL, check=True)

    async def start() -> None:
        async with Evaluator(workers=1):
            pass

    asyncio.run(start())
    assert not list(tmp_path.rglob("microcoder-*"))


def test_the_cache_leaves_nothing_beside_what_it_keeps(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("abcd", b"program")
    assert cache.get("abcd") == b"program"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "ab" / "abcd"]
