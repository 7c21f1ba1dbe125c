"""The test process. From here on everything may be read and changed by the program; nothing in reach is worth it."""

from __future__ import annotations

import gc
import json
import marshal
import os
import resource
import sys
import time

# Whatever the program makes of the builtins.
from builtins import BaseException, MemoryError, OSError, SystemExit, getattr, int, isinstance, issubclass, print, type  # noqa: UP029
from functools import partial
from os import _exit
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from .compiler import NODES, OPENING, PRELUDE, load, load_text
from .ending import Ending, own_methods
from .kernel import size_of, stay
from .lane import CLEAN, FAILED, LACKED_MEMORY, LANE_BYTES, LANE_SLICE, NOTE, OUT_OF_MEMORY, STAYING_TESTS, Note
from .late import Late
from .plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from .leetcode import Leetcode
    from .surroundings import Surroundings


FIRST_FILE = 6
"""The first descriptor of a test process that is not the zygote's."""
ASIDE = 1000
"""How much higher the descriptors are that come with more: programs look for theirs at low numbers."""
_STDIN, _STDOUT, _RESULT = range(FIRST_FILE + 1, FIRST_FILE + 4)
_HIGHEST = 2**31 - 1
"""Of the exit codes whose last eight bits count; what else may be given is the interpreter's affair."""
_leetcode, _calls = Late("leetcode"), Late("values", "calls")
_HERE = os.path.dirname(__file__)
_traceback: Any = BaseException.__dict__["__traceback__"]
_stop_profiling = partial(sys.setprofile, None)
"""Is not seen by a profiler, as a call of the function itself would be."""


class Task(NamedTuple):
    """What a test process is to do. Its files: stderr, stdin, stdout, the result where there is one, and ``more``."""

    tests: int
    results: bool
    """Whether there is a file for results."""
    more: int
    """Files that come after these: of a lane where it tells, and where it waits; the link to the other process; or the
    text of a test, and where to ask for it."""
    mode: str
    entry_class: str | None
    entry_point: str
    signature: list[Any] | None
    """leetcode.Signature."""
    size: int
    prelude: int
    text: bool
    """Of Compiled, as is the file that they are about."""
    ends: bool
    """Compiled.ends."""
    inert: bool
    """Compiled.inert, where the modules are Python's and nothing else runs beside the program."""
    noted: tuple[str, ...]
    """Compiled.names."""
    roots: tuple[str, ...]
    """Top-level modules that the program may have changed."""
    int_digits: int | None
    """Of Limits. None: it is so already."""
    limits: tuple[tuple[int, int], ...]
    """What setrlimit is told."""


class Finished(BaseException):
    """The program came to its last line."""


class TestProcess:
    """Runs the tests of a lane in turn, while they end cleanly."""

    __test__ = False  # not a pytest class
    stdin, stdout, result = _STDIN, _STDOUT, _RESULT
    """Descriptors of its files, where they are not put aside."""
    trace: Any = None
    """What the program has given sys.settrace. It sees nothing of ours."""
    stop: BaseException | None = None
    """What the program ends with, where the interpreter has more to do to find the exit code. No frame of ours has it:
    its frames would have themselves."""
    exit_code: int | None = 0
    """The exit code, if it is known."""
    prelude = compile("", PRELUDE, "exec")
    """Code that runs before the program."""

    def __init__(self, surroundings: Surroundings, code: int) -> None:
        self.surroundings = surroundings
        self.code = code
        """Descriptor of the file with the compiled program."""
        self.reseed: list[Callable[[], object]] = []
        """What gives the random generators, of which every fork has a copy, a seed of their own."""
        self.make_module()
        self.look()

    def look(self) -> None:
        """At what there is: what comes later is the program's."""
        self.ending = Ending()

    def take(self, message: memoryview) -> None:
        """The message is a marshalled Task; its files are the descriptors from FIRST_FILE on."""
        task = self.task = Task._make(marshal.loads(message))
        if task.prelude:
            self.prelude = load(self.code, task.prelude, task.size)
        if task.text:
            self.program = load_text(self.code, task.size, self.surroundings.argv[0])
        elif task.mode != "test":  # no code of the program is where the test is
            self.program = load(self.code, task.size)

    def forget(self) -> None:
        """What was taken, but for a prelude."""
        del self.task, self.program

    def begin(self, message: memoryview) -> None:
        """Become the process of these tests."""
        self.take(message)
        os.dup2(FIRST_FILE, 2)
        os.closerange(3, FIRST_FILE + 1)  # what is the zygote's, and the other stderr
        if self.task.int_digits is not None:
            self.surroundings.allow_digits(self.task.int_digits)
        # The first test has the streams that the interpreter made when it started, and the zygote's module.
        if self.task.more and not self.task.inert:  # what makes only data can neither find nor close them
            self.put_files_aside()
        self.take_files()
        if self.task.tests == 1:
            os.closerange(self.stdin, self.stdout + 1)
        for seed in self.reseed:
            seed()
        if self.task.tests >= STAYING_TESTS:
            stay()
        self.confine()
        gc.enable()

    def run(self, message: memoryview) -> NoReturn:
        """Raises what the interpreter ends with, where it has to."""
        self.begin(message)
        task, tests = self.task, self.task.tests
        if tests == 1:
            if self.run_test() == OUT_OF_MEMORY:
                tell_lack_of_memory()
            code = self.code_of()
            if code is None:
                self.end()
            _exit(code)
        self.modules = len(sys.modules) + (0 if task.mode == "stdio" else 1)  # "solution" comes with the first call
        self.names = self.names_in_modules()
        self.files = self.in_folders()
        place = written = 0
        while True:
            # The clock of the thread: that of the process moves in coarse steps while RLIMIT_CPU is set.
            cpu, wall = time.thread_time_ns(), time.monotonic_ns()
            state = self.run_test()
            code = self.code_of()
            if code is None:  # the first test has the process to itself, a later one is run again
                self.end()
            place += 1
            try:
                used, ended = time.thread_time_ns(), time.monotonic_ns()
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                written += size_of(1) + (size_of(self.result) if task.results else 0)
                state = FAILED if code and state == CLEAN else state
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
                _exit(code)

    def confine(self) -> None:
        for which, most in self.task.limits:
            resource.setrlimit(which, (most, most))
        self.surroundings.program_filter.install()

    @property
    def told(self) -> int:
        """The first of the files that come after the result."""
        return self.result + self.task.results

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

    def put_files_aside(self) -> None:
        """Above the limit that the process will have."""
        last = _RESULT + self.task.results + self.task.more - 1
        for file in range(_STDIN, last + 1):
            os.dup2(file, file + ASIDE, inheritable=False)
        os.closerange(_STDIN, last + 1)
        self.stdin, self.stdout, self.result = _STDIN + ASIDE, _STDOUT + ASIDE, _RESULT + ASIDE

    def take_files(self) -> None:
        """Make its files the standard input and output, from their beginning."""
        os.dup2(self.stdin, 0)
        os.dup2(self.stdout, 1)

    def run_test(self) -> int:
        """The state of one test, whose files, streams and module are there."""
        scope = self.main.__dict__
        state: int = CLEAN
        try:
            if self.task.mode != "stdio":
                scope["__name__"] = "solution"
                sys.modules["solution"] = self.main
                self.call(scope)
            else:
                if self.task.prelude:  # to run what is empty would copy pages, too
                    exec(self.prelude, scope)
                exec(self.program, scope)
        except BaseException as error:
            self.stop = error
        if not self.task.inert:
            _stop_profiling()
            if (trace := sys.gettrace()) is not None:
                sys.settrace(None)
                self.trace = trace
        if self.stop is not None:
            strip(self.stop)
            self.ending.flush()
            if not issubclass(type(self.stop), SystemExit):
                state = OUT_OF_MEMORY if issubclass(type(self.stop), MemoryError) else FAILED
                self.stop = report(self.stop)
            self.exit_code = plain_code(self.stop)
            if self.exit_code is not None:
                self.stop = None  # with what its frames hold, before anything is waited for
        return state

    def code_of(self) -> int | None:
        """The exit code, where nobody would see the interpreter end; the streams are flushed then. None: it has to."""
        if self.exit_code is None or self.task.ends or ("stream methods" in self.task.noted and not own_methods()):
            return None
        unseen = self.ending.flushes() if self.task.inert else self.ending.unseen(self.trace is not None)
        return self.exit_code if unseen else None

    def end(self) -> NoReturn:
        """As every interpreter ends. Up to its start there is nothing on the way that does anything."""
        self.ending.flush()
        try:
            may = self.exit_code is not None and not self.task.ends and self.trace is None
            left_out = may and self.ending.leave_out(self.main, self.exit_code or 0)
        except BaseException:  # whatever the program has put in the place of something
            left_out = False
        if not left_out and not self.ending.frozen():
            gc.unfreeze()
        sys.settrace(self.trace)
        stop, self.stop = self.stop, None
        try:
            raise stop or (SystemExit(self.exit_code) if self.exit_code else Finished)
        finally:
            del stop  # what its frames hold goes when it goes

    def make_module(self) -> None:
        """The program's own, with nothing in it."""
        self.main = sys.modules["__main__"] = ModuleType("__main__")
        self.main.__dict__.update(
            __loader__=self.surroundings.loader,
            __annotations__={},
            __builtins__=sys.modules["builtins"],
            __file__=self.surroundings.argv[0],
            __cached__=None,
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
        self.ending.take_streams()

    def call(self, scope: dict[str, Any]) -> None:
        """Call-based test: a fresh module, a fresh instance, the value to its own file."""
        task = self.task

        def write(text: bytes) -> None:
            while text:
                text = text[os.write(self.result, text) :]

        if task.mode == "test":
            self.judge(write)
        if task.mode == "together":
            from . import together  # which the zygote of tests holds

            sys.path[:0] = self.surroundings.folders[:1]  # which processes of tests lack
            together.run(scope, self.prelude, self.program, self.ask, write)
            return os.close(self.result)
        if task.mode == "linked":
            return self.serve_test(scope)
        if task.mode == "unknown":
            from . import unknown  # which the zygote of tests holds

            with open(0, "rb", closefd=False) as request:
                return unknown.run(self.prelude, request.read(), write)
        leetcode = None
        if (task.signature and task.signature[0]) or not set(NODES).isdisjoint(task.noted):
            leetcode = self.leetcode(scope, task.noted)
        exec(self.prelude, scope)
        exec(self.program, scope)
        if task.mode == "calls":
            serve = serving_calls()
            with open(0, "rb", closefd=False) as request:
                return serve(scope, request, write)
        kind, name = task.entry_class, task.entry_point
        with open(0, closefd=False) as arguments:
            given = json.load(arguments)
        if leetcode is None and isinstance(scope.get(name), type):  # it may be a design
            leetcode = self.leetcode(scope, ())
        if leetcode is not None:
            value = leetcode.value(kind, name, given)
        else:
            value = (getattr(scope[kind](), name) if kind else scope[name])(*given)
        return write(json.dumps(plain(value), separators=(",", ":")).encode())

    def leetcode(self, scope: dict[str, Any], mentioned: Container[str]) -> Leetcode:
        with _leetcode:
            from .leetcode import Leetcode
        return Leetcode(scope, self.task.signature, mentioned, self.program)

    def serve_test(self, scope: dict[str, Any]) -> None:
        """The program's process, as long as that of the test wants something of it."""
        from .link import owner  # which its zygote holds
        from .objects import classes_in

        try:
            exec(self.prelude, scope)
            exec(self.program, scope)
        except BaseException as error:
            owner.fail(error, self.told)
            raise
        owner.serve(scope, self.told, classes_in(self.prelude))

    def judge(self, write: Callable[[bytes], None]) -> NoReturn:
        """The process of a test: nothing of a program's is in it."""
        from . import trial  # which its zygote holds

        del sys.modules["solution"]
        with open(0, "rb", closefd=False) as request:
            given = request.read()
        trial.run(given, self.prelude, self.told, self.surroundings.folders, write)
        self.ending.flush()
        _exit(0)

    def ask(self) -> bytes:
        """The text of the test, which the runner gives when this process says that the program has come to its end."""
        text, asking = self.told, self.told + 1
        os.write(asking, b"?")
        os.read(asking, 1)
        given = os.pread(text, size_of(text), 0)
        os.close(text)
        os.close(asking)
        return given

    def make_ready(self) -> bool:
        """For the next test of the lane. True when it will find things as this one did."""
        sys.modules["__main__"].__dict__.clear()
        self.surroundings.restore()
        names = self.task.noted
        if len(sys.modules) != self.modules or self.names_in_modules() != self.names:
            return False
        if self.trace is not None:
            return False
        if self.in_folders() != self.files:
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
            os.lseek(self.result, 0, os.SEEK_SET)
        self.open_streams(names)
        self.make_module()
        gc.freeze()  # what is made from here on is the next test's
        self.ending.begin()
        return True

    def in_folders(self) -> list[object]:
        """Names of files, and the text of the program. Nothing where it opens none."""
        if OPENING.isdisjoint(self.task.noted):
            return []
        text = None
        try:
            file = os.open(self.surroundings.argv[0], os.O_RDONLY | os.O_NOATIME | os.O_NONBLOCK)
        except OSError:  # it has taken its text away
            pass
        else:
            text = os.read(file, size_of(file))
            os.close(file)
        return [text, *map(os.listdir, self.surroundings.folders)]

    def names_in_modules(self) -> int:
        """How many names the modules have that the program may have added to. Looks at no value: that would copy it."""
        return sum(len(vars(sys.modules[root])) for root in self.task.roots if root in sys.modules)


def serving_calls() -> Callable[[dict[str, Any], Iterable[bytes], Callable[[bytes], None]], None]:
    with _calls:
        from .calls import serve
    return serve


def plain_code(stop: BaseException | None) -> int | None:
    """The exit code that comes of what a program ends with. None: the interpreter has more to do to find it."""
    code: object = stop.code if type(stop) is SystemExit else stop
    if code is None:
        code = 0
    return code & 0xFF if type(code) is int and -_HIGHEST <= code <= _HIGHEST else None


def tell_lack_of_memory() -> None:
    """By where the standard input stands: the runner has the same file."""
    try:
        os.lseek(0, LACKED_MEMORY, os.SEEK_SET)
    except OSError:
        pass


def strip(error: BaseException) -> None:
    """Of the frames of this package, in its traceback."""
    trace = _traceback.__get__(error)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        trace = trace.tb_next
    _traceback.__set__(error, trace)


def report(error: BaseException) -> BaseException:
    """As the interpreter does: the traceback. What it ends with then."""
    kind, trace = type(error), _traceback.__get__(error)
    sys.__dict__.update(last_type=kind, last_value=error, last_traceback=trace)
    if sys.version_info >= (3, 12):
        sys.__dict__["last_exc"] = error
    try:
        sys.excepthook(kind, error, trace)
    except SystemExit as stop:  # the program's own hook
        return stop
    except BaseException as fault:
        try:
            print("Error in sys.excepthook:", file=sys.stderr)
            sys.__excepthook__(type(fault), fault, fault.__traceback__)
            print("\nOriginal exception was:", file=sys.stderr)
            sys.__excepthook__(kind, error, trace)
        except BaseException:
            pass
    if kind is KeyboardInterrupt:  # the one that an interpreter ends with itself, and then by the signal
        sys.excepthook = _silent
        return error
    return SystemExit(1)


def _silent(*_: object) -> None:
    """It has been reported."""
