"""Says whether judging is safe here, and what to do where it is not.

First the host is looked at, then programs that attack each promise run in the real jail. Only the second decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from .capacity import rooms
from .errors import SandboxError
from .identity import identities
from .interpreter import LOCALE, PACKAGES, TESTING, Interpreter, probe, testing
from .jails import bubblewrap, candidates, nsjail
from .languages import LANGUAGES, Builder, Language, testlib
from .languages.base import lack_of
from .launcher import Launcher
from .limits import MIB, Limits
from .pool import Pool
from .seccomp import runner_filter
from .selfcheck import check

UNSAFE = 3


class Options(Protocol):
    """What the command line says."""

    @property
    def jail(self) -> str: ...
    @property
    def python(self) -> Path | None: ...
    @property
    def allow_package(self) -> tuple[str, ...] | None: ...


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    state: Literal["ok", "note", "FAIL"]
    name: str
    detail: str
    advice: str | None = None


def main(options: Options) -> int:
    """Print the diagnosis. 0: judging is safe here with the jail asked for; 3: it is not."""
    safe = True
    print("host")
    for finding in _host():
        _show(finding)
    try:
        packages = PACKAGES if options.allow_package is None else options.allow_package
        interpreter = probe(str(options.python) if options.python else None, packages)
    except SandboxError as error:
        _show(Finding("FAIL", "interpreter", str(error)))
        return UNSAFE
    print(f"room for {_processors()} workers, one for each processor, whose programs have the default limits")
    for finding in _room():
        _show(finding)
        safe = safe and finding.state != "FAIL"
    print("programs run with")
    for finding in _interpreter(interpreter):
        _show(finding)
        safe = safe and finding.state != "FAIL"
    try:
        jails = candidates(options.jail)
    except SandboxError as error:
        _show(Finding("FAIL", "jail", str(error)))
        return UNSAFE
    print("languages besides Python")
    for finding in _languages():
        _show(finding)
    working = None
    for jail in jails:
        print(f"inside {jail.name}")
        findings = asyncio.run(_inside(Launcher(jail, interpreter)))
        for finding in findings:
            _show(finding)
        if all(finding.state != "FAIL" for finding in findings):
            working = jail
            break
    if working is None or not safe:
        print("judging is NOT safe here")
        return UNSAFE
    print(f"judging is safe here with {working.name}")
    return 0


def _show(finding: Finding) -> None:
    print(f"  {finding.state:4}  {finding.name}: {finding.detail}")
    if finding.advice and finding.state != "ok":
        print(f"        -> {finding.advice}")


def _host() -> Iterator[Finding]:
    release = platform.release()
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    new = numbers >= (5, 3)
    yield Finding("ok" if new else "FAIL", "kernel", f"Linux {release} on {platform.machine()}", "needs 5.3 or later")
    yield Finding("ok", "started as", "root" if os.geteuid() == 0 else f"ordinary user {os.geteuid()}")
    yield _user_namespaces()
    for jail, path in ((nsjail.NsJail(), nsjail.binary()), (bubblewrap.Bubblewrap(), bubblewrap.binary())):
        lack = jail.missing()
        name = f"{jail.name} binary"
        yield Finding("note", name, "cannot be used", lack) if lack else Finding("ok", name, str(path))
    try:
        yield Finding("ok", "seccomp", f"filter of {len(runner_filter().code) // 8} instructions")
    except SandboxError as error:
        yield Finding("FAIL", "seccomp", str(error))
    yield Finding("ok", "cgroups", f"{_cgroups()}; not needed: limits rest on rlimits and the kernel's clocks")
    files, stack = resource.getrlimit(resource.RLIMIT_NOFILE)[1], resource.getrlimit(resource.RLIMIT_STACK)[1]
    yield Finding("ok" if files < 0 or files >= 1024 else "note", "open files", _limit(files), "ulimit -Hn 1024")
    yield Finding(
        "ok" if stack < 0 or stack >= 1 << 28 else "note",
        "stack",
        _limit(stack),
        "programs recurse less deep than they may elsewhere: ulimit -Hs unlimited",
    )


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _room() -> Iterator[Finding]:
    workers = _processors()
    for room in rooms(Limits()):
        advice = f"--workers {room.workers}" if room.workers else "programs that use all of their limit get no verdict"
        advice = None if room.hopeless else advice
        state = "FAIL" if room.hopeless else "ok" if room.workers >= workers else "note"
        yield Finding(state, room.name, room.told(workers), advice)
    place = Path("/dev/shm")
    size = f"{shutil.disk_usage(place).free // MIB} MiB free" if place.is_dir() else "none"
    yield Finding("ok", str(place), f"{size}; not needed: what programs write is memory of their jails")


def _user_namespaces() -> Finding:
    name = "user namespaces"
    code = "import ctypes; l = ctypes.CDLL(None, use_errno=True); print(l.unshare(0x10000000) and ctypes.get_errno())"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    said = done.stdout.strip()
    if said == "0":
        return Finding("ok", name, "allowed")
    advice = "the kernel or a container forbids them"
    for setting, wanted in (
        ("user/max_user_namespaces", "10000"),
        ("kernel/unprivileged_userns_clone", "1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "0"),
    ):
        path = Path("/proc/sys", setting)
        value = path.read_text().strip() if path.exists() else None
        if value is not None and (value == "0") != (wanted == "0"):
            advice = f"as root: sysctl -w {setting.replace('/', '.')}={wanted}"
            break
    return Finding("FAIL", name, f"refused (errno {said or 'unknown'})", advice)


def _cgroups() -> str:
    kinds = {line.split()[2] for line in Path("/proc/self/mounts").read_text().splitlines()}
    return {(True, True): "v1 and v2", (True, False): "v1", (False, True): "v2"}.get(
        ("cgroup" in kinds, "cgroup2" in kinds), "none mounted"
    )


def _limit(value: int) -> str:
    return "unlimited" if value < 0 else str(value)


def _interpreter(interpreter: Interpreter) -> Iterator[Finding]:
    version = ".".join(map(str, interpreter.version))
    private = next((p for p in (interpreter.executable, interpreter.stdlib) if not _others_may_read(p)), None)
    if private and len(identities()) > 1:
        advice = f"programs are not root: chmod -R o+rX {private}"
        yield Finding("FAIL", "interpreter", f"{interpreter.executable} ({version})", advice)
    else:
        yield Finding("ok", "interpreter", f"{interpreter.executable} ({version})")
    utf8 = interpreter.locale == LOCALE
    advice = f"C and C++ programs that ask for the locale find no UTF-8: install {LOCALE} (Debian: libc-bin)"
    yield Finding("ok" if utf8 else "note", "locale", interpreter.locale, advice)
    yield Finding("ok", "libraries", f"{len(interpreter.libraries)} shared libraries are bound")
    there = [name for name in interpreter.packages if name not in interpreter.lacking]
    yield Finding("ok", "packages", ", ".join(there) or "none but the standard library")
    if interpreter.lacking:
        detail = "; ".join(f"{name}: {why}" for name, why in interpreter.lacking.items())
        advice = f"pip install {' '.join(interpreter.lacking)}, or allow only those that are there: --allow-package"
        yield Finding("FAIL", "packages", f"allowed, but cannot be imported: {detail}", advice)
    places = testing()
    if len(places) == len(TESTING):
        yield Finding("ok", "pytest", str(Path(places[-1]).parent))
    else:
        advice = "tests that need pytest fail every program: pip install pytest"
        yield Finding("FAIL", "pytest", "not all of it is installed", advice)


def _languages() -> Iterator[Finding]:
    for name, language in LANGUAGES.items():
        try:
            lack = lack_of(language)
            detail = language.version() if lack is None else "cannot be judged here"
        except SandboxError as error:
            lack, detail = f"the toolchain does not answer: {error}", "cannot be judged here"
        yield Finding("ok" if lack is None else "note", name, detail, lack)
    lack = testlib.missing()
    detail = str(testlib.header()) if lack is None else "checkers that do not bring it cannot be compiled"
    yield Finding("ok" if lack is None else "note", testlib.HEADER, detail, lack)


def _others_may_read(path: str) -> bool:
    mode = Path(path).stat().st_mode
    return bool(mode & stat.S_IROTH) and (not stat.S_ISDIR(mode) or bool(mode & stat.S_IXOTH))


async def _inside(launcher: Launcher) -> list[Finding]:
    try:
        async with Pool(launcher, 1) as pool:
            results = await check(pool)
            builder = Builder(pool)
            compiles = [await _compiles(builder, language) for language in _compilers()]
    except SandboxError as error:
        return [Finding("FAIL", "starts", str(error).replace("\n", "\n          "))]
    properties = [
        Finding("ok", one.name, "holds") if wrong is None else Finding("FAIL", one.name, wrong, one.advice)
        for one, wrong in results
    ]
    return properties + compiles


def _compilers() -> list[Language]:
    """A language for each compiler of this host. One that does not answer has been named."""
    found: dict[str, Language] = {}
    for language in LANGUAGES.values():
        with contextlib.suppress(SandboxError):
            if language.smallest and lack_of(language) is None:
                found.setdefault(language.version(), language)
    return list(found.values())


async def _compiles(builder: Builder, language: Language) -> Finding:
    try:
        await builder.prove(language)
    except SandboxError as error:
        advice = "its programs get no verdict"
        return Finding("note", "compiles", str(error).replace("\n", "\n          "), advice)
    return Finding("ok", "compiles", language.name)
