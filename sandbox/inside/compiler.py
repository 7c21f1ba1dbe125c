"""Compiling a program: its code to a file, and what the runner needs to know of it.

The runner compiles by itself: 0.05 ms for what costs a fork 1.5 ms, most of it page faults. Compiling can take minutes
and gigabytes, or crash; so long programs are compiled *guarded*, in a process of their own, and so is one that ended
the runner of another worker.

The code goes to test processes by a file, and nothing is forked from the runner but guards, in which no program runs:
what the runner's memory keeps of one program, no other can find.
"""

from __future__ import annotations

import functools
import json
import marshal
import os
import re
import resource
import signal
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

from .codes import all_code, names_in
from .kernel import STACK, limit

if TYPE_CHECKING:
    from .channel import Channel

SOURCE = "main.py"
"""The file of the program, in its working folder."""
PRELUDE = "<prelude>"
"""The name of the prelude in tracebacks."""
LONG = 64 << 10
"""Bytes of source from where on a guard costs little beside the compiling."""
FUSE = 0.5
"""Most processor seconds for compiling in the runner, which then ends."""
OUT_OF_TIME = signal.SIGPROF
"""As an exit code; see kernel.die_of_sigprof."""
STREAM_NAMES = re.compile(rb"\b(?:dev(?!/(?:null|urandom|random)\b)|proc)\b")
"""Whoever opens a standard stream by a name has one of these in the text."""
ENDED_NAMES = (
    b"__del__", b"__hash__", b"KeyboardInterrupt", b"addaudithook", b"_clear", b"setattr", b"_shutdown",
    b"get_objects", b"gc.garbage", b"set_debug", b"ctypes", b"interpreters",
)  # fmt: skip
"""Whoever has one of these in the text may do what cannot be seen in what the interpreter holds: give a class of the
library a destructor, or a standard stream a method; have types compared in a way of its own; be interrupted in a text
that is executed; listen to the end; exchange exit handlers; see what is ours, or have the collector tell of it; write
by what is no Python of this interpreter."""
OPENING = frozenset({"FileIO", "open", "os"})
"""What opens files has one of these names."""
NOTED = OPENING | {"__stderr__", "__stdout__", "named streams", "random", "stderr", "stdout"}
NODES = "ListNode", "Node", "TreeNode"
"""Noted, too, where they stand in the source: in annotations they may be text."""


class Compiled:
    """What the runner learns of a program."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.error: str | None = found["error"]
        """The compiler's words; None: it compiled."""
        self.size: int = found.get("size", 0)
        """Bytes of the file: the program, as marshalled code or as ``text``."""
        self.prelude: int = found.get("prelude", 0)
        """Bytes of the file that come then: the marshalled code of the prelude, where there is one."""
        self.text: bool = found.get("text", False)
        """The program is its source: its code would not be read as it was."""
        self.executable: int = found.get("executable", -1)
        """Descriptor of the program's file, when it is one to execute."""
        self.lanes: bool = found.get("lanes", False)
        self.ends: bool = found.get("ends", False)
        """Whether its interpreter has to end like any other, whatever it holds."""
        self.inert: bool = found.get("inert", False)
        """Whether nobody would see how it ends, whatever it holds."""
        self.names: list[str] = found.get("names", [])
        """Those of NOTED and NODES that it uses."""
        self.roots: list[str] = found.get("roots", [])
        """Top-level modules that it imports anywhere, where it may have lanes."""
        self.imports = frozenset[str](found.get("imports", []))
        """Modules of those that are imported ahead that it certainly imports."""


class Compiler:
    """Of the runner."""

    def __init__(self, channel: Channel, ahead: frozenset[str], folder: str) -> None:
        """``ahead``: modules that a zygote may hold; ``folder``: where programs work."""
        self._channel = channel
        self._name = os.path.join(folder, SOURCE)
        self._ahead = ahead
        self.file = os.memfd_create("code")

    def compile(self, prelude: bytes, source: bytes, limits: dict[str, Any], *, guarded: bool, lanes: bool) -> Compiled:
        """``lanes``: whether to find out if its tests may share processes, which takes as long as compiling does.

        Ends the process when the program is too much for the compiler, unless it is guarded."""
        sys.set_int_max_str_digits(limits["int_digits"])
        if guarded or len(prelude) + len(source) > LONG:
            return Compiled(self._guarded(prelude, source, limits, lanes))
        before = resource.getrlimit(resource.RLIMIT_AS)
        limit(resource.RLIMIT_AS, limits["memory"] + STACK, hard=False)
        signal.setitimer(signal.ITIMER_PROF, FUSE)
        found = self._compile(prelude, source, lanes)
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        return Compiled(found)

    def _guarded(self, prelude: bytes, source: bytes, limits: dict[str, Any], lanes: bool) -> dict[str, Any]:
        answers, answer = os.pipe()
        pid = os.fork()
        if pid == 0:
            limit(resource.RLIMIT_AS, limits["memory"] + STACK)
            signal.setitimer(signal.ITIMER_PROF, limits["compile_time"])
            os.write(answer, json.dumps(self._compile(prelude, source, lanes)).encode())
            os._exit(0)
        os.close(answer)
        self._channel.wait_for(answers)
        text = os.read(answers, 1 << 16)
        os.close(answers)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if text:
            return json.loads(text)
        if code == OUT_OF_TIME:
            return {"error": "compiling takes more processor time than compile_time allows"}
        return {"error": f"the compiler crashed ({f'signal {-code}' if code < 0 else f'exit code {code}'})"}

    def _compile(self, prelude: bytes, source: bytes, lanes: bool) -> dict[str, Any]:
        """The source is text, whatever a coding comment in it says."""
        from . import eligibility as code_of  # not where zygotes come from: they would hold it

        try:
            before = prelude_of(prelude, sys.get_int_max_str_digits())
            code = compiled(source, self._name)
            codes = all_code(code)
            text = code_of.loses_order(codes)
            data = source if text else marshal.dumps(code)
            names, imports = names_in(codes), code_of.imports(codes)
            all_names, all_imports = names | before.names, imports | before.imports
            noted = NOTED & all_names
            if code_of.names_random(names, imports | before.taken):
                noted |= {"random"}
            if (b"dev" in source or b"proc" in source) and STREAM_NAMES.search(source):
                noted |= {"named streams"}
            if (b"close" in source or b"flush" in source) and code_of.exchanges_methods(codes, names):
                noted |= {"stream methods"}
            if b"Node" in source or b"Node" in prelude:
                noted |= {name for name in NODES if name.encode() in source + prelude}
            roots = code_of.roots_of(all_imports)
            lanes = lanes and "named streams" not in noted and code_of.lane_allowed(codes, names, roots)
            ends = any(name in source for name in ENDED_NAMES)
            inert = not ends and code_of.inert(codes + before.codes, all_names, all_imports)
            certain = before.certain | code_of.certain_imports(code)
        except SyntaxError as error:
            where = f" (line {error.lineno})" if error.lineno else ""
            return _refused(error, f"{error.msg}{where}")
        except MemoryError as error:
            return _refused(error, "compiling takes more memory than the program may use")
        except (ValueError, RecursionError, OverflowError) as error:
            return _refused(error, str(error))
        os.ftruncate(self.file, 0)
        written, whole = 0, data + before.data
        while written < len(whole):
            written += os.pwrite(self.file, whole[written:], written)
        return {
            "error": None,
            "size": len(data),
            "prelude": len(before.data),
            "text": text,
            "lanes": lanes,
            "ends": ends,
            "inert": inert,
            "names": sorted(noted),
            "roots": sorted(roots) if lanes else [],
            "imports": sorted(module for module in self._ahead if module in certain),
        }


class Prelude:
    """What runs before a program, and what its code says. Many programs have the same."""

    def __init__(self, text: bytes) -> None:
        from . import eligibility as code_of

        code = compile(text.decode(), PRELUDE, "exec", dont_inherit=True)
        self.data = marshal.dumps(code) if text else b""
        self.codes = all_code(code)
        self.names = names_in(self.codes)
        self.imports = code_of.imports(self.codes)
        self.certain = code_of.certain_imports(code)
        self.taken = code_of.taken_from(code)


@functools.lru_cache(maxsize=4)
def prelude_of(text: bytes, int_digits: int) -> Prelude:
    """``int_digits``: of integers in a text, above which it does not compile at present."""
    return Prelude(text)


def load(file: int, size: int, place: int = 0) -> CodeType:
    """Code from a part of the file."""
    return marshal.loads(os.pread(file, size, place))


def load_text(file: int, size: int, name: str) -> CodeType:
    """The program, where it is its source."""
    return compiled(os.pread(file, size, 0), name)


def compiled(source: bytes, name: str) -> CodeType:
    return compile(source.decode().removeprefix("\ufeff"), name, "exec", dont_inherit=True)


def _refused(error: Exception, words: str) -> dict[str, Any]:
    text = f"{type(error).__name__}: {words}"[:4096]
    return {"error": text.encode(errors="replace").decode()}
