"""The test process. From here on everything may be read and changed by the program; nothing in reach is worth it."""

from __future__ import annotations

import atexit
import gc
import json
import marshal
import os
import resource
import sys
import time
from _weakref import ref
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from . import calls, replay
from .compiler import load
from .kernel import size_of, stay
from .lane import CLEAN, FAILED, LANE_BYTES, LANE_SLICE, NOTE, OUT_OF_MEMORY, STAYING_TESTS, Note
from .leetcode import CLASSES, Leetcode
from .plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from .surroundings import Surroundings


FIRST_FILE = 6
"""The first descriptor of a test process that is not the zygote's."""
_STDIN, _STDOUT, _RESULT = range(FIRST_FILE + 1, FIRST_FILE + 4)


class Task(NamedTuple):
    """What a test process is to do. Its files: stderr, stdin, stdout, the result where there is one, told; of a
    lane one more, where it waits."""

    tests: int
    results: bool
    """Whether there is a file for results."""
    mode: str
    entry_class: str | None
    entry_point: str
    signature: list[Any] | None
    """leetcode.Signature."""
    size: int
    """Bytes of compiled code in its file."""
    teardown: bool
    noted: list[str]
    """Compiled.names."""
    roots: list[str]
    """Top-level modules that the program may have changed."""
    int_digits: int
    """Of Limits."""
    limits: list[tuple[int, int]]
    """What setrlimit is told."""


class TestProcess:
    """Runs the tests of a lane in turn, while they end cleanly."""

    __test__ = False  # not a pytest class

    def __init__(self, surroundings: Surroundings, code: int) -> None:
        self.surroundings = surroundings
        self.code = code
        """Descriptor of the file with the compiled program."""
        self.reseed: list[Callable[[], object]] = []
        """What gives the random generators, of which every fork has a copy, a seed of their own."""
        self.make_module()

    def take(self, message: memoryview) -> None:
        """The message is a marshalled Task; its files are the descriptors from FIRST_FILE on."""
        self.task = Task._make(marshal.loads(message))
        self.prelude, self.program = load(self.code, self.task.size)

    def forget(self) -> None:
        """What was taken."""
        del self.task, self.prelude, self.program

    def begin(self, message: memoryview) -> None:
        """Become the process of these tests."""
        self.take(message)
        os.dup2(FIRST_FILE, 2)
        os.closerange(3, FIRST_FILE + 1)  # what is the zygote's, and the other stderr
        self.surroundings.allow_digits(self.task.int_digits)
        # The first test has the streams that the interpreter made when it started, and the zygote's module.
        self.take_files()
        if self.task.tests == 1:
            os.closerange(_STDIN, _STDOUT + 1)
        if self.task.teardown:
            self.make_module()  # the zygote's is nothing that the collector would collect
        for seed in self.reseed:
            seed()
        if self.task.tests >= STAYING_TESTS:
            stay()
        self.confine()
        gc.enable()

    def run(self, message: memoryview) -> NoReturn:
        self.begin(message)
        task, tests = self.task, self.task.tests
        if tests == 1:
            state, code = self.run_test()
            if state == OUT_OF_MEMORY:
                self.tell(*Note(state))
            os._exit(code & 0xFF)
        self.modules = len(sys.modules) + (0 if task.mode == "stdio" else 1)  # "solution" comes with the first call
        self.names = self.names_in_modules()
        place = written = 0
        while True:
            # The clock of the thread: that of the process moves in coarse steps while RLIMIT_CPU is set.
            cpu, wall = time.thread_time_ns(), time.monotonic_ns()
            state, code = self.run_test()
            place += 1
            try:
                used, ended = time.thread_time_ns(), time.monotonic_ns()
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                written += size_of(1) + (size_of(_RESULT) if task.results else 0)
                more = not code and place < tests and used < LANE_SLICE * 1e9 and written < LANE_BYTES
                more = self.tell(state, more, used - cpu, ended - wall, peak, size_of(2)) and more
                # While the runner takes what this test has put out.
                if more and not self.make_ready():
                    self.tell(*Note())
                    more = False
                more = more and self.wait()
            except BaseException:  # the program took away what this needs, which is no fault of the test
                more = False
            if not more:
                os._exit(code & 0xFF)

    def confine(self) -> None:
        for which, most in self.task.limits:
            resource.setrlimit(which, (most, most))
        self.surroundings.program_filter.install()

    @property
    def told(self) -> int:
        return _RESULT + self.task.results

    def tell(self, *note: int) -> bool:
        """A lane.Note. False when the program closed the file; then the process is alone with its first test."""
        try:
            return os.write(self.told, NOTE.pack(*note)) == NOTE.size
        except OSError:
            return False

    def wait(self) -> bool:
        """For the input of the next test. False: there will be none."""
        try:
            return len(os.read(self.told + 1, 1)) == 1
        except OSError:
            return False

    def take_files(self) -> None:
        """Make its files the standard input and output, from their beginning."""
        os.dup2(_STDIN, 0)
        os.dup2(_STDOUT, 1)

    def run_test(self) -> tuple[int, int]:
        """(state, exit code) of one test, whose files, streams and module are there."""
        scope = self.main.__dict__
        state, code = CLEAN, 0
        try:
            if self.task.mode != "stdio":
                scope["__name__"] = "solution"
                sys.modules["solution"] = self.main
                self.call(scope)
            else:
                exec(self.prelude, scope)
                exec(self.program, scope)
        except SystemExit as stop:
            code = exit_code_of(stop.code)
        except BaseException as error:
            state, code = (OUT_OF_MEMORY if isinstance(error, MemoryError) else FAILED), report(error)
        del scope
        code = self.finish() or code
        return (FAILED if code and state == CLEAN else state), code

    def make_module(self) -> None:
        """The program's own, with nothing in it."""
        self.main = sys.modules["__main__"] = ModuleType("__main__")
        self.main.__dict__.update(
            __builtins__=sys.modules["builtins"],
            __file__=self.surroundings.argv[0],
            __cached__=None,
            __annotations__={},
        )

    def open_streams(self, names: Container[str] = ("stdout", "stderr")) -> None:
        """As the interpreter does when it starts. Those that the program writes to are as they were where it does not
        name them."""
        encoding, errors = self.surroundings.encoding, self.surroundings.errors
        stdin: Any = open(0, encoding=encoding, errors=errors, newline="\n", closefd=False)
        stdin.buffer.raw.name = "<stdin>"
        sys.stdin = sys.__stdin__ = stdin
        if "stdout" in names or "__stdout__" in names:
            stdout: Any = open(1, "w", encoding=encoding, errors=errors, newline="\n", closefd=False)
            stdout.buffer.raw.name = "<stdout>"
            sys.stdout = sys.__stdout__ = stdout
        if "stderr" in names or "__stderr__" in names:
            stderr: Any = open(2, "w", 1, encoding, errors="backslashreplace", newline="\n", closefd=False)
            stderr.buffer.raw.name = "<stderr>"
            sys.stderr = sys.__stderr__ = stderr

    def call(self, scope: dict[str, Any]) -> None:
        """Call-based test: a fresh module, a fresh instance, the value to its own file."""
        task = self.task

        def write(text: bytes) -> None:
            while text:
                text = text[os.write(_RESULT, text) :]

        if task.mode == "replay":
            scope["__name__"] = "__main__"
            with open(0, "rb", closefd=False) as request:
                return replay.run(scope, self.prelude, self.program, request.read(), write)
        leetcode = None
        if (task.signature and task.signature[0]) or not CLASSES.isdisjoint(task.noted):
            leetcode = Leetcode(scope, task.signature, task.noted, self.program)
        exec(self.prelude, scope)
        exec(self.program, scope)
        if task.mode == "calls":
            with open(0, "rb", closefd=False) as request:
                return calls.serve(scope, self.prelude, request, write)
        kind, name = task.entry_class, task.entry_point
        with open(0, closefd=False) as arguments:
            given = json.load(arguments)
        if leetcode is None and isinstance(scope.get(name), type):  # it may be a design
            leetcode = Leetcode(scope, task.signature, (), self.program)
        if leetcode is not None:
            value = leetcode.value(kind, name, given)
        else:
            value = (getattr(scope[kind](), name) if kind else scope[name])(*given)
        return write(json.dumps(plain(value), separators=(",", ":")).encode())

    def finish(self) -> int:
        """What an interpreter does at its end: threads, exit handlers, flushes, destructors that write."""
        threading: Any = sys.modules.get("threading")
        if self.task.tests == 1:  # in a lane both are out of the program's reach
            try:
                if threading is not None:
                    threading._shutdown()
                atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
            except BaseException as error:
                report(error)
        code = self.flush()
        if self.task.teardown:
            try:
                self.tear_down()
            except BaseException as error:
                report(error)
            self.flush()
        return code

    def tear_down(self) -> None:
        """As an interpreter does: the streams are put back, and what only the module held is collected: its destructors
        find everything in its place. Where something else holds a function of the module its names are cleared."""
        if gc.isenabled():
            gc.collect()  # puts what refers before what it refers to: streams are closed from the outside in
        for name in ("stdin", "stdout", "stderr"):
            setattr(sys, name, getattr(sys, f"__{name}__", None))
        self.main.__dict__[""] = ModuleType("")  # lives as long as the names around it
        mark = ref(self.main.__dict__[""])
        self.make_module()
        if "solution" in sys.modules:
            sys.modules["solution"] = self.main
        gc.collect()
        if mark() is not None:
            for scope in gc.get_referrers(mark()):
                if type(scope) is dict:
                    clear(cast("dict[str, Any]", scope))

    def flush(self) -> int:
        """The exit code that comes of it."""
        code = 0
        for name in ("stdout", "__stdout__", "stderr"):
            try:
                stream = getattr(sys, name, None)
                if stream is not None and not getattr(stream, "closed", False):
                    stream.flush()
            except BaseException as error:
                report(error)
                code = 120
        return code

    def make_ready(self) -> bool:
        """For the next test of the lane. True when it will find things as this one did."""
        sys.modules["__main__"].__dict__.clear()
        self.surroundings.restore()
        names = self.task.noted
        if len(sys.modules) != self.modules or self.names_in_modules() != self.names:
            return False
        if sys.gettrace() is not None or sys.getprofile() is not None:
            return False
        if ("open" in names or "os" in names) and any(map(os.listdir, self.surroundings.folders)):
            return False
        if "random" in names:
            if (random := sys.modules.get("random")) is not None:
                random.seed()
            for seed in self.reseed:
                seed()
        self.take_files()
        os.lseek(0, 0, os.SEEK_SET)
        os.lseek(1, 0, os.SEEK_SET)
        if self.task.results:
            os.lseek(_RESULT, 0, os.SEEK_SET)
        self.open_streams(names)
        self.make_module()
        return True

    def names_in_modules(self) -> int:
        """How many names the modules have that the program may have added to. Looks at no value: that would copy it."""
        return sum(len(vars(sys.modules[root])) for root in self.task.roots if root in sys.modules)


def clear(scope: dict[str, Any]) -> None:
    """As an interpreter clears a module: first the names that begin with one underscore."""
    names = [name for name in scope if name != "__builtins__"]
    own = [name for name in names if name[:1] == "_" and name[1:2] != "_"]
    for name in (*own, *names):
        scope[name] = None


def exit_code_of(value: object) -> int:
    """As ``sys.exit``: None is 0, a number is itself, anything else goes to stderr and is 1."""
    if value is None:
        return 0
    if isinstance(value, int):
        number = int.__index__(value)
        return number & 0xFF if -(1 << 63) <= number < 1 << 63 else 0xFF
    try:
        print(value, file=sys.stderr)
    except BaseException:
        pass
    return 1


def report(error: BaseException) -> int:
    """The traceback on stderr, without the frames of this package. The exit code that comes of it."""
    here = os.path.dirname(__file__)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(here):
        trace = trace.tb_next
    try:
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    except SystemExit as stop:  # the program's own hook
        return exit_code_of(stop.code)
    except BaseException:
        pass
    return 1
