"""Process 1: reads frames, holds the inputs, has programs run, cleans up after them."""

from __future__ import annotations

import gc
import itertools
import os
import resource
import signal
import sys
import warnings
from typing import Any

from .ahead import TESTING, USUAL
from .ahead import sets as module_sets
from .channel import Channel
from .cleaning import Folder
from .compiler import SOURCE, Compiled, Compiler
from .files import place_files
from .kernel import (
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    Filter,
    die_of_sigprof,
    drop_capabilities,
    give_back_free_memory,
    limit,
    limit_default_thread_stack,
    prctl,
)
from .linked import Alone, Linked, Together
from .program import Program
from .surroundings import Surroundings
from .zygote import Zygote, import_quietly

WORN = 192 << 10
"""KiB that the runner may grow by; installed packages take most of it. Then every fork has become dear."""


PROGRAMS = {"linked": Linked, "together": Together, "unknown": Alone}
"""By mode, where it is not one process after the other."""


class Job:
    """One program, as the host sent it."""

    def __init__(
        self, header: dict[str, Any], source: bytes, compiled: Compiled, inputs: tuple[int, list[int]], files: int
    ) -> None:
        self.number: int = header["number"]
        self.mode: str = header["mode"]
        self.call = self.mode != "stdio"
        """There is a result besides standard output."""
        self.entry_class: str | None = header["entry_class"]
        self.entry_point: str = header["entry_point"] or ""
        self.signature: list[Any] | None = header["signature"]
        self.tests: list[int] = header["tests"]
        self.lanes: bool = header["lanes"]
        self.first_lane: int = header["first_lane"]
        self.alone = frozenset[int](header["alone"])
        self.limits: dict[str, Any] = header["limits"]
        self.compiled = compiled
        self.inputs, sizes = inputs
        """Descriptor of the file with all inputs of the problem, one after the other."""
        self.offsets = [0, *itertools.accumulate(sizes)]
        self.command: dict[str, Any] | None = header["command"]
        self.source = source
        """Its text."""
        self.files = files
        """Descriptor of the file with all files of the job, one after the other; -1: it has none."""
        self.placed: list[tuple[str, int]] = header["files"]
        self.collect: list[str] = header["collect"]


class Runner:
    """Lives as long as the jail."""

    def __init__(self, fd: int) -> None:
        self.channel = Channel(fd)
        self._inputs: dict[int, tuple[int, list[int]]] = {}
        self.zygotes: list[Zygote] = []
        """The smallest first."""
        self.next_frame: tuple[dict[str, Any], int] | None = None
        """What ended the program: a frame that nobody has acted on yet."""

    def configure(self) -> None:
        header, size = self.channel.receive()
        blob = self.channel.read(size)
        ours, theirs = blob[: header["runner_filter"]], blob[header["runner_filter"] :]
        self.folders: tuple[str, str] = (header["work"], header["temporary"])
        if header["become"] is not None:  # started as the host's root to set the jail up: leave that identity
            os.setgroups([])
            os.setresgid(*[header["become"]] * 3)
            os.setresuid(*[header["become"]] * 3)
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user clears it
            drop_capabilities()
        for name in ("PWD", "LD_BIND_NOW"):  # bubblewrap's; ours
            os.environ.pop(name, None)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_MEMLOCK, 0)
        restore_signals()  # for the tests, as is all that follows
        os.umask(0o022)
        os.chdir(self.folders[0])
        sys.path[:] = [*(path for path in sys.path if os.path.isdir(path)), *header["path"]]
        sys.dont_write_bytecode = True
        limit_default_thread_stack()
        import_quietly(USUAL)
        add_site_builtins()
        program_filter = Filter(theirs, header["pid_slots"])
        Filter(ours, []).install()
        starts: str = header["starts"]
        self.executes = starts != "nothing"
        self.starts_processes = starts == "processes"
        self._folders = [Folder(self.folders[0], None if self.executes else SOURCE), Folder(self.folders[1])]
        gc.disable()
        gc.collect()
        give_back_free_memory()
        gc.freeze()
        if not self.executes:
            self._begin_zygotes(program_filter, header["packages"], header["testing"])
        else:
            from .executable import ExecutableProgram

            self.executables = ExecutableProgram
            self.program_filter = program_filter
        self.worn_at = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + WORN
        self.worn = False
        self.channel.send({"type": "ready", "python": list(sys.version_info[:3])})

    def _begin_zygotes(self, program_filter: Filter, packages: list[str], testing: list[str]) -> None:
        """From here on this process may hold what programs consist of: no test process is a copy of it."""
        sets = module_sets(packages)
        self.compiler = Compiler(self.channel, frozenset(sets[-1]), self.folders[0])
        surroundings = Surroundings(self.folders, program_filter, self.compiler.file)
        self.int_digits = surroundings.int_digits
        surroundings.restore()  # a test process has no more to do before its first test
        for modules in sets:
            zygote = Zygote(modules)
            zygote.start(surroundings, awake=not self.zygotes)
            self.zygotes.append(zygote)
        self.tester = Zygote((*sets[-1], *TESTING))
        self.tester.start(surroundings.of_tests(testing), awake=False)
        die_of_sigprof()
        warnings.simplefilter("ignore")  # those of the compiler would pile up
        gc.enable()

    @property
    def relatives(self) -> int:
        """Processes that are there besides that of a test."""
        return 1 + len(self.zygotes) + 1

    def zygote_for(self, job: Job, *besides: str) -> Zygote:
        """The smallest that holds these modules, and all that the program certainly imports. Its own files may have any
        module's name."""
        imports = job.compiled.imports if job.files < 0 else frozenset[str]()
        return next(zygote for zygote in self.zygotes if imports.union(besides) <= zygote.modules)

    def serve(self) -> None:
        """Frames, for ever."""
        while True:
            header, size = self.next_frame or self.channel.receive()
            self.next_frame = None
            match header["type"]:
                case "end" | "run":  # of a program that has ended already
                    pass
                case "load":
                    self._inputs[header["key"]] = (
                        self.channel.read_into_file(size, executable=self.executes),
                        header["sizes"],
                    )
                case "drop":
                    for key in header["keys"]:
                        os.close(self._inputs.pop(key)[0])
                case "job":
                    self._run(self._job(header, size))
                    self.worn = self.worn or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > self.worn_at
                case other:
                    raise ValueError(f"unknown frame {other}")

    def _job(self, header: dict[str, Any], size: int) -> Job:
        """Compile the source, or keep it as the file to execute; keep the files."""
        files = sum(size for _, size in header["files"])
        length, source = size - files - header["prelude"], b""
        if header["command"] is None:
            prelude, source = self.channel.read(header["prelude"]), self.channel.read(length)
            lanes = header["lanes"] and len(header["tests"]) > 1
            compiled = self.compiler.compile(prelude, source, header["limits"], guarded=header["guarded"], lanes=lanes)
        else:
            file = self.channel.read_into_file(length, executable=True)
            if header["executable"] is not None:  # loaded before, as inputs are
                os.dup2(self._inputs[header["executable"]][0], file, inheritable=False)
            compiled = self.executables.compiled(file, header["command"])
        placed = self.channel.read_into_file(files) if header["files"] else -1
        return Job(header, source, compiled, self._inputs[header["key"]], placed)

    def _run(self, job: Job) -> None:
        if job.command is not None:
            self.executables(self, job).serve()
        else:
            PROGRAMS.get(job.mode, Program)(self, job).serve()
        if job.files >= 0:
            os.close(job.files)

    def tell_shortage(self, number: int | None, why: str) -> None:
        """The host lacks something: no more results will come of this job. None: nor of any other."""
        self.channel.send({"type": "shortage", "job": number, "why": why})

    def full(self) -> bool:
        """Whether a program made too many files."""
        return any(folder.full() for folder in self._folders)

    def fill_folders(self, job: Job) -> None:
        """With what every test process of the program is to find."""
        self._folders[0].fill(job.source)
        if job.files >= 0:
            place_files(job.files, job.placed, self.folders[0])

    def empty_folders(self) -> None:
        for folder in self._folders:
            folder.empty()


def restore_signals() -> None:
    """As a shell's children find them, whatever the evaluator was started with: nohup and cron leave some ignored."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGINT}:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def add_site_builtins() -> None:
    """What the module site, which does nothing by itself here, gives every program."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
