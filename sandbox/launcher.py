"""What the inside of a jail looks like, and how one is started."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
from pathlib import Path

from .identity import identities
from .interpreter import LOCALE, Interpreter, testing
from .jails.base import Jail, JailSpec, Mount
from .kinds import PYTHON, Kind, Starts
from .limits import INT_DIGITS
from .protocol import Configure, frame
from .seccomp import Filter, program_filter, runner_filter
from .shortage import refusals
from .temporary import TemporaryFolder

_INSIDE = Path(__file__).with_name("inside")
_START = "import sys; sys.path.insert(0, sys.argv[2]); from inside.main import main; main()"
_OPTIONS = ("-s", "-P", "-S", "-B")
"""All of -I but that it is told the hash seed."""
_HOME = "/python"
_PACKAGES = "/packages"
_TESTING = "/testing"
ARENAS = 8
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": LOCALE,
    "PYTHONHASHSEED": "0",
    "PYTHONINTMAXSTRDIGITS": str(INT_DIGITS),
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "GLIBC_TUNABLES": f"glibc.malloc.arena_max={ARENAS}",
}
"""All that programs see; of LANG what the interpreter found on this host. The hash seed is fixed: the order of a set of
strings never changes a verdict between runs.
Threads share as many arenas, of 64 MiB of address space each, on every machine: the C library would make eight for each
processor, and of many the address space that a program may have would not hold those of a few threads."""

_BIND_NOW = {"LD_BIND_NOW": "1"}
"""For the runner, which keeps it to itself: functions found when they are first called would be found by every fork."""


class Launcher:
    """Starts jails of one kind for one interpreter. Several may start at the same time."""

    def __init__(self, jail: Jail, interpreter: Interpreter) -> None:
        self.jail = jail
        self.interpreter = interpreter
        self._serial = itertools.count(os.getpid() * 16)
        self._filters: dict[Starts, tuple[Filter, Filter]] = {}
        self._filters_of(PYTHON.starts)  # raises where there are none for this processor

    def start(self, kind: Kind = PYTHON) -> Jailed:
        """Start a jail of that kind; its runner waits for the first frame. Blocks for a few milliseconds.

        Raises HostShortage where there is no process or descriptor left for it."""
        with (
            refusals(f"{self.jail.name}: the jail does not start"),
            contextlib.ExitStack() as undo,
            contextlib.ExitStack() as passed_on,
        ):
            host, inside = socket.socketpair()
            undo.callback(host.close)
            passed_on.callback(inside.close)
            errors = os.memfd_create("jail-errors")
            undo.callback(os.close, errors)
            plain = os.memfd_create("standard-streams")  # a regular file, as tests have: programs inherit the streams
            passed_on.callback(os.close, plain)
            folder = None if self.jail.isolates else TemporaryFolder("jail")
            if folder is not None:
                undo.callback(folder.remove)
            spec = self._spec(kind, inside.fileno(), isolated=folder is None)
            greeting = self._configure(kind, spec, None if folder is None else folder.path)
            command = self.jail.command(spec)
            for fd in command.temporary_fds:
                passed_on.callback(os.close, fd)
            process = subprocess.Popen(
                command.argv,
                pass_fds=command.pass_fds,
                env=command.environment,
                stdin=plain,
                stdout=plain,
                stderr=errors,
                start_new_session=True,  # a Ctrl-C in the terminal is for the evaluator, which ends its jails
                cwd="/",
            )
            undo.callback(process.wait)
            undo.callback(process.kill)
            host.setblocking(False)
            jailed = Jailed(process, host, errors, folder, greeting)
            undo.pop_all()
            return jailed

    @property
    def python(self) -> str:
        """Where programs find the interpreter."""
        return f"{_HOME}/bin/{self.interpreter.tag}" if self.jail.isolates else self.interpreter.executable

    def _filters_of(self, starts: Starts) -> tuple[Filter, Filter]:
        if starts not in self._filters:
            self._filters[starts] = runner_filter(starts=starts), program_filter(starts=starts)
        return self._filters[starts]

    def _spec(self, kind: Kind, fd: int, *, isolated: bool) -> JailSpec:
        environment = ENVIRONMENT | {"LANG": self.interpreter.locale} | dict(kind.environment) | _BIND_NOW
        if not isolated:
            argv = (self.python, *_OPTIONS, "-c", _START, str(fd), str(_INSIDE.parent))
            return JailSpec(argv, (), (), environment, fd)
        return JailSpec(
            argv=(self.python, *_OPTIONS, "-c", _START, str(fd), "/"),
            mounts=self._mounts(kind),
            ids=identities(next(self._serial)),
            environment=environment,
            keep_fd=fd,
        )

    def _mounts(self, kind: Kind) -> tuple[Mount, ...]:
        """The interpreter, what it loads, a locale, the allowed packages, two devices, two empty folders. No /proc."""
        home = self.interpreter
        mounts = [
            Mount("bind", "/inside", str(_INSIDE)),
            Mount("bind", f"{_HOME}/bin/{home.tag}", home.executable),
            Mount("bind", f"{_HOME}/lib/{home.tag}", home.stdlib),
        ]
        mounts += [
            Mount("empty", f"{_HOME}/lib/{home.tag}/{name}")  # what is installed is not for programs
            for name in ("site-packages", "dist-packages")
            if Path(home.stdlib, name).is_dir()
        ]
        if home.platstdlib != home.stdlib and Path(home.platstdlib).is_dir():
            mounts.append(Mount("bind", f"{_HOME}/{home.platlibdir}/{home.tag}", home.platstdlib))
        shown = [Path(mount.target) for mount in kind.mounts]
        mounts += [
            Mount("bind", library, library)
            for library in (*home.libraries, *home.locales, *home.time_zones)
            if not any(Path(library).is_relative_to(place) for place in shown)
        ]
        mounts += kind.mounts
        mounts += [
            Mount("bind", f"{_PACKAGES}/{Path(part).name}", part) for parts in home.packages.values() for part in parts
        ]
        mounts += [Mount("bind", f"{_TESTING}/{Path(part).name}", part) for part in testing()]
        mounts += [Mount("device", f"/dev/{name}", f"/dev/{name}") for name in ("null", "urandom")]
        mounts += [
            Mount("tmpfs", folder, size=kind.tmpfs, executables=kind.executables) for folder in ("/tmp", "/work")
        ]
        # For programs that open these names the runner puts regular files there, as a shell's redirection would.
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            mounts.append(Mount("symlink", f"/dev/{name}", f"/tmp/.{name}"))
            mounts.append(Mount("symlink", f"/dev/fd/{number}", f"/tmp/.{name}"))
            mounts.append(Mount("symlink", f"/proc/self/fd/{number}", f"/tmp/.{name}"))
        return tuple(mounts)

    def _configure(self, kind: Kind, spec: JailSpec, folder: Path | None) -> bytes:
        ours, tests = self._filters_of(kind.starts)
        packages = self.interpreter.packages
        work, temporary = ("/work", "/tmp") if folder is None else (str(folder / "work"), str(folder / "tmp"))
        if folder is not None:
            for name in (work, temporary):
                Path(name).mkdir()
        message = Configure(
            become=spec.ids[-1].inside if len(spec.ids) > 1 else None,
            runner_filter=len(ours.code),
            pid_slots=tests.pid_slots,
            packages=sorted(packages),
            testing=[_TESTING] if folder is None else sorted({str(Path(part).parent) for part in testing()}),
            path=[_PACKAGES] if folder is None else sorted({str(Path(p[0]).parent) for p in packages.values()}),
            work=work,
            temporary=temporary,
            starts=kind.starts,
        )
        return frame(message, ours.code, tests.code)


class Jailed:
    """A started jail: its outermost process, our end of its socket, what it printed."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        sock: socket.socket,
        errors: int,
        folder: TemporaryFolder | None,
        greeting: bytes,
    ) -> None:
        self.process = process
        self.ended = os.pidfd_open(process.pid)
        """Descriptor of the process: it can be read from when the process has ended."""
        self.socket = sock
        self.greeting = greeting
        """The first frame to send."""
        self._errors: int | None = errors
        self._inside: list[int] = []
        self._folder = folder

    def said(self) -> str:
        """The end of what the jail and the runner printed, for the operator."""
        if self._errors is None:
            return ""
        size = os.fstat(self._errors).st_size
        return os.pread(self._errors, 4096, max(0, size - 4096)).decode(errors="replace").strip()

    def last_words(self) -> str:
        """The last line of it, in brackets; or nothing."""
        lines = [line for line in self.said().splitlines() if "no version information available" not in line]
        return f"({lines[-1].strip()[:300]})" if lines else ""

    def know_inside(self) -> None:
        """Once the runner answers: hold the first process inside as well. Killing a bubblewrap that root started does
        not kill it, for want of the capability to signal its user."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        numbers = children.read_text().split() if children.exists() else []
        self._inside = [os.pidfd_open(int(number)) for number in numbers]

    def kill(self) -> None:
        """End it at once. The kernel takes everything inside along."""
        for pidfd in self._inside:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def bury(self) -> None:
        """Close our end, and kill what has not ended yet. Nothing is left of it afterwards."""
        self.socket.close()
        self.kill()
        self.process.wait()
        while self._inside:
            os.close(self._inside.pop())
        if self._errors is not None:
            os.close(self._errors)
            os.close(self.ended)
            self._errors = None
        if self._folder is not None:
            self._folder.remove()
